"""Names of a registry, on the real server: saved, loaded, listed, moved, shared and remembered."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lab.registry import RegistryServer

from rhresources.documents import ClusterDocument, FunctionDocument, PackageDocument, dump_document
from rhresources.errors import AlreadyExists, DocumentError, NotFound, RhError, UsageError
from rhresources.resource_names import ResourceNames

BOX = ClusterDocument(type="ssh", ips=["gpu1"])
NUMPY = PackageDocument(install_method="pip", target="numpy")


def function(**values: object) -> FunctionDocument:
    return FunctionDocument(code={"root": "/a", "file": "a.py", "name": "f"}, **values)  # type: ignore[arg-type]


def test_a_name_means_the_same_everywhere(alice: ResourceNames, log_in: Callable[..., ResourceNames]) -> None:
    saved = alice.save("@/box", BOX)
    assert (saved.name, saved.version, saved.modified_by, saved.access) == ("/alice/box", 1, "alice", "owner")
    assert not saved.waiting
    at_home = log_in("alice", "at home")
    for name in ("@/box", "/alice/box"):
        assert at_home.load(name).document == BOX
        assert at_home.load(name).name == "/alice/box"
        assert at_home.exists(name, kind="cluster")
        assert not at_home.exists(name, kind="package")
    assert str(at_home.resolve("@/box")) == "/alice/box"
    assert [entry.name for entry in at_home.list("@")] == ["@/box"]
    assert [entry.name for entry in at_home.list("/alice")] == ["/alice/box"]
    at_home.set_folder("@")
    assert at_home.cluster("box") == BOX
    at_home.save("team/deps", NUMPY)
    assert [entry.name for entry in at_home.list("@", recursive=False)] == ["@/box"]
    assert [entry.name for entry in at_home.list("team")] == ["@/team/deps"]
    assert at_home.folders("@") == ["@", "@/team"]
    assert "/alice/team" in at_home.folders()
    assert "/alice/team/deps" in [entry.name for entry in at_home.list()]
    at_home.delete("box")
    with pytest.raises(NotFound, match="There is no resource /alice/box"):
        alice.load("@/box")


def test_names_in_documents_mean_the_same_for_all(alice: ResourceNames, bob: ResourceNames) -> None:
    alice.set_folder("@")
    alice.save("gpu", BOX)
    alice.save("deps", NUMPY)
    alice.save("f", function(cluster="gpu", packages=["rh:deps", "./"]))
    text = "# mine\nkind: function\ncluster: '@/gpu'  # the big one\ncode: {root: /a, file: a.py, name: f}\n"
    saved = alice.save_text("g", text)
    assert "# mine" in saved.text
    assert "# the big one" in saved.text
    assert "@/" not in saved.text
    alice.share("@", {"bob": "read"})
    assert bob.function("/alice/f").cluster == "/alice/gpu"
    assert bob.function("/alice/g").cluster == "/alice/gpu"
    assert bob.cluster(bob.function("/alice/f").cluster or "") == BOX
    assert [spec.target for spec in bob.packages(bob.function("/alice/f").packages)] == ["numpy", "./"]
    assert "its code in /a" in bob.load("/alice/f").caution


def test_comments_stay_and_broken_text_is_refused(alice: ResourceNames) -> None:
    alice.save_text("@/box", "# under the desk\nkind: cluster\ntype: ssh\nips: [gpu1]\n")
    alice.save("@/box", ClusterDocument(type="ssh", ips=["gpu1", "gpu2"]))
    assert alice.load("@/box").text.startswith("# under the desk\n")
    with pytest.raises(DocumentError, match="/alice/box, line 3: nonsense"):
        alice.save_text("@/box", "kind: cluster\ntype: machine\nnonsense: 1\n")
    assert alice.load("@/box").version == 2
    with pytest.raises(AlreadyExists, match="already"):
        alice.save("@/box", BOX, overwrite=False)
    with pytest.raises(AlreadyExists):
        alice.save("@/BOX", BOX)
    assert alice.registry is not None
    assert (alice.registry.waiting, alice.registry.conflicts) == (0, ())


def test_moves_and_copies_between_places(alice: ResourceNames) -> None:
    text = "# mine\nkind: function\ncluster: gpu\ncode: {root: /a, file: a.py, name: f}\n"
    alice.save_text("~/team/f", text)
    assert alice.copy("~/team/f", "@/f").document == alice.document("~/team/f")
    assert "its cluster ~/team/gpu" in alice.load("@/f").caution
    alice.save("@/f", function(cluster="^local"))
    moved = alice.rename("@/f", "@/old/f")
    assert moved.name == "/alice/old/f"
    assert [version.action for version in alice.history("@/old/f")] == ["moved", "saved", "saved"]
    assert alice.rename("@/old/f", "~/back").document == moved.document
    assert not alice.exists("@/old/f")
    alice.rename("~/back", "@/f")
    assert not alice.exists("~/back")
    with pytest.raises(AlreadyExists):
        alice.copy("~/team/f", "@/f")
    alice.save("@/g", BOX)
    with pytest.raises(AlreadyExists):
        alice.rename("@/g", "@/f")
    with pytest.raises(NotFound):
        alice.rename("@/nothing", "@/x")


def test_history_and_what_was_deleted_comes_back(alice: ResourceNames, bob: ResourceNames) -> None:
    alice.save("@/box", BOX)
    alice.share("@/box", {"bob": "write"})
    bob.save("/alice/box", ClusterDocument(type="ssh", ips=["gpu2"]))
    versions = alice.history("@/box")
    assert [(each.number, each.action, each.by) for each in versions] == [(2, "saved", "bob"), (1, "saved", "alice")]
    assert versions[0].at >= versions[1].at > 0
    assert alice.version_text("@/box", 1) == dump_document(BOX)
    assert alice.restore("@/box", 1).document == BOX
    assert bob.load("/alice/box").version == 3
    last = alice.load("@/box")
    alice.delete("@/box")
    assert not bob.exists("/alice/box")
    for names in (alice, bob):
        [gone] = names.deleted(query="BOX")
        assert (gone.name, gone.kind, gone.version, gone.by) == ("/alice/box", "cluster", last.version, "alice")
    assert (gone.access, alice.deleted("@/team"), alice.deleted("@", most=1)[0].access) == ("write", [], "owner")
    with pytest.raises(UsageError, match="on this computer only"):
        alice.deleted("~")
    back = alice.restore("@/box", last.version)
    assert back.document == BOX
    assert alice.load("@/box").document == BOX
    with pytest.raises(NotFound):
        alice.history("@/nothing")


def test_access_is_given_and_taken(
    alice: ResourceNames, bob: ResourceNames, registry: RegistryServer, log_in: Callable[..., ResourceNames]
) -> None:
    carol = log_in("carol")
    registry.group("team", "bob", managers=("alice",))
    alice.save("@/shared/box", BOX)
    with pytest.raises(NotFound):
        bob.load("/alice/shared/box")
    assert "bob" in alice.people("b")
    assert "@team" in alice.people("")
    access = alice.share("@/shared", {"@team": "read"})
    assert [(grant.who, grant.access) for grant in access.grants] == [("@team", "read")]
    inherited = alice.access("@/shared/box").grants[0]
    assert (inherited.who, inherited.inherited_from) == ("@team", "/alice/shared")
    entry = bob.load("/alice/shared/box")
    assert entry.read_only
    with pytest.raises(RhError, match="You may read /alice/shared/box, not change it"):
        bob.save("/alice/shared/box", NUMPY)
    with pytest.raises(NotFound):
        carol.load("/alice/shared/box")
    alice.share("@/shared/box", {"bob": "write"})
    bob.save("/alice/shared/box", ClusterDocument(type="ssh", ips=["gpu2"]))
    alice.share("@/shared/box", {"bob": "none"})
    alice.share("@/shared", {"@team": "none"})
    assert bob.list("/alice") == []
    with pytest.raises(NotFound):
        bob.load("/alice/shared/box")
    with pytest.raises(RhError, match="nobody"):
        alice.share("@/shared", {"nobody": "read"})


def test_a_name_that_is_not_there_offers_the_nearest(alice: ResourceNames) -> None:
    alice.save("@/train", BOX)
    with pytest.raises(NotFound) as caught:
        alice.load("@/trian")
    assert "/alice/train" in caught.value.remedy
