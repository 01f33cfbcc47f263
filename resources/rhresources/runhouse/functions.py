"""Functions of Runhouse: `fn_pointers`, which is (folder on the cluster, module, name), and what they need."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from rhresources.documents import Document, FunctionDocument
from rhresources.errors import DocumentError, UsageError
from rhresources.packages import parse_package
from rhresources.runhouse import packages
from rhresources.runhouse.values import Surroundings, document_of, name_here, text, texts

_HERE = frozenset({"", "file", "here", "local"})
_ANY_CALL = {"signature": "(*args, **kwargs)", "async": False, "gen": False, "doc": None, "annotations": "{}"}
"""How 0.0.42 notes what a function takes; without it, it imports the code where it only reads about it."""


def to_document(config: Mapping[str, Any], notes: list[str], around: Surroundings) -> Document:
    """The document of a function.

    Raises:
        DocumentError: nothing says where its code is.
    """
    folder, module, name = _pointers(config)
    given = config.get("reqs")
    needed = list(given) if isinstance(given, (list, tuple)) else texts(given)
    code, used = _code(folder, module, name, needed, notes, around)
    # the tree of a repository that the code itself is in is no package besides
    lines = [_of_repository(needed[used])] if used is not None else []
    lines += [packages.to_line(each, notes, around) for index, each in enumerate(needed) if index != used]
    values: dict[str, Any] = {
        "kind": "function",
        "code": code,
        "packages": list(dict.fromkeys(line for line in lines if line)),
        "setup_commands": texts(config.get("setup_cmds")),
        "cluster": _cluster(config.get("system"), notes, around),
    }
    for field in ("env", "compute"):
        if config.get(field):
            notes.append(f"{field} was not carried over: write its packages and variables into the function.")
    return document_of({key: value for key, value in values.items() if value}, notes, ("code",))


def _pointers(config: Mapping[str, Any]) -> tuple[str, str, str]:
    pointers = config.get("fn_pointers") or config.get("pointers")
    if not isinstance(pointers, (list, tuple)) or len(pointers) != 3:
        raise DocumentError("fn_pointers is missing, so nothing says where the code of the function is.")
    folder, module, name = map(text, pointers)
    if not module or not name:
        raise DocumentError("fn_pointers names no module or no function, so the function cannot be found again.")
    if module == "notebook" or "<" in name:
        raise DocumentError("The function lived in a notebook or had no name, so its code was saved nowhere.")
    return folder, module, name


def _code(
    folder: str, module: str, name: str, needed: list[Any], notes: list[str], around: Surroundings
) -> tuple[dict[str, Any], int | None]:
    """Where the code is, and which of the packages is the repository that it is in."""
    if not folder:
        return {"module": module, "name": name}, None
    path = PurePosixPath(folder)
    file = f"{module.replace('.', '/')}.py"
    for index, each in enumerate(needed):
        if isinstance(each, Mapping) and (url := text(each.get("git_url"))):
            repository = url.rstrip("/").rpartition("/")[2].removesuffix(".git")
            if repository and path.parts[:1] == (repository,):
                inside = str(PurePosixPath(*path.parts[1:]) / file)
                revision = text(each.get("revision"))
                return {"git_url": url, "revision": revision, "file": inside, "name": name}, index
    return _in_a_folder(path, file, name, notes, around), None


def _in_a_folder(path: PurePosixPath, file: str, name: str, notes: list[str], around: Surroundings) -> dict[str, Any]:
    project = around.project
    if path.is_absolute() or path.parts[:1] == ("~",):
        if project is not None and (whole := Path(str(path)).expanduser()).is_relative_to(project):
            return {"root": str(project), "file": str(whole.relative_to(project) / file), "name": name}
        return {"root": str(path), "file": file, "name": name}
    inside = str(PurePosixPath(*path.parts[1:]) / file)
    if project is not None and path.parts[:1] == (project.name,):
        if not (project / inside).is_file():
            notes.append(f"code.file: there is no file {inside} in {project} now.")
        return {"root": str(project), "file": inside, "name": name}
    root = f"~/{path.parts[0]}" if path.parts else "~"
    notes.append(
        f"code.root is a guess, {root}: Runhouse noted only what the folder is called; change it if it is not."
    )
    return {"root": root, "file": inside, "name": name}


def _of_repository(package: Any) -> str:
    """What the repository of the code is used for; its requirements are installed where nothing is said."""
    method = text(package.get("install_method"))
    return {"pip": "pip:./", "uv": "pip:./", "reqs": "", "git": ""}.get(method, "local:./")


def _cluster(system: Any, notes: list[str], around: Surroundings) -> str:
    if isinstance(system, Mapping):
        name = name_here(system.get("name"), around)
        told = f"save it as {name}" if name else "save it under a name, and write that into cluster"
        notes.append(f"Its cluster was written out inside of it and was not carried over: {told}.")
        return name
    said = text(system)
    if said in _HERE:
        return ""
    name = name_here(said, around)
    if not name:
        notes.append(f"system was not carried over: {said[:60]!r} is not the name of a cluster.")
    return name


def from_document(address: str, document: FunctionDocument) -> dict[str, Any]:
    """What both versions load as a function; only 0.0.5 knows packages and set-up commands of one."""
    needed = [packages.from_line(line) for line in document.packages]
    code = document.code
    if code.module:
        pointers: list[str | None] = [None, code.module, code.name]
    else:
        file = PurePosixPath(code.file)
        at = code.git_url.rstrip("/").rpartition("/")[2].removesuffix(".git") if code.git_url else ""
        top = at or PurePosixPath(re.sub(r"[\\/]+", "/", code.root)).name
        folder = PurePosixPath(top) / file.parent if top else file.parent
        module = file.parent.name if file.stem == "__init__" else file.stem
        pointers = [str(folder.parent if file.stem == "__init__" else folder), module, code.name]
        use = next((index for index, line in enumerate(document.packages) if _is_root(line)), None)
        if code.git_url:
            method = "reqs" if use is None else parse_package(document.packages[use]).method
            needed = [each for index, each in enumerate(needed) if index != use]
            package = {
                "resource_type": "package",
                "resource_subtype": "GitPackage",
                "install_method": method,
                "git_url": code.git_url,
            }
            needed.insert(0, package | ({"revision": code.revision} if code.revision else {}))
        elif use is None:
            needed.append("./")  # else the folder would not travel
    return {
        "name": address,
        "resource_type": "function",
        "resource_subtype": "Function",
        "system": document.cluster,
        "reqs": needed,
        "setup_cmds": list(document.setup_commands),
        "fn_pointers": pointers,
        "signature": {"call": dict(_ANY_CALL)},
    }


def _is_root(line: str) -> bool:
    try:
        spec = parse_package(line)
    except UsageError:
        return False
    return spec.is_path and spec.target.rstrip("/") == "."
