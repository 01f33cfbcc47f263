"""Tells the registry how a cluster is that runs here: now, or where it is away later, and then only the newest."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING

from rhresources.errors import RhError
from rhresources.registry.problems import PASSING, REFUSALS
from rhresources.registry.replica import put_status
from rhresources.registry.told import Told, told_of_text

if TYPE_CHECKING:
    from rhresources.registry.api import Api
    from rhresources.registry.session import Session

log = logging.getLogger(__name__)


def note(session: Session, name: str, told: Told) -> bool:
    """Keep what is to be told of a cluster, unless the registry has it already; whether anything is.

    Raises:
        RhError: the disk refuses.
    """
    with session.database.writing() as connection:
        found = connection.execute("SELECT status FROM tellings WHERE name=?", (name,)).fetchone()
        waits = told_of_text(found[0]) if found else None
        row = session.replica.get(name)
        if row is None or row.access == "read":
            return False  # it is not in the registry, or not ours to tell of
        before = waits or told_of_text(row.status)
        if not told.is_news_after(before):
            return waits is not None
        if before is not None and (before.state, before.life) == (told.state, told.life):
            told = told.since_then(before.since)
        connection.execute("INSERT OR REPLACE INTO tellings VALUES (?,?)", (name, told.text()))
    return True


def is_waiting(session: Session) -> bool:
    """Whether anything is to be told."""
    with session.database.reading() as connection:
        return connection.execute("SELECT 1 FROM tellings LIMIT 1").fetchone() is not None


def deliver(session: Session, *, person: bool = False) -> None:
    """Tell all that is to be told, as far as the registry can be reached. What it does not take is not told.

    Args:
        session: whose.
        person: the keyring may be unlocked for it.
    """
    with session.database.reading() as connection:
        waiting = list(connection.execute("SELECT name, status FROM tellings ORDER BY name"))
    for name, text in waiting:
        told = told_of_text(text)
        answer = ""
        try:
            if told is not None:
                answer = session.ask(partial(_tell, name=name, told=told), person=person)
        except REFUSALS as error:  # it was deleted, or the registry is older than this
            if error.code in PASSING:
                return
            log.info("the registry is not told how %s is: %s", name, error)
        except RhError:  # it is away
            return
        with session.database.writing() as connection:
            connection.execute("DELETE FROM tellings WHERE name=? AND status=?", (name, text))
            if answer:
                put_status(connection, name, answer)


def _tell(api: Api, *, name: str, told: Told) -> str:
    return api.tell(name, told.wire(time.time()))
