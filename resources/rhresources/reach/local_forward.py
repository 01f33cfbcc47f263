"""A port of this computer that leads to another port or socket of it: what a forward is where the cluster is here."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from rhresources.errors import RhError

_PIECE = 256 * 1024


class LocalForward:
    """Passes connections on. Make it with `open`."""

    def __init__(self, remote: str | tuple[str, int]) -> None:
        self._remote = remote
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: RhError | None = None

    @classmethod
    async def open(cls, remote: str | tuple[str, int], local: tuple[str, int]) -> LocalForward:
        """Listen at `local`.

        Raises:
            OSError: that is not possible.
        """
        self = cls(remote)
        self._server = await asyncio.start_server(self._serve, *local)
        return self

    @property
    def address(self) -> str:
        """ "127.0.0.1:4711"."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    @property
    def error(self) -> RhError | None:
        """Why its last connection led nowhere; None while all goes well."""
        return self._error

    def close(self) -> None:
        """Stop listening and end what goes through it."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if isinstance(self._remote, str):
                far_reader, far_writer = await asyncio.open_unix_connection(self._remote)
            else:
                far_reader, far_writer = await asyncio.open_connection(*self._remote)
            self._error = None
            try:
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
            finally:
                far_writer.close()
        except OSError as error:  # the caller sees its connection end, as over SSH
            where = self._remote if isinstance(self._remote, str) else f"port {self._remote[1]} of {self._remote[0]}"
            self._error = RhError(f"Nothing answers at {where}.", detail=str(error))
        except asyncio.CancelledError:
            pass  # of `close`; raised on, the server would log it as an error of ours
        finally:
            self._tasks.discard(task)
            writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(_PIECE):
        sink.write(data)
        await sink.drain()
    with suppress(OSError):
        sink.write_eof()
