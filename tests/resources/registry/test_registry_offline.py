"""The registry goes away and comes back: what is known stays known, what was changed is delivered or kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.registry import RegistryServer
from lab.registry_users import Watched, wait_for

from rhresources.documents import ClusterDocument
from rhresources.errors import AlreadyExists, NotFound, RhError
from rhresources.names import Address
from rhresources.resource_names import ResourceNames

TEXT = "kind: cluster\ntype: ssh\nips: [gpu1]\ndescription: first\n"


def described(text: str) -> str:
    return TEXT.replace("first", text)


@pytest.fixture
def shared(alice: ResourceNames, bob: ResourceNames) -> str:
    """A document that alice owns and bob may change, known to both."""
    alice.save_text("@/box", TEXT)
    alice.share("@/box", {"bob": "write"})
    assert bob.load("/alice/box").text == TEXT
    return "/alice/box"


def test_what_is_known_stays_known(
    shared: str, alice: ResourceNames, bob: ResourceNames, registry: RegistryServer
) -> None:
    registry.kill()
    entry = bob.load(shared)
    assert entry.text == TEXT
    assert time.time() > entry.seen > 0
    with pytest.raises(RhError, match="not known here yet"):
        bob.load("/alice/nothing")
    registry.start()
    wait_for(lambda: (state := bob.refresh_registry()) is not None and state.online)
    registry.kill()
    entry = bob.load(shared)
    state = bob.registry
    assert state is not None
    assert not state.online
    assert "cannot be reached: connection refused" in state.problem
    assert state.seen == entry.seen
    assert bob.exists(shared)
    assert [each.name for each in bob.list("/alice")] == [shared]
    with pytest.raises(NotFound):
        bob.load("/alice/nothing")
    for ask in (lambda: bob.history(shared), lambda: bob.share("@/x", {"alice": "read"}), lambda: bob.people()):
        with pytest.raises(RhError, match="cannot be reached") as caught:
            ask()
        assert caught.value.code == "registry-away"


def test_that_of_what_was_never_known_nothing_is_claimed(
    registry: RegistryServer, log_in: Callable[..., ResourceNames]
) -> None:
    carol = log_in("carol")
    registry.kill()
    for ask in (lambda: carol.load("/alice/box"), lambda: carol.list("/alice"), lambda: carol.exists("@/x")):
        with pytest.raises(RhError, match="not known here yet"):
            ask()


def test_changes_wait_and_arrive_in_order(
    alice: ResourceNames, log_in: Callable[..., ResourceNames], registry: RegistryServer, watch: Callable[..., Watched]
) -> None:
    alice.save_text("@/a", TEXT)
    alice.save_text("@/gone", TEXT)
    alice.list("@")
    registry.kill()
    alice.load("@/a")  # notices it
    second = alice.save_text("@/a", described("second"), modified=alice.load("@/a").modified)
    assert (second.waiting, second.version, second.text) == (True, 1, described("second"))
    alice.save_text("@/a", described("third"), modified=second.modified)
    alice.save_text("@/b", described("new"), modified=0.0)
    alice.rename("@/b", "@/team/b")
    alice.delete("@/gone")
    assert [entry.name for entry in alice.list("@")] == ["@/a", "@/team/b"]
    assert alice.registry is not None
    assert alice.registry.waiting == 5
    again = ResourceNames(alice.home)  # as another process would
    assert again.registry is not None
    assert again.registry.waiting == 5
    registry.start()
    watch(alice).until_online()
    other = log_in("alice", "at home")
    assert [(entry.name, entry.text) for entry in other.list("@")] == [
        ("@/a", described("third")),
        ("@/team/b", described("new")),
    ]
    assert [version.action for version in other.history("@/team/b")] == ["moved", "saved"]
    assert [version.number for version in other.history("@/a")] == [3, 2, 1]
    assert not alice.load("@/a").waiting


def test_that_changes_of_different_fields_are_merged(
    shared: str, alice: ResourceNames, bob: ResourceNames, registry: RegistryServer, watch: Callable[..., Watched]
) -> None:
    registry.kill()
    began = bob.load(shared)
    bob.save_text(shared, TEXT.replace("[gpu1]", "[gpu1, gpu2]"), modified=began.modified)
    registry.start()
    alice.save_text("@/box", described("of alice"))
    watch(bob).until_online()
    for names in (alice, bob):
        assert names.load(shared).text == described("of alice").replace("[gpu1]", "[gpu1, gpu2]")
    assert bob.registry is not None
    assert bob.registry.conflicts == ()


def test_that_changes_of_the_same_field_are_put_to_the_user(
    shared: str, alice: ResourceNames, bob: ResourceNames, registry: RegistryServer, watch: Callable[..., Watched]
) -> None:
    registry.kill()
    bob.save_text(shared, described("of bob"), modified=bob.load(shared).modified)
    bob.save_text(shared, described("of bob, later"), modified=bob.load(shared).modified)
    registry.start()
    alice.save_text("@/box", described("of alice"))
    watch(bob).until_online()
    entry = bob.load(shared)
    assert (entry.text, entry.conflict, entry.waiting) == (described("of alice"), True, False)
    conflict = bob.conflict(shared)
    assert (conflict.base, conflict.mine, conflict.theirs) == (TEXT, described("of bob, later"), described("of alice"))
    assert conflict.by == "alice"
    assert conflict.at == entry.modified
    assert "alice changed the same part" in conflict.problem
    settled = bob.settle(shared, described("of both"))
    assert settled is not None
    assert alice.load("@/box").text == described("of both")
    assert bob.registry is not None
    assert bob.registry.conflicts == ()
    with pytest.raises(NotFound):
        bob.conflict(shared)


def test_that_deletions_meet_changes(
    shared: str, alice: ResourceNames, bob: ResourceNames, registry: RegistryServer, watch: Callable[..., Watched]
) -> None:
    alice.save_text("@/other", TEXT)
    alice.share("@/other", {"bob": "write"})
    bob.list("/alice")
    registry.kill()
    bob.save_text(shared, described("of bob"), modified=bob.load(shared).modified)
    bob.delete("/alice/other")
    registry.start()
    alice.delete("@/box")
    alice.save_text("@/other", described("of alice"))
    watch(bob).until_online()
    assert (bob.conflict(shared).mine, bob.conflict(shared).theirs) == (described("of bob"), "")
    assert (bob.conflict("/alice/other").mine, bob.conflict("/alice/other").theirs) == ("", described("of alice"))
    bob.discard(shared)
    assert bob.settle("/alice/other", "") is None
    assert not alice.exists("@/other")
    assert bob.list("/alice") == []


def test_that_what_may_no_longer_be_changed_is_kept(
    shared: str, alice: ResourceNames, bob: ResourceNames, registry: RegistryServer, watch: Callable[..., Watched]
) -> None:
    registry.kill()
    bob.save_text(shared, described("of bob"), modified=bob.load(shared).modified)
    registry.start()
    alice.share("@/box", {"bob": "none"})
    watch(bob).until_online()
    assert not bob.exists(shared), "what may not be read is not here any more"
    conflict = bob.conflict(shared)
    assert (conflict.mine, conflict.theirs) == (described("of bob"), "")
    bob.save_text("@/box", conflict.mine, modified=0.0)
    bob.discard(shared)
    assert bob.load("@/box").text == described("of bob")


def test_that_a_stale_edit_online_is_merged_or_kept(shared: str, alice: ResourceNames, bob: ResourceNames) -> None:
    began = bob.load(shared)
    alice.save_text("@/box", TEXT.replace("[gpu1]", "[gpu1, gpu2]"))
    saved = bob.save_text(shared, described("of bob"), modified=began.modified)
    assert saved.text == described("of bob").replace("[gpu1]", "[gpu1, gpu2]")
    with pytest.raises(AlreadyExists, match="bob changed the same part") as caught:
        alice.save("@/box", ClusterDocument(type="ssh", ips=["gpu9"], description="of alice"), modified=began.modified)
    assert "rhdesk settle /alice/box" in caught.value.remedy
    assert alice.conflict("@/box").mine != alice.conflict("@/box").theirs
    alice.discard("@/box")
    assert alice.load("@/box").version == 3


def test_that_two_who_save_the_same_at_once_agree(shared: str, alice: ResourceNames, bob: ResourceNames) -> None:
    began = bob.load(shared)
    together = threading.Barrier(2)
    saved: dict[str, tuple[str, int, str]] = {}

    def save(who: str, names: ResourceNames) -> None:
        together.wait(20)
        entry = names.save_text(shared, described("of both"), modified=began.modified)
        saved[who] = (entry.text, entry.version, entry.modified_by)

    threads = [threading.Thread(target=save, args=each) for each in (("alice", alice), ("bob", bob))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    first = bob.history(shared)[0].by
    assert saved == dict.fromkeys(("alice", "bob"), (described("of both"), 2, first)), "both are told who was first"
    assert [version.number for version in alice.history(shared)] == [2, 1]
    with pytest.raises(NotFound):
        bob.conflict(shared)


def test_that_going_on_from_what_waited_takes_nothing_back(
    shared: str, alice: ResourceNames, bob: ResourceNames, registry: RegistryServer
) -> None:
    registry.kill()
    began = bob.load(shared)
    waiting = bob.save_text(shared, described("of bob"), modified=began.modified)
    assert waiting.waiting
    registry.start()
    alice.save_text("@/box", TEXT.replace("[gpu1]", "[gpu1, gpu2]"))
    wait_for(lambda: (state := bob.refresh_registry()) is not None and state.online and not state.waiting)
    both = described("of bob").replace("[gpu1]", "[gpu1, gpu2]")
    assert bob.load(shared).text == both
    later = bob.save_text(shared, described("of bob, later"), modified=waiting.modified)
    assert later.text == both.replace("of bob", "of bob, later")
    assert later.version == 4


SAVES = """
import sys
import threading
import time
from rhresources.resource_names import ResourceNames
names = ResourceNames()
names.load("@/0")
print("ready", flush=True)
for number in range(1, 1000):
    names.save_text(f"@/{number}", sys.argv[1], modified=0.0)
    print(number, flush=True)
"""


@pytest.mark.slow
def test_that_a_killed_process_loses_nothing(
    log_in: Callable[..., ResourceNames], registry: RegistryServer, short_path: Path, watch: Callable[..., Watched]
) -> None:
    """What was acknowledged is in the registry or waits, whether the registry was there or not."""
    home = short_path / "killed"
    environment = {
        **os.environ, "RH_HOME": str(home),
        "RH_REGISTRY_URL": registry.url, "RH_REGISTRY_TOKEN": registry.token("alice"),
    }  # fmt: skip
    alice = log_in("alice")
    alice.save_text("@/0", TEXT)
    acknowledged = 0
    for online in (True, False):
        program = subprocess.Popen(
            [sys.executable, "-c", SAVES.replace("range(1,", f"range({acknowledged + 1},"), TEXT],
            env=environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        if not online:
            registry.kill()
        for line in program.stdout:
            acknowledged = int(line)
            if acknowledged >= (10 if online else 40):
                program.send_signal(signal.SIGKILL)
                break
        acknowledged = max([acknowledged, *map(int, program.stdout.read().split())])
        program.wait()
        program.stdout.close()
    registry.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        watch(ResourceNames(home)).until_online()
    alice.load("@/0")
    names = {entry.address.name for entry in alice.list("@")}
    assert {str(number) for number in range(acknowledged + 1)} <= names


def test_two_processes_share_what_is_known(
    registry: RegistryServer, rh_home: Path, monkeypatch: pytest.MonkeyPatch, watch: Callable[..., Watched]
) -> None:
    """One follows, as the window does; the other saves while the registry is away, and leaves the delivery to it."""
    monkeypatch.setenv("RH_REGISTRY_URL", registry.url)
    monkeypatch.setenv("RH_REGISTRY_TOKEN", registry.token("alice"))
    alice = ResourceNames(rh_home)
    alice.save_text("@/box", TEXT)
    window = watch(ResourceNames(alice.home))
    window.until_online()
    registry.kill()
    window.until(lambda: window.names.registry is not None and not window.names.registry.online)
    alice.save_text("@/box", described("from the terminal"), modified=alice.load("@/box").modified)
    window.until(lambda: window.names.load("@/box").waiting)
    assert window.names.load("@/box").text == described("from the terminal")
    registry.start()
    window.until_online()
    window.until(lambda: Address.parse("/alice/box") in frozenset().union(*window.told))
    assert [version.number for version in alice.history("@/box")] == [2, 1]


@pytest.mark.slow
def test_that_many_writers_lose_nothing(alice: ResourceNames, log_in: Callable[..., ResourceNames]) -> None:
    """Each puts labels of its own into one document, from what it last saw of it."""
    alice.save_text("@/box", "# of all\nkind: cluster\ntype: cloud\ninstance_type: A100:1\n")
    writers = [log_in("alice", f"computer {number}") for number in range(8)]
    failed: list[BaseException] = []

    def write(names: ResourceNames, number: int) -> None:
        try:
            began = names.load("@/box")
            for turn in range(3):
                document = began.require()
                assert isinstance(document, ClusterDocument)
                labels = {**document.labels, f"w{number}-{turn}": "x"}
                changed = document.model_copy(update={"labels": labels})
                began = names.save("@/box", changed, modified=began.modified)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(names, number)) for number, names in enumerate(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    entry = alice.load("@/box")
    assert alice.cluster("@/box").labels == {f"w{number}-{turn}": "x" for number in range(8) for turn in range(3)}
    assert entry.text.startswith("# of all\n")
    assert entry.version == 25
