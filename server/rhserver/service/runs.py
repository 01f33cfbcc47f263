"""Prepare, submit, watch, result, cancel, list: the methods about functions and runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from rhresources.errors import NotFound, RhError
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.values import INLINE_LIMIT
from rhserver.auth import said_by
from rhserver.environments.progress import Followed
from rhserver.objects.blobs import Blobs
from rhserver.problems import problem_of
from rhserver.runs.functions import Functions
from rhserver.runs.lifecycle import ENDED
from rhserver.runs.logs import follow, read_range
from rhserver.runs.manager import RunManager
from rhserver.runs.store import RunStore

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 10_000


class RunsService:
    """Methods of `cluster.proto` about prepared functions and runs."""

    def __init__(self, functions: Functions, runs: RunManager, store: RunStore, blobs: Blobs) -> None:
        self._functions = functions
        self._runs = runs
        self._store = store
        self._blobs = blobs

    async def Prepare(self, request: pb.PrepareRequest, context: Any) -> AsyncIterator[pb.PrepareEvent]:
        async with Followed(lambda *say: self._functions.prepare(request.function, *say)) as work:
            async for batch in work.batches():
                for kind, text in batch:
                    yield pb.PrepareEvent(output=text) if kind == "output" else pb.PrepareEvent(phase=text)
            try:
                prepared = work.result()
            except RhError as error:
                yield pb.PrepareEvent(problem=problem_of(error))
            else:
                yield pb.PrepareEvent(function=prepared.key, environment=prepared.environment)

    async def Submit(self, request: pb.SubmitRequest, context: Any) -> pb.Run:
        return self._runs.submit(request, said_by(context))

    async def Watch(self, request: pb.WatchRequest, context: Any) -> AsyncIterator[pb.RunEvent]:
        run = self._runs.get(request.run)
        with self._runs.watchers.subscribe(request.run) as changes:
            yield pb.RunEvent(run=run)
            ended = False
            queue: asyncio.Queue[pb.RunEvent | None] = asyncio.Queue(8)

            async def pump_log() -> None:
                path = self._store.folder(request.run) / "log"
                async for offset, data in follow(path, request.offset, lambda: ended):
                    await queue.put(pb.RunEvent(log=pb.LogBlock(offset=offset, data=data)))

            async def pump_records() -> None:
                nonlocal ended
                while True:
                    # asked anew, since a change may lie between the first answer and the subscription
                    latest = self._runs.get(request.run)
                    if latest.state in ENDED:
                        ended = True
                        if log_task is not None:
                            await log_task
                        await queue.put(pb.RunEvent(run=latest))
                        await queue.put(None)
                        return
                    await changes.wait()
                    changed, progress = changes.take()
                    for line in progress:
                        await queue.put(pb.RunEvent(progress=line))
                    for record in changed.values():
                        if record is not None and record.state not in ENDED:
                            await queue.put(pb.RunEvent(run=record))

            log_task = None if request.no_log else asyncio.ensure_future(pump_log())
            record_task = asyncio.ensure_future(pump_records())
            try:
                while (event := await queue.get()) is not None:
                    yield event
            finally:
                record_task.cancel()
                if log_task is not None:
                    log_task.cancel()

    async def ReadLog(self, request: pb.ReadLogRequest, context: Any) -> pb.ReadLogReply:
        self._runs.get(request.run)
        path = self._store.folder(request.run) / "log"
        offset, data, size = await asyncio.to_thread(read_range, path, request.offset, request.length or 1 << 20)
        return pb.ReadLogReply(block=pb.LogBlock(offset=offset, data=data), size=size)

    async def Result(self, request: pb.ResultRequest, context: Any) -> pb.ResultReply:
        run = self._runs.get(request.run)
        if request.wait and run.state not in ENDED:
            with self._runs.watchers.subscribe(request.run) as changes:
                while (run := self._runs.get(request.run)).state not in ENDED:
                    await changes.wait()
                    changes.take()
        if run.state != pb.SUCCEEDED:
            return pb.ResultReply(run=run)
        folder = self._store.folder(request.run)
        if request.preview:
            shown = pb.Run()
            shown.CopyFrom(run)
            preview = await asyncio.to_thread(_read_preview, folder)
            if preview is not None:
                shown.preview.CopyFrom(preview)
            return pb.ResultReply(run=shown)
        outcome = self._store.outcome(request.run)
        if outcome is None or not (folder / "result").exists():
            raise NotFound(
                f"Run {request.run} was a call; its result went to whoever called.",
                remedy="Submit it (`remote`, `rhdesk run`) to have the result kept.",
            )
        return pb.ResultReply(run=run, value=self._value(folder / "result", outcome["format"], outcome["size"]))

    async def Items(self, request: pb.ItemsRequest, context: Any) -> AsyncIterator[pb.Item]:
        index = request.first
        folder = self._store.folder(request.run) / "items"
        with self._runs.watchers.subscribe(request.run) as changes:
            while True:
                run = self._runs.get(request.run)
                outcome = self._store.outcome(request.run) or {}
                while index < max(run.items, outcome.get("items", 0)):
                    path = folder / str(index)
                    # what a generator yields is pickled unless its arguments were JSON and the item is, too
                    data = await asyncio.to_thread(path.read_bytes)
                    format = "pickle" if data[:1] == b"\x80" else "json"
                    if len(data) <= INLINE_LIMIT:
                        value = pb.Value(format=_FORMATS[format], data=data, size=len(data))
                    else:
                        value = self._value(path, format, len(data))
                    text = "" if format == "json" else await asyncio.to_thread(_read_text, folder / f"{index}.txt")
                    yield pb.Item(index=index, value=value, text=text)
                    index += 1
                if run.state in ENDED:
                    return
                await changes.wait()
                changes.take()

    async def Cancel(self, request: pb.CancelRequest, context: Any) -> pb.CancelReply:
        for run in request.runs:
            self._runs.get(run)
        return pb.CancelReply(
            runs=await asyncio.gather(
                *(self._runs.cancel(run, request.force, said_by(context)) for run in request.runs)
            )
        )

    async def ListRuns(self, request: pb.ListRunsRequest, context: Any) -> pb.ListRunsReply:
        limit = min(request.limit or DEFAULT_LIMIT, LARGEST_LIMIT)
        runs, total = self._store.newest(
            limit, before=request.before, name=request.name, states=list(request.states), by=list(request.by)
        )
        return pb.ListRunsReply(runs=runs, total=total)

    async def WatchRuns(self, request: pb.WatchRunsRequest, context: Any) -> AsyncIterator[pb.RunsEvent]:
        with self._runs.watchers.subscribe() as changes:
            runs, _ = self._store.newest(min(request.limit or DEFAULT_LIMIT, LARGEST_LIMIT))
            yield pb.RunsEvent(changed=runs, snapshot=True)
            while True:
                await changes.wait()
                await asyncio.sleep(0.03)  # a burst of changes is one event
                changed, _ = changes.take()
                yield pb.RunsEvent(
                    changed=[run for run in changed.values() if run is not None],
                    removed=[id for id, run in changed.items() if run is None],
                )

    async def DeleteRuns(self, request: pb.DeleteRunsRequest, context: Any) -> pb.DeleteRunsReply:
        return pb.DeleteRunsReply(deleted=self._runs.delete(list(request.runs)))

    def _value(self, path: Path, format: str, size: int) -> pb.Value:
        if size <= INLINE_LIMIT:
            return pb.Value(format=_FORMATS[format], data=path.read_bytes(), size=size)
        return pb.Value(format=_FORMATS[format], blob=self._blobs.share(path), size=size)


_FORMATS = {"json": pb.Value.JSON, "pickle": pb.Value.CLOUDPICKLE}


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except FileNotFoundError:  # a run without previews
        return ""


def _read_preview(folder: Path) -> pb.Preview | None:
    try:
        shown = json.loads((folder / "preview.json").read_bytes())
    except (OSError, ValueError):
        return None
    image = folder / "preview.png"
    kinds = {"text": pb.Preview.TEXT, "tree": pb.Preview.TREE, "table": pb.Preview.TABLE, "image": pb.Preview.IMAGE}
    structure = shown.get("json")
    return pb.Preview(
        kind=kinds[shown["kind"]],
        text=shown.get("text", ""),
        json=structure if isinstance(structure, str) else json.dumps(structure) if structure is not None else "",
        image=image.read_bytes() if image.exists() else b"",
        shortened=shown.get("shortened", False),
    )
