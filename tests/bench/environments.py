"""Environments: what one that exists adds to a run, and what making one costs beside the same by hand."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

from measure import Goal, Measurement, Row, medians, take_rounds
from shared import Bench
from uv import find_uv_bin

from rhresources.code.tree import CodeTree
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient
from rhresources.wire.values import pickle_arguments

PACKAGES = ("numpy==2.2.6", "requests==2.32.5", "rich==14.1.0", "idna==3.10")
TINY = PACKAGES[-1:]
"""So little to install that all else shows."""

FILES = 300
"""Of a project: its environment depends on its requirements, and somebody has to find those."""

_numbers: Iterator[int] = count()


async def environments(bench: Bench) -> list[Row]:
    """A run in an environment that exists beside one with none; a new environment beside uv venv + pip install."""
    client = await bench.client()
    project = await asyncio.to_thread(_make_project, bench.folder / "environment-project")
    run, prepare = _Pairs(), _Pairs()
    for with_environment in (True, False):
        run.add(with_environment, _run(client, project, with_environment))
        prepare.add(with_environment, _prepare_edited(client, project, with_environment))
    added_to_run = await run.difference(bench.rounds(60))
    added_after_edit = await prepare.difference(bench.rounds(15))
    hand = bench.folder / "by-hand"
    new = await medians(
        {
            "ours": lambda: _new_environment(client, PACKAGES),
            "plain": lambda: _by_hand(hand, PACKAGES),
            "compiled": lambda: _by_hand(hand, PACKAGES, "--compile-bytecode"),
        },
        bench.rounds(7),
    )
    tiny = await medians(
        {"ours": lambda: _new_environment(client, TINY), "plain": lambda: _by_hand(hand, TINY)}, bench.rounds(21)
    )
    little = Goal("value", "<=", 10.0)
    by_hand = f"uv venv + uv pip install of {len(PACKAGES)} packages"
    return [
        Row("a run in an environment that exists, beyond one with none", added_to_run, "ms", goal=little),
        Row("preparing it after an edit, beyond one with none", added_after_edit, "ms", goal=little),
        Row(f"new environment : {by_hand}", new["ours"], "ms", new["plain"], Goal("ratio", "<=", 1.3)),
        Row("new environment : the same with --compile-bytecode", new["ours"], "ms", new["compiled"]),
        Row(
            f"new environment : the same of {TINY[0]} alone",
            tiny["ours"],
            "ms",
            tiny["plain"],
            Goal("ratio", "<=", 1.3),
        ),
    ]


class _Pairs:
    """The same work with an environment and without, and what the environment adds."""

    def __init__(self) -> None:
        self._work: dict[str, Measurement] = {}

    def add(self, with_environment: bool, work: Measurement) -> None:
        self._work["with" if with_environment else "without"] = work

    async def difference(self, rounds: int) -> float:
        """The median of the differences within a round, in milliseconds."""
        taken = await take_rounds(self._work, rounds)
        return statistics.median(one - other for one, other in zip(taken["with"], taken["without"], strict=True))


def _run(client: ClusterClient, project: Path, with_environment: bool) -> Measurement:
    """A run from its submission to its end, as `rhdesk run` or the window start one."""
    arguments = pickle_arguments((), {})

    async def work() -> float:
        spec = await _function(client, project, with_environment)
        value = await client.value(arguments)
        start = time.perf_counter()
        run = await client.submit(spec, value)
        state = run.state
        async for event in client.watch(run.id, log=False):
            if event.HasField("run"):
                state = event.run.state
        assert state == pb.SUCCEEDED, f"the run ended in state {state}"
        return (time.perf_counter() - start) * 1000

    return work


def _prepare_edited(client: ClusterClient, project: Path, with_environment: bool) -> Measurement:
    """Preparing a function whose code has just changed; sending the change is not counted."""

    async def work() -> float:
        (project / "edited.py").write_text(f"NUMBER = {next(_numbers)}\n")
        spec = await _function(client, project, with_environment)
        return await _timed(client, spec)

    return work


async def _function(client: ClusterClient, project: Path, with_environment: bool) -> pb.FunctionSpec:
    code = await client.push(CodeTree(project))
    packages = [_pip(package) for package in PACKAGES[1:]]
    packages.append(pb.PackageSpec(method=pb.PackageSpec.REQS, tree=code, spec="./"))
    return pb.FunctionSpec(
        name="functions.py:nothing",
        code=code,
        entry=pb.Entry(imported=pb.Import(folder="", module="functions", name="nothing")),
        environment=pb.EnvironmentSpec(packages=packages if with_environment else []),
    )


async def _new_environment(client: ClusterClient, packages: Sequence[str]) -> float:
    spec = pb.FunctionSpec(
        name="new",
        entry=pb.Entry(builtin="python"),
        environment=pb.EnvironmentSpec(packages=[_pip(package) for package in packages]),
    )
    taken = await _timed(client, spec)
    prepared = await client.prepare(spec)
    await client.remove_environment(prepared.environment)
    return taken


async def _timed(client: ClusterClient, spec: pb.FunctionSpec) -> float:
    start = time.perf_counter()
    await client.prepare(spec)
    return (time.perf_counter() - start) * 1000


async def _by_hand(folder: Path, packages: Sequence[str], *options: str) -> float:
    """With the Python that the server takes: looking for one can take long."""
    uv, python = find_uv_bin(), str(folder / "bin" / "python")
    start = time.perf_counter()
    await _do(uv, "venv", "--no-project", "--python", sys.executable, str(folder))
    await _do(uv, "pip", "install", "--python", python, *options, *packages)
    taken = (time.perf_counter() - start) * 1000
    await asyncio.to_thread(shutil.rmtree, folder)
    return taken


async def _do(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "UV_SYSTEM_CERTS": "1"}, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {said.decode()}")


def _pip(package: str) -> pb.PackageSpec:
    return pb.PackageSpec(method=pb.PackageSpec.PIP, target=package, spec=package)


def _make_project(folder: Path) -> Path:
    source: Callable[[int], str] = lambda number: f'"""Module {number}."""\n\nNUMBER = {number}\n'  # noqa: E731
    for number in range(FILES):
        file = folder / f"part{number % 10}" / f"module{number}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source(number))
    (folder / "functions.py").write_text("def nothing():\n    pass\n")
    (folder / "requirements.txt").write_text("idna==3.10\n")
    return folder
