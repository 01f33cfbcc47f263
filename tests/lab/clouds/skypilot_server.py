"""SkyPilot's API server for tests: to them it is a team's."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from lab.clouds.downloads import skypilot_environment
from lab.namespaces import END_WITH_PARENT
from lab.rights import SYSTEM_PATH
from lab.sshd import free_port
from lab.switch import Switch

_RELAY = Path(__file__).with_name("relay.py")
_OWN_PROCESSES = ("unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")
"""SkyPilot's server starts processes that detach themselves; all of them end with the first of their namespace."""

_FIRST_CHECK = "skypilot-server-on-boot-check"
_SECONDS_TO_START = 180.0
_SECONDS_TO_END = 10.0
_BOUNDS = {"SKYPILOT_POD_MEMORY_GB_LIMIT": "4", "SKYPILOT_POD_CPU_CORE_LIMIT": "2"}
"""By default it starts some seventy workers."""


def python_at(switch: Switch, folder: Path) -> Path:
    """A `python` in `folder`: SkyPilot's own, in a switch's network. A server it runs is reached at its port here."""
    program = _program(switch, folder / "python")
    for other in (skypilot_environment() / "bin").iterdir():  # the clouds' own programs, which SkyPilot looks for
        if not other.name.startswith("python") and not (folder / other.name).exists():
            (folder / other.name).symlink_to(other)
    return program


def server_at(switch: Switch, folder: Path) -> Path:
    """The same, as a `server` that ends with all the processes it started when it is killed."""
    return _program(switch, folder / "server", *_OWN_PROCESSES)


def _program(switch: Switch, file: Path, *before: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    holder = switch.enter_switch()[2]
    python = str(skypilot_environment() / "bin" / "python")
    words = [sys.executable, "-I", str(_RELAY), holder, *before, python]
    file.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    file.chmod(0o755)
    return file


class SkyPilotServer:
    """A running one.

    Args:
        program: a Python with SkyPilot that ends with all its processes when it is killed.
        home: where it keeps its state.
        variables: of its environment.

    Attributes:
        url: where it answers, on the loopback of the test.
    """

    def __init__(self, program: Path, home: Path, variables: Mapping[str, str]) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = home / "api-server.log"
        marks = {name: value for name, value in os.environ.items() if name.startswith("RHDESK_TEST")}
        # SkyPilot runs the clouds' own programs, such as aws, and takes a cloud for not installed without
        path = f"{skypilot_environment() / 'bin'}:{SYSTEM_PATH}"
        self.variables = {
            "PATH": path,
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "SKYPILOT_API_SERVER_LOCAL_PORT": str(self.port),
            **_BOUNDS,
            **marks,
            **variables,
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*END_WITH_PARENT, str(program), "-m", "sky.server.server", "--host=127.0.0.1", f"--port={self.port}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home,
                env={**self.variables, "IS_SKYPILOT_SERVER": "true"},
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def health(self) -> dict[str, Any]:
        """What it says of itself."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/api/health", timeout=_SECONDS_TO_END) as answer:
            said: dict[str, Any] = json.load(answer)
        return said

    def close(self) -> None:
        """End it, and all that it started."""
        self._process.kill()
        self._process.wait(_SECONDS_TO_END)
        for process in psutil.process_iter():  # what it started in sessions of their own, to look after commands
            try:
                if process.environ().get("SKYPILOT_API_SERVER_LOCAL_PORT") == str(self.port):
                    process.kill()
            except psutil.Error:
                continue

    def _wait(self) -> None:
        self._wait_for_health()
        # the check of the clouds that it begins with keeps its workers busy, and would be part of what a test measures
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with contextlib.suppress(urllib.error.HTTPError):
            opener.open(f"{self.url}/api/get?request_id={_FIRST_CHECK}", timeout=_SECONDS_TO_START).close()

    def _wait_for_health(self) -> None:
        deadline = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.health()
                return
            except (OSError, ValueError):
                time.sleep(0.2)
        raise RuntimeError(f"SkyPilot's server does not answer:\n{self.log.read_text()[-3000:]}")

    def __enter__(self) -> SkyPilotServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
