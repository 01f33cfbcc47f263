"""Fields that are not the same on both sides, each with what to choose of it."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QBoxLayout, QCheckBox, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from rhdesk.core.field_choices import MISSING, SIDES, FieldChoice, Side
from rhdesk.core.list_choices import ListChoice, ListItem
from rhdesk.core.words import count_text
from rhdesk.desktop.widgets.base import Card, ChipRow, Label
from rhdesk.desktop.widgets.wrapped import WrappedLabel

_LONG = 160  # characters, and lines, with which a value gets the whole width
_LINES = 6
_FOLDED = 3  # items that both have and are the same: as many as this are one line
_BOX = 20
_NAMED = 2
UNDECIDED = object()
_NOTHING = "nothing"  # the chip that stands for no choice


class ConflictFields(QWidget):
    """All of them, first those that a person must decide. `changed` carries the path of the field."""

    changed = Signal(tuple)

    def __init__(self, choices: list[FieldChoice], by: str) -> None:
        super().__init__()
        self.fields: dict[tuple[str, ...], ConflictField] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(10)
        for choice in sorted(choices, key=lambda choice: choice.usual is not None):
            field = ConflictField(choice, by)
            field.changed.connect(partial(self.changed.emit, choice.path))
            self.fields[choice.path] = field
            column.addWidget(field)
        column.addStretch(1)

    def why_not(self) -> str:
        """What is still to be chosen, as a sentence; empty: nothing."""
        left = [field for field in self.fields.values() if field.value() is UNDECIDED]
        rivals = [" or ".join(map(str, found)) for field in left if (found := field.open_rivals())]
        if rivals:
            return f"Choose {rivals[0]} first."
        names = [field.choice.name for field in left]
        if len(names) > _NAMED:
            return f"Choose {', '.join(names[:_NAMED])} and {len(names) - _NAMED} more first."
        return f"Choose {' and '.join(names)} first." if names else ""


class ConflictField(Card):
    """One field: mine, theirs, or both; of a list, item by item."""

    changed = Signal()

    def __init__(self, choice: FieldChoice, by: str) -> None:
        super().__init__(margins=(14, 10, 14, 12))
        self.choice = choice
        self._by = by or "they"
        self.setProperty("card", "raised")
        self.chips = ChipRow()
        self.chips.set_chips([(_NOTHING, "Choose"), ("mine", "Mine"), ("theirs", "Theirs"), ("both", "Both")])
        self.chips.setAccessibleName(f"Which {choice.name} to keep")
        self.chips.setObjectName(f"choose-{choice.name}")
        self.chips.set_visible(_NOTHING, False)  # it stands for nothing being chosen
        self.chips.set_visible("both", choice.joined is not MISSING)
        self.chips.chip("both").setToolTip("What each of you added is in it, and what each took out is not")
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(Label(choice.name, "h3"))
        head.addWidget(Label(self._who(), "bad" if choice.usual is None else "faint"))
        head.addStretch(1)
        head.addWidget(self.chips)
        self.body.addLayout(head)
        self._panes: dict[Side, _Pane] = {}
        self._items: _Items | None = None
        if choice.listed is not None:
            self._items = _Items(choice.listed, self._by, choice.name)
            self._items.changed.connect(self._items_changed)
            self.body.addWidget(self._items)
        else:
            self._lay_out_panes()
        self.chips.chosen.connect(self._chosen)
        self.chips.choose(choice.usual or _NOTHING)
        if choice.usual is None:  # Tab stops at the first that can be chosen
            self.chips.chip("mine").setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            self.chips.setFocusProxy(self.chips.chip("mine"))

    def value(self) -> Any:
        """What is chosen; UNDECIDED where something is missing for that, MISSING where the field is to go."""
        if self._items is not None:
            return UNDECIDED if self._items.is_open() else self._items.value()
        side = self.chips.current
        for each in SIDES:
            if each == side:
                return self.choice.values[each]
        return self.choice.joined if side == "both" else UNDECIDED

    def open_rivals(self) -> list[Any]:
        """What is to be chosen from, of a list in which all else is decided."""
        return self._items.open_rivals() if self._items is not None and self._items.is_touched else []

    def _who(self) -> str:
        if self.choice.usual == "mine":
            return "only you changed it"
        if self.choice.usual == "theirs":
            return f"only {self._by} changed it"
        both = f"you and {self._by} both changed it"
        return f"{both}; it fits together" if self.choice.usual == "both" else both

    def _lay_out_panes(self) -> None:
        texts = [self.choice.shown(side) for side in SIDES]
        wide = any(len(text) > _LONG or text.count("\n") >= _LINES for text in texts)
        direction = QBoxLayout.Direction.TopToBottom if wide else QBoxLayout.Direction.LeftToRight
        box = QBoxLayout(direction)
        box.setSpacing(8)
        for side, text in zip(SIDES, texts, strict=True):
            pane = _Pane("Mine" if side == "mine" else "Theirs", text)
            pane.pressed.connect(partial(self.chips.choose, side))
            self._panes[side] = pane
            box.addWidget(pane, 1)
        self.body.addLayout(box)

    def _chosen(self, key: str) -> None:
        for side, pane in self._panes.items():
            pane.set_chosen(key in (side, "both"))
        if self._items is not None and key != _NOTHING:
            self._items.take(key)
        self.changed.emit()

    def _items_changed(self) -> None:
        """Items were chosen one by one: the chip that says the same is on, or none."""
        assert self._items is not None
        self.chips.blockSignals(True)
        self.chips.choose(self._items.taken_as() or _NOTHING)
        self.chips.blockSignals(False)
        self.changed.emit()


class _Pane(QFrame):
    """The value of one side; a click chooses it."""

    pressed = Signal()

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.setProperty("pane", True)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 6, 10, 8)
        column.setSpacing(2)
        column.addWidget(Label(title, "faint"))
        column.addWidget(WrappedLabel(text, "mono") if text else Label("not in it", "faint"))
        column.addStretch(1)

    def set_chosen(self, chosen: bool) -> None:
        self.setProperty("chosen", chosen)
        self.style().unpolish(self)
        self.style().polish(self)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.pressed.emit()
        super().mouseReleaseEvent(event)


class _Items(QWidget):
    """The items of a list, with a box at each that not both have."""

    changed = Signal()

    def __init__(self, listed: ListChoice, by: str, name: str) -> None:
        super().__init__()
        self._listed = listed
        self.is_touched = False
        self._boxes: dict[int, QCheckBox] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for shared, group in groupby(enumerate(listed.items), lambda numbered: numbered[1].is_shared):
            items = list(group)
            if shared and len(items) >= _FOLDED:
                column.addLayout(_line(None, Label(f"{count_text(len(items), 'item')} that both have", "faint"), None))
                continue
            for place, item in items:
                column.addLayout(self._item_line(place, item, by, name))

    def take(self, key: str) -> None:
        """Keep what a side has, or both."""
        joined = self._listed.joined or frozenset()
        self._keep(joined if key == "both" else self._listed.of_side(key))

    def taken_as(self) -> str:
        """Which choice is the same as what is kept; empty: none."""
        kept = self._kept()
        for side in SIDES:
            if kept == self._listed.of_side(side):
                return side
        return "both" if kept == self._listed.joined else ""

    def value(self) -> list[Any]:
        return self._listed.values(self._kept())

    def is_open(self) -> bool:
        return not self.is_touched or bool(self.open_rivals() and self.taken_as() not in SIDES)

    def open_rivals(self) -> list[Any]:
        return self._listed.open_rivals(self._kept())

    def _item_line(self, place: int, item: ListItem, by: str, name: str) -> QHBoxLayout:
        text = WrappedLabel(str(item.value), "mono")
        if item.is_shared:
            return _line(None, text, Label("both have it", "faint"))
        who = "you" if item.mine != item.before else by
        told = f"{who} {'took it out' if item.before else 'added it'}"
        if self._listed.is_version(place):
            told = "your version" if item.mine else f"{by}'s version" if by != "they" else "their version"
        box = QCheckBox()
        box.setObjectName(f"keep-{name}-{item.value}")
        box.setAccessibleName(f"Keep {item.value}: {told}")
        box.clicked.connect(lambda kept: self._clicked(place, kept))
        self._boxes[place] = box
        mark = Label(f"{'−' if item.before else '+'} {told}", "error" if item.before else "good")
        return _line(box, text, mark)

    def _clicked(self, place: int, kept: bool) -> None:
        if kept:
            for rival in self._listed.items[place].rivals:
                self._boxes[rival].setChecked(False)
        self.is_touched = True
        self.changed.emit()

    def _kept(self) -> frozenset[int]:
        return frozenset(place for place, box in self._boxes.items() if box.isChecked())

    def _keep(self, places: frozenset[int]) -> None:
        self.is_touched = True
        for place, box in self._boxes.items():
            box.setChecked(place in places)


def _line(box: QCheckBox | None, text: QWidget, mark: QWidget | None) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(8)
    beside = box or QWidget()
    beside.setFixedWidth(_BOX)
    row.addWidget(beside, 0, Qt.AlignmentFlag.AlignTop)
    row.addWidget(text, 1)
    if mark is not None:
        row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
    return row
