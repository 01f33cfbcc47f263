"""Real OpenSSH servers, keys and agents for tests: throw-away keys and configuration, ended by process id.

As root a server may have users of its own with passwords: it then sees a private /etc/passwd, /etc/shadow and
/etc/group, and the machine's stay as they are. As an ordinary user it lets in that same user by key.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin:/usr/bin") or ""
ME = pwd.getpwuid(os.geteuid()).pw_name
ROOT = os.geteuid() == 0
FIRST_UID = 20_000

_SESSION_VARIABLE = "RHDESK_TEST_SESSION"


def free_port(address: str = "127.0.0.1") -> int:
    """A TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "", bits: int | None = None) -> Path:
    """A new private key in OpenSSH's format at `path`, its public half beside it."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", str(path)]
    if bits:
        command += ["-b", str(bits)]
    if passphrase:
        command += ["-a", "4"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def public_half(key: Path) -> str:
    """Type and base64 of a key's public half, as in known_hosts."""
    return " ".join(Path(f"{key}.pub").read_text().split()[:2])


def hashed_password(password: str) -> str:
    """As it stands in /etc/shadow."""
    command = ["openssl", "passwd", "-6", "-stdin"]
    done = subprocess.run(command, input=password.encode() + b"\n", check=True, capture_output=True)
    return done.stdout.decode().strip()


def wait_for_banner(address: str, port: int, process: subprocess.Popen[bytes] | None = None) -> None:
    """Until an SSH server answers there.

    Raises:
        RuntimeError: the process ended before, or nothing answered for 20 s.
    """
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"sshd ended with code {process.returncode}")
        try:
            with socket.create_connection((address, port), timeout=1) as probe:
                if probe.recv(4) == b"SSH-":
                    return
        except OSError:
            pass
        time.sleep(0.01)
    raise RuntimeError(f"no SSH server answers at {address}:{port}")


class Sshd:
    """One SSH server.

    Args:
        address, port: where it listens; port None: a free one.
        authorized: key files that may log in, as any user.
        users: {name: password} of users that only this server has (root only).
        extra: lines of sshd_config that go before the defaults, and so win over them.
        set_env: variables of every session.
        host_key_types: which host keys it has.
        prefix: command in front of sshd's, such as one that enters a namespace.
        pam: lines of /etc/pam.d/sshd; turns UsePAM on (root only).
    """

    def __init__(
        self,
        *,
        address: str = "127.0.0.1",
        port: int | None = None,
        authorized: Sequence[Path] = (),
        users: Mapping[str, str] | None = None,
        extra: str = "",
        set_env: Mapping[str, str] | None = None,
        host_key_types: Sequence[str] = ("ed25519",),
        prefix: Sequence[str] = (),
        pam: str = "",
    ) -> None:
        # not under the test's own folder: that is closed to the server's other users
        self.folder = Path(tempfile.mkdtemp(prefix="sshd-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.address, self.port = address, port or free_port(address)
        self.users = dict(users or {})
        self.extra = extra
        # with SHLVL bash leaves ~/.bashrc alone: this user's own may be slow, and one with pyenv in it takes a minute
        # after a session was killed in its middle; tests of a talkative one say SHLVL=0
        self.set_env = {_SESSION_VARIABLE: os.environ.get(_SESSION_VARIABLE, ""), "SHLVL": "1", **(set_env or {})}
        self.prefix = list(prefix)
        self.pam = pam
        self.process: subprocess.Popen[bytes] | None = None
        self.log_file = self.folder / "sshd.log"
        self.host_keys = [
            make_key(self.folder / f"host_{kind}", kind, bits=2048 if kind == "rsa" else None)
            for kind in host_key_types
        ]
        self.authorized_keys = self.folder / "authorized_keys"
        self.authorize(*authorized)

    def authorize(self, *keys: Path) -> None:
        """Let these key files log in, and no others; holds from the next log-in on."""
        self.authorized_keys.write_text("".join(Path(f"{key}.pub").read_text() for key in keys))
        self.authorized_keys.chmod(0o644)

    @property
    def log(self) -> str:
        """What the server logged."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def home_of(self, user: str) -> Path:
        """The home of a user that only this server has."""
        return self.folder / f"home-{user}"

    def config(self) -> str:
        """Its sshd_config."""
        lines = [
            self.extra,
            f"ListenAddress {self.address}:{self.port}",
            *[f"HostKey {key}" for key in self.host_keys],
            f"PidFile {self.folder}/sshd.pid",
            f"AuthorizedKeysFile {self.authorized_keys}",
            "StrictModes no",  # the parents, /tmp for one, are open to all
            f"UsePAM {'yes' if self.pam else 'no'}",
            f"PasswordAuthentication {'yes' if self.users else 'no'}",
            "KbdInteractiveAuthentication no",
            f"PermitRootLogin {'yes' if self.users else 'prohibit-password'}",
            "PrintMotd no",
            "UseDNS no",
            "LogLevel VERBOSE",
            "MaxStartups 100:30:200",
            "" if "Subsystem" in self.extra else "Subsystem sftp internal-sftp",
            "SetEnv " + " ".join(f'"{name}={value}"' for name, value in self.set_env.items()),
        ]
        return "\n".join(lines) + "\n"

    def start(self) -> Sshd:
        """Start it, and wait until it answers."""
        file = self.folder / "sshd_config"
        file.write_text(self.config())
        command = [SSHD, "-D", "-e", "-f", str(file)]  # -D: the process id stays ours
        if ROOT:
            command = self._in_private_mounts(command)
        with self.log_file.open("ab") as output:
            self.process = subprocess.Popen(
                # not preexec_fn: gRPC's own handlers of a fork may abort the child of a process that uses it
                ["setpriv", "--pdeathsig", "TERM", "--", *self.prefix, *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
                start_new_session=True,
            )
        if not self.prefix:
            wait_for_banner(self.address, self.port, self.process)
        return self

    def _in_private_mounts(self, command: list[str]) -> list[str]:
        script = ["set -e", "mount --make-rprivate /"]
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd refuses to start without
        if self.users:
            files = {name: Path("/etc", name).read_text() for name in ("passwd", "group", "shadow")}
            for uid, (name, password) in enumerate(self.users.items(), FIRST_UID):
                home = self.home_of(name)
                if not home.exists():
                    home.mkdir(mode=0o755)
                    os.chown(home, uid, uid)
                files["passwd"] += f"{name}:x:{uid}:{uid}::{home}:/bin/bash\n"
                files["group"] += f"{name}:x:{uid}:\n"
                files["shadow"] += f"{name}:{hashed_password(password)}:19000:0:99999:7:::\n"
            for name, text in files.items():
                script.append(f"mount --bind {self._own_file(name, text)} /etc/{name}")
        if self.pam:
            script.append(f"mount --bind {self._own_file('pam', self.pam)} /etc/pam.d/sshd")
        script.append('exec "$@"')
        return ["unshare", "--mount", "sh", "-c", "; ".join(script), "sh", *command]

    def _own_file(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.write_text(text)
        file.chmod(0o640 if name == "shadow" else 0o644)
        return file

    def known_hosts_lines(self, name: str | None = None) -> str:
        """Its host keys as lines of known_hosts."""
        name = name or (self.address if self.port == 22 else f"[{self.address}]:{self.port}")
        return "".join(f"{name} {public_half(key)}\n" for key in self.host_keys)

    def new_host_key(self) -> None:
        """Another host key of the first one's type; the server needs a restart to show it."""
        first = self.host_keys[0]
        for file in (first, Path(f"{first}.pub")):
            file.unlink()
        make_key(first, first.name.removeprefix("host_"))

    def sessions(self) -> list[int]:
        """Process ids of everything under the listener. Sessions lead process groups of their own."""
        found: list[int] = []
        todo = [self.process.pid] if self.process else []
        while todo:
            parent = todo.pop()
            try:
                children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
            except OSError:
                continue
            found += map(int, children)
            todo += map(int, children)
        return found

    def _frozen_sessions(self) -> list[int]:
        """`sessions`, none of which starts another process any more."""
        frozen: list[int] = []
        while new := [process for process in self.sessions() if process not in frozen]:
            for process in new:
                _end(process, signal.SIGSTOP)
            frozen += new
        return frozen

    def drop(self) -> None:
        """End the live connections; the server goes on."""
        for process in self._frozen_sessions():
            _end(process, signal.SIGKILL)

    def stop(self) -> None:
        """End listener and connections; it can be started again."""
        if self.process is None:
            return
        sessions = self._frozen_sessions()
        _end(self.process.pid, signal.SIGTERM)
        for process in sessions:
            _end(process, signal.SIGKILL)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        self.process = None

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Sshd:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self.remove()


class SshAgent:
    """A real ssh-agent, empty at first."""

    def __init__(self, socket_path: Path) -> None:
        self.socket = socket_path
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", "ssh-agent", "-D", "-a", str(socket_path)],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while not socket_path.exists() and time.monotonic() < deadline:
            time.sleep(0.005)

    def add(self, *keys: Path) -> None:
        """Keys without a passphrase."""
        environment = {**os.environ, "SSH_AUTH_SOCK": str(self.socket)}
        subprocess.run(["ssh-add", "-q", *map(str, keys)], check=True, env=environment, stdin=subprocess.DEVNULL)

    def stop(self) -> None:
        """End it; its socket file stays behind like that of an agent which crashed."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(5)


def _end(process: int, how: signal.Signals) -> None:
    try:
        os.kill(process, how)
    except ProcessLookupError:
        pass
