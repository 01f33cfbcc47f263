"""Resources in the registry, with the face of the store of this computer.

Every change goes through the outbox, so that one that was begun is not lost, whatever happens to this process or the
network.
"""

from __future__ import annotations

from rhresources.documents import Document, dump_document, parse_document, update_text
from rhresources.errors import AlreadyExists, DocumentError, NotFound, RhError
from rhresources.file_locks import turn
from rhresources.names import Address
from rhresources.registry.answers import Conflict, Waiting
from rhresources.registry.delivery import deliver
from rhresources.registry.known import KnownResources, parts_of, require_writable
from rhresources.registry.merging import merge
from rhresources.registry.outbox import Edit, Kept
from rhresources.registry.problems import Stale
from rhresources.registry.replica import Row, put_status
from rhresources.registry.told import Told, told_of_text
from rhresources.stores.entry import Entry

_PATIENCE = 20.0  # for another process that delivers


class RegistryStore(KnownResources):
    """The resources of the registry that one user sees. Safe to use from several threads and processes."""

    # ---------------------------------------------------------------- writing

    def save(
        self, address: Address, document: Document, *, overwrite: bool = True, modified: float | None = None
    ) -> Entry:
        """Save a document; comments of the text it replaces are kept.

        Raises:
            AlreadyExists: the name is taken and may not be overwritten, or as `save_text`.
            DocumentError: a broken text is there; it is left alone.
            RhError: as `save_text`.
        """
        name = self.session.canonical(address)
        if not overwrite:
            return self.save_text(address, dump_document(document), modified=0.0)
        if modified is None:
            self.session.refresh()
        began = self._began(name, modified)
        entry = self._known(name)
        if entry is not None and entry.problem is not None:
            raise DocumentError(
                f"{name} was not saved, because what is there is broken: {entry.problem}",
                problems=entry.problem.problems,
                remedy="Mend or delete it first.",
            )
        text = update_text(began.text, document) if began is not None else dump_document(document)
        return self._save(name, text, began)

    def save_text(self, address: Address, text: str, *, modified: float | None = None) -> Entry:
        """Save a document as YAML text; `@/` in the names in it becomes the user's own folder, for others have another.

        Args:
            address: its name.
            text: the YAML.
            modified: `Entry.modified` of what the text began as; 0 if there was nothing. None: whatever is there now.

        Raises:
            DocumentError: the text is not a valid document; it names the field and the line.
            AlreadyExists: somebody else changed the same fields, made or deleted it since; the change is kept as a
                conflict.
            RhError: the registry refuses.
        """
        name = self.session.canonical(address)
        parse_document(text, source=name)
        if modified is None:
            self.session.refresh()
        return self._save(name, text, self._began(name, modified))

    def delete(self, address: Address) -> None:
        """Delete a resource.

        Raises:
            NotFound: there is none.
            AlreadyExists: it was changed at this moment.
            RhError: the registry refuses.
        """
        name = self.session.canonical(address)
        row = self._require(name)
        edit = self.session.outbox.add("delete", name, base_version=row.version, base_text=row.text)
        self._send(edit)

    def rename(self, old: Address, new: Address) -> Entry:
        """Give a resource another name or folder; its history goes along.

        Raises:
            NotFound: there is no `old`.
            AlreadyExists: `new` is taken, or differs from another name only in case.
            RhError: the registry refuses.
        """
        before, after = self.session.canonical(old), self.session.canonical(new)
        row = self._require(before)
        if self._row(after) is not None:
            raise AlreadyExists(f"There is a resource {after} already.", remedy="Choose another name.")
        edit = self.session.outbox.add(
            "move", before, target=after, text=row.text, base_version=row.version, base_text=row.text
        )
        self._send(edit)
        entry = self._known(after)
        if entry is None:
            raise NotFound(f"There is no resource {after} any more.")
        return entry

    def withdraw(self, address: Address) -> bool:
        """Take back what waits to give a name, the last of all; whether something did: else it was just delivered.

        Raises:
            RhError: another process is at it and does not end.
        """
        name, session = self.session.canonical(address), self.session
        with turn(session.turns, _PATIENCE) as mine:
            if not mine:
                raise RhError(f"What waits of {name} cannot be taken back now.", remedy="See `rhdesk whoami`.")
            waiting = [edit for edit in session.outbox.edits() if (edit.target or edit.name) == name][-1:]
            for edit in waiting:
                session.outbox.drop(edit)
        session.on_state()
        return bool(waiting)

    def restore(self, name: str, number: int) -> Entry:
        """Make version `number` the newest one.

        Raises:
            NotFound: there is no such version.
            AlreadyExists: it was changed at this moment.
            RegistryAway: the registry cannot be reached.
        """
        session = self.session
        session.refresh()
        row = session.replica.get(name)
        try:
            restored = session.ask(lambda api: api.restore(name, number, row.version if row is not None else 0))
        except Stale as stale:
            raise AlreadyExists(f"{name} was not restored. {stale.sentence}", remedy=stale.remedy) from None
        session.replica.put(restored)
        entry = self._known(name)
        assert entry is not None
        return entry

    # ---------------------------------------------------------------- how clusters are

    def told(self, name: str) -> Told | None:
        """How a cluster was told to be, as far as is known here."""
        row = self._row(name)
        return told_of_text(row.status) if row is not None else None

    def forget_told(self, name: str) -> None:
        """Have that forgotten; see `ResourceNames.forget_told`."""
        session = self.session
        self._require(name)
        answer = session.ask(lambda api: api.tell(name, Told("down").wire(0.0)))
        with session.database.writing() as connection:
            connection.execute("DELETE FROM tellings WHERE name=?", (name,))
            put_status(connection, name, answer)

    # ---------------------------------------------------------------- what waits, conflicts

    def waiting(self) -> list[Waiting]:
        """What waits to be delivered, in order."""
        return [Waiting(edit.name, edit.act, edit.made, edit.target) for edit in self.session.outbox.edits()]

    def conflict(self, name: str) -> Conflict:
        """What somebody must decide on.

        Raises:
            NotFound: nothing.
        """
        kept = self._kept(name)
        now = self.session.replica.get(name)
        by, at, theirs = (now.modified_by, now.modified, now.text) if now is not None else ("", 0.0, "")
        return Conflict(name, kept.base, kept.mine, theirs, by, at, kept.problem, kept.target)

    def settle(self, name: str, text: str) -> Entry | None:
        """End a conflict with `text`; see `ResourceNames.settle`."""
        kept = self._kept(name)
        if text:
            parse_document(text, source=name)
        self.session.refresh()
        now = self.session.replica.get(name)
        entry: Entry | None = None
        try:
            if text and kept.target:
                entry = self._renamed(kept, text, now)
            elif text:
                entry = self._save(name, text, now)
            elif now is not None:
                self.delete(Address("registry", parts_of(name)))
        except AlreadyExists:
            if not kept.target and self.session.outbox.conflicts(name)[1:]:
                self.session.outbox.decided(kept)  # the new one has all of this
            raise
        self.session.outbox.decided(kept)
        self.session.on_state()
        return self._known(kept.target if text and kept.target else name) if entry is not None else None

    def _renamed(self, kept: Kept, text: str, now: Row | None) -> Entry:
        """Try once more to give a resource the name that it was not given, and what it is to say besides."""
        saved = ""
        try:
            if not kept.base or now is None:  # what bears the first name, if anything does, is not what was renamed
                if self._row(kept.target) is not None:
                    raise AlreadyExists(f"There is a resource {kept.target} already.")
                return self._save(kept.target, text, None)
            if text not in (kept.base, now.text):  # left alone, it says whatever others made of it
                self._save(kept.name, text, now)
                saved = f"What you made of it is saved under {kept.name}. "
            return self.rename(Address("registry", parts_of(kept.name)), Address("registry", parts_of(kept.target)))
        except AlreadyExists as error:
            raise AlreadyExists(
                error.sentence,
                remedy=f"{saved}Repeat this once that name is free, or give yours up: "
                f"rhdesk settle {kept.name} --theirs",
            ) from None

    def discard(self, name: str) -> None:
        """Give my change up."""
        self.session.outbox.decided(self._kept(name))
        self.session.on_state()

    def _kept(self, name: str) -> Kept:
        kept = self.session.outbox.conflicts(name)
        if not kept:
            raise NotFound(f"No change of {name} waits for a decision.", remedy="`rhdesk settle` lists those that do.")
        return kept[0]

    # ---------------------------------------------------------------- inside: writing

    def _began(self, name: str, modified: float | None) -> Row | None:
        """What an edit began from; None: nothing was there.

        Raises:
            AlreadyExists: it is not known any more what that was, and something else is there.
        """
        current = self._row(name)
        if modified is None or (current is not None and current.modified == modified):
            return current
        if not modified:
            if current is not None:
                raise AlreadyExists(f"There is a resource {name} already.", remedy="Choose another name.")
            return None
        began = self.session.replica.began_from(name, modified)
        if began is None:
            what = "deleted" if current is None else "changed"
            raise AlreadyExists(
                f"{name} was not saved, because it has been {what} by somebody else in the meantime.",
                remedy="Load it again and repeat your change, or save under another name.",
            )
        access = current.access if current is not None else "owner"
        return Row(name, "", began[0], began[1], modified, "", access)

    def _save(self, name: str, text: str, began: Row | None) -> Entry:
        text = self._for_all(text if text.endswith("\n") else f"{text}\n")
        version, base = (began.version, began.text) if began is not None else (0, "")
        if began is not None:
            require_writable(name, began)
        outbox = self.session.outbox
        with self.session.database.writing():  # nobody queues another edit between the look and ours
            waits = any(name in (edit.name, edit.target) for edit in outbox.edits())
            current = self._row(name) if waits else None
            if current is not None and current.text != base:
                merged = merge(base, text, current.text)
                if merged is None:
                    raise AlreadyExists(
                        f"{name} was not saved, because another change of yours to the same part of it still waits.",
                        remedy="Load it again and repeat your change.",
                    )
                text, base, version = merged, current.text, current.version
            edit = outbox.add("save", name, text=text, base_version=version, base_text=base)
        self._send(edit)
        entry = self._known(name)
        if entry is None:
            raise NotFound(f"There is no resource {name} any more.")
        return entry

    def _for_all(self, text: str) -> str:
        document = parse_document(text)
        mine = f"/{self.session.login.user}/"
        return update_text(text, document.with_names(lambda name: mine + name[2:] if name.startswith("@/") else name))

    def _send(self, edit: Edit) -> None:
        try:
            if not self.session.away:
                deliver(self.session, edit)
        finally:
            self.session.on_state()  # also where it became a conflict
