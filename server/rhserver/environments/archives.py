"""Archives that are to be installed, looked at before anything of them is unpacked."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from rhresources.errors import InstallError

_MEMBERS_LIMIT = 500_000


def check_archive(path: Path, shown: str) -> None:
    """Refuse a wheel or source archive with members that would land elsewhere; anything else passes.

    Raises:
        InstallError: a member is absolute, climbs with `..` or is a link that leads out; or it is no archive at all.
    """
    name = path.name.lower()
    if not path.is_file():
        return
    try:
        if name.endswith((".whl", ".zip", ".egg")):
            members = _of_zip(path)
        elif name.endswith((".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar")):
            members = _of_tar(path)
        else:
            return
        for number, (member, link) in enumerate(members):
            if number > _MEMBERS_LIMIT:
                raise InstallError(f"{shown} has too many files.")
            if _leads_out(member) or (link is not None and _leads_out(link)):
                raise InstallError(
                    f"{shown} is not installed: its member {member[:100]!r} would be written outside of its folder.",
                    remedy="Build the package anew; do not trust where this one came from.",
                )
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise InstallError(f"{shown} is not a whole archive: {str(error) or type(error).__name__}.") from error


def _of_zip(path: Path) -> Iterator[tuple[str, str | None]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            link = None
            if stat.S_ISLNK(member.external_attr >> 16) and member.file_size < 4096:
                link = _target(member.filename, archive.read(member).decode("utf-8", "replace"))
            yield member.filename, link


def _of_tar(path: Path) -> Iterator[tuple[str, str | None]]:
    with tarfile.open(path) as archive:
        for member in archive:
            link = None
            if member.issym():
                link = _target(member.name, member.linkname)
            elif member.islnk():
                link = member.linkname
            elif not (member.isfile() or member.isdir()):
                link = "/"  # devices and pipes have no place in a package
            yield member.name, link


def _target(member: str, link: str) -> str:
    return link if link.startswith("/") else os.path.normpath(str(PurePosixPath(member).parent / link))


def _leads_out(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return name.startswith(("/", "\\")) or ".." in parts or (len(name) > 1 and name[1] == ":")
