"""A host that has nothing of rhdesk yet: a real SSH server on loopback with a home of its own, and ways to it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.sshd import ME, Sshd, wait_for_banner
from rhresources.credentials import Credentials
from rhresources.documents import ClusterDocument
from rhresources.reach.questions import Asker
from rhresources.reach.ssh_route import SshRoute


class BareHost:
    """One host; its rhdesk directory is `rh`, its user the one of the tests.

    Args:
        key: the private key that logs in.
        known_hosts: the file that the host's key is added to.
        rh: the rhdesk directory there; default: a new one.
        environment: variables of every session there, beside those that keep it to this machine's caches.
        prefix: command in front of the SSH server's, such as one that mounts something first.
        extra: lines of sshd_config.
    """

    def __init__(
        self,
        key: Path,
        known_hosts: Path,
        *,
        rh: Path | None = None,
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        extra: str = "",
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rhbare-", dir="/tmp"))
        self.rh = rh or self.folder / ".rh"
        self.key = key
        self.user = ME
        self.said: list[str] = []
        self._routes: list[SshRoute] = []
        variables = {
            "RH_HOME": str(self.rh),
            "UV_CACHE_DIR": os.environ["UV_CACHE_DIR"],
            "UV_PYTHON_DOWNLOADS": "never",
            **{name: os.environ[name] for name in ("SSL_CERT_FILE",) if name in os.environ},
            **(environment or {}),
        }
        self.sshd = Sshd(authorized=[key], set_env=variables, prefix=prefix, extra=extra)
        self.sshd.start()
        wait_for_banner(self.sshd.address, self.sshd.port, self.sshd.process)
        with known_hosts.open("a") as file:
            file.write(self.sshd.known_hosts_lines())

    @property
    def server_home(self) -> Path:
        """The state directory of the cluster server there."""
        return self.rh / "server"

    def document(self, **fields: Any) -> ClusterDocument:
        """The host as a cluster."""
        credentials = {"ssh_port": self.sshd.port, "ssh_private_key": str(self.key)}
        return ClusterDocument(type="ssh", ips=["127.0.0.1"], ssh_creds=credentials, **fields)  # type: ignore[arg-type]

    def route(self, asker: Callable[[], Asker | None] = lambda: None, **fields: Any) -> SshRoute:
        """A new way there, as another client would have it; closed with the host."""
        home = Path(os.environ["RH_HOME"])
        route = SshRoute(self.document(**fields), home, Credentials(home), asker)
        self._routes.append(route)
        return route

    def say(self, line: str) -> None:
        """A progress that `said` keeps."""
        self.said.append(line)

    async def close(self) -> None:
        """Take the cluster down, close every way there, and end the host."""
        try:
            for route in self._routes[:1]:
                if self.sshd.process is not None:
                    await route.down(stop_runs=True)
        finally:
            for route in self._routes:
                await route.close()
            self.sshd.remove()
            shutil.rmtree(self.folder, ignore_errors=True)
