"""What it cost, line by line: by cluster, function, run, label or day, in a span of time."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import TYPE_CHECKING, cast

from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from rhdesk.core.cost_words import line_note
from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem
from rhdesk.core.store import Condition, Phase
from rhdesk.core.words import duration_text, money_text
from rhdesk.desktop.cost_acts import save_costs
from rhdesk.desktop.models.columns import Column, Kind
from rhdesk.desktop.widgets.base import ChipRow, Label, row_of
from rhdesk.desktop.widgets.dialog import Dialog
from rhdesk.desktop.widgets.list_panel import ListPanel
from rhresources.costs.spending import IDLE, Line, Way, between, bill, midnight, total
from rhresources.costs.words import NOT_COUNTED

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.costs.charges import Charge
    from rhresources.workspace import Workspace

_WAYS: list[tuple[Way, str]] = [
    ("cluster", "Clusters"),
    ("function", "Functions"),
    ("run", "Runs"),
    ("person", "People"),
    ("label", "Labels"),
    ("day", "Days"),
]
_SPANS = [("month", "This month"), ("7", "7 days"), ("31", "31 days"), ("all", "All")]


class BillDialog(Dialog):
    """Reads the ledger once; every choice adds up anew, in a thread."""

    def __init__(self, desk: Desk, parent: QWidget) -> None:
        super().__init__(parent, "What it cost", width=620)
        self.setObjectName("bill-dialog")
        self._desk = desk
        self._charges: list[Charge] | None = None
        self._now = 0.0
        self._first = True
        self.ways = ChipRow()
        self.ways.set_chips([(key, words) for key, words in _WAYS])
        self.spans = ChipRow()
        self.spans.set_chips(_SPANS)
        self.body.addLayout(row_of(self.ways, None, self.spans))
        self.lines = ListPanel(_columns(), lambda line: f"{line.key}\n{line.what}", "Costs")
        self.lines.set_empty("Nothing was up in that time", "", "wallet")
        self.lines.opened.connect(self._open_line)
        self.body.addWidget(self.lines, 1)
        self._whole = Label("", "strong")
        self._note = Label(NOT_COUNTED, "faint", wrap=True)
        self.body.addWidget(self._whole)
        self.body.addWidget(self._note)
        save = self.add_button("Save as CSV…", "", lambda: save_costs(desk, self))
        save.setObjectName("bill-save")
        self.add_button("Close", "primary", self.accept)
        for chips in (self.ways, self.spans):
            chips.chosen.connect(lambda key: self._add_up())
        self.resize(860, 560)
        self.lines.set_rows([], Condition())
        self._read()

    def _read(self) -> None:
        async def read(workspace: Workspace, progress: Progress) -> tuple[list[Charge], float]:
            return await workspace.costs.charges()

        def done(found: tuple[list[Charge], float]) -> None:
            if isValid(self):
                self._charges, self._now = found
                self._add_up()

        self._desk.act(f"bill:{id(self)}", read, on_done=done, on_error=self._failed, quiet=True)

    def _add_up(self) -> None:
        charges, since, now, way = self._charges, self._since(), self._now, cast(Way, self.ways.current)
        if charges is None:
            return

        async def add_up(progress: Progress) -> tuple[list[Line], Line]:
            def sums() -> tuple[list[Line], Line]:
                chosen = list(between(charges, since, now))
                return bill(chosen, way), total(chosen)

            return await asyncio.to_thread(sums)

        def done(found: tuple[list[Line], Line]) -> None:
            if isValid(self):
                self._show(*found)

        self._desk.tasks.start(f"bill:{id(self)}", add_up, on_done=done, on_error=self._failed, quiet=True)

    def _show(self, lines: list[Line], whole: Line) -> None:
        self.lines.set_rows(lines, Condition(Phase.READY))
        if self._first:
            self._first = False
            self.lines.table.setFocus()
        guess = f", {money_text(whole.estimated)} of it estimated" if whole.estimated >= 0.005 else ""
        twice = " What has several labels stands under each." if self.ways.current == "label" else ""
        self._whole.setText(
            f"{money_text(whole.amount)} in all{guess}, for {duration_text(whole.seconds)} of clusters being up.{twice}"
        )

    def _failed(self, error: BaseException) -> None:
        if isValid(self):
            self.lines.set_rows([], Condition(Phase.FAILED, Problem.of(error)))

    def _since(self) -> float:
        today = date.today()
        span = self.spans.current
        if span == "all":
            return 0.0
        return midnight(today.replace(day=1) if span == "month" else today - timedelta(days=int(span) - 1))

    def _open_line(self, line: Line) -> None:
        """Go to what a line is about."""
        page = {"cluster": "clusters", "run": "runs", "function": "functions"}.get(self.ways.current, "")
        if page and line.key != IDLE:
            self.accept()
            self._desk.navigate(page, line.key)


def _columns() -> list[Column[Line]]:
    return [
        Column("key", "What", _words, Kind.TITLE, 260, True, second=_more),
        Column("time", "Time up", lambda line: duration_text(line.seconds), Kind.NUMBER, 110,
               sort=lambda line: line.seconds),
        Column("note", "", line_note, Kind.MUTED, 150, drop_below=560),
        Column("dollars", "Cost", lambda line: "?" if line.unpriced and not line.amount else money_text(line.amount),
               Kind.STRONG_NUMBER, 120, sort=lambda line: line.amount),
    ]  # fmt: skip


def _words(line: Line) -> str:
    """A run by its function; its id says nothing to anybody."""
    return "Idle, nothing ran" if line.key == IDLE else line.what or line.key


def _more(line: Line) -> str:
    return line.what if line.key == IDLE else line.key if line.what else ""
