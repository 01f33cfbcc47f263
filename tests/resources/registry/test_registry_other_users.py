"""One user after another at the same computer, in a window that goes on: nobody sees what the one before had."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lab.registry import RegistryServer
from lab.registry_users import Watched

from rhresources.errors import NotFound
from rhresources.resource_names import ResourceNames

BOX = "kind: cluster\ntype: ssh\nips: [gpu1]\n"
OF_BOB = "kind: cluster\ntype: ssh\nips: [gpu2]\n"


def shared(names: ResourceNames) -> dict[str, str]:
    """What is shown of the registry."""
    return {entry.name: entry.text for entry in names.list() if entry.address.place == "registry"}


def test_that_another_user_sees_nothing_and_edits_wait_for_the_first(
    alice: ResourceNames,
    registry: RegistryServer,
    make_registry: Callable[..., RegistryServer],
    watch: Callable[[ResourceNames], Watched],
) -> None:
    names = alice  # of the one computer
    names.save_text("@/box", BOX)
    window = watch(names)
    window.until_online()
    registry.kill()
    window.until(lambda: names.registry is not None and not names.registry.online)
    assert names.save_text("@/later", BOX, modified=0.0).waiting

    other = make_registry()
    names.login(other.url, other.token("bob"))
    window.until_online()
    assert shared(names) == {}
    assert names.folders() == ["~", "/bob"]
    with pytest.raises(NotFound):
        names.load("/alice/box")
    assert names.registry is not None
    assert (names.registry.user, names.registry.waiting, names.registry.conflicts) == ("bob", 0, ())
    names.save_text("@/box", OF_BOB)
    assert shared(names) == {"/bob/box": OF_BOB}

    names.logout()
    window.until(lambda: names.registry is None)
    assert shared(names) == {}
    registry.start()
    names.login(registry.url, registry.token("alice"))
    window.until_online()
    window.until(lambda: shared(names) == {"/alice/box": BOX, "/alice/later": BOX})
    with registry.client("alice") as client:
        assert client.get("/v1/resources/alice/later").json()["text"] == BOX


def test_that_what_is_to_be_decided_waits_for_the_first(
    alice: ResourceNames,
    log_in: Callable[..., ResourceNames],
    registry: RegistryServer,
    watch: Callable[[ResourceNames], Watched],
) -> None:
    alice.save_text("@/box", BOX)
    window = watch(alice)
    window.until_online()
    began = alice.load("@/box")
    log_in("alice", "laptop").save_text("@/box", BOX.replace("gpu1", "gpu3"))
    with pytest.raises(Exception, match="rhdesk settle"):
        alice.save_text("@/box", OF_BOB, modified=began.modified)
    said = alice.logout()
    assert "1 change that the registry has not got is kept until alice logs in again" in said
    alice.login(registry.url, registry.token("bob"))
    window.until_online()
    assert shared(alice) == {}
    assert alice.registry is not None
    assert alice.registry.conflicts == ()
    alice.login(registry.url, registry.token("alice"))
    window.until(lambda: alice.registry is not None and alice.registry.conflicts == ("/alice/box",))
    assert alice.conflict("@/box").mine == OF_BOB
