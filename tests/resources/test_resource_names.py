"""All places behind one load, save and list."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from rhresources.documents import ClusterDocument, FunctionDocument, PackageDocument, dump_document, parse_document
from rhresources.errors import AlreadyExists, BadName, DocumentError, NoRegistry, NotFound, UsageError
from rhresources.names import Address
from rhresources.resource_names import ResourceNames
from rhresources.settings import Settings
from rhresources.stores.entry import Entry

BOX = ClusterDocument(type="ssh", ips=["gpu1"])
NUMPY = PackageDocument(install_method="pip", target="numpy")


def function(**values: object) -> FunctionDocument:
    return FunctionDocument(code={"root": "/a", "file": "a.py", "name": "f"}, **values)  # type: ignore[arg-type]


@pytest.fixture
def names(rh_home: Path) -> ResourceNames:
    return ResourceNames()


def test_home_is_rh_home_and_appears_with_the_first_save(names: ResourceNames, rh_home: Path) -> None:
    assert names.home == rh_home
    assert [entry.name for entry in names.list("~")] == []
    assert not rh_home.exists(), "looking makes nothing"
    names.save("box", BOX)
    assert (rh_home / "resources" / "box.yaml").is_file()


def test_save_load_list_delete(names: ResourceNames) -> None:
    names.save("~/box", BOX)
    names.save("team/deps", NUMPY)
    names.save("team/f", function(cluster="^local"))
    assert names.load("box").document == BOX
    assert names.document(Address.parse("~/box")) == BOX
    assert [entry.name for entry in names.list("~")] == ["~/box", "~/team/deps", "~/team/f"]
    assert [entry.name for entry in names.list("~", recursive=False)] == ["~/box"]
    assert [entry.name for entry in names.list("team", kind="package")] == ["~/team/deps"]
    assert [entry.name for entry in names.list()][:4] == ["~/box", "~/team/deps", "~/team/f", "^local"]
    assert {entry.kind for entry in names.list(kind="cluster")} == {"cluster"}
    assert names.list("^")[0].name == "^local"
    assert names.folders() == ["~", "~/team"]
    assert names.folders("team") == ["~/team"]
    assert names.exists("box")
    assert names.exists("box", kind="cluster")
    assert not names.exists("box", kind="function")
    assert names.exists("^local")
    names.delete("box")
    assert not names.exists("box")


def test_typed_loads(names: ResourceNames) -> None:
    names.save("box", BOX)
    names.save("deps", NUMPY)
    names.save("f", function())
    assert names.cluster("box") == BOX
    assert names.cluster("^rh-a100").instance_type == "A100:1"
    assert names.package("deps") == NUMPY
    assert names.function("f") == function()
    with pytest.raises(UsageError, match="~/deps is a package, not a cluster"):
        names.cluster("deps")


def test_folders_are_a_stack(names: ResourceNames) -> None:
    assert names.current_folder == "~"
    assert names.set_folder("team") == "~/team"
    assert names.set_folder("nlp") == "~/team/nlp"
    names.save("f", function(cluster="box"))
    assert names.function("~/team/nlp/f").cluster == "~/team/nlp/box", "bare names mean the folder they were said in"
    assert names.unset_folder() == "~/team"
    assert names.exists("nlp/f")
    assert names.unset_folder() == "~"
    assert names.unset_folder() == "~"
    with pytest.raises(BadName):
        names.set_folder("../x")


def test_the_default_folder_is_a_setting(names: ResourceNames) -> None:
    Settings.change(names.home, default_folder="~/mine")
    names.save("box", BOX)
    assert names.exists("~/mine/box")


@pytest.mark.parametrize("name", ["@/x", "/alice/x", "/alice/team/x"])
def test_names_of_the_registry_say_what_is_missing(names: ResourceNames, name: str) -> None:
    names.save("here", BOX)
    acts: list[Callable[[], object]] = [
        lambda: names.load(name),
        lambda: names.exists(name),
        lambda: names.save(name, BOX),
        lambda: names.save_text(name, dump_document(BOX)),
        lambda: names.delete(name),
        lambda: names.rename("here", name),
        lambda: names.rename(name, "here2"),
        lambda: names.copy("here", name),
        lambda: names.copy(name, "here2"),
        lambda: names.history(name),
        lambda: names.version_text(name, 1),
        lambda: names.restore(name, 1),
        lambda: names.access(name),
        lambda: names.share(Address.parse(name).folder, {"bob": "read"}),
        lambda: names.conflict(name),
        lambda: names.settle(name, ""),
        lambda: names.discard(name),
        lambda: names.list(Address.parse(name).folder),
        lambda: names.folders(Address.parse(name).folder),
    ]
    for act in acts:
        with pytest.raises(NoRegistry, match="kept in a registry, and none is logged in to") as caught:
            act()
        assert "~/name" in caught.value.remedy
    assert [entry.name for entry in names.list("~")] == ["~/here"]


def test_that_history_and_sharing_are_for_a_registry(names: ResourceNames) -> None:
    names.save("here", BOX)
    assert names.registry is None
    acts: list[Callable[[], object]] = [
        lambda: names.history("here"),
        lambda: names.share("here", {"bob": "read"}),
        lambda: names.access("~"),
    ]
    for act in acts:
        with pytest.raises(UsageError, match="on this computer only") as caught:
            act()
        assert "rhdesk cp" in caught.value.remedy


def test_a_copy_means_the_same(names: ResourceNames) -> None:
    text = "# mine\nkind: function\ncode: {root: /a, file: a.py, name: f}\ncluster: box\npackages: ['rh:deps']\n"
    names.save_text("team/f", text)
    copied = names.copy("team/f", "~/f")
    assert copied.text.startswith("# mine\n")
    assert copied.document == names.document("team/f")
    assert names.function("f").cluster == "~/team/box"
    assert names.function("f").packages == ["rh:~/team/deps"]
    names.copy("^local", "here")
    assert names.cluster("here").type == "machine"
    with pytest.raises(AlreadyExists):
        names.copy("team/f", "here")
    with pytest.raises(NotFound):
        names.copy("nothing", "x")


def test_what_others_cannot_reach_is_said() -> None:
    def caution(text: str, name: str = "/alice/x") -> str:
        document = parse_document(text)
        return Entry(Address.parse(name), document, None, 1.0, None, document.kind, text).caution

    code = "kind: function\ncode: {root: ~/project, file: a.py, name: f}\n"
    here = "Others cannot reach its code in ~/project: that is on one computer."
    assert caution(code).startswith(f"{here} Give it a cluster of the registry")
    there = caution(f"{code}cluster: /alice/gpu\n")
    assert there == f"{here} Run it once from there while /alice/gpu is up, and its code is there for all of them."
    assert caution(code, "~/x") == ""
    assert caution(f"{code}cluster: ~/gpu\npackages: [numpy, ./, ~/lib, 'rh:~/deps']\n") == (
        "Others cannot reach its cluster ~/gpu, its code in ~/project, its package ~/lib and its package rh:~/deps: "
        "they are on one computer."
    )
    git = "kind: function\ncode: {git_url: https://host/o/r.git, file: a.py, name: f}\ncluster: /alice/gpu\n"
    assert caution(git) == ""
    cluster = "kind: cluster\ntype: ssh\nips: [gpu1]\nssh_creds: {ssh_user: team, ssh_private_key: %s}\n"
    assert caution(cluster % "~/.ssh/id_ed25519") == ""
    assert "/home/alice/key" in caution(cluster % "/home/alice/key")
    sent = "kind: function\ncode: {root: /a, file: a.py, name: f, sent: {project: a-1, tree: %s, module: a}}\n" % (
        "f" * 40
    )
    assert caution(f"{sent}cluster: /alice/gpu\n") == ""
    assert "^local is the computer of whoever calls it" in caution(f"{sent}cluster: ^local\n")
    assert "it means their own computer" in caution("kind: cluster\ntype: machine\n")
    assert caution("kind: cluster\ntype: machine\n", "~/x") == ""
    assert "../lib" in caution("kind: package\ninstall_method: pip\ntarget: ../lib\n")


def test_built_ins_are_read_only(names: ResourceNames) -> None:
    names.save("x", BOX)
    acts: list[Callable[[], object]] = [
        lambda: names.save("^local", BOX),
        lambda: names.save_text("^new", dump_document(BOX)),
        lambda: names.delete("^local"),
        lambda: names.rename("^local", "mine"),
        lambda: names.rename("x", "^local"),
    ]
    for act in acts:
        with pytest.raises(UsageError, match="is built in and cannot be"):
            act()


@pytest.mark.parametrize(
    ("name", "meant"), [("local", "^local"), ("trian", "~/team/train"), ("^rh-a10", "^rh-a10g"), ("zzzz", "rhdesk ls")]
)
def test_a_name_that_is_not_there_offers_the_nearest(names: ResourceNames, name: str, meant: str) -> None:
    names.save("team/train", BOX)
    for act in (names.load, names.delete):
        if name.startswith("^") and act == names.delete:
            continue
        with pytest.raises(NotFound, match="There is no") as caught:
            act(name)
        assert meant in caught.value.remedy


def test_a_folder_that_is_taken_for_a_resource_is_said_to_be_one(names: ResourceNames) -> None:
    names.save("team/train", BOX)
    for act in (names.load, names.delete, lambda name: names.copy(name, "x"), lambda name: names.rename(name, "x")):
        with pytest.raises(NotFound, match=r"^~/team is a folder, not a resource\. `rhdesk ls ~/team` lists"):
            act("~/team")
    for name in ("~/team/", "~", "/ann"):
        with pytest.raises(BadName, match=rf"is an? .*folder, not .*`rhdesk ls {name.rstrip('/')}` lists"):
            names.load(name)


def test_a_broken_resource_is_loaded_listed_and_deletable(names: ResourceNames) -> None:
    names.save("box", BOX)
    path = names.load("box").path
    assert path is not None
    path.write_text("kind: cluster\nips: [\n")
    entry = names.load("box")
    assert entry.broken
    assert entry.text == "kind: cluster\nips: [\n"
    assert [each.name for each in names.list(kind="cluster") if each.broken] == ["~/box"]
    with pytest.raises(DocumentError, match="line 3"):
        names.document("box")
    with pytest.raises(DocumentError):
        names.cluster("box")
    with pytest.raises(DocumentError, match="was not saved"):
        names.save("box", BOX)
    names.delete("box")
    assert not names.exists("box")


def test_one_name_is_one_thing(names: ResourceNames) -> None:
    names.save("x", BOX)
    with pytest.raises(AlreadyExists):
        names.save("x", NUMPY, overwrite=False)
    with pytest.raises(AlreadyExists, match="differ only"):
        names.save("X", NUMPY)
    names.save("x", NUMPY)
    assert names.load("x").kind == "package"


def test_saved_packages_are_looked_up(names: ResourceNames) -> None:
    names.save("deps", PackageDocument(install_method="pip", target="numpy", options=["--no-deps"]))
    found = names.packages(["./", "rh:deps --pre"])
    assert [(spec.method, spec.target, spec.options, spec.text) for spec in found] == [
        ("reqs", "./", (), "./"),
        ("pip", "numpy", ("--no-deps", "--prerelease=allow"), "rh:deps --pre"),
    ]
    with pytest.raises(NotFound):
        names.packages(["rh:nothing"])


def test_two_folders_see_each_others_changes(names: ResourceNames) -> None:
    told = threading.Event()
    seen: set[str] = set()

    def callback(changed: frozenset[Address]) -> None:
        seen.update(map(str, changed))
        told.set()

    stop = names.watch(callback)
    ResourceNames(names.home).save("team/box", BOX)
    assert told.wait(10)
    stop()
    assert seen == {"~/team/box"}
    assert names.cluster("team/box") == BOX
