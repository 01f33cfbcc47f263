"""An SSH server on this machine for the benchmarks: real OpenSSH on loopback, and the ways to log in to it."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.sshd import Sshd


@dataclass(frozen=True)
class SshServer:
    """A server that lets this user in with `key`."""

    server: Sshd
    key: Path
    known_hosts: Path

    @property
    def log_in(self) -> dict[str, str | int]:
        """What a program of ours needs to know."""
        return {
            "host": self.server.address,
            "port": self.server.port,
            "user": pwd.getpwuid(os.geteuid()).pw_name,
            "key": str(self.key),
            "known_hosts": str(self.known_hosts),
        }

    @property
    def command(self) -> list[str]:
        """The `ssh` of this system; the destination is the last word. Options go before it, a command after it."""
        ours = self.log_in
        options = (f"UserKnownHostsFile={self.known_hosts}", "BatchMode=yes", "ExitOnForwardFailure=yes")
        words = [word for option in options for word in ("-o", option)]
        return [
            "ssh",
            "-F",
            "none",
            *words,
            "-i",
            str(self.key),
            "-p",
            str(ours["port"]),
            f"{ours['user']}@{ours['host']}",
        ]


def ssh_server(folder: Path) -> SshServer:
    """Start one; its keys are in `folder`."""
    from lab.sshd import Sshd, make_key

    folder.mkdir()
    key = make_key(folder / "id_ed25519")
    server = Sshd(authorized=[key]).start()
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(server.known_hosts_lines())
    return SshServer(server, key, known_hosts)
