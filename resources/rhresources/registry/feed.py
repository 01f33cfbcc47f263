"""The change feed of the registry as it is read, and what the registry says of one resource."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx

from rhresources.errors import RhError
from rhresources.registry.answers import LEVELS, Level
from rhresources.registry.login import Login
from rhresources.registry.problems import away, not_a_registry

_CONNECT = 5.0


@dataclass(frozen=True, slots=True)
class Remote:
    """One resource as the registry has it; `status` is how a cluster was told to be, as JSON, empty: nobody told."""

    name: str
    kind: str
    version: int
    text: str
    description: str
    modified: float
    modified_by: str
    access: Level
    status: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One message of the change feed.

    Attributes:
        kind: "hello", "saved", "deleted", "moved", "access", "status", "caught-up" or "reset".
        cursor: the position after it; 0 where it has none.
        name: of what; empty where it is about none.
        old: what was moved from there.
        resource: what is there now; None: nothing that may be read.
        data: all that was said.
    """

    kind: str
    cursor: int
    name: str = ""
    old: str = ""
    resource: Remote | None = None
    data: Mapping[str, Any] | None = None


Refusal = Callable[[int, Mapping[str, Any]], RhError]
"""What an answer of this status that says this comes to."""


class Changes:
    """One reading of the change feed. Use it as a context; `close` may be called from another thread."""

    def __init__(
        self, client: httpx.Client, login: Login, after: int, follow: bool, silence: float, refused: Refusal
    ) -> None:
        self._login, self._refused = login, refused
        self._opened = client.stream(
            "GET",
            "/v1/changes",
            params={"after": after, "follow": str(follow).lower()},
            headers={"Accept": "text/event-stream"},
            timeout=httpx.Timeout(silence, connect=_CONNECT),
        )
        self._response: httpx.Response | None = None
        self._closed = False

    def __enter__(self) -> Changes:
        try:
            self._response = self._opened.__enter__()
        except httpx.HTTPError as error:
            raise away(self._login, error) from None
        if self._closed:
            self.close()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(httpx.HTTPError):
            self._opened.__exit__(None, None, None)

    def close(self) -> None:
        """Wake whoever waits for the next event; there will be none."""
        self._closed = True
        if self._response is not None:
            connection = self._response.extensions.get("network_stream")
            raw = connection.get_extra_info("socket") if connection is not None else None
            if raw is not None:
                with contextlib.suppress(OSError):
                    # closing it would leave a thread that reads from it waiting
                    raw.shutdown(socket.SHUT_RDWR)

    def __iter__(self) -> Iterator[Event]:
        """The events as they come.

        Raises:
            RegistryAway: the connection broke.
            RegistryRefused: as the token is.
        """
        assert self._response is not None
        try:
            if self._response.status_code != 200:
                self._response.read()
                said = json_of(self._response)
                if isinstance(said, dict) and "error" in said:
                    raise self._refused(self._response.status_code, said)
                raise not_a_registry(self._login.url, f"{self._response.status_code} {self._response.text[:500]}")
            for kind, cursor, data in _messages(self._response.iter_lines()):
                yield _event_of(kind, cursor, data)
        except httpx.HTTPError as error:
            if not self._closed:
                raise away(self._login, error) from None
        except (OSError, RuntimeError):  # what httpx makes of a connection that `close` took away
            if not self._closed:
                raise


def _messages(lines: Iterator[str]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Server-sent events taken apart: kind, id, data."""
    kind, cursor, data = "", 0, ""
    for line in lines:
        if not line:
            if kind and data:
                yield kind, cursor, json.loads(data)
            elif cursor:  # a sign of life that says how far there was nothing to tell
                yield "caught-up", cursor, {}
            kind, cursor, data = "", 0, ""
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            kind = value
        elif field == "id" and value.isdigit():
            cursor = int(value)
        elif field == "data":
            data = f"{data}\n{value}" if data else value


def _event_of(kind: str, cursor: int, data: dict[str, Any]) -> Event:
    resource = data.get("resource")
    return Event(
        kind,
        int(data.get("cursor") or cursor),
        str(data.get("name") or ""),
        str(data.get("from") or ""),
        remote_of(resource) if resource else None,
        data,
    )


def remote_of(said: Mapping[str, Any]) -> Remote:
    """A resource of the wire."""
    level = said.get("access")
    return Remote(
        str(said["name"]),
        str(said.get("kind") or ""),
        int(said["version"]),
        str(said.get("text") or ""),
        str(said.get("description") or ""),
        float(said.get("modified") or 0.0),
        str(said.get("modified_by") or ""),
        cast("Level", level) if level in LEVELS else "read",
        json.dumps(said["status"]) if said.get("status") else "",
    )


def json_of(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
