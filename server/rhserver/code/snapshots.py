"""Trees of code by project and root hash: planned by a client, put in place, lent to workers, moved on, collected.

A worker's tree never changes under it. A tree that nobody uses is moved on to the next manifest by renaming its
directory and applying the differences, so that the loop of edit and run costs as much as what was edited. Files are
copies of the contents in the blob store, because user code may write to its files; after a tree was lent it is
surveyed, what was changed is mended from the store, and what user code wrote beside it is set aside, not deleted.

On disk: `trees/PROJECT/ROOT` and `ROOT.ready` beside it, written last. Without it a tree is a leftover.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex

from rhresources.code.manifest import (
    FileEntry,
    manifest_text,
)
from rhresources.errors import ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.code import trees
from rhserver.code.blobs import BlobStore, Receiver
from rhserver.code.manifests import Entries, Manifests
from rhserver.code.plans import Changes, checked_names, compose, folds_case
from rhserver.code.shelf import Tree, find_trees
from rhserver.disk import bytes_under, disk_errors, private_directory

_PENDING = 32
_ARRIVAL_GRACE = 3600.0
_FAILED = "The code could not be put in place"


class Push:
    """Files on their way for a plan that was answered with NEED_FILES. Not thread-safe; close it at the end."""

    def __init__(self, snapshots: Snapshots, project: str, root: str, entries: Entries, receiver: Receiver) -> None:
        self._snapshots = snapshots
        self._project, self._root, self._entries = project, root, entries
        self._receiver = receiver

    def add(self, parts: list[pb.FilePart]) -> None:
        """Raises ServerProblem where a part is not what it says or the disk is full."""
        for part in parts:
            self._receiver.add(part.hash, part.data, last=part.last, zstd=part.zstd)

    def finish(self) -> pb.PushReply:
        """Everything was sent: put the tree in place.

        Raises:
            ServerProblem: files are missing still, or the disk is full.
        """
        self._snapshots.finish(self._project, self._root, self._entries)
        return pb.PushReply(files=self._receiver.files, bytes=self._receiver.bytes)

    def close(self) -> None:
        """Drop what did not arrive whole."""
        self._receiver.close()


class Snapshots:
    """All trees of this server. Thread-safe; every method may wait for the disk, except `release`."""

    def __init__(self, directory: Path, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._trees_directory = private_directory(directory / "trees")
        self._work = private_directory(directory / "work")
        self._aside = private_directory(directory / "aside")
        self._manifests = Manifests(directory / "manifests")
        self._lock = threading.Lock()  # of the registries below; never held over disk work
        self._project_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._pending: dict[str, Entries] = {}
        self._surveyors = ThreadPoolExecutor(1, thread_name_prefix="survey")
        self._folds_case = folds_case(self._work)
        self._trees = find_trees(self._trees_directory, self._work, self._manifests)

    # ------------------------------------------------------------ pushing

    def plan(self, request: pb.PlanPushRequest) -> pb.PlanPushReply:
        """Put a tree in place if everything it needs is here, else say what is missing.

        Raises:
            ServerProblem: the manifest is not acceptable, a file is not what it says, or the disk is full.
        """
        project, root = checked_names(request.project, request.root)
        with self._project_lock(project), disk_errors(_FAILED):
            if self._ready(project, root):
                return pb.PlanPushReply(outcome=pb.PlanPushReply.READY)
            entries = self._manifests.get(root)
            changes = None
            if entries is None:
                composed = compose(request, self._manifests, folds_case=self._folds_case)
                if composed is None:
                    return pb.PlanPushReply(outcome=pb.PlanPushReply.UNKNOWN_BASE)
                entries, changes = composed
            with contextlib.closing(self._blobs.receive()) as receiver:
                for part in request.parts:
                    receiver.add(part.hash, part.data, last=part.last, zstd=part.zstd)
            # what the base has was complete when the base was kept
            suspects = entries.values() if changes is None else [entries[path] for path in changes.changed]
            missing = self._missing(suspects) or self._put_in_place(project, root, entries, changes=changes)
            if missing:
                self._remember_pending(root, entries)
                return pb.PlanPushReply(outcome=pb.PlanPushReply.NEED_FILES, missing=missing)
            return pb.PlanPushReply(outcome=pb.PlanPushReply.READY)

    def push(self, project: str, root: str) -> Push:
        """Begin to take the files of a plan.

        Raises:
            ServerProblem: there is no such plan ("unknown-plan"), as after a restart of the server; plan again.
        """
        project, root = checked_names(project, root)
        with self._lock:
            entries = self._pending.get(root)
        if entries is None:
            entries = self._manifests.get(root)
        if entries is None:
            raise ServerProblem("These files belong to no plan that this server knows.", code="unknown-plan")
        return Push(self, project, root, entries, self._blobs.receive())

    def finish(self, project: str, root: str, entries: Entries) -> None:
        """The files of a plan were sent. See `Push.finish`."""
        with self._project_lock(project), disk_errors(_FAILED):
            if not self._ready(project, root):
                missing = self._missing(entries.values()) or self._put_in_place(project, root, entries)
                if missing:
                    raise ServerProblem(
                        f"{len(missing)} of the files that this code needs were not sent.", code="missing-files"
                    )
        with self._lock:
            self._pending.pop(root, None)

    # ------------------------------------------------------------ lending

    def acquire(self, project: str, root: str) -> Path:
        """The directory of a tree, which keeps its place and content until `release`. Counts: acquire twice,
        release twice.

        Raises:
            ServerProblem: the tree was never pushed or is forgotten ("unknown-code"), or the disk is full.
        """
        project, root = checked_names(project, root)
        lent = self._lend(project, root)
        if lent is None:
            with self._project_lock(project), disk_errors(_FAILED):
                entries = self._manifests.get(root)
                if not self._ready(project, root) and (
                    entries is None
                    or self._missing(entries.values())
                    or self._put_in_place(project, root, entries, move_on=False)
                ):
                    raise ServerProblem(
                        f"This cluster does not have the code of {project}: it was not sent here, or removed since.",
                        code="unknown-code",
                        remedy="Run it on the computer where its folder is, which sends it here, or ask its author to.",
                    )
                lent = self._lend(project, root)
                assert lent is not None
        return Path(lent.directory)

    def release(self, project: str, root: str) -> None:
        """Give back what `acquire` lent. Does not wait for anything."""
        with self._lock:
            tree = self._trees[project, root]
            tree.users -= 1
            if tree.users == 0:
                tree.survey = self._surveyors.submit(self._look_over, tree)

    def entries(self, root: str) -> Entries | None:
        """The files of a tree by path; None if it is not known."""
        return self._manifests.get(root)

    def in_use(self) -> list[tuple[str, str]]:
        """Projects and roots that are lent now."""
        with self._lock:
            return [key for key, tree in self._trees.items() if tree.users]

    # ------------------------------------------------------------ retention

    def collect(self, *, unused_seconds: float, max_bytes: int) -> int:
        """Remove trees, manifests and contents that were not used for `unused_seconds`, and the longest unused trees
        while all trees together have more than `max_bytes`. What is lent stays. Returns the bytes freed."""
        freed = 0
        with self._lock:
            idle = [tree for tree in self._trees.values() if not tree.users]
            sizes = {tree: self._size(tree) for tree in self._trees.values()}
        total = sum(sizes.values())
        now = time.time()
        for tree in sorted(idle, key=lambda tree: tree.used):
            if (now - tree.used > unused_seconds or total > max_bytes) and self._discard(tree):
                total -= sizes[tree]
                freed += sizes[tree]
        with self._lock:
            keep = {root for _, root in self._trees}
            referenced = {entry.hash for entries in self._pending.values() for entry in entries.values()}
        for root in self._manifests.roots():
            if root not in keep and self._manifests.age(root) > unused_seconds:
                self._manifests.remove(root)
            else:
                referenced |= self._manifests.hashes(root)
        freed += self._blobs.collect(referenced, older_than=min(unused_seconds, _ARRIVAL_GRACE))
        for project in self._aside.iterdir():
            for folder in project.iterdir():
                if now - folder.stat().st_mtime > unused_seconds:
                    freed += bytes_under(folder)
                    trees.remove_tree(folder)
            with contextlib.suppress(OSError):
                project.rmdir()
        return freed

    def close(self) -> None:
        """Stop the helper thread."""
        self._surveyors.shutdown(cancel_futures=True)

    # ------------------------------------------------------------ manifests

    def _missing(self, entries: Iterable[FileEntry]) -> list[str]:
        return self._blobs.missing(entry.hash for entry in entries if entry.link_target is None)

    def _remember_pending(self, root: str, entries: Entries) -> None:
        with self._lock:
            self._pending.pop(root, None)
            self._pending[root] = entries
            while len(self._pending) > _PENDING:
                del self._pending[next(iter(self._pending))]

    # ------------------------------------------------------------ trees

    def _ready(self, project: str, root: str) -> bool:
        with self._lock:
            tree = self._trees.get((project, root))
            if tree is None:
                return False
            if not os.path.isfile(tree.marker):  # somebody tidied up by hand
                del self._trees[project, root]
                return False
        tree.touch()
        return True

    def _lend(self, project: str, root: str) -> Tree | None:
        with self._lock:
            tree = self._trees.get((project, root))
            if tree is None:
                return None
            tree.users += 1
            tree.lendings += 1
            tree.survey = None
        tree.touch()
        return tree

    def _put_in_place(
        self, project: str, root: str, entries: Entries, *, changes: Changes | None = None, move_on: bool = True
    ) -> list[str]:
        """Make the tree; contents that turn out to be gone from the disk are returned, and nothing was made."""
        work = f"{self._work}/{token_hex(8)}"
        tree = Tree(project, root, f"{self._trees_directory}/{project}/{root}")
        if root not in self._manifests:
            self._manifests.put(root, entries, changes.text if changes else manifest_text(entries))
        try:
            source = self._source(project, entries, changes) if move_on else None
            if source is None or not self._move_on(source, tree, entries, changes, work):
                if os.path.lexists(work):  # staged for nothing
                    trees.remove_tree(work)
                trees.build(work, entries, self._blobs.path)
                private_directory(Path(tree.directory).parent)
                if os.path.lexists(tree.directory):
                    trees.remove_tree(tree.directory)
                os.rename(work, tree.directory)
            with open(tree.marker, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)):
                pass
        except BaseException as error:
            if os.path.lexists(tree.directory):
                trees.remove_tree(tree.directory)
            gone = [entry.hash for entry in entries.values() if self._is_gone(entry)]
            if not isinstance(error, FileNotFoundError) or not gone:
                raise
            self._manifests.remove(root)
            for hash in gone:
                self._blobs.forget(hash)
            return gone
        finally:
            if os.path.lexists(work):
                trees.remove_tree(work)
        with self._lock:
            self._trees[project, root] = tree
        return []

    def _is_gone(self, entry: FileEntry) -> bool:
        return entry.link_target is None and not os.path.exists(self._blobs.path(entry.hash))

    def _source(self, project: str, entries: Entries, changes: Changes | None) -> Tree | None:
        """A tree of the project that nobody uses and that has most of what is wanted; the base, if it can be."""
        base = changes.base if changes is not None else ""
        with self._lock:
            idle = [tree for tree in self._trees.values() if tree.project == project and not tree.users]
        idle.sort(key=lambda tree: (tree.root != base, -tree.used))
        for tree in idle[:3]:
            changed, _ = self._differences(tree, entries, changes)
            if len(changed) * 2 <= len(entries):
                return tree
        return None

    def _differences(self, tree: Tree, entries: Entries, changes: Changes | None) -> tuple[list[str], list[str]]:
        """Which paths to write and which to remove to make `entries` out of a tree."""
        if changes is not None and changes.base == tree.root:
            return changes.changed, changes.removed
        there = self._manifests.get(tree.root)
        if there is None:
            return list(entries), []
        changed = [path for path, entry in entries.items() if not _same(there.get(path), entry)]
        return changed, [path for path in there if path not in entries]

    def _move_on(self, source: Tree, tree: Tree, entries: Entries, changes: Changes | None, work: str) -> bool:
        """Make `tree` out of `source`; False if somebody began to use it meanwhile."""
        there = self._manifests.get(source.root)
        if there is None:
            return False
        lendings = source.lendings
        looked = self._surveyed(source, there)
        paths, removed = self._differences(source, entries, changes)
        changed = [entries[path] for path in dict.fromkeys((*paths, *(looked.touched & entries.keys())))]
        staged = trees.stage(work, changed, self._blobs.path)
        with self._lock:
            if source.users or source.lendings != lendings:
                return False
            del self._trees[source.project, source.root]
        # from here on a crash leaves a directory without its marker, which the next start removes
        os.unlink(source.marker)
        if os.path.lexists(tree.directory):
            trees.remove_tree(tree.directory)
        os.rename(source.directory, tree.directory)
        try:
            trees.set_aside(tree.directory, looked.extras, self._aside_for(source))
            trees.apply(tree.directory, staged, removed)
        except BaseException:
            trees.remove_tree(tree.directory)
            raise
        return True

    def _surveyed(self, tree: Tree, entries: Entries) -> trees.Survey:
        if not tree.lendings:
            return trees.Survey()
        pending = tree.survey
        if pending is not None:
            with contextlib.suppress(OSError):
                return pending.result()
        return trees.survey(tree.directory, entries, tree.made_at)

    def _look_over(self, tree: Tree) -> trees.Survey:
        return trees.survey(tree.directory, self._manifests.get(tree.root) or {}, tree.made_at)

    def _discard(self, tree: Tree) -> bool:
        with self._project_lock(tree.project):
            entries = self._manifests.get(tree.root)
            looked = self._surveyed(tree, entries) if entries is not None else trees.Survey()
            with self._lock:
                if tree.users or self._trees.get((tree.project, tree.root)) is not tree:
                    return False
                del self._trees[tree.project, tree.root]
            os.unlink(tree.marker)
            trees.set_aside(tree.directory, looked.extras, self._aside_for(tree))
            trees.remove_tree(tree.directory)
            return True

    def _size(self, tree: Tree) -> int:
        return sum(entry.size for entry in (self._manifests.get(tree.root) or {}).values())

    def _aside_for(self, tree: Tree) -> Path:
        return self._aside / tree.project / f"{time.strftime('%Y%m%d-%H%M%S')}-{tree.root[:8]}"

    def _project_lock(self, project: str) -> threading.Lock:
        with self._lock:
            return self._project_locks[project]


def _same(one: FileEntry | None, other: FileEntry) -> bool:
    return one is other or (one is not None and one.hash == other.hash and one.executable == other.executable)
