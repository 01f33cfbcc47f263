"""What can be done with the registry of a team: log in and out, settle what does not fit."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from rhdesk.core.commands import Command
from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import RegistryRow
from rhdesk.core.registry_words import left_text
from rhdesk.core.words import count_text
from rhdesk.desktop.concern import Concern
from rhdesk.desktop.forms.name_field import registry_of
from rhdesk.desktop.widgets.dialog import confirm

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhdesk.desktop.pages.names import NamesPage
    from rhdesk.desktop.shell import Shell
    from rhresources.workspace import Workspace

NOBODY = "Log in to a registry first."
_NOTHING = "Choose a name first."


def log_in(desk: Desk, parent: QWidget) -> None:
    """Ask for the URL of a registry and a token."""
    from rhdesk.desktop.dialogs.login import LoginDialog

    LoginDialog(desk, parent.window()).open()


def log_out(desk: Desk, parent: QWidget) -> None:
    """Log out, after saying what waits to be delivered."""
    registry = registry_of(desk)
    if registry is None:
        return
    left = left_text(registry)
    text = f"Its names are no longer shown here, and the token leaves the keyring. {registry.host} keeps everything."
    if left:
        text += f" {left[:1].upper()}{left[1:]}: kept on this computer until {registry.user} logs in again."
    confirm(parent.window(), f"Log out {registry.user or 'of the registry'}?", text, "Log out",
            lambda: _log_out(desk), kind="primary")  # fmt: skip


def _log_out(desk: Desk) -> None:
    async def act(workspace: Workspace, progress: Progress) -> str:
        return await asyncio.to_thread(workspace.names.logout)

    def done(sentence: str) -> None:
        desk.notifier.success(sentence or "Logged out")
        desk.read_names()

    desk.act("registry.logout", act, on_done=done)


def settle_next(desk: Desk, parent: QWidget) -> None:
    """Put the next conflict to the person."""
    registry = registry_of(desk)
    if registry is not None and registry.conflicts:
        from rhdesk.desktop.dialogs.conflict import ConflictDialog

        ConflictDialog(desk, parent.window(), registry.conflicts[0]).open()


def registry_concerns(desk: Desk) -> list[Concern]:
    """What of the registry needs the person's attention."""
    registry = registry_of(desk)
    if registry is None:
        return []
    found = []
    if registry.conflicts:
        address = registry.conflicts[0]
        more = len(registry.conflicts) - 1
        words = f"The registry did not take your edit of {address}"
        found.append(
            Concern(
                "git-merge",
                "error",
                f"{count_text(len(registry.conflicts), 'edit')} of yours {'is' if not more else 'are'} to be settled",
                f"{words}, and {count_text(more, 'other')}." if more else f"{words}.",
                "Settle",
                lambda: desk.navigate("names", address),
            )
        )
    if registry.is_refused and registry.problem is not None:
        act = partial(desk.navigate, "names", "")
        words = registry.problem.sentence
        found.append(Concern("key-round", "warn", f"{registry.host} wants you to log in", words, "Log in", act))
    elif not registry.online and registry.problem is not None and registry.waiting:
        found.append(
            Concern(
                "cloud-off",
                "warn",
                f"{count_text(registry.waiting, 'edit')} of yours {'waits' if registry.waiting == 1 else 'wait'}",
                registry.problem.sentence,
                "Retry now",
                desk.retry_now,
            )
        )
    return found


def registry_commands(desk: Desk, shell: Shell) -> list[Command]:
    """The acts on the registry and on what is chosen on the page Resource names."""
    from rhdesk.desktop.pages.names import NamesPage

    def page() -> NamesPage | None:
        return shell.page if isinstance(shell.page, NamesPage) else None

    def on_names(act: str) -> None:
        shell.navigate("names")
        getattr(shell.page, act)()

    def row_act(act: str) -> None:
        here = page()
        if here is not None and (rows := here.chosen_rows()):
            {"share": lambda: here.acts.share(rows[0].address), "history": lambda: here.acts.history(rows[0])}[act]()

    def why_not(act: str = "") -> str:
        here = page()
        rows = here.chosen_rows() if here is not None else []
        if not rows:
            return _NOTHING
        reasons = {
            "share": rows[0].why_not_shared,
            "history": "" if rows[0].in_registry else "Only what is in a registry has a history.",
            "change": rows[0].why_fixed,
        }
        return reasons.get(act, "")

    def chosen(method: str) -> None:
        here = page()
        if here is not None:
            getattr(here, method)()

    def registry() -> RegistryRow | None:
        return registry_of(desk)

    group = "Resource name"
    return [
        Command("registry.login", "Log in to a registry", lambda: log_in(desk, shell), "log-in",
                words="rns team token connect", group=group),
        Command("registry.logout", "Log out of the registry", lambda: log_out(desk, shell), "log-out",
                why_not=lambda: "" if registry() is not None else "Nobody is logged in.", group=group),
        Command("registry.settle", "Settle conflicts with the registry", lambda: settle_next(desk, shell), "git-merge",
                why_not=lambda: "" if (r := registry()) is not None and r.conflicts else "There are none.",
                words="merge mine theirs", group=group),
        Command("name.new", "New resource", lambda: on_names("new_resource"), "plus", words="yaml create",
                group=group),
        Command("name.folder", "New folder", lambda: on_names("new_folder"), "folder", words="create", group=group),
        Command("name.rename", "Rename or move the chosen name (F2)", lambda: chosen("rename_chosen"), "pencil",
                why_not=lambda: why_not("change"), group=group),
        Command("name.copy", "Copy the chosen name to…", lambda: chosen("copy_chosen"), "clipboard",
                "Ctrl+Shift+C", why_not=why_not, words="duplicate place", group=group),
        Command("name.share", "Share the chosen name", lambda: row_act("share"), "share-2", "Ctrl+Shift+H",
                why_not=lambda: why_not("share"), words="access people group read write", group=group),
        Command("name.history", "History of the chosen name", lambda: row_act("history"), "history", "Ctrl+Shift+V",
                why_not=lambda: why_not("history"), words="versions diff restore", group=group),
        Command("name.undo", "Take back the last change of names (Ctrl+Z)", desk.undoing.take_back, "rotate-ccw",
                why_not=lambda: desk.undoing.why_not, words="undo copy move rename delete", group=group),
        Command("name.deleted", "Deleted names", lambda: on_names("show_deleted"), "history",
                why_not=lambda: "" if registry() is not None else NOBODY, words="trash bin restore recently",
                group=group),
        Command("name.delete", "Delete the chosen name (Del)", lambda: chosen("delete_chosen"), "trash-2",
                why_not=lambda: why_not("change"), group=group),
    ]  # fmt: skip
