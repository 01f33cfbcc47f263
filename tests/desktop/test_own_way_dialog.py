"""The dialog about one's own way to a cluster that others wrote down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from desktop.registry_parts import SOON, click, words
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from rhdesk.core.desk import Desk
from rhdesk.desktop.dialogs.own_way import OwnWayDialog
from rhresources.reach.own_way import OwnWays

CLUSTER = (
    "kind: cluster\ntype: ssh\nips: [192.0.2.1]\nssh_creds: {ssh_user: ml, ssh_private_key: ~/.ssh/theirs, "
    "proxy_jump: ml@gate}\n"
)


@pytest.fixture
def open_it(qtbot: QtBot, desk: Desk, save: Callable[[str, str], Path]) -> Callable[[], OwnWayDialog]:
    """Opens it for ~/gpu."""
    save("gpu", CLUSTER)
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.show()

    def open_it() -> OwnWayDialog:
        dialog = OwnWayDialog(desk, parent, "~/gpu")
        dialog.open()
        qtbot.waitUntil(dialog.user.line.isVisible, timeout=SOON)
        return dialog

    return open_it


def reach(desk: Desk) -> str:
    """How the window says that ~/gpu is reached."""
    row = desk.store.clusters.get("~/gpu")
    return row.reach if row is not None else ""


def test_what_is_the_documents_and_what_is_mine_is_told_apart(
    qtbot: QtBot, desk: Desk, open_it: Callable[[], OwnWayDialog]
) -> None:
    ways = OwnWays(desk.home)
    ways.change("~/gpu", {"log_in": "key"})
    dialog = open_it()
    assert dialog.user.line.placeholderText() == "ml"
    assert not dialog.accept_button.isEnabled()
    QTest.keyClicks(dialog.user.line, "alice")
    QTest.keyClicks(dialog.port.line, "port")
    assert "Mine; the document says ml." in words(dialog)
    click(dialog, "own-way-accept")
    assert "whole number" in dialog.port.error
    dialog.port.line.selectAll()
    QTest.keyClicks(dialog.port.line, "2222")
    QTest.keyClicks(dialog.jumps.line, "none")
    QTest.mouseClick(dialog.no_key, Qt.MouseButton.LeftButton, pos=dialog.no_key.rect().center())
    qtbot.waitUntil(lambda: "You log in as alice@192.0.2.1:2222" in words(dialog), timeout=SOON)
    assert "by way of" not in words(dialog)
    click(dialog, "own-way-accept")
    qtbot.waitUntil(lambda: not isValid(dialog), timeout=SOON)
    qtbot.waitUntil(lambda: reach(desk) == "alice@192.0.2.1:2222", timeout=SOON)
    own = ways.of("~/gpu")
    assert own is not None
    assert own.model_dump(exclude_unset=True) == {
        "ssh_user": "alice", "ssh_port": 2222, "proxy_jump": "none", "ssh_private_key": None, "log_in": "key",
    }  # fmt: skip


def test_what_was_set_is_shown_and_given_up(qtbot: QtBot, desk: Desk, open_it: Callable[[], OwnWayDialog]) -> None:
    ways = OwnWays(desk.home)
    ways.change("~/gpu", {"ssh_user": "alice", "ssh_port": 2222})
    dialog = open_it()
    assert (dialog.user.text, dialog.port.text, dialog.key.text) == ("alice", "2222", "")
    dialog.user.line.selectAll()
    QTest.keyClick(dialog.user.line, Qt.Key.Key_Delete)
    click(dialog, "own-way-accept")
    qtbot.waitUntil(lambda: not isValid(dialog), timeout=SOON)
    assert (own := ways.of("~/gpu")) is not None
    assert own.model_dump(exclude_unset=True) == {"ssh_port": 2222}
    again = open_it()
    click(again, "own-way-forget")
    qtbot.waitUntil(lambda: not isValid(again), timeout=SOON)
    assert ways.of("~/gpu") is None
