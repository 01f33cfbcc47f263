"""A way to a server that may fall silent, as one through a router that forgot it: nobody is told, nothing arrives."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from urllib.parse import urlsplit


class SilentRelay:
    """Passes connections on. Use as a context.

    Args:
        url: of the server.

    Attributes:
        url: under which it is reached through this.
    """

    def __init__(self, url: str) -> None:
        there = urlsplit(url)
        self._there = (str(there.hostname), int(there.port or 80))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"{there.scheme}://127.0.0.1:{self._listening.getsockname()[1]}"
        self._ends: list[socket.socket] = []
        self._forgotten: set[socket.socket] = set()
        self.accepted = 0

    def __enter__(self) -> SilentRelay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.close()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def forget(self) -> None:
        """Nothing goes through the connections of now any more; they stay open. New ones are passed on."""
        self._forgotten.update(self._ends)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
                far = socket.create_connection(self._there)
            except OSError:
                return
            self.accepted += 1
            self._ends += [near, far]
            for origin, target in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(origin, target), daemon=True).start()

    def _copy(self, origin: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := origin.recv(65536):
                if origin not in self._forgotten:
                    target.sendall(data)
            if origin not in self._forgotten:
                target.shutdown(socket.SHUT_WR)
