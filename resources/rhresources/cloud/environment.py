"""SkyPilot's own Python environment: made once by uv from our lock file, apart from ours, whose versions collide
with it.

It lies under `$RH_HOME/skypilot/` in a folder named after the lock file's contents, so that a new rhdesk makes a new
one beside it. A mark inside, written last, says that it is whole: what a cancel or a crash leaves is made anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from rhresources.cloud.answers import LaunchEvent, OnLaunch
from rhresources.cloud.identity import skypilot_home
from rhresources.cloud.problems import CloudProblem
from rhresources.errors import RhError
from rhresources.reach.bring_up.tools import own_uv
from rhresources.reach.bring_up.wheel import own_lock
from rhresources.stores.files import disk_error, write_text

READY_MADE = "RH_SKYPILOT_ENVIRONMENT"
"""Environment variable: the path of an environment that holds SkyPilot already, where an administrator made one."""

NEEDS = 1_200_000_000
"""About how many bytes it takes, with what is unpacked on the way."""

PYTHON = "3.11"
_MARK = ".whole"
_LOCK_NAME = "rhresources/skypilot.lock"


def environment_folder(home: Path | None = None) -> Path:
    """Where SkyPilot's environment is, or will be."""
    if ready := os.environ.get(READY_MADE):
        return Path(ready).expanduser()
    return skypilot_home(home) / f"environment-{_lock_digest()}"


def environment_python(folder: Path) -> Path:
    """The Python of an environment."""
    return folder / "bin" / "python"


def own_python(home: Path | None = None) -> Path:
    """The Python of ours, whether it is there or not."""
    return environment_python(environment_folder(home))


async def plain_python(home: Path | None = None, on_event: OnLaunch | None = None) -> Path:
    """A Python for programs of ours that need nothing else: the one that runs us, or SkyPilot's where there is none.

    Raises:
        CloudProblem: SkyPilot's would have to be installed, and cannot be.
    """
    if getattr(sys, "frozen", False):  # this program is no Python
        return await install(home, on_event)
    return Path(sys.executable)


def is_installed(home: Path | None = None) -> bool:
    """Whether the environment is there and whole."""
    folder = environment_folder(home)
    if READY_MADE in os.environ:
        return environment_python(folder).exists()
    return (folder / _MARK).exists()


async def install(home: Path | None = None, on_event: OnLaunch | None = None) -> Path:
    """Have the environment, made now if it is not there; answers with its Python. Two at once make it once.

    Raises:
        CloudProblem: it cannot be made, and why; nothing half-done counts.
    """
    folder = await asyncio.to_thread(environment_folder, home)
    if await asyncio.to_thread(is_installed, home):
        return environment_python(folder)
    if READY_MADE in os.environ:
        raise CloudProblem(
            f"{READY_MADE} points to {folder}, and there is no environment there.",
            code="not-installed",
            remedy=f"Correct it, or unset it so that rhdesk makes its own under {skypilot_home(home)}.",
        )
    if sys.platform == "win32":
        raise CloudProblem(
            "SkyPilot does not run on Windows.",
            code="not-installed",
            remedy="Set skypilot_server to your team's SkyPilot server, or use rhdesk inside WSL.",
        )
    say = on_event or (lambda _event: None)
    try:
        await asyncio.to_thread(folder.parent.mkdir, parents=True, exist_ok=True, mode=0o700)
        async with _alone(folder.parent / ".installing", say):
            if not await asyncio.to_thread(is_installed, home):
                await _make(folder, say)
    except OSError as error:
        problem = disk_error(f"SkyPilot's environment in {folder} was not made", error)
        raise CloudProblem(
            problem.sentence, code="not-installed", remedy=problem.remedy, detail=problem.detail
        ) from None
    return environment_python(folder)


async def _make(folder: Path, say: OnLaunch) -> None:
    uv, lock = await asyncio.to_thread(lambda: (own_uv(), own_lock(_LOCK_NAME)))
    if uv is None:
        raise CloudProblem(
            "There is no uv here to install SkyPilot with.",
            code="not-installed",
            remedy="Install rhdesk with its cloud extra: pip install 'rhdesk[cloud]'.",
        )
    if lock is None:
        raise CloudProblem(
            "This rhdesk came without the file that says what SkyPilot is made of.",
            code="not-installed",
            remedy="Install rhdesk anew.",
        )
    free = (await asyncio.to_thread(shutil.disk_usage, folder.parent)).free
    if free < NEEDS:
        raise CloudProblem(
            f"SkyPilot takes about {NEEDS / 1e9:.1f} GB, and the disk of {folder.parent} has {free / 1e9:.1f} GB left.",
            code="not-installed",
            remedy="Free some space, or point RH_HOME to a larger disk.",
        )
    whole = False
    try:
        _tell(say, "Making an environment for SkyPilot")
        await _run_uv(uv, ["venv", "--quiet", "--clear", "--python", f">={PYTHON}", str(folder)], say)
        python = str(environment_python(folder))
        await _run_uv(
            uv, ["pip", "install", "--require-hashes", "--compile-bytecode", "--python", python, "-r", str(lock)], say
        )
        await asyncio.to_thread(lambda: write_text(folder / _MARK, f"{_lock_digest()}\n"))
        whole = True
    finally:
        if not whole:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    _tell(say, "SkyPilot is installed")


async def _run_uv(uv: Path, arguments: list[str], say: OnLaunch) -> None:
    """Run uv to its end, telling what it says; cancelling ends it."""
    process = await asyncio.create_subprocess_exec(
        uv, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE, start_new_session=True, env={**os.environ, "NO_COLOR": "1"},
        cwd="/",  # the settings of uv that count are the user's, not those of the project one happens to be in
    )  # fmt: skip
    assert process.stderr is not None
    said: list[str] = []
    try:
        async for raw in process.stderr:
            line = raw.decode(errors="replace").rstrip()
            said = [*said[-200:], line]
            if sentence := _progress(line):
                _tell(say, sentence)
        await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        raise _refused("\n".join(said))


def _progress(line: str) -> str:
    """What a line of uv means to a person; empty: nothing."""
    if found := re.match(r"\s*Downloading (\S+) \((.+)\)", line):
        return f"Downloading {found[1]}, {found[2]}"
    if found := re.match(r"Prepared (\d+) packages? in", line):
        return f"Downloaded {found[1]} packages"
    if found := re.match(r"Installed (\d+) packages? in", line):
        return f"Installed {found[1]} packages"
    return ""


def _refused(said: str) -> CloudProblem:
    lowered = said.lower()
    if os.strerror(errno.ENOSPC).lower() in lowered:
        sentence, remedy = "SkyPilot was not installed: the disk is full.", "Free about 2 GB and try again."
    elif "hash mismatch" in lowered:
        sentence = "SkyPilot was not installed: a package is not the one that rhdesk was built with."
        remedy = "Somebody changed it on the way or in the index; try another index, and tell who runs this one."
    elif re.search(r"no solution|was not found in the package registry|no versions of", lowered):
        sentence = "SkyPilot was not installed: the package index lacks something that it needs."
        remedy = "Set UV_INDEX_URL (or pip's index) to one that has it."
    elif re.search(r"dns|network|connect|timed? ?out|request failed|error sending|fetch|certificate", lowered):
        sentence = "SkyPilot was not installed: the package index cannot be reached."
        remedy = "Check the network and its proxy (HTTPS_PROXY), then try again."
    elif "no interpreter found" in lowered:
        sentence = f"SkyPilot was not installed: there is no Python {PYTHON} or newer."
        remedy = "Install one, or let uv fetch it: unset UV_PYTHON_DOWNLOADS."
    else:
        sentence, remedy = "SkyPilot could not be installed.", "The details say what uv met."
    return CloudProblem(sentence, code="not-installed", remedy=remedy, detail=said.strip())


def _tell(say: OnLaunch, sentence: str) -> None:
    say(LaunchEvent("server", sentence, at=time.time()))


@contextlib.asynccontextmanager
async def _alone(path: Path, say: OnLaunch) -> AsyncIterator[None]:
    """One process at a time makes it; others wait, and may be cancelled while they do."""
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    told = False
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    _tell(say, "Another rhdesk is installing SkyPilot")
                    told = True
                await asyncio.sleep(0.3)
        yield
    finally:
        os.close(descriptor)


def _lock_digest() -> str:
    lock = own_lock(_LOCK_NAME)
    if lock is None:
        return "unknown"
    try:
        return hashlib.blake2b(lock.read_bytes(), digest_size=5).hexdigest()
    except OSError as error:
        raise RhError(f"{lock} cannot be read.", detail=str(error)) from None
