"""What a run gave back, as the window shows it: a preview that the server rendered, or an error. No Qt.

The window never unpickles what a cluster sends; it shows these previews and saves the encoded value as it came.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rhresources.wire import cluster_pb2 as pb
    from rhresources.wire.client import ClusterClient

PreviewKind = Literal["text", "tree", "table", "image"]
_KINDS: tuple[PreviewKind, ...] = ("text", "tree", "table", "image")  # as numbered on the wire


@dataclass(frozen=True)
class ResultPreview:
    """One result, ready to be shown.

    Attributes:
        kind: the best way to show it; `text` works for every kind.
        text: as `repr` or `str` shows it, shortened.
        json: the tree or the table.
        image: PNG.
        shortened: whether there is more than is shown here.
        type: of the Python value, "pandas.DataFrame".
        size: of the whole encoded value in bytes; 0 where it is not known.
    """

    kind: PreviewKind = "text"
    text: str = ""
    json: str = ""
    image: bytes = b""
    shortened: bool = False
    type: str = ""
    size: int = 0

    @classmethod
    def of(cls, preview: pb.Preview, type: str = "", size: int = 0) -> ResultPreview:
        """From the wire. A kind that a newer server knows is shown as text."""
        kind = _KINDS[preview.kind] if 0 <= preview.kind < len(_KINDS) else "text"
        return cls(kind, preview.text, preview.json, bytes(preview.image), preview.shortened, type, size)


@dataclass(frozen=True)
class ErrorReport:
    """Why a run gave nothing back.

    Attributes:
        type: of the exception, "builtins.ValueError"; empty where no exception was raised.
        message: what it says; for other problems the sentence.
        traceback: as Python prints it, or the raw output behind another problem.
        remedy: what to do about it.
    """

    type: str = ""
    message: str = ""
    traceback: str = ""
    remedy: str = ""

    @property
    def headline(self) -> str:
        """Type without its package, and the first line of the message."""
        first = self.message.strip().splitlines()[0] if self.message.strip() else ""
        name = self.type.rpartition(".")[2]
        return f"{name}: {first}" if name and first else name or first

    def as_text(self) -> str:
        """Everything, as Copy puts it on the clipboard."""
        head = f"{self.type}: {self.message}" if self.type and self.message else self.type or self.message
        tail = self.traceback.rstrip()
        # a Python traceback ends with the exception itself
        parts = (tail,) if self.type and self.message and tail.endswith(self.message) else (head, self.remedy, tail)
        return "\n".join(part for part in parts if part)


@dataclass(frozen=True)
class TableData:
    """A table of a preview. `total` counts the rows of the whole value."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int

    @classmethod
    def parse(cls, text: str) -> TableData:
        """From {"columns": [...], "rows": [[...]], "total": n}.

        Raises:
            ValueError: it is not that.
        """
        data = json.loads(text)
        if not isinstance(data, dict) or not isinstance(data.get("columns"), list):
            raise ValueError("the preview is not a table")
        columns = tuple(str(name) for name in data["columns"])
        rows = tuple(tuple(row[: len(columns)]) + (None,) * (len(columns) - len(row)) for row in data.get("rows", ()))
        return cls(columns, rows, max(int(data.get("total", 0)), len(rows)))


def cell_text(value: Any) -> str:
    """A JSON value in one line of a table or tree."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


def sorted_rows(rows: Sequence[tuple[Any, ...]], column: int, descending: bool) -> list[tuple[Any, ...]]:
    """Rows by one column: numbers by size, then text without regard to case, then what is empty, always last."""
    empty = [row for row in rows if _is_empty(row[column])]
    full = [row for row in rows if not _is_empty(row[column])]
    return [*sorted(full, key=lambda row: _order(row[column]), reverse=descending), *empty]


def delimited(columns: Sequence[str], rows: Sequence[Sequence[Any]], delimiter: str = ",") -> str:
    """Rows as CSV, or as TSV with a tab: with a line of column names where `columns` has some."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    if columns:
        writer.writerow(columns)
    writer.writerows([cell_text(cell) for cell in row] for row in rows)
    return buffer.getvalue()


def python_path(keys: Sequence[str | int]) -> str:
    """Where a value is inside a result, as Python would reach it: `["epochs"][0]["loss"]`."""
    return "".join(f"[{json.dumps(key, ensure_ascii=False) if isinstance(key, str) else key}]" for key in keys)


async def save_value(client: ClusterClient, run: str, path: Path) -> int:
    """Write the whole encoded result of a run to a file: JSON or cloudpickle, as the cluster holds it.

    The file appears whole or not at all. Returns its size in bytes.

    Raises:
        RhError: the run has no result, or it cannot be fetched.
        OSError: the file cannot be written.
    """
    reply = await client.result(run)
    data = bytes(await client.data(reply.value))
    write_whole(path, data)
    return len(data)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _order(value: Any) -> tuple[int, Any]:
    if isinstance(value, bool | int | float):
        return 0, value
    return 1, cell_text(value).casefold()
