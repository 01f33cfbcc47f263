"""Ray on the head host: started as a process group of its own, so that it and its workers outlive a killed server.

It listens on loopback only, with a token; `ray.json` in the state directory says where it is. Never `ray stop`: that
ends every Ray on the machine.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from rhresources.errors import RhError
from rhresources.wire import cluster_pb2 as pb

START_SECONDS = 90
ATTEMPTS = 3
OBJECT_STORE_BYTES = 128 * 1024 * 1024
NAMESPACE = "rhdesk"

log = logging.getLogger(__name__)


class RayHead:
    """Starts, finds again and ends the Ray of one server. `on_change(state)` hears of every phase."""

    def __init__(self, home: Path, runtime: Path, on_change: Callable[[pb.EngineState], None]) -> None:
        self._record = home / "ray.json"
        self._log = home / "ray.log"
        self._token = home / "ray-token"
        self._directory = runtime / "ray"
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
                detail = f"{error}\n{self._log_tail()}"
                log.info("Ray did not start (attempt %d): %s", attempt + 1, error)
                self._set(pb.EngineState.STARTING, f"Ray did not start; attempt {attempt + 2}", detail)
                await asyncio.to_thread(self.stop_processes)
                continue
            self._set(pb.EngineState.READY, f"Ray is up after {time.monotonic() - self._began:.1f} s")
            self.ready.set()
            return
        self._set(pb.EngineState.FAILED, "Ray could not be started on this host.", detail)
        self.ready.set()

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

    def stop_processes(self) -> None:
        """End the Ray processes that `ray.json` names; blocks for some seconds at most."""
        try:
            process = self._process()
            if process is not None:
                tree = [process, *process.children(recursive=True)]
                for one in tree:  # nothing of Ray's has to be kept, so nobody gets long to tidy up
                    _signal(one, signal.SIGTERM)
                _, alive = psutil.wait_procs(tree, timeout=1)
                for straggler in alive:
                    _signal(straggler, signal.SIGKILL)
                psutil.wait_procs(alive, timeout=3)
        except psutil.NoSuchProcess:
            pass
        self._record.unlink(missing_ok=True)
        shutil.rmtree(self._directory, ignore_errors=True)

    # ------------------------------------------------------------ processes

    def _find_running(self) -> str | None:
        if self._process() is None:
            if self._record.exists():
                self.stop_processes()
            return None
        return str(json.loads(self._record.read_text())["address"])

    def _process(self) -> psutil.Process | None:
        try:
            record = json.loads(self._record.read_text())
            process = psutil.Process(record["pid"])
            same = abs(process.create_time() - record["process_started"]) < 1
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, ValueError, KeyError, psutil.NoSuchProcess):
            return None

    def _start_processes(self) -> str:
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory.mkdir(mode=0o700, parents=True)
        if not self._token.exists():
            with open(self._token, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(secrets.token_hex(32))
        os.environ.update(self._environment())  # Ray reads these in this process too
        with open(self._log, "wb") as output:
            process = subprocess.Popen(
                [
                    sys.executable, "-c", "from ray.scripts.scripts import main; main()",
                    "start", "--head", "--block", "--port=0", "--node-ip-address=127.0.0.1",
                    "--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={self._directory}",
                    f"--object-store-memory={OBJECT_STORE_BYTES}",
                ],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                cwd=self._directory,
            )  # fmt: skip
        started = psutil.Process(process.pid).create_time()
        self._record.write_text(json.dumps({"pid": process.pid, "process_started": started, "address": ""}))
        address_file = self._directory / "ray_current_cluster"
        deadline = time.monotonic() + START_SECONDS
        while b"Ray runtime started" not in self._log.read_bytes():
            if process.poll() is not None:
                raise RhError(f"`ray start` ended with exit code {process.returncode}.")
            if time.monotonic() > deadline:
                raise RhError(f"`ray start` took longer than {START_SECONDS} s.")
            time.sleep(0.05)
        address = address_file.read_text().strip()
        self._record.write_text(
            json.dumps({"pid": process.pid, "process_started": started, "address": address})
        )
        return address

    def _environment(self) -> dict[str, str]:
        return {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self._token),
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # without it Ray listens on every interface
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_DEDUP_LOGS": "0",
            "RAY_worker_niceness": "0",  # Ray's own 15 starves users' functions on a busy host, and quick calls first
            "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        }

    def _join(self, address: str) -> None:
        os.environ.update(self._environment())
        import ray

        if ray.is_initialized():
            ray.shutdown()
        ray.init(
            address=address, namespace=NAMESPACE, logging_level=logging.ERROR, log_to_driver=False,
            configure_logging=False,
        )  # fmt: skip

    # ------------------------------------------------------------ state

    def _set(self, phase: Any, sentence: str, detail: str = "") -> None:
        self.state = pb.EngineState(phase=phase, sentence=sentence, detail=detail)
        self._on_change(self.state)

    def current(self) -> pb.EngineState:
        """The state, for people who wait: with the seconds it took so far."""
        if self.state.phase != pb.EngineState.STARTING:
            return self.state
        shown = pb.EngineState()
        shown.CopyFrom(self.state)
        shown.sentence += f" ({time.monotonic() - self._began:.0f} s)"
        return shown

    def _log_tail(self) -> str:
        try:
            return self._log.read_bytes()[-4000:].decode(errors="replace")
        except OSError:
            return ""


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        pass
