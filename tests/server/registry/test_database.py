"""The database of a registry: made, brought up to date, lost and found again."""

from __future__ import annotations

import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from lab.postgres import PostgresServer
from lab.registry import RegistryServer
from lab.registry_caller import CLUSTER, Caller, ok
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from rhresources.errors import RhError
from rhserver.registry import accounts, schema
from rhserver.registry.database import Database
from rhserver.registry.upgrading import configuration


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that is empty, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'registry.sqlite'}"
    address: str = request.getfixturevalue("postgres").database()
    return address


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database on SQLite."""
    made = Database(f"sqlite:///{tmp_path / 'registry.sqlite'}")
    yield made
    made.close()


def test_that_the_migrations_make_what_the_schema_says(url: str) -> None:
    database = Database(url)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
    database.close()
    assert ScriptDirectory.from_config(configuration()).get_heads() == [schema.HEAD]


def test_that_what_a_newer_version_has_made_is_left_alone(url: str) -> None:
    database = Database(url)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(RhError, match="made by a newer rhdesk"):
        Database(url)


def test_that_several_processes_may_make_it_at_once(url: str) -> None:
    commands = [
        subprocess.Popen(
            [sys.executable, "-m", "rhserver.registry", "user", "add", f"user{number}", "--db", url],
            stderr=subprocess.PIPE, text=True,
        )
        for number in range(5)
    ]  # fmt: skip
    said = [command.communicate(timeout=120)[1] for command in commands]
    assert [command.returncode for command in commands] == [0] * 5, said
    database = Database(url)
    with database.reading() as connection:
        assert len(accounts.every(connection, accounts.USER)) == 5
    database.close()


def test_that_nobody_else_may_read_the_file(database: Database) -> None:
    assert database.file is not None
    for path in database.file.parent.glob("registry.sqlite*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_that_postgresql_may_be_restarted(make_registry: Callable[..., RegistryServer], postgres: object) -> None:
    with tempfile.TemporaryDirectory(prefix="rhp-", dir="/tmp") as folder:
        own = PostgresServer(Path(folder)).start()
        try:
            alice = Caller(make_registry(own.database()), "alice")
            saved = ok(alice.save("alice/gpu"))
            own.stop()
            assert alice.load("alice/gpu").status_code == 503
            assert alice.save("alice/gpu", CLUSTER + "# 2\n").status_code == 503
            assert alice.load("alice/gpu").json()["error"]["code"] == "unavailable"
            own.start()
            assert ok(alice.load("alice/gpu")) == saved
            assert ok(alice.save("alice/gpu", CLUSTER + "# 2\n"))["version"] == 2
            alice.http.close()
            alice.registry.stop()
            alice.registry.log.write_text("")  # it said that it could not reach its database
        finally:
            own.stop()


# ---------------------------------------------------------------- turns of the writer


def add_user(connection: object, name: str) -> None:
    accounts.add(connection, name)  # type: ignore[arg-type]


def users(database: Database) -> list[str]:
    with database.reading() as connection:
        return [each.name for each in accounts.every(connection, accounts.USER)]


class Turns:
    """Threads that take their turns in one transaction: the first waits for the others to stand in line."""

    def __init__(self, database: Database, first_fails: bool = False) -> None:
        self.database = database
        self.first_fails = first_fails
        self.first_in, self.go = threading.Event(), threading.Event()
        self.ended: list[str] = []
        self.problems: dict[str, BaseException] = {}
        self._threads = [threading.Thread(target=self._take, args=("first", self._hold))]
        self._threads[0].start()
        assert self.first_in.wait(20)

    def then(self, name: str, act: Callable[[object, str], None]) -> None:
        thread = threading.Thread(target=self._take, args=(name, act))
        self._threads.append(thread)
        before = self.database._writer._waiting
        thread.start()
        while self.database._writer._waiting == before:
            pass

    def end(self) -> None:
        self.go.set()
        for thread in self._threads:
            thread.join(20)

    def _hold(self, connection: object, name: str) -> None:
        add_user(connection, name)
        self.first_in.set()
        assert self.go.wait(20)
        if self.first_fails:
            raise ValueError("no")

    def _take(self, name: str, act: Callable[[object, str], None]) -> None:
        try:
            with self.database.writing() as connection:
                act(connection, name)
            self.ended.append(name)
        except BaseException as error:
            self.problems[name] = error


def test_that_a_turn_that_fails_is_undone_alone(database: Database) -> None:
    def fail(connection: object, name: str) -> None:
        add_user(connection, name)
        raise ValueError("no")

    commits: list[None] = []
    database.on_commit(lambda: commits.append(None))
    turns = Turns(database)
    turns.then("second", fail)
    turns.then("third", add_user)
    turns.end()
    assert users(database) == ["first", "third"]
    assert list(turns.problems) == ["second"]
    assert isinstance(turns.problems["second"], ValueError)
    assert len(commits) == 1, "one commit for all that waited"


def test_that_a_first_turn_that_fails_takes_nothing_of_the_others_along(database: Database) -> None:
    commits: list[None] = []
    database.on_commit(lambda: commits.append(None))
    turns = Turns(database, first_fails=True)
    turns.then("second", add_user)
    turns.then("third", add_user)
    turns.end()
    assert users(database) == ["second", "third"]
    assert list(turns.problems) == ["first"]
    assert isinstance(turns.problems["first"], ValueError)
    assert len(commits) == 1


def test_that_nobody_hears_of_success_before_the_commit(database: Database) -> None:
    seen: list[tuple[list[str], list[str]]] = []

    def look(connection: object, name: str) -> None:
        seen.append((list(turns.ended), users(database)))
        add_user(connection, name)

    turns = Turns(database)
    turns.then("second", look)
    turns.end()
    assert seen == [([], [])], "the first had its turn, and was neither told so nor seen by readers"
    assert users(database) == ["first", "second"]


def test_that_a_commit_that_fails_is_everybodys_problem(database: Database) -> None:
    generations: list[int] = []

    def break_commit(connection: object, name: str) -> None:
        add_user(connection, name)
        generations.append(accounts.generation(connection))  # type: ignore[arg-type]
        connection.execute(text("PRAGMA defer_foreign_keys = ON"))  # type: ignore[attr-defined]
        connection.execute(insert(schema.members).values(group_id=998, user_id=999, manager=False))  # type: ignore[attr-defined]

    turns = Turns(database)
    turns.then("second", break_commit)
    turns.end()
    assert generations, "a cache may have kept rights under this number"
    assert {name: type(error) for name, error in turns.problems.items()} == {
        "first": IntegrityError, "second": IntegrityError,
    }  # fmt: skip
    assert users(database) == []
    with database.writing() as connection:
        accounts.add(connection, "later")
        assert connection.execute(select(schema.members)).all() == []
        assert accounts.generation(connection) not in generations
    assert users(database) == ["later"]
