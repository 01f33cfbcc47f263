"""The SSH server of a host in namespaces: real OpenSSH with keys of its own and the limits that OpenSSH ships with."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lab.rights import program
from lab.sshd import make_key

if TYPE_CHECKING:
    from lab.hosts import Host

SECONDS_TO_START = 20.0


class HostSshd:
    """Made by `Host.sshd`.

    Attributes:
        port: where it listens.
        log: what it says of every log-in and channel.
    """

    def __init__(
        self,
        host: Host,
        authorized: Iterable[Path] | Mapping[str, Iterable[Path]],
        port: int,
        extra: str,
        environment: Mapping[str, str],
    ) -> None:
        self.host = host
        self.port = port
        self.folder = host.folder / f"sshd-{port}"
        self.log = self.folder / "sshd.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._key = self.folder / "host_ed25519"
        if not self._key.exists():  # the disk of a host that was switched off and on still has it
            self.folder.mkdir()
            make_key(self._key)
        if not isinstance(authorized, Mapping):
            for_all = list(authorized)
            authorized = {account: for_all for account in host.accounts}
        for account in host.accounts:
            keys = [
                key if key.suffix == ".pub" else key.with_name(f"{key.name}.pub") for key in authorized.get(account, ())
            ]
            (self.folder / f"keys-{account}").write_text("".join(key.read_text() for key in keys))
        (self.folder / "config").write_text(self._configuration(extra, environment))

    def _configuration(self, extra: str, environment: Mapping[str, str]) -> str:
        marks = {name: value for name, value in os.environ.items() if name.startswith("RHDESK_TEST")}
        variables = " ".join(f'"{name}={value}"' for name, value in {**marks, **environment}.items())
        passwords = any(account.password for account in self.host.accounts.values())
        lines = [
            extra,
            f"ListenAddress {self.host.ip}:{self.port}",
            f"ListenAddress 127.0.0.1:{self.port}",
            f"HostKey {self._key}",
            f"PidFile {self.folder / 'sshd.pid'}",
            f"AuthorizedKeysFile {self.folder}/keys-%u",
            "StrictModes no",  # /tmp is everybody's
            "UsePAM no",
            f"PasswordAuthentication {'yes' if passwords else 'no'}",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin yes",
            "PrintMotd no",
            "UseDNS no",
            "LogLevel VERBOSE",
            "Subsystem sftp internal-sftp",
            f"SetEnv {variables}" if variables else "",
        ]
        return "\n".join(line for line in lines if line) + "\n"

    def start(self) -> None:
        """Listen; returns when the server greets.

        Raises:
            RuntimeError: it does not; with its log.
        """
        sshd = program("sshd")
        assert sshd is not None
        with self.log.open("ab") as log:
            self._process = self.host.start(sshd, "-D", "-e", "-f", str(self.folder / "config"), output=log)
        deadline = time.monotonic() + SECONDS_TO_START
        while not self._greets():
            if self._process.poll() is not None or time.monotonic() > deadline:
                code = self._process.poll()
                what = "does not answer" if code is None else f"ended with code {code}"
                raise RuntimeError(f"the SSH server of {self.host.name} {what}:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self, *, sessions: bool = True) -> None:
        """End it, and with `sessions` every connection that is open; without, they go on as they do in a restart."""
        listener = (self.folder / "sshd.pid").read_text().strip()
        victims = [listener]
        if sessions:
            victims += self.sessions()
        self.host.run("sh", "-c", f"kill -TERM {' '.join(victims)} 2>/dev/null; true")
        if self._process is not None:
            self._process.wait(SECONDS_TO_START)

    def restart(self) -> None:
        """As after an update of the host: every connection ends, new ones are welcome."""
        self.stop()
        self.start()

    def sessions(self) -> list[str]:
        """Process ids, as the host counts, of the servers of single connections (not of what was started there)."""
        found = self.host.run("sh", "-c", "ps -eo pid=,args=")
        rows = [row.split(None, 1) for row in found.splitlines()]
        return [row[0] for row in rows if len(row) == 2 and row[1].startswith("sshd: ")]

    @property
    def known_host(self) -> str:
        """The line of a known_hosts file."""
        name = self.host.ip if self.port == 22 else f"[{self.host.ip}]:{self.port}"
        kind, key = self._key.with_name(f"{self._key.name}.pub").read_text().split()[:2]
        return f"{name} {kind} {key}\n"

    def _greets(self) -> bool:
        # from inside: a cable that was cut must not keep a server from being started
        try:
            self.host.run("bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{self.port} && head -c 4 <&3 | grep -q SSH-")
        except RuntimeError:
            return False
        return True
