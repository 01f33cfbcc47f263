"""Resources in the registry as they are read: from the replica, with what waits in the outbox on top of it.

Reading asks the registry what is new first, unless that was just done or the change feed is followed.
"""

from __future__ import annotations

import builtins
import json
import threading
import time
from contextlib import suppress
from dataclasses import replace

from rhresources.documents import KINDS, Document, parse_document
from rhresources.errors import DocumentError, NotFound
from rhresources.names import Address, is_under
from rhresources.registry.outbox import overlay
from rhresources.registry.problems import RegistryAway, RegistryRefused
from rhresources.registry.replica import Parsed, Row
from rhresources.registry.session import Session
from rhresources.registry.told import told_of_text
from rhresources.stores.entry import Entry

_WORTH_KEEPING = 100
"""So many documents that were read from their text make the next start slow enough to keep them in a faster form."""


class KnownResources:
    """What one user sees of a registry. Safe to use from several threads and processes.

    Args:
        session: whose.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._read: dict[str, tuple[tuple[object, ...], Entry]] = {}
        self._listed: tuple[object, builtins.list[Entry]] = (None, [])
        self._lock = threading.Lock()
        self._parsed: dict[str, Parsed] = {}
        self._unkept: builtins.list[Parsed] = []

    # ---------------------------------------------------------------- reading

    def load(self, address: Address, *, fresh: float = 0.0) -> Entry:
        """The resource, which may be broken. The registry is not asked again if it was in the last `fresh` seconds.

        Raises:
            NotFound: there is none, or not for this user.
            RegistryAway: nothing is known of it, and the registry cannot be asked.
            RhError: the registry does not take the token.
        """
        name = self.session.canonical(address)
        self._learn(name, fresh)
        entry = self._known(name)
        if entry is None:
            self._require_knowledge()
            raise NotFound(f"There is no resource {name}.")
        return entry

    def exists(self, address: Address) -> bool:
        """Whether there is a resource, broken or not; errors as `load`."""
        name = self.session.canonical(address)
        self._learn(name)
        found = self._row(name) is not None
        if not found:
            self._require_knowledge()
        return found

    def list(self, folder: str | None = None, *, recursive: bool = True) -> builtins.list[Entry]:
        """Resources by name, broken ones too.

        Args:
            folder: those in it; a folder under `@` gives them names under `@`. None: all that is known here, without
                asking.
            recursive: those in folders inside as well.

        Raises:
            RegistryAway: nothing is known, and the registry cannot be asked.
            RhError: the registry does not take the token.
        """
        if folder is None:
            return self._entries()
        self.session.refresh()
        self._require_knowledge()
        whole = self.whole(folder)
        found = [entry for entry in self._entries(whole) if recursive or entry.address.folder == whole]
        if folder.startswith("@"):
            return [
                replace(entry, address=Address("registry", entry.address.parts[1:], mine=True))
                for entry in found
                if len(entry.address.parts) > 1
            ]
        return found

    def names(self) -> builtins.list[tuple[str, str]]:
        """The names that are known here, with their kinds; asks nobody."""
        return self.session.replica.names()

    def folders(self) -> builtins.list[str]:
        """Every folder that is known here, also empty ones: `/alice`, `/alice/team`. Asks nobody."""
        groups = self.session.replica.texts("groups")
        found = {f"/{self.session.login.user}", *(f"/{group}" for group in groups)}
        found.update(self.session.replica.texts("folders"))
        for entry in self._entries():
            parts = entry.address.parts[:-1]
            found.update(f"/{'/'.join(parts[:depth])}" for depth in range(1, len(parts) + 1))
        return sorted(found)

    # ---------------------------------------------------------------- folders

    def whole(self, folder: str) -> str:
        """A folder as the registry knows it: `/alice/team` for `@/team`."""
        return f"/{self.session.login.user}{folder[1:]}" if folder.startswith("@") else folder

    def learn_folders(self) -> None:
        """Ask which folders may be seen, also empty ones."""
        self.session.replica.note("folders", json.dumps(self.session.ask(lambda api: api.folders(), person=False)))

    # ---------------------------------------------------------------- inside: reading

    def _learn(self, name: str, fresh: float = 0.0) -> None:
        """Bring what is known of `name` up to date; for one name not all others are asked for."""
        session = self.session
        if session.replica.cursor is not None or session.following:
            session.refresh(fresh=fresh)
        elif not session.away:
            with suppress(RegistryAway):
                try:
                    session.replica.put(session.ask(lambda api: api.get(name)))
                except NotFound:
                    session.replica.drop(name)

    def _require_knowledge(self) -> None:
        """See that what is not known here is not there."""
        state = self.session.state()
        if state.problem and self.session.replica.cursor is None:
            raise RegistryAway(f"{state.problem} What is in it is not known here yet.", remedy=state.remedy)

    def _row(self, name: str) -> Row | None:
        edits = self.session.outbox.edits()
        changed = overlay(edits, self.session.replica.get, self.session.login.user) if edits else {}
        return changed[name] if name in changed else self.session.replica.get(name)

    def _require(self, name: str) -> Row:
        self.session.refresh()
        row = self._row(name)
        if row is None:
            self._require_knowledge()
            raise NotFound(f"There is no resource {name}.")
        require_writable(name, row)
        return row

    def _known(self, name: str) -> Entry | None:
        row = self._row(name)
        if row is None:
            return None
        waiting = any(name in (edit.name, edit.target) for edit in self.session.outbox.edits())
        return self._entry(row, waiting, bool(self.session.outbox.conflicts(name)), self._seen())

    def _entries(self, under: str = "") -> builtins.list[Entry]:
        """All that is known, or what is in a folder and those inside. The same objects as long as they say the same."""
        seen = self._seen()
        stamp = (self.session.database.stamp(), seen if self.session.away else None)
        with self._lock:
            listed, entries = self._listed
        if listed == stamp:
            return [entry for entry in entries if not under or is_under(entry.address.folder, under)]
        self._parsed = self.session.replica.parsed(under) if listed is None else {}
        edits = self.session.outbox.edits()
        changed = overlay(edits, self.session.replica.get, self.session.login.user)
        rows = {row.name: row for row in self.session.replica.rows(under)}
        for name, row in changed.items():
            if under and not name.startswith(f"{under}/"):
                continue
            if row is None:
                rows.pop(name, None)
            else:
                rows[name] = row
        conflicts = {kept.name for kept in self.session.outbox.conflicts()}
        entries = [
            self._entry(rows[name], name in changed, name in conflicts, seen) for name in sorted(rows, key=parts_of)
        ]
        if len(self._unkept) >= _WORTH_KEEPING:
            self.session.replica.keep_parsed(self._unkept)
        self._parsed, self._unkept = {}, []
        if under:
            return entries
        with self._lock:  # with the stamp from before: what changed since is seen the next time
            self._listed = stamp, entries
            for gone in self._read.keys() - rows.keys():
                del self._read[gone]
        return entries.copy()

    def _seen(self) -> float:
        return self.session.replica.seen

    def _read_document(self, row: Row, folder: str) -> tuple[Document | None, DocumentError | None]:
        kept = self._parsed.get(row.name)
        if kept is not None and (kept.version, kept.modified) == (row.version, row.modified):
            document = _from_json(kept)
            if document is not None:
                return document, None
        try:
            document = parse_document(row.text, source=row.name).in_folder(folder)
        except DocumentError as error:
            return None, error
        if row.version:
            said = document.model_dump_json(exclude_defaults=True)
            self._unkept.append(Parsed(row.name, row.version, row.modified, document.kind, said))
        return document, None

    def _entry(self, row: Row, waiting: bool, conflict: bool, seen: float) -> Entry:
        """What `row` says, last confirmed at `seen`: the same object as before where it says the same."""
        key = (row, waiting, conflict, seen if self.session.away else None)
        with self._lock:
            known = self._read.get(row.name)
        if known is not None and known[0] == key:
            return known[1]
        address = Address("registry", parts_of(row.name))
        if known is not None and known[1].text == row.text:
            document, problem = known[1].document, known[1].problem
        else:
            document, problem = self._read_document(row, address.folder)
        entry = Entry(
            address,
            document,
            problem,
            row.modified,
            None,
            document.kind if document is not None else row.kind,
            row.text,
            version=row.version,
            modified_by=row.modified_by,
            access=row.access,
            seen=seen or time.time(),
            waiting=waiting,
            conflict=conflict,
            told=told_of_text(row.status),
        )
        with self._lock:
            self._read[row.name] = key, entry
        return entry


def _from_json(kept: Parsed) -> Document | None:
    try:
        return KINDS[kept.kind].model_validate_json(kept.json)
    except (KeyError, ValueError):  # of a rhdesk that knew other fields
        return None


def require_writable(name: str, row: Row) -> None:
    if row.access == "read":
        raise RegistryRefused(
            f"You may read {name}, not change it.",
            code="no-access",
            remedy="Ask its owner for more, or copy it to a name of your own: @/name.",
        )


def parts_of(name: str) -> tuple[str, ...]:
    return tuple(name[1:].split("/"))
