"""A chip that filters by one value: a click offers the values that there are, with how often each comes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Signal

from rhdesk.desktop.widgets.base import Button
from rhdesk.desktop.widgets.list_panel import MenuEntry, popup_menu

_LONGEST = 20  # characters of a value; the menu has all of it


class FilterChip(Button):
    """Says "GPU" while it filters nothing, "GPU: A100" while it does."""

    chosen = Signal(str)

    def __init__(
        self,
        title: str,
        values: Callable[[], list[tuple[str, int]]],
        show: Callable[[str], str] = str,
        *,
        any_text: str = "Any",
    ) -> None:
        super().__init__(title, "chip")
        self._title, self._values, self._show, self._any = title, values, show, any_text
        self._value = ""
        self.clicked.connect(lambda checked=False: self._offer())
        self._say()

    @property
    def value(self) -> str:
        """What is filtered by; "" for anything."""
        return self._value

    def set_value(self, value: str) -> None:
        """Filter by this, without telling anybody."""
        self._value = value
        self._say()

    def _say(self) -> None:
        shown = self._show(self._value)
        if len(shown) > _LONGEST:
            shown = f"{shown[: _LONGEST - 1]}…"
        self.set_text(f"{self._title}: {shown} ▾" if self._value else f"{self._title} ▾")
        self.setChecked(bool(self._value))

    def _offer(self) -> None:
        self._say()  # a click has toggled it
        none = "" if self._value else "check"
        entries: list[MenuEntry | None] = [(none, self._any, partial(self._choose, ""), ""), None]
        for value, count in self._values():
            mark = "check" if value == self._value else ""
            entries.append((mark, f"{self._show(value)}   {count:,}", partial(self._choose, value), ""))
        popup_menu(self, entries, self.mapToGlobal(self.rect().bottomLeft()))

    def _choose(self, value: str) -> None:
        if value != self._value:
            self.set_value(value)
            self.chosen.emit(value)
