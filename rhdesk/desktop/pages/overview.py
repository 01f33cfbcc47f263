"""Overview: what it costs, what is up, what ran, what needs attention; and the log of the newest run."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QWidget

from rhdesk.core.cost_words import is_over, month_note, whole_money
from rhdesk.core.desk import Desk
from rhdesk.core.rows import ON_THE_WAY, ClusterRow, RunRow, State
from rhdesk.core.store import SPENDING, Phase
from rhdesk.core.words import count_text, money_text
from rhdesk.desktop.access_acts import access_menu
from rhdesk.desktop.attention import concerns
from rhdesk.desktop.cloud_acts import cloud_menu
from rhdesk.desktop.cluster_acts import bring_up, take_down, why_not_down, why_not_up
from rhdesk.desktop.cluster_problems import mend_runs, mending_act, only_down
from rhdesk.desktop.models.cluster_columns import cluster_columns
from rhdesk.desktop.models.run_columns import run_columns
from rhdesk.desktop.widgets.attention_card import AttentionCard
from rhdesk.desktop.widgets.base import Button, Card, ElidedLabel, Label
from rhdesk.desktop.widgets.figures import FigureCard
from rhdesk.desktop.widgets.list_panel import ListPanel, MenuEntry
from rhdesk.desktop.widgets.page import Page
from rhdesk.desktop.widgets.run_log import RunLog
from rhdesk.desktop.widgets.spend_card import SpendCard

_LITTLE_ROOM = 640  # pixels of height for which three rows are too many
_NOT_REACHED = (State.UNREACHABLE, State.NO_SERVER)
_WRONG = (State.UNHEALTHY, State.NO_SERVER, State.UNREACHABLE, State.NEEDS_YOU, State.FAILED, State.BROKEN)


def _is_billed(row: ClusterRow) -> bool:
    """Whether it costs something, as far as anybody knows."""
    if row.state is State.UNREACHABLE and row.cloud is None:
        return row.kind != "ssh" or row.server_version != ""  # one that was up when it was last heard of
    return row.is_billed


class OverviewPage(Page):
    """The first page."""

    title = "Overview"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.spending = FigureCard("Spending now")
        self.month = FigureCard("Spent this month", "ok")
        self.up = FigureCard("Clusters up", "info")
        self.today = FigureCard("Runs today", "ok")
        self.busy = FigureCard("Load of this computer", "accent")
        figures = QHBoxLayout()
        figures.setSpacing(16)
        for card in (self.spending, self.month, self.up, self.today, self.busy):
            figures.addWidget(card, 1)
        self.body.addLayout(figures)

        self.clusters = self._make_clusters()
        self.runs = self._make_runs()
        self.spent = SpendCard(desk)
        self.attention = AttentionCard()
        self.attention.setMinimumWidth(260)
        self.log = RunLog(desk, "overview")
        self.log_title = ElidedLabel("", "faint")
        self.log_title.setMinimumWidth(120)
        self.log.panel.set_title(self._log_head())
        self.log.panel.add_tool("maximize-2", "Open this run", self._open_log)
        log_card = Card(margins=(1, 1, 1, 1))
        log_card.body.addWidget(self.log)
        self._upper = _split(Qt.Orientation.Horizontal, (self.clusters, 6), (self.attention, 4))
        self._middle = _split(Qt.Orientation.Horizontal)
        self._lower = _split(Qt.Orientation.Horizontal, (self.runs, 5), (log_card, 6))
        self.clusters.setMinimumHeight(150)
        self.runs.setMinimumHeight(150)
        self._rows = _split(Qt.Orientation.Vertical, (self._upper, 5), (self._middle, 5), (self._lower, 6))
        self.body.addWidget(self._rows, 1)
        self._with_costs = self._in_little_room = False
        self._middle.hide()
        self.spent.hide()
        self.month.hide()

        store = desk.store
        for table in (store.clusters, store.runs, store.status, store.names, store.spending):
            self.destroyed.connect(table.subscribe(lambda change: self._later.start()))
        self._later = QTimer(self, interval=60, singleShot=True)
        self._later.timeout.connect(self.refresh)
        self._minute = QTimer(self, interval=30_000)
        self._minute.timeout.connect(self.refresh)
        self._minute.start()
        self.refresh()

    def header_buttons(self) -> list[Button]:
        add = Button("Add function", "", "plus", lambda: self.desk.navigate("functions", "new"))
        self._run = Button("Run function", "primary", "play", lambda: self.desk.navigate("functions", ""))
        return [add, self._run]

    def cluster(self) -> str:
        row = self.clusters.current()
        return row.address if row is not None else ""

    def focus_filter(self) -> None:
        self.clusters.focus_filter()

    # ------------------------------------------------------------ parts

    def _make_clusters(self) -> ListPanel:
        panel = ListPanel(cluster_columns(self.desk.store), lambda row: row.address, "Clusters")
        panel.set_chips(
            [
                ("all", "All", None),
                ("up", "Up", lambda row: row.is_up),
                ("down", "Down", lambda row: row.state in (State.DOWN, State.STOPPED)),
            ]
        )
        panel.set_empty("No clusters", "This computer is always one; its document could not be found.", "server")
        panel.bind(self.desk.store.clusters, lambda row: not row.is_template)
        panel.opened.connect(lambda row: self.desk.navigate("clusters", row.address))
        panel.retry.connect(self.desk.retry_now)
        panel.menu_for = self._cluster_menu
        return panel

    def _make_runs(self) -> ListPanel:
        panel = ListPanel(run_columns(compact=True), lambda row: row.id, "Last runs")
        panel.filter.hide()
        panel.add_widget(Button("All runs", "link", on_click=lambda: self.desk.navigate("runs", "")))
        panel.set_old(self.desk.store.runs.is_old)
        panel.opened.connect(lambda row: self.desk.navigate("runs", row.id))
        panel.retry.connect(self.desk.retry_now)
        return panel

    def _log_head(self) -> QWidget:
        head = QWidget()
        row = QHBoxLayout(head)
        row.setContentsMargins(0, 0, 12, 0)
        row.setSpacing(12)
        row.addWidget(Label("Newest log", "h2"))
        row.addWidget(self.log_title, 1)
        return head

    def _cluster_menu(self, row: ClusterRow) -> list[MenuEntry | None]:
        mend = mending_act(self.desk, row)
        return [
            *([("refresh-cw", *mend, "")] if mend is not None and row.state is not State.FAILED else []),
            ("power", "Bring up", lambda: bring_up(self.desk, row.address), why_not_up(row)),
            *cloud_menu(self.desk, self.window(), row),
            ("power-off", "Take down…", lambda: take_down(self.desk, self, row.address), why_not_down(row)),
            None,
            *access_menu(self.desk, self.window(), row),
            None,
            ("panel-right", "Details", lambda: self.desk.navigate("clusters", row.address), ""),
        ]

    # ------------------------------------------------------------ contents

    def refresh(self) -> None:
        """Compute every figure anew from the store."""
        store = self.desk.store
        clusters = [row for row in store.clusters.rows() if not row.is_template]
        runs = sorted(store.runs.rows(), key=lambda row: row.created, reverse=True)
        self._show_spending(clusters)
        self._show_month()
        self._show_up(clusters)
        self._show_today(runs)
        self._show_load(clusters)
        self.runs.set_rows(runs[:8], store.runs.condition)
        self._say_no_runs(clusters)
        if store.names.condition.phase is Phase.FAILED:
            self.attention.show_unknown()
        elif store.names.condition.phase is not Phase.LOADING:
            self.attention.show_concerns(concerns(self.desk), most=self.attention.room)
        self._show_log(runs)

    def _show_spending(self, clusters: list[ClusterRow]) -> None:
        if self.desk.store.clusters.condition.phase in (Phase.LOADING, Phase.FAILED):
            self.spending.show_figure("—", "", "Not known")
            return
        up = [row for row in clusters if _is_billed(row) and row.told is None]  # what others launched is their bill
        total = sum(row.price_per_hour or 0.0 for row in up)
        own = sum(1 for row in up if row.kind in ("machine", "ssh") and row.price_per_hour is None)
        unknown = sum(1 for row in up if row.kind == "cloud" and row.price_per_hour is None)
        if not up:
            note = "Nothing of yours is up" if any(map(_is_billed, clusters)) else "Nothing is up"
        elif unknown:
            note = f"besides {unknown} of unknown price"
        elif own:
            note = "Own machines: no rent is counted" if not total else f"besides {own} of your own"
        else:
            note = _dearest(up, total)
        self.spending.show_figure(money_text(total), "/ hour", note, "bad" if unknown else "faint")

    def _show_month(self) -> None:
        """This month and the days before it; nothing of it where nothing ever cost anything."""
        summary, condition = self.desk.store.spending.get(SPENDING), self.desk.store.spending.condition
        self._lay_out(summary is not None or condition.phase is Phase.FAILED)
        if summary is None:
            self.month.show_figure("—", "", "Not known")
            self.month.show_trend(())
            return
        unit = f"of {whole_money(summary.budget)}" if summary.budget else ""
        role = "bad" if is_over(summary) else "good" if summary.budget and summary.projected is not None else "faint"
        guess = "~" if summary.estimated >= 0.005 else ""
        self.month.show_figure(f"{guess}{whole_money(summary.month)}", unit, month_note(summary), role)
        so_far, trend = 0.0, []
        for day, by_cluster in summary.days:
            if day.month == summary.days[-1][0].month:
                so_far += sum(by_cluster.values())
                trend.append(so_far)
        self.month.show_trend(trend if len(trend) > 1 else ())

    def _lay_out(self, with_costs: bool) -> None:
        """With costs the chart takes the place of the clusters, and they a row of their own; in little room the last
        runs stand beside them, and the log, which has a page, is left out."""
        little = with_costs and self.height() < _LITTLE_ROOM
        if (with_costs, little) == (self._with_costs, self._in_little_room):
            return
        self._with_costs, self._in_little_room = with_costs, little
        self.spent.setVisible(with_costs)
        self.month.setVisible(with_costs)
        self.busy.setVisible(self._busy_fits())
        (self._middle if with_costs else self._upper).insertWidget(0, self.clusters)
        (self._middle if little else self._lower).insertWidget(1 if little else 0, self.runs)
        if with_costs:
            self._upper.insertWidget(0, self.spent)
        else:
            self.spent.setParent(self)
        self._middle.setVisible(with_costs)
        self._lower.setVisible(not little)
        self._rows.setSizes([190, 200, 220] if with_costs else [500, 0, 600])
        _share(self._upper, 66 if with_costs else 60)
        _share(self._middle, 56)
        _share(self._lower, 45)

    def _busy_fits(self) -> bool:
        return self.width() >= 900 and not self._with_costs

    def _show_up(self, clusters: list[ClusterRow]) -> None:
        phase = self.desk.store.clusters.condition.phase
        if phase in (Phase.LOADING, Phase.FAILED):
            self.up.show_figure("—", "", "Looking…" if phase is Phase.LOADING else "Not known")
            return
        up = [row for row in clusters if row.is_up]
        elsewhere = sum(1 for row in up if row.told is not None)
        # whether others' are reached from here is no concern of ours
        ours = [row for row in clusters if row.told is None or row.state not in _NOT_REACHED]
        words = [
            f"{count} {'needs' if count == 1 else 'need'} you"
            if state is State.NEEDS_YOU
            else f"{count} {state.word.lower()}"
            for state in (*ON_THE_WAY, *_WRONG)
            if (count := sum(1 for row in ours if row.state is state))
        ]
        bad = any(row.state in _WRONG for row in ours)
        if elsewhere:
            words.append(f"{elsewhere} launched elsewhere")
        note = ", ".join(words) or ("Everything is up" if up and len(up) == len(clusters) else "Nothing is wrong")
        self.up.show_figure(str(len(up)), f"of {len(clusters)}", note, "bad" if bad else "faint")

    def _show_today(self, runs: list[RunRow]) -> None:
        phase = self.desk.store.runs.condition.phase
        if phase in (Phase.LOADING, Phase.FAILED):
            self.today.show_figure("—", "", "Looking…" if phase is Phase.LOADING else "Not known")
            self.today.show_trend(())
            return
        now = time.localtime()
        midnight = time.mktime((*now[:3], 0, 0, 0, 0, 0, -1))
        today = [row for row in runs if row.created >= midnight]
        counts = [
            (sum(1 for row in today if row.state is State.SUCCEEDED), "done"),
            (sum(1 for row in today if not row.state.is_over), "active"),
            (sum(1 for row in today if row.state in (State.FAILED, State.LOST)), "failed"),
        ]
        words = ", ".join(f"{count} {word}" for count, word in counts if count)
        self.today.show_figure(str(len(today)), "", words or "None yet", "bad" if counts[2][0] else "faint")
        hours = [0.0] * (now.tm_hour + 1)
        for row in today:
            hours[min(now.tm_hour, max(0, int((row.created - midnight) // 3600)))] += 1
        self.today.show_trend(hours if len(today) > 1 else ())

    def _show_load(self, clusters: list[ClusterRow]) -> None:
        status = next(
            (
                found
                for row in clusters
                if row.kind == "machine" and (found := self.desk.store.status.get(row.address)) is not None
            ),
            None,
        )
        if status is None or not status.past:
            self.busy.show_figure("—", "", "Known while it is up")
            self.busy.show_trend(())
            return
        sample = status.past[-1]
        gpu = f" · GPU {sample.gpu:.0f}%" if sample.gpu is not None else ""
        self.busy.show_figure(f"{sample.cpu:.0f}%", "CPU", f"Memory {sample.memory:.0f}%{gpu}")
        self.busy.show_trend([past.cpu for past in status.past])

    def _say_no_runs(self, clusters: list[ClusterRow]) -> None:
        self.runs.set_mend(*mend_runs(self.desk))
        down = only_down(clusters)
        if down:
            self.runs.set_empty(
                f"{down} is down",
                "Runs are kept on the cluster. Bring it up to see them, or to run something.",
                "power",
                lambda: [self._bring_up_button(down)],
            )
        elif not len(self.desk.store.functions):
            self.runs.set_empty(
                "Nothing has run yet",
                "Add a function out of a project of yours, and run it.",
                "play",
                lambda: [Button("Add function", "primary", "plus", lambda: self.desk.navigate("functions", "new"))],
            )
        else:
            self.runs.set_empty(
                "Nothing has run yet",
                "Run one of your functions.",
                "play",
                lambda: [Button("Run function", "primary", "play", lambda: self.desk.navigate("functions", ""))],
            )

    def _bring_up_button(self, address: str) -> Button:
        return Button(f"Bring up {address}", "primary", "power", lambda: bring_up(self.desk, address))

    def _show_log(self, runs: list[RunRow]) -> None:
        newest = next((row for row in runs if row.log_bytes or not row.state.is_over), runs[0] if runs else None)
        shown = self.log.run
        if newest is None:
            if shown is not None:
                self.log.show_run(None)
            self.log_title.setText("")
            self.log.panel.say("The log of the newest run will be here.")
            return
        if shown is not None and shown.id != newest.id and not newest.started and not shown.state.is_over:
            return  # one that still waits does not push away one that prints
        if self.isVisible() or shown is not None:
            self.log.show_run(newest)
        self.log_title.setText(f"{newest.cluster} / {newest.name} / {newest.state.word.lower()}")

    def _open_log(self) -> None:
        if self.log.run is not None:
            self.desk.navigate("runs", self.log.run.id)

    # ------------------------------------------------------------ Qt

    def shown(self) -> None:
        self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.busy.setVisible(self._busy_fits())
        self._lay_out(self._with_costs)


def _dearest(up: list[ClusterRow], total: float) -> str:
    """Which few clusters most of it is spent on."""
    first, second = sorted([0.0, 0.0, *(row.price_per_hour or 0.0 for row in up)], reverse=True)[:2]
    if len(up) > 1 and total and first >= 0.8 * total:
        return f"1 cluster is {100 * first / total:.0f}% of it"
    if len(up) > 2 and total and first + second >= 0.8 * total:
        return f"2 clusters are {100 * (first + second) / total:.0f}% of it"
    return count_text(len(up), "cluster")


def _share(splitter: QSplitter, percent: int) -> None:
    """What the first of two parts has of the room, now and when that changes."""
    for place, share in enumerate((percent, 100 - percent)):
        splitter.setStretchFactor(place, share)
    splitter.setSizes([10 * percent, 1000 - 10 * percent])


def _split(orientation: Qt.Orientation, *parts: tuple[QWidget, int]) -> QSplitter:
    splitter = QSplitter(orientation)
    splitter.setHandleWidth(14)
    splitter.setChildrenCollapsible(False)
    for place, (widget, weight) in enumerate(parts):
        splitter.addWidget(widget)
        splitter.setStretchFactor(place, weight)
    splitter.setSizes([weight * 100 for _, weight in parts])
    return splitter
