"""A client of registries that costs nearly nothing itself: keeps connections open, sends prepared requests.

Answers lines on its standard input: `load URL TOKEN CLIENTS COUNT` or `save …` with requests per second, `p99` with the
milliseconds that 99 of 100 of those requests took at most.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import uvloop
from processes import READY

DOCUMENTS = 10_000


def document(number: int, saved: int = 0) -> str:
    """The text of one of the documents."""
    return f"kind: cluster\nips: [gpu{number}]\ndescription: saved {saved} times\nssh_creds:\n  ssh_user: alice\n"


def path(number: int) -> str:
    """Where that document is."""
    return f"/v1/resources/alice/{number % 100}/{number}"


class Caller:
    """See the module."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self._numbers = itertools.count(1)

    async def round(self, kind: str, url: str, token: str, clients: int, count: int) -> float:
        """Requests per second of so many clients at once."""
        make = self._load if kind == "load" else self._save
        self.taken = []
        address = urlsplit(url)
        assert address.hostname is not None
        streams = [await asyncio.open_connection(address.hostname, address.port) for _ in range(clients)]
        start = time.perf_counter()
        await asyncio.gather(*(self._client(*stream, make, token, count // clients) for stream in streams))
        seconds = time.perf_counter() - start
        for _, writer in streams:
            writer.close()
        return len(self.taken) / seconds

    def p99(self) -> float:
        """Of the last round, in milliseconds."""
        return sorted(self.taken)[int(len(self.taken) * 0.99)] * 1000

    async def _client(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        make: Callable[[str], bytes],
        token: str,
        count: int,
    ) -> None:
        for _ in range(count):
            start = time.perf_counter()
            writer.write(make(token))
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"the server answered {head.decode()}")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            self.taken.append(time.perf_counter() - start)

    def _load(self, token: str) -> bytes:
        return _request("GET", path(self._next()), token)

    def _save(self, token: str) -> bytes:
        number = self._next()
        body = json.dumps({"text": document(number, time.perf_counter_ns())}).encode()
        return _request("PUT", path(number), token, body)

    def _next(self) -> int:
        return next(self._numbers) * 7919 % DOCUMENTS  # not in their order


def _request(method: str, where: str, token: str, body: bytes = b"") -> bytes:
    length = f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\n" if body else ""
    return f"{method} {where} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{length}\r\n".encode() + body


async def main() -> None:
    """Answer until standard input ends."""
    caller = Caller()
    print(READY.decode(), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        match line.split():
            case [kind, url, token, clients, count]:
                print(await caller.round(kind, url, token, int(clients), int(count)), flush=True)
            case _:
                print(caller.p99(), flush=True)


if __name__ == "__main__":
    asyncio.run(main(), loop_factory=uvloop.new_event_loop) if sys.version_info >= (3, 12) else uvloop.run(main())
