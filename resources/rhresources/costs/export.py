"""Charges as CSV: a row for every day, cluster, run and price, so that any table can be made of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from rhresources.costs.charges import HOUR, Charge
from rhresources.costs.facts import RunFact
from rhresources.costs.spending import IDLE, Line, by_day
from rhresources.stores.files import disk_error, write_text

COLUMNS = (
    "day", "cluster", "cloud", "region", "hardware", "hosts", "spot", "owner", "run", "function", "labels",
    "hours", "price_per_hour", "dollars", "estimated", "by",
)  # fmt: skip


def write_csv(charges: Iterable[Charge], file: TextIO) -> int:
    """Write them under a line of titles; how many rows there were. Rows without a run are idle time.

    `dollars` is empty where nobody knew the price, and `estimated` says "yes" where time or price are a guess.
    """
    rows: dict[tuple[str, str, str, float | None, bool], tuple[Charge, RunFact | None, Line]] = {}
    for day, charge in by_day(charges):
        for run in charge.runs or (None,):
            share = 1.0 / max(1, len(charge.runs))
            key = (day.isoformat(), charge.life.id, run.id if run else "", charge.price, charge.estimated)
            _, _, line = rows.get(key, (charge, run, Line("")))
            rows[key] = charge, run, line.plus(charge, share)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for key, (charge, run, line) in sorted(rows.items(), key=lambda row: row[0][:3]):
        life = charge.life
        labels = {**life.labels, **(run.labels if run else {})}
        writer.writerow(
            [
                key[0],
                *map(_plain, (life.cluster, life.cloud, life.region, life.hardware)),
                life.hosts,
                "yes" if life.spot else "no",
                _plain(life.owner),
                run.id if run else IDLE,
                _plain(run.function) if run else "",
                _plain(" ".join(f"{name}={value}" for name, value in sorted(labels.items()))),
                f"{line.seconds / HOUR:.6f}",
                "" if charge.price is None else f"{charge.price:.6g}",
                "" if charge.price is None else f"{line.amount:.6f}",
                "yes" if charge.estimated else "no",
                _plain(run.by) if run else "",
            ]
        )
    return len(rows)


def save_csv(charges: Iterable[Charge], path: Path) -> int:
    """Write them to a file, whole or not at all; how many rows there were.

    Raises:
        RhError: the disk refused; what was there is still there.
    """
    text = io.StringIO()
    rows = write_csv(charges, text)
    try:
        write_text(path, text.getvalue())
    except OSError as error:
        raise disk_error(f"{path} was not written", error) from None
    return rows


def _plain(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    formula = text[:1] in "=+-" if text else False
    return f"'{text}" if formula or (text[:1] == "@" and text[1:2].isalpha()) else text
