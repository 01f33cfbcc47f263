"""Runs as people and programs read them, and the way from what somebody typed to the run that is meant."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rhdesk.cli.places import clusters_in, is_folder
from rhdesk.cli.session import LOCAL
from rhdesk.cli.terminal import Progress, moment, note
from rhresources.errors import ClusterDown, NotFound, RhError, UsageError
from rhresources.people import names_of_me
from rhresources.wire import cluster_pb2 as pb

if TYPE_CHECKING:
    from rhresources.wire.client import ClusterClient
    from rhresources.workspace import Workspace

ACTIVE = (pb.QUEUED, pb.PREPARING, pb.RUNNING)
"""States of runs that have not ended."""

_ID_LENGTH = 26
_PATIENCE = 10.0  # seconds for a cluster that nobody named


def state_name(state: int) -> str:
    """ "running", "succeeded", ..."""
    return pb.RunState.Name(pb.RunState.ValueType(state)).lower()


def seconds_of(run: pb.Run, now: float) -> float | None:
    """How long a run took, or takes so far; None before it started."""
    return (run.ended or now) - run.started if run.started else None


def run_as_json(run: pb.Run, cluster: str) -> dict[str, Any]:
    """A record as `--json` prints it: a stable contract."""
    return {
        "id": run.id,
        "name": run.name,
        "cluster": cluster,
        "state": state_name(run.state),
        "reason": run.reason or None,
        "created": moment(run.created),
        "started": moment(run.started),
        "ended": moment(run.ended),
        "seconds": round(run.ended - run.started, 3) if run.ended and run.started else None,
        "arguments": _arguments(run) or run.arguments or None,
        "client": run.client or None,
        "by": run.by or None,
        "cancelled_by": run.cancelled_by or None,
        "user": run.user or None,
        "host": run.host or None,
        "environment": run.environment or None,
        "log_bytes": run.log_bytes,
        "items": run.items,
        "result_type": run.result_type or None,
        "result_bytes": run.result_bytes,
        "error": _error_as_json(run),
    }


def arguments_text(run: pb.Run) -> str:
    """What a run was given, as it is typed: `3 mode=slow`."""
    given = _arguments(run)
    if given is None:
        return run.arguments
    named = (f"{name}={_typed(value)}" for name, value in given["kwargs"].items())
    return " ".join((*map(_typed, given["args"]), *named))


def _typed(value: Any) -> str:
    if isinstance(value, str) and value and not any(letter.isspace() for letter in value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _arguments(run: pb.Run) -> dict[str, Any] | None:
    """Arguments as JSON, where the record has all of them."""
    try:
        given = json.loads(run.arguments)
    except ValueError:
        return None
    return given if isinstance(given, dict) and given.keys() == {"args", "kwargs"} else None


def _error_as_json(run: pb.Run) -> dict[str, str] | None:
    if run.HasField("error"):
        error = run.error
        return {"type": error.type, "message": error.message, "traceback": error.traceback}
    if run.HasField("problem"):
        problem = run.problem
        return {
            "type": problem.code,
            "message": problem.sentence,
            "remedy": problem.remedy,
            "detail": problem.detail,
        }
    if run.state in (pb.CANCELLED, pb.LOST):
        state = state_name(run.state)
        return {"type": f"run-{state}", "message": run.reason or f"The run was {state}."}
    return None


# ---------------------------------------------------------------- which run


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run and the way to its cluster."""

    run: pb.Run
    cluster: str
    client: ClusterClient


async def clusters_up(
    workspace: Workspace, on: str | None, *, left_out: list[str] | None = None
) -> list[tuple[str, ClusterClient]]:
    """The cluster that was named, else every one of that folder that is up; with neither, of every place.

    Of those that are not named, one that does not answer soon, or wants to ask something, is left out and said so.

    Args:
        workspace: the way to them.
        on: a cluster or a folder.
        left_out: gets the names of those that are left out.

    Raises:
        ClusterDown: the named cluster is not up.
    """
    if on is not None and not is_folder(on):
        return [(str(workspace.names.load(on).address), await workspace.connect(on, ask=True))]
    names = await clusters_in(workspace, on)
    found: list[tuple[str, ClusterClient]] = []
    servers: set[str] = set()
    clients = await _all_up(workspace, names, [] if left_out is None else left_out)
    for name, client in zip(names, clients, strict=True):
        if client is None or client.hello.server_id in servers:  # several names may lead to one server
            continue
        servers.add(client.hello.server_id)
        found.append((name, client))
    return found


async def _all_up(workspace: Workspace, names: Sequence[str], left_out: list[str]) -> list[ClusterClient | None]:
    """The client of each that is up; all are asked at once, so that one that does not answer holds up no other."""
    waiting = dict.fromkeys(names)
    reasons: dict[str, list[str]] = {}
    with Progress() as progress:

        async def ask(name: str) -> ClusterClient | None:
            try:
                return await _if_up(workspace, name)
            except RhError as error:
                reasons.setdefault(error.sentence, []).append(name)
                return None
            finally:
                del waiting[name]
                if waiting:
                    done = len(names) - len(waiting)
                    progress.passing(f"{done} of {len(names)} clusters; waiting for {next(iter(waiting))}")

        clients = await asyncio.gather(*map(ask, names))
    for why, lacking in reasons.items():
        left_out += lacking
        note(f"{' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} left out: {why}")
    return clients


async def _if_up(workspace: Workspace, name: str) -> ClusterClient | None:
    """The client of a cluster; None: it is not up.

    Raises:
        RhError: nobody knows.
    """
    if not await asyncio.to_thread(_may_be_up, workspace, name):
        return None
    try:
        async with asyncio.timeout(_PATIENCE):
            return None if await workspace.cluster_state(name) == "down" else await workspace.connect(name)
    except ClusterDown:
        return None  # since a moment ago
    except TimeoutError:
        raise RhError(f"it did not answer within {_PATIENCE:.0f} s.") from None


def _may_be_up(workspace: Workspace, name: str) -> bool:
    """Whether it is worth asking; of one in a cloud, by what was seen last. Reads documents and small files."""
    if workspace.names.cluster(name).type != "cloud":
        return True
    if (told := workspace.told_elsewhere(name)) is not None:
        return told.state == "up"
    from rhresources.cloud.kept import kept_clusters

    kept = (each.seen for each in kept_clusters(workspace.home) if each.address == name)
    return any(seen is not None and seen.state == "up" for seen in kept)


async def find_run(workspace: Workspace, text: str, on: str | None, *, sure: bool = False) -> FoundRun:
    """The run that `text` means: an id, the beginning or the end of one, or "last", which is the newest of one's own.

    Args:
        workspace: the way to the clusters.
        text: what somebody typed.
        on: the cluster or folder that it is looked for in.
        sure: "last" is not said of the clusters that answer alone.

    Raises:
        NotFound: no cluster that is up knows it.
        UsageError: several runs fit.
        RhError: it cannot be said which is the last.
    """
    left_out: list[str] = []
    clusters = await clusters_up(workspace, on, left_out=left_out)
    if on is None and _lacks_registry(workspace):
        left_out.append("the clusters of the registry")
    if not clusters and not (sure and left_out):
        raise NotFound(
            f"The run {text} cannot be looked up: no cluster is up.",
            remedy=f"Bring it up with `rhdesk up {on or LOCAL}`.",
        )
    listings = await asyncio.gather(*(client.list_runs(10_000) for _, client in clusters))
    all_runs = [
        FoundRun(run, name, client)
        for (name, client), listing in zip(clusters, listings, strict=True)
        for run in listing.runs
    ]
    found = _matching(all_runs, text, names_of_me(workspace.home))
    if sure and text == "last" and left_out:
        raise _unsure(left_out, found)
    if not found and text == "last" and all_runs:
        raise NotFound(f"None of the runs on {_names(clusters)} is yours.", remedy="`rhdesk runs` lists them.")
    if not found:
        raise NotFound(f"There is no run {text} on {_names(clusters)}.", remedy="`rhdesk runs` lists them.")
    if len(found) > 1:
        ids = ", ".join(each.run.id for each in found[:4])
        raise UsageError(f"'{text}' fits {len(found)} runs: {ids}{', ...' if len(found) > 4 else ''}.")
    return found[0]


def _lacks_registry(workspace: Workspace) -> bool:
    """Whether there are clusters that cannot be asked, because the registry does not say where they are."""
    state = workspace.names.registry
    names = workspace.names.list(kind="cluster") if state is not None and not state.is_usable else ()
    return any(entry.address.place == "registry" for entry in names)


def _unsure(left_out: Sequence[str], found: Sequence[FoundRun]) -> RhError:
    """Nobody knows whether a cluster that was left out has a newer one."""
    mean = [f"If you mean {each.run.name} on {each.cluster}, name its id: {each.run.id}." for each in found]
    return RhError(
        f"Which run is your last cannot be said, since {' and '.join(left_out)} could not be asked.",
        remedy=" ".join([*mean, f"{'Or say' if mean else 'Say'} where it is: --on CLUSTER."]),
    )


def _matching(runs: Iterable[FoundRun], text: str, me: Collection[str]) -> list[FoundRun]:
    if text == "last":
        # never one of somebody else: `cancel last` would end it
        own = [each for each in runs if not each.run.by or each.run.by in me]
        newest = max(own, key=lambda each: each.run.created, default=None)
        return [newest] if newest else []
    wanted = text.upper()
    exact = [each for each in runs if each.run.id == wanted]
    if exact or len(wanted) >= _ID_LENGTH:
        return exact
    return [each for each in runs if each.run.id.startswith(wanted) or each.run.id.endswith(wanted)]


def _names(clusters: Iterable[tuple[str, ClusterClient]]) -> str:
    return ", ".join(name for name, _ in clusters)


# ---------------------------------------------------------------- results


@dataclass(frozen=True, slots=True)
class Result:
    """What came back, as far as it can be shown without unpickling anything from a cluster.

    Attributes:
        value: the value itself where it is plain data, else None.
        plain: whether `value` is all of it.
        preview: how the cluster would show it.
        run: the record.
    """

    value: Any
    plain: bool
    preview: pb.Preview | None
    run: pb.Run

    @property
    def text(self) -> str:
        """Text for people: a string as it is, anything else as Python writes it."""
        if self.plain:
            return self.value if isinstance(self.value, str) else repr(self.value)
        return self.preview.text if self.preview else f"<{self.run.result_type}>"

    @property
    def shortened(self) -> bool:
        """Whether `text` is only the beginning."""
        return not self.plain and self.preview is not None and self.preview.shortened

    def as_json(self) -> dict[str, Any]:
        """The keys `result` (null where the value is no plain data) and `preview`."""
        return {"result": self.value, "preview": None if self.preview is None else preview_as_json(self.preview)}


async def fetch_result(client: ClusterClient, run_id: str) -> Result:
    """The result of a run that succeeded."""
    reply = await client.result(run_id)
    if reply.HasField("value") and reply.value.format == pb.Value.JSON:
        return Result(json.loads(await client.data(reply.value)), True, None, reply.run)
    shown = await client.result(run_id, preview=True)
    preview = shown.run.preview if shown.run.HasField("preview") else None
    return Result(None, False, preview, reply.run)


def preview_as_json(preview: pb.Preview) -> dict[str, Any]:
    """A preview as `--json` prints it; the picture itself comes out with `rhdesk result RUN -o FILE.png`."""
    return {
        "kind": pb.Preview.Kind.Name(preview.kind).lower(),
        "text": preview.text,
        "data": json.loads(preview.json) if preview.json else None,
        "image_bytes": len(preview.image),
        "shortened": preview.shortened,
    }


async def item_text(client: ClusterClient, item: pb.Item) -> tuple[Any, str]:
    """An item of a generator as (plain value or None, text)."""
    if item.value.format != pb.Value.JSON:
        return None, item.text or f"<item {item.index}: {item.value.size} bytes that only Python can read>"
    value = json.loads(await client.data(item.value))
    return value, value if isinstance(value, str) else repr(value)


def require_success(run: pb.Run) -> None:
    """Nothing for a run that succeeded.

    Raises:
        RunFailed: it did not, and why.
    """
    if run.state == pb.SUCCEEDED:
        return
    if run.HasField("problem"):
        problem = run.problem
        raise RunFailed(problem.sentence, remedy=problem.remedy, detail=problem.detail)
    if run.HasField("error"):
        error = run.error
        what = f"{error.type}: {error.message}" if error.message else error.type
        raise RunFailed(f"The run {run.id} failed: {what}")
    if run.state in ACTIVE:
        raise RunFailed(
            f"The run {run.id} is still {state_name(run.state)}.",
            remedy=f"Wait for it with --wait, or watch `rhdesk logs {run.id} -f`.",
        )
    what = state_name(run.state)
    reason = run.reason if run.reason.lower() != f"{what}." else ""
    if reason.lower().startswith(f"{what} "):
        raise RunFailed(f"The run {run.id} was {reason[0].lower()}{reason[1:]}")
    raise RunFailed(f"The run {run.id} was {what}. {reason}".rstrip())


class RunFailed(RhError):
    """A run that did not succeed."""

    code = "run-failed"
