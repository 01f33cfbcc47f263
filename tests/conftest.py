"""What every test gets: a home of its own, logs that must stay quiet, and a cluster server where it asks for one."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from rhresources.reach.machine import MachineRoute
    from rhresources.wire.channel import ServerAddress

# Ray starts three times slower without byte code
for _name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "RH_HOME", "RH_DEBUG", "DISPLAY", "WAYLAND_DISPLAY"):
    os.environ.pop(_name, None)
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["QT_API"] = "pyside6"

SESSION_VARIABLE = "RHDESK_TEST_SESSION"
"""Marks every process that these tests start, however far it detaches itself."""

os.environ[SESSION_VARIABLE] = uuid.uuid4().hex

_SECONDS_TO_END = 15.0
_LINES_OF_A_FIRST_TRY = 40

pytest_plugins = (
    "lab.ssh_fixtures",
    "lab.ssh_cluster",
    "lab.cloud_cluster",
    "lab.secret_fixtures",
    "lab.host_fixtures",
    "lab.git_host",
    "lab.postgres",
    "lab.registry",
    "lab.clouds.fixtures",
    "lab.old_clients.client",
)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a Qt that would abort in the middle of the tests."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a job of a script; programs under test inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    version = metadata.version("PySide6-Essentials")
    if sys.version_info < (3, 12) and tuple(int(part) for part in version.split(".")[:2]) >= (6, 12):
        raise pytest.UsageError(
            f"PySide6 {version} loses references to None and True below Python 3.12 and aborts; install <6.12."
        )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why a test needed its second chance: each of these is a fault of the test or of the program."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"first try of {report.nodeid}", sep="_")
        terminalreporter.write_line("\n".join(report.longreprtext.splitlines()[-_LINES_OF_A_FIRST_TRY:]))


# ---------------------------------------------------------------- a home of its own


@pytest.fixture(scope="session", autouse=True)
def _kept_caches() -> None:
    """Downloads and Pythons of this machine stay usable when HOME moves."""
    home = Path.home()
    os.environ.setdefault("UV_CACHE_DIR", str(home / ".cache" / "uv"))
    if (home / ".pyenv").is_dir():
        os.environ.setdefault("PYENV_ROOT", str(home / ".pyenv"))


@contextmanager
def _home_in(folder: Path) -> Iterator[Path]:
    """The environment of a user who lives in `folder`; its RH_HOME."""
    with pytest.MonkeyPatch.context() as patch:
        runtime = folder / "run"
        for directory in (folder, runtime):
            directory.mkdir(mode=0o700, exist_ok=True)
        patch.setenv("HOME", str(folder))
        patch.setenv("RH_HOME", str(folder / ".rh"))
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        for who in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{who}_NAME", "Test")
            patch.setenv(f"GIT_{who}_EMAIL", "test@localhost")
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
            patch.delenv(name, raising=False)
        yield folder / ".rh"


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder with a short path: the path of a socket inside may have 107 bytes at most."""
    folder = Path(tempfile.mkdtemp(prefix="rht-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def rh_home(short_path: Path) -> Iterator[Path]:
    """RH_HOME of this test alone, inside a HOME of its own."""
    with _home_in(short_path / "home") as home:
        yield home


# ---------------------------------------------------------------- quiet logs


class _Watchman(logging.Handler):
    """Keeps what was logged at WARNING or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class AllowedWarnings:
    """Which warnings a test is about; see the fixture `allow_warnings`."""

    def __init__(self) -> None:
        self._patterns: list[re.Pattern[str]] = []

    def __call__(self, *patterns: str) -> None:
        self._patterns += [re.compile(pattern) for pattern in patterns]

    def cover(self, text: str) -> bool:
        """Whether the test asked for a warning like this."""
        return any(pattern.search(text) for pattern in self._patterns)


@pytest.fixture
def allow_warnings() -> AllowedWarnings:
    """Call it with regular expressions of the log lines that this test expects at WARNING or worse."""
    return AllowedWarnings()


@pytest.fixture(autouse=True)
def _quiet_logs(allow_warnings: AllowedWarnings) -> Iterator[None]:
    watchman = _Watchman()
    logging.getLogger().addHandler(watchman)
    yield
    logging.getLogger().removeHandler(watchman)
    lines = [f"{record.levelname} {record.name}: {record.getMessage()}" for record in watchman.records]
    unexpected = [line for line in lines if not allow_warnings.cover(line)]
    if unexpected:
        pytest.fail("unexpected in the log:\n" + "\n".join(unexpected))


# ---------------------------------------------------------------- cluster servers


@dataclass(frozen=True)
class RunningServer:
    """A real cluster server that runs for tests.

    Attributes:
        home: the RH_HOME that it belongs to; its own state is in `home / "server"`.
        runtime: the XDG_RUNTIME_DIR of its sockets.
        route: the way to bring it up again and down.
        address: where it listened when it came up.
    """

    home: Path
    runtime: Path
    route: MachineRoute
    address: ServerAddress

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to live in the same home."""
        return {"HOME": str(self.home.parent), "RH_HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.runtime)}


@contextmanager
def _running_server() -> Iterator[RunningServer]:
    from rhresources.reach.machine import MachineRoute

    folder = Path(tempfile.mkdtemp(prefix="rhs-", dir="/tmp"))
    said: list[str] = []
    try:
        with _home_in(folder) as home:
            route = MachineRoute(home)
            address = asyncio.run(route.up(said.append))
        yield RunningServer(home, folder / "run", route, address)
        with _home_in(folder):
            asyncio.run(route.down(stop_runs=True))
    finally:
        _end(_processes_in(str(folder)))
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    """One server for all tests that leave it as they found it."""
    with _running_server() as running:
        yield running


@pytest.fixture(scope="session")
def mortal_server() -> Iterator[RunningServer]:
    """One server for all tests that end it and bring it up again, perhaps as another build."""
    with _running_server() as running:
        yield running


@pytest.fixture
def own_server() -> Iterator[RunningServer]:
    """A server for this test alone, which may kill it."""
    with _running_server() as running:
        yield running


@pytest.fixture
def at_server(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> RunningServer:
    """`server`, and this process living in its home."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


# ---------------------------------------------------------------- code to run


@pytest.fixture
def make_project(short_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """Makes a git tree out of {relative path: content}, all of it committed; its folder."""

    def make(files: Mapping[str, str], name: str = "project") -> Path:
        root = short_path / name
        for path, content in files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
            subprocess.run(["git", "-C", str(root), *command], check=True, stdin=subprocess.DEVNULL)
        return root

    return make


# ---------------------------------------------------------------- nothing stays behind


def _processes_with(variable: str, value: str) -> list[psutil.Process]:
    """Other processes of this user whose environment says `variable=value` (or begins with it, for a folder)."""
    wanted = f"{variable}={value}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if int(entry.name) != os.getpid() and wanted in (entry / "environ").read_bytes():
                process = psutil.Process(int(entry.name))
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        except (OSError, psutil.NoSuchProcess):
            continue
    return found


def _processes_in(folder: str) -> list[psutil.Process]:
    return _processes_with("HOME", folder)


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            pass


@pytest.fixture(scope="session", autouse=True)
def _no_process_left(_kept_caches: None) -> Iterator[None]:
    """Fails the session if a process that the tests started outlives them; torn down last, as it is made first."""
    yield
    deadline = time.monotonic() + _SECONDS_TO_END
    while (left := _processes_with(SESSION_VARIABLE, os.environ[SESSION_VARIABLE])) and time.monotonic() < deadline:
        time.sleep(0.1)
    if left:
        names = "\n".join(f"{process.pid} {' '.join(_command_line(process))[:160]}" for process in left)
        _end(left)
        pytest.fail(f"processes outlived the tests:\n{names}")


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return ["(gone)"]
