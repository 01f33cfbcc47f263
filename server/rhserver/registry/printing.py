"""What the commands print: tables for people, or a JSON object on each line for programs."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from rhresources.tables import table_lines

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on each line.")


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under titles; "-" where a cell is empty."""
    edge = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in table_lines(titles, ([cell or "-" for cell in row] for row in rows), edge):
        sys.stdout.write(f"{line}\n")


def print_json(found: Iterable[Mapping[str, Any]]) -> None:
    """Print each as JSON on a line of its own."""
    for each in found:
        sys.stdout.write(f"{json.dumps(each, ensure_ascii=False)}\n")


def moment(at: float | None) -> str:
    """A time as the clock here shows it, to the minute; empty: none."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at else ""
