"""A client's connection to a server that may go away and come back: opened on first use, opened anew when it broke."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable

from rhresources.errors import ClusterDown, ConnectionLost, RhError, ServerProblem
from rhresources.version import version
from rhresources.wire import PROTOCOL
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.channel import Channels, ServerAddress, error_of_rpc, lost_unless_cancelled
from rhresources.wire.polling import grpc
from rhresources.wire.session import Session

Resolver = Callable[[], Awaitable[ServerAddress | None]]
"""Where the server listens now: target and token change with a restart. None: it does not run."""

ConnectionCallback = Callable[[bool, str], None]
"""Told whether the server can be reached, and a sentence about it, whenever that changes."""

HELLO_TIMEOUT = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0

_HEAL = (ClusterDown, ConnectionLost, ServerProblem)
"""What may be over in a few seconds; other errors on the way need a person."""


class Link:
    """Channels whose server said hello, and the session on them."""

    def __init__(self, channels: Channels, hello: pb.HelloReply) -> None:
        self.channels = channels
        self.hello = hello
        self.lost = False
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """The stream of the calls; opened on first use."""
        if self._session is None:
            self._session = Session(self.channels)
        return self._session

    @property
    def broken(self) -> bool:
        """Whether a call failed for want of a connection, or the stream of the calls ended."""
        return self.lost or (self._session is not None and self._session.broken is not None)

    async def close(self, grace: float | None = None) -> None:
        """End session and channels."""
        self.lost = True
        if self._session is not None:
            await self._session.close()
        await self.channels.close(grace)


class Linker:
    """Keeps one live `Link`, and says when it is gone and when it is back.

    All who want a link share its tries; each waits as long as its own patience reaches.
    """

    def __init__(self, address: ServerAddress, resolve: Resolver | None, on_connection: ConnectionCallback | None):
        self._address = address
        self._resolve = resolve
        self.on_connection = on_connection
        self.link: Link | None = None
        self._lock = asyncio.Lock()
        self._error: RhError | None = None  # of the last try
        self._pause = FIRST_PAUSE
        self._next = 0.0  # when the next try may be made, by the monotonic clock
        self._retry = asyncio.Event()
        self._said_lost = False
        self._closing: set[asyncio.Task[None]] = set()
        self.closed = False

    async def get(self, patience: float | None) -> Link:
        """The live link, else a new one, tried again for `patience` seconds (None: without end).

        Raises:
            ClusterDown: the server does not run.
            ConnectionLost: it runs, and cannot be reached.
            ServerProblem: it speaks another protocol, or refuses us.
            RhError: the way there needs a person; not raised without an end to the patience.
        """
        deadline = None if patience is None else time.monotonic() + patience
        while True:
            if (link := self._live()) is not None:
                return link
            async with self._lock:
                if (link := self._live()) is not None:
                    return link
                self.require_open()
                if self._error is None or time.monotonic() >= self._next:
                    await self._discard()
                    if await self._try():
                        continue
            assert self._error is not None
            if deadline is not None and (self._next > deadline or not isinstance(self._error, _HEAL)):
                raise copy.copy(self._error)
            self._say(False, f"{self._error.sentence} Trying again.")
            await self._wait_for_turn()

    def retry_now(self) -> None:
        """Do not wait any longer before the next try."""
        self._pause, self._next = FIRST_PAUSE, 0.0
        self._retry.set()
        self._retry = asyncio.Event()

    def lose(self, link: Link, error: RhError) -> None:
        """A call on `link` failed for want of a connection."""
        link.lost = True
        if link is self.link and not self.closed:
            self._say(False, f"{error.sentence} Trying again.")

    def require_open(self) -> None:
        """Raises `ConnectionLost` if this end was closed."""
        if self.closed:
            raise ConnectionLost("The connection to the cluster server was closed here.")

    async def close(self) -> None:
        """End the link for good."""
        self.closed = True
        self.retry_now()
        link, self.link = self.link, None
        if link is not None:
            await link.close()
        for task in list(self._closing):
            await task

    def _live(self) -> Link | None:
        link = self.link
        return link if link is not None and not link.broken else None

    async def _try(self) -> bool:
        """One try; whether there is a link now.

        Raises:
            ServerProblem: the server is another one, which waiting does not change.
        """
        try:
            # a host that is only half up may refuse anything; for whoever waits without end that is no end
            address = await self._resolve() if self._resolve is not None else self._address
            if address is None:
                raise ClusterDown("The cluster server does not run.", remedy="Bring the cluster up.")
            self._address = address
            link = await open_link(address)
        except RhError as error:
            if isinstance(error, ServerProblem) and error.code != "unauthenticated":
                raise
            self._error = copy.copy(error)
            self._next = time.monotonic() + self._pause
            self._pause = min(self._pause * 1.7, LONGEST_PAUSE)
            return False
        if self.closed:
            await link.close()
            self.require_open()
        self.link = link
        self._error, self._pause = None, FIRST_PAUSE
        self._say(True, "Connected.")
        return True

    async def _wait_for_turn(self) -> None:
        try:
            async with asyncio.timeout(max(0.0, self._next - time.monotonic())):
                await self._retry.wait()
        except TimeoutError:
            pass

    async def _discard(self) -> None:
        link, self.link = self.link, None
        if link is None:
            return
        # transfers on the other channel may still come to their end; closing now would cancel them
        task = asyncio.get_running_loop().create_task(link.close(grace=2.0))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _say(self, connected: bool, sentence: str) -> None:
        if connected == (not self._said_lost):
            return
        self._said_lost = not connected
        if self.on_connection is not None:
            self.on_connection(connected, sentence)


async def open_link(address: ServerAddress) -> Link:
    """Connect and shake hands.

    Raises:
        ConnectionLost: nobody answers at the address.
        ServerProblem: the server is of another protocol, or refuses the token.
    """
    channels = Channels(address)
    try:
        hello = await channels.stub.Hello(
            pb.HelloRequest(version=version(), protocol=PROTOCOL), metadata=channels.metadata, timeout=HELLO_TIMEOUT
        )
        if hello.protocol != PROTOCOL:
            raise _other_protocol(hello)
    except grpc.aio.AioRpcError as error:
        await channels.close()
        raise error_of_rpc(error) from None
    except asyncio.CancelledError:
        lost = lost_unless_cancelled(channels)
        raise lost from None
    except ServerProblem:
        await channels.close()
        raise
    return Link(channels, hello)


def _other_protocol(hello: pb.HelloReply) -> ServerProblem:
    older, newer = ("here", "the cluster server") if hello.protocol > PROTOCOL else ("the cluster server", "here")
    return ServerProblem(
        f"The cluster server is rhdesk {hello.version or '?'} with protocol {hello.protocol}; "
        f"this is rhdesk {version()} with protocol {PROTOCOL}.",
        code="version",
        remedy=f"Install the newer version on the older side ({older}); {newer} is up to date. "
        "Then take the cluster down and bring it up again.",
    )
