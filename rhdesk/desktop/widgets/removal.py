"""Taking widgets out of where they are: at once, and without leaving the focus to whatever comes next."""

from __future__ import annotations

from PySide6.QtWidgets import QLayout, QWidget


def let_go_of_focus(widget: QWidget) -> None:
    """Before something is hidden that may have the focus: else Qt outlines whatever control comes next."""
    window = widget.window()
    focus = window.focusWidget()
    if focus is not None and (focus is widget or widget.isAncestorOf(focus)):
        window.setFocus()


def discard(widget: QWidget) -> None:
    """Take a widget out of where it is, at once, and destroy it."""
    let_go_of_focus(widget)
    widget.hide()
    widget.setParent(None)
    widget.deleteLater()


def clear_layout(layout: QLayout) -> None:
    """Take everything out of a layout and destroy it."""
    while layout.count():
        item = layout.takeAt(0)
        if item is None:
            return
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            discard(widget)
        elif inner is not None:
            clear_layout(inner)
