"""Edits on their way to the registry: kept on the disk until it has them, in order, or until somebody decides."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from sqlite3 import Connection
from typing import NamedTuple

from rhresources.registry.answers import Act
from rhresources.registry.database import Database
from rhresources.registry.merging import merge
from rhresources.registry.replica import Row, note_moment


class Edit(NamedTuple):
    """One change that waits.

    Attributes:
        id: counted; the order.
        act: what is done.
        name: to what.
        target: the new name, of a move.
        text: of a save, and of a move what it said; empty: of a deletion.
        base_version, base_text: what it began from; 0 and empty: nothing.
        made: when, in seconds since the epoch.
    """

    id: int
    act: Act
    name: str
    target: str
    text: str
    base_version: int
    base_text: str
    made: float


class Kept(NamedTuple):
    """An edit that somebody must decide on: the rest as in `Conflict`, and which edit it was."""

    id: int
    edit: int
    name: str
    base: str
    mine: str
    problem: str
    target: str


class Outbox:
    """The edits of one user. Safe to use from several threads and processes."""

    def __init__(self, database: Database) -> None:
        self.database = database

    # ---------------------------------------------------------------- waiting

    def add(
        self, act: Act, name: str, *, target: str = "", text: str = "", base_version: int = 0, base_text: str = ""
    ) -> Edit:
        """Put an edit at the end."""
        made = time.time()
        with self.database.writing() as connection:
            found = connection.execute(
                "INSERT INTO edits (act, name, target, text, base_version, base_text, made) VALUES (?,?,?,?,?,?,?)",
                (act, name, target, text, base_version, base_text, made),
            )
        return Edit(int(found.lastrowid or 0), act, name, target, text, base_version, base_text, made)

    def edits(self) -> list[Edit]:
        """All that wait, in order."""
        with self.database.reading() as connection:
            return [Edit(*row) for row in connection.execute("SELECT * FROM edits ORDER BY id")]

    def has(self, edit: Edit) -> bool:
        """Whether an edit still waits."""
        with self.database.reading() as connection:
            return connection.execute("SELECT 1 FROM edits WHERE id=?", (edit.id,)).fetchone() is not None

    def first(self) -> Edit | None:
        """The one to be delivered next."""
        with self.database.reading() as connection:
            found = connection.execute("SELECT * FROM edits ORDER BY id LIMIT 1").fetchone()
        return Edit(*found) if found else None

    def count(self) -> int:
        """How many wait."""
        with self.database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM edits").fetchone()[0])

    def rewrite(self, edit: Edit, text: str, base_version: int, base_text: str) -> Edit:
        """Let an edit begin from something else."""
        with self.database.writing() as connection:
            _begin_from(connection, edit, text, base_version, base_text)
        return edit._replace(text=text, base_version=base_version, base_text=base_text)

    def done(self, edit: Edit, version: int, text: str) -> None:
        """An edit arrived and made `version`, which says `text`. Later edits of the same name go on from there."""
        name = edit.target or edit.name
        with self.database.writing() as connection:
            connection.execute("DELETE FROM edits WHERE id=?", (edit.id,))
            if edit.act == "save":
                # what was merged is a version of its own, so that whoever goes on from what was shown is merged, too
                _note_shown(connection, edit, version if text == edit.text else version - 1)
            for later in _later(connection, edit.id, name):
                if edit.act != "save" or text == edit.text:
                    _begin_from(connection, later, later.text, version, text)
                    break
                merged = merge(edit.text, later.text, text) if later.act == "save" else None
                if merged is None:
                    _give_up(connection, later, TOUCHED)
                else:
                    _begin_from(connection, later, merged, version, text)
                break

    def drop(self, edit: Edit) -> None:
        """Forget an edit, because whoever made it hears why it failed."""
        with self.database.writing() as connection:
            connection.execute("DELETE FROM edits WHERE id=?", (edit.id,))

    def give_up(self, edit: Edit, problem: str) -> None:
        """Keep an edit that cannot be delivered for somebody to decide, with what they said of that name after it."""
        with self.database.writing() as connection:
            _give_up(connection, edit, problem)

    def hand_over(self, to: Outbox, problem: str) -> None:
        """Put everything of this to the user of another outbox, and keep nothing."""
        while (edit := self.first()) is not None:
            self.give_up(edit, problem)
        with to.database.writing() as connection:
            for kept in self.conflicts():
                _keep(connection, 0, kept.name, kept.base, kept.mine, kept.problem, kept.target)
        for kept in self.conflicts():
            self.decided(kept)

    # ---------------------------------------------------------------- to be decided

    def conflicts(self, name: str = "") -> list[Kept]:
        """The edits that somebody must decide on, oldest first; with `name`, those of that."""
        with self.database.reading() as connection:
            rows = connection.execute(f"{_CONFLICTS} WHERE name=? OR ?='' ORDER BY id", (name, name))
            return [Kept(*row) for row in rows]

    def conflict_of(self, edit: Edit) -> Kept | None:
        """What became of an edit that could not be delivered."""
        with self.database.reading() as connection:
            found = connection.execute(f"{_CONFLICTS} WHERE edit=?", (edit.id,)).fetchone()
        return Kept(*found) if found else None

    def decided(self, kept: Kept) -> None:
        """End a conflict."""
        with self.database.writing() as connection:
            connection.execute("DELETE FROM conflicts WHERE id=?", (kept.id,))
            connection.execute("DELETE FROM targets WHERE conflict=?", (kept.id,))


_CONFLICTS = (
    "SELECT id, edit, name, base_text, mine, problem, coalesce(target, '') FROM conflicts "
    "LEFT JOIN targets ON conflict=id"
)

TOUCHED = "The same part of it was changed by somebody else."


def _later(connection: Connection, after: int, name: str) -> list[Edit]:
    return [
        Edit(*row) for row in connection.execute("SELECT * FROM edits WHERE id>? AND name=? ORDER BY id", (after, name))
    ]


def _note_shown(connection: Connection, edit: Edit, version: int) -> None:
    """Remember what an entry says whose time is that of an edit: what was saved first, whatever it was merged with."""
    query = "SELECT 1 FROM moments WHERE name=? AND modified=?"
    if connection.execute(query, (edit.name, edit.made)).fetchone() is None:
        note_moment(connection, edit.name, edit.made, version, edit.text)


def _begin_from(connection: Connection, edit: Edit, text: str, version: int, base: str) -> None:
    if edit.act == "save" and text != edit.text:
        _note_shown(connection, edit, version)
    connection.execute(
        "UPDATE edits SET text=?, base_version=?, base_text=? WHERE id=?", (text, version, base, edit.id)
    )


def _give_up(connection: Connection, edit: Edit, problem: str) -> None:
    """What was last said of that resource is what somebody decides on; nothing of it is delivered any more."""
    mine, called = edit.text, edit.target or edit.name
    connection.execute("DELETE FROM edits WHERE id=?", (edit.id,))
    for row in connection.execute("SELECT * FROM edits WHERE id>? ORDER BY id", (edit.id,)).fetchall():
        later = Edit(*row)
        if later.name != called:
            continue
        connection.execute("DELETE FROM edits WHERE id=?", (later.id,))
        if later.act == "move":
            called = later.target
        else:
            mine = later.text
    target = called if mine and called != edit.name else ""
    _keep(connection, edit.id, edit.name, edit.base_text, mine, problem, target)


def _keep(connection: Connection, edit: int, name: str, base: str, mine: str, problem: str, target: str) -> None:
    found = connection.execute(
        "INSERT INTO conflicts (edit, name, base_text, mine, problem) VALUES (?,?,?,?,?)",
        (edit, name, base, mine, problem),
    )
    if target:
        connection.execute("INSERT INTO targets VALUES (?,?)", (found.lastrowid, target))


def overlay(edits: Sequence[Edit], known: Callable[[str], Row | None], user: str) -> dict[str, Row | None]:
    """What the names that edits touch will say once they are delivered; None: nothing."""
    changed: dict[str, Row | None] = {}
    for edit in edits:
        before = changed[edit.name] if edit.name in changed else known(edit.name)
        if edit.act == "save":
            version, access, status = (before.version, before.access, before.status) if before else (0, "owner", "")
            changed[edit.name] = Row(edit.name, "", version, edit.text, edit.made, user, access, status)
        elif edit.act == "delete":
            changed[edit.name] = None
        else:
            changed[edit.name] = None
            if before is not None:
                changed[edit.target] = before._replace(name=edit.target)
    return changed
