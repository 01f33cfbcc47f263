"""What to say of a month's budget, and when: at half, four fifths and all of it, and when it will be overrun. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rhresources.costs.spending import Summary

STEPS = (50, 80, 100)

_SPENT_REMEDY = "Take down what is not needed, or raise the budget (budget_per_month in the settings)."


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to say once.

    Attributes:
        names: of this and of the lesser ones that need not be said any more; each is claimed in the ledger.
        level: "info" at half, "error" where the budget is spent.
    """

    names: tuple[str, ...]
    level: Literal["info", "warning", "error"]
    sentence: str
    remedy: str = ""
    is_projected: bool = False


def alerts(summary: Summary, budget: float) -> list[Alert]:
    """What is to be said now, whether or not it was said before; nothing without a budget."""
    if budget <= 0:
        return []
    today = datetime.fromtimestamp(summary.at)
    prefix, month = f"{today:%Y-%m} of {budget:g}", f"{today:%B}"
    reached = [step for step in STEPS if summary.month >= budget * step / 100]
    found = []
    if reached:
        names = tuple(f"{prefix}: {step} %" for step in reached)
        guess = f", of which {money(summary.estimated)} are estimated" if summary.estimated >= 0.005 else ""
        spent = f"{money(summary.month)} of {money(budget)}{guess}"
        if reached[-1] == 100:
            sentence = f"The budget of {month} is spent: {spent}."
            found.append(Alert(names, "error", sentence, _SPENT_REMEDY))
        else:
            level: Literal["info", "warning"] = "info" if reached[-1] == 50 else "warning"
            found.append(Alert(names, level, f"{reached[-1]} % of the budget of {month} is spent: {spent}."))
    if summary.projected is not None and summary.projected > budget > summary.month:
        found.append(
            Alert(
                (f"{prefix}: projected",),
                "warning",
                f"{month} is on course for {money(summary.projected)}, over its budget of {money(budget)}.",
                "Reckoned from what the last seven days cost.",
                is_projected=True,
            )
        )
    return found


def money(amount: float) -> str:
    """Dollars, whole ones from a hundred on: "$4,610", "$12.40"."""
    return f"${amount:,.0f}" if amount >= 100 else f"${amount:,.2f}"
