"""Packages of Runhouse: saved ones, those of git, and the lines that functions have."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rhresources.documents import Document, PackageDocument
from rhresources.errors import DocumentError, UsageError
from rhresources.packages import looks_like_path, parse_package
from rhresources.runhouse.values import Surroundings, document_of, name_here, text, words

_METHODS = {"local": "local", "reqs": "reqs", "pip": "pip", "uv": "pip", "conda": "conda"}
_CHECKOUTS = {"local": "local", "reqs": "reqs", "pip": "pip", "uv": "pip", "git": "reqs", "": "local"}
_LINE = re.compile(r"(?:(?P<method>[A-Za-z]+):(?!//))?(?P<rest>.*)", re.DOTALL)
_OF_SYSTEMS = re.compile(
    "bin|boot|data|dev|etc|home|lib(64)?|media|mnt|opt|private|proc|root|run|sbin|scratch|srv|sys|tmp|usr|var|Users|Volumes"
)
"""What an absolute path begins with; no user of Runhouse is called so."""


def to_document(config: Mapping[str, Any], notes: list[str], around: Surroundings) -> Document:
    """The document of a saved package.

    Raises:
        DocumentError: it does not say what to install, or that is not here.
    """
    method = text(config.get("install_method"))
    if url := text(config.get("git_url")):
        if method not in _CHECKOUTS:
            raise DocumentError(f"install_method: a repository cannot be installed by {method[:40]!r}.")
        values: dict[str, Any] = {
            "install_method": "git",
            "git_url": url,
            "revision": text(config.get("revision")),
            "checkout": _CHECKOUTS[method],
        }
    else:
        if method not in _METHODS:
            raise DocumentError(
                f"install_method: {method[:40]!r} is not a way to install."
                if method
                else "install_method is missing, so nothing says how it is installed."
            )
        values = {"install_method": _METHODS[method], "target": _target(config, _METHODS[method], notes, around)}
    options = words(config.get("install_args"), notes, "install_args")
    if options and "local" in (values["install_method"], values.get("checkout")):
        notes.append("install_args was not carried over: nothing is installed of a local package.")
    elif options:
        values["options"] = options
    if version := text(config.get("preferred_version")):
        notes.append(
            f"preferred_version {version[:60]} was not carried over: write {values.get('target', '')}=={version[:60]} "
            "to have just that one."
        )
    document = document_of({"kind": "package"} | values, notes, ("install_method", "target", "git_url"))
    assert isinstance(document, PackageDocument)
    return PackageDocument.from_spec(document.spec())


def _target(config: Mapping[str, Any], method: str, notes: list[str], around: Surroundings) -> str:
    target = config.get("install_target")
    if isinstance(target, Mapping):  # a folder, written out
        system = target.get("system", "file")
        if system not in (None, "file"):
            raise DocumentError("install_target: its folder is not on this computer.")
        return _path(text(target.get("path")) or "./", around)
    if isinstance(target, (list, tuple)):  # (path here, path on the cluster)
        target = target[0] if target else ""
        return _path(text(target) or "./", around)
    found = text(target)
    if not found:
        raise DocumentError("install_target is missing, so nothing says what is installed.")
    if method in {"local", "reqs"} or looks_like_path(found):
        return _path(found, around)
    # 0.0.42 leaves the options in the target too
    found = found.split(" -", 1)[0].strip()
    extras = text(config.get("install_extras"))
    if extras and "[" not in found and (name := re.match(r"[A-Za-z0-9._-]+", found)):
        found = f"{name[0]}[{extras}]{found[name.end() :]}"
    return found


def _path(path: str, around: Surroundings) -> str:
    """A path of Runhouse, which starts from its project, as one of ours."""
    if path in {".", "./"}:
        return str(around.project or "./")
    if looks_like_path(path):
        return path
    inside = path.removeprefix("./")
    return str(around.project / inside) if around.project is not None else f"./{inside}"


def to_line(given: Any, notes: list[str], around: Surroundings) -> str:
    """The package line of one that a function needs: text, or a config; empty where it cannot be carried over."""
    if isinstance(given, Mapping):
        if name := name_here(given.get("name"), around):
            return f"rh:{name}"
        inner: list[str] = []
        try:
            document = to_document(given, inner, around)
        except DocumentError as error:
            notes.append(f"A package of it was not carried over: {error.sentence}")
            return ""
        notes += inner
        assert isinstance(document, PackageDocument)
        return str(document.spec())
    line = _translated(text(given), around)
    try:
        if line:
            parse_package(line)
    except UsageError as error:
        notes.append(f"A package of it was not carried over: {error.sentence}")
        return ""
    return line


def _translated(line: str, around: Surroundings) -> str:
    """A line of Runhouse as it is written today."""
    if _is_saved(line, around):
        return f"rh:{name_here(line, around)}"
    found = _LINE.fullmatch(line)
    method, rest = (found["method"] or "", found["rest"].strip()) if found else ("", line)
    if method == "rh":
        return f"rh:{name_here(rest, around) or rest}"
    if method == "uv":
        return f"pip:{rest}"
    if method == "git" or method not in {"", *_METHODS}:
        return line
    if rest.startswith("https://github.com/"):
        return f"{method or 'local'}:{rest}"
    target, space, options = rest.partition(" ")
    # what lies in the project is a folder there, whatever it looks like
    is_there = around.project is not None and method != "conda" and "/" not in target and _lies_in(around, target)
    bare = "/" in target and not looks_like_path(target) and "://" not in target and "@" not in target
    if is_there or bare or (method in {"local", "reqs"} and not looks_like_path(target)):
        target = f"./{target}"
    return f"{method}:{target}{space}{options}" if method else f"{target}{space}{options}"


def _lies_in(around: Surroundings, target: str) -> bool:
    if around.project is None or not re.fullmatch(r"[\w.-]+", target) or target.endswith(".txt"):
        return False
    return (around.project / target).is_dir()


def _is_saved(line: str, around: Surroundings) -> bool:
    """Whether a line is the address of a saved package rather than a path."""
    if line in around.names:
        return True
    first = Path(line).parts[1] if line.startswith("/") and len(Path(line).parts) > 2 else ""
    return bool(first and not _OF_SYSTEMS.fullmatch(first) and " " not in line and name_here(line, around))


def from_document(address: str, document: PackageDocument) -> dict[str, Any]:
    """What both versions load as a package; 0.0.42 knows none of git and gets what pip makes of it."""
    config: dict[str, Any] = {"name": address, "resource_type": "package", "resource_subtype": "Package"}
    options = " ".join(map(shlex.quote, [*(f"--channel={name}" for name in document.channels), *document.options]))
    if document.install_method == "git":
        at = f"@{document.revision}" if document.revision else ""
        config |= {
            "resource_subtype": "GitPackage",
            "install_method": document.checkout,
            "install_target": f"git+{document.git_url}{at}" if "://" in document.git_url else document.git_url,
            "git_url": document.git_url,
            "revision": document.revision or None,
        }
    else:
        config |= {"install_method": document.install_method, "install_target": document.target}
    config["install_args"] = options or None
    return {name: value for name, value in config.items() if value is not None}


def from_line(line: str) -> str | dict[str, Any]:
    """One package that a function needs, as 0.0.5 reads it in `reqs`."""
    spec = parse_package(line)
    if spec.method == "git":
        config = from_document("", PackageDocument.from_spec(spec))
        del config["name"]
        return config
    way, target = "rh" if spec.method == "saved" else spec.method, spec.target
    line = target if way == "pip" and not spec.is_path else f"{way}:{target}"
    return " ".join((line, *map(shlex.quote, spec.options)))
