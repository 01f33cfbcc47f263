"""Settings: every row of the table of settings, with its own kind of field. A change is saved at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem
from rhdesk.core.tasks import Progress
from rhdesk.desktop.pages.setting_row import SettingRow
from rhdesk.desktop.widgets.base import Button, Card, Label, Rule
from rhdesk.desktop.widgets.page import Page
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import ProblemBox, StateView

if TYPE_CHECKING:
    from rhresources.settings import Setting, Settings


class SettingsPage(Page):
    """Reads the file whenever it comes into sight."""

    title = "Settings"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._rows: dict[str, SettingRow] = {}
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inner = QWidget()
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, 8, 0)
        self._column.setSpacing(14)
        area.setWidget(inner)
        self._problems = QVBoxLayout()
        self.body.addLayout(self._problems)
        self.body.addWidget(area, 1)
        self._state = StateView()
        self._state.show_loading()
        self._column.addWidget(self._state)

    def header_buttons(self) -> list[Button]:
        return [Button("Open config.yaml", "", "external-link", self._open_file)]

    def shown(self) -> None:
        async def read(progress: Progress) -> tuple[list[Setting], Settings]:
            from rhresources.settings import Settings, table

            return table(), await asyncio.to_thread(Settings.load, self.desk.home)

        self.desk.tasks.start("settings page", read, on_done=lambda found: self._show(*found))

    def _show(self, table: list[Setting], settings: Settings) -> None:
        if not self._rows:
            clear_layout(self._column)
            self._make(table)
        for key, row in self._rows.items():
            row.show_value(getattr(settings, key))
        clear_layout(self._problems)
        if settings.problem is not None:
            open_file = Button("Open config.yaml", "link", on_click=self._open_file)
            self._problems.addWidget(ProblemBox(Problem.of(settings.problem), [open_file]))

    def _make(self, table: list[Setting]) -> None:
        sections: dict[str, list[Setting]] = {}
        for setting in table:
            sections.setdefault(setting.section, []).append(setting)
        order = ["Window", *(name for name in sections if name != "Window")]
        for name in order:
            card = Card(margins=(16, 12, 16, 8))
            card.setMaximumWidth(880)
            card.body.setSpacing(0)
            card.body.addWidget(Label(name, "h2"))
            card.body.addSpacing(6)
            for place, setting in enumerate(sections.get(name, [])):
                if place:
                    card.body.addWidget(Rule())
                row = SettingRow(setting)
                row.changed.connect(self._change)
                self._rows[setting.key] = row
                card.body.addWidget(row)
            self._column.addWidget(card)
        self._column.addStretch(1)

    def _change(self, key: str, value: Any) -> None:
        row = self._rows[key]

        async def change(progress: Progress) -> Settings:
            from rhresources.settings import Settings

            return await asyncio.to_thread(lambda: Settings.change(self.desk.home, **{key: value}))

        def saved(settings: Settings) -> None:
            row.show_value(getattr(settings, key))
            row.say_saved()
            if key == "theme":
                command = self.desk.commands.get(f"theme.{settings.theme}")
                if command is not None:
                    command.run()

        self.desk.tasks.start(
            f"setting {key}",
            change,
            on_done=saved,
            on_error=lambda error: row.show_problem(Problem.of(error)),
            quiet=True,
        )

    def _open_file(self) -> None:
        async def make_sure(progress: Progress) -> str:
            from rhresources.settings import settings_file

            path = settings_file(self.desk.home)

            def touch() -> None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()

            await asyncio.to_thread(touch)
            return str(path)

        def show(path: str) -> None:
            if not QDesktopServices.openUrl(QUrl.fromLocalFile(path)):
                self.desk.notifier.info(f"Nothing on this system opens it; the file is {path}.")

        self.desk.tasks.start("settings file", make_sure, on_done=show)
