"""What a function's source says right now: its signature and docstring, without running it. No Qt."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rhdesk.desktop.forms.static_schema import static_schema


@dataclass(frozen=True)
class FunctionSource:
    """A function as its file has it.

    Attributes:
        file: whole path.
        stamp: changes when the file does; None where there is no file.
        signature: "(epochs: int = 3) -> dict".
        schema: of the parameters, as far as the source tells.
        problem: why it could not be read; empty if it was.
    """

    file: Path
    stamp: tuple[int, int] | None = None
    signature: str = ""
    docstring: str = ""
    line: int = 0
    schema: dict[str, Any] | None = None
    problem: str = ""


def file_of(document: Any) -> Path:
    """The file that holds the code of a function's document."""
    return Path(str(document.code.root)).expanduser() / str(document.code.file)


def stamp_of(file: Path) -> tuple[int, int] | None:
    """Time and size of a file; None where it cannot be seen."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def read_source(document: Any) -> FunctionSource:
    """Read the function of a document. Never raises: what is wrong is in `problem`."""
    from rhresources.code.find import parse_file
    from rhresources.errors import RhError

    file, name = file_of(document), document.code.name
    stamp = stamp_of(file)
    if stamp is None:
        return FunctionSource(file, None, problem=f"{file} is not there.")
    try:
        module = parse_file(file)
    except RhError as error:
        return FunctionSource(file, stamp, problem=error.sentence)
    found = _find(module, name.split("."))
    if found is None:
        return FunctionSource(file, stamp, problem=f"{file.name} has no function {name}.")
    returns = f" -> {ast.unparse(found.returns)}" if found.returns is not None else ""
    signature = f"({ast.unparse(found.args)}){returns}"
    docstring = ast.get_docstring(found) or ""
    try:
        schema = static_schema(signature, docstring)
    except ValueError as error:
        return FunctionSource(file, stamp, signature, docstring, found.lineno, None, str(error))
    return FunctionSource(file, stamp, signature, docstring, found.lineno, schema)


def _find(module: ast.Module | ast.ClassDef, names: list[str]) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The last definition of that name, as Python would have it."""
    pending: list[ast.stmt] = list(module.body)
    result: ast.FunctionDef | ast.AsyncFunctionDef | None = None
    while pending:
        statement = pending.pop(0)
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and [statement.name] == names:
            result = statement
        elif isinstance(statement, ast.ClassDef) and statement.name == names[0] and len(names) > 1:
            result = _find(statement, names[1:]) or result
        elif isinstance(statement, ast.If | ast.Try):
            inner = [*statement.body, *statement.orelse]
            handlers = statement.handlers if isinstance(statement, ast.Try) else []
            pending = [*inner, *(one for handler in handlers for one in handler.body), *pending]
    return result
