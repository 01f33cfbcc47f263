"""Who may do what, and that others learn nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest
from lab.registry_caller import CLUSTER, Caller, code, ok
from lab.registry_feed import Follower
from sqlalchemy import insert

from rhserver.registry import accounts
from rhserver.registry.database import Database
from rhserver.registry.schema import grants

SECOND = CLUSTER + "price_per_hour: 2\n"


def test_that_whoever_has_no_access_learns_nothing(alice: Caller, bob: Caller) -> None:
    with Follower(bob.registry, "bob") as heard:
        alice.save("alice/lab/secret", CLUSTER + "description: hidden\n")
        alice.save("alice/lab/secret", SECOND)
        alice.save("alice/lab/gone")
        alice.move("alice/lab/gone", "/alice/lab/moved")
        alice.delete("alice/lab/moved")
        for there, missing in (("secret", "missing"), ("moved", "missing"), ("gone", "missing")):
            tried = [_everything(bob, f"alice/lab/{name}") for name in (there, missing)]
            assert tried[0] == [(status, text.replace(missing, there)) for status, text in tried[1]]
        for path in ("alice", "alice/lab", "alice/lab2"):
            assert code(bob.access(path)) == (404, "not-found")
            assert code(bob.share(path, bob="read")) == (404, "not-found")
        assert bob.list() == {"resources": [], "next": None, "cursor": bob.list()["cursor"]}
        assert bob.names(query="hidden") == bob.names(under="/alice") == bob.names(under="/alice/lab") == []
        assert bob.folders() == ["/bob"]
        assert bob.folders(under="/alice") == []
        bob.save("bob/mine")
        heard.until_told("saved", "/bob/mine")
        assert heard.told == [("saved", "/bob/mine")]


def _everything(bob: Caller, path: str) -> list[tuple[int, str]]:
    """What somebody without access hears whatever they try."""
    answers = [
        bob.load(path), bob.save(path), bob.save(path, base=0), bob.save(path, base=1), bob.save(path, base=7),
        bob.delete(path), bob.delete(path, base=1), bob.move(path, "/bob/x"), bob.move(path, "/alice/x"),
        bob.history(path), bob.version(path, 1), bob.restore(path, 1), bob.restore(path, 1, base=9),
        bob.access(path), bob.share(path, bob="owner"), bob.save(path.upper().replace("ALICE", "alice")),
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} <= {403, 404}
    return [(answer.status_code, answer.text.lower()) for answer in answers]


def test_reading_and_writing_as_given(alice: Caller, bob: Caller) -> None:
    alice.save("alice/gpu")
    given = ok(alice.share("alice/gpu", bob="read"))
    grants = [{"who": "bob", "access": "read", "inherited_from": None}]
    assert given == {"owner": "alice", "grants": grants, "empty": False}
    assert ok(bob.load("alice/gpu"))["access"] == "read"
    assert bob.names() == ["/alice/gpu"]
    for refused in (
        bob.save("alice/gpu", SECOND), bob.delete("alice/gpu"), bob.move("alice/gpu", "/alice/y"),
        bob.share("alice/gpu", bob="owner"),
    ):  # fmt: skip
        assert code(refused) == (403, "no-access")
    alice.share("alice/gpu", bob="write")
    assert ok(bob.save("alice/gpu", SECOND))["modified_by"] == "bob"
    assert code(bob.move("alice/gpu", "/bob/gpu")) == (403, "no-access"), "writing is not taking away"
    alice.share("alice/gpu", bob="owner")
    ok(bob.share("alice/gpu", everyone_="read"))
    assert ok(bob.move("alice/gpu", "/bob/gpu"))["access"] == "owner"
    alice.save("alice/other")
    assert code(alice.share("alice/other", alice="read")) == (422, "bad-request")
    assert code(alice.share("alice/other", carl="read")) == (422, "bad-request")
    assert code(alice.share("alice/other", bob="all")) == (422, "bad-request")


def test_that_access_to_a_folder_holds_for_all_inside(alice: Caller, bob: Caller) -> None:
    alice.save("alice/lab/old")
    alice.save("alice/other")
    ok(alice.share("alice/lab", bob="write"))
    alice.save("alice/lab/deep/new")
    assert bob.names() == ["/alice/lab/deep/new", "/alice/lab/old"]
    assert bob.folders() == ["/alice", "/alice/lab", "/alice/lab/deep", "/bob"]
    ok(bob.save("alice/lab/mine", base=0))
    assert code(bob.save("alice/mine")) == (403, "no-access")
    assert code(bob.move("alice/lab/mine", "/alice/mine")) == (403, "no-access")
    assert ok(bob.access("alice/lab/old"))["grants"] == [
        {"who": "bob", "access": "write", "inherited_from": "/alice/lab"}
    ]
    alice.share("alice/lab/old", bob="owner")
    assert ok(bob.load("alice/lab/old"))["access"] == "owner", "the higher of the two counts"
    alice.share("alice/lab", bob="none")
    assert bob.names() == ["/alice/lab/old"]


def test_that_a_folder_can_be_shared_before_there_is_anything_in_it(alice: Caller, bob: Caller) -> None:
    assert ok(alice.share("alice/new/lab", bob="write"))["empty"] is True  # its name may have been mistyped
    assert bob.folders() == ["/alice", "/alice/new", "/alice/new/lab", "/bob"]
    ok(bob.save("alice/new/lab/x"))
    for path in ("alice/new", "alice/new/lab", "alice/new/lab/x"):
        assert ok(alice.access(path))["empty"] is False
    assert alice.names() == ["/alice/new/lab/x"]


def test_a_document_and_a_folder_of_one_name(alice: Caller, bob: Caller) -> None:
    alice.save("alice/lab")
    alice.save("alice/lab/x")
    ok(
        alice.http.put(
            "/v1/resources/alice/lab:access?folder=true", json={"grants": [{"who": "bob", "access": "read"}]}
        )
    )
    assert bob.names() == ["/alice/lab/x"]
    ok(alice.share("alice/lab", bob="write"))
    assert bob.names() == ["/alice/lab", "/alice/lab/x"]
    assert ok(alice.access("alice/lab"))["grants"][0]["access"] == "write"
    assert ok(alice.access("alice/lab", folder=True))["grants"][0]["access"] == "read"


def test_groups(alice: Caller, bob: Caller, caller: Callable[[str], Caller]) -> None:
    carl = caller("carl")
    alice.registry.group("lab", "bob", managers=("alice",))
    ok(bob.save("lab/gpu"))
    assert ok(alice.load("lab/gpu"))["access"] == "owner"
    assert bob.folders() == ["/bob", "/lab"]
    assert code(bob.share("lab/gpu", carl="read")) == (403, "no-access")
    assert carl.names() == []
    ok(alice.share("lab/gpu", carl="read"))
    assert carl.names() == ["/lab/gpu"]
    carl.save("carl/x")
    ok(carl.share("carl/x", lab_="write"))
    assert ok(carl.access("carl/x"))["grants"] == [{"who": "@lab", "access": "write", "inherited_from": None}]
    ok(bob.save("carl/x", SECOND))
    bob.registry.command("group", "member", "lab", "bob", "--none")
    assert bob.names() == []
    assert code(bob.save("lab/gpu", SECOND)) == (403, "no-access")
    ok(carl.share("carl/x", everyone_="read"))
    assert bob.names() == ["/carl/x"]


def test_an_admin(alice: Caller, caller: Callable[[str], Caller]) -> None:
    alice.registry.user("root", admin=True)
    root = caller("root")
    alice.save("alice/gpu")
    assert ok(root.load("alice/gpu"))["access"] == "owner"
    ok(root.move("alice/gpu", "/alice/lab/gpu"))
    assert code(root.save("nobody/x")) == (404, "not-found")
    assert code(root.save("everyone/x")) == (403, "no-access")
    assert code(root.save("Alice/x")) == (404, "not-found")


@pytest.mark.parametrize("end", [("user", "remove", "bob"), ("token", "revoke", "--user", "bob")])
def test_that_a_revoked_token_ends_at_once(alice: Caller, bob: Caller, end: tuple[str, ...]) -> None:
    alice.save("alice/gpu")
    alice.share("alice/gpu", bob="read")
    with Follower(bob.registry, "bob") as heard:
        bob.registry.command(*end)
        assert code(bob.load("alice/gpu")) == (401, "bad-token")
        assert code(bob.save("bob/gpu", "kind: nothing\n")) == (401, "bad-token")
        alice.save("alice/gpu", SECOND)
        heard.until(lambda: heard.ended)
        assert ("saved", "/alice/gpu") not in heard.told
    assert len(ok(alice.access("alice/gpu"))["grants"]) == (0 if "remove" in end else 1)


def test_that_what_somebody_was_given_goes_with_them(alice: Caller, bob: Caller) -> None:
    alice.save("alice/gpu")
    alice.share("alice/gpu", bob="write")
    alice.save("alice/gone")
    alice.share("alice/gone", bob="read")
    alice.delete("alice/gone")
    assert len(ok(bob.history("alice/gone"))["versions"]) == 2
    alice.registry.command("user", "remove", "bob")
    assert ok(alice.access("alice/gpu"))["grants"] == []
    assert code(alice.share("alice/gpu", bob="read")) == (422, "bad-request")
    bob.http.headers["Authorization"] = f"Bearer {bob.registry.user('bob')}"  # another person of that name
    assert bob.names() == []
    assert code(bob.history("alice/gone")) == (404, "not-found")


def test_that_documents_of_who_was_removed_are_given_only_in_so_many_words(alice: Caller, bob: Caller) -> None:
    bob.save("bob/mine")
    registry = alice.registry
    registry.command("user", "remove", "bob")
    refused = registry.command("user", "add", "bob", check=False)
    assert refused.returncode == 1
    assert "whose documents are still in /bob" in refused.stderr
    registry.command("user", "add", "bob", "--take-over")
    bob.http.headers["Authorization"] = f"Bearer {registry.command('user', 'token', 'bob').stdout.split()[-1]}"
    assert bob.names() == ["/bob/mine"]


def test_that_however_many_folders_are_shared_lists_are_there(alice: Caller, bob: Caller) -> None:
    database = Database(alice.registry.database)
    with database.writing() as connection:
        given = {"account_id": accounts.everyone(connection).id, "access": "read"}
        folders = [f"/alice/f{number}" for number in range(1500)]
        connection.execute(insert(grants), [given | {"folder": each, "folder_key": each} for each in folders])
        accounts.rights_changed(connection)
    database.close()
    for path in ("alice/f7/gpu", "alice/f7/deep/gpu", "alice/f7x/gpu", "alice/gpu"):
        ok(alice.save(path))
    assert bob.names() == ["/alice/f7/deep/gpu", "/alice/f7/gpu"]
    assert "/alice/f7/deep" in ok(bob.http.get("/v1/folders"))["folders"]


def test_that_those_who_load_at_once_get_each_what_is_theirs(alice: Caller, bob: Caller) -> None:
    mine = {each.user: f"{each.user}/gpu" for each in (alice, bob)}
    tokens = {each.user: each.registry.token(each.user) for each in (alice, bob)} | {"nobody": "rhr_0"}
    for each in (alice, bob):
        ok(each.save(mine[each.user], CLUSTER + f"description: of {each.user}\n"))

    async def load_all() -> list[tuple[str, str, httpx.Response]]:
        async with httpx.AsyncClient(base_url=alice.registry.url, timeout=60, trust_env=False) as http:
            asked = [(who, path) for who in tokens for path in (*mine.values(), "alice/missing")] * 10
            answers = await asyncio.gather(
                *(
                    http.get(f"/v1/resources/{path}", headers={"Authorization": f"Bearer {tokens[who]}"})
                    for who, path in asked
                )
            )
            return [(*each, answer) for each, answer in zip(asked, answers, strict=True)]

    for who, path, answer in asyncio.run(load_all()):
        if who == "nobody":
            assert answer.status_code in (401, 429)  # of those there are soon too many
        elif path == mine[who]:
            assert ok(answer)["description"] == f"of {who}"
        else:
            assert code(answer) == (404, "not-found")
