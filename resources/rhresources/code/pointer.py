"""From a callable, or from text such as `train.py:main`, to what a worker needs to find it again.

Code in modules travels as files and is imported there. What lives in no module (a script's `__main__`, a notebook,
lambdas, closures) is pickled by value, and the files around it travel along for what it imports.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle

from rhresources.code.find import Kind, require_name
from rhresources.code.listing import find_root, is_too_wide
from rhresources.errors import UsageError
from rhresources.git.pages import is_page, parse_page

if TYPE_CHECKING:
    from rhresources.documents.function import FunctionCode


@dataclass(frozen=True, slots=True)
class Pointer:
    """A function, as this machine knows it.

    Attributes:
        title: what people call it: `train.py:main`.
        root: of the tree that travels.
        folder: inside the tree, with `/`; goes onto sys.path. Empty: the root.
        module: dotted name; empty for a pickled function.
        name: qualified name inside the module; of a pickled function, for people.
        file: relative to the root, empty where no file of the tree holds the function.
        pickled: the callable by value, else None.
        kind: what a call gives.
        only: the one file that travels, where the folder around it is no project.
        git_url, revision: the repository that the code is in, else empty. `root` is its checkout, `NOT_HERE` before
            there is one; folder, module and kind are known then.
        sent: the code is not on this computer; it was sent to a cluster as (project, hash of the tree).
    """

    title: str
    root: Path
    folder: str
    module: str
    name: str
    file: str = ""
    pickled: bytes | None = None
    kind: Kind = "plain"
    only: tuple[str, ...] | None = None
    git_url: str = ""
    revision: str = ""
    sent: tuple[str, str] | None = None


NOT_HERE = Path()
"""The root of code that is in a repository and not checked out."""


def pointer_of_code(code: FunctionCode) -> Pointer:
    """What the code of a document points to. One in a repository is checked out later, by whoever runs it.

    Raises:
        UsageError: the file has no such function, or cannot be imported under its name; or its folder is not here.
        RhError: the file cannot be read.
    """
    if code.git_url:
        return pointer_of_repository(code.git_url, code.revision, code.file, code.name)
    if code.module:
        # no code travels; paths among its packages start from the home directory
        return Pointer(code.pointer, Path.home(), "", code.module, code.name, only=())
    root = Path(code.root).expanduser()
    if os.path.isdir(root):
        return pointer_of_file(root / code.file, code.name, root)
    if (sent := code.sent) is None:
        raise UsageError(
            f"The folder {code.root}, with the code of {code.pointer}, is not on this computer.",
            remedy="Name a git repository in its document in place of the folder (git_url), which works everywhere; or "
            "let whoever has the folder run it once, or send it to its cluster (rhdesk send).",
        )
    return Pointer(
        code.pointer, root, sent.folder, sent.module, code.name, file=code.file, kind=sent.gives,
        sent=(sent.project, sent.tree),
    )  # fmt: skip


def pointer_of_repository(git_url: str, revision: str, file: str, name: str) -> Pointer:
    """A function of a git repository, which is not looked into."""
    return Pointer(f"{file}:{name}", NOT_HERE, "", "", name, file=file, git_url=git_url, revision=revision)


def pointer_at_checkout(pointer: Pointer, folder: Path) -> Pointer:
    """A function of a repository, in the checkout `folder` of it.

    Raises:
        UsageError: the repository has no such file, or the file no such function.
    """
    if not (folder / pointer.file).is_file():
        where = f"{pointer.git_url}@{pointer.revision}" if pointer.revision else pointer.git_url
        raise UsageError(f"{where} has no file {pointer.file}.", remedy="Check the path and the revision.")
    found = pointer_of_file(folder / pointer.file, pointer.name, folder)
    return replace(found, git_url=pointer.git_url, revision=pointer.revision)


def code_of_pointer(pointer: Pointer) -> FunctionCode:
    """What a document says about where the function is.

    Raises:
        UsageError: it lives in no file and no module, so nothing could find it again.
    """
    from rhresources.documents.function import FunctionCode, SentCode

    if pointer.sent is not None:
        project, tree = pointer.sent
        sent = SentCode(project=project, tree=tree, folder=pointer.folder, module=pointer.module, gives=pointer.kind)
        return FunctionCode(root=str(pointer.root), file=pointer.file, name=pointer.name, sent=sent)
    if pointer.git_url:
        return FunctionCode(git_url=pointer.git_url, revision=pointer.revision, file=pointer.file, name=pointer.name)
    if pointer.pickled is None and pointer.file:
        return FunctionCode(root=str(pointer.root), file=pointer.file, name=pointer.name)
    if pointer.pickled is None and pointer.module:
        return FunctionCode(module=pointer.module, name=pointer.name)
    raise UsageError(
        f"{pointer.title} cannot be saved: what a script, a notebook or another function defines is not found again "
        "by its name.",
        remedy="Move it into a file that the script imports.",
    )


def pointer_of_text(text: str, directory: Path | str | None = None) -> Pointer:
    """What `path/to/file.py:function`, `package.module:function` or the page of a function's file points to.

    Args:
        text: the pointer.
        directory: what relative paths and modules start from; default: the current directory.

    Raises:
        UsageError: it is not a pointer, or there is no such file or function.
    """
    if is_page(text):
        page = parse_page(text)
        return pointer_of_repository(page.git_url, page.revision, page.file, page.name)
    where, colon, name = text.strip().rpartition(":")
    if not colon or not where or not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(
            f"{text!r} does not point to a function.",
            remedy='Write "path/to/file.py:function" or "package.module:function".',
        )
    base = Path(directory or Path.cwd()).absolute()
    if where.endswith(".py") or "/" in where or os.sep in where:
        file = Path(os.path.normpath(base / Path(where).expanduser()))
        if not file.is_file():
            raise UsageError(f"There is no file {file}.", remedy="Check the path; it is relative to this directory.")
        return pointer_of_file(file, name)
    root = find_root(base)
    relative = where.replace(".", "/")
    for start in dict.fromkeys((base, root, base / "src", root / "src")):
        for candidate in (start / f"{relative}.py", start / relative / "__init__.py"):
            if candidate.is_file():
                kind = require_name(candidate, name)
                return Pointer(
                    title=f"{where}:{name}", root=root, folder=_inside(root, start), module=where, name=name,
                    file=_inside(root, candidate), kind=kind,
                )  # fmt: skip
    return Pointer(title=f"{where}:{name}", root=root, folder="", module=where, name=name)


def pointer_of_file(file: Path, name: str, root: Path | None = None) -> Pointer:
    """What function `name` of `file` is.

    Raises:
        UsageError: the file has no such function, or cannot be imported under its name.
    """
    kind = require_name(file, name)
    root = root or find_root(file)
    only = (_inside(root, file),) if is_too_wide(root) else None
    folder, module = module_of(root, file)
    return Pointer(
        title=f"{_inside(root, file)}:{name}", root=root, folder=folder, module=module, name=name,
        file=_inside(root, file), kind=kind, only=only,
    )  # fmt: skip


def pointer_of_module(file: Path) -> Pointer:
    """What a whole file is: a pointer without a name.

    Raises:
        UsageError: there is no such file, or it cannot be imported under its name.
    """
    file = file.expanduser().absolute()
    if not file.is_file():
        raise UsageError(f"There is no file {file}.", remedy="Check the path.")
    root = find_root(file)
    folder, module = module_of(root, file)
    inside = _inside(root, file)
    return Pointer(inside, root, folder, module, "", inside, only=(inside,) if is_too_wide(root) else None)


def module_of(root: Path, file: Path) -> tuple[str, str]:
    """The folder that goes onto sys.path, relative to `root`, and the dotted name of `file` from there.

    Raises:
        UsageError: the name of the file or of a folder has a dot and cannot be imported.
    """
    parts = [] if file.name == "__init__.py" else [file.stem]
    folder = file.parent
    while folder != root and (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    if not parts:
        raise UsageError(f"{file} is the root of its project and cannot be imported.", remedy="Move the function.")
    for part in parts:
        if "." in part:
            raise UsageError(
                f"{file} cannot be imported: {part!r} has a dot in it.",
                remedy="Rename it, with '_' in place of the dot.",
            )
    return _inside(root, folder), ".".join(parts)


def pointer_of_callable(function: Callable[..., Any], name: str = "") -> Pointer:
    """What `function` is: a place in a module, or a pickle where it has none.

    Raises:
        UsageError: it is not callable, or cannot be pickled.
    """
    if not callable(function):
        raise UsageError(f"{function!r} is not callable.", remedy="Give a function, or text that points to one.")
    module, qualified = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    home = sys.modules.get(module) if isinstance(module, str) else None
    if home is None or module == "__main__" or not qualified or not _is_at(home, qualified, function):
        return _pickled(function, name)
    assert module is not None
    source = getattr(home, "__file__", None)
    kind = kind_of(function)
    if source is None or _is_installed(source):
        # its environment has it, or a package of `reqs` brings it
        return Pointer(f"{module}:{qualified}", find_root(Path.cwd()), "", module, qualified, kind=kind)
    file = Path(source).absolute()
    root = find_root(file)
    depth = module.count(".") + (1 if file.name == "__init__.py" else 0)
    start = file.parents[depth]
    if start != root and root not in start.parents:
        folder, module = module_of(root, file)
    else:
        folder = _inside(root, start)
    return Pointer(
        title=f"{_inside(root, file)}:{qualified}", root=root, folder=folder, module=module, name=qualified,
        file=_inside(root, file), kind=kind, only=(_inside(root, file),) if is_too_wide(root) else None,
    )  # fmt: skip


def kind_of(function: Callable[..., Any]) -> Kind:
    """What a call of `function` gives."""
    target: Any = inspect.unwrap(function)
    while isinstance(target, functools.partial):
        target = target.func
    if not inspect.isroutine(target) and not inspect.isclass(target):
        target = type(target).__call__
    if inspect.isasyncgenfunction(target):
        return "async generator"
    if inspect.isgeneratorfunction(target):
        return "generator"
    return "coroutine" if inspect.iscoroutinefunction(target) else "plain"


def _pickled(function: Callable[..., Any], name: str) -> Pointer:
    try:
        data = cloudpickle.dumps(function, protocol=5)
    except Exception as error:
        raise UsageError(
            f"{name or function!r} cannot be sent: {type(error).__name__}: {error}.",
            remedy="It holds something that lives in this process only (a file, a lock, a connection); "
            "make that inside the function.",
        ) from error
    title = name or getattr(function, "__name__", type(function).__name__)
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    at_main = getattr(function, "__module__", None) == "__main__" and main is not None
    start = Path(main).absolute().parent if at_main and main else Path.cwd()
    root = find_root(start)
    return Pointer(
        title, root, _inside(root, start), "", title, pickled=data, kind=kind_of(function),
        only=() if is_too_wide(root) else None,
    )  # fmt: skip


def _is_at(module: Any, qualified: str, function: Callable[..., Any]) -> bool:
    found = module
    for part in qualified.split("."):
        found = getattr(found, part, None)
        if found is None:
            return False
    # `train = rh.function(train)` puts a handle of ours in the place of the function
    return found is function or getattr(found, "__rh_function__", None) is function


def _is_installed(file: str) -> bool:
    places = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    path = os.path.realpath(file)
    return any(path.startswith(os.path.realpath(place) + os.sep) for place in places if place)


def _inside(root: Path, path: Path) -> str:
    try:
        relative = path.relative_to(root).as_posix()
    except ValueError:
        relative = path.resolve().relative_to(root.resolve()).as_posix()
    return "" if relative == "." else relative
