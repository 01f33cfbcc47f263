"""What requirements name: addresses that may be fetched from, and files of the tree that was sent, by content."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from rhresources.errors import InstallError, ServerProblem
from rhresources.package_words import shown
from rhserver.environments.archives import check_archive

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/\s]*)")
_SCHEMES = frozenset({"https", "http", "file", "git+https", "git+http", "git+ssh", "git+file"})


def refuse_addresses(requirement: str, where: str, *, git: bool = False) -> None:
    """Refuse addresses that would make git or ssh do something else than fetch; `git`: it is an address for git.

    Raises:
        ServerProblem: an address of another kind, or a host that reads like an option.
    """
    for scheme, host in _ADDRESS.findall(requirement):
        if (
            (f"git+{scheme}" if git else scheme).lower() not in _SCHEMES
            or host.rpartition("@")[2].startswith("-")
            or host.startswith("-")
        ):
            raise ServerProblem(f"{where}: nothing can be installed from {scheme}://{host}.", code="bad-package")


def refuse_broken(line: str, where: str) -> None:
    """Refuse a line that is no requirement; the installer would name a file and a position that nobody has.

    Raises:
        InstallError: it is none.
    """
    text = line.partition(" --")[0].strip()
    if "@" in text or "://" in text:
        return  # the installer takes more than the standard says
    try:
        Requirement(text)
    except InvalidRequirement as error:
        why = str(error).splitlines()[0].rstrip(". ")
        raise InstallError(
            f"{where}: {shown(text)} is not a requirement: {why}.",
            remedy='Write one package a line, such as "numpy==1.26" or "numpy>=1.26,<2".',
        ) from None


def content_of(path: Path) -> str:
    """A hash over a file, or over all files of a folder."""
    digest = hashlib.blake2b(digest_size=20)
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    for file in files:
        if "__pycache__" not in file.parts:
            digest.update(str(file.relative_to(path)).encode("utf-8", "surrogateescape") + b"\0")
            digest.update(hashlib.blake2b(file.read_bytes(), digest_size=20).digest())
    return digest.hexdigest()


def content_of_links(path: Path, shown: str) -> str:
    """A hash over a page of links, or the archives in a folder; each archive is looked at first.

    Raises:
        InstallError: an archive is none, or would write elsewhere.
    """
    digest = hashlib.blake2b(digest_size=20)
    for file in [path] if path.is_file() else sorted(path.iterdir()):
        if file.is_file():
            check_archive(file, f"{shown}/{file.name}" if file != path else shown)
            digest.update(file.name.encode("utf-8", "surrogateescape") + b"\0")
            digest.update(hashlib.blake2b(file.read_bytes(), digest_size=20).digest())
    return digest.hexdigest()


def inside(name: str, tree: Path, where: str, *bases: Path) -> Path:
    """The path `name`, which starts from the first of `bases` where it is, and has to be in `tree`.

    Raises:
        InstallError: it is not; the sentence begins with `where`.
    """
    path = next((path for base in bases if (path := (base / name).resolve()).exists()), None)
    if path is None or not path.is_relative_to(tree.resolve()):
        raise InstallError(
            f"{where}: {name} is not in the code that was sent.",
            remedy="Files that git ignores, or that lie outside the project, are not sent.",
        )
    return path
