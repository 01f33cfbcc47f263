"""What gives way in a small window, so that nothing lies over anything else: words, chips, empty states, messages."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.core.commands import Command, Registry
from rhdesk.core.notifier import Notifier
from rhdesk.core.rows import Problem
from rhdesk.core.store import Table
from rhdesk.desktop.models.columns import Column
from rhdesk.desktop.widgets.base import Button
from rhdesk.desktop.widgets.keys_dialog import open_keys
from rhdesk.desktop.widgets.list_panel import ListPanel
from rhdesk.desktop.widgets.removal import let_go_of_focus
from rhdesk.desktop.widgets.states import ProblemBox, StateView
from rhdesk.desktop.widgets.toasts import Toasts
from rhdesk.desktop.widgets.wrapped import WrappedLabel

pytestmark = pytest.mark.usefixtures("themed")
FINGERPRINT = "SHA256:oaNYpSpZmKZLUJo3OverbSdIYAmkHUiHOcgFWYruC0Q"


@dataclass(frozen=True)
class Row:
    id: str
    state: str


def test_a_fingerprint_makes_no_box_wider(qtbot: QtBot) -> None:
    box = ProblemBox(Problem(f"The host key is not known here: ssh-ed25519 {FINGERPRINT}.", "Compare it."))
    qtbot.addWidget(box)
    assert box.minimumSizeHint().width() < 340
    assert WrappedLabel(FINGERPRINT, "").text() == FINGERPRINT, "the breaks are for the eye alone"


def test_an_empty_state_leaves_out_what_has_no_room(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    view = StateView()
    view.setParent(window)
    view.show_empty("Nothing has run yet", "Run one of your functions.", "play", [Button("Run function", "primary")])
    window.show()
    icon, words = view._spare
    view.resize(400, 300)
    view.resize(400, view._needed())
    assert icon.isVisible()
    view.resize(400, view.height() - 1)
    assert words.isVisible()
    assert not icon.isVisible()
    view.resize(400, view._needed() - 1)
    assert not words.isVisible()
    view.resize(400, 300)
    assert icon.isVisible()
    assert words.isVisible()
    assert view.minimumSizeHint().height() <= 60


def test_chips_without_rows_go_before_the_list_grows(qtbot: QtBot) -> None:
    panel = ListPanel([Column("id", "Name", lambda row: row.id)], lambda row: row.id, "Things")
    qtbot.addWidget(panel)
    words = ("Running", "Starting", "Stopping", "Needs attention")
    chips = [(word, word, lambda row, word=word: row.state == word) for word in words]
    panel.set_chips([("all", "All", None), *chips])
    table: Table[Row] = Table("things")
    table.replace({str(at): Row(str(at), "Needs attention") for at in range(12)})
    panel.bind(table)
    panel.show()
    panel.resize(1000, 400)
    assert all(not panel.chips.chip(key).isHidden() for key in ("all", *words))
    panel.resize(panel.minimumWidth(), 400)
    assert [key for key in ("all", *words) if not panel.chips.chip(key).isHidden()] == ["all", "Needs attention"]
    panel.chips.choose("Needs attention")
    assert panel.table.rows.rowCount() == 12


def test_errors_never_cover_more_than_half_of_the_window(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(1000, 700)
    notifier = Notifier()
    toasts = Toasts(window, notifier)
    window.show()
    for number in range(4):
        notifier.error(Problem(f"Host {number} does not let anybody in. " * 4, "Check the user name. " * 3))
    assert 1 <= toasts.count() < 4
    assert len(notifier.notices()) == 4, "the activity log has all of them"


def test_the_focus_does_not_jump_to_another_control(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    column, banner = QVBoxLayout(window), QWidget()
    inner = QVBoxLayout(banner)
    retry, other = Button("Retry now"), Button("Other")
    inner.addWidget(retry)
    column.addWidget(other)
    column.addWidget(banner)
    window.show()
    qtbot.waitExposed(window)
    retry.setFocus()
    let_go_of_focus(banner)
    banner.hide()
    assert window.focusWidget() is not other


def test_the_list_of_keys_is_never_higher_than_the_window(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(1000, 500)
    window.show()
    registry = Registry()
    for place in range(60):
        registry.add(Command(f"act.{place}", f"Act {place}", lambda: None, "play", f"Ctrl+{place}"))
    dialog = open_keys(window, registry)
    assert dialog.height() < 500
    area = dialog.focusWidget()
    assert isinstance(area, QScrollArea)
    qtbot.keyClick(area, Qt.Key.Key_PageDown)
    assert area.verticalScrollBar().value() > 0, "what is out of sight is reached by keys"
    qtbot.keyClick(area, Qt.Key.Key_Return)
    assert not dialog.isVisible()
