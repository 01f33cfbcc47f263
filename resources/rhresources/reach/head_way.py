"""The way to the head of a cluster over SSH: one connection, and a socket here that leads to the server's there."""

from __future__ import annotations

import asyncio
import secrets
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rhresources import paths
from rhresources.credentials import Credentials
from rhresources.documents import ClusterDocument
from rhresources.errors import ConnectionLost
from rhresources.people import person
from rhresources.reach.questions import Asker, NeedsAnswer
from rhresources.reach.ssh.connection import SshConnection
from rhresources.reach.ssh.forwarding import Forward
from rhresources.reach.ssh.problems import SshProblem, forwarding_forbidden
from rhresources.reach.ssh.target import FindTarget, target_of
from rhresources.wire.channel import ServerAddress


class NothingListens(ConnectionLost):
    """The server's socket is there and nobody listens on it."""


class HeadWay:
    """Keeps the connection and the socket, and says when the connection is lost and when it is back.

    Args:
        document: the cluster.
        home: the rhdesk directory of this computer; default: the user's.
        credentials: where passphrases and passwords are kept.
        asker: who can ask the person, at any time; None: nobody.
        find: where each host is.

    Attributes:
        on_connection: told whether the SSH connection is there, and a sentence, whenever that changes.
    """

    def __init__(
        self,
        document: ClusterDocument,
        home: Path | None,
        credentials: Credentials,
        asker: Callable[[], Asker | None],
        find: FindTarget = target_of,
    ) -> None:
        self._document = document
        self._find = find
        self._home = home
        self._credentials = credentials
        self._asker = asker
        self.on_connection: Callable[[bool, str], None] | None = None
        self._connection: SshConnection | None = None
        self._connecting = asyncio.Lock()
        self._asking = False
        self._said_lost = False
        self._forward: Forward | None = None
        self._forwarded: tuple[SshConnection, str] | None = None
        self._forwarding = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether there is a live connection."""
        return self._connection is not None and self._connection.alive

    async def connection(self, ask: bool) -> SshConnection:
        """The live connection to the head, opened anew when it died; see `SshRoute.connection`."""
        connection = self._connection
        if connection is not None and connection.alive:
            return connection
        if self._asking and not ask:
            raise NeedsAnswer(
                f"A question about {self._document.ips[0]} is open.", remedy="Answer it, or connect again."
            )
        async with self._connecting:
            connection = self._connection
            if connection is not None and connection.alive:
                return connection
            self._asking = ask
            try:
                opened = await self.open(self._document.ips[0], self._asker() if ask else None)
            finally:
                self._asking = False
            if connection is not None:
                await connection.close()
            self._connection = opened
            opened.on_lost(self._lost)
        self._say(True, "Connected.")
        return opened

    async def open(self, host: str, asker: Asker | None) -> SshConnection:
        """A connection to any host of the cluster, for its opener to close.

        Raises:
            SshProblem: it cannot be reached or logged in to.
            NeedsAnswer: a person would have to answer first.
        """
        target = await self._find(self._document, host)
        return await SshConnection.open(target, credentials=self._credentials, asker=asker)

    async def through(self, connection: SshConnection, server: Mapping[str, Any]) -> ServerAddress:
        """The socket of a server, as `server.json` has it, as a socket here.

        Raises:
            NothingListens: the server is about to begin or to end.
            SshProblem: the host forbids forwarding, or the connection was lost.
        """
        async with self._forwarding:
            way = (connection, str(server["socket"]))
            if self._forward is None or self._forwarded != way:
                self.end_forward()
                try:
                    self._forward = await connection.forward(way[1], self._local_end(), probe=True)
                except SshProblem as error:
                    if error.code == "nothing-listens":
                        # OpenSSH says no more than that where it forbids sockets, so the host is asked
                        if await _listens(connection, server):
                            raise forwarding_forbidden(connection.target, error.detail) from None
                        raise NothingListens(
                            f"The cluster server of {self._document.ips[0]} does not answer.", detail=error.detail
                        ) from None
                    raise
                self._forwarded = way
            return ServerAddress(self._forward.address, str(server["token"]), person(self._home))

    def end_forward(self) -> None:
        """Stop forwarding the server's socket."""
        forward, self._forward, self._forwarded = self._forward, None, None
        if forward is not None:
            forward.close()

    async def close(self) -> None:
        """End the socket and the connection; the cluster goes on."""
        self.end_forward()
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _local_end(self) -> str | tuple[str, int]:
        if sys.platform == "win32":
            return ("127.0.0.1", 0)
        runtime = paths.runtime_directory(self._home)
        return str(paths.socket_path(runtime, f"ssh-{secrets.token_hex(4)}"))

    def _lost(self, problem: SshProblem) -> None:
        self._say(False, problem.sentence)

    def _say(self, connected: bool, sentence: str) -> None:
        if connected == (not self._said_lost):
            return
        self._said_lost = not connected
        if self.on_connection is not None:
            self.on_connection(connected, sentence)


async def _listens(connection: SshConnection, server: Mapping[str, Any]) -> bool:
    """Whether the server's socket takes connections on the host itself, where that can be found out."""
    program = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    interpreter = f"/proc/{int(server['pid'])}/exe"  # Linux
    done = await connection.run(
        f"{interpreter} -c {shlex.quote(program)} {shlex.quote(str(server['socket']))}", timeout=20
    )
    return done.code == 0
