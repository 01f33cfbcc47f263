"""Cancelling, repeating and deleting runs, from wherever it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import RunRow
from rhdesk.core.tasks import Progress
from rhdesk.core.words import age_text, count_text
from rhdesk.desktop.widgets.dialog import Dialog, confirm

if TYPE_CHECKING:
    from rhresources.workspace import Workspace


def why_not_again(desk: Desk, run: RunRow) -> str:
    """Why a run cannot be repeated from its form; "" when it can."""
    if not desk.store.is_of(run, run.name):
        return f"{run.name} is a name of {run.by}'s computer."
    if run.name in desk.store.functions:
        return ""
    return f"{run.name} is not a saved function; add it on the page Functions to run it from here."


def run_again(desk: Desk, run: RunRow) -> None:
    """Open the form of the run's function, filled with its arguments."""
    reason = why_not_again(desk, run)
    if reason:
        desk.notifier.info(reason)
    else:
        desk.navigate("functions", f"{run.name}?again={run.id}")


def ask_cancel(desk: Desk, parent: QWidget, runs: Sequence[RunRow]) -> Dialog | None:
    """Ask, then cancel those that have not ended. A second time kills the worker."""
    active = [run for run in runs if not run.state.is_over]
    if not active:
        desk.notifier.info("It has ended already.")
        return None
    cluster = active[0].cluster
    again = all(run.reason.startswith("cancel") for run in active)
    text = "It is asked to stop: the function sees a KeyboardInterrupt and can clean up."
    if again:
        text = "It was asked to stop and has not. Its worker process is killed now; it cannot clean up."
    dialog = confirm(
        parent,
        f"Cancel {count_text(len(active), 'run')}?" if len(active) > 1 else f"Cancel {active[0].name}?",
        text,
        "Kill" if again else "Cancel the run" if len(active) == 1 else "Cancel the runs",
        lambda: _cancel(desk, cluster, active, force=again),
        victims=[run_line(run, desk.store.me) for run in active],
        leave_text="Keep it running" if len(active) == 1 else "Keep them running",
    )
    dialog.setObjectName("cancel-run")
    return dialog


def ask_delete(desk: Desk, parent: QWidget, runs: Sequence[RunRow]) -> Dialog | None:
    """Ask, then delete the records, logs and results of runs that have ended."""
    ended = [run for run in runs if run.state.is_over]
    if not ended:
        desk.notifier.info("A run that goes on cannot be deleted. Cancel it first.")
        return None
    return confirm(
        parent,
        f"Delete {count_text(len(ended), 'run')}?",
        "Record, log and result are deleted from the cluster's disk.",
        "Delete",
        lambda: _delete(desk, ended),
        victims=[run_line(run, desk.store.me) for run in ended],
    )


def _cancel(desk: Desk, cluster: str, runs: Sequence[RunRow], *, force: bool) -> None:
    ids = [run.id for run in runs]

    async def cancel(workspace: Workspace, progress: Progress) -> None:
        await (await workspace.connect(cluster)).cancel(ids, force=force)

    desk.act(f"cancel {ids[0]}", cancel)


def _delete(desk: Desk, runs: Sequence[RunRow]) -> None:
    by_cluster: dict[str, list[str]] = {}
    for run in runs:
        by_cluster.setdefault(run.cluster, []).append(run.id)

    async def delete(workspace: Workspace, progress: Progress) -> int:
        count = 0
        for cluster, ids in by_cluster.items():
            count += len(await (await workspace.connect(cluster)).delete_runs(ids))
        return count

    desk.act(
        f"delete {runs[0].id}",
        delete,
        on_done=lambda count: desk.notifier.success(f"{count_text(count, 'run')} deleted."),
    )


def active_runs(desk: Desk, cluster: str) -> list[RunRow]:
    """The runs of a cluster that have not ended."""
    return [run for run in desk.store.runs.rows() if run.cluster == cluster and not run.state.is_over]


def run_line(run: RunRow, me: frozenset[str]) -> str:
    """A run in the list of what would be lost: whose it is, where it is somebody else's."""
    whose = f" · by {run.by}" if run.by and run.by not in me else ""
    return f"{run.name}{whose} · {run.state.word.lower()} · {age_text(run.created)}"
