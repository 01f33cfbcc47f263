"""A cluster server on one host in a namespace and nodes on others, started there without SSH."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.hosts import Network
from rhresources.wire.channel import ServerAddress

SECONDS_TO_START = 90.0


class ServerHosts:
    """`count` hosts in `network`; the first is the head. Their homes are `home(number)`, named "node1" and so on."""

    def __init__(self, network: Network, count: int = 3) -> None:
        self.network = network
        self.hosts = [network.host(number) for number in range(1, count + 1)]
        self._head_process: Any = None

    def home(self, number: int) -> Path:
        """The state directory on a host, as the test sees it too."""
        return self.hosts[number - 1].home / ".rh" / "server"

    def start_head(self, *options: str) -> ServerAddress:
        """Start the cluster server and wait until its Ray is up; where it listens."""
        head = self.hosts[0]
        names = ",".join(host.name for host in self.hosts)
        self._head_process = self._rhserver(1, "--address", head.ip, "--hosts", names, *options)
        self._wait(lambda: self._read(1, "ray.json").get("address"), 1)
        return self.address()

    def kill_head(self) -> None:
        """SIGKILL to the cluster server; its Ray and its workers stay."""
        self.kill(1, "server.json")
        (self.home(1) / "server.json").unlink()

    def kill(self, number: int, record: str, signal: str = "KILL") -> None:
        """A signal to the process that a record of a host names; waits for its end."""
        host, pid = self.hosts[number - 1], str(self._read(number, record)["pid"])
        host.run("kill", f"-{signal}", pid)
        self._wait(lambda: host.run("sh", "-c", f"[ -e /proc/{pid}/cwd ] || echo gone"), number)

    def address(self) -> ServerAddress:
        """Where the test reaches the server's socket: through the head's own file system."""
        facts = self._wait(lambda: self._read(1, "server.json"), 1)
        return ServerAddress(f"unix:/proc/{self.hosts[0].init}/root{facts['socket']}", facts["token"])

    def join(
        self, number: int, *, wait: bool = True, token: str = "", head: str = "", **variables: str
    ) -> dict[str, Any]:
        """Start the node of a host; what it says at the end of joining."""
        host = self.hosts[number - 1]
        home = self.home(number)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            (home / "node.json").unlink()
        (home / "ray-token").write_text(token or (self.home(1) / "ray-token").read_text())
        head = head or self._read(1, "ray.json")["address"]
        self._rhserver(number, "--join", head, "--address", host.ip, "--given", host.name, **variables)
        if not wait:
            return {}
        found: dict[str, Any] = self._wait(lambda: self.node(number, "joined", "failed"), number)
        return found

    def node(self, number: int, *states: str) -> dict[str, Any] | None:
        """node.json of a host, if its state is one of these."""
        said = self._read(number, "node.json")
        return said if said.get("state") in states else None

    def until_nothing_runs(self, number: int, seconds: float = 15) -> None:
        """Wait until a host has no processes but its first one and the `sleep` of that."""
        host = self.hosts[number - 1]
        deadline = time.monotonic() + seconds
        while len(host.processes()) > 2:
            assert time.monotonic() < deadline, host.run("ps", "aux")
            time.sleep(0.1)

    def log(self, number: int) -> str:
        """What rhserver logged on a host."""
        with contextlib.suppress(OSError):
            return (self.home(number) / "rhserver.log").read_text(errors="replace")
        return ""

    def _rhserver(self, number: int, *options: str, **variables: str) -> Any:
        home = self.home(number)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        variables = {"UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", ""), **variables}
        given = [f"{name}={value}" for name, value in variables.items()]
        words = ["env", *given, sys.executable, "-m", "rhserver", "--home", str(home), *options]
        with (home / "rhserver.log").open("ab") as output:
            return self.hosts[number - 1].start(*words, output=output)

    def _read(self, number: int, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.home(number) / name).read_text())
        except (OSError, ValueError):
            return {}
        return found

    def _wait(self, ready: Any, number: int) -> Any:
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline:
            if found := ready():
                return found
            time.sleep(0.05)
        raise AssertionError(f"{self.hosts[number - 1].name} does not get ready:\n{self.log(number)[-4000:]}")


@contextlib.contextmanager
def server_hosts(network: Network, count: int = 3) -> Iterator[ServerHosts]:
    """Hosts whose logs are shown where a test fails."""
    hosts = ServerHosts(network, count)
    try:
        yield hosts
    except BaseException:
        for number in range(1, count + 1):
            print(f"----- node{number}\n{hosts.log(number)[-3000:]}")
        raise
