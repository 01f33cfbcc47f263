"""What can be done to clusters in a cloud beyond up and down, and why it cannot where a cloud is not able to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from rhdesk.core.autostop import autostop_words
from rhdesk.core.commands import Command
from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, RunRow, State
from rhdesk.core.tasks import Progress
from rhdesk.core.words import age_text, count_text, money_text
from rhdesk.desktop.cluster_acts import assume, task_name
from rhdesk.desktop.run_acts import active_runs, run_line
from rhdesk.desktop.skypilot_acts import told
from rhdesk.desktop.widgets.dialog import confirm
from rhdesk.desktop.widgets.list_panel import MenuEntry
from rhresources.cloud import limits
from rhresources.people import whose_text

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudCluster
    from rhresources.cloud.orphans import Orphan
    from rhresources.workspace import Workspace

_THERE = (State.UP, State.STARTING, State.NO_SERVER, State.UNHEALTHY, State.FAILED, State.UNREACHABLE, State.NEEDS_YOU)


def _why_not_there(row: ClusterRow | None) -> str:
    """Why SkyPilot cannot be asked to do something to a cluster that is up; "" when it can."""
    if row is None:
        return "The clusters are not known yet."
    if row.kind != "cloud":
        return "It is no cluster in a cloud."
    if row.why_not_ours:
        return row.why_not_ours
    if row.cloud is None or row.state is State.DOWN:
        return f"{row.address} is not up."
    if row.state not in _THERE:
        return f"{row.address} is {_doing(row.state)}."
    return ""


def _doing(state: State) -> str:
    return "stopping by itself" if state is State.STOPS_ITSELF else state.word.lower()


def why_not_stop(row: ClusterRow | None) -> str:
    """Why a cluster cannot be stopped now; "" when it can."""
    if reason := _why_not_there(row):
        return reason
    assert row is not None
    assert row.cloud is not None
    return limits.why_not(row.cloud.cloud, "stop", spot=row.cloud.spot)


def why_not_autostop(row: ClusterRow | None) -> str:
    """Why the autostop of a cluster cannot be changed now; "" when it can."""
    if reason := _why_not_there(row):
        return reason
    assert row is not None
    assert row.cloud is not None
    cloud, spot = row.cloud.cloud, row.cloud.spot
    stop = limits.why_not(cloud, "autostop", spot=spot)
    return limits.why_not(cloud, "autostop_down") if stop else ""


def why_not_refresh(row: ClusterRow | None) -> str:
    """Why the cloud cannot be asked about a cluster; "" when it can."""
    if row is None:
        return "The clusters are not known yet."
    if row.kind != "cloud":
        return "It is no cluster in a cloud."
    if row.why_not_ours:
        return row.why_not_ours
    return "" if row.cloud is not None else f"{row.address} is not up: SkyPilot knows nothing of it."


def stop(desk: Desk, parent: QWidget, address: str) -> None:
    """Ask, and stop the hosts of a cluster; their disks stay."""
    row = desk.store.clusters.get(address)
    reason = why_not_stop(row)
    if reason or row is None:
        desk.notifier.warning(reason)
        return
    runs, me = active_runs(desk, address), desk.store.me
    confirm(
        parent.window(),
        f"Stop {address}?",
        "Its hosts stop and cost nothing; their disks stay, and cost a little. Bring it up to go on."
        + (f" {whose_text((run.by for run in runs), me)} {'is' if len(runs) == 1 else 'are'} ended:" if runs else ""),
        f"Stop it and {count_text(len(runs), 'run')}" if runs else "Stop",
        partial(stop_now, desk, row, runs),
        victims=[run_line(run, me) for run in runs],
        kind="danger" if runs else "primary",
    ).setObjectName("stop-cluster")


def stop_now(desk: Desk, row: ClusterRow, runs: Sequence[RunRow] = ()) -> None:
    """Stop the hosts of a cluster, after somebody was asked who saw these runs."""
    address = row.address
    assume(desk, row, State.STOPPING)

    async def stop(workspace: Workspace, progress: Progress) -> None:
        progress("Stopping its hosts")
        await workspace.stop(address, progress, stop_runs=[run.id for run in runs] or True)

    desk.act(
        task_name(address),
        stop,
        title=f"Stopping {address}",
        go_to=("clusters", address),
        give_up=partial(wait_no_more, desk, task_name(address), f"stopping {address}"),
        on_done=lambda _: desk.notifier.success(f"{address} is stopped; its disks stay."),
        on_end=lambda: desk.retry_now(address),
        assumes=State.STOPPING,
    )


def wait_no_more(desk: Desk, task: str, what: str) -> None:
    """Cancel of a task that stops or ends hosts: SkyPilot goes on with what it has begun, and that is said."""
    desk.tasks.cancel(task)
    desk.notifier.info(f"If SkyPilot has begun already, {what} goes on without this window.")


def set_autostop(desk: Desk, parent: QWidget, address: str) -> None:
    """Ask after how long a cluster stops, or goes away, by itself."""
    row = desk.store.clusters.get(address)
    reason = why_not_autostop(row)
    if reason or row is None:
        desk.notifier.warning(reason)
        return
    from rhdesk.desktop.dialogs.autostop import AutostopDialog

    AutostopDialog(desk, parent.window(), row).open()


def change_autostop(
    desk: Desk,
    address: str,
    minutes: int,
    down: bool,
    on_done: Callable[[], object],
    on_error: Callable[[BaseException], object],
) -> None:
    """Have a cluster stop, or go away, after so many idle minutes; -1: never."""

    async def change(workspace: Workspace, progress: Progress) -> None:
        await workspace.autostop(address, minutes, down=down)

    def done(_: None) -> None:
        words = autostop_words(minutes, down)
        desk.notifier.success(f"{address}: {words[:1].lower()}{words[1:]}.")
        on_done()

    desk.act(
        f"autostop {address}",
        change,
        title=f"Setting the autostop of {address}",
        go_to=("clusters", address),
        on_done=done,
        on_error=on_error,
        on_end=lambda: desk.retry_now(address),
        quiet=True,
    )


def dismiss(desk: Desk, address: str) -> None:
    """The person knows what happened to a cluster: it is told no more."""

    async def forget(workspace: Workspace, progress: Progress) -> None:
        await asyncio.to_thread(workspace.dismiss_notice, address)

    desk.act(f"dismiss {address}", forget, on_end=lambda: desk.retry_now(address))


def ask_cloud(desk: Desk, address: str) -> None:
    """Have SkyPilot ask the cloud itself how a cluster is."""
    row = desk.store.clusters.get(address)
    if reason := why_not_refresh(row):
        desk.notifier.warning(reason)
        return

    async def ask(workspace: Workspace, progress: Progress) -> None:
        await workspace.cloud_clusters(refresh=True)

    desk.act(
        f"refresh {address}",
        ask,
        title=f"Asking the cloud about {address}",
        go_to=("clusters", address),
        on_end=lambda: desk.retry_now(address),
    )


# ---------------------------------------------------------------- clusters that no document names


def adopt(desk: Desk, parent: QWidget, cluster: CloudCluster) -> None:
    """Ask for a name, and write the document of a cluster that was started elsewhere."""
    from rhdesk.desktop.dialogs.adopt import AdoptDialog

    AdoptDialog(desk, parent.window(), cluster).open()


def end_found(desk: Desk, parent: QWidget, cluster: CloudCluster) -> None:
    """Ask, and end a cluster that no document names."""
    name = cluster.name

    async def down(workspace: Workspace, progress: Progress) -> None:
        await workspace.skypilot.down(name, told(progress))

    def act() -> None:
        desk.act(
            f"found {name}",
            down,
            title=f"Taking down {name}",
            go_to=("clouds", name),
            give_up=partial(wait_no_more, desk, f"found {name}", f"taking down {name}"),
            on_done=lambda _: desk.notifier.success(f"{name} is gone."),
            on_end=lambda: desk.retry_now(),
        )

    hosts = f"{count_text(cluster.hosts, 'host')}, {money_text(cluster.price_per_hour)} an hour"
    owner = f" by {cluster.owner}" if cluster.owner else ""
    words = (
        f"{hosts}, launched {age_text(cluster.launched)}{owner}. "
        "No document here names it, so it is not known here what runs on it. "
        "Its hosts and their disks are deleted."
    )
    confirm(parent.window(), f"Take down {name}?", words, "Take down", act).setObjectName("take-down-found")


def end_forgotten(desk: Desk, parent: QWidget, orphan: Orphan) -> None:
    """Ask, and end instances that SkyPilot has forgotten."""

    async def end(workspace: Workspace, progress: Progress) -> None:
        progress(f"Asking {orphan.cloud} to end them; waiting until they are gone …")
        await workspace.end_orphan(orphan)

    def done(_: None) -> None:
        desk.store.orphans.update({}, [orphan.key])
        desk.notifier.success(f"{orphan.name} is gone.")

    def act() -> None:
        desk.act(f"forgotten {orphan.key}", end, title=f"Ending {orphan.name}", on_done=done)

    words = (
        f"{orphan.sentence} Launched {age_text(orphan.launched)} from here. It is not known what runs there. "
        "What is on their disks is lost."
    )
    confirm(
        parent.window(), f"End {orphan.name}?", words, "End them", act, victims=[each.id for each in orphan.instances]
    ).setObjectName("end-forgotten")


def found_menu(desk: Desk, window: QWidget, cluster: CloudCluster) -> list[MenuEntry | None]:
    """The acts on a cluster that no document names, as entries of a menu."""
    return [
        ("plus", "Adopt…", partial(adopt, desk, window, cluster), ""),
        None,
        ("trash-2", "Take down…", partial(end_found, desk, window, cluster), ""),
    ]


# ---------------------------------------------------------------- where they are offered


def cloud_acts(desk: Desk, window: QWidget, row: ClusterRow) -> list[tuple[str, str, str, Callable[[], object], str]]:
    """The acts as (id, icon, title, act, why not), in the order of menus; none for clusters that are in no cloud."""
    if row.kind != "cloud" or row.is_template:
        return []
    address = row.address
    return [
        ("stop", "circle-stop", "Stop…", partial(stop, desk, window, address), why_not_stop(row)),
        ("autostop", "clock", "Autostop…", partial(set_autostop, desk, window, address), why_not_autostop(row)),
        ("ask-cloud", "refresh-cw", "Ask the cloud", partial(ask_cloud, desk, address), why_not_refresh(row)),
        (
            "dismiss",
            "check",
            "Dismiss what happened to it",
            partial(dismiss, desk, address),
            "" if row.notice is not None else "Nothing has happened to it.",
        ),
    ]


def cloud_menu(desk: Desk, window: QWidget, row: ClusterRow) -> list[MenuEntry | None]:
    """The acts as entries of a menu."""
    return [(icon, title, act, why_not) for _, icon, title, act, why_not in cloud_acts(desk, window, row)]


def cloud_commands(desk: Desk, window: QWidget) -> list[Command]:
    """The acts on every cluster in a cloud, and on those that were found, for the palette."""
    commands = []
    for row in desk.store.clusters.rows():
        for id, icon, title, act, why_not in cloud_acts(desk, window, row):
            commands.append(
                Command(
                    f"cluster.{id}:{row.address}",
                    f"{title.rstrip('…')}: {row.address}",
                    act,
                    icon,
                    why_not=partial(str, why_not),
                    words=f"cloud skypilot cluster {row.description} {row.location}",
                    group="Cluster",
                )
            )
    for cluster in desk.store.found.rows():
        name, words = cluster.name, "cloud skypilot found orphan"
        run = partial(adopt, desk, window, cluster)
        commands.append(Command(f"found.adopt:{name}", f"Adopt {name}", run, "plus", words=words, group="Cluster"))
        run = partial(end_found, desk, window, cluster)
        title = f"Take down {name}"
        commands.append(Command(f"found.down:{name}", title, run, "trash-2", words=words, group="Cluster"))
    return commands
