"""What is installed in an environment, read from its files without starting its Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from rhresources.package_words import normal_name

PIP, CONDA = "pip", "conda"
"""Kinds of packages, by what installed them."""

Versions = dict[str, tuple[str, str]]
"""{normalised name: (kind, version)}"""

_HEADER_LIMIT = 16 * 1024


def normalised(name: str) -> str:
    """The one form of a distribution's name: `Foo_Bar.baz` is "foo-bar-baz"; conda's `_libgcc_mutex` stays."""
    return name.lower() if name.startswith("_") else normal_name(name)


def installed(prefix: Path) -> Versions:
    """The packages in the environment at `prefix`, by name; empty if nothing can be read.

    A distribution that conda brought counts once, as conda's package; one that pip put in its place counts as pip's.
    """
    from_conda, files = _conda_packages(prefix)
    found: Versions = {}
    for name, version, installer, folder in _distributions(prefix):
        if installer == CONDA or (not installer and folder in files):
            continue
        found[name] = (PIP, version)
    return dict(sorted({**from_conda, **found}.items()))


def write_versions(versions: Mapping[str, tuple[str, str]]) -> list[list[str]]:
    """`versions` as JSON can hold them: [[name, kind, version], …]."""
    return [[name, kind, version] for name, (kind, version) in sorted(versions.items())]


def read_versions(written: object) -> Versions:
    """Counterpart of `write_versions`; what is not of that shape is left out."""
    rows = written if isinstance(written, list) else []
    return {str(row[0]): (str(row[1]), str(row[2])) for row in rows if isinstance(row, list) and len(row) == 3}


def site_packages(prefix: Path) -> list[Path]:
    """The folders that packages lie in."""
    found = dict.fromkeys(
        folder.resolve() for pattern in ("lib", "lib64") for folder in prefix.glob(f"{pattern}/python*/site-packages")
    )
    return [folder for folder in found if folder.is_dir()]


def python_of(prefix: Path) -> tuple[str, str]:
    """(implementation, version) of the environment's Python, ("CPython", "3.12.4"); what is not known is empty."""
    try:
        lines = (prefix / "pyvenv.cfg").read_text("utf-8", "replace").splitlines()
    except OSError:
        file = next(prefix.glob("conda-meta/python-[0-9]*.json"), None)
        return ("CPython", file.name.split("-")[1]) if file is not None else ("", "")
    said = {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}
    return said.get("implementation", ""), said.get("version_info") or said.get("version", "")


def _conda_packages(prefix: Path) -> tuple[Versions, frozenset[str]]:
    """conda's packages, and the metadata folders among their files ("numpy-2.1.0.dist-info")."""
    found: Versions = {}
    metadata: set[str] = set()
    for file in prefix.glob("conda-meta/*.json"):
        try:
            record = json.loads(file.read_bytes())
            found[normalised(record["name"])] = (CONDA, str(record["version"]))
            for path in record.get("files") or ():
                folder, _, name = str(path).rpartition("/")
                if name in {"METADATA", "PKG-INFO"}:
                    metadata.add(folder.rpartition("/")[2])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found, frozenset(metadata)


def _distributions(prefix: Path) -> list[tuple[str, str, str, str]]:
    """(name, version, installer, metadata folder) of each distribution."""
    found = []
    for site in site_packages(prefix):
        for folder in site.iterdir():
            if folder.suffix not in {".dist-info", ".egg-info"}:
                continue
            name, version = _name_and_version(folder)
            if name:
                found.append((normalised(name), version, _installer(folder), folder.name))
    return found


def _name_and_version(folder: Path) -> tuple[str, str]:
    """From the headers, because folder names escape versions; from the folder's name where they cannot be read."""
    for name in ("METADATA", "PKG-INFO"):
        try:
            with (folder / name).open("rb") as file:
                head = file.read(_HEADER_LIMIT).decode("utf-8", "replace")
        except OSError:
            continue
        headers: dict[str, str] = {}
        for line in head.splitlines():
            if not line:
                break
            key, colon, value = line.partition(":")
            if colon:
                headers.setdefault(key.lower(), value.strip())
        if headers.get("name") and headers.get("version"):
            return headers["name"], headers["version"]
    name, _, version = folder.stem.partition("-")
    return name, version


def _installer(folder: Path) -> str:
    try:
        return (folder / "INSTALLER").read_text("utf-8", "replace").strip().lower()
    except OSError:
        return ""
