"""Keeps a SkyPilot API server running for as long as somebody of this rhdesk directory uses it; a program of its
own.

The window, the command line and programs with the library share one server. Each holds a connection to the keeper's
unix socket while it uses the server, so the system itself tells when one is gone, even a killed one. When the last
is gone the keeper waits a while (a second command should not pay for another start, and a launch under way should
not be torn), and ends the server with all its processes. Should the keeper be killed, the server ends by itself
(`rhdesk_plugin`).

Run by any Python with nothing but the standard library: `python -I rhdesk_keeper.py FILE`; FILE is JSON with
what to do. Over the socket it says one JSON line to each who connects, and one more when the server ended. It
understands the line "leave": the one who says it does not mind the server ending now.

The server listens on a unix socket in the same directory, which nobody else may enter. A port of loopback could be
taken by any user of this computer, before the server has it or after it crashed, and would be sent what is meant for
the server.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import time
from typing import Any

BUSY_LIMIT = 3600  # seconds that requests under way keep a server that nobody uses


class Connection(http.client.HTTPConnection):
    """To a server behind a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Keeper:
    """The server, and those who use it.

    Args:
        wanted: what is to be done, from the file.
    """

    def __init__(self, wanted: dict[str, Any]) -> None:
        self.wanted = wanted
        self.selector = selectors.DefaultSelector()
        self.users: dict[socket.socket, bytes] = {}
        self._server: subprocess.Popen[bytes] | None = None
        self.token = ""
        self.polite = False
        self.alone_since = time.monotonic()
        self.pipe: int | None = None

    @property
    def server(self) -> subprocess.Popen[bytes]:
        """The server that was started."""
        assert self._server is not None
        return self._server

    # -------------------------------------------------------- the server

    def start(self) -> None:
        """Start the server."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.wanted["listen"])
        self.token = f"sky_{secrets.token_urlsafe(32)}"  # SkyPilot's own programs send only what begins like this
        descriptor = os.open(self.wanted["token_file"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(self.token)
        reading, writing = os.pipe()
        self.write_plugins(reading)
        environment = {**os.environ, **self.wanted["environment"]}
        command = [self.wanted["python"], "-m", "sky.server.server", "--host=127.0.0.1"]
        with open(self.wanted["log"], "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as log:
            self._server = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, pass_fds=(reading,),
                start_new_session=True, cwd=self.wanted["folder"],
            )  # fmt: skip
        os.close(reading)
        self.pipe = writing  # for as long as we live: its end is what tells the server

    def write_plugins(self, watch: int) -> None:
        """Ours first, then what the user has; JSON is YAML too, and the user's file was read by whoever started us."""
        ours = {
            "class": "rhdesk_plugin.RhdeskPlugin",
            "parameters": {
                "token_file": self.wanted["token_file"], "folder": self.wanted["folder"], "watch": watch,
                "listen": self.wanted["listen"],
            },
        }  # fmt: skip
        # SkyPilot puts each plugin's middleware around those before it: ours must be the outermost, so it comes last
        with open(self.wanted["plugins_file"], "w", encoding="utf-8") as file:
            json.dump({"plugins": [*self.wanted["plugins"], ours]}, file)

    def end_server(self) -> None:
        """End it with its whole group: first asked, then made to; the executors do not listen to the first."""
        if self._server is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.server.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.server.wait(5)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait()
        for path in (self.wanted["token_file"], self.wanted["listen"]):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def is_busy(self) -> bool:
        """Whether a request that changes clusters is under way."""
        connection = Connection(self.wanted["listen"])
        try:
            connection.request("GET", "/api/status?limit=50", headers={"Authorization": f"Bearer {self.token}"})
            rows = json.load(connection.getresponse())
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except (OSError, ValueError, http.client.HTTPException):
            return True  # one that is only too busy to answer may be in the middle of a launch
        finally:
            connection.close()
        changing = ("launch", "start", "stop", "down", "autostop", "exec")
        return any(
            str(row.get("name", "")).rpartition(".")[2] in changing
            and row.get("status") in ("PENDING", "WAITING", "RUNNING")
            for row in rows
        )

    # -------------------------------------------------------- those who use it

    def state(self) -> dict[str, Any]:
        """What those who connect are told."""
        return {"socket": self.wanted["listen"], "token": self.token, "pid": self.server.pid, "keeper": os.getpid()}

    def welcome(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.setblocking(False)
        self.users[connection] = b""
        self.selector.register(connection, selectors.EVENT_READ, self.hear)
        self.say(connection, self.state())

    def say(self, connection: socket.socket, value: dict[str, Any]) -> None:
        # a line is far below what a socket's buffer holds; whoever does not read is not waited for
        try:
            connection.sendall(json.dumps(value).encode() + b"\n")
        except OSError:
            self.forget(connection)

    def hear(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(1024)
        except OSError:
            data = b""
        if not data:
            self.forget(connection)
            return
        self.users[connection] = (self.users[connection] + data)[-64:]
        if b"leave\n" in self.users[connection]:
            self.forget(connection, polite=True)

    def forget(self, connection: socket.socket, polite: bool = False) -> None:
        if self.users.pop(connection, None) is None:
            return
        self.selector.unregister(connection)
        connection.close()
        if not self.users:
            self.polite = polite
            self.alone_since = time.monotonic()

    # -------------------------------------------------------- the whole

    def run(self, listener: socket.socket) -> None:
        """Until the server ended, or nobody uses it."""
        self.selector.register(listener, selectors.EVENT_READ, self.welcome)
        looks_again = 0.0
        while True:
            for key, _ in self.selector.select(timeout=0.5):
                key.data(key.fileobj)
            if self.server.poll() is not None:
                for connection in list(self.users):
                    self.say(connection, {"ended": self.server.returncode})
                return
            if self.users:
                continue
            alone = time.monotonic() - self.alone_since
            # the first user is on the way while nobody has come yet
            patience = 0 if self.polite else self.wanted["linger"]
            if alone < patience or time.monotonic() < looks_again:
                continue
            if alone > BUSY_LIMIT or not self.is_busy():
                return
            looks_again = time.monotonic() + 5


def main() -> int:
    """Do what the file says."""
    with open(sys.argv[1], encoding="utf-8") as file:
        wanted = json.load(file)
    lock = os.open(wanted["lock"], os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return 0  # another keeper is there already
    os.ftruncate(sys.stderr.fileno(), 0)  # what the one before us said
    os.umask(0o077)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(wanted["socket"])
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(wanted["socket"])
    listener.listen(16)
    reading, writing = os.pipe()
    if os.fork():
        # whoever started us goes on when the server was started, and need not know when we end; the lock is the child's
        # too. A child that fails says why in our log, and nothing in the pipe.
        os.close(writing)
        os._exit(0 if os.read(reading, 1) else 1)
    os.close(reading)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keeper = Keeper(wanted)
    try:
        keeper.start()
        os.write(writing, b".")
        os.close(writing)
        keeper.run(listener)
    finally:
        # no new user may come to a server that is about to end
        with contextlib.suppress(FileNotFoundError):
            os.unlink(wanted["socket"])
        listener.close()
        keeper.end_server()
    return 0


if __name__ == "__main__":
    sys.exit(main())
