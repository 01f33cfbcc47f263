"""`rhdesk cost`: what clusters and runs cost, out of the local ledger; answers without any cloud, and at once."""

from __future__ import annotations

import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from rhdesk.cli.options import RhCommand, json_option
from rhdesk.cli.records import clusters_up
from rhdesk.cli.session import run_async
from rhdesk.cli.terminal import Progress, duration, moment, note, print_json, print_table
from rhresources.costs.charges import Charge
from rhresources.costs.export import save_csv, write_csv
from rhresources.costs.spending import (
    WAYS,
    Line,
    Summary,
    Way,
    between,
    bill,
    midnight,
    summary_of,
    total,
)
from rhresources.costs.words import NOT_COUNTED
from rhresources.errors import RhError, UsageError
from rhresources.settings import Settings

if TYPE_CHECKING:
    from rhresources.workspace import Workspace

_AGO = re.compile(r"(\d{1,6})\s*(h|d|w)")
_HOURS = {"h": 1, "d": 24, "w": 168}
_TIME_HELP = "A day (2026-11-30), a time (2026-11-30T14:00), 24h, 7d or 4w ago, today, month, or all."


class Time(click.ParamType[float]):
    """A moment in the words of people, by the clock and the time zone of here."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value).strip().lower()
        now = datetime.now()
        if text == "all":
            return 0.0
        if text == "today":
            return midnight(now.date())
        if text == "month":
            return midnight(now.date().replace(day=1))
        if ago := _AGO.fullmatch(text):
            return (now - timedelta(hours=int(ago[1]) * _HOURS[ago[2]])).timestamp()
        try:
            return datetime.fromisoformat(text).timestamp()
        except (ValueError, OverflowError, OSError):
            self.fail(f"{value!r} is no time. {_TIME_HELP}", param, ctx)


@click.command("cost", cls=RhCommand, epilog=f"{NOT_COUNTED} {_TIME_HELP}")
@click.option("--since", type=Time(), default="month", metavar="TIME", help="From then on; default: this month.")
@click.option("--until", type=Time(), metavar="TIME", help="Until then; default: now.")
@click.option("--by", type=click.Choice(WAYS), default="cluster", show_default=True, help="What the lines are.")
@click.option(
    "--csv", "csv", type=click.Path(dir_okay=False), metavar="FILE", help="Write every day of every run there."
)
@click.option("--refresh", is_flag=True, help="Ask SkyPilot and the clusters first; starts SkyPilot's server.")
@click.option("--everyone", is_flag=True, help="Count what others have on a team's SkyPilot server too.")
@json_option
def cost_command(
    since: float, until: float | None, by: str, csv: str | None, refresh: bool, everyone: bool, as_json: bool
) -> None:
    """Say what clusters cost: now, this month against the budget, and by cluster, day, run, function, person or label.

    It tells what rhdesk and SkyPilot have written down so far, and asks nobody, unless --refresh is given. A run costs
    its share of its cluster's price while it runs, an equal part of what several use at once; the rest is idle.
    """
    if until is not None and until <= since:
        raise UsageError("--until is not after --since.")
    if csv is not None and as_json:
        raise UsageError("--csv and --json exclude each other.")

    async def work(workspace: Workspace) -> tuple[list[Charge], float, RhError | None]:
        problem = await _refresh(workspace) if refresh else None
        charges, now = await workspace.costs.charges(everyone=everyone)
        return charges, now, problem

    charges, now, problem = run_async(work)
    chosen = list(between(charges, since, now if until is None else until))
    budget = Settings.load().budget_per_month
    if csv is not None:
        _write(chosen, csv)
    elif as_json:
        print_json(_as_json(chosen, cast(Way, by), summary_of(charges, now), budget))
    else:
        _print(chosen, cast(Way, by), summary_of(charges, now), budget, ever=bool(charges))
    if problem is not None:
        note(f"SkyPilot could not be asked, and this is as of before: {problem.sentence}")


async def _refresh(workspace: Workspace) -> RhError | None:
    """Look at everything that costs something; why SkyPilot could not be asked."""
    costs = workspace.costs
    with Progress() as progress:
        progress("Asking the clusters for their runs")
        for address, client in await clusters_up(workspace, None):
            try:
                await costs.saw_runs(address, (await client.list_runs(1000)).runs)
            except RhError as error:
                note(f"{address}: {error.sentence}")
        progress("Asking SkyPilot")
        try:
            await costs.refresh(workspace.skypilot)
        except RhError as error:
            return error
    return None


def _print(charges: list[Charge], way: Way, summary: Summary, budget: float, *, ever: bool) -> None:
    if not ever:
        click.echo("Nothing has cost anything yet, as far as is known here.")
        note("Counted are clusters in a cloud, and machines of your own whose document has a price_per_hour.")
        return
    click.echo(_headline(summary, budget))
    lines = bill(charges, way)
    if not lines:
        note("Nothing was up in that time.")
        return
    click.echo()
    titles = {name: name.upper() for name in WAYS}
    what = {"run": ["FUNCTION"], "function": ["CLUSTER"], "person": ["CLUSTER"]}.get(way, [])
    rows = [_cells(line, way) for line in lines]
    whole = total(charges)
    rows.append(("", *("" for _ in what), _dollars(whole), duration(whole.seconds), _remark(whole)))
    print_table([titles[way], *what, "DOLLARS", "TIME UP", ""], rows)
    if whole.estimated >= 0.005:
        note("Estimated is what nobody saw; --refresh asks SkyPilot what it knows.")
    if way == "label":
        note("What has several labels stands under each of them.")


def _headline(summary: Summary, budget: float) -> str:
    month = datetime.fromtimestamp(summary.at).strftime("%B")
    parts = [f"Now ${summary.per_hour:,.2f} an hour", f"{month} ${summary.month:,.2f}"]
    if budget:
        parts[-1] += f" of ${budget:,.0f} ({100 * summary.month / budget:.0f} %)"
    if summary.estimated >= 0.005:
        parts[-1] += f", ${summary.estimated:,.2f} of it estimated"
    if summary.projected is not None:
        parts.append(f"on course for ${summary.projected:,.2f}")
    if summary.unpriced:
        parts.append(f"besides what {', '.join(summary.unpriced)} cost, which nobody knows")
    return " · ".join(parts)


def _cells(line: Line, way: Way) -> tuple[str, ...]:
    what = {"run": [line.what], "function": [line.what or "-"], "person": [line.what or "-"]}.get(way, [])
    return (line.key, *what, _dollars(line), duration(line.seconds), _remark(line))


def _dollars(line: Line) -> str:
    if line.unpriced and not line.amount:
        return "?"
    return f"{line.amount:,.4f}" if 0 < line.amount < 0.01 else f"{line.amount:,.2f}"


def _remark(line: Line) -> str:
    remarks = []
    if line.estimated >= 0.00005:
        remarks.append("estimated" if line.estimated >= line.amount - 0.00005 else f"{line.estimated:,.2f} estimated")
    if line.unpriced:
        remarks.append(f"{duration(line.unpriced)} of unknown price")
    return ", ".join(remarks)


def _as_json(charges: list[Charge], way: Way, summary: Summary, budget: float) -> dict[str, Any]:
    """The keys of `cost --json`: a stable contract. Dollars and seconds."""
    whole = total(charges)
    return {
        "at": moment(summary.at),
        "per_hour": summary.per_hour,
        "unpriced_clusters": list(summary.unpriced),
        "month": summary.month,
        "month_estimated": summary.estimated,
        "month_projected": summary.projected,
        "month_idle": summary.idle,
        "budget": budget or None,
        "by": way,
        "total": _line_as_json(whole),
        "lines": [{"key": line.key, "of": line.what or None, **_line_as_json(line)} for line in bill(charges, way)],
        "up": [
            {"cluster": cost.cluster, "price_per_hour": cost.price, "since": moment(cost.up_since)}
            for cost in summary.clusters.values()
            if cost.up_since
        ],
        "not_counted": NOT_COUNTED,
    }


def _line_as_json(line: Line) -> dict[str, float]:
    return {
        "dollars": line.amount,
        "estimated": line.estimated,
        "seconds": line.seconds,
        "seconds_of_unknown_price": line.unpriced,
    }


def _write(charges: list[Charge], name: str) -> None:
    if name == "-":
        write_csv(charges, sys.stdout)
        return
    note(f"{save_csv(charges, Path(name))} rows written to {name}.")
