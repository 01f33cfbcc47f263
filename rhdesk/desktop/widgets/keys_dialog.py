"""The list of keys."""

from __future__ import annotations

from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QGridLayout, QWidget

from rhdesk.core.commands import Registry
from rhdesk.desktop.widgets.base import Label
from rhdesk.desktop.widgets.dialog import Dialog

_IN_LISTS = (
    ("Open what is selected", "Return"),
    ("Delete what is selected", "Del"),
    ("Copy the selected rows", "Ctrl+C"),
    ("Menu of the row", "Shift+F10"),
    ("Next and previous match in a log", "F3"),
    ("Follow the end of a log", "End"),
)


def open_keys(parent: QWidget, registry: Registry) -> Dialog:
    """Show every command that has a key, and the keys of lists and logs."""
    dialog = Dialog(parent, "Keys", icon="keyboard", width=460)
    grid = QGridLayout()
    grid.setHorizontalSpacing(24)
    grid.setVerticalSpacing(6)
    pairs = [(command.title, command.keys) for command in registry.all() if command.keys]
    for line, (title, keys) in enumerate([*pairs, *_IN_LISTS]):
        grid.addWidget(Label(title), line, 0)
        key = Label(QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText), "kbd")
        key.setFixedHeight(20)
        grid.addWidget(key, line, 1)
    grid.setColumnStretch(0, 1)
    dialog.body.addLayout(grid)
    dialog.add_button("Close", "primary").setFocus()
    dialog.open()
    return dialog
