"""The modules and functions of a package, read and never run: of a folder, a checkout, or what a cluster has. No Qt."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rhresources.errors import RhError

if TYPE_CHECKING:
    from rhresources.code.find import FoundFunction
    from rhresources.workspace import Workspace

_DEEPEST = 3  # a name that is imported on from module to module
_MOST_MODULES = 40  # that are read to follow the names of one


@dataclass(frozen=True)
class ModuleRow:
    """A module, or a package or folder of modules.

    Attributes:
        name: the key: "scipy.stats" of what is installed, "lib/tool.py" or "lib" of a folder.
        title: what is shown of it inside its parent.
        distribution: "scipy 1.14.1"; empty: not known.
        inside: whether there may be modules in it.
        has_functions: whether it may have functions of its own.
    """

    name: str
    title: str
    distribution: str = ""
    inside: bool = False
    has_functions: bool = True


@dataclass(frozen=True)
class PackageFunction:
    """A function of a package, with the `code` that a document of it has.

    Attributes:
        where: the module or file that offers it.
        defined_in: the module that defines it, where that is another one.
    """

    found: FoundFunction
    where: str
    code: dict[str, str]
    defined_in: str = ""

    @property
    def key(self) -> str:
        """Tells it from every other function of the package."""
        return f"{self.where}:{self.found.name}"


@dataclass(frozen=True)
class ModuleContents:
    """The functions of one module; `note` says why there are none, where that is known."""

    functions: tuple[PackageFunction, ...] = ()
    note: str = ""


class ModuleSource(Protocol):
    """Where modules are read from. All methods belong to the background loop."""

    async def modules(self, inside: str) -> list[ModuleRow]:
        """Those directly inside a module or folder; "" is the top.

        Raises:
            RhError: it cannot be read.
        """

    async def functions(self, module: str) -> ModuleContents:
        """The public functions that a module offers.

        Raises:
            RhError: it cannot be read.
        """


class FolderModules:
    """The Python files of a folder on this computer.

    Args:
        path: the folder.
        within: the part of it whose modules are meant; empty: all.
        code: what documents say of where it is ({"git_url": …, "revision": …}); None: its place on this computer.
    """

    def __init__(self, path: Path, code: dict[str, str] | None = None, *, within: str = "") -> None:
        self._path, self._code = path / within, code
        self._files: list[str] | None = None
        self._root = path

    async def modules(self, inside: str) -> list[ModuleRow]:
        files = await asyncio.to_thread(self._list)
        within = f"{inside}/" if inside else ""
        folders: set[str] = set()
        found: list[ModuleRow] = []
        for file in files:
            if not file.startswith(within):
                continue
            head, slash, _ = file[len(within) :].partition("/")
            if not slash:
                found.append(ModuleRow(file, head))
            elif head not in folders:
                folders.add(head)
                found.append(ModuleRow(within + head, head, inside=True, has_functions=False))
        # folders first, tests after the rest: they are seldom meant
        return sorted(found, key=lambda row: (_is_test(row.title), not row.inside, row.title.casefold()))

    async def functions(self, module: str) -> ModuleContents:
        from rhresources.code.find import find_functions, parse_file

        found = await asyncio.to_thread(find_functions, self._path / module)
        note = "" if found else why_none(await asyncio.to_thread(parse_file, self._path / module))
        file = (self._path / module).relative_to(self._root).as_posix()
        where = self._code or {"root": str(self._root)}
        functions = [PackageFunction(one, module, {**where, "file": file, "name": one.name}) for one in found]
        return ModuleContents(tuple(functions), note)

    def _list(self) -> list[str]:
        from rhresources.code.listing import find_root, list_files

        if self._files is None:
            if not self._path.is_dir():
                raise RhError(f"There is no folder {self._path}.", remedy="Correct the path of the package.")
            if self._code is None:
                top = find_root(self._path)
                self._root = top if top in (self._path, *self._path.parents) else self._path
            self._files = [name for name in list_files(self._path)[0] if name.endswith(".py")]
        return self._files


class InstalledModules:
    """The modules of an environment of a cluster, as far as they belong to `wanted`.

    Args:
        wanted: canonical names of distributions ("scikit-learn"); empty: all that the environment has.
    """

    def __init__(self, workspace: Workspace, cluster: str, hash: str, wanted: Sequence[str] = ()) -> None:
        self._workspace, self._cluster, self._hash, self._wanted = workspace, cluster, hash, set(wanted)
        self._read: dict[str, Any] = {}

    async def modules(self, inside: str) -> list[ModuleRow]:
        from rhresources.package_words import normal_name

        reply = await self._browse(inside)
        found = []
        for entry in reply.modules:
            title = entry.name.rpartition(".")[2]
            whose = normal_name(entry.distribution.partition(" ")[0])
            if title.startswith("_") or (not inside and self._wanted and whose not in self._wanted):
                continue
            found.append(ModuleRow(entry.name, title, entry.distribution, inside=entry.is_package))
        return sorted(found, key=lambda row: (_is_test(row.title), row.title.casefold()))

    async def functions(self, module: str) -> ModuleContents:
        from rhresources.code.find import find_in_source, parse_source

        reply = await self._browse(module)
        if not reply.source:
            return ModuleContents(note="It is compiled or has no source, so its functions cannot be read.")
        own = await asyncio.to_thread(find_in_source, reply.source, module)
        functions = [self._function(one, module, module) for one in own]
        known = {one.name for one in own}
        tree = await asyncio.to_thread(parse_source, reply.source, module)
        budget = [_MOST_MODULES]
        for name, origin, original in imported_names(tree, module, is_package=bool(reply.modules)):
            if name not in known and (found := await self._follow(origin, original, budget, _DEEPEST)):
                one, defined = found
                functions.append(self._function(replace(one, name=name), module, defined))
                known.add(name)
        return ModuleContents(tuple(functions), "" if functions else why_none(tree))

    def _function(self, found: FoundFunction, module: str, defined: str) -> PackageFunction:
        code = {"module": module, "name": found.name}
        return PackageFunction(found, module, code, defined if defined != module else "")

    async def _follow(self, module: str, name: str, budget: list[int], deep: int) -> tuple[FoundFunction, str] | None:
        """The function that `name` of a module is, wherever it is defined, and where that is."""
        from rhresources.code.find import find_in_source, parse_source

        if module not in self._read:
            if budget[0] <= 0:
                return None
            budget[0] -= 1
        try:
            reply = await self._browse(module)
            own = await asyncio.to_thread(find_in_source, reply.source, module)
            if found := next((one for one in own if one.name == name), None):
                return found, module
            tree = await asyncio.to_thread(parse_source, reply.source, module)
        except RhError:
            return None
        for given, origin, original in imported_names(tree, module, is_package=bool(reply.modules)):
            if given == name and deep > 1:
                return await self._follow(origin, original, budget, deep - 1)
        return None

    async def _browse(self, module: str) -> Any:
        """What the cluster says of a module, asked once."""
        if module not in self._read:
            environments = await self._workspace.environments(self._cluster)
            self._read[module] = await environments.browse(self._hash, module)
        return self._read[module]


def imported_names(tree: ast.Module, module: str, *, is_package: bool) -> list[tuple[str, str, str]]:
    """(name here, module it comes from, name there) of what a module imports out of its own package and offers on.

    A package offers what it imports; a plain module only what its `__all__` names.
    """
    top = module.partition(".")[0]
    offered = _all_of(tree)
    found: list[tuple[str, str, str]] = []
    for statement in tree.body:
        if not isinstance(statement, ast.ImportFrom):
            continue
        origin = statement.module or ""
        if statement.level:
            base = module.split(".")[: len(module.split(".")) - statement.level + (1 if is_package else 0)]
            origin = ".".join([*base, *([origin] if origin else [])])
        if origin.partition(".")[0] != top or origin == module:
            continue
        for alias in statement.names:
            name = alias.asname or alias.name
            if name == "*" or name.startswith("_"):
                continue
            if name in offered if offered is not None else is_package:
                found.append((name, origin, alias.name))
    return found


def why_none(tree: ast.Module) -> str:
    """Why a module shows no functions."""
    classes = [one.name for one in tree.body if isinstance(one, ast.ClassDef) and not one.name.startswith("_")]
    if classes:
        names = ", ".join(classes[:3]) + ("…" if len(classes) > 3 else "")
        return f"It has classes ({names}); methods cannot be run as functions."
    private = any(isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) for one in tree.body)
    return "All its functions are private." if private else "It has neither functions nor classes."


def _all_of(tree: ast.Module) -> set[str] | None:
    """What `__all__` lists; None where there is none that can be read."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in statement.targets
        ):
            try:
                return {str(name) for name in ast.literal_eval(statement.value)}
            except (ValueError, TypeError):
                return None
    return None


def _is_test(title: str) -> bool:
    return title in ("test", "tests", "testing", "conftest.py") or title.startswith("test_")
