"""The offers of hardware in clouds: filtered by chips, sorted by any column, the cheapest marked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from rhdesk.core.offers import ANY, OfferFilter, by_price, cheapest, counted, kind_of
from rhdesk.core.rows import Problem
from rhdesk.core.words import count_text
from rhdesk.desktop.forms.filter_chip import FilterChip
from rhdesk.desktop.models.offer_columns import offer_columns
from rhdesk.desktop.models.prepared_rows import PreparedRows
from rhdesk.desktop.widgets.base import Button, Card, ChipRow, Label, row_of
from rhdesk.desktop.widgets.list_panel import SearchField
from rhdesk.desktop.widgets.resource_table import ResourceTable
from rhdesk.desktop.widgets.states import StateView
from rhresources.cloud.limits import title

if TYPE_CHECKING:
    from rhresources.cloud.answers import Offer

_TYPING = 150  # milliseconds without a key before thousands of offers are searched


class OfferPicker(Card):
    """`chosen` comes with every change of the choice, `opened` with Enter or a double click on an offer."""

    chosen = Signal()
    opened = Signal()
    retry = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, margins=(0, 0, 0, 4))
        self.body.setSpacing(0)
        self._offers: list[Offer] = []
        self._by_spot_price: list[Offer] = []
        self._prepared: PreparedRows[Offer] | None = None
        self._ready = 0  # clouds that are set up
        self._filter = OfferFilter()
        self._best: dict[bool, str] = {}
        self.kind = self._chip("GPU", "kind", kind_of)
        self.count = self._chip(
            "Per host", "count", lambda offer: f"{offer.accelerators:g}" if offer.accelerator else ""
        )
        self.cloud = self._chip("Cloud", "cloud", lambda offer: offer.cloud, title)
        self.region = self._chip("Region", "region", lambda offer: offer.region)
        self.enabled = Button("Clouds that are set up", "chip")
        self.enabled.setChecked(True)
        self.enabled.clicked.connect(lambda checked: self._change(enabled_only=checked))
        self.spot = ChipRow()
        self.spot.set_chips([("no", "On demand"), ("yes", "Spot")])
        self.spot.setToolTip("Spot instances are cheaper, and may be taken away at any time.")
        self.spot.chosen.connect(lambda key: self._change(spot=key == "yes"))
        self.search = SearchField("Filter", 130)
        self.search.setObjectName("offer-filter")
        bar = row_of(
            self.kind, self.count, self.cloud, self.region, self.enabled, None, self.spot, 4, self.search, spacing=4
        )
        bar.setContentsMargins(12, 10, 12, 8)
        self.body.addLayout(bar)
        self.table = ResourceTable(offer_columns(self._mark), attrgetter("key"), "Offers")
        self.table.setSelectionMode(ResourceTable.SelectionMode.SingleSelection)
        self.state = StateView()
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.state)
        self.body.addWidget(self._stack, 1)
        self._said = Label("", "faint")
        foot = row_of(self._said, None)
        foot.setContentsMargins(16, 6, 12, 4)
        self.body.addLayout(foot)
        self._typing = QTimer(self, singleShot=True, interval=_TYPING)
        self._typing.timeout.connect(self._search)
        self.search.textChanged.connect(lambda text: self._typing.start())
        self.search.down.connect(self._focus_list)
        self.table.chosen.connect(lambda rows: self.chosen.emit())
        self.table.opened.connect(lambda row: self.opened.emit())
        self.state.retry.connect(self.retry)
        self.state.show_loading()
        self._stack.setCurrentIndex(1)

    # ------------------------------------------------------------ what is shown

    def prepare(self, offers: Iterable[Offer]) -> PreparedRows[Offer]:
        """What `show_offers` wants; for a thread, as it takes a moment where there are ten thousands."""
        made = PreparedRows(by_price(offers, False), self.table.rows.columns)
        made.sorted_by("spot")
        return made

    def show_offers(self, prepared: PreparedRows[Offer]) -> None:
        """Show these; the filters stay."""
        self._prepared, self._offers = prepared, prepared.rows
        self._by_spot_price = prepared.sorted_by("spot")
        self._ready = len({offer.cloud for offer in self._offers if offer.enabled})
        if self._offers and not self._ready:
            self.enabled.setChecked(False)  # else there would be nothing, and no word why
            self._filter = replace(self._filter, enabled_only=False)
        self._arrange()

    def show_loading(self, sentence: str) -> None:
        self.state.show_loading(sentence)
        self._stack.setCurrentIndex(1)

    def show_failed(self, problem: Problem) -> None:
        self.state.show_failed(problem, retry_text="Try again")
        self._stack.setCurrentIndex(1)

    def show_first(self, title: str, text: str, actions: list[Button]) -> None:
        """What has to be done before there are offers."""
        self.state.show_empty(title, text, "cloud", actions)
        self._stack.setCurrentIndex(1)

    def look_for(self, wanted: OfferFilter) -> None:
        """Set the filters."""
        self._filter = wanted
        self.kind.set_value(wanted.kind)
        self.count.set_value(f"{wanted.count:g}" if wanted.count else "")
        self.cloud.set_value(wanted.cloud)
        self.region.set_value(wanted.region)
        self.enabled.setChecked(wanted.enabled_only)
        self.spot.choose("yes" if wanted.spot else "no")
        self._arrange()

    @property
    def filter(self) -> OfferFilter:
        return self._filter

    def offer(self) -> Offer | None:
        """The one that is chosen."""
        found: Offer | None = self.table.current()
        return found

    # ------------------------------------------------------------ inside

    def _chip(
        self, title: str, name: str, value: Callable[[Offer], str], show: Callable[[str], str] = str
    ) -> FilterChip:
        def values() -> list[tuple[str, int]]:
            others = replace(self._filter, **{name: 0 if name == "count" else ""})  # type: ignore[arg-type]
            found = counted(text for text in map(value, others.fitting(self._offers)) if text)
            return sorted(found, key=lambda pair: float(pair[0])) if name == "count" else found

        chip = FilterChip(title, values, show)
        chip.chosen.connect(lambda text: self._change(**{name: float(text or 0) if name == "count" else text}))
        return chip

    def _change(self, **changes: object) -> None:
        before, self._filter = self._filter, replace(self._filter, **changes)  # type: ignore[arg-type]
        if self._filter == before:
            return
        if "cloud" in changes and self._filter.region:
            regions = {offer.region for offer in self._offers if offer.cloud == self._filter.cloud}
            if self._filter.cloud and self._filter.region not in regions:
                self._filter = replace(self._filter, region="")
                self.region.set_value("")
        self._arrange()

    def _arrange(self) -> None:
        if self._prepared is None:
            return
        orders = {False: self._offers, True: self._by_spot_price}
        best = {as_spot: cheapest(ordered, as_spot, self._filter) for as_spot, ordered in orders.items()}
        self._best = {as_spot: offer.key for as_spot, offer in best.items() if offer is not None}
        self.table.rows.set_prepared(self._prepared, self._filter.fitting, "spot" if self._filter.spot else "")
        self.table.rows.repaint()
        self._show_rows()

    def _search(self) -> None:
        self.table.rows.set_filter(self.search.text())
        self._show_rows()

    def _show_rows(self) -> None:
        """The table with one of them chosen, or why there are none."""
        rows = self.table.rows
        if rows.rowCount():
            self._stack.setCurrentIndex(0)
            if self.offer() is None:
                self.table.select(rows.key_at(0))
        elif self._offers:
            clear = Button("Show all", "primary", on_click=self._show_all)
            words = "Take a filter away" + (", or set more clouds up." if self._filter.enabled_only else ".")
            self.state.show_empty("No offer fits", words, "list-filter", [clear])
            self._stack.setCurrentIndex(1)
        elif self._prepared is not None:
            self.state.show_empty("No offers", "SkyPilot has no prices of any cloud here.", "cloud", [])
            self._stack.setCurrentIndex(1)
        self._say(rows.rowCount())
        self.chosen.emit()

    def _show_all(self) -> None:
        self.search.clear()
        self.table.rows.set_filter("")
        self.look_for(ANY)

    def _say(self, count: int) -> None:
        of = f" of {len(self._offers):,}" if count != len(self._offers) else ""
        ready = count_text(self._ready, "cloud") + " set up" if self._ready else "no cloud is set up yet"
        self._said.setText(f"{count:,}{of} offers · {ready} · prices by SkyPilot" if self._offers else "")

    def _mark(self, offer: Offer) -> str:
        if not offer.enabled:
            return "Not set up"
        if offer.key == self._best.get(self._filter.spot):
            return "Cheapest"
        return "Cheapest spot" if offer.key == self._best.get(True) else ""

    def _focus_list(self) -> None:
        self.table.setFocus()
        if self.offer() is None and self.table.rows.rowCount():
            self.table.selectRow(0)
