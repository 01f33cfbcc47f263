"""The command line and clusters in clouds. SkyPilot stands in; the machine is real, behind a real SSH server.

The commands run in this process, so that the stand-in is what they get.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from lab.cloud_cluster import CloudCluster
from lab.commands import Answer, RunCommand
from lab.skypilot_stand_in import StandInSkyPilot
from lab.ssh_fixtures import SshHome, SshKeys

from rhdesk.cli import main
from rhresources.cloud.answers import CloudCheck, CloudRequest, Offer
from rhresources.cloud.identity import identity
from rhresources.cloud.orphans import Instance
from rhresources.cloud.problems import CloudProblem
from rhresources.resource_names import ResourceNames

pytestmark = pytest.mark.ray


@pytest.fixture
def sky(cloud_cluster: CloudCluster, monkeypatch: pytest.MonkeyPatch) -> StandInSkyPilot:
    monkeypatch.setattr("rhresources.cloud.skypilot.open_skypilot", lambda *_, **__: cloud_cluster.skypilot)
    return cloud_cluster.skypilot


@pytest.fixture
def rhdesk(sky: StandInSkyPilot, capfd: pytest.CaptureFixture[str]) -> RunCommand:
    """Runs the command line here."""

    def run(*arguments: str, code: int = 0, **_: object) -> Answer:
        capfd.readouterr()
        found = main.run(list(arguments))
        said = capfd.readouterr()
        assert found == code, f"exit code {found}\n{said.out}\n{said.err}"
        return Answer(found, said.out, said.err)

    return run


def test_the_whole_life(rhdesk: RunCommand, sky: StandInSkyPilot, cloud_cluster: CloudCluster) -> None:
    up = rhdesk("up", "cloud", "--json")
    assert up.json()["state"] == "up"
    assert not up.json()["already_up"]
    assert "is new and shows the key ssh-ed25519 SHA256:" in up.err
    assert rhdesk("ssh", "cloud", "--", "echo there").out == "there\n"
    row = rhdesk("status", "cloud", "--refresh", "--json").json()
    assert (row["state"], row["cloud"]["state"], row["cloud"]["autostop_mins"]) == ("up", "up", 10)
    assert sky.asked("refresh")
    assert "stops after 30 idle minutes" in rhdesk("autostop", "cloud", "-i", "30").err
    assert rhdesk("autostop", "cloud", "-i", "-1", "--json").json()["autostop_mins"] == -1
    assert "is stopped" in rhdesk("stop", "cloud").err
    assert rhdesk("status", "cloud", "--json").json()["state"] == "stopped"
    assert "disks only" in rhdesk("status").out
    assert rhdesk("start", "cloud", "--json").json()["state"] == "up"
    assert "would be ended for good" in rhdesk("down", "cloud", code=2).err
    assert cloud_cluster.sky in sky.known
    down = rhdesk("down", "cloud", "--yes", "--json").json()
    assert down == {"name": "~/cloud", "was_up": True, "ended_runs": []}
    assert sky.known == {}
    assert rhdesk("status", "cloud", "--json").json()["state"] == "down"


def test_that_other_computers_reach_the_head_by_a_document_of_it(
    rhdesk: RunCommand,
    cloud_cluster: CloudCluster,
    ssh_home: SshHome,
    ssh_keys: SshKeys,
    short_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One whose own SkyPilot knows nothing of it, with a key of its own that the head lets in."""
    rhdesk("up", "cloud")
    file = short_path / "head.yaml"
    file.write_text(rhdesk("reach", "cloud", "--document").out)
    assert "ssh_private_key" not in file.read_text()
    monkeypatch.setenv("RH_HOME", str(short_path / "other"))
    ssh_home.knows(cloud_cluster.sshd)
    rhdesk("save", str(file), "--as", "head")
    rhdesk("reach", "head", "--key", str(ssh_keys.rsa))
    assert rhdesk("status", "head", "--json").json()["state"] == "up"
    assert "is not a cluster over SSH" in rhdesk("reach", "^local", code=2).err


def test_that_a_run_brings_its_cluster_up(
    rhdesk: RunCommand, sky: StandInSkyPilot, make_project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_project({"work.py": "def double(x: int) -> int:\n    return 2 * x\n"}))
    assert rhdesk("run", "work.py:double", "21", "--on", "cloud").out == "42\n"
    assert len(sky.asked("launch")) == 1
    assert rhdesk("run", "work.py:double", "4", "--on", "cloud").out == "8\n"
    assert len(sky.asked("launch")) == 1


def test_that_ctrl_c_leaves_nothing_running(rhdesk: RunCommand, sky: StandInSkyPilot) -> None:
    sky.gates["provisioning"] = asyncio.Event()

    def interrupt() -> None:
        while not sky.known:
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    said = rhdesk("up", "cloud", code=1).err
    assert "Interrupted." in said
    assert "No more machines run than before." in said
    assert sky.known == {}
    assert sky.asked("down")


def test_that_a_refusal_is_one_sentence_with_the_words_of_skypilot(rhdesk: RunCommand, sky: StandInSkyPilot) -> None:
    sky.fail["launch"] = CloudProblem(
        "No cloud has a free A100.",
        code="no-capacity",
        remedy="Try another region.",
        detail="ResourcesUnavailableError",
    )
    said = rhdesk("up", "cloud", code=1).err
    assert "Error: No cloud has a free A100.\n       Try another region." in said
    assert "ResourcesUnavailableError" not in said


def test_clusters_that_have_no_name_here(rhdesk: RunCommand, sky: StandInSkyPilot) -> None:
    asyncio.run(sky.launch("theirs", "", lambda _: None))
    rhdesk("up", "cloud")
    shown = rhdesk("status", "--refresh")
    assert "`rhdesk adopt theirs --as NAME`" in shown.err
    assert [row["name"] for row in rhdesk("status", "--refresh", "--json").json()] == ["^local", "~/cloud", "theirs"]
    assert rhdesk("adopt", "theirs", "--as", "mine", "--json").json() == {"name": "~/mine", "skypilot_name": "theirs"}
    assert "provider: aws" in rhdesk("show", "mine").out
    assert "would be ended" in rhdesk("down", "--all", code=2).err
    ended = rhdesk("down", "--all", "--yes", "--json").json()
    assert {row["name"]: row["problem"] for row in ended} == {"~/cloud": None, "~/mine": None}
    assert sky.known == {}
    assert "No cluster in a cloud is up." in rhdesk("down", "--all", "--yes").err


def test_that_one_that_cannot_be_ended_hinders_no_other(
    rhdesk: RunCommand, sky: StandInSkyPilot, cloud_cluster: CloudCluster
) -> None:
    rhdesk("up", "cloud")
    asyncio.run(sky.launch("theirs", "", lambda _: None))
    rhdesk("adopt", "theirs", "--as", "mine")
    failing = f"down {cloud_cluster.sky}"
    sky.fail[failing] = CloudProblem("The cloud does not answer.", remedy="Try again.")
    ended = {row["name"]: row["problem"] for row in rhdesk("down", "--all", "--yes", "--json", code=1).json()}
    assert "does not answer" in ended["~/cloud"]
    assert ended["~/mine"] is None
    assert list(sky.known) == [cloud_cluster.sky]
    del sky.fail[failing]
    rhdesk("down", "--all", "--yes")


def test_that_the_cluster_of_another_server_is_left_alone(
    rhdesk: RunCommand, sky: StandInSkyPilot, cloud_cluster: CloudCluster
) -> None:
    rhdesk("up", "cloud")
    there = dict(sky.known)
    sky.known.clear()  # which the other server does not know
    config = cloud_cluster.home / "config.yaml"
    config.write_text("skypilot_server: https://sky.example.org\n")
    told = "~/cloud was launched through rhdesk's own SkyPilot server"
    assert told in rhdesk("status", "--refresh").err
    for command in (("down", "cloud", "--yes"), ("stop", "cloud", "--yes"), ("autostop", "cloud", "-i", "5")):
        assert told in rhdesk(*command, code=1).err
    (row,) = rhdesk("down", "--all", "--yes", "--json", code=1).json()
    assert told in row["problem"]
    assert rhdesk("ssh", "cloud", "--", "echo there").out == "there\n"
    assert rhdesk("status", "cloud", "--json").json()["state"] == "up"
    config.unlink()
    sky.known.update(there)
    row = rhdesk("status", "cloud", "--refresh", "--json").json()
    assert (row["state"], row.get("notice")) == ("up", "")
    rhdesk("down", "cloud", "--yes")
    assert sky.known == {}


def test_what_skypilot_has_forgotten(rhdesk: RunCommand, sky: StandInSkyPilot, cloud_cluster: CloudCluster) -> None:
    assert "lists all" in rhdesk("orphans").err
    ours = Instance("i-1", "aws", "us-east-1", "gpu-1-rh", identity(cloud_cluster.home), "running", listed=False)
    theirs = replace(ours, id="i-2", cluster="ada-1", owner="")
    sky.all_instances = [ours, theirs]
    sky.not_asked = {"GCP": "It cannot be asked yet."}
    shown = rhdesk("orphans")
    assert "ours" in shown.out
    assert "others'" in shown.out
    assert "GCP was not asked" in shown.err
    assert "1 would be ended" in rhdesk("orphans", "--end", code=2).err
    assert sky.all_instances == [ours, theirs]
    said = rhdesk("orphans", "--end", "--yes", "--json").json()
    assert [(row["name"], row["ours"], row["ended"]) for row in said["orphans"]] == [
        ("gpu-1-rh", True, True),
        ("ada-1", False, False),
    ]
    assert sky.all_instances == [theirs]
    sky.all_instances, sky.fail["end_instances"] = [ours], CloudProblem("AWS says no.")
    assert "AWS says no." in rhdesk("orphans", "--end", "--yes", code=1).err


def test_that_what_it_has_cost_is_what_the_ledger_says(rhdesk: RunCommand, cloud_cluster: CloudCluster) -> None:
    names = ResourceNames(cloud_cluster.home)
    document = names.cluster("~/cloud")
    names.save("~/cloud", document.model_copy(update={"price_per_hour": 360_000.0}), overwrite=True)
    rhdesk("up", "cloud")
    for question in (("down", "cloud"), ("down", "--all")):
        said = rhdesk(*question, code=2).err
        assert "$360000.000 per hour" in said
        found = re.search(r"\$([\d.]+) since it was launched", said)
        assert found
        assert float(found[1]) > 1  # of SkyPilot's price, $0.096, a second makes nothing


def test_that_what_runs_is_shown_before_it_is_ended(
    rhdesk: RunCommand,
    cloud_cluster: CloudCluster,
    sky: StandInSkyPilot,
    make_project: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(make_project({"work.py": "import time\ndef wait():\n    time.sleep(600)\n"}))
    run = rhdesk("run", "work.py:wait", "--on", "cloud", "--detach").out.strip()
    for question in (("stop", "cloud"), ("down", "--all")):
        said = rhdesk(*question, code=2).err
        assert "1 run is active" in said
        assert "work.py:wait" in said
    rhdesk("cancel", run, "--force", "--on", "cloud")
    cloud_cluster.is_another()  # so that it cannot be asked any more
    assert "Runs may be active" in rhdesk("stop", "cloud", code=2).err
    assert "cannot be asked whether runs are active" in rhdesk("down", "--all", code=2).err
    assert sky.known[cloud_cluster.sky].state == "up"
    rhdesk("stop", "cloud", "--yes")
    assert sky.known[cloud_cluster.sky].state == "stopped"
    rhdesk("down", "--all", "--yes")


def test_what_clouds_there_are(rhdesk: RunCommand, sky: StandInSkyPilot) -> None:
    sky.all_checks = [
        CloudCheck("gcp", "GCP", False, "No credentials were found.", "gcloud auth application-default login", "raw"),
        CloudCheck("aws", "AWS", True),
    ]
    shown = rhdesk("check").out
    assert shown.index("AWS") < shown.index("GCP")
    assert "    gcloud auth application-default login" in shown
    assert [check["enabled"] for check in rhdesk("check", "--json").json()] == [True, False]


def test_that_without_any_cloud_it_is_said_plainly(rhdesk: RunCommand, sky: StandInSkyPilot) -> None:
    sky.all_checks = [CloudCheck("aws", "AWS", False, "No credentials were found.", "aws configure")]
    said = rhdesk("check", code=1)
    assert "aws configure" in said.out
    assert "No cloud is set up" in said.err
    assert sky.asked("checks") == ["refresh"]


def test_what_skypilot_is_at_work_on(rhdesk: RunCommand, sky: StandInSkyPilot) -> None:
    sky.server = replace(sky.server, state="ready")
    sky.all_requests = [
        CloudRequest("3f2a9c01-7", "launch", "running", "gpu-1a2b3c", "ann", 1796000000.0),
        CloudRequest("88aa9c01-7", "check", "done", "", "ann", 1796000000.0, 1796000002.0),
    ]
    shown = rhdesk("clouds", "requests").out
    assert "3f2a9c01  launch   gpu-1a2b3c  running" in shown
    assert "check" not in shown
    (_, ended) = rhdesk("clouds", "requests", "--all", "--json").json()
    assert (ended["id"], ended["state"], ended["ended"]) == ("88aa9c01-7", "done", "2026-11-30T00:53:22.000Z")
    assert "may run and cost" in rhdesk("clouds", "cancel", "3f2a").err
    assert "at work on nothing" in rhdesk("clouds", "requests").err
    assert "had ended already: done" in rhdesk("clouds", "cancel", "88aa").err
    assert "knows no request 99" in rhdesk("clouds", "cancel", "99", code=1).err


def test_what_it_costs(rhdesk: RunCommand, sky: StandInSkyPilot) -> None:
    sky.all_offers = [
        Offer("aws", "us-east-1", "p4d.24xlarge", "A100", 8, 96, 1152, 32.77, 9.83),
        Offer("azure", "eastus", "ND96", "A100", 8, 96, 900, 27.2, enabled=False),
    ]
    shown = rhdesk("offers", "A100:8").out
    assert "$32.770  $9.830  aws" in shown
    assert "8 × A100" in shown
    assert "azure" not in shown
    assert [offer["cloud"] for offer in rhdesk("offers", "A100:8", "--all", "--json").json()] == ["aws", "azure"]
    assert "No cloud offers B200:8" in rhdesk("offers", "B200:8").err


def test_what_makes_no_sense(rhdesk: RunCommand) -> None:
    assert "in a cloud" in rhdesk("stop", "^local", code=2).err
    assert "in a cloud" in rhdesk("autostop", "^local", "-i", "5", code=2).err
    assert "Either a cluster or --all" in rhdesk("down", code=2).err
    assert "Either a cluster or --all" in rhdesk("down", "cloud", "--all", code=2).err
    assert "Either a cluster or --host" in rhdesk("check", "cloud", "--host", "gpu", code=2).err
    assert "has no machines" in rhdesk("autostop", "cloud", "-i", "5", code=1).err
    assert "could be started" in rhdesk("start", "cloud", code=1).err
    assert "was not up" in rhdesk("down", "cloud").err
