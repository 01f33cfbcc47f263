"""Documents in a registry, as clients save, load, list, move and delete them."""

from __future__ import annotations

import pytest
from lab.registry_caller import CLUSTER, Caller, code, ok

OTHER_TEXT = "kind: cluster\ntype: ssh\nips: [gpu2]\ndescription: The Second One\n"
PACKAGE = "kind: package\ninstall_method: pip\ntarget: numpy\ndescription: numbers\n"


def test_a_document_from_its_first_save_to_its_deletion(alice: Caller) -> None:
    saved = alice.save("alice/team/gpu", base=0)
    body = ok(saved)
    assert saved.headers["ETag"] == '"1"'
    assert {**body, "modified": 0} == {
        "name": "/alice/team/gpu", "kind": "cluster", "version": 1, "text": CLUSTER, "description": "", "modified": 0,
        "modified_by": "alice", "access": "owner",
    }  # fmt: skip
    assert ok(alice.load("alice/team/gpu")) == body
    assert alice.http.get("/v1/resources/alice/team/gpu", headers={"If-None-Match": '"1"'}).status_code == 304
    assert alice.list() == {"resources": [body], "next": None, "cursor": 1}
    assert alice.folders() == ["/alice", "/alice/team"]
    assert alice.delete("alice/team/gpu", base=1).status_code == 204
    assert code(alice.load("alice/team/gpu")) == (404, "not-found")
    assert code(alice.delete("alice/team/gpu")) == (404, "not-found")
    assert alice.names() == []
    assert alice.folders() == ["/alice"]


def test_that_a_stale_change_is_refused_with_what_is_needed_to_merge_it(alice: Caller) -> None:
    alice.save("alice/gpu")
    ok(alice.save("alice/gpu", OTHER_TEXT, base=1))
    mine = CLUSTER + "price_per_hour: 2\n"
    refused = alice.save("alice/gpu", mine, base=1)
    assert code(refused) == (409, "conflict")
    assert refused.json()["base_text"] == CLUSTER
    assert refused.json()["current"] == ok(alice.load("alice/gpu"))
    assert "changed by alice" in refused.json()["error"]["sentence"]
    assert code(alice.delete("alice/gpu", base=1)) == (409, "conflict")
    assert code(alice.move("alice/gpu", "/alice/x", base=1)) == (409, "conflict")
    assert code(alice.save("alice/gpu", mine, base=0)) == (409, "conflict")
    assert ok(alice.save("alice/gpu", mine, base=2))["version"] == 3
    assert ok(alice.save("alice/gpu", CLUSTER))["version"] == 4, "without a base whatever is there is replaced"


def test_that_saving_what_is_there_makes_no_version(alice: Caller) -> None:
    first = ok(alice.save("alice/gpu"))
    assert ok(alice.save("alice/gpu", base=1)) == ok(alice.save("alice/gpu")) == first
    ok(alice.save("alice/gpu", OTHER_TEXT, base=1))
    refused = alice.save("alice/gpu", OTHER_TEXT, base=1)
    assert code(refused) == (409, "conflict"), "of two who made the same change of the same version one must look again"
    assert refused.json()["current"]["text"] == OTHER_TEXT
    assert len(ok(alice.history("alice/gpu"))["versions"]) == 2


def test_that_a_change_of_what_was_deleted_is_refused_also_when_it_is_there_again(alice: Caller) -> None:
    alice.save("alice/gpu")
    alice.save("alice/gpu", OTHER_TEXT, base=1)
    alice.delete("alice/gpu")
    refused = alice.save("alice/gpu", PACKAGE, base=2)
    assert code(refused) == (409, "conflict")
    assert (refused.json()["current"], refused.json()["base_text"]) == (None, OTHER_TEXT)
    assert "deleted" in refused.json()["error"]["sentence"]
    again = ok(alice.save("alice/gpu", base=0))
    assert again["version"] > 3, "numbers of a name never come twice"
    assert code(alice.save("alice/gpu", PACKAGE, base=1)) == (409, "conflict")


def test_moving_keeps_the_document_and_its_history(alice: Caller) -> None:
    alice.save("alice/gpu")
    alice.save("alice/taken", OTHER_TEXT)
    assert code(alice.move("alice/gpu", "/alice/taken")) == (409, "exists")
    moved = ok(alice.move("alice/gpu", "/alice/lab/gpu", base=1))
    assert (moved["name"], moved["text"]) == ("/alice/lab/gpu", CLUSTER)
    assert code(alice.load("alice/gpu")) == (404, "not-found")
    versions = ok(alice.history("alice/lab/gpu"))["versions"]
    assert [(each["action"], each["name"]) for each in versions] == [
        ("moved", "/alice/lab/gpu"), ("saved", "/alice/gpu"),
    ]  # fmt: skip
    assert ok(alice.move("alice/lab/gpu", "/alice/lab/GPU"))["name"] == "/alice/lab/GPU", "only its case changes"
    assert code(alice.move("alice/lab/GPU", "/nobody/gpu")) == (403, "no-access")
    assert code(alice.move("alice/none", "/alice/other")) == (404, "not-found")


def test_that_what_moves_onto_a_name_does_not_repeat_its_versions(alice: Caller) -> None:
    alice.save("alice/a")
    alice.save("alice/a", OTHER_TEXT)
    alice.move("alice/a", "/alice/elsewhere")
    alice.save("alice/b")
    moved = ok(alice.move("alice/b", "/alice/a"))
    assert moved["version"] > 2
    assert code(alice.save("alice/a", PACKAGE, base=2)) == (409, "conflict"), "began from what is elsewhere now"


@pytest.mark.parametrize(
    ("path", "clash"), [("alice/lab/GPU", "/alice/lab/gpu"), ("alice/Lab/x", "/alice/lab"), ("alice/LAB/a/x", "/alice")]
)
def test_that_names_may_not_differ_in_case_only(alice: Caller, path: str, clash: str) -> None:
    alice.save("alice/lab/gpu")
    alice.save("alice/lab/a/one")
    refused = alice.save(path)
    assert code(refused) == (409, "case-clash")
    assert clash in refused.json()["error"]["sentence"]
    alice.save("alice/free")
    assert code(alice.move("alice/free", f"/{path}")) == (409, "case-clash")
    assert code(alice.load("alice/lab/GPU")) == (404, "not-found")


def test_that_a_text_that_is_no_document_is_refused_with_field_and_line(alice: Caller) -> None:
    refused = alice.save("alice/gpu", "kind: cluster\ntype: ssh\nips: [gpu1]\nipz: [x]\n")
    assert code(refused) == (422, "bad-document")
    (problem,) = refused.json()["error"]["problems"]
    assert (problem["field"], problem["line"]) == ("ipz", 4)
    assert "/alice/gpu" in refused.json()["error"]["sentence"]
    assert code(alice.load("alice/gpu")) == (404, "not-found")
    assert code(alice.save("alice/gpu", "kind: [")) == (422, "bad-document")
    assert code(alice.save("alice/gpu", "")) == (422, "bad-document")


def test_that_what_is_no_name_is_refused(alice: Caller) -> None:
    for path in (
        "alice",
        "alice/-x",
        "alice%2F-x",
        "alice//x",
        "alice/x/",
        "alice/%00",
        "alice/x.yaml/y",
        "a" * 300,
        "alice/%D0%B0",
        "alice/%2e%2e/bob/x",
        "alice/x%E2%80%A8y",
    ):
        for answer in (alice.http.get(f"/v1/resources/{path}"), alice.save(path), alice.delete(path)):
            assert code(answer) == (422, "bad-name"), path
        assert code(alice.move("alice/x", path.replace("%00", "\n"))) == (422, "bad-name"), path


def test_that_a_request_that_makes_no_sense_is_refused_in_the_same_shape(alice: Caller) -> None:
    for sent in (
        b"", b"{", b"[]", b'{"text": 1}', b'{"base": 1}', b'{"text": "x", "base": -1}', b'{"text": "x", "base": "1"}',
        b'{"text": "x", "base": 99999999999999999999}', b'{"text": "x", "note": "a\\u0000b"}', b"\xff\xfe",
        b'{"text": "\\ud800"}', b'{"text": "x", "note": "\\udfff"}', b'{"text": "x", "mode": 1}',
    ):  # fmt: skip
        answer = alice.http.put("/v1/resources/alice/x", content=sent, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, sent
        assert answer.json()["error"]["sentence"]


def test_that_folders_may_not_differ_in_case_only_even_with_nothing_in_them(alice: Caller, bob: Caller) -> None:
    assert bob.user in ok(alice.share("alice/Lab", bob="read"))["grants"][0]["who"]
    assert code(alice.share("alice/lab", bob="write")) == (409, "case-clash")
    assert code(alice.share("alice/lab/deep", bob="write")) == (409, "case-clash")
    assert code(alice.save("alice/lab/gpu")) == (409, "case-clash")
    ok(alice.save("alice/Lab/gpu"))
    assert bob.folders() == ["/alice", "/alice/Lab", "/bob"]


def test_characters_that_not_every_database_keeps(alice: Caller) -> None:
    text = 'kind: cluster\nips: [gpu1]\ndescription: "a\\0b"\n'
    assert ok(alice.save("alice/gpu", text))["text"] == text
    assert alice.names(query="ab") == ["/alice/gpu"]


def test_that_a_page_of_long_documents_ends_early(alice: Caller) -> None:
    long = f"{CLUSTER}#{'x' * 900_000}\n"
    for number in range(6):
        ok(alice.save(f"alice/{number}", long))
    first = alice.list(limit=1000)
    assert [each["name"] for each in first["resources"]] == [f"/alice/{number}" for number in range(4)]
    assert alice.names(limit=1000, after=first["next"]) == ["/alice/4", "/alice/5"]


def test_limits_of_size(alice: Caller) -> None:
    largest = CLUSTER + "#" * (1024 * 1024 - len(CLUSTER) - 1) + "\n"
    assert ok(alice.save("alice/large", largest))["text"] == largest
    assert code(alice.save("alice/larger", largest + "#")) == (422, "bad-request")
    assert code(alice.save("alice/huge", "#" * 3 * 1024 * 1024)) == (413, "too-large")

    def endless() -> object:
        for _ in range(100):
            yield b"#" * 100_000

    assert code(alice.http.put("/v1/resources/alice/x", content=endless())) == (413, "too-large")  # type: ignore[arg-type]
    assert alice.names() == ["/alice/large"]


def test_pages_folders_kinds_and_words(alice: Caller) -> None:
    for number in range(7):
        alice.save(f"alice/n{number}", CLUSTER + f"description: Number {number} of seven, 100%_sure\n")
    alice.save("alice/lab/numpy", PACKAGE)
    alice.save("alice/lab-2/x", OTHER_TEXT)
    first = alice.list(limit=3, under="/alice", recursive=False)
    second = alice.list(limit=3, under="/alice", recursive=False, after=first["next"])
    third = alice.list(limit=3, under="/alice", recursive=False, after=second["next"])
    found = [each["name"] for page in (first, second, third) for each in page["resources"]]
    assert found == [f"/alice/n{number}" for number in range(7)]
    assert third["next"] is None
    assert alice.names(under="/alice/lab") == ["/alice/lab/numpy"], "lab-2 is no part of lab"
    assert alice.names(kind="package") == ["/alice/lab/numpy"]
    assert alice.names(query="SEVEN number") == found
    assert alice.names(query="100%_sure 3") == ["/alice/n3"]
    assert alice.names(query="%") == found, "a percent sign is no wildcard"
    assert alice.names(query="second ALICE/lab-2") == ["/alice/lab-2/x"]
    assert "text" not in alice.list(text=False)["resources"][0]
    assert alice.folders(under="/alice/lab") == ["/alice/lab"]
    assert code(alice.http.get("/v1/resources", params={"kind": "thing"})) == (422, "bad-request")
    assert code(alice.http.get("/v1/resources", params={"under": "~"})) == (422, "bad-name")


def test_who_asks_and_whom_there_is(alice: Caller, bob: Caller) -> None:
    health = alice.http.get("/v1/health", headers={"Authorization": ""}).json()
    assert health["status"] == "ok"
    bob.registry.group("lab", "alice")
    me = alice.http.get("/v1/me").json()
    assert me == {"user": "alice", "groups": ["lab"], "admin": False, "registry": health["registry"]}
    assert bob.http.get("/v1/users").json() == {"users": ["alice", "bob"], "groups": ["lab"]}
    assert bob.http.get("/v1/users", params={"query": "BO"}).json() == {"users": ["bob"], "groups": []}


def test_that_nothing_is_told_without_a_token(alice: Caller) -> None:
    ok(alice.save("alice/gpu"))
    paths = ("resources/alice/gpu", "resources", "me", "users", "folders", "changes", "resources/alice/gpu:history")
    for header in ("", "Basic YTpi", "Bearer wrong"):
        alice.http.headers["Authorization"] = header
        for path in paths:
            answer = alice.http.get(f"/v1/{path}")
            assert code(answer) == (401, "bad-token"), (header, path)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert code(alice.save("alice/gpu", OTHER_TEXT)) == (401, "bad-token")
    assert code(alice.http.get("/v1/nothing")) == (404, "not-found")
    assert code(alice.http.post("/v1/me")) == (405, "bad-method")
