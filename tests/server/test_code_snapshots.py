"""Trees of code on the server, with real files."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
import time
from pathlib import Path

import pytest
import zstandard
from lab.code_trees import FIRST, NEED_FILES, READY, Files, contents, entry, manifest, plan_of, pushed
from lab.ssh_fixtures import until

from rhresources.code.manifest import content_hash, root_hash
from rhresources.errors import ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.code import BlobStore, Snapshots, trees
from rhserver.code.lending import lent

UNKNOWN_BASE = pb.PlanPushReply.UNKNOWN_BASE


@pytest.fixture
def rooms(tmp_path: Path):
    made = []

    def make() -> Snapshots:
        made.append(Snapshots(tmp_path / "code", BlobStore(tmp_path / "blobs")))
        return made[-1]

    yield make
    for snapshots in made:
        snapshots.close()


def test_a_plan_names_what_is_missing_and_the_files_make_the_tree(rooms) -> None:
    snapshots = rooms()
    request = plan_of(manifest(FIRST))
    reply = snapshots.plan(request)
    assert reply.outcome == NEED_FILES
    assert set(reply.missing) == {content_hash(data) for data in FIRST.values()}
    push = snapshots.push(request.project, request.root)
    big = FIRST["data.bin"]
    push.add([pb.FilePart(hash=content_hash(data), data=data, last=True) for data in FIRST.values() if data != big])
    push.add([pb.FilePart(hash=content_hash(big), data=zstandard.compress(big[:700_000]), zstd=True)])
    push.add([pb.FilePart(hash=content_hash(big), data=big[700_000:], last=True)])
    done = push.finish()
    push.close()
    assert (done.files, done.bytes) == (4, sum(map(len, FIRST.values())))
    folder = snapshots.acquire(request.project, request.root)
    assert contents(folder) == FIRST
    assert snapshots.plan(request).outcome == READY
    assert stat.S_IMODE((folder / "train.py").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_executables_and_links_arrive(rooms) -> None:
    snapshots = rooms()
    files = {"run.sh": entry("run.sh", b"#!/bin/sh\n", True), "bin/go": entry("bin/go", "../run.sh")}
    assert snapshots.plan(plan_of(files, send={"run.sh": b"#!/bin/sh\n"})).outcome == READY
    folder = snapshots.acquire("proj-1", root_hash(files))
    assert os.access(folder / "run.sh", os.X_OK)
    assert os.readlink(folder / "bin/go") == "../run.sh"


def test_only_what_changed_travels_and_an_unused_tree_moves_on(rooms, tmp_path: Path) -> None:
    snapshots = rooms()
    pushed(snapshots, FIRST)
    inode = next((tmp_path / "code/trees/proj-1").glob("*/data.bin")).stat().st_ino
    second = {"train.py": b"x = 2\n", "lib/a.py": b"a\n", "new/c.py": b"c", "data.bin": FIRST["data.bin"]}
    request = plan_of(manifest(second), manifest(FIRST), send={"1": b"x = 2\n", "2": b"c"})
    assert len(request.changed) == 2
    assert list(request.removed) == ["lib/deep/b.py"]
    assert snapshots.plan(request).outcome == READY
    folder = snapshots.acquire("proj-1", request.root)
    assert contents(folder) == second
    assert (folder / "data.bin").stat().st_ino == inode, "the directory was renamed, its files were not copied again"
    assert not (folder / "lib/deep").exists()
    assert len(list((tmp_path / "code/trees/proj-1").glob("*.ready"))) == 1


def test_a_tree_in_use_keeps_its_content(rooms) -> None:
    snapshots = rooms()
    first = pushed(snapshots, FIRST)
    folder = snapshots.acquire("proj-1", first)
    second = {**FIRST, "train.py": b"x = 2\n"}
    root = pushed(snapshots, second, FIRST)
    assert contents(folder) == FIRST
    other = snapshots.acquire("proj-1", root)
    assert other != folder
    assert contents(other) == second
    assert snapshots.in_use() == [("proj-1", first), ("proj-1", root)]


def test_what_user_code_did_to_its_tree_does_not_reach_the_next_one(rooms, tmp_path: Path) -> None:
    snapshots = rooms()
    first = pushed(snapshots, FIRST)
    folder = snapshots.acquire("proj-1", first)
    time.sleep(0.02)  # the clock of the file system ticks every few milliseconds
    (folder / "lib/a.py").write_text("overwritten")
    (folder / "lib/deep/b.py").unlink()
    (folder / "model.pt").write_bytes(b"weights")
    (folder / "out").mkdir()
    (folder / "out/log.txt").write_text("log")
    (folder / "lib/__pycache__").mkdir()
    (folder / "lib/__pycache__/a.cpython-311.pyc").write_bytes(b"pyc")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__/train.cpython-311.pyc").write_bytes(b"stale")
    snapshots.release("proj-1", first)
    second = {**FIRST, "train.py": b"x = 2\n"}
    root = pushed(snapshots, second, FIRST)
    after = contents(snapshots.acquire("proj-1", root))
    assert {path: data for path, data in after.items() if "__pycache__" not in path} == second
    assert "__pycache__/train.cpython-311.pyc" not in after, "byte code of the old version would be taken for the new"
    kept = contents(next((tmp_path / "code/aside/proj-1").iterdir()))
    assert kept == {"model.pt": b"weights", "out/log.txt": b"log"}, "what a run wrote is not thrown away"


def test_folders_swapped_for_links_by_user_code_are_not_followed(rooms, tmp_path: Path) -> None:
    snapshots = rooms()
    outside = tmp_path / "outside"
    outside.mkdir()
    first = pushed(snapshots, FIRST)
    folder = snapshots.acquire("proj-1", first)
    trees.remove_tree(folder / "lib")
    (folder / "lib").symlink_to(outside)
    snapshots.release("proj-1", first)
    second = {**FIRST, "lib/a.py": b"changed"}
    root = pushed(snapshots, second, FIRST)
    assert contents(snapshots.acquire("proj-1", root)) == second
    assert list(outside.iterdir()) == []


def test_files_and_folders_may_swap_places(rooms) -> None:
    snapshots = rooms()
    before: Files = {"a": b"file", "b/c.py": b"1", "b/d/e.py": b"2", "z1": b"", "z2": b" ", "z3": b"  ", "z4": b"   "}
    after: Files = {"a/x.py": b"3", "b": b"file", "z1": b"", "z2": b" ", "z3": b"  ", "z4": b"   "}
    first = pushed(snapshots, before)
    folder = snapshots.acquire("proj-1", first)
    (folder / "b/__pycache__").mkdir()
    (folder / "b/__pycache__/c.cpython-311.pyc").write_bytes(b"")
    snapshots.release("proj-1", first)
    root = pushed(snapshots, after, before)
    assert contents(snapshots.acquire("proj-1", root)) == after


def test_an_unknown_or_wrong_base_asks_for_everything(rooms) -> None:
    snapshots = rooms()
    second = {**FIRST, "n": b"n"}
    assert snapshots.plan(plan_of(manifest(second), manifest(FIRST))).outcome == UNKNOWN_BASE
    pushed(snapshots, FIRST)
    lying = plan_of(manifest(second), manifest(FIRST))
    del lying.changed[:]
    assert snapshots.plan(lying).outcome == UNKNOWN_BASE


def test_a_root_that_does_not_fit_is_refused(rooms) -> None:
    request = plan_of(manifest(FIRST))
    request.root = content_hash(b"other")
    with pytest.raises(ServerProblem, match="does not have the hash"):
        rooms().plan(request)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"/etc/cron.d/x": b""}, "absolute"),
        ({"../x": b""}, r"'\.\.'"),
        ({"a/../../x": b""}, r"'\.\.'"),
        ({"a//b": b""}, "part ''"),
        ({"a\0b": b""}, "NUL"),
        ({"": b""}, "empty"),
        ({"a" * 300: b""}, "255"),
        ({"link": "/etc"}, "absolute"),
        ({"link": "../x"}, "leads out"),
        ({"d/link": "../../x"}, "leads out"),
        ({"a/b/c/up": "../../..", "door": "a/b/c/up/../x"}, "leads out"),
        ({"link": "lib", "link/x.py": b""}, "cannot have files under it"),
        ({"a": b"", "a.b": b"", "a/c": b""}, "cannot have files under it"),
    ],
)
def test_hostile_trees_are_refused(rooms, tmp_path: Path, files: dict[str, bytes | str], message: str) -> None:
    snapshots = rooms()
    sent = {path: data for path, data in files.items() if isinstance(data, bytes)}
    with pytest.raises(ServerProblem, match=message):
        snapshots.plan(plan_of(manifest(files), send=sent))
    assert list((tmp_path / "code/trees").iterdir()) == []


def test_only_files_of_the_base_can_be_removed(rooms, tmp_path: Path) -> None:
    snapshots = rooms()
    pushed(snapshots, FIRST)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    second = {**FIRST, "train.py": b"x = 2\n"}
    request = plan_of(manifest(second), manifest(FIRST), send=second)
    request.removed.extend(["../../../../victim", str(victim), "lib/../../../../../victim"])
    assert snapshots.plan(request).outcome == READY
    assert victim.read_text() == "mine"
    assert contents(snapshots.acquire("proj-1", request.root)) == second


def test_links_inside_the_tree_are_fine(rooms) -> None:
    files = manifest({"a/b/x": b"1", "l": "a/b", "m": "l/x", "round": "round", "top": "a/b/../../l/x"})
    assert rooms().plan(plan_of(files, send={"x": b"1"})).outcome == READY


@pytest.mark.parametrize("project", ["", "..", "a/b", ".hidden", "-x", "a\0", "x" * 300])
def test_hostile_project_names_are_refused(rooms, project: str) -> None:
    with pytest.raises(ServerProblem, match="cannot be the name"):
        rooms().plan(plan_of({}, project=project))


def test_content_that_is_not_what_it_says_is_refused_and_leaves_nothing(rooms, tmp_path: Path) -> None:
    snapshots = rooms()
    request = plan_of(manifest(FIRST))
    snapshots.plan(request)
    push = snapshots.push(request.project, request.root)
    hash = content_hash(FIRST["data.bin"])
    with pytest.raises(ServerProblem, match="changed on its way"):
        push.add([pb.FilePart(hash=hash, data=b"x"), pb.FilePart(hash=hash, data=b"y", last=True)])
    with pytest.raises(ServerProblem, match="zstd"):
        push.add([pb.FilePart(hash=hash, data=b"not zstd", zstd=True, last=True)])
    with pytest.raises(ServerProblem, match="were not sent"):
        push.finish()
    push.close()
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


def test_files_without_a_plan_are_refused(rooms) -> None:
    with pytest.raises(ServerProblem) as caught:
        rooms().push("proj-1", content_hash(b""))
    assert caught.value.code == "unknown-plan"


def test_an_unknown_tree_cannot_be_acquired(rooms) -> None:
    with pytest.raises(ServerProblem) as caught:
        rooms().acquire("proj-1", content_hash(b""))
    assert caught.value.code == "unknown-code"


def test_trees_outlive_a_restart_and_half_made_ones_do_not(rooms, tmp_path: Path) -> None:
    root = pushed(rooms(), FIRST)
    half = tmp_path / "code/trees/proj-1" / content_hash(b"half")
    half.mkdir()
    (half / "x").write_text("x")
    (tmp_path / "code/work/leftover").mkdir()
    (tmp_path / "blobs/incoming/abc").write_bytes(b"partial")
    again = rooms()
    assert not half.exists()
    assert list((tmp_path / "code/work").iterdir()) == []
    assert list((tmp_path / "blobs/incoming").iterdir()) == []
    assert contents(again.acquire("proj-1", root)) == FIRST
    second = {**FIRST, "train.py": b"2"}
    pushed(again, second, FIRST)


def test_a_tree_changed_while_no_server_ran_is_mended(rooms) -> None:
    snapshots = rooms()
    first = pushed(snapshots, FIRST)
    folder = snapshots.acquire("proj-1", first)
    again = rooms()
    time.sleep(0.02)
    (folder / "lib/a.py").write_text("by a worker that outlived its server")
    second = {**FIRST, "train.py": b"2"}
    root = pushed(again, second, FIRST)
    assert contents(again.acquire("proj-1", root)) == second


def test_a_full_disk_gives_one_sentence_and_keeps_the_old_tree(
    rooms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots = rooms()
    first = pushed(snapshots, FIRST)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    second = {**FIRST, "train.py": b"x = 2\n", "lib/a.py": b"changed"}
    with monkeypatch.context() as patch:
        patch.setattr(trees, "copy", full)
        with pytest.raises(ServerProblem, match="the disk of the cluster is full") as caught:
            snapshots.plan(plan_of(manifest(second), manifest(FIRST), send=second))
    assert caught.value.code == "disk-full"
    assert list((tmp_path / "code/work").iterdir()) == []
    assert contents(snapshots.acquire("proj-1", first)) == FIRST
    snapshots.release("proj-1", first)
    root = pushed(snapshots, second, FIRST)
    assert contents(snapshots.acquire("proj-1", root)) == second


def test_a_forgotten_tree_is_made_again_from_the_contents(rooms) -> None:
    snapshots = rooms()
    first = pushed(snapshots, FIRST)
    pushed(snapshots, {**FIRST, "train.py": b"x = 2\n"}, FIRST)  # moved on: the first tree is gone
    assert contents(snapshots.acquire("proj-1", first)) == FIRST


def test_contents_deleted_by_hand_are_asked_for_again(rooms, tmp_path: Path) -> None:
    snapshots = rooms()
    first = pushed(snapshots, FIRST)
    snapshots.acquire("proj-1", first)
    trees.remove_tree(tmp_path / "blobs" / content_hash(b"a\n")[:2])
    second = {**FIRST, "train.py": b"x = 2\n"}
    reply = snapshots.plan(plan_of(manifest(second), manifest(FIRST), send=second | {}))
    if reply.outcome == NEED_FILES:
        assert list(reply.missing) == [content_hash(b"a\n")]
    pushed(snapshots, second)


def test_collect_removes_what_is_unused_and_keeps_what_is_lent(rooms, tmp_path: Path) -> None:
    snapshots = rooms()
    first = pushed(snapshots, FIRST)
    folder = snapshots.acquire("proj-1", first)
    other: Files = {"only.py": b"only here", "big": bytes(100_000)}
    request = plan_of(manifest(other), project="other-2", send=other)
    snapshots.plan(request)
    assert snapshots.collect(unused_seconds=3600, max_bytes=1 << 40) == 0
    for path in (tmp_path / "blobs").rglob("*"):
        os.utime(path, (1, 1))
    for path in (tmp_path / "code/manifests").iterdir():
        os.utime(path, (1, 1))
    freed = snapshots.collect(unused_seconds=3600, max_bytes=0)
    assert freed == 2 * sum(map(len, other.values())), "the tree and its contents"
    assert contents(folder) == FIRST
    assert snapshots.plan(plan_of(manifest(other), project="other-2")).outcome == NEED_FILES
    snapshots.release("proj-1", first)


async def test_what_is_lent_while_its_user_is_cancelled_is_given_back(rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots = rooms()
    tree = ("proj-1", pushed(snapshots, FIRST))
    acquire = snapshots.acquire
    begins, goes_on = threading.Event(), threading.Event()

    def slow(project: str, root: str) -> Path:
        begins.set()
        goes_on.wait(30)
        return acquire(project, root)

    async def use() -> None:
        async with lent(snapshots, [tree]):
            raise AssertionError("it was cancelled before")

    monkeypatch.setattr(snapshots, "acquire", slow)
    task = asyncio.create_task(use())
    await asyncio.to_thread(begins.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    goes_on.set()
    monkeypatch.undo()
    async with lent(snapshots, [tree]) as found:
        assert contents(found[tree]) == FIRST
        assert snapshots.collect(unused_seconds=0, max_bytes=0) == 0, "it is in use"
    await until(lambda: snapshots.collect(unused_seconds=0, max_bytes=0) > 0)
