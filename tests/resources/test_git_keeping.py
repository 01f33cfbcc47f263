"""How much is taken and kept of repositories: sums over submodules, what goes when nobody asks, locks, cancelling."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.git_host import commit, git

from rhresources.errors import RhError
from rhresources.file_locks import only_one, remove_if_free
from rhresources.git import writing
from rhresources.git.checkouts import Checkouts
from rhresources.git.kept import KEPT_DAYS

MakeRepository = Callable[..., Path]

LONG_AGO = time.time() - (KEPT_DAYS + 1) * 86_400


@pytest.fixture
def checkouts(rh_home: Path) -> Checkouts:
    return Checkouts()


def add_submodule(repo: Path, other: Path, path: str) -> None:
    git(repo, "submodule", "add", "-q", str(other), path)
    commit(repo)


def grow_old(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)


# ---------------------------------------------------------------- how much


@pytest.mark.parametrize(("limit", "value"), [("MAXIMUM_FILES", 8), ("MAXIMUM_BYTES", 1400)])
async def test_the_limits_are_for_all_submodules_together(
    checkouts: Checkouts, make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    inner = make_repository({f"{number}.py": "x" * 100 for number in range(3)}, "inner")
    outer = make_repository({"a.py": "a"}, "outer")
    for name in ("one", "two", "three"):
        add_submodule(outer, inner, name)
    found = await checkouts.get(str(outer))
    size = sum(path.stat().st_size for path in found.folder.rglob("*") if path.is_file())
    assert (found.files, found.size) == (1 + 3 + 1 + 9, size)  # .gitmodules, and three submodules as such
    monkeypatch.setattr(writing, limit, value if limit == "MAXIMUM_FILES" else size - 1)
    with pytest.raises(RhError, match="with its submodules holds"):
        await Checkouts(checkouts.folder.parent / "other").get(str(outer))


async def test_folders_without_end(checkouts: Checkouts, make_repository: MakeRepository) -> None:
    repo = make_repository({"/".join(["d"] * 150) + "/a.py": "a"})
    with pytest.raises(RhError, match="folders in folders"):
        await checkouts.get(str(repo))


async def test_files_of_submodules_are_on_the_disk_once(checkouts: Checkouts, make_repository: MakeRepository) -> None:
    inner = make_repository({"sub/x.bin": os.urandom(10_000), "run.sh": "#!"}, "inner")
    (inner / "run.sh").chmod(0o755)
    (inner / "link").symlink_to("sub")
    commit(inner)
    outer = make_repository({"a.py": "a"}, "outer")
    add_submodule(outer, inner, "vendor/inner")
    found = await checkouts.get(str(outer))
    there = found.folder / "vendor/inner"
    assert (there / "sub/x.bin").read_bytes() == (inner / "sub/x.bin").read_bytes()
    assert (there / "sub/x.bin").stat().st_nlink == 2
    assert os.access(there / "run.sh", os.X_OK)
    assert os.readlink(there / "link") == "sub"


# ---------------------------------------------------------------- what goes


async def test_old_repositories_are_removed(checkouts: Checkouts, make_repository: MakeRepository) -> None:
    old, used, new = (make_repository({"a.py": name}, name) for name in ("old", "used", "new"))
    await checkouts.get(str(old))
    used_commit = (await checkouts.get(str(used))).commit
    for folder in checkouts.folder.iterdir():
        grow_old(folder)
    await checkouts.get(str(used), used_commit)  # it is there, and needs nothing but a new time
    await checkouts.get(str(new))
    names = {folder.name.rpartition("-")[0] for folder in checkouts.folder.iterdir() if folder.is_dir()}
    assert names == {"used", "new"}
    assert (await checkouts.get(str(old))).folder.is_dir()


async def test_a_new_commit_fetches_what_changed(checkouts: Checkouts, make_repository: MakeRepository) -> None:
    repo = make_repository({"data.bin": os.urandom(500_000), "a.py": "0"})
    for number in range(1, 4):
        await checkouts.get(f"file://{repo}", anew=True)
        commit(repo, {"a.py": str(number)})
    packs = sorted(file.stat().st_size for file in checkouts.folder.glob("*/repository.git/objects/pack/*.pack"))
    assert len(packs) == 3
    assert packs[1] < 10_000 < packs[2]


async def test_objects_of_old_checkouts_go_with_them(checkouts: Checkouts, make_repository: MakeRepository) -> None:
    repo = make_repository({"a.py": "one"})
    first = await checkouts.get(str(repo))
    grow_old(first.folder.parent.parent)
    commit(repo, {"a.py": "two"})
    second = await checkouts.get(str(repo), anew=True)
    assert not first.folder.exists()
    assert not list(checkouts.folder.glob("*/repository.git"))
    commit(repo, {"a.py": "three"})
    third = await checkouts.get(str(repo), anew=True)
    assert [(one.folder / "a.py").read_text() for one in (second, third)] == ["two", "three"]


async def test_a_lock_whose_folder_goes(tmp_path: Path) -> None:
    """Who waits for a lock while its folder is removed gets the one that counts."""
    file = tmp_path / "repo" / "lock"
    async with only_one(file):
        remove_if_free(file.parent, "lock")
        assert file.exists()
    program = (
        "import fcntl, os, sys\nfile = sys.argv[1]\nheld = os.open(file, os.O_RDWR)\nfcntl.flock(held, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\nsys.stdin.read()\nos.unlink(file)\nos.rmdir(os.path.dirname(file))\n"
    )
    pipe = asyncio.subprocess.PIPE
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(file), stdin=pipe, stdout=pipe)
    assert other.stdout is not None
    assert other.stdin is not None
    assert await other.stdout.readline() == b"held\n"
    got = asyncio.Event()

    async def wait() -> None:
        async with only_one(file):
            got.set()
            assert file.exists()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0.05)
    assert not got.is_set()
    other.stdin.close()
    await waiting
    assert await other.wait() == 0


# ---------------------------------------------------------------- locks and cancelling


async def test_a_lock_is_let_go_by_whoever_is_cancelled(tmp_path: Path) -> None:
    async def take(number: int) -> None:
        async with only_one(tmp_path / str(number)):
            await asyncio.sleep(600)

    tasks = [asyncio.create_task(take(number)) for number in range(20)]
    for round in range(20):
        await asyncio.sleep(0)
        tasks[round].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for number in range(20):
        async with only_one(tmp_path / str(number)):
            pass


async def test_two_repositories_that_name_each_other(checkouts: Checkouts, make_repository: MakeRepository) -> None:
    one, two = make_repository({"a.py": "1"}, "one"), make_repository({"a.py": "2"}, "two")
    first = {repo: git(repo, "rev-parse", "HEAD") for repo in (one, two)}
    for repo, other in ((one, two), (two, one)):
        git(repo, "submodule", "add", "-q", str(other), "other")
        git(repo / "other", "checkout", "-q", first[other])
        commit(repo)
    async with asyncio.timeout(60):
        found = await asyncio.gather(checkouts.get(str(one)), checkouts.get(str(two)))
    assert [(each.folder / "other" / "a.py").read_text() for each in found] == ["2", "1"]


async def test_cancelling_ends_the_copying_of_submodules(
    checkouts: Checkouts, make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = make_repository({f"{number}.py": "x" for number in range(50)}, "inner")
    outer = make_repository({"a.py": "a"}, "outer")
    add_submodule(outer, inner, "lib")
    began, goes_on = threading.Event(), threading.Event()
    shared: list[Path] = []
    share = writing._share

    def slowly(file: Path, path: Path) -> None:
        shared.append(path)
        began.set()
        goes_on.wait(30)
        share(file, path)

    monkeypatch.setattr(writing, "_share", slowly)
    waiting = asyncio.create_task(checkouts.get(str(outer)))
    await asyncio.to_thread(began.wait, 30)
    waiting.cancel()
    await asyncio.sleep(0)
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(shared) == 1
    assert not list(checkouts.folder.glob("outer-*/trees/*"))
    monkeypatch.undo()
