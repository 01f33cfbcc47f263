"""Calls and transfers through an SSH connection: our own forwards against those of `ssh -L`, to the same SSH server."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from measure import Goal, Row, medians
from processes import RoundProcess, round_process, running
from shared import Bench

MEGABYTES = 100
CALLS = 400
GCM = "aes128-gcm@openssh.com"


async def call_through_tunnel(bench: Bench) -> list[Row]:
    """A no-op call through our tunnel and through `ssh -L`, each minus the same call over the unix socket itself."""
    async with _ways(bench, "direct", "own", "ssh -L") as ways:
        taken = await medians({name: _round(way, f"once {CALLS}") for name, way in ways.items()}, bench.rounds(15))
    own, peer = ((taken[way] - taken["direct"]) / 1e3 for way in ("own", "ssh -L"))
    return [
        Row("no-op call, added by our tunnel : added by ssh -L", own, "ms", peer, Goal("value", "<=", 0.6)),
        Row("no-op call through our tunnel : over the socket itself", taken["own"], "µs", taken["direct"]),
    ]


async def bulk_through_tunnel(bench: Bench) -> list[Row]:
    """100 MB up and down in pieces of 1 MiB through our tunnel and `ssh -L`, and small calls meanwhile."""
    rows = []
    async with _ways(bench, "own", "ssh -L", f"ssh -L -c {GCM}") as ways:
        for kind in ("up", "down"):
            rounds = {name: _round(way, f"{kind} {MEGABYTES}") for name, way in ways.items()}
            taken = await medians(rounds, bench.rounds(9))
            name = f"{MEGABYTES} MB {kind} through our tunnel"
            rows.append(Row(f"{name} : ssh -L", taken["own"], "MB/s", taken["ssh -L"], Goal("ratio", ">=", 0.85)))
            rows.append(Row(f"{name} : ssh -L -c {GCM}", taken["own"], "MB/s", taken[f"ssh -L -c {GCM}"]))
        rounds = {name: _round(ways[name], f"meanwhile {MEGABYTES}") for name in ("own", "ssh -L")}
        taken = {name: figure / 1e3 for name, figure in (await medians(rounds, bench.rounds(5))).items()}
    name = f"no-op call while {MEGABYTES} MB go up and down, our tunnel : ssh -L"
    rows.append(Row(name, taken["own"], "ms", taken["ssh -L"], Goal("value", "<=", 10)))
    return rows


@asynccontextmanager
async def _ways(bench: Bench, *names: str) -> AsyncIterator[dict[str, RoundProcess]]:
    """A program for each way to the cluster of this machine and the bare server beside it."""
    await bench.client()
    raw = (await bench.raw()).address
    address = await bench.address()
    direct = {"cluster": address.target, "raw": raw, "project": str(bench.project)}
    ssh = bench.ssh_server()
    async with AsyncExitStack() as stack:
        sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=bench.folder)))
        ways = {}
        for number, name in enumerate(names):
            way: dict[str, Any] = dict(direct)
            if name == "own":
                way["ssh"] = {**ssh.log_in, "folder": str(sockets)}
            elif name.startswith("ssh -L"):
                options = name.removeprefix("ssh -L").split()
                local = {key: f"unix:{sockets / f'peer-{number}-{key}.sock'}" for key in ("cluster", "raw")}
                await stack.enter_async_context(_ssh_forward(ssh.command, options, local, direct))
                way |= local
            program = round_process("tunnel_caller.py", json.dumps(way), environment={"RH_HOME": str(bench.home)})
            ways[name] = await stack.enter_async_context(program)
        yield ways


@asynccontextmanager
async def _ssh_forward(
    ssh: list[str], options: list[str], local: Mapping[str, str], remote: Mapping[str, str]
) -> AsyncIterator[None]:
    """`ssh -L`, once its sockets are there."""
    pairs = {key: local[key].removeprefix("unix:") for key in local}
    forwards = [word for key, path in pairs.items() for word in ("-L", f"{path}:{remote[key].removeprefix('unix:')}")]
    async with running(*ssh[:-1], *options, "-N", *forwards, ssh[-1]) as process:
        while not all(Path(path).exists() for path in pairs.values()):
            if process.returncode is not None:
                raise RuntimeError(f"ssh -L ended with exit code {process.returncode}")
            await asyncio.sleep(0.02)
        yield


def _round(way: RoundProcess, request: str) -> Any:
    return lambda: way.round(request)
