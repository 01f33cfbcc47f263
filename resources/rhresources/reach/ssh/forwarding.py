"""Forwards: a socket here whose connections come out at a socket of the host."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from pathlib import Path

import paramiko

from rhresources.errors import RhError
from rhresources.reach.ssh.piping import PipedChannel
from rhresources.reach.ssh.problems import SshProblem, connection_lost, forwarding_forbidden
from rhresources.reach.ssh.streamlocal import new_marker, open_carried, open_forwarded
from rhresources.reach.ssh.target import SshTarget
from rhresources.reach.ssh.transport import CHANNEL_SECONDS, SshTransport, let_go

log = logging.getLogger(__name__)


class Forward:
    """A forward that listens until it is closed or its SSH connection ends.

    Attributes:
        address: "unix:/run/…/a.sock", or "127.0.0.1:4711".
        remote: where its connections come out.
        error: why its last connection could not be opened; None while all goes well.
        carried: the host forbids forwarding, so a program there carries each connection.
    """

    def __init__(
        self, transport: SshTransport, target: SshTarget, remote: str | tuple[str, int], local: str | tuple[str, int]
    ) -> None:
        self._transport = transport
        self._target = target
        self.remote = remote
        self.error: SshProblem | None = None
        self.carried = False
        self._lock = threading.Lock()
        self._live: set[tuple[socket.socket, PipedChannel]] = set()
        self._closed = False
        self._listener = _listen(local)
        if isinstance(local, str):
            self.address = f"unix:{local}"
        else:
            host, port = self._listener.getsockname()[:2]
            self.address = f"{host}:{port}"
        threading.Thread(target=self._accept, name="ssh forward", daemon=True).start()

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._live)

    def probe(self) -> None:
        """Open one channel and close it. Blocks.

        Raises:
            SshProblem: why it cannot be opened.
        """
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self._open(ours).close()

    def close(self) -> None:
        """Stop listening and end its connections. Does not block for long; may be called twice."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self.address.startswith("unix:"):
            with contextlib.suppress(OSError):
                os.unlink(self.address.removeprefix("unix:"))
        with self._lock:
            live = list(self._live)
        for connection, channel in live:
            let_go(channel)
            _shut(connection)

    # ------------------------------------------------------------ threads

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if connection.family != getattr(socket, "AF_UNIX", None):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), name="ssh forward down", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            channel = self._open(connection)
        except SshProblem as error:
            self.error = error
            connection.close()
            return
        self.error = None
        pair = (connection, channel)
        with self._lock:
            self._live.add(pair)
        up = threading.Thread(target=channel.pump_up, name="ssh forward up", daemon=True)
        up.start()
        try:
            if channel.pump_down():
                connection.shutdown(socket.SHUT_WR)
                up.join()
        except OSError:
            pass
        finally:
            _shut(connection)
            let_go(channel)
            up.join()
            connection.close()
            with self._lock:
                self._live.discard(pair)

    def _open(self, connection: socket.socket) -> PipedChannel:
        """A channel whose data goes into `connection`.

        Raises:
            SshProblem: why there is none.
        """
        transport = self._transport
        try:
            if self.carried:
                return self._open_carried(connection)
            channel = PipedChannel(connection)
            try:
                open_forwarded(transport, self.remote, channel)
            except paramiko.ChannelException as error:
                # sshd does not tell forbidden sockets from missing ones
                may_be_forbidden = error.code == 1 or (isinstance(self.remote, str) and not transport.forwards_sockets)
                if not may_be_forbidden:
                    raise
                try:
                    channel = self._open_carried(connection)
                except (paramiko.SSHException, EOFError, OSError) as failure:
                    log.debug("no way around forwarding: %r", failure)
                    raise error from None
                self.carried = True
            else:
                transport.forwards_sockets = transport.forwards_sockets or isinstance(self.remote, str)
            return channel
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self._problem(error) from None

    def _open_carried(self, connection: socket.socket) -> PipedChannel:
        marker = new_marker()
        channel = PipedChannel(connection, marker)
        open_carried(self._transport, self.remote, channel, marker)
        if not channel.begun.wait(CHANNEL_SECONDS) or not channel.has_begun:
            said = channel.recv_stderr(4096) if channel.recv_stderr_ready() else b""
            let_go(channel)
            raise paramiko.ChannelException(2, said.decode(errors="replace").strip() or "Connect failed")
        return channel

    def _problem(self, error: Exception) -> SshProblem:
        if isinstance(error, paramiko.ChannelException):
            if error.code == 1:
                return forwarding_forbidden(self._target, str(error.text))
            where = self.remote if isinstance(self.remote, str) else f"port {self.remote[1]} of {self.remote[0]}"
            return SshProblem(
                f"Nothing on {self._target.place} answers at {where}.",
                code="nothing-listens",
                step="forwarding",
                remedy="Start the program that should listen there.",
                detail=str(error.text),
            )
        return connection_lost(self._target, "while a forwarded connection was opened", str(error))


def _listen(local: str | tuple[str, int]) -> socket.socket:
    if isinstance(local, str):
        listener = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(FileNotFoundError):
            if Path(local).is_socket():  # left behind by a program that was killed
                os.unlink(local)
    else:
        listener = socket.socket()
        if os.name != "nt":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(local)
        if isinstance(local, str):
            os.chmod(local, 0o600)
        listener.listen(64)
    except OSError as error:
        listener.close()
        where = local if isinstance(local, str) else f"{local[0]}:{local[1]}"
        raise RhError(f"A forward cannot listen at {where}: {(error.strerror or str(error)).lower()}.") from None
    return listener


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
