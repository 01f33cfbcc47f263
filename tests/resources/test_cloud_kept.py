"""What is remembered of clusters on demand: records, host keys, where each host is."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from rhresources.cloud.answers import CloudCluster, CloudHosts
from rhresources.cloud.kept import KeptCluster, kept_clusters, private_key_file, sky_name_of
from rhresources.cloud.life import Autostop, Notice
from rhresources.cloud.sighting import Sighting, after
from rhresources.cloud.used import folder_of
from rhresources.documents import ClusterDocument
from rhresources.errors import RhError
from rhresources.reach.cloud_hosts import CloudTargets, host_names, ssh_document
from rhresources.reach.cloud_keys import LaunchedHosts, follow
from rhresources.reach.own_way import OwnWays
from rhresources.reach.questions import HostKeyQuestion, NeedsAnswer
from rhresources.reach.ssh.command import ssh_command_to
from rhresources.reach.ssh.known_hosts import lookup
from rhresources.resource_names import ResourceNames

TWO = CloudHosts(("54.0.0.1", "54.0.0.2"), (22, 2222), "ubuntu", "/keys/sky", inner=("10.0.0.1", "10.0.0.2"))
PROXIED = CloudHosts(("127.0.0.1", "127.0.0.1"), (22, 22), "u", "/k", ("nc -x gate %h %p %%", "nc -x gate b %p"))
GPU = ClusterDocument(type="cloud", instance_type="A100:1", num_instances=2, python="3.12", labels={"team": "a"})


def files(home: Path) -> KeptCluster:
    return KeptCluster(home, "gpu-1a2b3c", "~/gpu")


def test_that_all_of_it_is_read_as_it_was_written(rh_home: Path) -> None:
    written = files(rh_home).change(
        seen=CloudCluster("gpu-1a2b3c", "up", labels={"rhdesk": "x"}), hosts=TWO, launched_here=True,
        autostop=Autostop(5, True), notice=Notice("Gone.", act="up"),
    )  # fmt: skip
    assert files(rh_home).read() == written
    assert list(kept_clusters(rh_home)) == [written]
    assert (folder_of(rh_home) / "gpu-1a2b3c" / "cluster.json").stat().st_mode & 0o077 == 0


def test_that_it_goes_along_with_a_new_name(rh_home: Path) -> None:
    names, sky = ResourceNames(rh_home), sky_name_of("~/gpu", rh_home)
    names.save("~/gpu", GPU)
    names.save("~/other", GPU)
    KeptCluster(rh_home, sky, "~/gpu").change(hosts=TWO, seen=CloudCluster(sky, "up"))
    KeptCluster(rh_home, "gone-1a2b3c", "~/box").change(launched_here=True)
    OwnWays(rh_home).change("~/gpu", {"ssh_user": "al"})
    names.rename("~/gpu", "~/box")
    assert [(kept.address, kept.name, kept.hosts) for kept in kept_clusters(rh_home)] == [("~/box", sky, TWO)]
    assert sky_name_of("~/box", rh_home) == sky
    assert sky_name_of("~/gpu", rh_home) not in (sky, sky_name_of("~/other", rh_home)), "another may be called so now"
    own = OwnWays(rh_home).of("~/box")
    assert own is not None
    assert (own.ssh_user, OwnWays(rh_home).of("~/gpu")) == ("al", None)
    names.rename("~/other", "~/gpu")
    assert sky_name_of("~/box", rh_home) == sky


def test_that_no_cluster_gets_a_name_that_machines_go_by(rh_home: Path) -> None:
    names = ResourceNames(rh_home)
    names.save("~/gpu", GPU)
    KeptCluster(rh_home, "box-1a2b3c", "~/box").change(seen=CloudCluster("box-1a2b3c", "up"))
    with pytest.raises(RhError, match="There are still machines that were launched as ~/box"):
        names.rename("~/gpu", "~/box")
    assert names.exists("~/gpu")
    assert not names.exists("~/box")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"address": "~/gpu"}', '{"seen": {"state": 3}, "hosts": 1}'])
def test_that_a_damaged_record_counts_as_nothing_known(rh_home: Path, text: str) -> None:
    files(rh_home).change(launched_here=True)
    (folder_of(rh_home) / "gpu-1a2b3c" / "cluster.json").write_text(text)
    assert not files(rh_home).read().launched_here
    assert list(kept_clusters(rh_home)) == []


def test_that_writers_at_the_same_time_lose_nothing_of_each_other(rh_home: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            changes = [{"hosts": TWO}, {"launched_here": True}, {"autostop": Autostop(3)}, {"launching_since": 7.0}]
            list(pool.map(lambda values: files(rh_home).change(**values), changes))
            kept = files(rh_home).read()
            assert (kept.hosts, kept.launched_here, kept.autostop, kept.launching_since) == (TWO, True, Autostop(3), 7)
            files(rh_home).decide(lambda _: None)


def test_that_a_launch_that_begins_meanwhile_is_not_forgotten(rh_home: Path) -> None:
    mine, theirs = files(rh_home), files(rh_home)
    mine.change(seen=CloudCluster("gpu-1a2b3c", "up", hash="1"), ending="down", server="")
    looked = Sighting(None, "", began=10.0, ended=11.0)
    theirs.change(seen=None, ending="", launching_since=10.5, launching_by=os.getpid())
    assert mine.decide(lambda kept: after(kept, looked)).launching_since == 10.5
    assert mine.decide(lambda kept: after(kept, replace(looked, began=12.0, ended=13.0))).launching_since == 10.5
    theirs.change(launching_since=0.0, ending="down", seen=CloudCluster("gpu-1a2b3c", "up", hash="2"))
    mine.decide(lambda kept: after(kept, replace(looked, began=14.0, ended=15.0)))
    assert list(kept_clusters(rh_home)) == []


def test_that_a_look_which_shows_nothing_new_writes_nothing(rh_home: Path) -> None:
    seen = CloudCluster("gpu-1a2b3c", "up", hash="1")
    file = folder_of(rh_home) / "gpu-1a2b3c" / "cluster.json"
    written = []
    for began in range(3):
        files(rh_home).decide(partial(after, sighting=Sighting(seen, "", began, began + 0.5)))
        written.append(file.stat().st_ino)  # each writing is another file in its place
    assert len(set(written)) == 1
    files(rh_home).decide(partial(after, sighting=Sighting(replace(seen, state="stopped"), "", 9.0, 9.5)))
    assert file.stat().st_ino not in written


def test_that_nothing_is_made_to_forget_what_never_was(rh_home: Path) -> None:
    files(rh_home).decide(lambda _: None)
    files(rh_home).decide(lambda kept: after(kept, Sighting(None, "", 1.0, 2.0)))
    assert not folder_of(rh_home).exists()


@pytest.mark.parametrize("server", ["", "https://sky.example.org"])
def test_that_the_cluster_of_another_server_is_not_called_ended(rh_home: Path, server: str) -> None:
    other = "https://sky.example.org" if not server else ""
    seen = CloudCluster("gpu-1a2b3c", "up", hash="1")
    known = files(rh_home).change(seen=seen, hosts=TWO, server=server, launched_here=True)
    files(rh_home).known_hosts.write_text("54.0.0.1 ssh-ed25519 QUFBQQ==\n")
    kept = files(rh_home).decide(lambda kept: after(kept, Sighting(None, other, 1.0, 2.0)))
    assert kept.notice is not None
    assert f"was launched through {server or 'rhdesk'}" in kept.notice.sentence
    assert kept == replace(known, notice=kept.notice)
    assert files(rh_home).known_hosts.exists()
    namesake = Sighting(replace(seen, hash="2"), other, 3.0, 4.0)  # which was launched there before
    assert files(rh_home).decide(lambda kept: after(kept, namesake)).seen == seen
    back = files(rh_home).decide(lambda kept: after(kept, Sighting(seen, server, 5.0, 6.0)))
    assert back == known
    moved = files(rh_home).decide(lambda kept: after(kept, Sighting(seen, other, 7.0, 8.0)))
    assert (moved.server, moved.notice) == (other, None)  # the same server by another address


def test_that_records_from_before_say_no_server(rh_home: Path) -> None:
    files(rh_home).change(seen=CloudCluster("gpu-1a2b3c", "up", hash="1"), hosts=TWO)
    file = folder_of(rh_home) / "gpu-1a2b3c" / "cluster.json"
    said = json.loads(file.read_text())
    del said["server"], said["new_hosts"]
    file.write_text(json.dumps(said))
    old = files(rh_home).read()
    assert (old.server, old.hosts) == (None, TWO)
    gone = files(rh_home).decide(lambda kept: after(kept, Sighting(None, "https://sky.example.org", 1.0, 2.0)))
    assert gone.notice is not None
    assert "is gone" in gone.notice.sentence


def test_that_keys_of_hosts_that_are_gone_go_with_them(rh_home: Path) -> None:
    def with_keys(**values: object) -> None:
        files(rh_home).change(**values)
        files(rh_home).known_hosts.write_text("54.0.0.1 ssh-ed25519 QUFBQQ==\n")
        key.parent.mkdir(parents=True, exist_ok=True)
        key.write_text("secret")

    key = private_key_file(rh_home, "gpu-1a2b3c")
    seen = CloudCluster("gpu-1a2b3c", "up", hash="1")
    with_keys(seen=seen, hosts=TWO, new_hosts=("54.0.0.1",), launched_here=True)
    kept = files(rh_home).decide(partial(after, sighting=Sighting(replace(seen, state="stopped"), "", 1.0, 2.0)))
    assert (key.exists(), files(rh_home).known_hosts.exists(), kept.new_hosts) == (True, True, ())
    others = Sighting(replace(seen, hash="2"), "", 3.0, 4.0)  # launched anew by others, perhaps at the same addresses
    kept = files(rh_home).decide(partial(after, sighting=others))
    assert (key.exists(), files(rh_home).known_hosts.exists(), kept.launched_here) == (False, False, False)
    with_keys(hosts=TWO)
    files(rh_home).decide(lambda _: None)
    assert not key.exists()


def test_where_the_hosts_are(tmp_path: Path) -> None:
    assert host_names("gpu", TWO) == ["gpu", "gpu-worker1"]
    document = ssh_document(GPU, "gpu", TWO)
    assert (document.type, document.ips, document.python, document.labels) == (
        "ssh",
        ["gpu", "gpu-worker1"],
        "3.12",
        {},
    )
    targets = CloudTargets("gpu", TWO, tmp_path / "known")
    assert targets.known_names() == ["54.0.0.1", "[54.0.0.2]:2222"]


async def test_that_only_what_skypilot_says_counts_on_the_way(tmp_path: Path) -> None:
    document = ssh_document(GPU, "gpu", TWO)
    target = await CloudTargets("gpu", TWO, tmp_path / "known")(document, "gpu-worker1")
    assert (target.host, target.port, target.user, target.inner) == ("54.0.0.2", 2222, "ubuntu", "10.0.0.2")
    assert target.known_hosts == (str(tmp_path / "known"),)
    words = " ".join(ssh_command_to(target))
    assert words.startswith("ssh -F none -o HostName=54.0.0.2 -l ubuntu -p 2222 -i /keys/sky -o IdentitiesOnly=yes")
    assert words.endswith("-- gpu-worker1")


async def test_that_hosts_behind_a_proxy_are_known_by_their_names(tmp_path: Path) -> None:
    targets = CloudTargets("gpu", PROXIED, tmp_path / "known")
    assert targets.known_names() == ["gpu", "gpu-worker1"]
    target = await targets(ssh_document(GPU, "gpu", PROXIED), "gpu")
    assert target.proxy_command == "nc -x gate 127.0.0.1 22 %"


async def test_that_sessions_say_which_cluster_of_an_account_they_are_for(tmp_path: Path) -> None:
    hosts = replace(PROXIED, environment=("SKY_CLUSTER_NAME=gpu-1a2b",))
    target = await CloudTargets("gpu", hosts, tmp_path / "known")(ssh_document(GPU, "gpu", hosts), "gpu")
    assert target.environment == ("SKY_CLUSTER_NAME=gpu-1a2b",)
    assert "-o SetEnv=SKY_CLUSTER_NAME=gpu-1a2b " in " ".join(ssh_command_to(target))


def test_that_keys_follow_machines_to_other_addresses(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    follow(file, ["10.0.0.1"])
    assert not file.exists()
    file.write_text("54.0.0.1 ssh-ed25519 QUFBQQ==\n[54.0.0.2]:2222 ssh-ed25519 QkJCQg==\n")
    follow(file, ["54.9.9.1", "[54.9.9.2]:2222"])
    for host, port in (("54.9.9.1", 22), ("54.9.9.2", 2222)):
        known = lookup((str(file),), host, port)
        assert [known.verdict(blob)[0] for blob in (b"AAAA", b"BBBB", b"CCCC")] == ["known", "known", "changed"]
    assert lookup((str(file),), "54.0.0.1").verdict(b"AAAA")[0] == "unknown"


async def test_that_only_hosts_that_were_launched_are_taken_unasked() -> None:
    lines: list[str] = []
    asker = LaunchedHosts(["54.0.0.1"], lines.append, None)
    assert await asker.confirm_host_key(HostKeyQuestion("54.0.0.1", 22, "ssh-ed25519", "SHA256:abc", "f"))
    assert lines == ["54.0.0.1 is new and shows the key ssh-ed25519 SHA256:abc; remembered"]
    with pytest.raises(NeedsAnswer, match=r"54\.0\.0\.9"):
        await asker.confirm_host_key(HostKeyQuestion("54.0.0.9", 22, "ssh-ed25519", "SHA256:abc", "f"))
