"""Starts worker processes through their supervisors and connects to them; finds those of an earlier server again.

On a cluster of several hosts a worker starts on the least loaded one, or where Ray has the resources that it asks for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rhresources.errors import RhError, ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.engine.places import Places, WorkerProcess
from rhserver.engine.ray_head import RayHead
from rhserver.engine.worker_link import WorkerLink
from rhserver.engine.worker_spec import WorkerSpec, read_record, write_record
from rhserver.hosts import handshake
from rhserver.hosts.hosts import Host, Hosts
from rhserver.hosts.remote_worker import RemoteWorker
from rhserver.runs.placing import Needs

CONNECT_SECONDS = 60
log = logging.getLogger(__name__)

OnDeath = Callable[[WorkerLink, str], None]


class _HostRefused(Exception):
    """A host could not be made ready for a worker."""


class Launcher:
    """Workers as processes.

    Args:
        ray_head: the cluster's Ray.
        home, runtime: where the server keeps its state, and its sockets.
        hosts: of the cluster.
        needs_of: what a worker is for, for hosts that have to be given its code and environment.
        run_of: the run that a worker of an earlier server may be in the middle of; empty if none is known.
        acquire_tree, release_tree: keep a code tree while a worker needs it.

    Attributes:
        idle: says how many workers do nothing, by host.
    """

    def __init__(
        self,
        ray_head: RayHead,
        *,
        home: Path,
        runtime: Path,
        hosts: Hosts,
        needs_of: Callable[[WorkerSpec], Needs],
        run_of: Callable[[str], str],
        acquire_tree: Callable[[str, str], Any],
        release_tree: Callable[[str, str], None],
    ) -> None:
        self._ray_head = ray_head
        self._home = home
        self._workers = home / "workers"
        self._workers.mkdir(mode=0o700, exist_ok=True)
        self._runtime = runtime
        self._hosts = hosts
        self._places = Places(home, hosts)
        self.idle: Callable[[], Mapping[str, int]] = dict
        hosts.on_lost = self._on_host_lost
        self._needs_of, self._run_of = needs_of, run_of
        self._acquire_tree, self._release_tree = acquire_tree, release_tree
        self._processes: dict[str, WorkerProcess] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._survivors: dict[str, tuple[WorkerSpec, str]] = {}  # worker name -> spec and host
        self._preparing: dict[str, str] = {}  # host -> what is done there for a worker

    async def hold_survivors(self) -> None:
        """Keep the code of workers that an earlier server left, before anybody can push a newer one over it."""
        for record in sorted(self._workers.glob("*.json")):
            try:
                spec, host = read_record(record)
                await self._acquire(spec)
            except (OSError, ValueError, TypeError, KeyError, RhError) as error:
                log.info("worker %s cannot be taken over: %s", record.stem, error)
                self._forget_files(record.stem)
            else:
                self._survivors[record.stem] = (spec, host)

    def obstacle(self) -> str:
        """What keeps a worker from being started now; empty if nothing is known to."""
        state = self._ray_head.current()
        if state.phase != pb.EngineState.READY:
            return f"{state.sentence.rstrip('.')}."
        return next((f"{host}: {phase.rstrip('.')}." for host, phase in self._preparing.items()), "")

    async def start(self, spec: WorkerSpec, on_death: OnDeath) -> WorkerLink:
        """A new worker, connected and idle.

        Raises:
            RhError: Ray is not there, the resources are not, or the process ended at once (with its last words).
        """
        await self._ray_head.ready.wait()
        if self._ray_head.state.phase != pb.EngineState.READY:
            raise ServerProblem(
                self._ray_head.state.sentence, code="engine", detail=self._ray_head.state.detail,
                remedy="Take the cluster down and bring it up again; ray.log in the server's folder says more.",
            )  # fmt: skip
        name = secrets.token_hex(4)
        await self._acquire(spec)
        try:
            while True:
                try:
                    process, link = await self._start_somewhere(name, spec)
                    break
                except _HostRefused:  # it is spared for a while: another one takes the worker, at last the head
                    continue
        except BaseException:
            self.released(spec)
            self._forget_files(name)
            raise
        self._watch(link, process, on_death)
        return link

    async def find_again(self, on_death: OnDeath) -> list[tuple[WorkerLink, WorkerSpec]]:
        """Workers that an earlier server left, connected; busy ones greet when their task ends."""
        found = []
        for name, (spec, given) in list(self._survivors.items()):
            try:
                process = await self._places.find_again(name, spec, given)
                link = await self._connect(name, process)
            except Exception as error:
                log.info("worker %s cannot be taken over: %s", name, error)
                del self._survivors[name]
                self.released(spec)
                self._forget_files(name)
                continue
            self._hosts.took(process.host)
            self._watch(link, process, on_death)
            found.append((link, spec))
        await self._hosts.keep_only({link.name for link, _ in found})
        self._survivors.clear()  # whoever asked takes them over now
        return found

    def uses(self, python: str) -> bool:
        """Whether an earlier server left a worker with this interpreter that is not found again yet."""
        return any(spec.python == python for spec, _ in self._survivors.values())

    async def kill(self, name: str) -> None:
        """SIGKILL to the worker and what it started."""
        await self._signal(name, signal.SIGKILL, group=True)

    async def interrupt(self, name: str) -> None:
        """SIGINT to the worker."""
        await self._signal(name, signal.SIGINT, group=False)

    def released(self, spec: WorkerSpec) -> None:
        """A worker of this spec is gone: its trees may change."""
        for project, root in spec.trees:
            self._release_tree(project, root)

    async def _acquire(self, spec: WorkerSpec) -> None:
        acquired = []
        try:
            for project, root in spec.trees:
                await asyncio.to_thread(self._acquire_tree, project, root)
                acquired.append((project, root))
        except BaseException:
            for project, root in acquired:
                self._release_tree(project, root)
            raise

    # ------------------------------------------------------------ hosts

    def _on_host_lost(self, host: Host, sentence: str) -> None:
        for process in list(self._processes.values()):
            if process.host is host and not process.lost.done():
                process.lost.set_result(f"Its host was lost: {sentence}")

    def _left(self, name: str, process: WorkerProcess) -> None:
        """A worker that counted on its host is gone from there."""
        if not process.host.is_head:
            self._keep(self._hosts.release(process.host, name))
        self._keep(self._places.left(process))

    # ------------------------------------------------------------ processes

    async def _start_somewhere(self, name: str, spec: WorkerSpec) -> tuple[WorkerProcess, WorkerLink]:
        process = await self._places.find(spec, name, self.idle())
        try:
            return process, await self._start_process(name, process)
        except BaseException:
            self._processes.pop(name, None)
            self._left(name, process)
            raise

    async def _start_process(self, name: str, process: WorkerProcess) -> WorkerLink:
        spec, host, supervisor = process.spec, process.host, process.supervisor
        self._processes[name] = process
        python, path, folder = spec.python, spec.path, spec.folder
        if not host.is_head:
            python, path, folder = await self._prepare_host(name, process)
        write_record(self._workers / f"{name}.json", spec, "" if host.is_head else host.given)
        environment = dict(os.environ) if host.is_head else None
        await supervisor.start.remote(name, python, path, folder, dict(spec.variables), environment)
        ended = asyncio.ensure_future(_value(supervisor.wait.remote(name)))
        connecting = asyncio.ensure_future(self._connect(name, process))
        try:
            done, _ = await asyncio.wait(
                {ended, connecting, process.lost}, timeout=CONNECT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if connecting in done and connecting.exception() is None:
                link = connecting.result()
                await link.greeted
                return link
            if process.lost.done():
                raise ServerProblem(process.lost.result(), code="host-lost")
            words = await supervisor.last_words.remote(name)
            await self._signal(name, signal.SIGKILL, group=True)
            raise ServerProblem(
                "A worker process ended before it was ready." if ended in done else "A worker process did not answer.",
                code="engine", detail=words,
            )  # fmt: skip
        finally:
            for task in (ended, connecting):
                task.cancel()

    async def _prepare_host(self, name: str, process: WorkerProcess) -> tuple[str, tuple[str, ...], str]:
        """Code and environment for a worker on a host that is not the head: interpreter, search path, folder there."""
        host, spec = process.host, process.spec

        def say(phase: str) -> None:
            self._preparing[host.given] = phase

        say("Getting ready")
        try:
            placed = await self._hosts.ensure(host, self._needs_of(spec), lambda _: None, say, worker=name)
        except RhError as error:
            self._places.refuse(host, spec)
            log.info("%s cannot run a function: %s", host.given, error)
            if spec.dedicated:  # Ray would place the next one there again
                raise
            raise _HostRefused from error
        finally:
            self._preparing.pop(host.given, None)
        return placed.python, placed.path, placed.folder

    async def _connect(self, name: str, process: WorkerProcess) -> WorkerLink:
        scratch = self._workers / f"{name}.out"
        if not process.host.is_head:
            return await self._connect_remote(name, process, scratch)
        link = WorkerLink(name=name, scratch=scratch, host="" if self._hosts.single else process.host.given)
        socket = str(self._runtime / f"{name}.s")
        for _ in range(CONNECT_SECONDS * 200):
            try:
                await asyncio.get_running_loop().create_unix_connection(lambda: link, socket)
                return link
            except (FileNotFoundError, ConnectionRefusedError):
                await asyncio.sleep(0.005)
        raise TimeoutError(f"worker {name} did not listen")

    async def _connect_remote(self, name: str, process: WorkerProcess, scratch: Path) -> WorkerLink:
        host = process.host
        port = await process.supervisor.open_relay.remote(host.address)
        key = handshake.key_of((self._home / "ray-token").read_text())
        run = self._run_of(name)
        deadline = time.monotonic() + CONNECT_SECONDS
        while time.monotonic() < deadline:
            link = RemoteWorker(name=name, scratch=scratch, home=self._home, key=key, run_before=run, host=host.given)
            await link.connect(host.address, port)
            if run:  # it is busy maybe, and greets when it is not
                return link
            with contextlib.suppress(ConnectionError):
                await asyncio.shield(link.greeted)
                return link
            await asyncio.sleep(0.05)  # it does not listen yet
        raise TimeoutError(f"worker {name} did not listen")

    async def _signal(self, name: str, number: int, *, group: bool) -> None:
        process = self._processes.get(name)
        if process is not None:
            try:
                await process.supervisor.signal.remote(name, number, group)
            except Exception as error:  # the supervisor died, and the worker with it
                log.info("worker %s could not be signalled: %s", name, error)

    # ------------------------------------------------------------ the end of a worker

    def _watch(self, link: WorkerLink, process: WorkerProcess, on_death: OnDeath) -> None:
        name = link.name
        self._processes[name] = process
        if isinstance(link, RemoteWorker):
            link.on_broken = lambda _: self._keep(self._give_up(name, process))

        async def watch() -> None:
            sentence = await self._end_of(name, process)
            await asyncio.sleep(0.02)  # what it said last may still be in the socket
            if isinstance(link, RemoteWorker) and process.host.alive:  # a lost host sends nothing more
                await link.drained()
            self._processes.pop(name, None)
            link.close()
            on_death(link, sentence)
            self._forget_files(name)
            if not process.host.is_head and process.host.alive:
                with contextlib.suppress(Exception):
                    await process.supervisor.forget.remote(name)
            self._left(name, process)

        self._keep(watch())

    async def _end_of(self, name: str, process: WorkerProcess) -> str:
        """Wait for the end of a worker; how it came, as a sentence."""
        ended = asyncio.ensure_future(_value(process.supervisor.wait.remote(name)))
        try:
            await asyncio.wait({ended, process.lost}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                return process.lost.result()
            return _describe_end(ended.result())
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.info("worker %s: %s", name, error)
            if process.host.is_head:
                self._places.supervisor_died(process)
                return "Its host or Ray's supervisor of it went away."
            with contextlib.suppress(TimeoutError):  # Ray may know sooner that the host is gone
                return await asyncio.wait_for(asyncio.shield(process.lost), 5)
            return f"Its host {process.host.given}, or Ray's supervisor of it there, went away."
        finally:
            ended.cancel()

    async def _give_up(self, name: str, process: WorkerProcess) -> None:
        """The connection to a worker of another host broke: as a rule it ended, else it is of no use any more."""
        await asyncio.sleep(3)
        if self._processes.get(name) is process and not process.lost.done():
            process.lost.set_result(f"The connection to its host {process.host.given} broke.")
            await self._signal(name, signal.SIGKILL, group=True)

    def _keep(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)

    def _forget_files(self, name: str) -> None:
        for path in (*self._workers.glob(f"{name}.*"), self._runtime / f"{name}.s"):
            path.unlink(missing_ok=True)


async def _value(reference: Any) -> Any:
    return await reference


def _describe_end(code: int) -> str:
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        hint = " (out of memory?)" if -code == signal.SIGKILL else ""
        return f"Its worker process was killed by signal {name}{hint}."
    return f"Its worker process ended with exit code {code}."
