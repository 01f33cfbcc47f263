"""What of the costs needs the user's attention: a budget that is spent or will be, and prices that nobody knows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rhdesk.core.cost_words import whole_money
from rhdesk.core.desk import Desk
from rhdesk.core.store import SPENDING, Phase
from rhdesk.desktop.concern import Concern

if TYPE_CHECKING:
    from rhresources.costs.budget import Alert
    from rhresources.costs.spending import Summary


def cost_concerns(desk: Desk) -> list[Concern]:
    """They stay for as long as they are so; the notifier tells each once."""
    summary, condition = desk.store.spending.get(SPENDING), desk.store.spending.condition
    if summary is None:
        if condition.phase is not Phase.FAILED or condition.problem is None:
            return []
        sentence = condition.problem.sentence
        return [Concern("wallet", "error", "Nobody knows what it costs", sentence, "Try again", desk.retry_now)]
    from rhresources.costs.budget import alerts

    found = [_budget(desk, summary, alert) for alert in alerts(summary, summary.budget) if alert.level != "info"]
    for cluster in summary.unpriced:
        text = "Say in its document what an hour of it costs: price_per_hour."
        act = partial(desk.navigate, "names", cluster)
        found.append(Concern("wallet", "warn", f"Nobody knows what {cluster} costs", text, "Set a price", act))
    return found


def _budget(desk: Desk, summary: Summary, alert: Alert) -> Concern:
    against = f"against {whole_money(summary.budget)}"
    if alert.is_projected:
        title, text = "The budget will be overrun", f"{whole_money(summary.projected or 0.0)} by the end of the month"
    elif alert.level == "error":
        title, text = "The budget is spent", f"{whole_money(summary.month)} this month"
    else:
        title = f"{100 * summary.month / summary.budget:.0f} % of the budget is spent"
        text = f"{whole_money(summary.month)} this month"
    act = partial(desk.navigate, "clusters", "")
    return Concern(
        "wallet", "error" if alert.level == "error" else "warn", title, f"{text}, {against}", "Clusters", act
    )
