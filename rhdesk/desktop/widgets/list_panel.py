"""A card with a list in it: title, chips, filter box, tools, the table, and its four honest states."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QAction, QIcon, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QStackedWidget, QWidget

from rhdesk.core.store import Change, Condition, Phase, Table
from rhdesk.desktop import theme
from rhdesk.desktop.models.columns import Column
from rhdesk.desktop.widgets.base import Button, Card, ChipRow, Label, ToolButton
from rhdesk.desktop.widgets.resource_table import ResourceTable
from rhdesk.desktop.widgets.states import StaleBanner, StateView


class SearchField(QLineEdit):
    """A filter box with its icon; Escape empties it, Down goes to the list."""

    down = Signal()

    def __init__(self, placeholder: str = "Filter", width: int = 180) -> None:
        super().__init__()
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(placeholder)
        self.setProperty("kind", "search")
        self.setFixedWidth(width)
        self.setClearButtonEnabled(True)
        self._icon: QAction = self.addAction(QIcon(), QLineEdit.ActionPosition.LeadingPosition)
        self.retheme()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        elif event.key() == Qt.Key.Key_Down:
            self.down.emit()
        else:
            super().keyPressEvent(event)

    def retheme(self) -> None:
        self._icon.setIcon(theme.icons.icon("list-filter", "text_faint"))


class ListPanel(Card):
    """Binds to a table of the store, or is given rows and a condition by its page.

    Signals carry rows. `menu_for` (row -> list of (icon, text, act, why_not) or None for a separator) makes the
    context menu; `set_empty` says what stands there while nothing does.
    """

    opened = Signal(object)
    chosen = Signal(list)
    delete_asked = Signal(list)
    retry = Signal()
    cleared = Signal()

    def __init__(self, columns: Sequence[Column[Any]], key: Callable[[Any], str], title: str) -> None:
        super().__init__(margins=(0, 0, 0, 4))
        self.body.setSpacing(0)
        self._chips: list[tuple[str, str, Callable[[Any], bool] | None]] = []
        self._needed: set[str] = set()  # the chips with something behind them, and the chosen one
        self._condition = Condition()
        self._empty: tuple[str, str, str, Callable[[], list[Button]]] = ("Nothing here yet", "", "inbox", list)
        self._source: Table[Any] | None = None
        self._stop: Callable[[], None] | None = None
        self._select: Callable[[Any], bool] = lambda row: True
        self._narrowed: Callable[[Any], bool] | None = None
        self.menu_for: Callable[[Any], list[MenuEntry | None]] | None = None
        self._order: Callable[[Any], Any] | None = None
        self._wanted = ""

        self._bar = QHBoxLayout()
        self._bar.setContentsMargins(16, 8, 12, 6)
        self._bar.setSpacing(4)
        self._bar.addWidget(Label(title, "h2"))
        self._bar.addSpacing(8)
        self.chips = ChipRow()
        self._bar.addWidget(self.chips)
        self._bar.addStretch(1)
        self.filter = SearchField()
        self._bar.addWidget(self.filter)
        self.body.addLayout(self._bar)
        self._second_row = QHBoxLayout()
        self._second_row.setContentsMargins(8, 0, 12, 0)
        self._second_row.addStretch(1)
        self.body.addLayout(self._second_row)
        self._is_narrow = False

        holder = QHBoxLayout()
        holder.setContentsMargins(12, 0, 12, 0)
        self._stale = StaleBanner()
        holder.addWidget(self._stale)
        self.body.addLayout(holder)

        self.table = ResourceTable(columns, key, title)
        self._state = StateView()
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self._state)
        self.body.addWidget(self._stack, 1)

        self.filter.textChanged.connect(self._filter_changed)
        self.filter.down.connect(self._focus_list)
        self.chips.chosen.connect(self._chip_changed)
        self.table.opened.connect(self.opened)
        self.table.chosen.connect(self.chosen)
        self.table.delete_asked.connect(self.delete_asked)
        self.table.menu_asked.connect(self._menu)
        self._state.retry.connect(self.retry)
        self._stale.retry.connect(self.retry)
        self._show()

    # ------------------------------------------------------------ set up

    def bind(self, table: Table[Any], keep: Callable[[Any], bool] | None = None) -> None:
        """Follow a table of the store; `keep` cuts out the rows that belong here."""
        if self._stop is not None:
            self._stop()
        self._source, self._select = table, keep or (lambda row: True)
        self._stop = table.subscribe(self._changed)
        self.destroyed.connect(self._stop)
        self._changed(Change(reset=True, condition=True))

    def bind_sorted(self, table: Table[Any], order: Callable[[Any], Any]) -> None:
        """Follow a table of the store, its rows in this order until a column is clicked."""
        self._order = order
        self.bind(table)

    def narrow(self, keep: Callable[[Any], bool] | None) -> None:
        """Show only such rows, whichever chip is chosen; None: all. `cleared` asks for the latter."""
        self._narrowed = keep
        self._chip_changed(self.chips.current)

    def set_chips(self, chips: list[tuple[str, str, Callable[[Any], bool] | None]]) -> None:
        """Chips as (key, word, which rows it keeps); counts are added to the words."""
        self._chips = chips
        self._count()

    def set_empty(
        self, title: str, text: str = "", icon: str = "inbox", actions: Callable[[], list[Button]] = list
    ) -> None:
        """What stands there while the list is empty; `actions` makes the buttons of the next step."""
        self._empty = (title, text, icon, actions)
        self._show()

    def set_mend(self, text: str = "", act: Callable[[], object] | None = None) -> None:
        """What the banner over rows that are old offers in place of Retry."""
        self._stale.set_mend(text, act)

    def set_old(self, is_old: Callable[[Any], bool]) -> None:
        """Tell which rows are as they were when they were last heard of; those are drawn faint."""
        self.table.rows.is_old = is_old

    def add_tool(self, icon: str, tip: str, act: Callable[[], object]) -> ToolButton:
        """A small button at the right of the bar."""
        button = ToolButton(icon, tip, act)
        self._bar.addWidget(button)
        return button

    def add_widget(self, widget: QWidget) -> None:
        """Any widget at the right of the bar."""
        self._bar.addWidget(widget)

    # ------------------------------------------------------------ rows

    def set_rows(self, rows: Iterable[Any], condition: Condition | None = None) -> None:
        """Show these rows (for lists that no table of the store holds)."""
        self.table.set_rows(rows)
        self._condition = condition or Condition(Phase.READY)
        self.table.rows.repaint()
        self._count()
        self._show()

    def select(self, key: str) -> None:
        """Select a row by its key, now or as soon as it comes."""
        self._wanted = "" if self.table.select(key) else key
        if self._wanted:
            self.table.clearSelection()  # or a change of the rows would choose the old one again

    def focus_filter(self) -> None:
        self.filter.setFocus()
        self.filter.selectAll()

    def selected(self) -> list[Any]:
        return self.table.selected()

    def current(self) -> Any | None:
        return self.table.current()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_bar()

    def _fit_bar(self) -> None:
        """Chips that have no room beside the title go to a row of their own."""
        others = sum(
            item.sizeHint().width() + self._bar.spacing()
            for place in range(self._bar.count())
            if (item := self._bar.itemAt(place)) is not None and item.widget() is not self.chips
        )
        keys = [key for key, _, _ in self._chips]
        whole = self.chips.width_of(keys)
        narrow = others + whole + 32 > self.width()
        for key in keys:  # those with nothing behind them go first where even a row of their own is too short
            self.chips.set_visible(key, whole + 24 <= self.width() or key in self._needed)
        if narrow != self._is_narrow:
            self._is_narrow = narrow
            if narrow:
                self._bar.removeWidget(self.chips)
                self._second_row.insertWidget(0, self.chips)
                self._second_row.setContentsMargins(8, 0, 12, 6)
            else:
                self._second_row.removeWidget(self.chips)
                self._bar.insertWidget(2, self.chips)
                self._second_row.setContentsMargins(8, 0, 12, 0)

    def _changed(self, change: Change) -> None:
        if self._source is None:
            return
        self._condition = self._source.condition
        if change.condition:
            self.table.rows.repaint()  # which rows are old may have changed
        if change.reset or change.changed or change.removed:
            rows = [row for row in self._source.rows() if self._select(row)]
            if self._order is not None:
                rows.sort(key=self._order)
            self.table.set_rows(rows)
            self._count()
        self._show()
        if self._wanted and self.table.select(self._wanted):
            self._wanted = ""

    def _count(self) -> None:
        rows = self.table.rows.all_rows()
        if (narrowed := self._narrowed) is not None:
            rows = [row for row in rows if narrowed(row)]
        shown: list[tuple[str, str]] = []
        needed: list[str] = []
        for key, word, keep in self._chips:
            count = len(rows) if keep is None else sum(1 for row in rows if keep(row))
            shown.append((key, f"{word} {count:,}" if rows else word))
            if count or keep is None or not rows:
                needed.append(key)
        self.chips.set_chips(shown)
        self._needed = {*needed, self.chips.current} & {key for key, _ in shown}
        # the chips may stand in a row of their own; narrower than that it must not get
        self.setMinimumWidth(max(300, self.chips.width_of(self._needed) + 24))
        self._fit_bar()

    def _show(self) -> None:
        phase = self._condition.phase
        if phase is Phase.STALE and self.table.rows.total:
            self._stale.set_condition(self._condition)
        else:
            self._stale.clear()
        if phase is Phase.LOADING:
            self._state.show_loading()
        elif self._condition.problem is not None and not self.table.rows.total:
            self._state.show_failed(self._condition.problem, self._condition.retry_at)
        elif not self.table.rows.total:
            title, text, icon, actions = self._empty
            self._state.show_empty(title, text, icon, actions())
        elif not self.table.rows.rowCount():
            clear = Button("Clear the filter", "", "x", self._clear_filter)
            self._state.show_empty("Nothing matches the filter", "", "list-filter", [clear])
        else:
            self._stack.setCurrentWidget(self.table)
            return
        self._stack.setCurrentWidget(self._state)

    def _filter_changed(self, text: str) -> None:
        self.table.rows.set_filter(text)
        self._show()

    def _chip_changed(self, key: str) -> None:
        keep = next((keep for chip, _, keep in self._chips if chip == key), None)
        if keep is not None and (narrowed := self._narrowed) is not None:
            of_chip = keep
            self.table.rows.set_keep(lambda row: of_chip(row) and narrowed(row))
        else:
            self.table.rows.set_keep(keep or self._narrowed)
        self._count()
        self._show()

    def _clear_filter(self) -> None:
        self.filter.clear()
        self.cleared.emit()
        if self._chips:
            self.chips.choose(self._chips[0][0])

    def _focus_list(self) -> None:
        self.table.setFocus()
        if not self.table.selected() and self.table.rows.rowCount():
            self.table.selectRow(0)

    def _menu(self, row: Any, where: QPoint) -> None:
        if self.menu_for is not None:
            popup_menu(self, self.menu_for(row), where)


MenuEntry = tuple[str, str, Callable[[], object], str]


def popup_menu(parent: QWidget, entries: Sequence[MenuEntry | None], where: QPoint) -> QMenu:
    """Open a menu of (icon, text, act, why not) entries; None is a line between. It closes and goes by itself."""
    menu = QMenu(parent)
    menu.setToolTipsVisible(True)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    for entry in entries:
        if entry is None:
            menu.addSeparator()
            continue
        icon, text, act, why_not = entry
        action = menu.addAction(theme.icons.icon(icon) if icon else QIcon(), text)
        action.setEnabled(not why_not)
        action.setToolTip(why_not)
        action.triggered.connect(lambda checked=False, act=act: act())
    menu.popup(where)
    return menu
