"""What others change is heard; who logs in and out is followed; nobody sees what another knew."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.registry import RegistryServer
from lab.registry_users import Watched

from rhresources.documents import ClusterDocument
from rhresources.errors import NoRegistry, RhError
from rhresources.names import Address
from rhresources.registry.feed import Remote
from rhresources.registry.session import Session
from rhresources.registry.store import RegistryStore
from rhresources.resource_names import ResourceNames

BOX = ClusterDocument(type="ssh", ips=["gpu1"])
THERE = Address.parse("/alice/box")


def heard(watched: Watched, name: Address = THERE) -> bool:
    return any(name in told for told in watched.told)


def test_changes_of_others_are_heard(alice: ResourceNames, bob: ResourceNames, watch: Callable[..., Watched]) -> None:
    alice.save("@/box", BOX)
    watched = watch(bob)
    watched.until_online()
    assert not heard(watched), "bob may not know of it"
    alice.share("@/box", {"bob": "read"})
    watched.until(lambda: heard(watched))
    assert next(entry.name for entry in bob.list()) == "/alice/box"
    assert bob.load("/alice/box").access == "read"
    watched.told.clear()
    alice.save("@/box", ClusterDocument(type="ssh", ips=["gpu2"]))
    watched.until(lambda: heard(watched))
    assert bob.cluster("/alice/box").ips == ["gpu2"]
    alice.share("@/box", {"bob": "write"})
    watched.until(lambda: bob.load("/alice/box").access == "write")
    watched.told.clear()
    alice.rename("@/box", "@/team/box")
    watched.until(lambda: heard(watched))
    assert bob.exists("/alice/team/box")
    assert not bob.exists("/alice/box")
    alice.share("@/team/box", {"bob": "none"})
    watched.until(lambda: not bob.exists("/alice/team/box"))
    assert "/alice/team" not in bob.folders()


def test_every_change_is_heard_in_order(
    alice: ResourceNames, bob: ResourceNames, watch: Callable[..., Watched]
) -> None:
    alice.share("@", {"bob": "read"})
    watched = watch(bob)
    watched.until_online()
    versions: list[int] = []

    def look() -> bool:
        versions.append(bob.load("/alice/box").version if bob.exists("/alice/box") else 0)
        return versions[-1] == 20

    for number in range(20):
        alice.save_text("@/box", f"kind: cluster\ntype: ssh\nips: [gpu{number}]\n")
    watched.until(look)
    assert versions == sorted(versions)


def test_an_unchanged_entry_is_the_same_object(
    alice: ResourceNames, bob: ResourceNames, watch: Callable[..., Watched]
) -> None:
    """The window finds by that what to draw anew."""
    alice.share("@", {"bob": "read"})
    for name in ("a", "b"):
        alice.save(f"@/{name}", BOX)
    watched = watch(bob)
    watched.until(lambda: len(bob.list("/alice")) == 2)
    watched.until_online()
    before = {entry.name: entry for entry in bob.list()}
    alice.save("@/b", ClusterDocument(type="ssh", ips=["gpu2"]))
    watched.until(lambda: bob.load("/alice/b").version == 2)
    after = {entry.name: entry for entry in bob.list()}
    assert after["/alice/a"] is before["/alice/a"]
    assert after["/alice/b"] is not before["/alice/b"]


def test_a_long_absence_is_made_up_for(
    alice: ResourceNames, bob: ResourceNames, registry: RegistryServer, watch: Callable[..., Watched]
) -> None:
    alice.share("@", {"bob": "read"})
    watched = watch(bob)
    watched.until_online()
    registry.kill()
    watched.until(lambda: bob.registry is not None and not bob.registry.online)
    registry.start()
    alice.save("@/box", BOX)
    watched.until(lambda: heard(watched))
    watched.until_online()


def test_who_logs_in_elsewhere_is_followed(
    registry: RegistryServer, short_path: Path, watch: Callable[..., Watched], log_in: Callable[..., ResourceNames]
) -> None:
    """`rhdesk login` in a terminal while the window is open."""
    window = watch(ResourceNames(short_path / "alice"))
    assert window.names.registry is None
    terminal = log_in("alice")
    # without a keyring the token is known to that process only
    with pytest.raises(RhError, match="is not in the keyring"):
        window.names.load("@/box")
    window.until(lambda: window.names.registry is not None and "keyring" in window.names.registry.problem)
    window.names.login(registry.url, registry.token("alice"))
    window.until_online()
    terminal.save("@/box", BOX)
    window.until(lambda: heard(window))
    terminal.logout()
    window.until(lambda: window.names.registry is None)
    with pytest.raises(NoRegistry):
        window.names.load("@/box")
    assert all(not entry.name.startswith("/") for entry in window.names.list())


def test_that_nobody_sees_what_another_knew(
    alice: ResourceNames, bob: ResourceNames, registry: RegistryServer, make_registry: Callable[..., RegistryServer]
) -> None:
    alice.save("@/box", BOX)
    assert [entry.name for entry in alice.list("@")] == ["@/box"]
    alice.login(registry.url, registry.token("bob"))
    assert alice.list("/alice") == []
    assert alice.registry is not None
    assert alice.registry.user == "bob"
    assert not list((alice.home / "registry").rglob("alice.db*"))
    other = make_registry()
    alice.login(other.url, other.token("bob"))
    assert alice.list("@") == []
    assert len(list((alice.home / "registry").rglob("bob.db"))) == 1


def test_a_registry_that_was_put_back_is_read_anew(
    alice: ResourceNames, registry: RegistryServer, short_path: Path, watch: Callable[..., Watched]
) -> None:
    alice.save("@/box", BOX)
    registry.command("backup", str(short_path / "backup"))
    alice.save("@/box", ClusterDocument(type="ssh", ips=["gpu2"]))
    alice.save("@/later", BOX)
    registry.kill()
    alice.list()
    began = alice.load("@/box")
    text = "kind: cluster\ntype: ssh\nips: [gpu3]\n"
    assert alice.save_text("@/box", text, modified=began.modified).waiting
    registry.command("restore", str(short_path / "backup"), "--replace")
    registry.start()
    watched = watch(alice)
    watched.until(lambda: alice.registry is not None and alice.registry.conflicts == ("/alice/box",))
    watched.until_online()
    assert alice.cluster("@/box").ips == ["gpu1"]
    assert not alice.exists("@/later")
    conflict = alice.conflict("@/box")
    assert (conflict.base, conflict.mine) == (began.text, text)
    assert "put back from a backup" in conflict.problem
    alice.settle("@/box", conflict.mine)
    assert alice.load("@/box").text == text
    assert len(list((alice.home / "registry").rglob("alice.db"))) == 1


def test_what_one_process_edits_is_kept_when_another_goes_on_with_a_registry_put_back(
    registry: RegistryServer, short_path: Path, watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RH_REGISTRY_URL", registry.url)
    monkeypatch.setenv("RH_REGISTRY_TOKEN", registry.token("alice"))
    one, other = ResourceNames(short_path / "alice"), ResourceNames(short_path / "alice")
    one.save("@/box", BOX)
    assert other.exists("@/box")
    registry.command("backup", str(short_path / "backup"))
    registry.command("restore", str(short_path / "backup"), "--replace")
    assert one.load("@/box").version == 1  # it goes on, and what was known of the one before is gone
    registry.kill()
    text = "kind: cluster\ntype: ssh\nips: [gpu3]\n"
    assert other.save_text("@/new", text, modified=0.0).waiting
    registry.start()
    watch(other).until_online()
    assert [entry.name for entry in other.list("@")] == ["@/box"]
    for names in (one, other):
        assert names.conflict("@/new").mine == text


def wrong_tokens(registry: RegistryServer) -> int:
    """How many were tried; ends the registry, which writes them down then."""
    registry.stop()
    said = registry.command("audit", "--refused", "--json").stdout
    lines = [json.loads(line) for line in said.splitlines()]
    return sum(int((line["detail"] or "1 times").split()[0]) for line in lines if line["outcome"] == "bad-token")


def test_a_revoked_token_ends_it_and_is_not_tried_again(
    alice: ResourceNames, registry: RegistryServer, watch: Callable[..., Watched]
) -> None:
    """A registry takes ten wrong tokens a minute, and then says only that these were too many."""
    alice.save("@/box", BOX)
    alice.list("@")
    watched = watch(alice)
    watched.until_online()
    registry.command("token", "revoke", "--user", "alice")
    watched.until(lambda: alice.registry is not None and "has been revoked" in alice.registry.problem)
    for ask in (alice.people, lambda: alice.load("@/box"), lambda: alice.save("@/box", BOX)) * 8:
        with pytest.raises(RhError, match=rf"has been revoked.*rhdesk login {registry.url}") as caught:
            ask()
        assert caught.value.code == "bad-token"
    assert alice.registry is not None
    assert alice.registry.waiting == 0
    alice.login(registry.url, registry.command("user", "token", "alice").stdout.split()[-1])
    watched.until_online()
    assert alice.load("@/box").version == 1
    assert wrong_tokens(registry) == 1


def test_a_wrong_token_of_the_environment_is_tried_once(
    registry: RegistryServer, short_path: Path, watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RH_REGISTRY_URL", registry.url)
    monkeypatch.setenv("RH_REGISTRY_TOKEN", "rhr_of-last-year")
    for number in range(15):
        with pytest.raises(RhError, match=r"does not take this token.*RH_REGISTRY_TOKEN"):
            ResourceNames(short_path / "ci").load(f"/alice/n{number}")
    assert wrong_tokens(registry) == 1


def test_waiting_changes_outlive_a_logout(
    alice: ResourceNames, registry: RegistryServer, watch: Callable[..., Watched]
) -> None:
    alice.save("@/box", BOX)
    registry.kill()
    alice.load("@/box")
    alice.save_text("@/new", "kind: cluster\ntype: machine\n", modified=0.0)
    assert "1 change that the registry has not got is kept until alice logs in again" in alice.logout()
    registry.start()
    alice.login(registry.url, registry.token("alice"))
    watch(alice).until_online()
    assert alice.exists("@/new")


def test_that_stopping_the_watch_ends_its_threads(alice: ResourceNames) -> None:
    before = set(threading.enumerate())
    watched = Watched(alice)
    watched.until_online()
    watched.stop()
    assert [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("rhdesk-registry")] == []


def test_ten_thousand_names_come_from_the_replica(alice: ResourceNames, registry: RegistryServer) -> None:
    """As many as a server would need minutes to be given in a test; from where they are read, none is needed."""
    alice.save("@/box", BOX)
    text = "kind: cluster\ntype: ssh\nips: [gpu1]\n"
    names = [f"/alice/many/n{number}" for number in range(10_000)]
    replica = alice._client.store().session.replica  # type: ignore[union-attr]
    replica.fill({name: Remote(name, "cluster", 1, text, "", 1.0, "alice", "owner") for name in names}, [], 10**6)
    registry.kill()
    questions: list[str] = []
    with replica.database.reading() as connection:
        connection.set_trace_callback(questions.append)
    listed = alice.list("@/many")
    with replica.database.reading() as connection:
        connection.set_trace_callback(None)
    assert len([said for said in questions if said.startswith("SELECT")]) < 50, "a window stands still meanwhile"
    assert len(listed) == 10_000
    assert {entry.name for entry in listed} == {f"@{name.removeprefix('/alice')}" for name in names}
    assert alice.list("@", kind="package") == []
    assert alice.load("@/many/n7777").text == text
    again = {entry.name: entry for entry in alice.list()}
    assert all(again[entry.name] is entry for entry in alice.list() if entry.address.place == "registry")
    next_time = Session(alice.home, alice._client.store().session.login)  # type: ignore[union-attr]
    kept = {entry.name: entry.document for entry in RegistryStore(next_time).list()}
    next_time.close()
    assert kept == {name: entry.document for name, entry in again.items() if name in kept}
    assert len(kept) == 10_000
