"""What a request for a cluster in a cloud comes to: its price an hour, a day, a month, and the document beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from rhdesk.core.autostop import autostop_words
from rhdesk.core.cost_words import whole_money
from rhdesk.core.offers import by_price, estimate, hardware_of
from rhdesk.core.rows import Problem
from rhdesk.core.words import count_text, money_text
from rhdesk.desktop.forms.code_edit import CodeEdit
from rhdesk.desktop.widgets.base import Card, Label, row_of
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import ProblemBox
from rhresources.cloud.limits import title

if TYPE_CHECKING:
    from rhresources.cloud.answers import Offer

_PLACES = 3


class RequestReview(QWidget):
    """Follows the form; it has no control of its own."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        card = Card(margins=(14, 10, 14, 10))
        card.body.setSpacing(4)
        self.hour = Label("—", "figure")
        self._unit = Label("an hour", "unit")
        card.body.addLayout(row_of(self.hour, self._unit, None, spacing=6))
        self.longer = Label("", "muted", wrap=True)
        card.body.addWidget(self.longer)
        self.what = Label("", "", wrap=True)
        card.body.addWidget(self.what)
        self.stops = Label("", "", wrap=True)
        card.body.addWidget(self.stops)
        column.addWidget(card)
        self._notes = QVBoxLayout()
        column.addLayout(self._notes)
        self._noted: Problem | None = None
        self._yaml_title = Label("The document", "strong")
        column.addWidget(self._yaml_title)
        self.yaml = CodeEdit(numbers=False, comments=False, name="Document")
        self.yaml.setReadOnly(True)
        self.yaml.setMinimumHeight(90)
        column.addWidget(self.yaml, 1)

    def show_price(
        self, offers: Sequence[Offer], *, hosts: int, spot: bool, price: float | None, known: bool, why_not: str = ""
    ) -> None:
        """Show what fits.

        Args:
            offers: those that fit the request.
            price: of the whole cluster for an hour, where the document says one.
            known: whether the offers are known at all.
            why_not: why they are not.
        """
        ordered = by_price(offers, spot)
        found = estimate(ordered, spot, hosts)
        hour = price if price is not None else found.hour if found is not None else None
        self.hour.setText(money_text(hour))
        prices = {offer.spot_price if spot else offer.price for offer in offers if offer.enabled}
        self._unit.setText("an hour or more" if price is None and len(prices) > 1 else "an hour")
        self._unit.setVisible(hour is not None)
        if hour is not None:
            month = hour * 730
            self.longer.setText(f"{money_text(hour * 24)} a day, {whole_money(month)} a month if it never stops")
        else:
            self.longer.setText(why_not or "Its price is not known.")
        kind = "spot instances" if spot else "on demand"
        best = [offer for offer in ordered if offer.enabled]
        machines = count_text(hosts, "host")
        if best:
            places = list(dict.fromkeys(f"{title(offer.cloud)} {offer.region}".strip() for offer in best))
            others = f", then {count_text(len(places) - 1, 'other place')}" if len(places) > 1 else ""
            self.what.setText(f"{machines} with {hardware_of(best[0])}, {kind}; first {places[0]}{others}.")
        else:
            self.what.setText(f"{machines}, {kind}.")
        nothing = None
        if known and not best:
            somewhere = list(dict.fromkeys(title(offer.cloud) for offer in offers))
            nothing = (
                Problem("None of the clouds that are set up offers this.", f"It is offered by {_list(somewhere)}.")
                if somewhere
                else Problem("No cloud offers this.", "Choose other hardware, or leave the region free.")
            )
        self._note(nothing)

    def show_autostop(self, minutes: int, down: bool, *, asked: tuple[int, bool]) -> None:
        """Say what will be done when nothing runs on it, and where that is other than what was `asked` for."""
        words = f"{autostop_words(minutes, down)}."
        if (minutes, down) != asked and asked[0] >= 0:
            words += " It cannot stop there." if minutes >= 0 else " The cloud cannot do what is asked for."
        self.stops.setText(words)
        self.stops.set_role("bad" if minutes < 0 else "muted")

    def show_yaml(self, text: str) -> None:
        if text != self.yaml.toPlainText():
            self.yaml.set_text(text)

    def _note(self, problem: Problem | None) -> None:
        if problem != self._noted:
            self._noted = problem
            clear_layout(self._notes)
            if problem is not None:
                self._notes.addWidget(ProblemBox(problem, level="warn"))


def _list(words: Sequence[str]) -> str:
    shown = list(words[:_PLACES])
    more = len(words) - len(shown)
    if more:
        shown.append(f"{more} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
