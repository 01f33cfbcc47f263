"""The feed of changes: everything that concerns somebody, in order, and nothing else."""

from __future__ import annotations

import pytest
from lab.registry_caller import CLUSTER, Caller, ok
from lab.registry_feed import Follower
from sqlalchemy import delete

from rhserver.registry import accounts, documents
from rhserver.registry.database import Database
from rhserver.registry.names import document_name
from rhserver.registry.rights import rights_of
from rhserver.registry.schema import changes

SECOND = CLUSTER + "price_per_hour: 2\n"


def test_that_every_change_comes_with_the_document_as_it_was_then(alice: Caller) -> None:
    with Follower(alice.registry, "alice") as heard:
        hello = heard.seen[0]
        assert (hello.event, hello.data["cursor"], hello.data["user"]) == ("hello", 0, "alice")
        first = ok(alice.save("alice/gpu"))
        second = ok(alice.save("alice/gpu", SECOND))
        moved = ok(alice.move("alice/gpu", "/alice/lab/gpu"))
        heard.until(lambda: len(heard.told) == 3)  # of what is gone, nobody is told how much they might do with it
        alice.delete("alice/lab/gpu")
        back = ok(alice.restore("alice/lab/gpu", 1))
        heard.until(lambda: len(heard.told) == 5)
        changes = [(each.id, each.event, each.data) for each in heard.seen if "name" in each.data]
    expected = [
        (1, "saved", {"cursor": 1, "name": "/alice/gpu", "resource": first}),
        (2, "saved", {"cursor": 2, "name": "/alice/gpu", "resource": second}),
        (3, "moved", {"cursor": 3, "name": "/alice/lab/gpu", "from": "/alice/gpu", "resource": moved}),
        (4, "deleted", {"cursor": 4, "name": "/alice/lab/gpu"}),
        (5, "saved", {"cursor": 5, "name": "/alice/lab/gpu", "resource": back}),
    ]
    assert changes == expected
    with Follower(alice.registry, "alice", after=0) as later:
        later.until(lambda: len(later.told) == 5)
        told = [(each.id, each.event, each.data) for each in later.seen if "name" in each.data]
        assert told == expected, "also for who comes late"
    with Follower(alice.registry, "alice", after=3) as later:
        later.until(lambda: len(later.told) == 2)
        assert later.told == [("deleted", "/alice/lab/gpu"), ("saved", "/alice/lab/gpu")]


def test_that_the_header_of_browsers_counts_as_well(alice: Caller) -> None:
    alice.save("alice/a")
    alice.save("alice/b")
    with alice.http.stream("GET", "/v1/changes", params={"after": 0}, headers={"Last-Event-ID": "1"}) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        told = [line for line, _ in zip(lines, range(6), strict=False)]
    assert "id: 2" in told
    assert "id: 1" not in told


def test_that_who_gets_or_loses_access_is_told_so(alice: Caller, bob: Caller) -> None:
    alice.save("alice/lab/a")
    alice.save("alice/lab/b")
    with Follower(bob.registry, "bob", after=0) as heard:
        heard.until(lambda: heard.seen[-1].event == "caught-up")  # what was there before is not yet bob's to know
        ok(alice.share("alice/lab", bob="read"))
        told = heard.until_told("access", "/alice/lab/b")
        assert told.data["resource"]["text"] == CLUSTER
        assert told.data["resource"]["access"] == "read"
        alice.save("alice/lab/c")
        heard.until_told("saved", "/alice/lab/c")
        alice.move("alice/lab/c", "/alice/private")
        heard.until_told("deleted", "/alice/lab/c")
        alice.move("alice/private", "/alice/lab/d")
        arrived = heard.until_told("saved", "/alice/lab/d")
        assert "from" not in arrived.data, "where it was is not for bob to know"
        alice.share("alice/lab/a", bob="write")
        ok(alice.share("alice/lab", bob="none"))
        heard.until_told("deleted", "/alice/lab/b")
        alice.save("alice/lab/b", SECOND)
        alice.delete("alice/lab/b")
        ok(alice.save("alice/lab/a", SECOND))
        heard.until_told("saved", "/alice/lab/a")
        names = [name for _, name in heard.told]
        assert not any("private" in name for name in names)
        assert heard.told[-1] == ("saved", "/alice/lab/a"), "of what is no longer theirs they hear no more"
    with Follower(bob.registry, "bob", after=0) as later:
        later.until_told("saved", "/alice/lab/a")
        assert not any("private" in str(each.data) for each in later.seen)


def test_that_members_are_told_what_comes_and_goes_with_a_group(alice: Caller, bob: Caller) -> None:
    alice.registry.group("lab", "alice")
    alice.save("lab/gpu")
    alice.save("alice/x")
    alice.share("alice/x", lab_="read")
    with Follower(bob.registry, "bob") as heard:
        bob.registry.command("group", "member", "lab", "bob")
        heard.until_told("access", "/lab/gpu")
        heard.until_told("access", "/alice/x")
        bob.registry.command("group", "member", "lab", "bob", "--none")
        heard.until_told("deleted", "/lab/gpu")
        heard.until_told("deleted", "/alice/x")


def test_that_a_deletion_is_told_only_to_who_could_read(alice: Caller, bob: Caller) -> None:
    alice.save("alice/lab/early")
    alice.delete("alice/lab/early")
    alice.share("alice/lab", bob="read")
    alice.save("alice/lab/late")
    with Follower(bob.registry, "bob", after=0) as heard:
        heard.until_told("saved", "/alice/lab/late")
        assert heard.told == [("saved", "/alice/lab/late")], "what was deleted before is none of bob's business"


def test_that_a_place_that_is_not_there_makes_the_client_read_anew(alice: Caller) -> None:
    alice.save("alice/gpu")
    with Follower(alice.registry, "alice", after=1000) as heard:
        heard.until(lambda: len(heard.seen) > 1)
        assert (heard.seen[1].event, heard.seen[1].data) == ("reset", {"cursor": 1})
        alice.save("alice/gpu", SECOND)
        heard.until_told("saved", "/alice/gpu")


def test_that_a_restart_loses_nothing_of_the_feed(alice: Caller) -> None:
    alice.save("alice/a")
    with Follower(alice.registry, "alice") as heard:
        alice.registry.stop()
        heard.until(lambda: heard.ended)
    alice.registry.start()
    alice.save("alice/b")
    with Follower(alice.registry, "alice", after=1) as heard:
        heard.until_told("saved", "/alice/b")
        assert heard.told == [("saved", "/alice/b")]


def test_that_who_has_missed_more_than_is_kept_reads_everything_anew(alice: Caller) -> None:
    for number in range(5):
        alice.save(f"alice/d{number}")
    database = Database(alice.registry.database)
    with database.writing() as connection:
        connection.execute(delete(changes).where(changes.c.cursor <= 3))
    database.close()
    alice.registry.stop()
    alice.registry.start()
    for after, told in ((2, ["reset"]), (3, ["saved", "saved"])):
        with Follower(alice.registry, "alice", after=after) as heard:
            heard.until(lambda heard=heard, told=told: len(heard.seen) > len(told))
            assert heard.seen[0].data["oldest"] == 4
            assert [each.event for each in heard.seen[1 : len(told) + 1]] == told


@pytest.mark.slow
def test_a_folder_of_ten_thousand_documents_that_is_shared(alice: Caller, bob: Caller) -> None:
    count = 10_000
    database = Database(alice.registry.database)
    with database.writing() as connection:
        owner = accounts.find(connection, "alice")
        rights = rights_of(connection, owner)
        for number in range(count):
            name = document_name(f"alice/lab/d{number:05}")
            documents.save(connection, rights, name, documents.Content("cluster", CLUSTER))
    database.close()
    with Follower(bob.registry, "bob") as heard:
        ok(alice.share("alice/lab", bob="read"))
        heard.until(lambda: len(heard.told) == count)
        assert [name for _, name in heard.told] == [f"/alice/lab/d{number:05}" for number in range(count)]
        ok(alice.share("alice/lab", bob="none"))
        heard.until(lambda: len(heard.told) == 2 * count)
        assert {event for event, _ in heard.told[count:]} == {"deleted"}
