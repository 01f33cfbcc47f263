"""A picture of a result that can be shown without unpickling it: text, tree, table or image. Bounded, never raises.

Libraries are recognised by what is imported already; none is imported here.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
import reprlib
import sys
from typing import Any

TEXT_LIMIT = 200_000
TREE_NODES = 20_000
ROWS, COLUMNS = 1_000, 200
CELL = 500
IMAGE_LIMIT = 20 * 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n"


def render(value: Any) -> dict[str, Any]:
    """Fields of `pb.Preview`: kind, text, json (as text), image (bytes), shortened."""
    shown: dict[str, Any] = {"kind": "text", "text": _text(value)}
    shown["shortened"] = len(shown["text"]) >= TEXT_LIMIT
    for look in (_image, _table, _tree):
        try:
            found = look(value)
        except Exception:  # a strange object is shown as text
            continue
        if found is not None:
            return {**shown, **found}
    return shown


def _text(value: Any) -> str:
    try:
        if isinstance(value, str):
            return value[:TEXT_LIMIT]
        if isinstance(value, (list, tuple, dict, set, frozenset)) and len(value) > 2_000:
            return reprlib.repr(value)
        if isinstance(value, (bytes, bytearray)) and len(value) > TEXT_LIMIT:
            return f"{bytes(value[:200])!r}... ({len(value)} bytes)"
        return repr(value)[:TEXT_LIMIT]
    except Exception as error:
        return f"<{type(value).__qualname__} whose repr fails: {type(error).__name__}>"


# ------------------------------------------------------------------ images


def _image(value: Any) -> dict[str, Any] | None:
    data: Any = None
    if isinstance(value, (bytes, bytearray)) and value[:8] == PNG:
        data = bytes(value)
    elif _is(value, "matplotlib.figure", "Figure"):
        target = io.BytesIO()
        value.savefig(target, format="png", bbox_inches="tight")
        data = target.getvalue()
    elif _is(value, "PIL.Image", "Image"):
        target = io.BytesIO()
        value.save(target, format="PNG")
        data = target.getvalue()
    elif callable(getattr(type(value), "_repr_png_", None)):
        data = value._repr_png_()
    if isinstance(data, bytes) and data[:8] == PNG and len(data) <= IMAGE_LIMIT:
        return {"kind": "image", "image": data}
    return None


# ------------------------------------------------------------------ tables


def _table(value: Any) -> dict[str, Any] | None:
    if _is(value, "pandas", "Series"):
        value = value.to_frame()
    if _is(value, "pandas", "DataFrame"):
        part = value.iloc[:ROWS, :COLUMNS]
        columns = ["", *map(str, part.columns)]
        rows = [[index, *row] for index, row in zip(part.index, part.itertuples(index=False, name=None), strict=True)]
        return _as_table(columns, rows, len(value), value.shape[1] > COLUMNS)
    if _is(value, "polars", "DataFrame"):
        part = value[:ROWS, :COLUMNS]
        return _as_table(list(part.columns), list(part.rows()), value.height, value.width > COLUMNS)
    if _is(value, "pyarrow", "Table"):
        part = value.slice(0, ROWS).select(list(range(min(COLUMNS, value.num_columns))))
        rows = [list(row.values()) for row in part.to_pylist()]
        return _as_table(list(part.column_names), rows, value.num_rows, value.num_columns > COLUMNS)
    if _is(value, "numpy", "ndarray") and value.ndim in (1, 2) and value.dtype.kind in "biufcSUMm":
        grid = value.reshape(len(value), -1)[:ROWS, :COLUMNS].tolist()
        width = 1 if value.ndim == 1 else value.shape[1]
        return _as_table(["", *map(str, range(min(width, COLUMNS)))], [[i, *row] for i, row in enumerate(grid)],
                         len(value), width > COLUMNS)  # fmt: skip
    if isinstance(value, (list, tuple)) and value and all(type(item) is dict and item for item in value[:ROWS]):
        columns = list(dict.fromkeys(key for item in value[:ROWS] for key in item))[:COLUMNS]
        if all(isinstance(column, str) for column in columns):
            rows = [[item.get(column) for column in columns] for item in value[:ROWS]]
            return _as_table(columns, rows, len(value), False)
    return None


def _as_table(columns: list[str], rows: list[Any], total: int, cut: bool) -> dict[str, Any]:
    cells = [[_cell(cell) for cell in row] for row in rows]
    return {
        "kind": "table",
        "json": json.dumps({"columns": columns, "rows": cells, "total": total}),
        "shortened": cut or total > len(rows),
    }


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, bool) or type(value) is int:
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    item = getattr(value, "item", None)
    if callable(item) and type(value).__module__ == "numpy":
        return _cell(item())
    return str(value)[:CELL]


# ------------------------------------------------------------------ trees


def _tree(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, (dict, list, tuple, set, frozenset)) and not _is_record(value):
        return None
    budget = [TREE_NODES]
    structure = _node(value, budget, 0)
    return {"kind": "tree", "json": json.dumps(structure, ensure_ascii=False), "shortened": budget[0] <= 0}


def _is_record(value: Any) -> bool:
    return (dataclasses.is_dataclass(value) and not isinstance(value, type)) or callable(
        getattr(type(value), "model_dump", None)
    )


def _node(value: Any, budget: list[int], depth: int) -> Any:
    budget[0] -= 1
    if budget[0] <= 0 or depth > 40:
        budget[0] = min(budget[0], 0)
        return "..."
    if value is None or isinstance(value, (bool, str)) or type(value) is int:
        return value[:CELL * 20] if isinstance(value, str) else value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif callable(getattr(type(value), "model_dump", None)):
        value = value.model_dump()
    if isinstance(value, dict):
        return {str(key)[:CELL]: _node(item, budget, depth + 1) for key, item in _until(value.items(), budget)}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_node(item, budget, depth + 1) for item in _until(value, budget)]
    return _cell(value) if type(value).__module__ == "numpy" else reprlib.repr(value)


def _until(items: Any, budget: list[int]) -> Any:
    for item in items:
        if budget[0] <= 0:
            return
        yield item


def _is(value: Any, module: str, name: str) -> bool:
    found = getattr(sys.modules.get(module), name, None)
    return isinstance(found, type) and isinstance(value, found)
