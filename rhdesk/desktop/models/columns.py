"""What a column of a resource table says and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")


class Kind(Enum):
    """How a cell is drawn."""

    TITLE = "title"  # text over a fainter second line (`second`)
    TEXT = "text"
    MUTED = "muted"
    MONO = "mono"
    NUMBER = "number"  # to the right
    STRONG_NUMBER = "strong number"
    PILL = "pill"  # `value` is a State
    BAR = "bar"  # `value` is percent or None
    SPARK = "spark"  # `value` is a sequence of percents or None


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column.

    Attributes:
        text: what the cell says; also what is copied, read aloud and, unless it ages, filtered on.
        value: what pills, bars and sparks are drawn from.
        second: the second line of a title.
        sort: the key to sort by (default: the text, case folded). None sorts last.
        width: pixels; columns with `stretch` share what is left and never get narrower than `width`.
        drop_below: how soon it is hidden in a narrow table: the largest goes first; 0 stays.
        ages: the text depends on the clock; repainted every few seconds.
        varies: the text depends on something beside the row and the clock; no filter of `PreparedRows` looks into it.
        tip: tool tip of a cell; where empty the whole text shows when it does not fit.
        role: the role of the text's colour, where it says more than the kind does; "" is the kind's own.
    """

    key: str
    title: str
    text: Callable[[Row], str]
    kind: Kind = Kind.TEXT
    width: int = 120
    stretch: bool = False
    value: Callable[[Row], Any] | None = None
    second: Callable[[Row], str] | None = None
    sort: Callable[[Row], Any] | None = None
    drop_below: int = 0
    ages: bool = False
    varies: bool = False
    tip: Callable[[Row], str] | None = None
    role: Callable[[Row], str] | None = None

    @property
    def to_the_right(self) -> bool:
        return self.kind in (Kind.NUMBER, Kind.STRONG_NUMBER)

    def sort_key(self, row: Row) -> tuple[bool, Any]:
        key = self.sort(row) if self.sort is not None else self.text(row).casefold()
        return (key is None, key if key is not None else 0)
