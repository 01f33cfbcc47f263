"""What tests of names of a registry in the window share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from lab.registry import RegistryServer
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from rhdesk.core.entry_row import RegistryRow
from rhdesk.core.store import REGISTRY
from rhdesk.desktop.dialogs.login import LoginDialog
from rhdesk.desktop.pages.names import NamesPage
from rhdesk.desktop.shell import Shell
from rhdesk.desktop.widgets.dialog import Dialog
from rhresources.resource_names import ResourceNames
from rhresources.workspace import Workspace

Kind = TypeVar("Kind", bound=Dialog)
SOON = 20_000
PACKAGE = "kind: package\ndescription: old\ninstall_method: pip\ntarget: numpy\n"


def login_dialog(shell: Shell) -> LoginDialog:
    assert shell.desk.commands.run("registry.login") == ""
    return opened(shell, LoginDialog)


def log_in(qtbot: QtBot, shell: Shell, registry: RegistryServer) -> NamesPage:
    """Alice logs in by the dialog; the page on which her names are."""
    dialog = login_dialog(shell)
    QTest.keyClicks(dialog.url.line, registry.url)
    QTest.keyClicks(dialog.token.line, registry.token("alice"))
    QTest.keyClick(dialog.token.line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: state(shell) is not None and not isValid(dialog), timeout=SOON)
    found = shell.page
    assert isinstance(found, NamesPage)
    qtbot.waitUntil(lambda: "/alice/" in keys(found), timeout=SOON)
    return found


def opened(shell: Shell, kind: type[Kind]) -> Kind:
    return next(dialog for dialog in shell.findChildren(kind) if dialog.isVisible())


def state(shell: Shell) -> RegistryRow | None:
    return shell.desk.store.registry.get(REGISTRY)


def keys(page: NamesPage) -> list[str]:
    return [node.key for node in page.tree.lines.shown()]


def words(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def click(widget: QWidget, name: str) -> None:
    button = next(each for each in widget.findChildren(QAbstractButton, name) if each.isVisible())
    assert button.isEnabled(), button.toolTip()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def has(page: NamesPage, address: str) -> Callable[[], bool]:
    return lambda: address in page.desk.store.names


def save(page: NamesPage, qtbot: QtBot, address: str) -> None:
    """Alice saves a document from the window."""
    do(page, qtbot, lambda names: names.save_text(address, PACKAGE))
    qtbot.waitUntil(has(page, address), timeout=SOON)


def share(page: NamesPage, qtbot: QtBot, address: str, who: str) -> None:
    do(page, qtbot, lambda names: names.share(address, {who: "write"}))


def do(page: NamesPage, qtbot: QtBot, call: Callable[[ResourceNames], object]) -> None:
    """Something with the names of the window."""
    done: list[object] = []

    async def act(workspace: Workspace, progress: object) -> object:
        return await asyncio.to_thread(call, workspace.names)

    page.desk.act("test", act, on_done=done.append)
    qtbot.waitUntil(lambda: bool(done), timeout=SOON)


def undo(qtbot: QtBot, page: NamesPage, told: str) -> None:
    notices = page.desk.notifier.notices
    qtbot.waitUntil(lambda: any(notice.sentence == told for notice in notices()), timeout=SOON)
    act = next(notice for notice in notices() if notice.sentence == told).action
    assert act is not None
    act()
