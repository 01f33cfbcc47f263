"""Clusters in clouds by the library. SkyPilot stands in; the machine is real, behind a real SSH server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab.cloud_cluster import CloudCluster
from lab.skylet import Skylet
from lab.skypilot_stand_in import StandInSkyPilot

import rhdesk as rh
from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.task import sky_name
from rhresources.errors import DocumentError, NotFound, UsageError
from rhresources.library import portal

pytestmark = pytest.mark.ray


@pytest.fixture
def sky(cloud_cluster: CloudCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInSkyPilot]:
    monkeypatch.setattr("rhresources.cloud.skypilot.open_skypilot", lambda *_, **__: cloud_cluster.skypilot)
    yield cloud_cluster.skypilot
    portal.close()


def test_the_whole_life(sky: StandInSkyPilot, cloud_cluster: CloudCluster) -> None:
    cluster = rh.cluster("~/cloud")
    assert not cluster.is_up()
    assert cluster.up() is cluster
    assert cluster.up_if_not().is_up()
    assert sky.asked("launch") == [cloud_cluster.sky]
    status = cluster.status(refresh=True)
    assert (status["state"], status["cloud"]["autostop_mins"]) == ("up", 10)
    cluster.autostop(20)
    assert sky.known[cloud_cluster.sky].autostop_mins == 20
    assert cluster.keep_warm() is cluster
    assert sky.known[cloud_cluster.sky].autostop_mins == -1
    cluster.stop()
    assert cluster.status() == {"state": "stopped"}
    assert cluster.start().is_up()
    cluster.teardown_and_delete()
    assert sky.known == {}
    with pytest.raises(NotFound):
        rh.load("~/cloud")
    cluster.teardown_and_delete()  # nothing is left, and that is no error


def test_that_a_call_brings_it_up(
    sky: StandInSkyPilot, make_project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_project({"jobs.py": "def double(x):\n    return 2 * x\n"}))
    double = rh.function("jobs.py:double", system="~/cloud")
    assert double(21) == 42
    assert len(sky.asked("launch")) == 1


def test_one_that_is_not_saved_is_found_again_by_its_name(
    sky: StandInSkyPilot, cloud_cluster: CloudCluster, rh_home: Path
) -> None:
    named = sky_name("~/wish", rh_home)
    sky.all_hosts[named] = cloud_cluster.hosts_at(cloud_cluster.sshd)
    wish = rh.ondemand_cluster("~/wish", instance_type="A100:4", provider="aws", num_instances=1, autostop_mins=30)
    wish.up()
    assert list(sky.known) == [named]
    assert "A100: 4" in sky.tasks[named] or "A100:4" in sky.tasks[named]
    portal.close()
    again = rh.cluster("~/wish", instance_type="A100:4", provider="aws", num_instances=1, autostop_mins=30)
    assert again.is_up()
    again.down()
    assert sky.known == {}


def test_that_pausing_the_autostop_marks_activity(sky: StandInSkyPilot, cloud_cluster: CloudCluster) -> None:
    skylet = Skylet(cloud_cluster.runtime)
    cluster = rh.cluster("~/cloud").up()
    assert skylet.marks == []
    before = sky.asked("autostop")
    with cluster.pause_autostop():
        deadline = time.monotonic() + 60
        while not skylet.marks:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert sky.asked("autostop") == before  # so nothing has to be set back
    cluster.down()


def test_what_makes_no_sense(sky: StandInSkyPilot) -> None:
    with pytest.raises(UsageError, match="in a cloud"):
        rh.cluster("^local").stop()
    with pytest.raises(UsageError, match="no cluster in a cloud"):
        rh.ondemand_cluster("^local")
    with pytest.raises(DocumentError, match="num_instances"):
        rh.cluster("~/wrong", instance_type="CPU:2+", num_instances=0)
    with pytest.raises(CloudProblem, match="could be started"):
        rh.cluster("~/cloud").start()
    with rh.cluster("^local").pause_autostop():
        pass
