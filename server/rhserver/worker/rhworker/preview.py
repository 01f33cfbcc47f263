"""A picture of a result that can be shown without unpickling it: text, tree, table or image. Bounded, never raises.

Libraries are recognised by what is imported already; none is imported here.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from .text import bounded_repr

TEXT_LIMIT = 200_000
NODES, ITEMS = 20_000, 2_000
ROWS, COLUMNS = 1_000, 200
CELL = 500
STRING = 10_000
IMAGE_LIMIT = 20 * 1024 * 1024
PIXELS = 2_000
_PNG = b"\x89PNG\r\n\x1a\n"
_DEPTH = 40
_LARGEST_INTEGER = 2**53  # beyond it not every reader of JSON keeps the value
_NESTED = (dict, list, tuple, set, frozenset, deque)


def render(value: Any, limit: int = TEXT_LIMIT) -> dict[str, Any]:
    """The fields of `pb.Preview`: `kind` ("text", "tree", "table" or "image"), `text` (always; at most `limit`
    characters), `json` (as text), `image` (PNG, bytes), `shortened`."""
    if isinstance(value, str):
        text, cut = value[:limit], len(value) > limit
    else:
        text, cut = bounded_repr(value, limit)
    shown: dict[str, Any] = {"kind": "text", "text": text, "shortened": cut}
    for look in (_image, _table, _tree):
        try:
            found = look(value)
        except Exception:  # a strange object is shown as text
            continue
        if found is not None:
            return {**shown, **found}
    return shown


# ------------------------------------------------------------ images


def _image(value: Any) -> dict[str, Any] | None:
    data: Any = None
    cut = False
    if isinstance(value, (bytes, bytearray)):
        data = bytes(value) if value[:8] == _PNG and len(value) <= IMAGE_LIMIT else None
    elif _is(value, "matplotlib.figure", "Figure") or _is(value, "matplotlib.axes", "Axes"):
        figure = value if hasattr(value, "savefig") else value.figure
        data = _saved(figure.savefig, bbox_inches="tight", format="png")
    elif _is(value, "PIL.Image", "Image"):
        picture = value
        if max(value.size) > PIXELS:
            picture, cut = value.copy(), True
            picture.thumbnail((PIXELS, PIXELS))
        if picture.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"):
            picture = picture.convert("RGB")
        data = _saved(picture.save, format="PNG")
    elif callable(getattr(type(value), "_repr_png_", None)):
        data = value._repr_png_()
    if isinstance(data, bytes) and data[:8] == _PNG and len(data) <= IMAGE_LIMIT:
        return {"kind": "image", "image": data, "shortened": cut}
    return None


def _saved(save: Any, **options: Any) -> bytes:
    target = io.BytesIO()
    save(target, **options)
    return target.getvalue()


# ------------------------------------------------------------ tables


def _table(value: Any) -> dict[str, Any] | None:
    if _is(value, "pandas", "Series"):
        value = value.to_frame()
    if _is(value, "pandas", "DataFrame"):
        part = value.iloc[:ROWS, :COLUMNS]
        rows = ([index, *row] for index, row in zip(part.index, part.itertuples(index=False, name=None)))  # noqa: B905
        return _as_table(["", *map(_label, part.columns)], rows, len(value), value.shape[1] > COLUMNS)
    if _is(value, "polars", "Series"):
        value = value.to_frame()
    if _is(value, "polars", "DataFrame"):
        part = value[:ROWS, :COLUMNS]
        return _as_table(list(part.columns), part.rows(), value.height, value.width > COLUMNS)
    if _is(value, "pyarrow", "Table"):
        part = value.slice(0, ROWS).select(list(range(min(COLUMNS, value.num_columns))))
        columns = [column.to_pylist() for column in part.columns]
        return _as_table(list(part.column_names), zip(*columns), value.num_rows, value.num_columns > COLUMNS)  # noqa: B905
    if _is(value, "numpy", "ndarray"):
        return _array(value)
    if isinstance(value, (list, tuple)) and value:
        return _records(value)
    return None


def _array(value: Any) -> dict[str, Any] | None:
    if value.ndim not in (1, 2) or value.dtype.kind not in "biufcSUMm" or not value.size:
        return None
    width = 1 if value.ndim == 1 else value.shape[1]
    part = value.reshape(len(value), -1)[:ROWS, :COLUMNS].tolist()
    rows = ([number, *row] for number, row in enumerate(part))
    return _as_table(["", *map(str, range(min(width, COLUMNS)))], rows, len(value), width > COLUMNS)


def _records(value: Any) -> dict[str, Any] | None:
    """A list of records of about the same fields."""
    if getattr(type(value), "_fields", None) is not None:
        return None
    records = [_fields(item) for item in value[:ROWS]]
    if not all(records):
        return None
    columns = list(dict.fromkeys(key for record in records if record for key in record))
    filled = sum(len(record) for record in records if record)
    if filled * 2 < len(columns) * len(records) or not all(isinstance(column, str) for column in columns):
        return None
    shown = columns[:COLUMNS]
    rows = ([record.get(column) for column in shown] for record in records if record)
    return _as_table(shown, rows, len(value), len(columns) > COLUMNS)


def _as_table(columns: list[str], rows: Iterable[Iterable[Any]], total: int, cut: bool) -> dict[str, Any]:
    cells = [[_scalar(cell, CELL) for cell in row] for row in rows]
    cut = cut or any(isinstance(cell, str) and len(cell) >= CELL for row in cells for cell in row)
    data = json.dumps({"columns": columns, "rows": cells, "total": total}, ensure_ascii=False, allow_nan=False)
    return {"kind": "table", "json": data, "shortened": cut or total > len(cells)}


def _label(column: Any) -> str:
    return " / ".join(map(str, column)) if isinstance(column, tuple) else str(column)


# ------------------------------------------------------------ trees


def _tree(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, _NESTED) and _fields(value) is None:
        return None
    budget = _Budget()
    structure = budget.node(value, 0)
    data = json.dumps(structure, ensure_ascii=False, allow_nan=False)
    return {"kind": "tree", "json": data, "shortened": budget.cut}


class _Budget:
    """Copies structures until there are too many nodes."""

    def __init__(self) -> None:
        self._left = NODES
        self.cut = False

    def node(self, value: Any, depth: int) -> Any:
        self._left -= 1
        fields = _fields(value)
        if fields is None and not isinstance(value, _NESTED):
            self.cut = self.cut or (isinstance(value, str) and len(value) > STRING)
            return _scalar(value, STRING)
        if depth >= _DEPTH:
            self.cut = True
            return "..."
        if fields is not None:
            return {_key(key): self.node(item, depth + 1) for key, item in self._some(fields.items())}
        return [self.node(item, depth + 1) for item in self._some(value)]

    def _some(self, items: Iterable[Any]) -> Iterator[Any]:
        for number, item in enumerate(items):
            if self._left <= 0 or number >= ITEMS:
                self.cut = True
                return
            yield item


def _key(key: Any) -> str:
    return key[:CELL] if isinstance(key, str) else bounded_repr(key, CELL)[0]


# ------------------------------------------------------------ values


def _fields(value: Any) -> Any:
    """The fields of a mapping, dataclass, pydantic model or named tuple by name; None of anything else."""
    if isinstance(value, dict):
        return value
    kind = type(value)
    if dataclasses.is_dataclass(kind):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(kind)}
    names = getattr(kind, "_fields", None)
    if isinstance(value, tuple) and isinstance(names, tuple) and len(names) == len(value):
        return dict(zip(names, value))  # noqa: B905
    names = getattr(kind, "model_fields", None)
    if isinstance(names, dict) and hasattr(kind, "model_dump"):
        return {name: getattr(value, name, None) for name in names}
    return None


def _scalar(value: Any, limit: int) -> Any:
    """A value as JSON has it where it can keep it, else as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value[:limit]
    if isinstance(value, int) and -_LARGEST_INTEGER <= value <= _LARGEST_INTEGER:
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        plain = value.item()
        return _scalar(plain, limit) if type(plain).__module__ != "numpy" else str(value)[:limit]
    if isinstance(value, (bytes, *_NESTED, int)) or _fields(value) is not None:
        return bounded_repr(value, limit)[0]
    return str(value)[:limit]


def _is(value: Any, module: str, name: str) -> bool:
    found = getattr(sys.modules.get(module), name, None)
    return isinstance(found, type) and isinstance(value, found)
