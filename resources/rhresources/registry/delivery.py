"""Brings edits to the registry, one after the other; merges them with what others did in the meantime."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from rhresources.errors import AlreadyExists, NotFound, RhError
from rhresources.file_locks import turn
from rhresources.registry.merging import merge
from rhresources.registry.outbox import TOUCHED, Edit
from rhresources.registry.problems import PASSING, REFUSALS, RegistryAway, RegistryRefused, Stale
from rhresources.stores.files import disk_error

if TYPE_CHECKING:
    from rhresources.registry.api import Api
    from rhresources.registry.feed import Remote
    from rhresources.registry.session import Session

_PATIENCE = 20.0  # for another process that delivers
_TRIES = 100  # of one edit, while others are faster
_LONGEST_PAUSE = 0.3  # between two of them, so that of many writers each has its turn


def deliver(session: Session, wanted: Edit | None = None, *, person: bool = True) -> None:
    """Deliver what waits, in order, until nothing does or the registry is away; one process at a time does that.

    Args:
        session: whose.
        wanted: the edit that somebody waits for: this raises what is wrong with it.
        person: the keyring may be unlocked for it.

    Raises:
        AlreadyExists: `wanted` meets what somebody else did; it is kept as a conflict, unless it was to make something
            new.
        RhError: `wanted` is refused and forgotten; or the registry does not take the token, and all waits on.
    """
    try:
        with turn(session.turns, _PATIENCE if wanted is not None else 0.0) as mine:
            while mine and (edit := session.outbox.first()) is not None:
                if not _deliver_one(session, edit, wanted, person):
                    return
    except OSError as error:
        raise disk_error(f"{session.turns} cannot be made", error) from None
    except RhError:
        if wanted is not None:
            session.outbox.drop(wanted)
        raise
    if wanted is not None and (kept := session.outbox.conflict_of(wanted)) is not None:
        raise AlreadyExists(
            f"{wanted.name} was not {_DONE[wanted.act]}. {kept.problem}",
            remedy=f"Your change is kept: `rhdesk settle {wanted.name}` shows both and ends it.",
        )


_DONE = {"save": "saved", "delete": "deleted", "move": "renamed"}


def _deliver_one(session: Session, edit: Edit, wanted: Edit | None, person: bool) -> bool:
    """Whether the next may be tried."""
    try:
        session.ask(lambda api: _Delivery(session, api).send(edit), person=person)
    except RegistryAway:
        return False
    except REFUSALS as refusal:
        if refusal.code in PASSING or (wanted is not None and edit.id == wanted.id):
            raise
        session.outbox.give_up(edit, str(refusal))
    return True


class _Delivery:
    def __init__(self, session: Session, api: Api) -> None:
        self._api, self._replica, self._outbox = api, session.replica, session.outbox

    def send(self, edit: Edit) -> None:
        """Deliver one edit, or keep it as a conflict.

        Raises:
            AlreadyExists: it would make something new that is there.
            RhError: the registry is away or refuses.
        """
        {"save": self._save, "delete": self._delete, "move": self._move}[edit.act](edit)

    def _save(self, edit: Edit) -> None:
        for attempt in range(_TRIES):
            time.sleep(random.uniform(0.0, min(0.02 * attempt, _LONGEST_PAUSE)))
            try:
                self._arrived(edit, self._api.put(edit.name, edit.text, edit.base_version))
                return
            except Stale as stale:
                current = stale.current
                if current is not None and current.text == edit.text:  # it arrived before, and we did not hear of it
                    self._arrived(edit, current)
                    return
                if not edit.base_version:
                    raise AlreadyExists(
                        f"There is a resource {edit.name} already.", remedy="Choose another name."
                    ) from None
                merged: str | None = None
                if current is not None:
                    merged = merge(edit.base_text or stale.base_text or "", edit.text, current.text)
                if current is None or merged is None:
                    self._met(edit, current)
                    return
                if merged == current.text:
                    self._arrived(edit, current)
                    return
                edit = self._outbox.rewrite(edit, merged, current.version, current.text)
        raise _overtaken(edit)

    def _delete(self, edit: Edit) -> None:
        try:
            self._api.delete(edit.name, edit.base_version)
        except Stale as stale:
            if stale.current is not None:
                self._met(edit, stale.current)
                return
        except NotFound:
            pass
        self._replica.drop(edit.name)
        self._outbox.done(edit, 0, "")

    def _move(self, edit: Edit) -> None:
        base = edit.base_version
        for _ in range(_TRIES):
            try:
                moved = self._api.move(edit.name, edit.target, base)
            except Stale as stale:
                current = stale.current
                if current is None or current.name != edit.name or current.version == base:
                    raise AlreadyExists(
                        f"There is a resource {edit.target} already.", remedy="Choose another name."
                    ) from None
                base = current.version  # whatever it says now, it is called otherwise
                continue
            except NotFound:
                before = self._moved_before(edit)
                if before is None:
                    raise
                moved = before
            self._replica.drop(edit.name)
            self._arrived(edit, moved)
            return
        raise _overtaken(edit)

    def _moved_before(self, edit: Edit) -> Remote | None:
        """What a move that arrived, and of which we did not hear, made."""
        try:
            found = self._api.get(edit.target)
        except NotFound:
            return None
        return found if found.text == edit.text else None

    def _arrived(self, edit: Edit, resource: Remote) -> None:
        self._replica.put(resource)
        self._outbox.done(edit, resource.version, resource.text)

    def _met(self, edit: Edit, current: Remote | None) -> None:
        """Keep an edit that cannot be merged with what is there."""
        if current is None:
            self._replica.drop(edit.name)
            self._outbox.give_up(edit, "It was deleted by somebody else.")
            return
        self._replica.put(current)
        who = current.modified_by
        self._outbox.give_up(edit, f"{who} changed the same part of it in the meantime." if who else TOUCHED)


def _overtaken(edit: Edit) -> RegistryRefused:
    return RegistryRefused(
        f"{edit.name} changes faster than this change could be brought in.", code="too-many", remedy="Try again."
    )
