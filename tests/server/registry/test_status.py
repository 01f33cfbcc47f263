"""How clusters are, as whoever runs them tells: beside the document, without a trace in its history."""

from __future__ import annotations

import time
from collections.abc import Callable

from lab.registry_caller import CLUSTER, Caller, code, ok
from lab.registry_feed import Follower
from sqlalchemy import select

from rhresources.registry.told import Told
from rhserver.registry.database import Database
from rhserver.registry.routes.models import StatusRequest
from rhserver.registry.schema import changes

HEAD = {"address": "192.0.2.7", "port": 2222, "user": "ubuntu", "host_keys": ["ssh-ed25519 AAAA"]}


def test_that_it_is_told_beside_the_document(alice: Caller) -> None:
    saved = ok(alice.save("alice/gpu"))
    assert alice.status("alice/gpu") is None
    assert "status" not in saved
    before = time.time()
    told = ok(alice.tell("alice/gpu", source="rh1", computer="alice@laptop", head=HEAD, price_per_hour=1.5, age=60))
    status = told["status"]
    assert status["state"] == "up"
    assert status["by"] == "alice"
    assert status["head"] == HEAD
    assert before - 60 <= status["seen"] <= time.time() - 60
    assert alice.status("alice/gpu") == status
    loaded = ok(alice.load("alice/gpu"))
    assert loaded == {**saved, "status": status}, "the same version, which says the same"
    assert [each["status"] for each in alice.list()["resources"]] == [status]
    assert len(ok(alice.history("alice/gpu"))["versions"]) == 1
    changed = ok(alice.save("alice/gpu", CLUSTER + "price_per_hour: 2\n"))
    assert changed["status"] == status, "what a person writes leaves it alone"
    moved = ok(alice.move("alice/gpu", "/alice/lab/gpu"))
    assert moved["status"] == status, "it goes along"
    assert ok(alice.restore("alice/lab/gpu", 1))["status"] == status
    assert alice.delete("alice/lab/gpu").status_code == 204
    back = ok(alice.restore("alice/lab/gpu", 1))
    assert "status" not in back, "what is deleted is not run by anybody"


def test_that_the_feed_tells_of_it_and_keeps_the_newest(
    alice: Caller, bob: Caller, caller: Callable[[str], Caller]
) -> None:
    carol = caller("carol")
    alice.save("alice/gpu")
    alice.save("alice/other")
    ok(alice.share("alice/gpu", bob="read"))
    with Follower(alice.registry, "bob") as heard, Follower(alice.registry, "carol") as stranger:
        for state in ("launching", "up", "stopped"):
            ok(alice.tell("alice/gpu", state))
        ok(alice.tell("alice/other", "up"))
        ok(alice.save("alice/shown"))
        ok(alice.share("alice/shown", bob="read", carol="read"))
        event = heard.until_told("status", "/alice/gpu")
        assert event.data["resource"]["name"] == "/alice/gpu"
        heard.until_told("access", "/alice/shown")
        stranger.until_told("access", "/alice/shown")
    assert ("status", "/alice/other") not in heard.told
    assert stranger.told == [("access", "/alice/shown")]
    with Follower(alice.registry, "bob", after=0) as later:
        later.until_told("access", "/alice/shown")
        states = [each.data["resource"]["status"]["state"] for each in later.seen if each.event == "status"]
        assert states[-1] == "stopped"
    database = Database(alice.registry.database)
    with database.reading() as connection:
        kept = connection.scalars(select(changes.c.name).where(changes.c.event == "status")).all()
    database.close()
    assert sorted(kept) == ["/alice/gpu", "/alice/other"], "of each no more than the newest"
    assert code(carol.load("alice/gpu"))[0] == 404


def test_who_may_tell_and_read_it(alice: Caller, bob: Caller) -> None:
    alice.save("alice/gpu")
    assert code(bob.tell("alice/gpu")) == (404, "not-found")
    assert code(bob.http.get("/v1/resources/alice/gpu:status")) == (404, "not-found")
    ok(alice.share("alice/gpu", bob="read"))
    ok(alice.tell("alice/gpu"))
    found = bob.status("alice/gpu")
    assert found is not None
    assert found["by"] == "alice"
    assert code(bob.tell("alice/gpu", "down")) == (403, "no-access")
    ok(alice.share("alice/gpu", bob="write"))
    assert ok(bob.tell("alice/gpu", "down"))["status"]["by"] == "bob"
    alice.save("alice/train", "kind: package\ninstall_method: pip\ntarget: numpy\n")
    assert code(alice.tell("alice/train")) == (422, "bad-request")


def test_that_only_what_is_meant_is_taken(alice: Caller) -> None:
    alice.save("alice/gpu")
    wrong: list[dict[str, object]] = [
        {"state": "burning"},
        {"price_per_hour": -1},
        {"age": "long"},
        {"head": {"address": ""}},
        {"head": {"address": "a", "port": 0}},
        {"reason": "\u0000"},
        {"head": {"address": "a", "host_keys": ["x" * 2000]}},
    ]
    for each in wrong:
        answer = alice.http.put("/v1/resources/alice/gpu:status", json={"state": "up", **each})
        assert code(answer) == (422, "bad-request"), each
    assert alice.status("alice/gpu") is None


def test_that_fields_of_a_newer_client_are_passed_over(alice: Caller) -> None:
    alice.save("alice/gpu")
    status = ok(alice.tell("alice/gpu", password="hunter2", head={"address": "a", "secret": "hunter2"}))["status"]
    assert "hunter2" not in str(status)


def test_that_the_audit_log_tells_of_states_not_of_looks(alice: Caller) -> None:
    alice.save("alice/gpu")
    for age in (3.0, 2.0, 1.0):
        ok(alice.tell("alice/gpu", age=age))
    ok(alice.tell("alice/gpu", "stopped"))
    said = alice.registry.command("audit", "--json").stdout
    assert said.count('"tell status"') == 2


def test_that_both_sides_speak_of_the_same_fields() -> None:
    assert set(Told("up").wire(0.0)) == set(StatusRequest.model_fields)
