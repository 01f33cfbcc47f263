"""What of the costs needs the user's attention: a budget that is spent or will be, and prices that nobody knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rhdesk.core.cost_words import whole_money
from rhdesk.core.desk import Desk
from rhdesk.core.store import SPENDING
from rhdesk.core.words import count_text
from rhresources.costs.budget import alerts


@dataclass(frozen=True)
class CostConcern:
    """One of them, and the page that helps."""

    role: Literal["error", "warn"]
    title: str
    text: str
    act_text: str
    page: str


def cost_concerns(desk: Desk) -> list[CostConcern]:
    """They stay for as long as they are so; the notifier tells each once."""
    summary = desk.store.spending.get(SPENDING)
    if summary is None:
        return []
    found = []
    for alert in alerts(summary, summary.budget):
        if alert.level != "info":
            role: Literal["error", "warn"] = "error" if alert.level == "error" else "warn"
            projected = summary.projected if summary.projected is not None else summary.month
            over = alert.names[0].endswith("projected")
            title = "The budget will be overrun" if over else "The budget is spent"
            if role == "warn" and not over:
                title = f"{100 * summary.month / summary.budget:.0f} % of the budget is spent"
            amount = projected if over else summary.month
            text = f"{whole_money(amount)} {'by the end of the month' if over else 'this month'}"
            found.append(
                CostConcern(role, title, f"{text}, against {whole_money(summary.budget)}", "Clusters", "clusters")
            )
    if summary.unpriced:
        names = ", ".join(summary.unpriced)
        title = f"{count_text(len(summary.unpriced), 'cluster')} of unknown price"
        found.append(CostConcern("warn", title, f"{names}: set price_per_hour", "Set it", "names"))
    return found
