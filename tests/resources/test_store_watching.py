"""Hand edits are noticed: by inotify, by looking, in folders that appear later."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rhresources.documents import ClusterDocument
from rhresources.names import Address
from rhresources.stores import watching
from rhresources.stores.local import LocalStore
from rhresources.stores.watching import watch_files

GOOD = "kind: cluster\ntype: machine\n"


class Seen:
    """What a watch reported."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.batches: list[list[str]] = []
        self._changed = threading.Condition()

    def __call__(self, paths: list[Path]) -> None:
        with self._changed:
            self.batches.append([str(path.relative_to(self.root)) for path in paths])
            self._changed.notify_all()

    @property
    def names(self) -> set[str]:
        return {name for batch in self.batches for name in batch}

    def wait(self, *names: str, seconds: float = 10) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: set(names) <= self.names, seconds), self.batches
            self.batches.clear()


@pytest.fixture(params=["inotify", "poll"])
def watch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], Seen]]:
    if request.param == "inotify" and not sys.platform.startswith("linux"):
        pytest.skip("inotify is a part of Linux")
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.1)
    stops: list[Callable[[], None]] = []

    def start(root: Path) -> Seen:
        seen = Seen(root)
        stops.append(watch_files(root, ".yaml", seen, poll=request.param == "poll"))
        return seen

    yield start
    for stop in stops:
        stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "rhdesk-watch"]


def test_made_changed_and_deleted(watch: Callable[[Path], Seen], tmp_path: Path) -> None:
    seen = watch(tmp_path)
    path = tmp_path / "x.yaml"
    path.write_text(GOOD)
    seen.wait("x.yaml")
    path.write_text(GOOD + "description: new\n")
    seen.wait("x.yaml")
    path.unlink()
    seen.wait("x.yaml")


def test_folders_that_appear_later(watch: Callable[[Path], Seen], tmp_path: Path) -> None:
    root = tmp_path / "home" / ".rh" / "resources"
    seen = watch(root)
    deep = root / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (deep / "x.yaml").write_text(GOOD)
    seen.wait("a/b/c/x.yaml")
    (deep / "x.yaml").write_text(GOOD + "description: new\n")
    seen.wait("a/b/c/x.yaml")
    (root / "a").rename(root / "z")
    seen.wait("a/b/c/x.yaml", "z/b/c/x.yaml")
    (root / "a").mkdir()
    (root / "a" / "y.yaml").write_text(GOOD)
    seen.wait("a/y.yaml")
    (root / "z" / "b" / "c" / "x.yaml").write_text(GOOD + "description: newer\n")
    seen.wait("z/b/c/x.yaml")


def test_the_tree_goes_away_and_comes_back(watch: Callable[[Path], Seen], tmp_path: Path) -> None:
    root = tmp_path / "resources"
    root.mkdir()
    seen = watch(root)
    (root / "x.yaml").write_text(GOOD)
    seen.wait("x.yaml")
    root.rename(tmp_path / "aside")
    seen.wait("x.yaml")
    root.mkdir()
    (root / "y.yaml").write_text(GOOD)
    seen.wait("y.yaml")


def test_an_editor_that_writes_aside_and_renames(watch: Callable[[Path], Seen], tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(GOOD)
    seen = watch(tmp_path)
    (tmp_path / ".x.yaml.swp").write_text("swap")
    (tmp_path / "x.yaml~").write_text(GOOD)
    (tmp_path / "new").write_text(GOOD + "description: new\n")
    os.replace(tmp_path / "new", tmp_path / "x.yaml")
    seen.wait("x.yaml")
    time.sleep(0.3)
    assert seen.names == set(), "nothing else is a resource, and nothing is told twice"


def test_a_burst_comes_in_few_batches(watch: Callable[[Path], Seen], tmp_path: Path) -> None:
    seen = watch(tmp_path)
    names = [f"x{number}.yaml" for number in range(200)]
    for name in names:
        (tmp_path / name).write_text(GOOD)
    with seen._changed:
        assert seen._changed.wait_for(lambda: set(names) <= seen.names, 10)
        assert len(seen.batches) < len(names) / 4, "a busy machine writes slowly, so it is more than one"


def test_a_failing_callback_is_logged_and_the_watch_goes_on(
    tmp_path: Path, allow_warnings: Callable[[str], None]
) -> None:
    allow_warnings("A callback of the watch of")
    seen = Seen(tmp_path)

    def fail_first(paths: list[Path]) -> None:
        seen(paths)
        if paths[0].name == "x.yaml":
            raise RuntimeError("mine")

    stop = watch_files(tmp_path, ".yaml", fail_first)
    (tmp_path / "x.yaml").write_text(GOOD)
    seen.wait("x.yaml")
    (tmp_path / "y.yaml").write_text(GOOD)
    seen.wait("y.yaml")
    stop()
    stop()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is a part of Linux")
def test_looks_where_inotify_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import inotify_simple  # type: ignore[import-untyped]

    def no_more(*_: object) -> None:
        raise OSError(24, "inotify instance limit reached")

    monkeypatch.setattr(inotify_simple.INotify, "__init__", no_more)
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.1)
    seen = Seen(tmp_path)
    stop = watch_files(tmp_path, ".yaml", seen)
    (tmp_path / "x.yaml").write_text(GOOD)
    seen.wait("x.yaml")
    stop()


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        watch_files(tmp_path, ".yaml", lambda _: None)()
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_store_tells_names(rh_home: Path) -> None:
    store = LocalStore(rh_home)
    seen: list[frozenset[Address]] = []
    told = threading.Event()

    def callback(names: frozenset[Address]) -> None:
        seen.append(names)
        told.set()

    stop = store.watch(callback)
    LocalStore(rh_home).save(Address.parse("~/team/x"), ClusterDocument(type="machine"))
    assert told.wait(10)
    stop()
    assert seen == [frozenset({Address.parse("~/team/x")})]
