"""What of clouds needs the user's attention: whatever costs money that nobody may want. Computed from the store."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, State, TaskRow
from rhdesk.core.store import Phase
from rhdesk.core.tasks import cluster_task
from rhdesk.core.words import age_text, money_text
from rhdesk.desktop.cloud_acts import adopt, ask_cloud, dismiss, end_forgotten, set_autostop, why_not_autostop
from rhdesk.desktop.cluster_acts import bring_up, take_down
from rhdesk.desktop.concern import Concern
from rhdesk.desktop.launch import main_window
from rhresources.cloud.limits import title as title_of

_LEFT = (State.LAUNCHING, State.UNHEALTHY, State.NO_SERVER, State.UP)
_GOES_ON = (State.UP, State.NO_SERVER)


def cloud_concerns(desk: Desk) -> Iterator[Concern]:
    """All of them; the worst are for the caller to sort."""
    for row in desk.store.clusters.rows():
        if row.kind == "cloud" and not row.is_template and row.told is None:  # a colleague's is no concern of ours
            yield from _of_cluster(desk, row)
    yield from _found(desk)
    for orphan in desk.store.orphans.rows():
        if orphan.ours:  # others may have a SkyPilot that looks after theirs
            act = partial(end_forgotten, desk, main_window(), orphan)
            words = f"{orphan.sentence} Nobody ends what is there, and it costs money."
            yield Concern("cloud-off", "error", f"{orphan.name} was forgotten", words, "End it…", act)
    condition = desk.store.found.condition
    if condition.phase in (Phase.FAILED, Phase.STALE) and condition.problem is not None:
        words = f"What is up in clouds is not known. {condition.problem.sentence}"
        yield Concern("cloud-off", "error", "SkyPilot cannot be asked", words, "Clouds", partial(_clouds, desk))


def _of_cluster(desk: Desk, row: ClusterRow) -> Iterator[Concern]:
    address, cluster, notice = row.address, row.cloud, row.notice
    task = desk.store.tasks.get(cluster_task(address))
    cost = f"It costs {money_text(row.price_per_hour)} an hour. " if row.price_per_hour else "It costs money. "
    acts: dict[str, tuple[str, Callable[[], object]]] = {
        "up": ("Bring up", partial(bring_up, desk, address)),
        "start": ("Start", partial(bring_up, desk, address)),
        "down": ("Take down", partial(take_down, desk, main_window(), address)),
        "autostop": ("Set autostop", partial(set_autostop, desk, main_window(), address)),
        "": ("Dismiss", partial(dismiss, desk, address)),
    }
    if row.state is State.STOPPED:  # it costs next to nothing, and waits for whoever wants it
        return
    busy = task is not None and task.state == "running"
    if cluster is not None and not busy and task is not None and _broken_off(task) and row.state in _LEFT:
        words = cost + (task.problem.sentence if task.problem is not None else "The launch was cancelled.")
        yield Concern("circle-x", "error", f"{address}: its launch left something", words, *acts["down"])
    elif notice is not None and not busy:
        if not getattr(notice, "expected", False):
            icon = "clock" if notice.act == "autostop" else "cloud-off" if cluster is None else "circle-x"
            title, _, rest = re.sub(r"[;:] ", "\n", notice.sentence, count=1).partition("\n")
            why = cluster.reason if cluster is not None and cluster.reason else rest
            why = "" if "cost money" in why or "costs money" in why else f"{why[:1].upper()}{why[1:].rstrip('.')}."
            said = [why, cost.strip() if cluster is not None else "", notice.remedy]
            text = " ".join(part for part in said if len(part) > 1)
            yield Concern(icon, "error", title.rstrip("."), text, *acts[notice.act])
    elif row.state is State.UNHEALTHY:
        words = cost + (cluster.reason if cluster is not None else "")
        yield Concern("circle-x", "error", f"{address} is not whole", words, *acts["down"])
    elif row.state is State.NO_SERVER:
        words = f"{cost}The cluster server does not run there."
        yield Concern("server", "warn", f"{address} is up without a server", words, *acts["start"])
    elif row.state is State.UNREACHABLE and cluster is not None:
        ask = partial(ask_cloud, desk, address)
        words = f"{cost}{row.sentence}"
        yield Concern("unplug", "error", f"{address} cannot be reached", words, "Ask the cloud", ask)
    if cluster is not None and notice is None and cluster.autostop_mins < 0 and row.state in _GOES_ON:
        words = f"{cost}It goes on when nothing runs on it."
        act = acts["down" if why_not_autostop(row) else "autostop"]
        yield Concern("clock", "warn", f"{address} has no autostop", words, *act)


def _broken_off(task: TaskRow | None) -> bool:
    return task is not None and task.assumes is State.LAUNCHING and task.state in ("failed", "cancelled")


def _found(desk: Desk) -> Iterator[Concern]:
    for cluster in desk.store.found.rows():
        if cluster.state == "stopped" or cluster.name not in desk.store.ours:
            continue  # a colleague's is no concern of ours
        price = f"{money_text(cluster.price_per_hour)} an hour, " if cluster.price_per_hour else ""
        words = f"{price}launched {age_text(cluster.launched)}; no document here names it."
        act = partial(adopt, desk, main_window(), cluster)
        where = title_of(cluster.cloud) or "a cloud"
        yield Concern("cloud", "warn", f"{cluster.name} is up in {where}", words, "Adopt", act)


def _clouds(desk: Desk) -> None:
    desk.navigate("clouds", "")
