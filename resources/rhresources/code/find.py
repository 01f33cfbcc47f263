"""The functions in Python files, read and not run: what a file offers before it is on any cluster."""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rhresources.code.listing import list_files
from rhresources.errors import NotFound, RhError, UsageError

Kind = Literal["plain", "coroutine", "generator", "async generator"]

_MOST_FILES = 5000


@dataclass(frozen=True, slots=True)
class FoundFunction:
    """A public function at the top level of a file.

    Attributes:
        file: relative to the folder that was searched, with `/`; the file's name where one file was.
        name: of the function.
        line: where it is defined, from 1.
        signature: `(epochs: int = 3, lr: float = 2e-5) -> dict`, as the source says it.
        docstring: cleaned, empty if there is none.
        kind: what a call of it gives.
    """

    file: str
    name: str
    line: int
    signature: str
    docstring: str
    kind: Kind


def find_functions(path: Path | str) -> list[FoundFunction]:
    """Public top-level functions of a Python file, or of every file of a tree; nothing is imported.

    In a tree, files that are not Python are passed over.

    Raises:
        NotFound: there is no such file or folder.
        RhError: the one file that was asked for cannot be read or parsed; the sentence names the line.
    """
    path = Path(path).expanduser()
    if path.is_file():
        return list(_functions(parse_file(path), path.name))
    if not path.is_dir():
        raise NotFound(f"There is no file or folder {path}.", remedy="Check the path.")
    found: list[FoundFunction] = []
    names = sorted(name for name in list_files(path)[0] if name.endswith(".py"))
    for name in names[:_MOST_FILES]:
        try:
            found += _functions(parse_file(path / name), name)
        except RhError:
            continue
    return found


def find_in_source(source: str, file: str) -> list[FoundFunction]:
    """Public top-level functions of Python source; nothing is run.

    Args:
        source: the text.
        file: what it is called in what is found, and in problems.

    Raises:
        RhError: it cannot be parsed; the sentence names the line.
    """
    return list(_functions(parse_source(source, file), file.rpartition("/")[2]))


def parse_source(source: str, file: str) -> ast.Module:
    """The syntax tree of source that was read already.

    Raises:
        RhError: it is not Python; the sentence names the line.
    """
    try:
        return ast.parse(source, file)
    except SyntaxError as error:
        raise _syntax_problem(file, error) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise RhError(f"{file} is not Python: {error}.") from None


def parse_file(path: Path) -> ast.Module:
    """The syntax tree of a file.

    Raises:
        RhError: it cannot be read, or is not Python; the sentence names the line.
    """
    try:
        with tokenize.open(path) as file:
            source = file.read()
        return ast.parse(source, str(path))
    except SyntaxError as error:
        raise _syntax_problem(path, error) from None
    except UnicodeDecodeError as error:
        raise RhError(f"{path} is not text: {error.reason}.") from None
    except ValueError as error:
        raise RhError(f"{path} is not Python: {error}.") from None
    except OSError as error:
        raise RhError(f"{path} cannot be read: {error.strerror or error}.") from error


def _syntax_problem(file: Path | str, error: SyntaxError) -> RhError:
    where = f", line {error.lineno}" if error.lineno else ""
    return RhError(f"{file}{where}: {error.msg}.", remedy="Correct the file.", detail=(error.text or "").rstrip())


def require_name(path: Path, name: str) -> Kind:
    """Make sure that the file defines or imports `name` (`main`, `Trainer.fit`) and say what a call of it gives.

    Raises:
        UsageError: it does not; the remedy names what it has.
        RhError: the file cannot be read or parsed.
    """
    module = parse_file(path)
    first, _, rest = name.partition(".")
    for statement in _statements(module):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and statement.name == first and not rest:
            return _kind(statement)
        if isinstance(statement, ast.ClassDef) and statement.name == first:
            for inner in statement.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner.name == rest:
                    return _kind(inner)
            return "plain"
        if first in _bound(statement) or "*" in _bound(statement):
            return "plain"
    offered = [function.name for function in _functions(module, path.name)]
    raise UsageError(
        f"{path.name} has no function {name!r}.",
        remedy=f"It has {', '.join(offered[:8])}{' …' if len(offered) > 8 else ''}."
        if offered
        else "It has no public function.",
    )


def _functions(module: ast.Module, file: str) -> Iterator[FoundFunction]:
    last = {
        statement.name: statement
        for statement in _statements(module)
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and not statement.name.startswith("_")
    }
    for statement in sorted(last.values(), key=lambda function: function.lineno):
        yield FoundFunction(
            file=file,
            name=statement.name,
            line=statement.lineno,
            signature=_signature(statement),
            docstring=ast.get_docstring(statement) or "",
            kind=_kind(statement),
        )


def _statements(module: ast.Module) -> Iterator[ast.stmt]:
    """Those of the module, and those under its `if` and `try`."""
    pending: list[ast.stmt] = list(module.body)[::-1]
    while pending:
        statement = pending.pop()
        yield statement
        if isinstance(statement, ast.If) and not _is_main_guard(statement):
            pending += [*statement.body, *statement.orelse][::-1]
        elif isinstance(statement, ast.Try):
            handlers = [inner for handler in statement.handlers for inner in handler.body]
            pending += [*statement.body, *handlers, *statement.orelse][::-1]


def _is_main_guard(statement: ast.If) -> bool:
    return "__main__" in ast.dump(statement.test)


def _bound(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name.partition(".")[0]) for alias in statement.names}
    if isinstance(statement, ast.Assign):
        return {node.id for target in statement.targets for node in ast.walk(target) if isinstance(node, ast.Name)}
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return {statement.target.id}
    return set()


def _signature(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    returns = f" -> {ast.unparse(function.returns)}" if function.returns is not None else ""
    return f"({ast.unparse(function.args)}){returns}"


def _kind(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Kind:
    yields = _yields(function)
    if isinstance(function, ast.AsyncFunctionDef):
        return "async generator" if yields else "coroutine"
    return "generator" if yields else "plain"


def _yields(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            pending.extend(ast.iter_child_nodes(node))
    return False
