"""Resources on disk: whole or not there, hand edits respected, and one sentence where the disk says no."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rhresources.documents import ClusterDocument, FunctionDocument, PackageDocument, dump_document
from rhresources.errors import AlreadyExists, DocumentError, NotFound, RhError
from rhresources.names import Address
from rhresources.stores.local import LocalStore

X = Address.parse("~/x")
MACHINE = ClusterDocument(type="machine", description="one")
OTHER = ClusterDocument(type="machine", description="two")


@pytest.fixture
def store(rh_home: Path) -> LocalStore:
    return LocalStore(rh_home)


def files(store: LocalStore) -> set[str]:
    return {
        str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file() and path.name != ".lock"
    }


def write(store: LocalStore, name: str, content: str | bytes) -> Path:
    path = store.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_one_file_a_resource(store: LocalStore) -> None:
    assert store.list() == []
    assert store.folders() == ["~"]
    address = Address.parse("~/team/nlp/box")
    entry = store.save(address, MACHINE)
    assert (entry.address, entry.document, entry.problem, entry.kind) == (address, MACHINE, None, "cluster")
    assert files(store) == {"team/nlp/box.yaml"}
    assert entry.path is not None
    assert entry.path.read_text() == dump_document(MACHINE) == entry.text
    assert entry.modified == entry.path.stat().st_mtime
    assert store.folders() == ["~", "~/team", "~/team/nlp"]
    assert LocalStore(store.root.parent).load(address) == entry


def test_a_folder_and_a_resource_may_share_a_name(store: LocalStore) -> None:
    store.save(Address.parse("~/team"), MACHINE)
    store.save(Address.parse("~/team/team"), OTHER)
    assert [entry.name for entry in store.list()] == ["~/team", "~/team/team"]


def test_overwriting_only_where_allowed(store: LocalStore) -> None:
    store.save(X, MACHINE)
    with pytest.raises(AlreadyExists, match="~/x already"):
        store.save(X, OTHER, overwrite=False)
    assert store.load(X).document == MACHINE
    assert store.save(X, OTHER).document == OTHER


def test_saving_keeps_comments_and_permissions(store: LocalStore) -> None:
    path = write(store, "x.yaml", "# mine\nkind: cluster\ntype: machine  # this one\n")
    path.chmod(0o600)
    store.save(X, OTHER)
    assert path.read_text() == "# mine\nkind: cluster\ntype: machine  # this one\ndescription: two\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_hand_edit_is_seen_at_once(store: LocalStore) -> None:
    entry = store.save(X, MACHINE)
    assert entry.path is not None
    for word in ("two", "ten", "six"):  # of one length, in place, one right after the other
        entry.path.write_text(dump_document(ClusterDocument(type="machine", description=word)))
        assert store.load(X).require().description == word


@pytest.mark.parametrize(
    ("content", "says", "kind"),
    [
        ("kind: cluster\ntype: [\n", "line 3", "cluster"),
        ("kind: function\nkind: function\n", "stands twice", "function"),
        ("kind: cluster\ntype: machine\ntpye: x\n", "did you mean type?", "cluster"),
        ("", "empty", ""),
        (b"kind: cluster\n\xff\xfe\n", "line 2: this is not UTF-8 text", ""),
        (b"kind: cluster\ntype: machine\n#" + b"x" * 1024 * 1024, "1,048,576 are allowed", ""),
        (b"\0" * 100, "may not stand in YAML", ""),
    ],
)
def test_a_broken_file_is_listed_and_left_alone(store: LocalStore, content: str | bytes, says: str, kind: str) -> None:
    path = write(store, "x.yaml", content)
    before = path.read_bytes()
    [entry] = store.list()
    assert entry.broken
    assert entry.problem is not None
    assert says in str(entry.problem)
    assert str(path) in str(entry.problem)
    assert entry.kind == kind
    with pytest.raises(DocumentError, match="was not saved, because its file is broken"):
        store.save(X, MACHINE)
    with pytest.raises(DocumentError):
        entry.require()
    assert path.read_bytes() == before
    assert files(store) == {"x.yaml"}


def test_a_broken_file_can_be_mended_in_the_editor(store: LocalStore) -> None:
    write(store, "x.yaml", "kind: cluster\ntype: [\n")
    broken = store.load(X)
    with pytest.raises(DocumentError, match="did you mean machine"):
        store.save_text(X, "kind: cluster\ntype: machin\n", modified=broken.modified)
    assert store.load(X).text == broken.text, "a wrong text is not saved"
    mended = store.save_text(X, "# ok now\nkind: cluster\ntype: machine", modified=broken.modified)
    assert mended.text == "# ok now\nkind: cluster\ntype: machine\n"


def test_no_update_is_lost(store: LocalStore) -> None:
    mine = store.save(X, MACHINE)
    assert mine.path is not None
    os.utime(mine.path, (mine.modified + 1, mine.modified + 1))
    theirs = mine.path.read_text()
    for modified, said in ((mine.modified, "changed by something else"), (0.0, "a resource ~/x already")):
        with pytest.raises(AlreadyExists, match=said):
            store.save_text(X, dump_document(OTHER), modified=modified)
    assert mine.path.read_text() == theirs
    store.delete(X)
    with pytest.raises(AlreadyExists, match="has been deleted by something else"):
        store.save_text(X, dump_document(OTHER), modified=mine.modified)
    assert not store.exists(X)
    made = store.save_text(X, dump_document(OTHER), modified=0.0)
    assert store.save_text(X, dump_document(MACHINE), modified=made.modified).document == MACHINE
    assert store.save_text(X, dump_document(OTHER)).document == OTHER


def test_names_that_differ_only_in_case(store: LocalStore) -> None:
    store.save(Address.parse("~/team/train"), MACHINE)
    for name, other in (("~/team/Train", "~/team/train"), ("~/Team/new", "~/team")):
        with pytest.raises(AlreadyExists) as caught:
            store.save(Address.parse(name), MACHINE)
        assert f"{name} and {other} differ only in upper and lower case" in str(caught.value)
    assert files(store) == {"team/train.yaml"}
    assert store.rename(Address.parse("~/team/train"), Address.parse("~/team/Train")).name == "~/team/Train"


def test_delete_removes_empty_folders(store: LocalStore) -> None:
    for name in ("~/a/b/x", "~/a/y"):
        store.save(Address.parse(name), MACHINE)
    store.delete(Address.parse("~/a/b/x"))
    assert store.folders() == ["~", "~/a"]
    store.delete(Address.parse("~/a/y"))
    assert store.folders() == ["~"]
    with pytest.raises(NotFound, match="~/a/y"):
        store.delete(Address.parse("~/a/y"))
    with pytest.raises(NotFound, match="~/a/y"):
        store.load(Address.parse("~/a/y"))


def test_rename(store: LocalStore) -> None:
    write(store, "x.yaml", "# mine\nkind: cluster\ntype: machine\n")
    write(store, "broken.yaml", "kind: [")
    y = Address.parse("~/team/y")
    assert store.rename(X, y).text.startswith("# mine\n")
    assert not store.exists(X)
    assert store.rename(Address.parse("~/broken"), X).broken
    with pytest.raises(AlreadyExists):
        store.rename(X, y)
    assert store.rename(X, X).broken
    with pytest.raises(NotFound):
        store.rename(Address.parse("~/nothing"), Address.parse("~/z"))
    assert files(store) == {"x.yaml", "team/y.yaml"}


def test_files_that_are_no_resources(store: LocalStore) -> None:
    good = "kind: cluster\ntype: machine\n"
    for name in ("README.md", ".hidden.yaml", ".git/x.yaml", "x.yaml~", "x.yaml.swp"):
        write(store, name, good)
    assert store.list() == []
    for name in ("my box.yaml", "-x.yaml", "x.yml", "a b/x.yaml"):
        write(store, name, good)
    found = store.list()
    assert len(found) == 4
    for entry in found:
        assert entry.problem is not None
        assert "ename the file" in str(entry.problem) or "must end with .yaml" in str(entry.problem)


def test_what_is_not_a_file_does_not_hang(store: LocalStore) -> None:
    store.root.mkdir(parents=True)
    os.mkfifo(store.root / "pipe.yaml")
    os.symlink("/nowhere/at/all", store.root / "link.yaml")
    os.symlink("/dev/zero", store.root / "zero.yaml")
    (store.root / "folder.yaml").mkdir()
    found = {entry.name: str(entry.problem) for entry in store.list()}
    assert "not a plain file" in found["~/pipe"]
    assert "not a plain file" in found["~/zero"]
    assert "link to a file that does not exist" in found["~/link"]
    assert set(found) == {"~/pipe", "~/zero", "~/link"}


def test_a_link_is_followed(store: LocalStore, tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.yaml"
    kept.write_text("kind: cluster\ntype: machine\n")
    store.root.mkdir(parents=True)
    (store.root / "x.yaml").symlink_to(kept)
    store.save(X, OTHER)
    assert (store.root / "x.yaml").is_symlink()
    assert "two" in kept.read_text()


def test_a_file_in_the_place_of_a_folder(store: LocalStore) -> None:
    write(store, "team", "I am a file")
    with pytest.raises(RhError, match=r"~/team/x was not saved: a file stands where a directory belongs\."):
        store.save(Address.parse("~/team/x"), MACHINE)
    with pytest.raises(NotFound):
        store.load(Address.parse("~/team/x"))
    with pytest.raises(NotFound):
        store.delete(Address.parse("~/team/x"))


def test_a_disk_that_takes_no_more_keeps_the_old_document(store: LocalStore) -> None:
    store.save(X, MACHINE)
    before = store.load(X)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
    try:
        with pytest.raises(RhError, match="~/x was not saved: the file would be too large for this disk") as caught:
            store.save(X, ClusterDocument(type="cloud", instance_type="CPU:2", image_id="x" * 9000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert caught.value.remedy
    assert caught.value.detail
    assert store.load(X) == before
    assert files(store) == {"x.yaml"}, "nothing half-done is left"


@contextmanager
def somebody_else() -> Iterator[None]:
    """Permissions do not bind root, so root becomes nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_directory_that_may_not_be_written_to(store: LocalStore, short_path: Path) -> None:
    store.save(X, MACHINE)
    before = store.load(X)
    for directory in (short_path, store.root.parent.parent, store.root.parent):
        directory.chmod(0o755)
    store.root.chmod(0o555)
    (store.root / ".lock").chmod(0o444)
    with somebody_else():
        for act, what in (
            (lambda: store.save(X, OTHER), "saved"),
            (lambda: store.save_text(X, dump_document(OTHER)), "saved"),
            (lambda: store.delete(X), "deleted"),
            (lambda: store.rename(X, Address.parse("~/y")), "renamed"),
        ):
            with pytest.raises(RhError, match=rf"^~/x was not {what}: you may not write there\.") as caught:
                act()
            assert "RH_HOME" in caught.value.remedy
    store.root.chmod(0o755)
    assert store.load(X) == before


ON_A_SMALL_DISK = """
import os, sys
from pathlib import Path
from rhresources.documents import ClusterDocument
from rhresources.errors import RhError
from rhresources.names import Address
from rhresources.settings import Settings
from rhresources.stores.local import LocalStore

home, x = Path(sys.argv[1]), Address.parse("~/x")
store = LocalStore(home)
store.save(x, ClusterDocument(type="machine", description="old"))
try:
    (home / "big").write_bytes(b"x" * 1_000_000)
except OSError:
    pass
new = ClusterDocument(type="cloud", instance_type="CPU:2", image_id="x" * 9000)
for act in (lambda: store.save(x, new), lambda: Settings.change(home, theme="dark")):
    try:
        act()
    except RhError as error:
        print(error.sentence)
print(store.load(x).require().description, sorted(os.listdir(home)), sorted(os.listdir(home / "resources")))
"""


def test_a_full_disk_keeps_the_old_document(short_path: Path) -> None:
    disk = short_path / "disk"
    disk.mkdir()
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    mount = [*unshare, "sh", "-ec", f'mount -t tmpfs -o size=64k tmpfs {disk} && exec "$@"', "sh"]
    if not shutil.which("unshare") or subprocess.run([*mount, "true"], capture_output=True).returncode:
        pytest.skip("this account may not mount a small disk")
    done = subprocess.run([*mount, sys.executable, "-c", ON_A_SMALL_DISK, str(disk)], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "~/x was not saved: the disk is full.",
        f"{disk}/config.yaml was not saved: the disk is full.",
        "old ['.lock', 'big', 'resources'] ['.lock', 'x.yaml']",
    ]


def test_many_writers_leave_one_whole_document(store: LocalStore) -> None:
    documents = [ClusterDocument(type="machine", description=f"{n} " * 400) for n in range(4)]
    problems: list[Exception] = []

    def work(document: ClusterDocument) -> None:
        mine = LocalStore(store.root.parent)
        for _ in range(10):
            try:
                mine.save(X, document)
                if mine.load(X).document not in documents:
                    problems.append(AssertionError("half a document"))
            except Exception as error:
                problems.append(error)

    threads = [threading.Thread(target=work, args=(document,)) for document in documents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert files(store) == {"x.yaml"}


def test_only_one_of_many_makes_a_new_name(store: LocalStore) -> None:
    made: list[object] = []

    def work(make: Callable[[], object]) -> None:
        try:
            made.append(make())
        except AlreadyExists:
            pass

    threads = [
        threading.Thread(target=work, args=(lambda: LocalStore(store.root.parent).save(X, MACHINE, overwrite=False),))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_bare_names_in_a_file_are_meant_in_its_folder(store: LocalStore) -> None:
    code = {"root": "/a", "file": "a.py", "name": "f"}
    document = FunctionDocument(cluster="box", code=code, packages=["rh:deps"])  # type: ignore[arg-type]
    write(store, "team/f.yaml", dump_document(document))
    found = store.load(Address.parse("~/team/f")).document
    assert isinstance(found, FunctionDocument)
    assert (found.cluster, found.packages) == ("~/team/box", ["rh:~/team/deps"])


def test_what_did_not_change_is_not_read_again(store: LocalStore) -> None:
    for number in range(300):
        path = write(
            store, f"f{number % 7}/p{number}.yaml", dump_document(PackageDocument(install_method="pip", target="x"))
        )
        os.utime(path, (1e9, 1e9))
    first, second = store.list(), store.list()
    assert len(first) == 300
    assert all(again is before for again, before in zip(second, first, strict=True))
