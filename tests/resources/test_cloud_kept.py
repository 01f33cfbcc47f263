"""What is remembered of clusters on demand: records, host keys, where each host is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rhresources.cloud.answers import CloudCluster, CloudHosts
from rhresources.cloud.kept import KeptCluster, kept_clusters
from rhresources.cloud.life import Autostop, Notice
from rhresources.cloud.used import folder_of
from rhresources.documents import ClusterDocument
from rhresources.reach.cloud_hosts import CloudTargets, host_names, ssh_document
from rhresources.reach.cloud_keys import LaunchedHosts, follow
from rhresources.reach.questions import HostKeyQuestion, NeedsAnswer
from rhresources.reach.ssh.command import ssh_command_to
from rhresources.reach.ssh.known_hosts import lookup

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
            files(rh_home).forget()


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
