"""The edit-run loop: what it costs to bring three changed files of a large tree to the cluster."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

from measure import Goal, Measurement, Row, medians
from processes import seconds_of
from shared import Bench

from rhresources.code.tree import CodeTree

FILES = 2000
CHANGED = 3


async def second_sync(bench: Bench) -> list[Row]:
    """A tree of 2,000 files of which 3 changed: our push, and `rsync -a` to another directory of this disk."""
    trees = {name: bench.folder / name for name in ("watched", "looked-at", "for-rsync")}
    for root in trees.values():
        _plant(root)
    for name in ("watched", "looked-at"):
        await seconds_of("git", "init", "--quiet", str(trees[name]))
        await seconds_of("git", "-C", str(trees[name]), "add", "--all")
    copy = bench.folder / "copy"
    client = await bench.client()
    dice = random.Random(1)
    watched = CodeTree(trees["watched"])
    watched.watch()
    bench.close_at_end(watched.close)

    async def by_watching() -> float:
        """In a program that goes on, as a notebook or the window does."""
        _edit(trees["watched"], dice)
        start = time.perf_counter()
        await client.push(watched)
        return (time.perf_counter() - start) * 1e3

    async def by_looking() -> float:
        """In a new process, which finds only what the last one wrote down."""
        edited = _edit(trees["looked-at"], dice)
        async with bench.new_client() as fresh:
            start = time.perf_counter()
            tree = CodeTree(trees["looked-at"])
            await fresh.push(tree)
            taken = (time.perf_counter() - start) * 1e3
        assert all(str(path) in tree.entries for path in edited)
        tree.save()
        return taken

    async def rsync() -> float:
        edited = _edit(trees["for-rsync"], dice)
        taken = await seconds_of("rsync", "-a", f"{trees['for-rsync']}/", f"{copy}/") * 1e3
        assert all((copy / path).read_bytes() == (trees["for-rsync"] / path).read_bytes() for path in edited)
        return taken

    measurements: dict[str, Measurement] = {"watching": by_watching, "looking": by_looking}
    if shutil.which("rsync"):
        measurements["rsync"] = rsync
    taken = await medians(measurements, bench.rounds(15))
    what, goal, peer = f"{CHANGED} of {FILES:,} files changed", Goal("ratio", "<=", 1 / 3), taken.get("rsync")
    return [
        Row(f"second sync, {what}, same process : rsync -a", taken["watching"], "ms", peer, goal),
        Row(f"second sync, {what}, new process : rsync -a", taken["looking"], "ms", peer),
    ]


async def sync_over_ssh(bench: Bench) -> list[Row]:
    """The same over SSH with a round trip of 50 ms: our push through the tunnel, and `rsync -az` over `ssh`."""
    hosts = bench.remote_hosts()
    host = await hosts.ready()
    trees = {name: bench.folder / f"far-{name}" for name in ("watched", "looked-at", "for-rsync")}
    for root in trees.values():
        _plant(root)
    dice = random.Random(2)
    watched = CodeTree(trees["watched"])
    watched.watch()
    bench.close_at_end(watched.close)
    async with hosts.workspace() as workspace:
        client = await workspace.connect(hosts.document(host))

        async def by_watching() -> float:
            _edit(trees["watched"], dice)
            start = time.perf_counter()
            await client.push(watched)
            return time.perf_counter() - start

        async def by_looking() -> float:
            """A new process, but for the connection: reaching the host is another row's subject."""
            edited = _edit(trees["looked-at"], dice)
            start = time.perf_counter()
            tree = CodeTree(trees["looked-at"])
            await client.push(tree)
            taken = time.perf_counter() - start
            assert all(str(path) in tree.entries for path in edited)
            tree.save()
            return taken

        async def rsync() -> float:
            _edit(trees["for-rsync"], dice)
            return await seconds_of(
                *("rsync", "-az", "-e", hosts.shell_of_rsync(host)),
                *(f"{trees['for-rsync']}/", f"{host.user}@{host.ip}:copy/"),
            )

        measurements: dict[str, Measurement] = {"watching": by_watching, "looking": by_looking}
        if shutil.which("rsync"):
            measurements["rsync"] = rsync
        for first in measurements.values():
            await first()  # with the good cable: the whole tree goes
        host.set_cable(delay_ms=25)
        try:
            taken = await medians(measurements, bench.rounds(9))
        finally:
            host.set_cable(delay_ms=0)
    what, goal, peer = f"{CHANGED} of {FILES:,} files changed, 50 ms", Goal("value", "<=", 1), taken.get("rsync")
    return [
        Row(f"sync over SSH, {what}, same process : rsync -az", taken["watching"], "s", peer, goal),
        Row(f"sync over SSH, {what}, new process : rsync -az", taken["looking"], "s", peer, goal),
    ]


def _plant(root: Path) -> None:
    """Source files of 0.5 to 8 KB in 50 packages."""
    dice = random.Random(0)
    for number in range(FILES):
        file = root / f"package_{number % 50}" / f"module_{number}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"VALUE = {number}\n" + "# a line of source code\n" * dice.randrange(20, 340))


def _edit(root: Path, dice: random.Random) -> list[Path]:
    """Change `CHANGED` files of the tree; their paths in it."""
    numbers = dice.sample(range(FILES), CHANGED)
    edited = [Path(f"package_{number % 50}") / f"module_{number}.py" for number in numbers]
    for path in edited:
        with (root / path).open("a") as file:
            file.write(f"REVISION = {dice.random()}\n")
    return edited
