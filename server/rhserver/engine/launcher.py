"""Starts worker processes through their supervisors and connects to them; finds those of an earlier server again."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rhresources.errors import RhError, ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.engine.ray_head import NAMESPACE, RayHead
from rhserver.engine.supervisor import SHARED, Supervisor
from rhserver.engine.worker_link import WorkerLink
from rhserver.inspection.inspection import fallback_path

CONNECT_SECONDS = 60
OWN_VARIABLES = ("RAY_", "PYTHONHOME", "PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")
WORKER_PROGRAM = str(Path(__file__).parent.parent / "worker")

log = logging.getLogger(__name__)

OnDeath = Callable[[WorkerLink, str], None]


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What a worker can run. Workers of one spec are alike."""

    python: str
    path: tuple[str, ...]
    folder: str
    trees: tuple[tuple[str, str], ...] = ()
    """(project, root) of the code it runs, then of the local packages it imports; kept while it lives."""
    variables: tuple[tuple[str, str], ...] = ()
    cpus: float = 0.0
    gpus: float = 0.0
    memory: float = 0.0

    @property
    def dedicated(self) -> bool:
        return bool(self.cpus or self.gpus or self.memory)


class Launcher:
    """Workers as processes. `acquire_tree`/`release_tree` keep a code tree while a worker needs it."""

    def __init__(
        self,
        ray_head: RayHead,
        *,
        home: Path,
        runtime: Path,
        runs: Path,
        spill: Path,
        acquire_tree: Callable[[str, str], Any],
        release_tree: Callable[[str, str], None],
    ) -> None:
        self._ray_head = ray_head
        self._workers = home / "workers"
        self._workers.mkdir(mode=0o700, exist_ok=True)
        self._runtime = runtime
        self._runs, self._spill = runs, spill
        self._acquire_tree, self._release_tree = acquire_tree, release_tree
        self._supervisors: dict[str, Any] = {}  # worker name -> actor
        self._shared: Any = None
        self._shared_lock = asyncio.Lock()
        self._watchers: set[asyncio.Task[None]] = set()
        self._survivors: dict[str, WorkerSpec] = {}

    async def hold_survivors(self) -> None:
        """Keep the code of workers that an earlier server left, before anybody can push a newer one over it."""
        for record in sorted(self._workers.glob("*.json")):
            try:
                spec = _read_spec(record)
                await self._acquire(spec)
            except (OSError, ValueError, TypeError, KeyError, RhError) as error:
                log.info("worker %s cannot be taken over: %s", record.stem, error)
                self._forget_files(record.stem)
            else:
                self._survivors[record.stem] = spec

    def obstacle(self) -> str:
        """What keeps any worker from being started now; empty if nothing does."""
        state = self._ray_head.current()
        return "" if state.phase == pb.EngineState.READY else f"{state.sentence.rstrip('.')}."

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
            supervisor = await self._supervisor(spec, name)
            self._supervisors[name] = supervisor
            link = await self._start_process(name, spec, supervisor)
        except BaseException:
            self.released(spec)
            self._forget_files(name)
            raise
        self._watch(link, supervisor, spec, on_death)
        return link

    async def find_again(self, on_death: OnDeath) -> list[tuple[WorkerLink, WorkerSpec]]:
        """Workers that an earlier server left, connected; busy ones greet when their task ends."""
        found = []
        survivors, self._survivors = self._survivors, {}
        for name, spec in survivors.items():
            try:
                supervisor = await self._supervisor_of(name, spec)
                link = await self._connect(name)
            except Exception as error:
                log.info("worker %s cannot be taken over: %s", name, error)
                self.released(spec)
                self._forget_files(name)
                continue
            self._supervisors[name] = supervisor
            self._watch(link, supervisor, spec, on_death)
            found.append((link, spec))
        return found

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

    # ------------------------------------------------------------ supervisors

    async def _supervisor(self, spec: WorkerSpec, name: str) -> Any:
        if not spec.dedicated:
            async with self._shared_lock:
                if self._shared is None:
                    self._shared = await asyncio.to_thread(self._create, SHARED, {"num_cpus": 0})
            return self._shared
        self._require(spec)
        options: dict[str, Any] = {"num_cpus": spec.cpus, "num_gpus": spec.gpus}
        if spec.memory:
            options["memory"] = spec.memory
        actor = await asyncio.to_thread(self._create, f"{SHARED}-{name}", options)
        await actor.ping.remote()  # waits until Ray has the resources
        return actor

    def _create(self, name: str, options: dict[str, Any]) -> Any:
        import ray

        actor = ray.remote(Supervisor)
        return actor.options(
            name=name, namespace=NAMESPACE, lifetime="detached", get_if_exists=True, max_concurrency=1000, **options
        ).remote()

    def _existing(self, spec: WorkerSpec, name: str) -> Any:
        import ray

        return ray.get_actor(f"{SHARED}-{name}" if spec.dedicated else SHARED, namespace=NAMESPACE)

    async def _supervisor_of(self, name: str, spec: WorkerSpec) -> Any:
        """The supervisor of a worker that an earlier server started.

        Raises:
            LookupError: it is gone, or its worker is.
        """
        for pause in (0.5, 2, 5, 0):  # Ray may have just come back itself
            try:
                supervisor = await asyncio.to_thread(self._existing, spec, name)
                there = (await supervisor.ping.remote())["workers"]
            except Exception as error:
                log.info("the supervisor of worker %s does not answer: %s", name, error)
                await asyncio.sleep(pause)
                continue
            if name in there:
                return supervisor
            break
        raise LookupError("its worker is gone")

    @staticmethod
    def _require(spec: WorkerSpec) -> None:
        import ray

        there = ray.cluster_resources()
        for wanted, kind, word in ((spec.gpus, "GPU", "GPU"), (spec.cpus, "CPU", "processor")):
            has = there.get(kind, 0.0)
            if wanted > has:
                raise ServerProblem(
                    f"The function asks for {wanted:g} {word}{'' if wanted == 1 else 's'}; this cluster has {has:g}.",
                    code="no-resources", remedy="Ask for less, or run it on another cluster.",
                )  # fmt: skip

    # ------------------------------------------------------------ processes

    async def _start_process(self, name: str, spec: WorkerSpec, supervisor: Any) -> WorkerLink:
        settings = {
            "socket": str(self._runtime / f"{name}.s"),
            "scratch": str(self._workers / f"{name}.out"),
            "runs": str(self._runs),
            "spill": str(self._spill),
            "path": list(spec.path),
            "fallback_path": fallback_path(spec.python),
        }
        settings_file = self._workers / f"{name}.settings"
        settings_file.write_text(json.dumps(settings))
        (self._workers / f"{name}.json").write_text(json.dumps(asdict(spec)))
        errors = self._workers / f"{name}.err"
        await supervisor.start.remote(
            name, [spec.python, WORKER_PROGRAM, str(settings_file)], self._environment(spec), spec.folder, str(errors)
        )
        ended = asyncio.ensure_future(_value(supervisor.wait.remote(name)))
        connecting = asyncio.ensure_future(self._connect(name))
        try:
            done, _ = await asyncio.wait(
                {ended, connecting}, timeout=CONNECT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if connecting in done and connecting.exception() is None:
                link = connecting.result()
                await link.greeted
                return link
            words = errors.read_text(errors="replace")[-4000:] if errors.exists() else ""
            await self._signal(name, signal.SIGKILL, group=True)
            raise ServerProblem(
                "A worker process ended before it was ready." if ended in done else "A worker process did not answer.",
                code="engine", detail=words,
            )  # fmt: skip
        finally:
            for task in (ended, connecting):
                task.cancel()

    async def _connect(self, name: str) -> WorkerLink:
        link = WorkerLink(name=name, scratch=self._workers / f"{name}.out")
        socket = str(self._runtime / f"{name}.s")
        for _ in range(CONNECT_SECONDS * 200):
            try:
                await asyncio.get_running_loop().create_unix_connection(lambda: link, socket)
                return link
            except (FileNotFoundError, ConnectionRefusedError):
                await asyncio.sleep(0.005)
        raise TimeoutError(f"worker {name} did not listen")

    def _environment(self, spec: WorkerSpec) -> dict[str, str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(OWN_VARIABLES)}
        folder = str(Path(spec.python).parent)
        environment["PATH"] = f"{folder}{os.pathsep}{environment.get('PATH', os.defpath)}"
        environment["VIRTUAL_ENV"] = str(Path(folder).parent)
        environment.update(spec.variables)
        return environment

    async def _signal(self, name: str, number: int, *, group: bool) -> None:
        supervisor = self._supervisors.get(name)
        if supervisor is not None:
            try:
                await supervisor.signal.remote(name, number, group)
            except Exception as error:  # the supervisor died, and the worker with it
                log.info("worker %s could not be signalled: %s", name, error)

    # ------------------------------------------------------------ the end of a worker

    def _watch(self, link: WorkerLink, supervisor: Any, spec: WorkerSpec, on_death: OnDeath) -> None:
        async def watch() -> None:
            try:
                sentence = _describe_end(await supervisor.wait.remote(link.name))
            except asyncio.CancelledError:
                raise
            except Exception as error:
                sentence = "Its host or Ray's supervisor of it went away."
                log.info("worker %s: %s", link.name, error)
                if not spec.dedicated:
                    self._shared = None
            await asyncio.sleep(0.02)  # what it said last may still be in the socket
            self._supervisors.pop(link.name, None)
            link.close()
            on_death(link, sentence)
            self._forget_files(link.name)
            if spec.dedicated:
                await asyncio.to_thread(_end_actor, supervisor)

        task = asyncio.ensure_future(watch())
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)

    def _forget_files(self, name: str) -> None:
        for path in (*self._workers.glob(f"{name}.*"), self._runtime / f"{name}.s"):
            path.unlink(missing_ok=True)


def _read_spec(record: Path) -> WorkerSpec:
    data = json.loads(record.read_text())
    for name in ("path", "trees", "variables"):
        data[name] = tuple(tuple(item) if isinstance(item, list) else item for item in data[name])
    return WorkerSpec(**data)


async def _value(reference: Any) -> Any:
    return await reference


def _end_actor(actor: Any) -> None:
    import ray

    try:
        ray.kill(actor)
    except Exception as error:
        log.info("a supervisor could not be ended: %s", error)


def _describe_end(code: int) -> str:
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        hint = " (out of memory?)" if -code == signal.SIGKILL else ""
        return f"Its worker process was killed by signal {name}{hint}."
    return f"Its worker process ended with exit code {code}."
