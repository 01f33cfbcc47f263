"""What documents were, and how it comes back."""

from __future__ import annotations

from lab.registry_caller import CLUSTER, Caller, code, ok

SECOND = CLUSTER + "price_per_hour: 2\n"


def test_that_every_version_says_who_made_it_and_comes_back_whole(alice: Caller, bob: Caller) -> None:
    alice.save("alice/gpu", note="first")
    ok(alice.share("alice/gpu", bob="write"))
    bob.save("alice/gpu", SECOND, base=1)
    versions = ok(bob.history("alice/gpu"))["versions"]
    assert [(each["version"], each["action"], each["by"], each["note"]) for each in versions] == [
        (2, "saved", "bob", ""),
        (1, "saved", "alice", "first"),
    ]
    assert ok(bob.version("alice/gpu", 1))["text"] == CLUSTER
    assert code(bob.version("alice/gpu", 3)) == (404, "not-found")
    assert code(bob.restore("alice/gpu", 1, base=1)) == (409, "conflict")
    restored = ok(bob.restore("alice/gpu", 1, base=2))
    assert (restored["version"], restored["text"], restored["modified_by"]) == (3, CLUSTER, "bob")
    newest = ok(bob.history("alice/gpu", limit=1))["versions"]
    assert [(each["version"], each["action"]) for each in newest] == [(3, "restored")]
    assert [each["version"] for each in ok(bob.history("alice/gpu", before=3, limit=1))["versions"]] == [2]


def test_that_a_deleted_document_comes_back_with_its_access(alice: Caller, bob: Caller) -> None:
    alice.save("alice/gpu")
    alice.save("alice/gpu", SECOND)
    alice.share("alice/gpu", bob="read")
    alice.delete("alice/gpu")
    assert [each["action"] for each in ok(bob.history("alice/gpu"))["versions"]] == ["deleted", "saved", "saved"]
    assert code(bob.restore("alice/gpu", 2)) == (403, "no-access")
    assert ok(alice.restore("alice/gpu", 2))["text"] == SECOND
    assert ok(bob.load("alice/gpu"))["access"] == "read"


def test_that_a_name_made_anew_is_not_shared_as_the_old_one_was(alice: Caller, bob: Caller) -> None:
    alice.save("alice/gpu")
    alice.share("alice/gpu", bob="write")
    alice.delete("alice/gpu")
    alice.save("alice/gpu", SECOND)
    assert code(bob.load("alice/gpu")) == (404, "not-found")
    assert [each["action"] for each in ok(bob.history("alice/gpu"))["versions"]] == ["deleted", "saved"]
    assert code(bob.restore("alice/gpu", 1)) == (403, "no-access")
    alice.share("alice/gpu", bob="read")
    assert len(ok(bob.history("alice/gpu"))["versions"]) == 1, "what was before is its owner's to see"
    assert code(bob.version("alice/gpu", 1)) == (404, "not-found")
    assert [each["action"] for each in ok(alice.history("alice/gpu"))["versions"]] == ["saved", "deleted", "saved"]
    assert ok(alice.restore("alice/gpu", 1))["text"] == CLUSTER


def test_that_nothing_is_restored_over_a_name_that_is_taken_in_another_case(alice: Caller) -> None:
    alice.save("alice/gpu")
    alice.delete("alice/gpu")
    alice.save("alice/GPU")
    assert code(alice.restore("alice/gpu", 1)) == (409, "case-clash")
