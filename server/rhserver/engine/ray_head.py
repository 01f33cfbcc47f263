"""Ray on the head host: brought up, joined again after a restart of the server, with its state for people.

It listens with a token, on loopback or, for a cluster of several hosts, at the head's address in the cluster's network;
`ray.json` in the state directory says where it is.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from rhresources.errors import RhError
from rhresources.wire import cluster_pb2 as pb
from rhserver.engine.ray_processes import LOOPBACK, RayProcesses, host_of

ATTEMPTS = 3
NAMESPACE = "rhdesk"

log = logging.getLogger(__name__)


class RayHead:
    """Starts, finds again and ends the Ray of one server. `on_change(state)` hears of every phase."""

    def __init__(
        self, home: Path, runtime: Path, on_change: Callable[[pb.EngineState], None], address: str = LOOPBACK
    ) -> None:
        self._token = home / "ray-token"
        self._address = address
        self._processes = RayProcesses(home / "ray.json", home / "ray.log", self._token, runtime / "ray", address)
        self._on_change = on_change
        self._began = time.monotonic()
        self.state = pb.EngineState(phase=pb.EngineState.STARTING, sentence="Ray starts")
        self.ready = asyncio.Event()

    async def start(self) -> None:
        """Bring Ray up, or join the one that an earlier server left. Failure is a state, not an exception."""
        self._began = time.monotonic()
        self._set(pb.EngineState.STARTING, "Ray starts")
        detail = ""
        for attempt in range(ATTEMPTS):
            try:
                address = await asyncio.to_thread(self._find_running)
                if address is not None:
                    await self._rejoin(address)
                else:
                    await asyncio.to_thread(lambda: self._join(self._start_processes()))
            except (RhError, OSError, RuntimeError, ConnectionError, TimeoutError) as error:
                detail = f"{error}\n{self._processes.log_tail()}"
                log.info("Ray did not start (attempt %d): %s", attempt + 1, error)
                self._set(pb.EngineState.STARTING, f"Ray did not start; attempt {attempt + 2}", detail)
                await asyncio.to_thread(self.stop_processes)
                continue
            self._set(pb.EngineState.READY, f"Ray is up after {time.monotonic() - self._began:.1f} s")
            self.ready.set()
            return
        self._set(pb.EngineState.FAILED, "Ray could not be started on this host.", detail)
        self.ready.set()

    def stop_processes(self) -> None:
        """End the Ray processes that `ray.json` names; blocks for some seconds at most."""
        self._processes.stop()

    def current(self) -> pb.EngineState:
        """The state, for people who wait: with the seconds it took so far."""
        if self.state.phase != pb.EngineState.STARTING:
            return self.state
        shown = pb.EngineState()
        shown.CopyFrom(self.state)
        shown.sentence += f" ({time.monotonic() - self._began:.0f} s)"
        return shown

    # ------------------------------------------------------------ processes

    def _find_running(self) -> str | None:
        address = self._processes.running()
        # half started, or at an address that other hosts cannot join: the cluster has got a second host since
        if address is not None and (not address or (host_of(address) == LOOPBACK) != (self._address == LOOPBACK)):
            address = None
        if address is None:
            self.stop_processes()
        return address

    def _start_processes(self) -> str:
        if not self._token.exists():
            with open(self._token, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(secrets.token_hex(32))
        return self._processes.start("--head", "--port=0", "--include-dashboard=false")

    async def _rejoin(self, address: str) -> None:
        """Join a Ray that runs. Runs of an earlier server live in it, so a busy host gets several tries."""
        for pause in (1, 3, 10, 0):
            try:
                await asyncio.to_thread(self._join, address)
                return
            except (OSError, RuntimeError, ConnectionError, TimeoutError) as error:
                log.info("Ray does not answer yet: %s", error)
                if not pause:
                    raise
                await asyncio.sleep(pause)

    def _join(self, address: str) -> None:
        os.environ.update(self._processes.variables())  # Ray reads these in this process too
        import ray

        if ray.is_initialized():
            ray.shutdown()
        # a host of several networks must be known to Ray by the same address here as in its own processes
        own = {} if self._address == LOOPBACK else {"_node_ip_address": self._address}
        ray.init(
            address=address, namespace=NAMESPACE, logging_level=logging.ERROR, log_to_driver=False,
            configure_logging=False, **own,
        )  # fmt: skip

    # ------------------------------------------------------------ state

    def _set(self, phase: pb.EngineState.Phase, sentence: str, detail: str = "") -> None:
        self.state = pb.EngineState(phase=phase, sentence=sentence, detail=detail)
        self._on_change(self.state)
