"""Somebody's script at a registry: `registry_script.py URL TOKEN WRITERS ROUNDS NAME…`, with an RH_HOME of its own.

That many writers at once count in the documents of these names, each ROUNDS times: they read one, and save it with one
more unless somebody was faster; then they read it again. A few use the library, as a script does; to the others it
would be one computer, which sends one change after the other, and so they speak to the registry themselves.

Prints "writing" when every writer has counted once, and at the end how often each name was counted up, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter
from contextlib import suppress

import httpx

import rhdesk as rh
from rhresources.errors import AlreadyExists, NotFound
from rhresources.library.resource import names

_BY_LIBRARY = 4
_COUNT = re.compile(r"^description: (\d+).*$", re.MULTILINE)


def counted(text: str) -> int:
    """How far a document has been counted."""
    found = _COUNT.search(text)
    return int(found[1]) if found else 0


def one_more(text: str, who: str) -> str:
    """The document counted up; `who` makes what two write at once differ."""
    return _COUNT.sub(f"description: {counted(text) + 1} by {who}", text)


class Writers:
    """See the module."""

    def __init__(self, url: str, token: str, writers: int, rounds: int, counters: list[str]) -> None:
        self._url, self._token = url, token
        self._writers, self._rounds, self._counters = writers, rounds, counters
        self._begun = 0
        self.done: Counter[str] = Counter()

    async def run(self) -> None:
        """Until all have counted."""
        headers = {"Authorization": f"Bearer {self._token}"}
        async with httpx.AsyncClient(base_url=self._url, headers=headers, timeout=120, trust_env=False) as http:
            await asyncio.gather(*(self._count(number, http) for number in range(self._writers)))

    async def _count(self, number: int, http: httpx.AsyncClient) -> None:
        name, who = self._counters[number % len(self._counters)], f"writer {number}"
        for turn in range(self._rounds):
            if number < _BY_LIBRARY:
                await asyncio.to_thread(count_by_library, name, who)
            else:
                await count_by_requests(http, name, who)
            self.done[name] += 1
            if not turn:
                self._begun += 1
                if self._begun == self._writers:
                    print("writing", flush=True)


def count_by_library(name: str, who: str) -> None:
    """Count up once."""
    while True:
        entry = names().load(name)
        try:
            names().save_text(name, one_more(entry.text, who), modified=entry.modified)
            return
        except AlreadyExists:
            with suppress(NotFound):
                names().discard(name)


async def count_by_requests(http: httpx.AsyncClient, name: str, who: str) -> None:
    """Count up once."""
    path = f"/v1/resources{name}"
    current = (await http.get(path)).raise_for_status().json()
    while True:
        sent = {"text": one_more(current["text"], who), "base": current["version"]}
        answer = await http.put(path, json=sent)
        if answer.status_code == 200:
            return
        if answer.status_code != 409:
            answer.raise_for_status()
        current = answer.json()["current"]


def main() -> None:
    url, token, writers, rounds, *counters = sys.argv[1:]
    rh.login(url, token)
    assert all(isinstance(rh.load(name), rh.Package) for name in counters)
    work = Writers(url, token, int(writers), int(rounds), counters)
    asyncio.run(work.run())
    print(json.dumps(work.done), flush=True)


if __name__ == "__main__":
    main()
