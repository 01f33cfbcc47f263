"""A user with one of Runhouse's old clients on their computer."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import IO, Any

import pytest
import yaml

from lab.clouds.downloads import runhouse_environment
from lab.namespaces import END_WITH_PARENT
from lab.registry import RegistryServer
from lab.rights import SYSTEM_PATH, program, why_no_hosts

VERSIONS = ("0.0.5", "0.0.42")

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nHUNTER2\n-----END OPENSSH PRIVATE KEY-----\n"
"""The private key of each of these users; it may be in no registry and no log."""

_DRIVER = Path(__file__).with_name("driver.py")


class OldClientError(Exception):
    """What a program raised in the old client."""


class OldClient:
    """Runs programs with the real `rh` of a version.

    Args:
        version: of Runhouse.
        registry: what it is pointed at, as the README says, in ~/.rh/config.yaml.
        user: who it is.
        home: of that user; there may be several clients with one.
    """

    def __init__(self, version: str, registry: RegistryServer, user: str, home: Path) -> None:
        self.version = version
        self.home = home
        self.project = home / "project"
        self.log = home / f"runhouse-{version}.log"
        self._write_home(registry, user)
        python = runhouse_environment(version) / "bin" / "python"
        parting = END_WITH_PARENT if program("setpriv") else ()
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [*parting, str(python), "-W", "ignore", str(_DRIVER), registry.url.rpartition(":")[2]],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=self.project,
                env=self._environment(),
            )  # fmt: skip
        hello = self._answer()
        assert hello["version"] == version
        assert hello["apart"] or why_no_hosts()

    def __call__(self, code: str) -> Any:
        """What the program leaves in `out`.

        Raises:
            OldClientError: it raised something.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(dedent(code)) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End it."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait(30)

    def _answer(self) -> Any:
        stdout: IO[str] | None = self._process.stdout
        assert stdout is not None
        line = stdout.readline()
        if not line:
            raise AssertionError(f"Runhouse {self.version} ended:\n{self.log.read_text()[-3000:]}")
        said = json.loads(line)
        if "error" in said:
            raise OldClientError(said["error"])
        return said["out"]

    def _write_home(self, registry: RegistryServer, user: str) -> None:
        for folder in (".rh", ".ssh", "project"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        said = {"api_server_url": registry.url, "token": registry.token(user), "username": user}
        quiet = {"disable_data_collection": True, "disable_observability": True}
        (self.home / ".rh" / "config.yaml").write_text(yaml.safe_dump(said | quiet))
        (self.home / ".ssh" / "id_rsa").write_text(KEY)
        (self.home / ".ssh" / "id_rsa.pub").write_text("ssh-rsa AAAA\n")
        (self.project / "train.py").write_text("def main(epochs=1):\n    return epochs\n")

    def _environment(self) -> dict[str, str]:
        quiet = {"RAY_USAGE_STATS_ENABLED": "0", "SKYPILOT_DISABLE_USAGE_COLLECTION": "1", "DISABLE_OBSERVABILITY": "1"}
        return {"HOME": str(self.home), "PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8", **quiet}


class OldTeam:
    """Users of one registry who all have the same old client.

    Attributes:
        version: of Runhouse.
        registry: the registry.
    """

    def __init__(self, version: str, registry: RegistryServer, folder: Path) -> None:
        self.version = version
        self.registry = registry
        self._folder = folder
        self._clients: dict[str, OldClient] = {}

    def client(self, user: str = "alice") -> OldClient:
        """The client of that user, started when it is first asked for."""
        if user not in self._clients:
            self._clients[user] = OldClient(self.version, self.registry, user, self._folder / user)
        return self._clients[user]

    def close(self) -> None:
        """End all of them."""
        for client in self._clients.values():
            client.close()


@pytest.fixture(scope="module", params=VERSIONS)
def old_team(request: pytest.FixtureRequest, _registry_starter: None) -> Iterator[OldTeam]:
    """Old clients of a version and their registry, for all tests of a file: each uses names of its own."""
    with tempfile.TemporaryDirectory(prefix="rht-", dir="/tmp") as folder:
        registry = RegistryServer(Path(folder) / "registry")
        registry.folder.mkdir()
        team = OldTeam(request.param, registry.start(), Path(folder) / "homes")
        yield team
        team.close()
        registry.stop()
        said = registry.said()
    assert said == "", "the registry logged warnings"
