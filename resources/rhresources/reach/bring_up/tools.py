"""Python and uv for a host: which ones are there, which Python the hosts of a cluster share, and uv from here."""

from __future__ import annotations

import asyncio
import gzip
import platform
import re
import secrets
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rhresources.errors import RhError
from rhresources.reach.bring_up import problems
from rhresources.reach.bring_up.host import Answer, Host
from rhresources.reach.bring_up.wheel import locked_version

Version = tuple[int, ...]

OLDEST_UV = (0, 9)
NEWEST_KNOWN_PYTHON = (3, 13)
"""Newer ones are taken only where there is no other: packages have no wheels for them at first."""

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class Tools:
    """What a host has.

    Attributes:
        system, machine: "Linux", "x86_64".
        musl: its C library is musl.
        pythons: (version, path), all that were found.
        uvs: (version, path).
        missing_python: the path that was asked for, if nothing is there.
        space: free bytes where rhdesk keeps things; None: unknown.
        folder: where that is, or will be.
        read_only: that folder cannot be written.
        gpus: (name, bytes).
    """

    system: str
    machine: str
    musl: bool
    pythons: tuple[tuple[Version, str], ...]
    uvs: tuple[tuple[Version, str], ...]
    missing_python: str = ""
    space: int | None = None
    folder: str = ""
    read_only: bool = False
    gpus: tuple[tuple[str, int], ...] = ()

    @property
    def kind(self) -> str:
        """For sentences: "Linux x86_64"."""
        return f"{self.system} {self.machine}" + (" (musl)" if self.musl else "")


async def look(host: Host, python: str | None = None, *, gpus: bool = False) -> Tools:
    """Ask a host what it has.

    Args:
        host: which one.
        python: the `python` field of the cluster.
        gpus: ask for GPUs too.

    Raises:
        RhError: the host runs no commands.
    """
    asked = python if python and "/" in python else ""
    answer = await host.run("tools", {"python": asked, "gpu": "yes" if gpus else ""})
    return tools_of(answer)


def tools_of(answer: Answer) -> Tools:
    """What the script said."""
    pythons: dict[str, Version] = {}
    for line in answer.all("python"):
        version, _, path = line.partition(" ")
        pythons.setdefault(path, parse_version(version))
    uvs = []
    for line in answer.all("uv"):
        said, _, path = line.partition(" in ")
        uvs.append((parse_version(said.split()[0] if said.split() else ""), path))
    kibibytes, _, folder = answer.one("space").partition(" ")
    gpus = []
    for line in answer.all("gpu"):
        name, _, mebibytes = line.rpartition(",")
        gpus.append((name.strip(), int(mebibytes) * 1024**2 if mebibytes.strip().isdigit() else 0))
    machine = answer.one("machine")
    return Tools(
        system=answer.one("system"),
        machine=_MACHINES.get(machine.lower(), machine),
        musl=answer.one("libc") == "musl",
        pythons=tuple((version, path) for path, version in pythons.items()),
        uvs=tuple(uvs),
        missing_python=answer.one("no-python"),
        space=int(kibibytes) * 1024 if kibibytes.isdigit() else None,
        folder=folder,
        read_only=bool(answer.one("read-only")),
        gpus=tuple(gpus),
    )


# ---------------------------------------------------------------- which Python


def choose_pythons(tools: Mapping[str, Tools], asked: str | None, *, managed: bool = True) -> dict[str, str]:
    """For each host what uv is told to make the environment with: a path, or a version that uv fetches.

    All hosts of a cluster get the same version where they can: Ray wants it, and so do pickled functions. The one
    that runs here comes first, for the same reason.

    Args:
        tools: of each host by its name.
        asked: the `python` field of the cluster.
        managed: uv may fetch one.

    Raises:
        RhError: a host has no Python that is new enough, and none may be fetched.
    """
    if asked and "/" in asked:
        return {name: _asked_path(name, has, asked) for name, has in tools.items()}
    fitting = {name: _fitting(has.pythons, asked) for name, has in tools.items()}
    if asked and not managed:
        for name, found in fitting.items():
            if not found:
                raise problems.wrong_python(name, asked, "it is not there")
    shared = _best(set.intersection(*({version for version, _ in found} for found in fitting.values())))
    if shared is not None:
        return {name: _path_of(found, shared) for name, found in fitting.items()}
    minors = _best(set.intersection(*({version[:2] for version, _ in found} for found in fitting.values())))
    if minors is not None:
        return {name: _path_of(found, minors) for name, found in fitting.items()}
    if managed:
        wanted = asked or ".".join(map(str, _best({version[:2] for found in fitting.values() for version, _ in found})
                                       or _own_minor()))  # fmt: skip
        minor = parse_version(wanted)
        return {
            name: next((path for version, path in found if version[: len(minor)] == minor), wanted)
            for name, found in fitting.items()
        }
    for name, found in fitting.items():
        if not found:
            raise problems.no_python(name, _shown(tools[name].pythons), "")
    raise RhError(
        "The hosts have no version of Python in common: "
        + "; ".join(f"{name} has {', '.join(_shown(found))}" for name, found in fitting.items()) + ".",
        remedy="Install the same version on all of them, or name one in the cluster's `python:` field.",
    )  # fmt: skip


def shown_pythons(tools: Tools) -> list[str]:
    """The versions that are there, newest first."""
    return _shown(tools.pythons)


def _asked_path(name: str, has: Tools, asked: str) -> str:
    if has.missing_python:
        raise problems.wrong_python(name, asked, "there is no such file")
    if not has.pythons:
        raise problems.wrong_python(name, asked, "it does not run")
    version, path = has.pythons[0]
    if version < problems.OLDEST_PYTHON:
        raise problems.wrong_python(name, asked, f"it is Python {'.'.join(map(str, version))}")
    return path


def _fitting(pythons: Iterable[tuple[Version, str]], asked: str | None) -> list[tuple[Version, str]]:
    wanted = parse_version(asked) if asked else ()
    return [
        (version, path)
        for version, path in pythons
        if version >= problems.OLDEST_PYTHON and version[: len(wanted)] == wanted
    ]


def _best(versions: set[Version]) -> Version | None:
    """Ours, else the newest of those that packages have wheels for, else the oldest of the others."""
    own = [version for version in versions if version[:2] == _own_minor()]
    known = [version for version in versions if version[:2] <= NEWEST_KNOWN_PYTHON]
    if own:
        return max(own)
    return max(known) if known else min(versions, default=None)


def _own_minor() -> Version:
    return tuple(sys.version_info[:2])


def _path_of(found: Sequence[tuple[Version, str]], wanted: Version) -> str:
    fitting = [(version, path) for version, path in found if version[: len(wanted)] == wanted]
    return max(fitting, key=lambda one: one[0])[1]


def _shown(pythons: Iterable[tuple[Version, str]]) -> list[str]:
    return [".".join(map(str, version)) for version in sorted({version for version, _ in pythons}, reverse=True)]


def parse_version(text: str) -> Version:
    """(3, 11, 7) of "3.11.7"; numbers only, () for nonsense."""
    found = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


# ---------------------------------------------------------------- uv


async def provide_uv(host: Host, tools: Tools, wheels: Path | None, lock: str, python: str) -> str:
    """The path of a uv on the host: one that is there and new enough, else one that is brought there.

    Args:
        host: which one.
        tools: what it has.
        wheels: the folder of wheels, which may hold uv's.
        lock: versions that belong together.
        python: a Python of the host, for installing uv where nothing else helps; may be a version only.

    Raises:
        RhError: there is no way to get one there.
    """
    good = [path for version, path in tools.uvs if version >= OLDEST_UV]
    if good:
        return good[0]
    refused = ""
    for version, source in _sources(tools, wheels, lock):
        name = f"uv-{version}"
        with host.step("uv", f"Sent uv {version}", f"Sending uv {version}"):
            path, refused = await _send(host, name, source)
        if path:
            return path
    version = locked_version(lock, "uv")
    with host.step("uv", "", f"Installing uv {version} with pip"):
        answer = await host.run("pip_uv", {"python": python, "uv_version": version}, timeout=300)
    if path := answer.one("uv"):
        return path
    known = problems.known_cause(host.name, answer.output)
    raise known or problems.no_uv(host.name, tools.kind, "\n".join([refused, *answer.output]).strip())


def _sources(tools: Tools, wheels: Path | None, lock: str) -> Iterable[tuple[str, Callable[[], bytes]]]:
    """(version, reader) of every uv here that may run there."""
    for wheel in sorted(wheels.glob("uv-*.whl"), reverse=True) if wheels is not None else ():
        if fits_platform(wheel.name, tools):
            yield wheel.name.split("-")[1], lambda wheel=wheel: _of_wheel(wheel)  # type: ignore[misc]
    alike = platform.system() == tools.system and _own_machine() == tools.machine and not tools.musl
    if alike and (own := own_uv()) is not None:
        yield locked_version(lock, "uv") or "own", own.read_bytes


def _own_machine() -> str:
    machine = platform.machine()
    return _MACHINES.get(machine.lower(), machine)


def own_uv() -> Path | None:
    """The uv of this computer: the one that came with rhdesk, else one on the PATH."""
    try:
        import uv

        return Path(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
        return Path(found) if found else None


def _of_wheel(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(("/scripts/uv", "/bin/uv")):
                return archive.read(name)
    raise FileNotFoundError(f"{wheel} holds no uv")


def fits_platform(wheel: str, tools: Tools) -> bool:
    """Whether a wheel is for a host's system and processor, by its file name."""
    tags = wheel.removesuffix(".whl").rsplit("-", 1)[-1].split(".")
    for tag in tags:
        if tag == "any":
            return True
        linux = tools.system == "Linux" and tag.startswith("musllinux" if tools.musl else ("manylinux", "linux"))
        mac = tools.system == "Darwin" and tag.startswith("macosx")
        machine = "arm64" if mac and tools.machine == "aarch64" else tools.machine
        if (linux or mac) and tag.endswith((machine, "universal2")):
            return True
    return False


async def _send(host: Host, name: str, read: Callable[[], bytes]) -> tuple[str, str]:
    """Put a uv there and try it; (its path, why it does not run)."""
    await host.run("folders", {"folders": "files"})
    packed = await asyncio.to_thread(lambda: gzip.compress(read(), compresslevel=1))
    file = f"{name}-{secrets.token_hex(4)}.gz"  # another client may send it too
    await host.put(f"{host.directory}/installs/files/{file}", packed)
    answer = await host.run("unpack_uv", {"name": name, "file": file})
    return answer.one("uv"), "\n".join(answer.output)
