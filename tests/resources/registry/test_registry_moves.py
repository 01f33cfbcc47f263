"""Moving a name from this computer into the registry and back while that is away: it is there once, and stays whole."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from lab.registry import RegistryServer
from lab.registry_users import Watched

from rhresources.errors import RhError
from rhresources.resource_names import ResourceNames

TEXT = "kind: cluster\ntype: ssh\nips: [gpu1]  # by the window\n"


def where(names: ResourceNames) -> list[str]:
    return [name for name in ("~/box", "@/box") if names.exists(name)]


def at_registry(registry: RegistryServer, name: str) -> int:
    """What the registry itself answers when it is asked for a name of alice."""
    client: httpx.Client
    with registry.client("alice") as client:
        return client.get(f"/v1/resources/alice/{name}").status_code


def test_into_a_registry_that_is_away_nothing_is_moved(
    alice: ResourceNames, registry: RegistryServer, watch: Callable[[ResourceNames], Watched]
) -> None:
    alice.save_text("~/box", TEXT)
    alice.list("@")
    registry.kill()
    with pytest.raises(RhError, match="~/box was not moved, because the registry cannot be reached") as refused:
        alice.rename("~/box", "@/box")
    assert "rhdesk cp ~/box /alice/box" in refused.value.remedy
    assert where(alice) == ["~/box"]
    assert alice.registry is not None
    assert (alice.registry.waiting, alice.registry.conflicts) == (0, ())
    registry.start()
    watch(alice).until_online()
    assert at_registry(registry, "box") == 404, "and nothing comes later, either"
    alice.rename("~/box", "@/box")
    assert where(alice) == ["@/box"]
    assert alice.load("@/box").text == TEXT


def test_a_copy_into_a_registry_that_is_away_waits(
    alice: ResourceNames, registry: RegistryServer, watch: Callable[[ResourceNames], Watched]
) -> None:
    alice.save_text("~/box", TEXT)
    alice.list("@")
    registry.kill()
    assert alice.copy("~/box", "@/box").waiting
    assert where(alice) == ["~/box", "@/box"]
    registry.start()
    watch(alice).until_online()
    assert at_registry(registry, "box") == 200
    assert alice.load("@/box").text == TEXT


def test_out_of_a_registry_that_is_away_it_is_moved_and_goes_there_later(
    alice: ResourceNames, registry: RegistryServer, watch: Callable[[ResourceNames], Watched]
) -> None:
    alice.save_text("@/box", TEXT)
    registry.kill()
    alice.rename("@/box", "~/box")
    assert where(alice) == ["~/box"]
    assert alice.load("~/box").text == TEXT
    assert alice.registry is not None
    assert alice.registry.waiting == 1
    registry.start()
    assert at_registry(registry, "box") == 200
    watch(alice).until_online()
    assert at_registry(registry, "box") == 404
    assert where(alice) == ["~/box"]


def test_what_others_changed_meanwhile_stays_there(
    alice: ResourceNames, bob: ResourceNames, registry: RegistryServer, watch: Callable[[ResourceNames], Watched]
) -> None:
    alice.save_text("@/box", TEXT)
    alice.share("@/box", {"bob": "write"})
    alice.load("@/box")
    registry.kill()
    alice.rename("@/box", "~/box")
    registry.start()
    bob.save_text("/alice/box", f"{TEXT}description: of bob\n")
    watched = watch(alice)
    watched.until(lambda: alice.registry is not None and alice.registry.conflicts == ("/alice/box",))
    assert "of bob" in alice.load("@/box").text
    assert alice.load("~/box").text == TEXT
    conflict = alice.conflict("@/box")
    assert (conflict.mine, conflict.by) == ("", "bob"), "alice took it away, and decides"
