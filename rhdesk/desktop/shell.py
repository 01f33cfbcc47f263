"""The window: sidebar, header, the page in sight, status bar; and where one was before."""

from __future__ import annotations

import base64

from PySide6.QtCore import QByteArray, QTimer
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from rhdesk.core.cancelled_by_others import tell_of_cancels
from rhdesk.core.desk import Desk
from rhdesk.core.notifier import Notice
from rhdesk.desktop import theme
from rhdesk.desktop.asking import Asking
from rhdesk.desktop.closing import ask_before_closing
from rhdesk.desktop.dispatcher import Dispatcher
from rhdesk.desktop.models.name_lines import leave_as_text
from rhdesk.desktop.pages import PAGES
from rhdesk.desktop.shell_commands import declare
from rhdesk.desktop.widgets.base import Button
from rhdesk.desktop.widgets.drawer import ActivityDrawer, TaskDrawer
from rhdesk.desktop.widgets.header import Header
from rhdesk.desktop.widgets.keys_dialog import open_keys
from rhdesk.desktop.widgets.page import Page
from rhdesk.desktop.widgets.palette import Palette
from rhdesk.desktop.widgets.sidebar import Sidebar
from rhdesk.desktop.widgets.status_bar import StatusBar
from rhdesk.desktop.widgets.toasts import Toasts
from rhdesk.desktop.window_state import WindowState

_NARROW_BELOW = 1060  # pixels of the window's width
_HISTORY = 100


class Shell(QMainWindow):
    """Owns the pages. `navigate` is the only way from one to another."""

    def __init__(self, desk: Desk, state: WindowState) -> None:
        super().__init__()
        self.desk = desk
        self.state = state
        self._pages: dict[str, Page] = {}
        self._actions: dict[str, list[Button]] = {}
        self._places: list[tuple[str, str]] = []
        self._at = -1
        self._current: Page | None = None
        self._may_close = False
        self._shortcuts: dict[str, QShortcut] = {}
        self.palette_dialog: Palette | None = None
        self.setWindowTitle("rhdesk")
        self.setWindowIcon(theme.icons.icon("waypoints", "accent", size=64))
        self.setMinimumSize(760, 520)
        self._dispatcher = Dispatcher(desk.mailbox, desk.notifier)
        desk.navigate = self.navigate

        self.sidebar = Sidebar(desk)
        self.header = Header()
        self.stack = QStackedWidget()
        self.status = StatusBar(desk)
        root = QWidget()
        row = QHBoxLayout(root)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.sidebar)
        column = QVBoxLayout()
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self.stack, 1)
        column.addWidget(self.status)
        row.addLayout(column, 1)
        self.setCentralWidget(root)
        self.activity = ActivityDrawer(self, desk)
        self.task_centre = TaskDrawer(self, desk)
        self.toasts = Toasts(self, desk.notifier)
        self.asking = Asking(self, desk)

        self.sidebar.chosen.connect(self.navigate)
        self.header.search.asked.connect(self.open_palette)
        self.header.bell.clicked.connect(self.toggle_activity)
        self.header.back.clicked.connect(self.back)
        self.header.forward.clicked.connect(self.forward)
        self.status.tasks_asked.connect(self.toggle_tasks)
        self.status.keys_asked.connect(self.show_keys)
        self.status.registry_asked.connect(lambda: self.navigate("names"))
        self.destroyed.connect(desk.notifier.subscribe(self._noticed))
        self.destroyed.connect(tell_of_cancels(desk))
        declare(desk, self)
        desk.commands.subscribe(self._bind_keys)
        self._bind_keys()
        self._restore()

    # ------------------------------------------------------------ where one is

    def navigate(self, page: str, target: str = "") -> None:
        """Show a page, at `target` (an address, a run id, or "")."""
        if page not in {spec.id for spec in PAGES}:
            raise KeyError(page)
        here = (page, target)
        if self._at < 0 or self._places[self._at] != here:
            self._places = [*self._places[: self._at + 1], here][-_HISTORY:]
            self._at = len(self._places) - 1
        self._go(page, target)

    @property
    def can_go_back(self) -> bool:
        return self._at > 0

    @property
    def can_go_forward(self) -> bool:
        return self._at < len(self._places) - 1

    def back(self) -> None:
        if self.can_go_back:
            self._at -= 1
            self._go(*self._places[self._at])

    def forward(self) -> None:
        if self.can_go_forward:
            self._at += 1
            self._go(*self._places[self._at])

    @property
    def page(self) -> Page:
        """The page in sight."""
        assert self._current is not None
        return self._current

    def page_at(self, id: str) -> Page:
        """A page by its id; made when it is first asked for."""
        found = self._pages.get(id)
        if found is None:
            spec = next(spec for spec in PAGES if spec.id == id)
            found = spec.make(self.desk)
            found.moved.connect(lambda target, id=id: self._moved(id, target))
            found.title_changed.connect(lambda title, page=found: self._retitle(page, title))
            self._pages[id] = found
            self._actions[id] = found.header_buttons()
            self.stack.addWidget(found)
        return found

    def _go(self, id: str, target: str) -> None:
        page = self.page_at(id)
        before = self._current
        if before is not page:
            if before is not None:
                before.hidden()
            self._current = page
            self.stack.setCurrentWidget(page)
            self.sidebar.show_page(id)
            self.header.set_page(page.title, self._actions[id])
            self.setWindowTitle(f"{page.title} · rhdesk")
            page.shown()
            page.setFocus()
        page.open(target)
        self.state.page = id
        self.header.back.setEnabled(self.can_go_back)
        self.header.forward.setEnabled(self.can_go_forward)

    def _moved(self, id: str, target: str) -> None:
        """A page went to another target by itself: remembered, so that Back returns."""
        if self._at >= 0 and self._places[self._at][0] == id and self._places[self._at] != (id, target):
            self._places = [*self._places[: self._at + 1], (id, target)][-_HISTORY:]
            self._at = len(self._places) - 1
            self.header.back.setEnabled(self.can_go_back)
            self.header.forward.setEnabled(False)

    def _retitle(self, page: Page, title: str) -> None:
        if page is self._current:
            self.header.title.setText(title)

    # ------------------------------------------------------------ acts

    def open_palette(self, text: str = "") -> None:
        self.palette_dialog = Palette(self, self.desk.commands)
        self.palette_dialog.destroyed.connect(self._palette_gone)
        self.palette_dialog.field.setText(text)
        self.palette_dialog.show()

    def find_on_page(self) -> None:
        self.page.focus_filter()

    def refresh(self) -> None:
        self.desk.retry_now()
        self.page.refresh()

    def toggle_activity(self) -> None:
        self.task_centre.hide()
        self.activity.toggle()

    def toggle_tasks(self) -> None:
        self.activity.hide()
        self.task_centre.toggle()

    def show_keys(self) -> None:
        open_keys(self, self.desk.commands)

    def choose_theme(self, preference: str) -> None:
        """Put a theme on now, and keep it as the setting."""
        self.apply_theme(preference)

        async def save(progress: object) -> None:
            import asyncio

            from rhresources.settings import Settings

            await asyncio.to_thread(Settings.change, self.desk.home, theme=preference)

        self.desk.tasks.start("save theme", save)

    def apply_theme(self, preference: str) -> None:
        self.state.theme = preference
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply(app, preference)

    def _palette_gone(self) -> None:
        self.palette_dialog = None

    def _noticed(self, notice: Notice | None) -> None:
        self.header.bell.set_unread(self.desk.notifier.unread)

    def _bind_keys(self) -> None:
        for command in self.desk.commands.all():
            if command.keys and command.id not in self._shortcuts:
                shortcut = QShortcut(QKeySequence(command.keys), self)
                shortcut.activated.connect(lambda id=command.id: self._pressed(id))
                self._shortcuts[command.id] = shortcut

    def _pressed(self, id: str) -> None:
        reason = self.desk.commands.run(id)
        if reason:
            self.desk.notifier.info(reason)

    # ------------------------------------------------------------ Qt

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.sidebar.set_narrow(self.width() < _NARROW_BELOW)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.page.setFocus()  # not the first button, which would be outlined as if it had been reached by Tab

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._may_close and ask_before_closing(self.desk, self, self._close_anyhow):
            event.ignore()
            return
        self.state.geometry = base64.b64encode(self.saveGeometry().data()).decode()
        self.state.save(self.desk.home)
        leave_as_text()
        super().closeEvent(event)

    def _close_anyhow(self) -> None:
        self._may_close = True
        self.close()

    def _restore(self) -> None:
        geometry = QByteArray(base64.b64decode(self.state.geometry or ""))
        if geometry.isEmpty() or not self.restoreGeometry(geometry):
            screen = QGuiApplication.primaryScreen().availableGeometry()
            self.resize(min(1280, screen.width() - 40), min(860, screen.height() - 60))
        known = {spec.id for spec in PAGES}
        self.navigate(self.state.page if self.state.page in known else "overview")
        QTimer.singleShot(0, self, lambda: self.sidebar.set_narrow(self.width() < _NARROW_BELOW))
