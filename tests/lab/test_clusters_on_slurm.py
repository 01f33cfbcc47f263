"""The whole life of a cluster on a real Slurm: SkyPilot gets a job of it, our own server runs inside.

By the library on two nodes, by the command line on one. All jobs of an account share its home directory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import rhdesk as rh
from lab.clouds.slurm import LOGIN, SlurmLab
from lab.clouds.user import CloudUser
from lab.commands import RunCommand, run_command
from lab.own_wheels import make_wheels
from rhresources.cloud.problems import CloudProblem
from rhresources.documents import ClusterDocument, parse_document
from rhresources.library import portal
from rhresources.resource_names import ResourceNames

pytestmark = [pytest.mark.clouds, pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1500)]

JOBS = """
import os

def double(x: int) -> int:
    return 2 * x

def home() -> str:
    return os.path.expanduser("~")
"""

LAST_ACTIVE = """
cd {home}; export SKY_RUNTIME_DIR=/tmp/{name} HOME=$PWD
exec $(cat $SKY_RUNTIME_DIR/.sky/python_path) -c '
from sky.skylet import autostop_lib
print(autostop_lib.get_last_active_time())'
"""


@pytest.fixture(scope="module")
def user(slurm: SlurmLab) -> Iterator[CloudUser]:
    with CloudUser(slurm) as user:
        yield user


@pytest.fixture
def project(
    slurm: SlurmLab,
    user: CloudUser,
    make_project: Callable[[Mapping[str, str]], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    user.be(monkeypatch)
    project = make_project({"jobs.py": JOBS})
    monkeypatch.chdir(project)
    yield project
    slurm.end_all()


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    make_wheels(folder)
    return folder


@pytest.fixture
def save(user: CloudUser, wheels: Path) -> Callable[..., str]:
    def save(name: str, **fields: Any) -> str:
        said = {"kind": "cluster", "type": "cloud", "instance_type": "CPU:2", "provider": "slurm", **fields}
        document = parse_document({**said, "wheels": str(wheels)})
        assert isinstance(document, ClusterDocument)
        ResourceNames(user.home).save(name, document)
        return name

    return save


def test_by_the_library(slurm: SlurmLab, project: Path, save: Callable[..., str]) -> None:
    try:
        cluster = rh.cluster(save("~/hpc", num_instances=2)).up()
        (job,) = slurm.jobs()
        status = cluster.status(refresh=True)
        assert status["cloud"]["hosts"] == 2
        assert [host["alive"] for host in status["hosts"]] == [True, True]  # though both have the same home directory

        home = rh.function("jobs.py:home", system="~/hpc")()
        assert Path(home).name == job, "clusters of one account do not share a home directory"
        before = last_active(slurm, home, job)
        assert rh.function("jobs.py:double", system="~/hpc")(21) == 42
        until(120, lambda: last_active(slurm, home, job) > before)  # calls keep it from going away as an idle one

        for refused in (cluster.stop, lambda: cluster.autostop(5)):
            with pytest.raises(CloudProblem, match="Slurm cannot stop hosts and start them again") as caught:
                refused()
            assert caught.value.code == "not-supported"
        assert slurm.jobs() == [job]
        cluster.autostop(5, down=True)
        assert cluster.status(refresh=True)["cloud"]["autostop_down"]

        cluster.down()
        assert slurm.jobs() == []
        assert cluster.status(refresh=True)["state"] == "down"
        assert "rhserver" not in slurm.run("ps", "-eo", "args")
    finally:
        portal.close()


def until(seconds: float, true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(1)


def last_active(slurm: SlurmLab, home: str, name: str) -> float:
    """When SkyPilot's daemon on the head was last told that the cluster is not idle."""
    script = LAST_ACTIVE.format(home=home, name=name)
    return float(slurm.run("setpriv", "--reuid", LOGIN, "--clear-groups", "bash", "-c", script))


@pytest.fixture
def rhdesk(tmp_path: Path) -> RunCommand:
    return run_command(tmp_path, seconds=600)


def test_by_the_command_line(slurm: SlurmLab, project: Path, save: Callable[..., str], rhdesk: RunCommand) -> None:
    save("~/node")
    assert "✓ Slurm" in rhdesk("check").out
    up = rhdesk("up", "node", "--json").json()
    assert (up["state"], up["already_up"]) == ("up", False)
    assert len(slurm.jobs()) == 1
    assert rhdesk("run", "jobs.py:double", "21", "--on", "node", cwd=project).out == "42\n"
    row = rhdesk("status", "node", "--refresh", "--json").json()
    assert (row["state"], row["cloud"]["cloud"], row["cloud"]["autostop_down"]) == ("up", "slurm", True)
    assert row["cloud"]["price_per_hour"] == pytest.approx(2 * 0.04 + 2 * 0.005)
    assert rhdesk("ssh", "node", "--", "echo there").out == "there\n"
    assert "Slurm cannot stop hosts" in rhdesk("stop", "node", "--yes", code=1).err
    assert "Slurm cannot stop hosts" in rhdesk("autostop", "node", "-i", "5", code=1).err
    assert len(slurm.jobs()) == 1
    assert "would be ended for good" in rhdesk("down", "node", code=2).err
    assert rhdesk("down", "node", "--yes", "--json").json() == {"name": "~/node", "was_up": True, "ended_runs": []}
    assert slurm.jobs() == []
    assert rhdesk("status", "node", "--json").json()["state"] == "down"
