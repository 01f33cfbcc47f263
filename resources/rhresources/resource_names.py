"""The Resource Name System: every place where resources are kept behind one load, save and list.

Calls on names of this computer read and write small files and nothing else; those on names of the registry may wait for
the network. They may be made from any thread, and the latter from none with an event loop.
"""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rhresources import paths
from rhresources.documents import ClusterDocument, Document, FunctionDocument, PackageDocument, update_text
from rhresources.errors import NotFound, RhError, UsageError
from rhresources.mentions import named_in, whole_text
from rhresources.names import Address, is_under, parse_folder
from rhresources.package_options import checked_options
from rhresources.packages import PackageSpec, parse_package
from rhresources.registry_names import Name, RegistryNames
from rhresources.settings import Settings
from rhresources.stores import builtin
from rhresources.stores.entry import Entry
from rhresources.stores.local import LocalStore
from rhresources.taken_along import is_used, require_unused, take_along

if TYPE_CHECKING:
    from rhresources.registry.store import RegistryStore

__all__ = ["Name", "ResourceNames"]

_LATELY = 0.5
"""Seconds for which the registry is not asked again what a document says."""


class ResourceNames(RegistryNames):
    """All resources of one rhdesk directory, by name.

    Args:
        home: the rhdesk directory; default `$RH_HOME`, else `~/.rh`. It need not exist yet.
    """

    def __init__(self, home: Path | None = None) -> None:
        super().__init__(home if home is not None else paths.home())
        self._local = LocalStore(self.home)
        self._folders: list[str] = []
        self._lock = threading.Lock()

    # ---------------------------------------------------------------- folders

    @property
    def current_folder(self) -> str:
        """The folder that bare names are in: the last one set, else the `default_folder` of config.yaml."""
        with self._lock:
            if self._folders:
                return self._folders[-1]
        try:
            return parse_folder(Settings.load(self.home).default_folder)
        except RhError:
            return "~"

    def set_folder(self, folder: str) -> str:
        """Make `folder` the current one for this object; it need not exist. Answers with its canonical form.

        Raises:
            BadName: it is not a folder.
        """
        whole = parse_folder(folder, self.current_folder)
        with self._lock:
            self._folders.append(whole)
        return whole

    def unset_folder(self) -> str:
        """Go back to the folder that was current before the last `set_folder`; answers with it."""
        with self._lock:
            if self._folders:
                self._folders.pop()
        return self.current_folder

    def folders(self, under: str | None = None) -> builtins.list[str]:
        """The folders in canonical form, as far as they are known here; with `under` that one and those inside it.

        Raises:
            BadName: `under` is not a folder.
            NoRegistry: it is a folder of the registry, and nobody is logged in.
        """
        if under is None:
            store = self._known_store()
            return [*self._local.folders(), *(store.folders() if store is not None else ())]
        whole = parse_folder(under, self.current_folder)
        if whole == "^":
            return ["^"]
        if not whole.startswith(("@", "/")):
            return [folder for folder in self._local.folders() if is_under(folder, whole)]
        store = self._store(whole)
        wanted = store.whole(whole)
        return [whole + folder[len(wanted) :] for folder in store.folders() if is_under(folder, wanted)]

    def resolve(self, name: Name) -> Address:
        """The address that `name` means in the current folder; that of `@/x` is `/owner/x` while one is logged in.

        Raises:
            BadName: it is not a name.
        """
        address = name if isinstance(name, Address) else Address.parse(name, self.current_folder)
        if address.mine and self._may_be_logged_in() and (user := self._client.user):
            return Address("registry", (user, *address.parts))
        return address

    # ---------------------------------------------------------------- reading

    def load(self, name: Name) -> Entry:
        """The resource of that name; it may be broken, see `Entry.problem`.

        Raises:
            BadName: it is not a name.
            NotFound: there is none; the remedy offers the nearest name.
            NoRegistry: it is a name of the registry, and nobody is logged in.
            RhError: the disk cannot be read, or the registry does not take the token.
        """
        return self._load(self.resolve(name))

    def _load(self, address: Address, *, fresh: float = 0.0) -> Entry:
        try:
            if address.place == "registry":
                return self._reading(str(address), lambda store: store.load(address, fresh=fresh))
            return builtin.load(address) if address.place == "builtin" else self._local.load(address)
        except NotFound as error:
            raise self._missing(error, address) from None

    def document(self, name: Name) -> Document:
        """What the resource of that name says.

        Raises:
            DocumentError: it is broken.
            RhError: as `load`.
        """
        return self.load(name).require()

    def entry(self, name: Name, kind: str) -> Entry:
        """The resource of that name, which is whole and of that kind.

        Raises:
            UsageError: it is something else.
            RhError: as `document`.
        """
        # what one thing is done with is looked up again and again on the way
        entry = self._load(self.resolve(name), fresh=_LATELY)
        found = entry.require().kind
        if found != kind:
            raise UsageError(f"{entry.name} is a {found}, not a {kind}.", remedy=f"Name a {kind}.")
        return entry

    def cluster(self, name: Name) -> ClusterDocument:
        """The cluster of that name.

        Raises:
            UsageError: it is something else.
            RhError: as `document`.
        """
        return cast("ClusterDocument", self.entry(name, "cluster").document)

    def function(self, name: Name) -> FunctionDocument:
        """The function of that name; errors as `cluster`."""
        return cast("FunctionDocument", self.entry(name, "function").document)

    def package(self, name: Name) -> PackageDocument:
        """The package of that name; errors as `cluster`."""
        return cast("PackageDocument", self.entry(name, "package").document)

    def packages(self, lines: Iterable[str], of: str = "") -> builtins.list[PackageSpec]:
        """Package lines taken apart, with what is saved under a name (`rh:~/deps`) looked up.

        Args:
            lines: as a document has them.
            of: the name of that document, for errors; empty: it has none.

        Raises:
            UsageError: a line is not a package, or names something that is none.
            RhError: as `document`.
        """
        found = []
        for line in lines:
            spec = parse_package(line)
            if spec.method == "saved":
                with named_in(self, of, spec.target):
                    saved = self.package(spec.target).spec()
                method = saved.checkout if saved.method == "git" else saved.method
                options = checked_options(method, saved.options + spec.options)
                spec = replace(saved, options=options, text=spec.text)
            found.append(spec)
        return found

    def exists(self, name: Name, kind: str | None = None) -> bool:
        """Whether there is a resource of that name, broken or not; with `kind`, one of that kind.

        Raises:
            BadName: it is not a name.
            NoRegistry: it is a name of the registry, and nobody is logged in.
        """
        address = self.resolve(name)
        if address.place == "registry":
            found = self._reading(str(address), lambda store: store.exists(address))
        else:
            found = builtin.exists(address) if address.place == "builtin" else self._local.exists(address)
        return found and (kind is None or self.load(address).kind == kind)

    def list(
        self, folder: str | None = None, kind: str | None = None, *, recursive: bool = True
    ) -> builtins.list[Entry]:
        """Resources by name, broken ones too.

        Args:
            folder: what is in that folder; default: everything here, then what is known of the registry without asking
                it, then everything built in.
            kind: "cluster", "function" or "package"; a broken one counts as what its text seems to say.
            recursive: what is in folders inside `folder` too.

        Raises:
            BadName: `folder` is not a folder.
            NoRegistry: it is a folder of the registry, and nobody is logged in.
            RhError: the disk cannot be read, or the registry does not take the token.
        """
        if folder is None:
            store = self._known_store()
            entries = [*self._local.list(), *(store.list() if store is not None else ()), *builtin.entries()]
        elif (whole := parse_folder(folder, self.current_folder)) == "^":
            entries = builtin.entries()
        elif whole.startswith(("@", "/")):
            entries = self._reading(whole, lambda store: store.list(whole, recursive=recursive))
        else:
            entries = [
                entry
                for entry in self._local.list()
                if entry.address.folder == whole or (recursive and is_under(entry.address.folder, whole))
            ]
        return [entry for entry in entries if kind is None or entry.kind == kind]

    def saying(self, *words: str) -> builtins.list[Entry]:
        """What is known without asking anybody and has one of these words in its text."""
        shared = store.list() if (store := self._known_store()) is not None else []
        return [*self._local.saying(words), *(entry for entry in shared if any(word in entry.text for word in words))]

    # ---------------------------------------------------------------- writing

    def save(self, name: Name, document: Document, overwrite: bool = True, *, modified: float | None = None) -> Entry:
        """Save a document under a name; the comments of the file it replaces are kept.

        Bare names inside the document are made whole, as they are meant in the current folder.

        Args:
            name: its name.
            document: what it says.
            overwrite: whether the name may be taken.
            modified: `Entry.modified` of what the document began as, in the registry: what others changed since is
                merged, not lost. None: saves over whatever is there.

        Raises:
            AlreadyExists: the name is taken and `overwrite` is false, or another one differs only in case; in the
                registry also where others changed the same fields: the change is kept, see `conflict`.
            DocumentError: a broken file is there; it is left alone.
            NoRegistry: it is a name of the registry, and nobody is logged in.
            RhError: it is built in, or the disk or the registry refused; the old document is still there.
        """
        address = self._writable(name, "saved")
        whole = document.in_folder(self.current_folder)
        if address.place == "registry":
            return self._store(str(address)).save(address, whole, overwrite=overwrite, modified=modified)
        return self._local.save(address, whole, overwrite=overwrite)

    def save_text(self, name: Name, text: str, *, modified: float | None = None) -> Entry:
        """Save a document as YAML text, to the letter; this may replace a broken file.

        Args:
            name: its name.
            text: the YAML.
            modified: `Entry.modified` of what the text began as, 0 for a new one: refuses if something else changed
                the file in the meantime; in the registry, both changes are merged field by field where that is
                possible. None: saves over whatever is there.

        Raises:
            DocumentError: the text is not a valid document; it names the field and the line.
            AlreadyExists: the file has been changed, made or deleted since `modified`, or a name differs only in case;
                in the registry, the change is kept, see `conflict`.
            NoRegistry: it is a name of the registry, and nobody is logged in.
            RhError: it is built in, or the disk or the registry refused; the old document is still there.
        """
        address = self._writable(name, "saved")
        return self._keeper(address).save_text(address, text, modified=modified)

    def delete(self, name: Name) -> None:
        """Delete a resource, broken or not.

        Raises:
            NotFound: there is none.
            NoRegistry: it is a name of the registry, and nobody is logged in.
            RhError: it is built in, or the disk or the registry refused.
        """
        address = self._writable(name, "deleted")
        try:
            self._keeper(address).delete(address)
        except NotFound as error:
            raise self._missing(error, address) from None

    def copy(self, old: Name, new: Name) -> Entry:
        """Save what a resource says under another name, also in another place. Bare names in it are made whole.

        Raises:
            NotFound: there is no `old`.
            AlreadyExists: `new` is taken, or differs from another name only in case.
            DocumentError: `old` is broken.
            NoRegistry: one of them is a name of the registry, and nobody is logged in.
            RhError: `new` is built in, or the disk or the registry refused.
        """
        entry, after = self.load(old), self._writable(new, "given a new meaning")
        text = update_text(entry.text, entry.require().in_folder(entry.address.folder))
        return self.save_text(after, text, modified=0.0)

    def rename(self, old: Name, new: Name) -> Entry:
        """Give a resource another name or folder, also in another place.

        Documents that name it are not changed: `mentions.give_new_name` does that.

        Raises:
            NotFound: there is no `old`.
            AlreadyExists: `new` is taken, or differs from another name only in case.
            NoRegistry: one of them is a name of the registry, and nobody is logged in.
            RhError: one of them is built in, or the disk or the registry refused.
        """
        before, after = self._writable(old, "renamed"), self._writable(new, "given a new meaning")
        was = self._load(before)
        require_unused(self.home, was, str(after))
        entry = self._moved(was, after) if before.place == after.place else self._brought(was, after)
        take_along(self.home, was, entry)
        return entry

    def watch(self, callback: Callable[[frozenset[Address]], None]) -> Callable[[], None]:
        """Call `callback`, in a thread of its own, with the names that anybody made, changed or deleted here.

        Those of the registry are told, too, whoever logs in; no names at all mean that only `registry` changed.

        Returns:
            What ends the watch; it returns when `callback` will not be called again.
        """
        stops = [self._local.watch(callback), self._client.watch(callback)]

        def stop() -> None:
            for each in stops:
                each()

        return stop

    # ---------------------------------------------------------------- inside

    def _moved(self, was: Entry, after: Address) -> Entry:
        """What was renamed inside a place."""
        entry = self._keeper(after).rename(was.address, after)
        if is_used(self.home, was):
            remedy = "This computer goes by its name. Try again when it answers."
            self._require_delivered(entry, f"{was.name} was not renamed", remedy)
        text = whole_text(entry, was.address.folder)
        return entry if text == entry.text else self.save_text(after, text, modified=entry.modified)

    def _brought(self, was: Entry, after: Address) -> Entry:
        """What was moved to another place."""
        entry = self.copy(was.address, after)
        remedy = f"Copy it, which waits until the registry answers: rhdesk cp {was.name} {after}"
        self._require_delivered(entry, f"{was.name} was not moved", remedy)
        self.delete(was.address)
        return entry

    def _keeper(self, address: Address) -> LocalStore | RegistryStore:
        """The store that an address leads to, unless it is built in."""
        return self._store(str(address)) if address.place == "registry" else self._local

    def _writable(self, name: Name, what: str) -> Address:
        address = self.resolve(name)
        if address.place == "builtin":
            raise UsageError(
                f"{address} is built in and cannot be {what}.", remedy=f"Use a name of your own: ~/{address.name}."
            )
        return address

    def known_names(self, kind: str | None = None) -> builtins.list[str]:
        """Every name in every place in its canonical form, as far as they are known without asking anybody."""
        store = self._known_store()
        shared = [name for name, found in store.names() if kind in (None, found)] if store is not None else []
        here = [*self._local.list(), *builtin.entries()]
        return [*(entry.name for entry in here if kind in (None, entry.kind)), *shared]
