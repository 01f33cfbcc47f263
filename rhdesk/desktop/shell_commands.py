"""The commands of the window itself, and those of the resources that there are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from rhdesk.core.commands import Command
from rhdesk.core.desk import Desk
from rhdesk.desktop.access_acts import access_acts, access_commands
from rhdesk.desktop.cloud_acts import cloud_acts, cloud_commands
from rhdesk.desktop.cluster_acts import bring_up, cluster_commands, take_down, why_not_down, why_not_up
from rhdesk.desktop.cost_acts import open_bill, save_costs
from rhdesk.desktop.dialogs.clusters import new_cloud_cluster, new_cluster
from rhdesk.desktop.pages import PAGES, page_keys
from rhdesk.desktop.registry_acts import registry_commands
from rhdesk.desktop.skypilot_acts import check_clouds

if TYPE_CHECKING:
    from rhdesk.desktop.shell import Shell

_RUNS_LISTED = 30


def declare(desk: Desk, shell: Shell) -> None:
    """Put every command into the registry."""
    for number, spec in enumerate(PAGES, 1):
        desk.commands.add(
            Command(
                f"go.{spec.id}",
                spec.title,
                partial(shell.navigate, spec.id),
                spec.icon,
                page_keys(number),
                words="page go to",
                group="Page",
            )
        )
    desk.commands.add(
        Command(
            "function.add",
            "Add a function",
            lambda: shell.navigate("functions", "new"),
            "plus",
            "Ctrl+N",
            words="new create code",
            group="Function",
        ),
        Command(
            "package.add",
            "New package",
            lambda: shell.navigate("packages", "new"),
            "plus",
            words="new create",
            group="Package",
        ),
        Command(
            "port.forward",
            "Forward a port",
            lambda: shell.navigate("ports", "new:"),
            "network",
            "Ctrl+Shift+P",
            words="new tunnel localhost tensorboard",
            group="Port",
        ),
        _of_chosen(desk, shell, "terminal", "Terminal on the chosen cluster", "Ctrl+Shift+X"),
        _of_chosen(desk, shell, "reconnect", "Reconnect the chosen cluster", "Ctrl+Shift+R"),
        _of_chosen(desk, shell, "up", "Bring up the chosen cluster", "Ctrl+Shift+U"),
        _of_chosen(desk, shell, "down", "Take down the chosen cluster", "Ctrl+Shift+D"),
        _of_chosen(desk, shell, "stop", "Stop the chosen cluster", "Ctrl+Shift+S"),
        _of_chosen(desk, shell, "autostop", "Autostop of the chosen cluster", "Ctrl+Shift+I"),
        Command(
            "cluster.add",
            "New cluster",
            lambda: new_cluster(desk, shell),
            "plus",
            words="add create ssh host machine server",
            group="Cluster",
        ),
        Command(
            "cluster.rent",
            "New cloud cluster",
            lambda: new_cloud_cluster(desk, shell),
            "cloud",
            "Ctrl+Shift+N",
            words="add create rent gpu offer spot aws gcp azure skypilot",
            group="Cluster",
        ),
        Command(
            "clouds.check",
            "Check clouds",
            partial(_check_clouds, desk, shell),
            "refresh-cw",
            words="skypilot sky check enabled credentials",
            group="Cluster",
        ),
        Command(
            "credential.add",
            "Add a credential",
            lambda: shell.navigate("credentials", "new"),
            "key-round",
            words="new password passphrase token keyring secret",
            group="Credential",
        ),
        Command("window.palette", "Search or run a command", shell.open_palette, "search", "Ctrl+K", hidden=True),
        Command(
            "window.back",
            "Back",
            shell.back,
            "arrow-left",
            "Alt+Left",
            why_not=lambda: "" if shell.can_go_back else "There is nothing to go back to.",
            group="Window",
        ),
        Command(
            "window.forward",
            "Forward",
            shell.forward,
            "arrow-right",
            "Alt+Right",
            why_not=lambda: "" if shell.can_go_forward else "There is nothing to go forward to.",
            group="Window",
        ),
        Command(
            "window.find",
            "Find on this page",
            shell.find_on_page,
            "list-filter",
            "Ctrl+F",
            words="filter",
            group="Window",
        ),
        Command("window.refresh", "Refresh now", shell.refresh, "refresh-cw", "F5", words="retry", group="Window"),
        Command("window.activity", "Activity", shell.toggle_activity, "bell", "Ctrl+Shift+A", group="Window"),
        Command("window.tasks", "Tasks", shell.toggle_tasks, "activity", "Ctrl+Shift+T", group="Window"),
        Command(
            "window.keys", "List of keys", shell.show_keys, "keyboard", "F1", words="help shortcuts", group="Window"
        ),
        Command(
            "costs.show",
            "What it cost, line by line",
            lambda: open_bill(desk, shell),
            "wallet",
            words="spend spending bill money cluster function run label day",
            group="Window",
        ),
        Command(
            "costs.save",
            "Save what it cost as CSV…",
            lambda: save_costs(desk, shell),
            "download",
            words="spend spending bill money export",
            group="Window",
        ),
        Command("theme.dark", "Dark theme", lambda: shell.choose_theme("dark"), "moon", group="Window"),
        Command("theme.light", "Light theme", lambda: shell.choose_theme("light"), "sun", group="Window"),
        Command("theme.system", "System theme", lambda: shell.choose_theme("system"), "monitor", group="Window"),
        Command(
            "window.close", "Close the window (runs go on)", shell.close, "x", "Ctrl+Q", words="quit", group="Window"
        ),
    )
    desk.commands.add(*registry_commands(desk, shell))
    desk.commands.add_source(lambda: cluster_commands(desk, shell))
    desk.commands.add_source(lambda: cloud_commands(desk, shell))
    desk.commands.add_source(lambda: access_commands(desk, shell))
    desk.commands.add_finder(partial(_function_commands, desk))
    desk.commands.add_finder(partial(_name_commands, desk))
    desk.commands.add_source(lambda: _run_commands(desk))


def _check_clouds(desk: Desk, shell: Shell) -> None:
    shell.navigate("clouds")
    check_clouds(desk)


def _of_chosen(desk: Desk, shell: Shell, id: str, title: str, keys: str) -> Command:
    """One of the acts on clusters, for the cluster that is chosen on the page in sight."""

    def act() -> tuple[Callable[[], object], str]:
        row = desk.store.clusters.get(shell.page.cluster())
        if row is None:
            return lambda: None, "Choose a cluster first."
        acts: list[tuple[str, str, str, Callable[[], object], str]] = [
            ("up", "", "", partial(bring_up, desk, row.address), why_not_up(row)),
            ("down", "", "", partial(take_down, desk, shell, row.address), why_not_down(row)),
            *access_acts(desk, shell, row),
            *cloud_acts(desk, shell, row),
        ]
        none = (lambda: None, f"{row.address} is in no cloud.")
        return next(((run, why_not) for one, _, _, run, why_not in acts if one == id), none)

    icons = {"terminal": "square-terminal", "stop": "circle-stop", "autostop": "clock"}
    icons |= {"up": "power", "down": "power-off"}
    return Command(
        f"cluster.{id}", title, lambda: act()[0](), icons.get(id, "refresh-cw"), keys, why_not=lambda: act()[1],
        words="ssh shell connection cloud", group="Cluster",
    )  # fmt: skip


def _function_commands(desk: Desk, query: str, recent: list[str]) -> list[Command]:
    rows = desk.store.index.likely(query, "run function", kind="function", also=_addresses(recent, "function.run:"))
    return [
        Command(
            f"function.run:{row.address}",
            f"Run {row.address}",
            partial(desk.navigate, "functions", row.address),
            "square-function",
            words=f"function {row.description}",
            group="Function",
        )
        for row in rows
    ]


def _name_commands(desk: Desk, query: str, recent: list[str]) -> list[Command]:
    icons = {"cluster": "server", "function": "square-function", "package": "package"}
    rows = desk.store.index.likely(query, "edit show document yaml", also=_addresses(recent, "name.open:"))
    return [
        Command(
            f"name.open:{row.address}",
            f"Edit {row.address}" if not row.why_fixed else f"Show {row.address}",
            partial(desk.navigate, "names", row.address),
            icons.get(row.kind, "file-text"),
            words=f"document yaml {row.kind} {row.description}",
            group="Resource name",
        )
        for row in rows
    ]


def _addresses(ids: list[str], prefix: str) -> list[str]:
    return [id.removeprefix(prefix) for id in ids if id.startswith(prefix)]


def _run_commands(desk: Desk) -> list[Command]:
    newest = sorted(desk.store.runs.rows(), key=lambda row: row.created, reverse=True)[:_RUNS_LISTED]
    return [
        Command(
            f"run.open:{row.id}",
            f"{row.name} · {row.state.word.lower()}",
            partial(desk.navigate, "runs", row.id),
            "play",
            words=f"run {row.id} log result",
            group="Run",
        )
        for row in newest
    ]
