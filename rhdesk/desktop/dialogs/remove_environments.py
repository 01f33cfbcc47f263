"""Removing environments of a cluster: those that were not used for long, or until the rest fits a size."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QSpinBox, QStackedWidget, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.environment_rows import EnvironmentRow
from rhdesk.core.words import age_text, bytes_text, count_text
from rhdesk.desktop.models.columns import Column, Kind
from rhdesk.desktop.widgets.base import Card, Label, row_of
from rhdesk.desktop.widgets.dialog import Dialog
from rhdesk.desktop.widgets.resource_table import ResourceTable
from rhdesk.desktop.widgets.states import StateView
from rhresources.errors import RhError

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.workspace import Workspace

_GIB = 1024.0**3
_DAYS = 30
_DAY = 86400.0


class RemoveUnused(Dialog):
    """Two rules, and the list of what they take away; nothing is asked twice."""

    def __init__(
        self, desk: Desk, parent: QWidget, address: str, rows: Sequence[EnvironmentRow], done: Callable[[], object]
    ) -> None:
        super().__init__(
            parent,
            f"Remove unused environments of {address}",
            "What is in use stays. A run that needs a removed one installs it again.",
            icon="trash-2",
            width=560,
        )
        self._desk, self._address, self._rows, self._done = desk, address, list(rows), done
        self._going: list[EnvironmentRow] = []
        self.by_age = QCheckBox("Not used for")
        self.by_age.setChecked(True)
        self.days = QSpinBox()
        self.days.setRange(0, 3650)
        self.days.setValue(_DAYS)
        self.days.setSuffix(" days")
        self.days.setAccessibleName("Days without use")
        self.by_size = QCheckBox("The oldest, until the rest has at most")
        self.most = QDoubleSpinBox()
        self.most.setRange(0, 100_000)
        self.most.setDecimals(1)
        self.most.setSuffix(" GB")
        self.most.setAccessibleName("Size that may stay")
        self.most.setValue(sum(row.bytes for row in rows) / _GIB / 2)
        for number in (self.days, self.most):
            number.lineEdit().setTextMargins(6, 0, 0, 0)  # the padding of the style sheet does not reach it
        self.body.addLayout(row_of(self.by_age, self.days, None))
        self.body.addLayout(row_of(self.by_size, self.most, None))
        self.sum = Label("", "strong")
        self.body.addWidget(self.sum)
        card = Card(margins=(0, 0, 0, 0))
        self.table = ResourceTable(_columns(), lambda row: row.key, "What goes")
        self.table.setSelectionMode(ResourceTable.SelectionMode.NoSelection)
        self.table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._none = StateView()
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self._none)
        card.body.addWidget(self._stack)
        card.setMinimumHeight(220)
        self.body.addWidget(card, 1)
        self.add_button("Cancel")
        self.accept_button = self.add_button("Remove", "danger", self._remove)
        self.accept_button.setObjectName("prune-accept")
        for box in (self.by_age, self.by_size):
            box.toggled.connect(lambda checked: self._count())
        self.days.valueChanged.connect(lambda days: self._count())
        self.most.valueChanged.connect(lambda size: self._count())
        self.resize(600, 520)
        self._count()
        self.days.setFocus()
        self.days.selectAll()

    @property
    def going(self) -> list[EnvironmentRow]:
        """What would be removed now."""
        return list(self._going)

    def _count(self) -> None:
        from rhresources.environments import unused  # with gRPC, which is there by now

        self.days.setEnabled(self.by_age.isChecked())
        self.most.setEnabled(self.by_size.isChecked())
        self._going = unused(
            self._rows,
            time.time(),
            seconds=self.days.value() * _DAY if self.by_age.isChecked() else None,
            max_bytes=int(self.most.value() * _GIB) if self.by_size.isChecked() else None,
        )
        freed = bytes_text(sum(row.bytes for row in self._going))
        count = len(self._going)
        self.sum.setText(f"{count_text(count, 'environment')} of {len(self._rows)} · frees {freed}" if count else "")
        self.table.set_rows(self._going)
        self._stack.setCurrentWidget(self.table if count else self._none)
        if not count:
            held = sum(1 for row in self._rows if row.fixed)
            words = [f"{count_text(held, 'environment is', 'environments are')} in use."] if held else []
            if free := [row.last_use for row in self._rows if not row.fixed]:
                words.append(f"The oldest was last used {age_text(min(free))}.")
            self._none.show_empty("Nothing goes by these rules", " ".join(words), "layers")
        self.accept_button.set_text(f"Remove {count}" if count else "Remove")
        self.accept_button.allow("" if count else "Nothing goes by these rules.")

    def _remove(self) -> None:
        self.accept()
        remove_environments(self._desk, self._address, self._going, self._done)


def remove_environments(desk: Desk, address: str, rows: Sequence[EnvironmentRow], done: Callable[[], object]) -> None:
    """Remove these, one after the other; one that is used again meanwhile stays, and that is told."""

    async def remove(workspace: Workspace, progress: Progress) -> tuple[int, list[str]]:
        environments = await workspace.environments(address)
        freed, kept = 0, []
        for place, row in enumerate(rows):
            progress(f"Removing {row.title[:80]}", place / len(rows))
            try:
                freed += await environments.remove(row.hash, row.host)
            except RhError as error:
                if len(rows) == 1:
                    raise
                kept.append(error.sentence)
        return freed, kept

    def removed(found: tuple[int, list[str]]) -> None:
        freed, kept = found
        desk.notifier.success(f"{bytes_text(freed)} freed on {address}.")
        if kept:
            count = count_text(len(kept), "environment was", "environments were")
            desk.notifier.warning(f"{count} not removed on {address}: {kept[0]}")

    names = ",".join(row.hash[:12] for row in rows[:3])
    desk.act(
        f"remove environments {address} {names}",
        remove,
        title=f"Remove {count_text(len(rows), 'environment')} of {address}" if len(rows) > 1 else "",
        go_to=("clusters", f"{address}?tab=environments"),
        on_done=removed,
        on_end=done,
    )


def _columns() -> list[Column[EnvironmentRow]]:
    return [
        Column(
            "packages", "What goes", lambda row: row.title, Kind.TITLE, 220, stretch=True,
            second=lambda row: row.facts, tip=lambda row: "\n".join(row.packages),
        ),
        Column("size", "Size", lambda row: bytes_text(row.bytes), Kind.NUMBER, 90, sort=lambda row: row.bytes),
        Column(
            "used", "Last used", lambda row: age_text(row.last_use), Kind.MUTED, 110, sort=lambda row: row.last_use,
            ages=True,
        ),
    ]  # fmt: skip
