"""Spending in the words that people read. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhdesk.core.words import duration_text, money_text
from rhresources.costs.words import NOT_COUNTED

if TYPE_CHECKING:
    from rhresources.costs.spending import ClusterCost, Line, Summary

__all__ = [
    "NOT_COUNTED",
    "is_over",
    "line_note",
    "month_note",
    "run_cost_text",
    "spent_text",
    "spent_tip",
    "spent_words",
    "whole_money",
]


def whole_money(amount: float) -> str:
    """ "$3,184" from a hundred on, cents below."""
    return f"${amount:,.0f}" if amount >= 100 else money_text(amount)


def is_over(summary: Summary) -> bool:
    """Whether the budget is spent, or will be."""
    most = max(summary.month, summary.projected or 0.0)
    return summary.budget > 0 and most > summary.budget


def month_note(summary: Summary) -> str:
    """What stands under this month's figure."""
    words = []
    if summary.budget and summary.month > summary.budget:
        words.append(f"{whole_money(summary.month - summary.budget)} over budget")
    elif summary.projected is not None:
        words.append(f"On course for {whole_money(summary.projected)}")
    if summary.estimated >= 0.005:
        words.append(f"{whole_money(summary.estimated)} estimated")
    return ", ".join(words) or ("No budget is set" if not summary.budget else "Too early to say where it goes")


def spent_text(cost: ClusterCost | None) -> str:
    """What a cluster cost in all: "$412.90", "~$61.48" where some of it is estimated."""
    if cost is None:
        return "—"
    money = f"${cost.spent:,.0f}" if cost.spent >= 1000 else money_text(cost.spent)
    return f"{'~' if cost.estimated >= 0.005 else ''}{money}"


def spent_words(cost: ClusterCost | None) -> str:
    """What a cluster cost, with what that is of; "" where nothing is known."""
    if cost is None:
        return ""
    month = "all of it" if cost.month == cost.spent else money_text(cost.month)
    words = f"{spent_text(cost)} in all, {month} this month"
    return f"{words}, {money_text(cost.life)} since its launch" if 0 < cost.life < cost.spent else words


def spent_tip(cost: ClusterCost | None) -> str:
    """The same in a sentence."""
    if cost is None:
        return ""
    guess = ""
    if cost.estimated:
        guess = f" {money_text(cost.estimated)} of it are estimated: nobody saw when it started or stopped."
    return f"{money_text(cost.spent)} in all, {money_text(cost.month)} this month.{guess} {NOT_COUNTED}"


def line_note(line: Line) -> str:
    """What is not sure about a line of a bill; "" where all of it is."""
    notes = []
    if line.estimated >= 0.005:
        all_of_it = line.estimated >= line.amount - 0.005
        notes.append("estimated" if all_of_it else f"{money_text(line.estimated)} estimated")
    if line.unpriced:
        notes.append(f"{duration_text(line.unpriced)} of unknown price")
    return ", ".join(notes)


def run_cost_text(line: Line | None) -> str:
    """What a run cost: its share of its cluster's price; "" where nothing is known."""
    if line is None:
        return ""
    if line.unpriced and not line.amount:
        return "its cluster's price is not known"
    return money_text(line.amount) + (", estimated" if line.estimated > 0 else "")
