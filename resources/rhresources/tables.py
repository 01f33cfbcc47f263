"""Tables for a terminal, as all commands print them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

_ROWS_AT_ONCE = 1000
"""A log may have a million rows, which must not all be looked at before the first is printed."""


def table_lines(titles: Sequence[str], rows: Iterable[Sequence[str]], edge: int = 0) -> Iterator[str]:
    """Rows under titles, columns as wide as they need.

    Args:
        titles: of the columns.
        rows: their cells.
        edge: how wide the terminal is, at which the last column is cut; 0: there is none.
    """
    widths = [len(title) for title in titles]
    gathered: list[Sequence[str]] = [titles]
    for row in rows:
        gathered.append([" ".join(cell.split()) for cell in row])
        if len(gathered) == _ROWS_AT_ONCE:
            yield from _lines(gathered, widths, edge)
            gathered = []
    yield from _lines(gathered, widths, edge)


def _lines(rows: list[Sequence[str]], widths: list[int], edge: int) -> Iterator[str]:
    for column in range(len(widths)):
        widths[column] = max(widths[column], *(len(row[column]) for row in rows), 0)
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        yield f"{line[: edge - 1]}…" if edge and len(line) > edge else line
