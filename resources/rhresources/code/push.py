"""Bringing a cluster's copy of a tree up to date: what it lacks, and no more.

The usual edit takes one request: what differs from the last push, with the contents in the same message. A server
that does not know the last push any more is told everything, and asks for the contents that it lacks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING

import zstandard

from rhresources.code.manifest import LINK_PREFIX, FileEntry, content_hash
from rhresources.code.tree import CodeTree, Manifest
from rhresources.errors import RhError
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.values import CHUNK

if TYPE_CHECKING:
    from rhresources.wire.client import ClusterClient

_INLINE_BYTES = 512 * 1024
_WORTH_COMPRESSING = 512
_ATTEMPTS = 5


class _Moved(Exception):
    """A file is not any more what the manifest says."""


async def push(client: ClusterClient, tree: CodeTree, progress: Callable[[str], None] | None = None) -> pb.CodeTree:
    """Push `tree` to the server of `client`; what to name it by there.

    Raises:
        RhError: the tree cannot be read, keeps changing, or the server cannot keep it.
    """
    async with client.push_locks.setdefault(tree.project, asyncio.Lock()):
        return await _push(client, tree, progress)


async def _push(client: ClusterClient, tree: CodeTree, progress: Callable[[str], None] | None) -> pb.CodeTree:
    for _ in range(_ATTEMPTS):
        if not tree.is_settled():
            await asyncio.to_thread(tree.refresh)
            if progress is not None and tree.left_out:
                progress(f"Links that lead out of {tree.root.name} are not sent: {', '.join(tree.left_out)}")
        entries, root = tree.entries, tree.root_hash
        last = client.pushed.get(tree.project)
        if last is not None and last[0] == root:
            return pb.CodeTree(project=tree.project, root=root)
        try:
            await _bring(client, tree, entries, root, last or tree.pushed, progress)
        except _Moved:
            continue
        client.pushed[tree.project] = tree.pushed = (root, entries)
        _save_soon(tree)
        return pb.CodeTree(project=tree.project, root=root)
    raise RhError(
        f"The files in {tree.root} keep changing while they are sent.",
        remedy="List what a program writes there in .gitignore, or try again when it is done.",
    )


def _save_soon(tree: CodeTree) -> None:
    """Write the cache after the push, not in it; once for many pushes of a process that watches."""
    loop = asyncio.get_running_loop()
    if tree.watcher is None:
        loop.run_in_executor(None, tree.save)
    elif not tree.save_is_due:
        tree.save_is_due = True
        loop.call_later(2.0, loop.run_in_executor, None, tree.save)


async def _bring(
    client: ClusterClient,
    tree: CodeTree,
    entries: Manifest,
    root: str,
    last: tuple[str, Manifest] | None,
    progress: Callable[[str], None] | None,
) -> None:
    reply = None
    if last is not None:
        base, before = last
        changed = [entry for path, entry in entries.items() if before.get(path) != entry]
        removed = [path for path in before if path not in entries]
        reply = await client.plan_push(_plan(tree, root, base, changed, removed))
    if reply is None or reply.outcome == pb.PlanPushReply.UNKNOWN_BASE:
        reply = await client.plan_push(_plan(tree, root, "", list(entries.values()), []))
    if reply.outcome == pb.PlanPushReply.NEED_FILES:
        by_hash = {entry.hash: entry for entry in entries.values()}
        try:
            missing = [by_hash[hash] for hash in reply.missing]
        except KeyError as error:
            raise RhError(f"The server asked for a file that {tree.root} does not hold ({error}).") from None
        if progress is not None:
            size = sum(entry.size for entry in missing)
            progress(f"Sending {len(missing)} files ({size / 1e6:.1f} MB) of {tree.root.name}")
        sender = _Sender(tree, missing, root)
        try:
            await client.push_files(sender.batches())
        except RhError:
            if sender.moved:
                raise _Moved from None
            raise


def _plan(tree: CodeTree, root: str, base: str, changed: list[FileEntry], removed: list[str]) -> pb.PlanPushRequest:
    request = pb.PlanPushRequest(project=tree.project, root=root, base=base, removed=removed)
    for entry in changed:
        request.changed.add(path=entry.path, hash=entry.hash, size=entry.size, executable=entry.executable)
    if sum(entry.size for entry in changed) <= _INLINE_BYTES:
        request.parts.extend(_parts(tree, changed))
    return request


def _parts(tree: CodeTree, entries: Iterable[FileEntry]) -> Iterable[pb.FilePart]:
    """The contents of small files; each content once."""
    done = set()
    for entry in entries:
        if entry.hash in done or entry.hash.startswith(LINK_PREFIX):
            continue
        done.add(entry.hash)
        try:
            data = (tree.root / entry.path).read_bytes()
        except OSError:
            raise _Moved from None
        if content_hash(data) != entry.hash:
            raise _Moved
        yield _part(entry.hash, data, last=True)


def _part(hash: str, data: bytes, last: bool) -> pb.FilePart:
    if len(data) >= _WORTH_COMPRESSING:
        packed = zstandard.ZstdCompressor(level=1).compress(data)
        if len(packed) < 0.9 * len(data):
            return pb.FilePart(hash=hash, data=packed, last=last, zstd=True)
    return pb.FilePart(hash=hash, data=data, last=last)


class _Sender:
    """Makes the batches of one push; reading and compressing happen in a thread."""

    def __init__(self, tree: CodeTree, missing: list[FileEntry], root: str) -> None:
        self._tree = tree
        self._missing = missing
        self._root = root
        self.moved = False

    async def batches(self) -> AsyncIterator[pb.FileBatch]:
        """Batches of about 1 MiB."""
        parts = self._read()
        first = True
        while True:
            batch = await asyncio.to_thread(self._batch, parts, first)
            if batch is None:
                return
            yield batch
            first = False

    def _batch(self, parts: Iterable[pb.FilePart], first: bool) -> pb.FileBatch | None:
        batch = pb.FileBatch(project=self._tree.project, root=self._root) if first else pb.FileBatch()
        size = 0
        for part in parts:
            batch.parts.append(part)
            size += len(part.data) + len(part.hash)
            if size >= CHUNK:
                break
        return batch if batch.parts or first else None

    def _read(self) -> Iterable[pb.FilePart]:
        for entry in self._missing:
            try:
                with (self._tree.root / entry.path).open("rb") as file:
                    left = entry.size
                    while True:
                        data = file.read(min(CHUNK, left)) if left else b""
                        left -= len(data)
                        yield _part(entry.hash, data, last=left <= 0 or not data)
                        if left <= 0:
                            break
                        if not data:
                            self.moved = True
                            break
            except OSError:
                self.moved = True
                return
