"""The order in which Tab goes through a form: as it is laid out, also after controls were replaced or added.

Qt puts a new control at the end of the window's chain, so a field that was made again would come after the Run button.
"""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout, QScrollArea, QSplitter, QWidget


def order_tabs(form: QWidget, after: QWidget) -> None:
    """Let Tab go through `form` in the order of its layouts. It begins `after` a control that is always there, which
    may be the form itself."""
    before, layout = after, form.layout()
    for control in _inside(layout) if form is after and layout is not None else _controls(form):
        if control is not after:
            QWidget.setTabOrder(before, control)
            before = control


def _controls(widget: QWidget) -> Iterator[QWidget]:
    stops = widget.focusPolicy() is not Qt.FocusPolicy.NoFocus and widget.focusProxy() is None
    if stops:
        yield widget
    if isinstance(widget, QScrollArea) and (inner := widget.widget()) is not None:
        yield from _controls(inner)
    elif isinstance(widget, QSplitter):
        for place in range(widget.count()):
            if (part := widget.widget(place)) is not None:
                yield from _controls(part)
    elif stops:
        return
    elif (layout := widget.layout()) is not None:
        yield from _inside(layout)


def _inside(layout: QLayout) -> Iterator[QWidget]:
    for place in range(layout.count()):
        item = layout.itemAt(place)
        assert item is not None
        if (widget := item.widget()) is not None:
            yield from _controls(widget)
        elif (nested := item.layout()) is not None:
            yield from _inside(nested)
