"""The list of keys."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QWidget

from rhdesk.core.commands import Registry
from rhdesk.desktop.widgets.base import Label
from rhdesk.desktop.widgets.dialog import Dialog

_IN_LISTS = (
    ("Open what is selected", "Return"),
    ("Delete what is selected", "Del"),
    ("Copy the selected rows", "Ctrl+C"),
    ("Menu of the row", "Shift+F10"),
    ("Rename or move a name", "F2"),
    ("Cut names, to move them to where they are pasted", "Ctrl+X"),
    ("Paste names that were copied or cut", "Ctrl+V"),
    ("Take back the last change of names", "Ctrl+Z"),
    ("Next and previous match in a log", "F3"),
    ("Follow the end of a log", "End"),
    ("Save what is edited", "Ctrl+S"),
    ("Check a package", "Ctrl+Return"),
    ("Suggestions under a line", "Ctrl+Space"),
)


def open_keys(parent: QWidget, registry: Registry) -> Dialog:
    """Show every command that has a key, and the keys of lists, logs and editors."""
    dialog = Dialog(parent, "Keys", icon="keyboard", width=460)
    inner = QWidget()
    grid = QGridLayout(inner)
    grid.setContentsMargins(0, 0, 8, 0)
    grid.setHorizontalSpacing(24)
    grid.setVerticalSpacing(6)
    pairs = [(command.title, command.keys) for command in registry.all() if command.keys]
    for line, (title, keys) in enumerate([*pairs, *_IN_LISTS]):
        grid.addWidget(Label(title), line, 0)
        key = Label(QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText), "kbd")
        key.setFixedHeight(20)
        grid.addWidget(key, line, 1)
    grid.setColumnStretch(0, 1)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setAccessibleName("Keys")
    area.setWidget(inner)
    dialog.body.addWidget(area, 1)
    dialog.add_button("Close", "primary")
    around = dialog.sizeHint().height() - area.sizeHint().height()
    dialog.resize(480, min(inner.sizeHint().height() + around, parent.window().height() - 60))
    dialog.open()
    area.setFocus()  # arrows and Page Down move it, Escape and Enter close it
    return dialog
