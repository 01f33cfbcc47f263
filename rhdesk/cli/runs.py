"""Commands about runs that were started: runs, logs, result, cancel."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from rhdesk.cli.options import RhCommand, json_option, on_option
from rhdesk.cli.records import (
    ACTIVE,
    FoundRun,
    Result,
    arguments_text,
    clusters_up,
    fetch_result,
    find_run,
    item_text,
    require_success,
    run_as_json,
    seconds_of,
    state_name,
)
from rhdesk.cli.session import run_async
from rhdesk.cli.terminal import age, duration, note, print_json, print_table
from rhresources.errors import RhError, UsageError
from rhresources.people import names_of_me
from rhresources.wire import cluster_pb2 as pb

if TYPE_CHECKING:
    from rhresources.wire.client import ClusterClient
    from rhresources.workspace import Workspace

_PIECE = 1024 * 1024
_STATES = [state.lower() for state in pb.RunState.keys()]  # noqa: SIM118 - not a dict
_RUN_HELP = "RUN is an id, the beginning or the end of one, or `last`: the newest of yours."


@click.command("runs", cls=RhCommand)
@on_option
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="At most so many.")
@click.option("--name", default="", help="Only those of this function.")
@click.option("--state", "states", type=click.Choice(_STATES), multiple=True, help="Only those in this state.")
@click.option("--mine", is_flag=True, help="Only those that you started.")
@json_option
def runs_command(on: str | None, limit: int, name: str, states: tuple[str, ...], mine: bool, as_json: bool) -> None:
    """List runs, newest first, of CLUSTER or of every cluster that is up; `--on @/` means those of that folder.

    BY is who started each, as their program said: the user of the registry, or else account and computer.
    """

    async def work(workspace: Workspace) -> list[tuple[pb.Run, str]]:
        clusters = await clusters_up(workspace, on)
        if not clusters and not as_json:
            note("No cluster is up, or none answers. `rhdesk up ^local` starts the one of this computer.")
        numbers = cast(list[pb.RunState], [pb.RunState.Value(state.upper()) for state in states])
        me = names_of_me(workspace.home) if mine else ()
        listings = await asyncio.gather(
            *(client.list_runs(limit, name=name, states=numbers, by=me) for _, client in clusters)
        )
        if mine:
            _say_who_cannot_tell(clusters)
        for (cluster, _), listing in zip(clusters, listings, strict=True):
            await workspace.costs.saw_runs(cluster, listing.runs)
        found = [
            (run, cluster)
            for (cluster, _), listing in zip(clusters, listings, strict=True)
            for run in listing.runs
            if not mine or run.by in me
        ]
        return sorted(found, key=lambda pair: pair[0].id, reverse=True)[:limit]

    found = run_async(work)
    if as_json:
        print_json([run_as_json(run, cluster) for run, cluster in found])
        return
    now = time.time()
    many = _have_several_hosts(found)
    known = any(run.by for run, _ in found)
    rows: list[tuple[str, ...]] = []
    for run, cluster in found:
        took = seconds_of(run, now)
        shown = duration(took) if took is not None else "-"
        where = [cluster, *([run.host or "-"] if many else [])]
        what = [run.id, state_name(run.state), run.name, *([run.by or "-"] if known else [])]
        rows.append((*what, age(run.created, now), shown, *where, arguments_text(run)))
    if rows:
        titles = ["RUN", "STATE", "FUNCTION", *(["BY"] if known else []), "CREATED", "TOOK", "CLUSTER"]
        print_table([*titles, *(["HOST"] if many else []), "ARGUMENTS"], rows)


def _say_who_cannot_tell(clusters: list[tuple[str, ClusterClient]]) -> None:
    """Servers of before do not keep who started a run."""
    for cluster, client in clusters:
        if client.connected and not client.hello.by:
            mend = f"take {cluster} down and up again" if cluster.startswith("^") else f"`rhdesk upgrade {cluster}`"
            note(f"{cluster} runs rhdesk {client.hello.version}, which does not keep who started a run; {mend} first.")


def _have_several_hosts(found: list[tuple[pb.Run, str]]) -> bool:
    """Whether runs of one cluster were on more than one host, so that it is worth saying on which."""
    places = {(cluster, run.host) for run, cluster in found if run.host}
    return len(places) > len({cluster for cluster, _ in places})


@click.command("logs", cls=RhCommand, epilog=_RUN_HELP)
@click.argument("run")
@on_option
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends.")
@click.option("--tail", type=click.IntRange(0), metavar="N", help="Only the last N lines of what is there.")
@click.option("--offset", type=click.IntRange(0), metavar="BYTES", help="Begin there; Ctrl-C says where it was.")
def logs_command(run: str, on: str | None, follow: bool, tail: int | None, offset: int | None) -> None:
    """Print the log of RUN: what it wrote to standard output and standard error."""
    if tail is not None and offset is not None:
        raise UsageError("--tail and --offset exclude each other.")
    position = offset or 0
    run_id = run

    async def work(workspace: Workspace) -> None:
        nonlocal position, run_id
        found = await find_run(workspace, run, on)
        run_id = found.run.id
        if tail is not None:
            position = await _start_of_tail(found, tail)
        if not follow:
            position = await _copy_log(found, position)
            return
        async for event in found.client.watch(run_id, position):
            if event.HasField("log"):
                _write(event.log.data)
                position = event.log.offset + len(event.log.data)

    try:
        run_async(work)
    except RhError as error:
        if error.code == "interrupted":
            error.remedy = f"The run goes on; `rhdesk logs {run_id} -f --offset {position}` goes on from here."
        raise


async def _start_of_tail(found: FoundRun, lines: int) -> int:
    """The offset in bytes of the last `lines` lines that are there now."""
    end = (await found.client.read_log(found.run.id, -1, 1)).size
    if lines == 0:
        return end
    start, breaks = end, 0
    while start > 0:
        begin = max(0, start - _PIECE)
        data = bytes((await found.client.read_log(found.run.id, begin, start - begin)).block.data)
        cut = len(data) - 1 if start == end and data.endswith(b"\n") else len(data)
        while (cut := data.rfind(b"\n", 0, cut)) >= 0:
            breaks += 1
            if breaks == lines:
                return begin + cut + 1
        start = begin
    return 0


async def _copy_log(found: FoundRun, offset: int) -> int:
    """Print what is there now from `offset` on; where it ended."""
    while True:
        reply = await found.client.read_log(found.run.id, offset, _PIECE)
        _write(reply.block.data)
        offset += len(reply.block.data)
        if offset >= reply.size or not reply.block.data:
            return offset


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


@click.command("result", cls=RhCommand, epilog=_RUN_HELP)
@click.argument("run")
@on_option
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it there.")
@click.option("--wait", is_flag=True, help="Wait until the run has ended.")
@json_option
def result_command(run: str, on: str | None, out: Path | None, wait: bool, as_json: bool) -> None:
    """Print the result of RUN, or write it to FILE.

    The ending of FILE says how: .json (plain data), .txt (as it is printed), .png (a picture), .pkl (for Python).
    """
    if out is not None and out.suffix.lower() not in _WRITERS:
        raise UsageError(
            f"'{out.name}' does not say how to write the result.", remedy=f"End it with {', '.join(_WRITERS)}."
        )

    async def work(workspace: Workspace) -> None:
        found = await find_run(workspace, run, on)
        if wait:
            found = FoundRun((await found.client.result(found.run.id, wait=True)).run, found.cluster, found.client)
        if as_json:
            answer = run_as_json(found.run, found.cluster) | {"result": None, "preview": None}
            if found.run.state == pb.SUCCEEDED:
                answer |= (await fetch_result(found.client, found.run.id)).as_json()
            if found.run.items:
                answer["item_values"] = [(await item_text(found.client, item))[0] async for item in _items(found)]
            print_json(answer)
        if found.run.HasField("error") and not as_json:
            note(found.run.error.traceback.rstrip("\n"))
        require_success(found.run)
        if out is not None:
            await _write_result(found, out)
        elif not as_json:
            await print_result(found)

    run_async(work, interrupted="The run goes on.")


async def print_result(found: FoundRun) -> None:
    """The result as text on standard output; of a generator its items, one a line."""
    result = await fetch_result(found.client, found.run.id)
    if found.run.items:
        async for item in _items(found):
            click.echo((await item_text(found.client, item))[1])
    if not found.run.items or result.value is not None:
        click.echo(result.text)
    if result.shortened:
        note(f"This is the beginning; `rhdesk result {found.run.id} -o FILE.pkl` writes all of it.")


async def _items(found: FoundRun):  # type: ignore[no-untyped-def]  # an asynchronous generator of pb.Item
    async for item in found.client.items(found.run.id):
        yield item


async def _write_result(found: FoundRun, out: Path) -> None:
    result = await fetch_result(found.client, found.run.id)
    data = await _WRITERS[out.suffix.lower()](found, result)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part = out.with_name(f".{out.name}.part")
        part.write_bytes(data)
        os.replace(part, out)
    except OSError as error:
        raise RhError(f"{out} cannot be written: {error.strerror or error}.") from None
    note(f"Wrote {out} ({len(data)} bytes).")


def _is_only_items(found: FoundRun) -> bool:
    """Whether a generator yielded what there is and returned nothing."""
    return found.run.items > 0 and found.run.result_type == "NoneType"


async def _as_json(found: FoundRun, result: Result) -> bytes:
    import json

    if _is_only_items(found):
        items = [item async for item in _items(found)]
        if any(item.value.format != pb.Value.JSON for item in items):
            raise RhError("The items that it yielded are not all plain data.", remedy="Write them as .txt.")
        values = [(await item_text(found.client, item))[0] for item in items]
        return json.dumps(values, ensure_ascii=False, indent=2).encode() + b"\n"
    if result.plain:
        return json.dumps(result.value, ensure_ascii=False, indent=2).encode() + b"\n"
    preview = result.preview
    if preview is None or not preview.json or preview.shortened:
        raise RhError(
            f"The result, of type {found.run.result_type}, is not plain data.",
            remedy="Write it as .pkl for Python, or as .txt.",
        )
    return preview.json.encode() + b"\n"


async def _as_text(found: FoundRun, result: Result) -> bytes:
    lines = [(await item_text(found.client, item))[1] async for item in _items(found)]
    if not lines or result.value is not None:
        lines.append(result.text)
    return "".join(f"{line}\n" for line in lines).encode()


async def _as_picture(found: FoundRun, result: Result) -> bytes:
    if result.preview is None or not result.preview.image:
        raise RhError(f"The result, of type {found.run.result_type}, is not a picture.", remedy="Write it as .pkl.")
    return result.preview.image


async def _as_pickle(found: FoundRun, result: Result) -> bytes:
    if _is_only_items(found):
        raise RhError(
            "What it yielded cannot be joined into one pickle here.",
            remedy="Write it as .json or .txt, or take it with `get` of the library.",
        )
    if result.plain:
        return pickle.dumps(result.value, protocol=5)
    reply = await found.client.result(found.run.id)
    return bytes(await found.client.data(reply.value))  # as it came: nothing from a cluster is unpickled here


_WRITERS = {
    ".json": _as_json,
    ".txt": _as_text,
    ".png": _as_picture,
    ".pkl": _as_pickle,
    ".pickle": _as_pickle,
}


@click.command("cancel", cls=RhCommand, epilog=_RUN_HELP)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@on_option
@click.option("--force", is_flag=True, help="Kill the worker at once.")
@json_option
def cancel_command(runs: tuple[str, ...], on: str | None, force: bool, as_json: bool) -> None:
    """Cancel runs. Ones that have ended stay as they are; `last` is refused while a cluster cannot be asked."""

    async def work(workspace: Workspace) -> list[tuple[pb.Run, pb.Run, str]]:
        found = [await find_run(workspace, run, on, sure=True) for run in runs]
        done = []
        for each in found:
            (after,) = await each.client.cancel(each.run.id, force=force)
            done.append((each.run, after, each.cluster))
        return done

    done = run_async(work)
    if as_json:
        print_json([run_as_json(after, cluster) for _, after, cluster in done])
        return
    for before, after, _ in done:
        if before.state not in ACTIVE:
            note(f"{after.id} had ended already: {state_name(after.state)}.")
        elif after.state in ACTIVE:
            note(f"{after.id} is being cancelled.")
        else:
            note(f"{after.id}: {state_name(after.state)}.")
