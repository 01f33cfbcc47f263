"""Who names a resource in a registry: what others wrote about their own computers, or keep to themselves, is theirs."""

from __future__ import annotations

import pytest

from rhresources.errors import AlreadyExists, NotFound, RhError
from rhresources.mentions import give_new_name, hidden_from, who_names
from rhresources.resource_names import ResourceNames

BOX = "kind: cluster\nips: [gpu1]\n"


def function_on(cluster: str) -> str:
    return f"kind: function\ncluster: '{cluster}'\ncode: {{root: /a, file: a.py, name: f}}\n"


def test_a_new_name_reaches_what_one_may_write(alice: ResourceNames, bob: ResourceNames) -> None:
    alice.save_text("@/gpu", BOX)
    bob.save_text("~/gpu", BOX)
    alice.share("@/gpu", {"bob": "read"})
    for name, cluster in (("@/open", "/alice/gpu"), ("@/closed", "/alice/gpu"), ("@/own", "~/gpu")):
        bob.save_text(name, function_on(cluster))
    bob.share("@", {"alice": "read"})
    bob.share("@/open", {"alice": "write"})
    alice.save_text("~/gpu", BOX)
    alice.save_text("~/here", function_on("~/gpu"))
    alice.save_text("@/train", function_on("~/gpu"))
    alice.save_text("~/away", function_on("@/gpu"))
    alice.refresh_registry()

    assert [entry.name for entry in who_names(alice, "~/gpu")] == ["~/here", "/alice/train"], "of bob's it is bob's"
    found = who_names(alice, "@/gpu")
    assert [entry.name for entry in found] == ["~/away", "/bob/closed", "/bob/open"]
    alice.rename("@/gpu", "@/box")
    done = give_new_name(alice, "@/gpu", "@/box", found)
    assert [entry.name for entry in done.updated] == ["~/away", "/bob/open"]
    assert [(entry.name, reason) for entry, reason in done.left] == [("/bob/closed", "you may only read it")]
    assert "cluster: '/alice/box'" in bob.load("@/open").text
    assert [version.by for version in bob.history("@/open")] == ["alice", "bob"]

    alice.rename("~/gpu", "@/gpu")
    assert not give_new_name(alice, "~/gpu", "@/gpu", who_names(alice, "~/gpu")).left
    assert "cluster: '/alice/gpu'" in alice.load("@/train").text


def test_what_those_whom_it_is_shared_with_may_not_read(alice: ResourceNames, bob: ResourceNames) -> None:
    for name, text in (("@/gpu", BOX), ("@/f", function_on("/alice/gpu")), ("@/g", function_on("^local"))):
        alice.save_text(name, text)
    documents = [alice.load("@/f"), alice.load("@/g")]
    (hidden,) = hidden_from(alice, documents, ["bob", "@everyone"])
    assert str(hidden) == "/alice/f names /alice/gpu, which bob and @everyone may not read."
    assert hidden_from(alice, documents) == [], "nobody else may read it yet"
    alice.share("@/f", {"bob": "read"})
    assert [each.who for each in hidden_from(alice, documents)] == [("bob",)]
    with pytest.raises(NotFound, match="ask alice") as missing:
        bob.packages(["rh:/alice/gpu"], "/alice/f")
    assert "/alice/f names it" in missing.value.sentence
    assert hidden_from(bob, [bob.load("/alice/f")], ["carol"]) == [], "it is not his to share"
    alice.share("@", {"bob": "read"})
    assert [each.who for each in hidden_from(alice, documents, ["bob", "@everyone"])] == [("@everyone",)]
    alice.share("@/f", {"bob": "owner"})
    bob.save_text("@/box", BOX)
    (hidden,) = hidden_from(bob, [bob.save_text("/alice/f", function_on("/bob/box"))])
    assert str(hidden) == "/alice/f names /bob/box, which alice may not read."
    alice.share("@/gpu", {"@everyone": "read"})
    assert hidden_from(alice, documents, ["bob", "@everyone"]) == []


def test_nobody_elses_document_is_made_to_name_this_computer(alice: ResourceNames, bob: ResourceNames) -> None:
    alice.save_text("@/gpu", BOX)
    bob.save_text("@/f", function_on("/alice/gpu"))
    bob.share("@/f", {"alice": "write"})
    alice.save_text("@/mine", function_on("@/gpu"))
    alice.refresh_registry()
    alice.rename("@/gpu", "~/gpu")
    done = give_new_name(alice, "@/gpu", "~/gpu", who_names(alice, "@/gpu"))
    assert [entry.name for entry in done.updated] == ["/alice/mine"]
    assert [entry.name for entry, _ in done.left] == ["/bob/f"]
    assert "cluster: '/alice/gpu'" in bob.load("@/f").text


def test_that_a_move_that_is_refused_writes_nothing(alice: ResourceNames, bob: ResourceNames) -> None:
    bob.save_text("@/f", "kind: function\ncluster: gpu\ncode: {root: /a, file: a.py, name: f}\n")
    bob.share("@/f", {"alice": "write"})
    with pytest.raises(RhError):
        alice.rename("/bob/f", "@/f")
    assert [version.by for version in bob.history("@/f")] == ["bob"]
    alice.save_text("~/f", "kind: function\ncluster: gpu\ncode: {root: /a, file: a.py, name: f}\n")
    alice.save_text("~/team/f", BOX)
    before = alice.load("~/f").text
    with pytest.raises(AlreadyExists):
        alice.rename("~/f", "~/team/f")
    assert alice.load("~/f").text == before
    assert alice.function(alice.rename("~/f", "~/team/g").name).cluster == "~/gpu"


def test_that_a_home_in_somebodys_folder_is_theirs_whoever_wrote_last(alice: ResourceNames, bob: ResourceNames) -> None:
    alice.save_text("@/gpu", BOX)
    alice.share("@/gpu", {"bob": "read"})
    bob.save_text("@/g", function_on("/alice/gpu") + "packages: ['rh:~/deps']\n")
    bob.share("@/g", {"alice": "write"})
    alice.refresh_registry()
    alice.rename("@/gpu", "@/box")
    assert give_new_name(alice, "@/gpu", "@/box", who_names(alice, "@/gpu")).updated
    assert bob.load("@/g").modified_by == "alice"
    alice.refresh_registry()
    assert who_names(alice, "~/deps") == []
