"""A folder of wheels on this computer, for hosts without internet: what a host needs of it, and what it lacks."""

from __future__ import annotations

import re
import shlex
import tarfile
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from rhresources.errors import InstallError
from rhresources.package_words import normal_name
from rhresources.reach.bring_up.host import Host
from rhresources.reach.bring_up.tools import Tools, Version, fits_platform
from rhresources.reach.bring_up.wheel import locked_version

if TYPE_CHECKING:
    from rhresources.reach.ssh.running import Write

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")


def needed_wheels(folder: Path, tools: Tools, python: Version, lock: str) -> list[Path]:
    """The wheels that rhdesk's server and all that it needs come from, of those that fit the host. Reads them.

    Args:
        folder: where the wheels are.
        tools: what the host is.
        python: the version there; () if it is not known yet.
        lock: the versions that are installed; of other packages every version counts.

    Raises:
        InstallError: there is no such folder, or no wheel in it.
    """
    if not folder.is_dir():
        raise InstallError(
            f"There is no folder of wheels {folder} on this computer.", remedy="Correct the cluster's `wheels:` field."
        )
    offered: dict[str, list[Path]] = {}
    for wheel in sorted(folder.glob("*.whl")):
        if fits_platform(wheel.name, tools) and _fits_python(wheel.name, python):
            offered.setdefault(normal_name(wheel.name.split("-")[0]), []).append(wheel)
    if not offered:
        raise InstallError(
            f"The folder {folder} holds no wheel that fits {tools.kind}.",
            remedy="Put all that rhdesk[server] needs there, as wheels for the system of the hosts.",
        )
    chosen: dict[str, list[Path]] = {}
    done: set[tuple[str, str]] = set()
    todo = [("", requirement, ("server",)) for requirement in metadata.requires("rhdesk") or []]
    while todo:
        _, requirement, extras = todo.pop()
        text, _, marker = requirement.partition(";")
        if (extra := _EXTRA.search(marker)) and extra[1] not in extras:
            continue
        found = _REQUIREMENT.match(text)
        if found is None:
            continue
        name = normal_name(found[1])
        own_extras = tuple(part.strip() for part in (found[2] or "").split(",") if part.strip())
        wheels = chosen.setdefault(name, _of_version(offered.get(name, []), locked_version(lock, name)))
        for extra_name in ("", *own_extras):
            if (name, extra_name) not in done and wheels:
                done.add((name, extra_name))
                todo += [(name, each, (extra_name,)) for each in _requirements(wheels[-1])]
    return sorted(wheel for wheels in chosen.values() for wheel in wheels)


async def send_missing(host: Host, wheels: Iterable[Path]) -> None:
    """Send those that the host does not have yet, in one stream.

    Raises:
        RhError: they cannot be written there.
    """
    answer = await host.run("wheels")
    said = (line.partition(" ") for line in answer.all("wheel"))
    there = {name: int(size) for size, _, name in said if size.isdigit()}
    missing = [wheel for wheel in wheels if there.get(wheel.name) != wheel.stat().st_size]
    if not missing:
        return
    mebibytes = sum(wheel.stat().st_size for wheel in missing) / 1024**2
    told = f"{len(missing)} {'wheel' if len(missing) == 1 else 'wheels'} ({mebibytes:.0f} MiB)"
    with host.step("wheels", f"Sent {told}", f"Sending {told}"):

        def write(out: Write) -> None:
            with tarfile.open(fileobj=_Out(out), mode="w|", bufsize=256 * 1024) as archive:  # type: ignore[call-overload]
                for wheel in missing:
                    archive.add(wheel.resolve(), wheel.name)

        # whole files only count, by their size; after a break the rest is sent
        await host.feed(f"umask 077; tar xf - -C {shlex.quote(f'{host.directory}/installs/wheels')}", write)


class _Out:
    """A file that tarfile writes to."""

    def __init__(self, write: Write) -> None:
        self.write = write


def _of_version(wheels: list[Path], version: str) -> list[Path]:
    exact = [wheel for wheel in wheels if wheel.name.split("-")[1] == version]
    return exact or wheels


def _requirements(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".dist-info/METADATA") and name.count("/") == 1:
                head = archive.read(name).decode(errors="replace").partition("\n\n")[0]
                return [line.partition(":")[2] for line in head.splitlines() if line.startswith("Requires-Dist:")]
    return []


def _fits_python(wheel: str, python: Version) -> bool:
    """By its tags; anything fits where the version is not known."""
    parts = wheel.removesuffix(".whl").split("-")
    if len(parts) < 5 or len(python) < 2:
        return True
    tags, abi = parts[-3].split("."), parts[-2]
    for tag in tags:
        if tag in ("py3", f"py3{python[1]}", f"cp3{python[1]}"):
            return True
        if abi == "abi3" and (found := re.fullmatch(r"cp3(\d+)", tag)) and int(found[1]) <= python[1]:
            return True
    return False
