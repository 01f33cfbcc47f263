"""Clusters of all places on the command line, and those in clouds that another computer launched."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from lab.commands import RunCommand
from lab.registry import RegistryServer
from lab.sshd import free_port

from rhdesk.cli.status import remember, row_of
from rhdesk.cli.terminal import moment
from rhresources.cloud.answers import CloudHosts
from rhresources.cloud.elsewhere import cluster_of
from rhresources.cloud.kept import KeptCluster
from rhresources.documents import parse_document
from rhresources.registry.told import Told, ToldHead
from rhresources.resource_names import ResourceNames

NOW = time.time()
UP = Told(
    "up", since=NOW - 7300, seen=NOW - 7300, source="rh1", computer="alice@laptop", cloud="aws", region="us-east-1",
    hardware="A100:8", hosts=1, price_per_hour=2.0, launched=NOW - 10_900,
)  # fmt: skip


@pytest.fixture
def alice(registry: RegistryServer, short_path: Path) -> ResourceNames:
    """She has a box that does not answer, and a cluster that her SkyPilot runs; bob may read both."""
    names = ResourceNames(short_path / "alice")
    names.login(registry.url, registry.token("alice"))
    port = free_port()
    names.save(
        "@/box",
        parse_document({"kind": "cluster", "type": "ssh", "ips": ["127.0.0.1"], "ssh_creds": {"ssh_port": port}}),
    )
    names.save("@/gpu", parse_document({"kind": "cluster", "type": "cloud", "instance_type": "A100:8"}))
    registry.token("bob")
    names.share("/alice", {"bob": "read"})
    names.tell("@/gpu", UP)
    return names


@pytest.fixture
def bob(alice: ResourceNames, registry: RegistryServer, rh_home: Path) -> Mapping[str, str]:
    """The environment of somebody who is logged in as bob."""
    ResourceNames(rh_home).save("~/own", parse_document({"kind": "cluster", "type": "cloud", "instance_type": "CPU:2"}))
    return {"RH_REGISTRY_URL": registry.url, "RH_REGISTRY_TOKEN": registry.token("bob")}


def test_that_status_lists_all_places_and_what_others_told(rhdesk: RunCommand, bob: Mapping[str, str]) -> None:
    said = rhdesk("status", "--json", env=bob)
    rows = {row["name"]: row for row in said.json()}
    assert list(rows) == ["^local", "~/own", "/alice/box", "/alice/gpu"]
    assert rows["~/own"]["state"] == "down"
    assert rows["/alice/box"]["problem"].startswith("It cannot be asked now: ")
    gpu = rows["/alice/gpu"]
    assert (gpu["state"], gpu["problem"]) == ("up", None)
    assert (gpu["told"]["by"], gpu["told"]["computer"]) == ("alice", "alice@laptop")
    assert gpu["told"]["cost"] == pytest.approx(2.0, abs=0.1)  # it has grown since
    assert gpu["cloud"]["price_per_hour"] == 2.0
    shown = rhdesk("status", "/alice/", env=bob)
    assert "^local" not in shown.out
    assert "A100:8" in shown.out
    assert "/alice/gpu: up · started by alice (alice@laptop) · seen 2 h" in shown.err
    assert "about $2.00 so far" in shown.err


def test_that_runs_are_looked_for_on_own_machines_in_a_cloud_that_were_up(
    rhdesk: RunCommand, rh_home: Path, bob: Mapping[str, str]
) -> None:
    """They may have a newer run than all others, so `last` is not said without them."""
    known = KeptCluster(rh_home, "own-1", "~/own")
    known.change(seen=replace(cluster_of(UP), name="own-1"), hosts=CloudHosts(("127.0.0.1",), (free_port(),), "x", ""))
    assert "~/own is left out: " in rhdesk("runs", env=bob).err
    refused = rhdesk("cancel", "last", "--on", "~", env=bob, code=1)
    assert "Which run is your last cannot be said, since ~/own could not be asked." in refused.err


def test_that_a_token_that_is_refused_leaves_this_computer_usable(
    rhdesk: RunCommand, bob: Mapping[str, str], registry: RegistryServer
) -> None:
    rhdesk("ls", "/alice", env=bob)
    registry.command("token", "revoke", "--user", "bob")
    said = rhdesk("runs", env=bob).err
    assert "does not take this token: it is wrong or has been revoked. Set RH_REGISTRY_TOKEN to another one" in said
    assert "left out" not in said
    refused = rhdesk("cancel", "last", env=bob, code=1).err
    assert "cannot be said, since the clusters of the registry could not be asked" in refused


def test_that_what_was_seen_of_it_counts_no_more_once_it_is_gone(
    rhdesk: RunCommand, bob: Mapping[str, str], alice: ResourceNames
) -> None:
    remember(row_of("/alice/gpu", "up") | {"seen": moment(NOW - 8000), "user": "ubuntu"})
    assert rhdesk("status", "/alice/", "--json", env=bob).json()[1]["state"] == "up"
    alice.tell("@/gpu", Told("down", since=NOW, seen=NOW, source="rh1", computer="alice@laptop"))
    row = rhdesk("status", "/alice/", "--json", env=bob).json()[1]
    assert (row["state"], row["user"], row["told"]) == ("down", None, None)


def test_that_it_is_left_to_whoever_runs_it(
    rhdesk: RunCommand, bob: Mapping[str, str], alice: ResourceNames, registry: RegistryServer
) -> None:
    refused = rhdesk("up", "/alice/gpu", env=bob, code=1)
    assert "alice (alice@laptop) saw 2 h ago that /alice/gpu is up, and its hosts are reached only" in refused.err
    refused = rhdesk("down", "/alice/gpu", "--yes", env=bob, code=1)
    assert "only through the SkyPilot of alice (alice@laptop), which runs it" in refused.err
    refused = rhdesk("status", "/alice/gpu", "--forget", env=bob, code=1)
    assert "You may read /alice/gpu, not change it." in refused.err
    head = ToldHead("127.0.0.1", free_port(), "ubuntu")
    alice.tell("@/gpu", Told(**{name: getattr(UP, name) for name in Told.__slots__} | {"head": head}))
    refused = rhdesk("ssh", "/alice/gpu", "--host", "worker", env=bob, code=2)
    assert "has no host worker. Its hosts are 127.0.0.1." in " ".join(refused.err.split()), "it has the head alone"
    more = {name: getattr(UP, name) for name in Told.__slots__} | {"head": head, "hosts": 2, "seen": NOW - 60}
    alice.tell("@/gpu", Told(**more))
    for command in ("ssh", "repair"):
        refused = rhdesk(command, "/alice/gpu", "--host", "worker", env=bob, code=2)
        assert "which the SkyPilot of alice (alice@laptop) runs, only the head is known." in refused.err
        assert "Go through the head: rhdesk ssh '/alice/gpu'" in refused.err
    said = rhdesk("runs", "--on", "/alice/", env=bob)
    for name in ("box", "gpu"):
        assert f"/alice/{name} is left out: " in said.err
    mine = {"RH_REGISTRY_URL": registry.url, "RH_REGISTRY_TOKEN": registry.token("alice")}
    assert rhdesk("status", "/alice/gpu", "--forget", "--json", env=mine).json()["state"] == "down"
