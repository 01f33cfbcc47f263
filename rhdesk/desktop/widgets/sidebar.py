"""The left edge of the window: pages with their counts, and how the connection is."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, State
from rhdesk.core.store import Phase
from rhdesk.core.words import count_text
from rhdesk.desktop import theme
from rhdesk.desktop.pages import PAGES, PageSpec, page_keys
from rhdesk.desktop.widgets.base import Card, ElidedLabel, IconLabel, Label

_WIDE, _NARROW = 216, 60
HOME_CLUSTER = "^local"


class Sidebar(QWidget):
    """Emits the id of a page that was clicked. Narrow, it shows icons only."""

    chosen = Signal(str)

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.setObjectName("sidebar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 14, 12, 12)
        column.setSpacing(2)
        brand = QHBoxLayout()
        brand.setContentsMargins(8, 0, 0, 12)
        brand.setSpacing(8)
        brand.addWidget(IconLabel("waypoints", "accent", 20))
        self._brand = Label("rhdesk", "brand")
        brand.addWidget(self._brand)
        brand.addStretch(1)
        column.addLayout(brand)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, NavButton] = {}
        self._sections: list[Label] = []
        section = ""
        for number, spec in enumerate(PAGES, 1):
            if spec.section != section:
                section = spec.section
                column.addSpacing(12)
                heading = Label(section, "section")
                heading.setContentsMargins(12, 4, 12, 2)
                column.addWidget(heading)
                self._sections.append(heading)
            button = NavButton(spec, number)
            button.clicked.connect(lambda checked=False, page=spec.id: self.chosen.emit(page))
            self._group.addButton(button)
            self._buttons[spec.id] = button
            column.addWidget(button)
        column.addStretch(1)
        self.foot = ConnectionCard()
        self.foot.clicked.connect(lambda: self.chosen.emit("clusters"))
        column.addWidget(self.foot)
        store = desk.store
        for table in (store.clusters, store.functions, store.packages, store.runs, store.forwards, store.found):
            self.destroyed.connect(table.subscribe(lambda change: self._count()))
        self.set_narrow(False)
        self._count()

    def show_page(self, page: str) -> None:
        self._buttons[page].setChecked(True)

    def set_narrow(self, narrow: bool) -> None:
        """Icons only, for small windows."""
        self.setFixedWidth(_NARROW if narrow else _WIDE)
        self._brand.setVisible(not narrow)
        for heading in self._sections:
            heading.setVisible(not narrow)
        for button in self._buttons.values():
            button.set_narrow(narrow)
        self.foot.set_narrow(narrow)

    def _count(self) -> None:
        store = self._desk.store
        clusters = [row for row in store.clusters.rows() if not row.is_template]
        active = sum(1 for row in store.runs.rows() if not row.state.is_over)
        counts = {
            "clusters": len(clusters),
            "functions": len(store.functions),
            "packages": sum(1 for row in store.packages.rows() if not row.is_builtin),
            "runs": active,
            "ports": len(store.forwards),
            "clouds": len(store.found),
        }
        for page, count in counts.items():
            self._buttons[page].set_badge(str(count) if count else "", live=page == "runs")
        lost = sum(1 for row in clusters if row.state is State.UNREACHABLE and row.address != HOME_CLUSTER)
        waits = sum(1 for row in clusters if row.state is State.NEEDS_YOU)
        up = sum(1 for row in clusters if row.state is State.UP and row.address != HOME_CLUSTER)
        self.foot.show_cluster(store.clusters.get(HOME_CLUSTER), store.clusters.condition.phase, lost, waits, up)


class NavButton(QToolButton):
    """One page of the sidebar."""

    def __init__(self, spec: PageSpec, number: int) -> None:
        super().__init__()
        self._spec = spec
        self.setProperty("kind", "nav")
        self.setObjectName(f"nav-{spec.id}")
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolTip(f"{spec.title} ({page_keys(number)})")
        self.setAccessibleName(spec.title)
        self.setIconSize(QSize(16, 16))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(34)
        self._badge = Label("", "badge")
        self._badge.setFixedHeight(16)
        self._badge.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        inner = QHBoxLayout(self)
        inner.setContentsMargins(0, 0, 10, 0)
        inner.addStretch(1)
        inner.addWidget(self._badge)
        self._narrow = False
        self.retheme()

    def set_badge(self, text: str, *, live: bool = False) -> None:
        self._badge.setText(text)
        self._badge.setVisible(bool(text) and not self._narrow)
        self.setAccessibleName(f"{self._spec.title}, {text}{' active' if live else ''}" if text else self._spec.title)

    def set_narrow(self, narrow: bool) -> None:
        self._narrow = narrow
        self.setText("" if narrow else f"  {self._spec.title}")
        only = Qt.ToolButtonStyle.ToolButtonIconOnly
        self.setToolButtonStyle(only if narrow else Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._badge.setVisible(bool(self._badge.text()) and not narrow)

    def retheme(self) -> None:
        self.setIcon(theme.icons.icon(self._spec.icon, "text_muted", on="accent_text"))


class ConnectionCard(Card):
    """How the cluster on this computer is, and in one word the others. A click opens the clusters."""

    clicked = Signal()

    def __init__(self) -> None:
        super().__init__(margins=(0, 0, 0, 0))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setObjectName("connection")
        grid = QGridLayout()
        grid.setContentsMargins(12, 9, 10, 9)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(0)
        self._icon = IconLabel("circle", "text_faint")
        self._first = ElidedLabel("")
        self._second = ElidedLabel("", "faint")
        grid.addWidget(self._icon, 0, 0, 2, 1)
        grid.addWidget(self._first, 0, 1)
        grid.addWidget(self._second, 1, 1)
        grid.setColumnStretch(1, 1)
        self.body.addLayout(grid)

    def show_cluster(self, row: ClusterRow | None, phase: Phase, lost: int = 0, waits: int = 0, up: int = 0) -> None:
        """Show this computer's cluster; of others `up` are, `lost` cannot be reached, and `waits` need an answer."""
        if row is None:
            words = "Starting…" if phase is Phase.LOADING else "No clusters known"
            self._say("loader-circle", "text_faint", words, "This computer")
            return
        icon, role, words = {
            State.UP: ("circle-check", "ok", "Connected"),
            State.STARTING: ("loader-circle", "warn", "Starting"),
            State.STOPPING: ("loader-circle", "warn", "Stopping"),
            State.UNREACHABLE: ("circle-alert", "error", "Reconnecting"),
            State.FAILED: ("circle-x", "error", "Failed"),
        }.get(row.state, ("circle", "text_faint", "Not running"))
        second = "This computer"
        if row.state is State.UP:
            second += f" · {count_text(row.runs_active, 'run')}" if row.runs_active else " · idle"
        if row.state is State.DOWN and lost + waits + up:
            # nothing is wrong with it being down, and others are what the person works with
            icon, role, words = "circle-check", "ok", f"{count_text(up, 'cluster')} up" if up else "Nothing is up"
        if row.state in (State.UP, State.DOWN) and lost + waits:
            icon, role = ("circle-alert", "error") if lost else ("circle-alert", "warn")
            second = f"{lost} unreachable" if lost else f"{waits} {'needs' if waits == 1 else 'need'} you"
        elif row.state is State.DOWN and up:
            second = "This computer: down"
        self._say(icon, role, words, second)

    def set_narrow(self, narrow: bool) -> None:
        self._first.setVisible(not narrow)
        self._second.setVisible(not narrow)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self.clicked.emit()

    def _say(self, icon: str, role: str, first: str, second: str) -> None:
        self._icon.set_icon(icon, role)
        self._first.setText(first)
        self._second.setText(second)
        self.setToolTip(f"{first}: {second}")
        self.setAccessibleName(f"{first}, {second}")
