"""Bringing clusters up and taking them down, from wherever it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from rhdesk.core.commands import Command
from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, Problem, State
from rhdesk.core.tasks import Progress, cluster_task
from rhdesk.core.words import count_text, duration_text
from rhdesk.desktop.run_acts import active_runs, run_line
from rhdesk.desktop.widgets.dialog import Dialog, confirm
from rhresources.people import whose_text

if TYPE_CHECKING:
    from rhresources.workspace import Workspace


def why_not_up(row: ClusterRow | None) -> str:
    """Why a cluster cannot be brought up now; "" when it can."""
    if row is None:
        return "The clusters are not known yet."
    if row.state is State.BROKEN:
        return "Its document cannot be read."
    if row.is_template:
        return ""
    if row.why_not_ours:
        return row.why_not_ours
    if row.state in (State.UP, State.STARTING, State.LAUNCHING):
        return f"{row.address} is {row.state.word.lower()} already."
    if row.state is State.UNREACHABLE:
        return f"{row.address} cannot be reached."
    if row.state in (State.STOPPING, State.STOPS_ITSELF):
        return f"{row.address} is still stopping."
    return ""


def why_not_down(row: ClusterRow | None) -> str:
    """Why a cluster cannot be taken down now; "" when it can."""
    if row is None:
        return "The clusters are not known yet."
    if row.is_template:
        return "It only says what can be rented."
    if row.why_not_ours:
        return row.why_not_ours
    if row.state in (State.DOWN, State.BROKEN):
        return f"{row.address} is not up."
    if row.state is State.STOPPING:
        return f"{row.address} is stopping already."
    if row.kind == "cloud":  # SkyPilot ends it, whether its hosts can be reached or not
        return "" if row.cloud is not None else f"SkyPilot knows no cluster of {row.address}."
    if row.state in (State.UNREACHABLE, State.NEEDS_YOU, State.CONNECTING) and row.kind != "machine":
        return f"{row.address} cannot be reached, so nobody could tell it to stop."
    return ""


def why_not_asked(row: ClusterRow | None) -> str:
    """Why nothing can be asked of a cluster's server now; "" when it can."""
    if row is None:
        return "The clusters are not known yet."
    if row.state in (State.UP, State.STARTING):
        return ""
    return row.sentence or f"{row.address} is {row.state.word.lower()}."


task_name = cluster_task


def bring_up(desk: Desk, address: str, on_done: Callable[[], object] | None = None) -> None:
    """Bring a cluster up; its steps show in the task centre and on the page of the cluster."""
    row = desk.store.clusters.get(address)
    reason = why_not_up(row)
    if reason or row is None:
        desk.notifier.warning(reason)
        return
    if row.kind == "cloud":
        from rhdesk.desktop.launch import bring_up_in_cloud

        bring_up_in_cloud(desk, row, on_done)
        return
    assume(desk, row, State.STARTING)

    async def up(workspace: Workspace, progress: Progress) -> None:
        await workspace.up(address, lambda sentence: progress(sentence))

    def done(_: None) -> None:
        desk.notifier.success(f"{address} is up.")
        if on_done is not None:
            on_done()

    desk.act(
        task_name(address),
        up,
        title=f"Bringing up {address}",
        go_to=("clusters", address),
        on_done=done,
        on_error=lambda error: failed(desk, address, error),
        on_end=lambda: desk.retry_now(address),
        assumes=State.STARTING,
    )


def take_down(desk: Desk, parent: QWidget, address: str) -> Dialog | None:
    """Ask, listing what will die, and take a cluster down."""
    row = desk.store.clusters.get(address)
    reason = why_not_down(row)
    if reason or row is None:
        desk.notifier.warning(reason)
        return None
    now = desk.store.status.get(address)
    runs, me = active_runs(desk, address), desk.store.me
    victims = [run_line(run, me) for run in runs]
    up_for = duration_text(now.time - row.since) if now is not None and row.since else ""
    word = row.state.word.lower()
    facts = [f"{address} has been {word} for {up_for}." if up_for else f"{address} is {word}."]
    if runs:
        facts.append(f"{whose_text((run.by for run in runs), me)} will be stopped:")
    else:
        facts.append("Nothing runs on it.")
    keeps = "Finished runs, their logs and results, environments and stored objects stay on its disk."

    def act() -> None:
        assume(desk, row, State.STOPPING)

        async def down(workspace: Workspace, progress: Progress) -> None:
            progress(f"Stopping {count_text(len(runs), 'run')} and the server" if runs else "Stopping the server")
            await workspace.down(address, stop_runs=[run.id for run in runs], progress=progress)

        def give_up() -> None:
            from rhdesk.desktop.cloud_acts import wait_no_more

            wait_no_more(desk, task_name(address), f"taking down {address}")

        desk.act(
            task_name(address),
            down,
            title=f"Taking down {address}",
            go_to=("clusters", address),
            give_up=give_up if row.cloud is not None else None,
            on_done=lambda _: desk.notifier.success(f"{address} is down."),
            on_end=lambda: desk.retry_now(address),
            assumes=State.STOPPING,
        )

    if row.cloud is not None:
        from rhdesk.desktop.dialogs.take_down import ask_to_take_down

        return ask_to_take_down(desk, parent, row, act, runs=runs)
    text = " ".join(facts) + (f"\n\n{keeps}" if not victims else "")
    dialog = confirm(
        parent,
        f"Take down {address}?",
        text,
        f"Stop {count_text(len(runs), 'run')} and take down" if runs else "Take down",
        act,
        victims=victims,
    )
    dialog.setObjectName("take-down")
    return dialog


def cluster_commands(desk: Desk, window: QWidget) -> list[Command]:
    """The commands of the clusters that there are now."""
    commands = []
    for row in desk.store.clusters.rows():
        if row.is_template:
            continue
        address = row.address
        commands.append(
            Command(
                f"cluster.up:{address}",
                f"Bring up {address}",
                partial(bring_up, desk, address),
                "power",
                why_not=partial(why_not_up, row),
                words=f"start cluster {row.description}",
                group="Cluster",
            )
        )
        commands.append(
            Command(
                f"cluster.down:{address}",
                f"Take down {address}",
                partial(take_down, desk, window, address),
                "power-off",
                why_not=partial(why_not_down, row),
                words="stop terminate cluster",
                group="Cluster",
            )
        )
        commands.append(
            Command(
                f"cluster.open:{address}",
                f"{address}",
                partial(desk.navigate, "clusters", address),
                "server",
                words=f"cluster {row.description} {row.hardware}",
                group="Cluster",
            )
        )
    return commands


def assume(desk: Desk, row: ClusterRow, state: State) -> None:
    """Show at once what is being done; the feed corrects it."""
    desk.store.clusters.update({row.address: replace(row, state=state, problem=None, sentence="")})


def failed(desk: Desk, address: str, error: BaseException) -> None:
    row = desk.store.clusters.get(address)
    if row is not None:
        problem = Problem.of(error)
        desk.store.clusters.update(
            {address: replace(row, state=State.FAILED, sentence=problem.sentence, problem=problem)}
        )
