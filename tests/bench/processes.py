"""Child processes of the benchmarks: peers' servers, and programs that are measured from outside.

All of them end with the benchmark, even when it is killed.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

# gRPC reads this while it is imported, after this module; else it remarks on every process that is started beside it
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

BENCH = Path(__file__).resolve().parent
sys.path.append(str(BENCH.parent))  # for `lab`, the hosts of the tests, which are those of the benchmarks too
READY = b"READY"


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a user's shell: without the switches that keep Python from caching byte code."""
    environment = {**os.environ, **(extra or {})}
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):
        environment.pop(name, None)
    return environment


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running(
    *command: str, environment: Mapping[str, str] | None = None, log: Path | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process with pipes on standard input and output, asked to end afterwards (killed after 15 s)."""
    output = log.open("ab") if log else None
    try:
        process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "TERM", "--"),  # it ends with us, even when we are killed
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=output,
            env=child_environment(environment),
        )
    finally:
        if output:
            output.close()
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 15)
            except TimeoutError:
                process.kill()
                await process.wait()


async def seconds_of(*command: str) -> float:
    """How long a program of the system takes, started as a shell would.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    start = time.perf_counter()
    # subprocess forks by vfork; the loop's own way copies the tables of this large process first
    await asyncio.to_thread(subprocess.run, command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


class RoundProcess:
    """A program that answers each line on its standard input with the figures of a round on its standard output."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self._process = process
        self._name = name

    async def line(self) -> str:
        """The next line that the program prints.

        Raises:
            RuntimeError: it ended instead.
        """
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended with exit code {await self._process.wait()}")
        return line.decode().strip()

    async def round(self, request: object) -> float:
        """The figure that the program answers `request` with."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{request}\n".encode())
        return float(await self.line())


@asynccontextmanager
async def round_process(
    script: str, *arguments: str, environment: Mapping[str, str] | None = None, before: Sequence[str] = ()
) -> AsyncIterator[RoundProcess]:
    """`script` of this folder as a `RoundProcess`, once it has said that it is ready; `before` is what starts it."""
    words = (*before, sys.executable, str(BENCH / script), *arguments)
    async with running(*words, environment=environment) as process:
        program = RoundProcess(process, script)
        while not (await program.line()).startswith(READY.decode()):
            pass
        yield program
