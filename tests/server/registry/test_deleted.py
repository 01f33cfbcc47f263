"""What was deleted is found again by those who may bring it back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab.registry_caller import CLUSTER, Caller, code, ok

from rhserver.registry import accounts, documents
from rhserver.registry import deleted as room
from rhserver.registry.database import Database
from rhserver.registry.names import document_name
from rhserver.registry.rights import rights_of

PACKAGE = "kind: package\ndescription: What training needs\ninstall_method: pip\ntarget: numpy\n"


def deleted(caller: Caller, **params: Any) -> dict[str, Any]:
    return ok(caller.http.get("/v1/deleted", params=params))


def names(caller: Caller, **params: Any) -> list[str]:
    return [each["name"] for each in deleted(caller, **params)["deleted"]]


def test_that_what_was_deleted_is_listed_with_what_brings_it_back(alice: Caller, bob: Caller) -> None:
    alice.save("alice/gpu")
    alice.save("alice/gpu", PACKAGE)
    alice.share("alice/gpu", bob="write")
    assert names(alice) == []
    bob.delete("alice/gpu")
    [found] = deleted(alice)["deleted"]
    said = {name: found[name] for name in ("name", "kind", "description", "version", "by", "access")}
    assert said == {
        "name": "/alice/gpu", "kind": "package", "description": "What training needs", "version": 2, "by": "bob",
        "access": "owner",
    }  # fmt: skip
    assert [each["access"] for each in deleted(bob)["deleted"]] == ["write"]
    assert ok(bob.restore("alice/gpu", found["version"]))["text"] == PACKAGE
    assert names(alice) == names(bob) == []


def test_that_nobody_hears_of_what_they_could_not_read(
    alice: Caller, bob: Caller, caller: Callable[[str], Caller]
) -> None:
    alice.save("alice/shown")
    alice.share("alice/shown", bob="read")
    alice.save("alice/hidden")
    for name in ("shown", "hidden"):
        alice.delete(f"alice/{name}")
    assert names(alice) == ["/alice/hidden", "/alice/shown"]
    assert [(each["name"], each["access"]) for each in deleted(bob)["deleted"]] == [("/alice/shown", "read")]
    assert names(caller("carol")) == []
    alice.save("alice/shown", PACKAGE)
    assert names(alice) == ["/alice/hidden"], "what was before it is in its history"
    assert names(bob) == ["/alice/shown"], "that there is one again is not his to know"
    alice.share("alice/shown", bob="read")
    assert names(bob) == []


def test_that_a_name_that_was_deleted_twice_is_there_once(alice: Caller) -> None:
    for text in (CLUSTER, PACKAGE):
        alice.save("alice/gpu", text)
        alice.delete("alice/gpu")
    [found] = deleted(alice)["deleted"]
    assert ok(alice.restore("alice/gpu", found["version"]))["text"] == PACKAGE
    assert names(alice) == []


def test_that_it_is_searched_by_folder_and_words_and_comes_in_pages(alice: Caller) -> None:
    for name in ("a", "team/b", "team/c", "team2/d"):
        alice.save(f"alice/{name}", PACKAGE if name == "team/c" else CLUSTER)
        alice.delete(f"alice/{name}")
    whole = ["/alice/team2/d", "/alice/team/c", "/alice/team/b", "/alice/a"]
    assert names(alice) == whole
    assert names(alice, under="/alice/team") == ["/alice/team/c", "/alice/team/b"]
    assert names(alice, query="TRAINING team") == ["/alice/team/c"]
    paged, after = [], ""
    while True:
        page = deleted(alice, limit=3, after=after)
        paged.append([each["name"] for each in page["deleted"]])
        after = page["next"] or ""
        if not after:
            break
    assert paged == [whole[:3], whole[3:]]
    assert code(alice.http.get("/v1/deleted", params={"after": "yesterday"})) == (422, "bad-request")


def test_that_not_even_the_place_where_pages_go_on_tells_of_what_is_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_LOOKED_AT", 2)
    database = Database(f"sqlite:///{tmp_path / 'registry.sqlite'}")
    with database.writing() as connection:
        alice, bob = (rights_of(connection, accounts.add(connection, name)) for name in ("alice", "bob"))
        for who in (bob, alice, alice, bob, alice, alice, alice):
            name = document_name(f"{who.user.name}/gpu{time.monotonic_ns()}")
            documents.save(connection, who, name, documents.Content("cluster", CLUSTER))
            documents.delete(connection, who, name)
        first, place = room.page(connection, bob, limit=1)
        assert place is not None
        assert ([each.name.split("/")[1] for each in first], place.at) == (["bob"], first[0].at)
        second, end = room.page(connection, bob, limit=1, after=place)
        assert ([each.name.split("/")[1] for each in second], end) == (["bob"], None)
        assert second[0].name != first[0].name
    database.close()
