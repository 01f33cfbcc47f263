"""A registry with 10,000 documents, on SQLite and on PostgreSQL: loads and saves, by one client and by sixteen at once.

Loads are measured against a route of FastAPI that does nothing and answers as much; saves against the same statements
alone. Both peers take turns with ours.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from measure import Goal, Measurement, Row, take_rounds
from processes import BENCH, RoundProcess, round_process, running
from registry_caller import DOCUMENTS, document, path
from shared import Bench

_CLIENTS = (1, 16)
_LOADS = {1: 600, 16: 2400}
_SAVES = {1: 200, 16: 800}
_NO_LIMITS = [word for name in ("token", "address") for word in ("--limit", f"{name}=0")]


@dataclass(frozen=True)
class _Place:
    """A database with a registry on it, and a second with the same content for the statements alone."""

    name: str
    url: str
    alone: str


async def registries(bench: Bench) -> list[Row]:
    """Load and save in a registry of 10,000 documents: against a route that does nothing, and the same SQL alone."""
    rows: list[Row] = []
    async with AsyncExitStack() as stack:
        folder = bench.folder / "registry"
        folder.mkdir()
        places, token = _filled(folder, stack)
        answer = folder / "answer.json"
        answer.write_text(json.dumps({"name": path(1), "text": document(1)} | dict.fromkeys("abcdef", "x" * 20)))
        caller = await stack.enter_async_context(round_process("registry_caller.py"))
        nothing = await stack.enter_async_context(_printing_url(str(BENCH / "nothing_server.py"), str(answer)))
        for place in places:
            arguments = ["-m", "rhserver.registry", "serve", "--db", place.url, "--listen", "127.0.0.1:0", *_NO_LIMITS]
            async with _printing_url(*arguments) as url, round_process("registry_sql.py", place.alone) as alone:
                for clients in _CLIENTS:
                    rows += await _rows(bench, place.name, clients, caller, alone, url, nothing, token)
    return rows


async def _rows(
    bench: Bench, name: str, clients: int, caller: RoundProcess, alone: RoundProcess, url: str, nothing: str, token: str
) -> list[Row]:
    slowest: dict[str, list[float]] = {}

    def measured(key: str, program: RoundProcess, request: str) -> Measurement:
        async def measure() -> float:
            figure = await program.round(request)
            slowest.setdefault(key, []).append(await program.round("p99"))
            return figure

        return measure

    taken = await take_rounds(
        {
            "load": measured("load", caller, f"load {url} {token} {clients} {_LOADS[clients]}"),
            "nothing": measured("nothing", caller, f"load {nothing} {token} {clients} {_LOADS[clients]}"),
            "save": measured("save", caller, f"save {url} {token} {clients} {_SAVES[clients]}"),
            "alone": measured("alone", alone, f"{clients} {_SAVES[clients]}"),
        },
        bench.rounds(9),
    )
    rate = {key: sorted(figures)[len(figures) // 2] for key, figures in taken.items()}
    p99 = {key: sorted(figures)[len(figures) // 2] for key, figures in slowest.items()}
    who = f"registry on {name}, {clients} client{'s' if clients > 1 else ''}"
    return [
        Row(f"{who}: load : empty route", rate["load"], "/s", rate["nothing"], Goal("ratio", ">=", 0.3)),
        Row(f"{who}: load p99 : empty route", p99["load"], "ms", p99["nothing"]),
        Row(f"{who}: save : same SQL alone", rate["save"], "/s", rate["alone"], Goal("ratio", ">=", 0.2)),
        Row(f"{who}: save p99 : same SQL alone", p99["save"], "ms", p99["alone"]),
    ]


def _filled(folder: Path, stack: AsyncExitStack) -> tuple[list[_Place], str]:
    """The databases, and a token of the user whose documents are in them."""
    from lab.postgres import PostgresServer, why_no_postgres

    from rhserver.registry import accounts, documents
    from rhserver.registry.backup import back_up, restore
    from rhserver.registry.database import Database
    from rhserver.registry.names import document_name
    from rhserver.registry.rights import rights_of

    first = Database(f"sqlite:///{folder / 'first.sqlite'}")
    with first.writing() as connection:
        alice = accounts.add(connection, "alice")
        token = accounts.new_token(connection, alice)
        rights = rights_of(connection, alice)
        for number in range(DOCUMENTS):
            name = document_name(path(number).removeprefix("/v1/resources/"))
            documents.save(connection, rights, name, documents.content_of(document(number), name))
    back_up(first, folder / "backup")
    first.close()
    sqlite = [f"sqlite:///{folder / name}.sqlite" for name in ("registry", "alone")]
    places = [_Place("SQLite", *sqlite)]
    if not why_no_postgres():
        home = Path(tempfile.mkdtemp(prefix="rhp-", dir="/tmp"))
        server = PostgresServer(home, durable=True).start()
        stack.callback(server.remove)
        places.append(_Place("PostgreSQL", server.database(), server.database()))
    for place in places:
        for url in (place.url, place.alone):
            database = Database(url)
            restore(database, folder / "backup")
            database.close()
    return places, token


@asynccontextmanager
async def _printing_url(*arguments: str) -> AsyncIterator[str]:
    """A server that prints where it answers."""
    async with running(sys.executable, *arguments) as process:
        assert process.stdout is not None
        while line := (await process.stdout.readline()).decode():
            if "http://" in line:
                yield f"http://{line.partition('http://')[2].strip()}"
                return
    raise RuntimeError(f"{arguments[0]} does not start")
