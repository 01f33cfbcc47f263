"""A real Secret Service (gnome-keyring) on a private D-Bus, with a home of its own. No display, no systemd."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon")

_NOT_OURS = ("DISPLAY", "WAYLAND_DISPLAY", "SSH_AUTH_SOCK", "GNOME_KEYRING_CONTROL", "DBUS_SESSION_BUS_ADDRESS")

_BUS_CONFIGURATION = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <keep_umask/>
  <listen>unix:path={socket}</listen>
  {services}
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
"""

_PROMPTER = """\
[D-BUS Service]
Name=org.gnome.keyring.SystemPrompter
Exec={program}
"""


class SecretService:
    """A bus and a keyring daemon. Use as a context; both end with it, whatever becomes of the test.

    Args:
        password: of the login keyring.
        unlock: open the login keyring at once; else there is none yet (or it stays locked).
        daemon: start the keyring; else the bus is empty.
        display: an X display on which the keyring may prompt; empty: it has no prompter.
    """

    def __init__(
        self, password: str = "log-in 1", *, unlock: bool = True, daemon: bool = True, display: str = ""
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ss-", dir="/tmp"))
        self.password = password
        self._unlock, self._wants_daemon, self._display = unlock, daemon, display
        home, self._runtime = self.folder / "home", self.folder / "run"
        for directory in (home, self._runtime, home / ".local" / "share"):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.address = f"unix:path={self._runtime / 'bus'}"
        self.environment = {name: value for name, value in os.environ.items() if name not in _NOT_OURS} | {
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(self._runtime),
            "XDG_DATA_HOME": str(home / ".local" / "share"),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "DBUS_SESSION_BUS_ADDRESS": self.address,
            "GNOME_KEYRING_CONTROL": str(self._runtime / "keyring"),
            "GSETTINGS_BACKEND": "memory",
            "NO_AT_BRIDGE": "1",
        }
        if display:
            self.environment["DISPLAY"] = display
        self._bus: subprocess.Popen[bytes] | None = None
        self._daemon: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> SecretService:
        try:
            self._start_bus()
            if self._wants_daemon:
                self.start_daemon()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill_daemon()
        self.kill_bus()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_daemon(self, *, unlock: bool | None = None) -> None:
        """Start the keyring on the bus."""
        command = ["gnome-keyring-daemon", "--foreground", "--components=secrets"]
        command += ["--control-directory", str(self._runtime / "keyring")]
        if wants_open := self._unlock if unlock is None else unlock:
            command.append("--unlock")  # the password comes on standard input
        self._daemon = self._start(command, subprocess.PIPE)
        assert self._daemon.stdin is not None
        self._daemon.stdin.write(self.password.encode() if wants_open else b"")
        self._daemon.stdin.close()
        self._wait(lambda: self._is_owned("org.freedesktop.secrets"), self._daemon)

    def kill_daemon(self) -> None:
        """End the keyring; the bus stays."""
        self._daemon = _ended(self._daemon)

    def kill_bus(self) -> None:
        """End the bus."""
        self._bus = _ended(self._bus)

    def freeze_bus(self) -> None:
        """The bus takes connections and answers nothing."""
        assert self._bus is not None
        self._bus.send_signal(signal.SIGSTOP)

    def thaw_bus(self) -> None:
        """The bus answers again."""
        assert self._bus is not None
        self._bus.send_signal(signal.SIGCONT)

    def lock(self) -> None:
        """Lock the login keyring."""
        import secretstorage
        from jeepney.io.blocking import open_dbus_connection

        with open_dbus_connection(bus=self.address) as connection:
            secretstorage.get_default_collection(connection).lock()

    def unlock(self, password: str | None = None) -> bool:
        """Unlock the login keyring of the running daemon, as a log-in does; False: the password is wrong."""
        secret = (self.password if password is None else password).encode()
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self._runtime / "keyring" / "control"))
            control.sendall(b"\0")  # carries the credentials of this process
            control.sendall(struct.pack(">III", 12 + len(secret), 1, len(secret)) + secret)
            _, code = struct.unpack(">II", control.recv(8, socket.MSG_WAITALL))
        return bool(code == 0)

    def _start_bus(self) -> None:
        services = ""
        if self._display:
            folder = self.folder / "services"
            folder.mkdir()
            (folder / "org.gnome.keyring.SystemPrompter.service").write_text(_PROMPTER.format(program=prompter()))
            services = f"<servicedir>{folder}</servicedir>"
        configuration = self.folder / "bus.conf"
        path = self._runtime / "bus"
        configuration.write_text(_BUS_CONFIGURATION.format(socket=path, services=services))
        self._bus = self._start(["dbus-daemon", f"--config-file={configuration}", "--nofork", "--nopidfile"])
        self._wait(path.exists, self._bus)

    def _start(self, command: list[str], given: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        with open(self.folder / f"{command[0]}.log", "ab") as log:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", *command],
                env=self.environment,
                stdin=given,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )

    def _is_owned(self, name: str) -> bool:
        from jeepney import DBusAddress, new_method_call
        from jeepney.io.blocking import open_dbus_connection

        bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
        with open_dbus_connection(bus=self.address) as connection:
            return bool(connection.send_and_get_reply(new_method_call(bus, "NameHasOwner", "s", (name,))).body[0])

    @staticmethod
    def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            if process.poll() is not None:
                raise RuntimeError(f"{process.args} ended with {process.returncode}")
            if time.monotonic() > deadline:
                raise TimeoutError(str(process.args))
            time.sleep(0.01)


def prompter() -> str:
    """The program that shows the prompts of gnome-keyring; empty: it is not installed."""
    for place in ("/usr/libexec", "/usr/lib/gcr", "/usr/lib/gcr-3"):
        if os.access(f"{place}/gcr-prompter", os.X_OK):
            return f"{place}/gcr-prompter"
    return ""


def _ended(process: subprocess.Popen[bytes] | None) -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGCONT)
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
