"""What a function's source says right now: its signature and docstring, without running it. No Qt."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rhdesk.desktop.forms.static_schema import static_schema

if TYPE_CHECKING:
    from rhresources.workspace import Workspace


@dataclass(frozen=True)
class FunctionSource:
    """A function as its file has it.

    Attributes:
        file: whole path; None where the code is not on this computer.
        stamp: changes when the file does; None where there is no file.
        signature: "(epochs: int = 3) -> dict".
        schema: of the parameters, as far as the source tells.
        problem: why it could not be read; empty if it was.
    """

    file: Path | None
    stamp: tuple[int, int] | None = None
    signature: str = ""
    docstring: str = ""
    line: int = 0
    schema: dict[str, Any] | None = None
    problem: str = ""


def file_of(document: Any) -> Path | None:
    """The file that holds the code of a function's document; None where it is not on this computer."""
    code = document.code
    if code.place == "folder":
        return Path(code.root).expanduser() / str(code.file)
    if code.place == "git":
        from rhresources.git.checkouts import kept_checkout

        checkout = kept_checkout(code.git_url, code.revision)
        return checkout.folder / str(code.file) if checkout is not None else None
    return None


def stamp_of(file: Path | None) -> tuple[int, int] | None:
    """Time and size of a file; None where it cannot be seen."""
    if file is None:
        return None
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def read_source(document: Any) -> FunctionSource:
    """Read the function of a document. Never raises: what is wrong is in `problem`."""
    from rhresources.code.find import parse_file
    from rhresources.errors import RhError

    code, file, name = document.code, file_of(document), document.code.name
    if code.place == "module" or (getattr(code, "sent", None) is not None and not stamp_of(file)):
        # the cluster that has it says more
        return FunctionSource(None, schema=static_schema("(*args, **kwargs)"))
    if file is None:
        return FunctionSource(None, problem=f"{code.source} was not fetched yet.")
    stamp = stamp_of(file)
    if stamp is None:
        where = f"{code.source} has no file {code.file}." if code.place == "git" else f"{file} is not there."
        return FunctionSource(file, None, problem=where)
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


async def fetch_source(document: Any, workspace: Workspace, progress: Callable[[str], None]) -> FunctionSource:
    """`read_source` for code in a git repository, which is checked out first; without a network, what is here."""
    from rhresources.errors import RhError

    try:
        await workspace.locate(document, progress)
    except RhError as error:
        found = await asyncio.to_thread(read_source, document)
        return replace(found, problem=str(error)) if found.problem else found
    return await asyncio.to_thread(read_source, document)


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
