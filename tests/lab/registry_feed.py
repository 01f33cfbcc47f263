"""Listening to the changes of a registry."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lab.registry import RegistryServer

_SECONDS = 30.0


@dataclass(frozen=True)
class Event:
    """One event; `id` is None where it has none."""

    id: int | None
    event: str
    data: dict[str, Any]


def events(lines: Iterable[str]) -> Iterator[Event]:
    """The events that these lines of a stream are; an id alone is the event "id"."""
    fields: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif not line and fields:
            number = int(fields["id"]) if "id" in fields else None
            yield Event(number, fields.get("event", "id"), json.loads(fields.get("data", "{}")))
            fields = {}


class Follower:
    """Listens as a user, in a thread; a context manager.

    Attributes:
        seen: every event so far, also `hello`.
        ended: whether the server has ended the stream.
    """

    def __init__(self, registry: RegistryServer, user: str, after: int | None = None) -> None:
        self.seen: list[Event] = []
        self.ended = False
        self._client = registry.client(user)
        self._params = {} if after is None else {"after": after}
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._closing = False
        self._socket: socket.socket | None = None

    def __enter__(self) -> Follower:
        self._thread.start()
        self.until(lambda: bool(self.seen))
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # closing it would not wake the thread
        self._thread.join(_SECONDS)
        self._client.close()

    @property
    def told(self) -> list[tuple[str, str]]:
        """(event, name) of all changes so far."""
        return [(each.event, each.data["name"]) for each in self.seen if "name" in each.data]

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it is true.

        Raises:
            AssertionError: it is not, for long.
        """
        deadline = time.monotonic() + _SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"it does not come true; seen: {self.seen}"
            time.sleep(0.01)

    def until_told(self, event: str, name: str) -> Event:
        """Wait for a change, and give it."""
        self.until(lambda: (event, name) in self.told)
        return next(each for each in self.seen if (each.event, each.data.get("name")) == (event, name))

    def _listen(self) -> None:
        try:
            with self._client.stream("GET", "/v1/changes", params=self._params) as answer:
                answer.raise_for_status()
                self._socket = answer.extensions["network_stream"].get_extra_info("socket")
                for event in events(answer.iter_lines()):
                    self.seen.append(event)
        except Exception:
            if not self._closing:  # else the client was closed under the stream
                raise
        self.ended = True
