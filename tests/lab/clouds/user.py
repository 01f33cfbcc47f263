"""Somebody who has the cloud of a lab set up, and SkyPilot's server, which rhdesk started for them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import tempfile
from pathlib import Path

import psutil
import pytest

from lab.clouds.lab import CloudLab
from rhresources.cloud.client import ApiSkyPilot
from rhresources.cloud.server import OwnServer

_SECONDS_TO_END = 30.0


class CloudUser:
    """Use as a context.

    Attributes:
        home: their rhdesk directory.
    """

    def __init__(self, lab: CloudLab) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="rhu-", dir="/tmp"))
        self._held: socket.socket | None = None
        for name in ("home", "run"):
            (self._folder / name).mkdir(mode=0o700)
        self.home = self._folder / "home" / ".rh"
        lab.write_home(self._folder / "home")
        self._variables = {
            "HOME": str(self._folder / "home"),
            "RH_HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self._folder / "run"),
            **lab.environment(self._folder / "skypilot"),
        }

    def be(self, patch: pytest.MonkeyPatch) -> None:
        """This process as theirs."""
        for name, value in self._variables.items():
            patch.setenv(name, value)

    def start_server(self) -> None:
        """Have SkyPilot's server running until the end, so that not every test waits for another."""

        async def start() -> None:
            skypilot = ApiSkyPilot(self.home, lingers=True)
            await skypilot.ensure()
            await skypilot.close()

        with pytest.MonkeyPatch.context() as patch:
            self.be(patch)
            asyncio.run(start())
            self._held = self._to_keeper()

    def __enter__(self) -> CloudUser:
        return self

    def __exit__(self, *_: object) -> None:
        with pytest.MonkeyPatch.context() as patch:
            self.be(patch)
            self._end_server()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _to_keeper(self) -> socket.socket | None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(OwnServer(self.home)._socket()))
        except OSError:
            connection.close()
            return None
        return connection

    def _end_server(self) -> None:
        """What lingers for the next command ends now."""
        connection = self._held or self._to_keeper()
        if connection is None:
            return
        with connection:
            connection.settimeout(_SECONDS_TO_END)
            said = json.loads(connection.makefile().readline())
            connection.sendall(b"leave\n")
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(said["keeper"]).wait(_SECONDS_TO_END)
