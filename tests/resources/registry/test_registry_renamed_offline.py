"""Names that were given while the registry was away, and that it does not take: tried again, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lab.registry import RegistryServer
from lab.registry_users import Watched

from rhresources.errors import AlreadyExists, NotFound, RhError
from rhresources.reach.own_way import OwnWays
from rhresources.resource_names import ResourceNames

TEXT = "kind: cluster\ntype: ssh\nips: [gpu1]\ndescription: first\n"


def described(text: str) -> str:
    return TEXT.replace("first", text)


def test_that_a_name_that_was_taken_meanwhile_is_tried_again_with_what_was_made_of_it(
    alice: ResourceNames, log_in: Callable[..., ResourceNames], registry: RegistryServer, watch: Callable[..., Watched]
) -> None:
    alice.save_text("@/a", TEXT)
    alice.list("@")
    registry.kill()
    alice.rename("@/a", "@/b")
    alice.save_text("@/b", described("of b"), modified=alice.load("@/b").modified)
    alice.rename("@/b", "@/c")
    assert [(each.act, each.name, each.target) for each in alice.waiting()] == [
        ("move", "/alice/a", "/alice/b"), ("save", "/alice/b", ""), ("move", "/alice/b", "/alice/c"),
    ]  # fmt: skip
    registry.start()
    home = log_in("alice", "at home")
    home.save_text("@/b", described("taken"))
    home.save_text("@/c", described("taken too"))
    watched = watch(alice)
    watched.until_online()
    assert alice.waiting() == []
    assert {entry.name: entry.text for entry in alice.list("@")} == {
        "@/a": TEXT, "@/b": described("taken"), "@/c": described("taken too"),
    }  # fmt: skip
    conflict = alice.conflict("@/a")
    assert (conflict.base, conflict.mine, conflict.theirs) == (TEXT, described("of b"), TEXT)
    assert conflict.target == "/alice/c"
    assert "There is a resource /alice/b already" in conflict.problem
    with pytest.raises(AlreadyExists, match=r"There is a resource /alice/c already.*--theirs"):
        alice.settle("@/a", conflict.mine)
    assert alice.conflict("@/a").target == "/alice/c"
    home.delete("@/c")
    watched.until(lambda: not alice.exists("@/c"))
    settled = alice.settle("@/a", conflict.mine)
    assert settled is not None
    assert (settled.name, settled.text) == ("/alice/c", described("of b"))
    assert home.load("@/c").text == described("of b")
    assert not home.exists("@/a")
    assert home.load("@/b").text == described("taken")
    with pytest.raises(NotFound):
        alice.conflict("@/a")


def test_that_a_new_one_whose_first_name_is_taken_gets_its_last_and_leaves_the_other_alone(
    alice: ResourceNames, log_in: Callable[..., ResourceNames], registry: RegistryServer, watch: Callable[..., Watched]
) -> None:
    alice.list("@")
    registry.kill()
    alice.save_text("@/a", described("mine"))
    alice.rename("@/a", "@/b")
    registry.start()
    log_in("alice", "at home").save_text("@/a", TEXT.replace("gpu1", "gpu2"))
    watch(alice).until_online()
    settled = alice.settle("@/a", alice.conflict("@/a").mine)
    assert settled is not None
    assert (settled.name, settled.text) == ("/alice/b", described("mine"))
    assert alice.load("@/a").text == TEXT.replace("gpu1", "gpu2")


def test_that_what_is_gone_under_its_first_name_is_saved_under_the_new_one(
    alice: ResourceNames, log_in: Callable[..., ResourceNames], registry: RegistryServer, watch: Callable[..., Watched]
) -> None:
    alice.save_text("@/a", TEXT)
    alice.list("@")
    registry.kill()
    alice.rename("@/a", "@/b")
    registry.start()
    home = log_in("alice", "at home")
    home.save_text("@/b", described("taken"))
    home.delete("@/a")
    watched = watch(alice)
    watched.until_online()
    mine = alice.conflict("@/a").mine
    with pytest.raises(AlreadyExists, match="There is a resource /alice/b already"):
        alice.settle("@/a", mine)
    home.delete("@/b")
    watched.until(lambda: not alice.exists("@/b"))
    settled = alice.settle("@/a", mine)
    assert settled is not None
    assert (settled.name, settled.text) == ("/alice/b", TEXT)
    assert not home.exists("@/a")


def test_that_a_cluster_that_this_computer_goes_by_the_name_of_waits_for_no_new_one(
    alice: ResourceNames, registry: RegistryServer, watch: Callable[..., Watched]
) -> None:
    for name in ("@/a", "@/b"):
        alice.save_text(name, TEXT)
    OwnWays(alice.home).change("/alice/a", {"ssh_user": "al"})
    alice.list("@")
    registry.kill()
    alice.save_text("@/a", described("of a"), modified=alice.load("@/a").modified)
    with pytest.raises(RhError, match="/alice/a was not renamed, because the registry cannot be reached"):
        alice.rename("@/a", "@/c")
    alice.rename("@/b", "@/d")
    assert [(each.act, each.name) for each in alice.waiting()] == [("save", "/alice/a"), ("move", "/alice/b")]
    assert OwnWays(alice.home).of("/alice/a") is not None
    registry.start()
    watch(alice).until_online()
    assert alice.rename("@/a", "@/c").text == described("of a")
    assert OwnWays(alice.home).of("/alice/c") is not None
