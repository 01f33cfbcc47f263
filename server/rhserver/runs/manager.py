"""Carries runs through their life: prepare, wait for a worker, run, conclude; cancel; take over after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import logging
import os
import socket
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rhresources.errors import NotFound, RhError, ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.engine.pool import Pool
from rhserver.engine.worker_link import Answer, Died, Done, Raised, WorkerLink
from rhserver.objects.blobs import Blobs
from rhserver.problems import problem_of
from rhserver.runs import lifecycle
from rhserver.runs.functions import Functions, PreparedFunction
from rhserver.runs.messages import remote_error, shown_arguments
from rhserver.runs.store import RunStore
from rhserver.runs.watchers import Watchers

GRACE_SECONDS = 5
"""What a cancelled run gets to clean up, before its worker is killed."""

_UNKNOWN_TO_WORKER = "Its worker does not know of it."

log = logging.getLogger(__name__)


@dataclass
class _Active:
    """What this server does for a run that has not ended."""

    task: asyncio.Task[None] | None = None
    link: WorkerLink | None = None
    cancelling: bool = False
    cancelled_by: str = ""


class RunManager:
    """All runs of the server. Belongs to its loop. `submitted` counts those that were started since it runs."""

    def __init__(self, store: RunStore, functions: Functions, pool: Pool, blobs: Blobs) -> None:
        self._store = store
        self._functions = functions
        self._pool = pool
        self._blobs = blobs
        self.watchers = Watchers()
        self._active: dict[str, _Active] = {}
        self._current: dict[str, pb.Run] = {}
        self.submitted = 0
        self._user = getpass.getuser()
        self._host = socket.gethostname()
        self._background: set[asyncio.Task[Any]] = set()
        self._closed = False

    def close(self) -> None:
        """This server ends: what happens to runs from now on is for the next one to find out."""
        self._closed = True

    # ------------------------------------------------------------ asking

    def get(self, run: str) -> pb.Run:
        """The record of a run.

        Raises:
            NotFound: there is none of that id.
        """
        found = self._current.get(run) or self._store.get(run)
        if found is None:
            raise NotFound(f"There is no run {run!r} on this cluster.", remedy="`rhdesk runs` lists them.")
        return found

    def active(self) -> list[pb.Run]:
        """Runs that have not ended."""
        return list(self._current.values())

    def counts(self) -> tuple[int, int]:
        """How many run, and how many wait."""
        running = sum(run.state == pb.RUNNING for run in self._current.values())
        return running, len(self._current) - running

    # ------------------------------------------------------------ submitting

    def submit(self, request: pb.SubmitRequest, by: str = "") -> pb.Run:
        """Start a run for the person `by`; asking again with the same id answers with what became of it."""
        folder = self._store.folder(request.run)
        known = self._current.get(request.run) or self._store.get(request.run)
        if known is not None:
            return known
        run = pb.Run(
            id=request.run, state=pb.QUEUED, created=time.time(), client=request.client, user=self._user,
            host=self._host, name=request.spec.name, arguments=shown_arguments(request.arguments), revision=1, by=by,
        )  # fmt: skip
        ready = self._functions.ready(request.function) if request.function else None
        if ready is not None:
            self._describe(run, ready)
        folder.mkdir(mode=0o700, exist_ok=True)
        kept = self._keep_arguments(request, folder)
        _write(folder / "request", kept.SerializeToString())
        self._save(run)
        self._drive(run.id, kept)
        self.submitted += 1
        return run

    def _keep_arguments(self, request: pb.SubmitRequest, folder: Path) -> pb.SubmitRequest:
        """An uploaded blob expires; the run's own copy does not."""
        if not request.arguments.blob:
            return request
        os.link(self._blobs.path(request.arguments.blob), folder / "arguments")
        kept = pb.SubmitRequest()
        kept.CopyFrom(request)
        kept.arguments.ClearField("blob")
        return kept

    def _drive(self, run: str, request: pb.SubmitRequest) -> None:
        task = asyncio.ensure_future(self._carry_out(run, request))
        self._active[run] = _Active(task)
        self._keep_running(task)

    async def _carry_out(self, id: str, request: pb.SubmitRequest) -> None:
        active = self._active[id]
        link: WorkerLink | None = None
        try:
            function = await self._prepare(id, request)
            link = self._pool.take_idle(function.worker)
            if link is None:
                self._apply(id, lifecycle.Waiting(self._pool.what_it_waits_for()))
                link = await self._pool.acquire(function.worker)
            active.link = link
            answer = await self._run_on(id, link, function, request)
            self.conclude(id, answer)
        except asyncio.CancelledError:
            self._apply(id, lifecycle.Cancelled(active.cancelled_by, " before it started"))
        except RhError as error:
            self._apply(id, lifecycle.Refused(problem_of(error)))
        except Exception as error:
            log.exception("run %s", id)
            self._apply(id, lifecycle.Refused(problem_of(error)))
        finally:
            self._active.pop(id, None)
            if link is not None:
                self._pool.release(link)

    async def _prepare(self, id: str, request: pb.SubmitRequest) -> PreparedFunction:
        if request.function:
            function = await self._functions.by_key(request.function)
        else:
            self._apply(id, lifecycle.Preparing())
            function = await self._functions.prepare(
                request.spec,
                lambda line: self.watchers.publish_progress(id, line),
                lambda phase: self.watchers.publish_progress(id, phase),
            )
        run = pb.Run()
        run.CopyFrom(self.get(id))
        self._describe(run, function)
        self._current[id] = run
        return function

    async def _run_on(self, id: str, link: WorkerLink, function: PreparedFunction, request: pb.SubmitRequest) -> Answer:
        folder = self._store.folder(id)
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        arguments = folder / "arguments"
        task = {
            "run": id,
            "format": "json" if request.arguments.format == pb.Value.JSON else "pickle",
            "folder": str(folder),
            "log": str(folder / "log"),
            "preview": True,
            "arguments_path": str(arguments) if arguments.exists() else None,
        }
        function.tell(link)
        link.run(
            function.number, task, request.arguments.data, lambda answer: _settle(answered, answer),
            lambda index, _meta, _data: self._apply(id, lifecycle.Printed(0, index + 1), keep=False),
            lambda arguments: self._apply(id, lifecycle.Called(arguments)),
        )  # fmt: skip
        self._apply(id, lifecycle.Started(link.host or self._host, link.pid), worker=link.name)
        if link.lost:
            return Died("Its worker process ended as it started.")
        # once the worker has it, cancelling goes through the worker
        return await asyncio.shield(answered)

    # ------------------------------------------------------------ calls that became runs

    def promote(
        self, id: str, function: PreparedFunction, link: WorkerLink, client: str, began: float, by: str = ""
    ) -> None:
        """Record a call that lasts, prints or fails: from now on it is a run like any other."""
        if id in self._current:
            return
        folder = self._store.folder(id)
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            os.link(link.scratch, folder / "log")
        except OSError as error:
            log.info("the output of call %s cannot be kept: %s", id, error)
        run = pb.Run(
            id=id, state=pb.RUNNING, created=began, started=began, client=client, user=self._user,
            host=link.host or self._host, pid=link.pid, revision=1, by=by,
        )  # fmt: skip
        self._describe(run, function)
        self._active[id] = _Active(None, link)
        self._save(run, worker=link.name)

    # ------------------------------------------------------------ ending

    def conclude(self, id: str, answer: Answer, *, cancelled: bool = False) -> pb.Run | None:
        """Enter what a worker said, or its death, into the record; `cancelled`: its caller asked for its end."""
        printed = 0
        active = self._active.pop(id, None) or _Active()
        cancelled = cancelled or active.cancelling
        event: lifecycle.Event
        match answer:
            case Done(printed, meta, data):
                kept = self._store.outcome(id) or {}
                size = kept.get("size", meta.get("size", len(data)))
                event = lifecycle.Returned(size, kept.get("type", meta.get("type", "")), kept.get("items", 0))
            case Raised(printed, error, pickled):
                event = (
                    lifecycle.Cancelled(active.cancelled_by)
                    if error["cancelled"] and (cancelled or error["type"] == "KeyboardInterrupt")
                    else lifecycle.Raised(remote_error(error, pickled))
                )
            case Died(sentence):
                event = _killed(active) if cancelled else lifecycle.WorkerDied(sentence)
        self._apply(id, lifecycle.Printed(printed or self._log_size(id)), keep=False)
        self._apply(id, event)
        return self._current.get(id) or self._store.get(id)

    def _conclude_from_disk(self, id: str, otherwise: str, cancelled_by: str = "") -> None:
        """For a run of an earlier server: its worker left the outcome in the run's folder, or it is lost."""
        outcome = self._store.outcome(id)
        self._apply(id, lifecycle.Printed(self._log_size(id)), keep=False)
        if outcome is None:
            self._apply(id, lifecycle.WorkerDied(otherwise))
        elif outcome["state"] == "succeeded":
            self._apply(id, lifecycle.Returned(outcome["size"], outcome["type"], outcome["items"]))
        elif outcome["state"] == "cancelled":
            self._apply(id, lifecycle.Cancelled(cancelled_by))
        else:
            exception = self._store.folder(id) / "exception"
            pickled = exception.read_bytes() if exception.exists() else b""
            self._apply(id, lifecycle.Raised(remote_error(outcome["error"], pickled), outcome["items"]))

    async def cancel(self, id: str, force: bool, by: str = "") -> pb.Run:
        """Ask a run to end, for the person `by`; kill its worker after `GRACE_SECONDS`, or at once."""
        run = self.get(id)
        active = self._active.get(id)
        if run.state in lifecycle.ENDED or active is None:
            return run
        active.cancelling, active.cancelled_by = True, active.cancelled_by or by
        if active.link is None:
            if active.task is not None:
                active.task.cancel()
                await asyncio.wait({active.task}, timeout=GRACE_SECONDS)
            return self.get(id)
        if force:
            await self._pool.kill(active.link)
        else:
            await self._pool.interrupt(active.link)
            self._keep_running(asyncio.ensure_future(self._kill_later(id, active.link)))
        with self.watchers.subscribe(id) as changes, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS + 3):
                while self.get(id).state not in lifecycle.ENDED:
                    await changes.wait()
                    changes.take()
        return self.get(id)

    async def _kill_later(self, id: str, link: WorkerLink) -> None:
        await asyncio.sleep(GRACE_SECONDS)
        active = self._active.get(id)
        if active is not None and active.link is link:
            await self._pool.kill(link)

    def delete(self, runs: list[str]) -> list[str]:
        """Forget ended runs, with their files; those that still run are refused.

        Raises:
            ServerProblem: one of them has not ended.
        """
        for id in runs:
            if id in self._current:
                raise ServerProblem(f"Run {id} has not ended.", code="active", remedy="Cancel it first.")
        deleted = self._store.delete(runs)
        for id in deleted:
            self.watchers.publish_removed(id)
        return deleted

    # ------------------------------------------------------------ after a restart

    def recover_waiting(self) -> None:
        """Runs that an earlier server accepted and had not started: drive them again."""
        for run, _ in self._store.unfinished():
            self._current[run.id] = run
            if run.state in (pb.QUEUED, pb.PREPARING):
                try:
                    request = pb.SubmitRequest.FromString((self._store.folder(run.id) / "request").read_bytes())
                except OSError:
                    self._apply(run.id, lifecycle.WorkerDied("The cluster server ended before it started."))
                else:
                    self._drive(run.id, request)

    def recover_running(self, links: dict[str, WorkerLink]) -> None:
        """Runs that ran under an earlier server: wait for their workers, or read what those left."""
        for run, worker in self._store.unfinished():
            if run.state != pb.RUNNING or run.id in self._active:
                continue
            self._current[run.id] = run
            link = links.get(worker)
            if link is None:
                self._conclude_from_disk(run.id, "Its worker ended together with an earlier cluster server.")
            elif link.greeted.done():  # it is free, and works for somebody else next
                self._conclude_from_disk(run.id, _UNKNOWN_TO_WORKER)
            else:
                died: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
                link.expect(partial(_settle, died))  # now: once it greeted, the answer is somebody else's
                self._active[run.id] = _Active(None, link)
                self._keep_running(asyncio.ensure_future(self._await_adopted(run.id, link, died)))

    async def _await_adopted(self, id: str, link: WorkerLink, died: asyncio.Future[Answer]) -> None:
        waited: set[asyncio.Future[Any]] = {died, link.greeted}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        active = self._active.pop(id, None) or _Active()
        if died.done():
            answer = died.result()
            sentence = answer.sentence if isinstance(answer, Died) else ""
            if active.cancelling:
                self._apply(id, _killed(active))
            self._conclude_from_disk(id, sentence, active.cancelled_by)
        else:
            self._conclude_from_disk(id, _UNKNOWN_TO_WORKER)

    # ------------------------------------------------------------ records

    def _describe(self, run: pb.Run, function: PreparedFunction) -> None:
        run.name = run.name or function.name
        run.function, run.environment = function.key, function.environment
        run.code.CopyFrom(function.code)

    def _apply(self, id: str, event: lifecycle.Event, *, keep: bool = True, worker: str | None = None) -> None:
        run = self._current.get(id)
        if run is None or self._closed:
            return
        after = lifecycle.advance(run, event, time.time())
        if after is None:
            return
        self._current[id] = after
        if keep:
            self._save(after, worker)
        else:
            self.watchers.publish(after)

    def _save(self, run: pb.Run, worker: str | None = None) -> None:
        self._current[run.id] = run
        try:
            self._store.save(run, worker)
        finally:
            if run.state in lifecycle.ENDED:
                self._current.pop(run.id, None)
            self.watchers.publish(run)

    def _log_size(self, id: str) -> int:
        try:
            return (self._store.folder(id) / "log").stat().st_size
        except OSError:
            return 0

    def _keep_running(self, task: asyncio.Task[Any]) -> None:
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _killed(active: _Active) -> lifecycle.Cancelled:
    return lifecycle.Cancelled(active.cancelled_by, "; its worker was killed")


def _settle(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)


def _write(path: Path, data: bytes) -> None:
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
