"""What a registry adds to names: who is logged in, versions, access, and changes that somebody must decide on.

Part of `ResourceNames`. Calls may wait for the network; they may be made from any thread but that of an event loop.
"""

from __future__ import annotations

import builtins
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rhresources.errors import NoRegistry, NotFound, RhError, UsageError
from rhresources.names import Address, meant_by, parse_folder
from rhresources.registry.answers import Access, Conflict, Deleted, Given, RegistryState, Version, Waiting, given
from rhresources.registry.login import TOKEN, URL, login_file
from rhresources.stores.entry import Entry

if TYPE_CHECKING:
    from rhresources.registry.client import RegistryClient
    from rhresources.registry.store import RegistryStore
    from rhresources.registry.told import Told

T = TypeVar("T")

Name = str | Address
"""What a resource is called: text as people write it, or an address."""


class RegistryNames(ABC):
    """The registry of whoever is logged in on one rhdesk directory.

    Args:
        home: the rhdesk directory.
    """

    def __init__(self, home: Path) -> None:
        self.home = home

    @property
    @abstractmethod
    def current_folder(self) -> str:
        """The folder that bare names are in."""

    @abstractmethod
    def resolve(self, name: Name) -> Address:
        """The address that `name` means in the current folder."""

    @abstractmethod
    def folders(self, folder: str = "") -> builtins.list[str]:
        """The folders that are known, in canonical form."""

    @abstractmethod
    def known_names(self, kind: str | None = None) -> builtins.list[str]:
        """Every name that is known without asking anybody, in canonical form."""

    # ---------------------------------------------------------------- who is logged in

    @property
    def registry(self) -> RegistryState | None:
        """The registry that is logged in to, as far as is known here; None: there is none. Does not wait for it."""
        return self._client.state if self._may_be_logged_in() else None

    def refresh_registry(self) -> RegistryState | None:
        """Ask the registry what is new, deliver what waits, and say how it is; None: nobody is logged in."""
        store = self._client.store() if self._may_be_logged_in() else None
        if store is None:
            return self.registry
        with suppress(RhError):  # the state says what is wrong
            store.session.refresh()
        return self.registry

    def login(self, url: str, token: str, *, insecure: bool = False, authority: Path | None = None) -> RegistryState:
        """Log in to a registry: the token is checked and kept in the keyring.

        Args:
            url: its address, https://registry.example.org.
            token: as `rhdesk registry user token NAME` printed it.
            insecure: send it over an open network, where the address is http:// and not on this computer.
            authority: a file with the certificate that the registry's own is to be checked with; None: the system's.

        Returns:
            How it is; its `problem` says why the token is kept for this session only, where there is no keyring.

        Raises:
            UsageError: the address is none, or the token would go over an open network.
            RhError: the registry does not answer, or refuses the token; whoever was logged in still is.
        """
        return self._client.login(url, token, insecure=insecure, authority=authority)

    def logout(self) -> str:
        """Log out: forget the token and what is known of the registry here. Changes that wait are kept.

        Returns:
            One sentence about it.

        Raises:
            NoRegistry: nobody is logged in.
        """
        if self._client.current() is None:
            raise NoRegistry("Nobody is logged in to a registry.", remedy=f"{_LOG_IN}.")
        return self._client.logout()

    def people(self, query: str = "") -> builtins.list[str]:
        """The users and groups (as `@group`) of the registry that begin with `query`, to share with.

        Raises:
            NoRegistry: nobody is logged in.
            RhError: the registry does not answer.
        """
        return self._store("@").session.ask(lambda api: api.people(query.removeprefix("@")))

    # ---------------------------------------------------------------- clusters that somebody's SkyPilot runs

    def told(self, name: Name) -> Told | None:
        """How a cluster was told to be, as far as is known here; None: nobody told, or it is not in a registry."""
        address = self.resolve(name)
        store = self._known_store() if address.place == "registry" else None
        return store.told(store.session.canonical(address)) if store is not None else None

    def tell(self, name: Name, told: Told) -> None:
        """Tell others how a cluster is that runs here; where the registry is away, later. What is no news is not told.

        Raises:
            RhError: the disk refuses.
        """
        from rhresources.registry import telling

        store = self._known_store()
        if store is None:
            return
        whole = store.session.canonical(self.resolve(name))
        if telling.note(store.session, whole, told) and not store.session.away:
            telling.deliver(store.session)

    def forget_told(self, name: Name) -> None:
        """Have what was told of a cluster forgotten, whoever told it; its machines, if there are any, go on.

        Raises:
            NotFound: there is none.
            NoRegistry: nobody is logged in.
            RhError: the registry does not answer, or it may only be read.
        """
        store, whole = self._place(name)
        store.forget_told(whole)

    # ---------------------------------------------------------------- history

    def history(self, name: Name) -> builtins.list[Version]:
        """The versions of a resource in the registry, newest first; also of one that was deleted.

        Raises:
            UsageError: the name is not one of a registry.
            NotFound: there is none, and never was.
            NoRegistry: nobody is logged in.
            RhError: the registry does not answer.
        """
        store, whole = self._place(name)
        try:
            return store.session.ask(lambda api: api.history(whole))
        except NotFound as error:
            raise self._missing(error, self.resolve(name)) from None

    def version_text(self, name: Name, number: int) -> str:
        """The YAML of a version; errors as `history`."""
        store, whole = self._place(name)
        return store.session.ask(lambda api: api.version_text(whole, number))

    def restore(self, name: Name, number: int) -> Entry:
        """Make what a version says the newest one; this brings back a deleted resource, too. Errors as `history`.

        Raises:
            AlreadyExists: it was changed at this moment.
        """
        store, whole = self._place(name)
        try:
            return store.restore(whole, number)
        except NotFound:
            self.history(name)  # where nothing is called so any more, it says what was probably meant
            raise

    def deleted(self, folder: str | None = None, query: str = "", *, most: int = 500) -> builtins.list[Deleted]:
        """What was deleted in the registry and can be looked at or brought back by `restore`, the newest first.

        Args:
            folder: only what was in this folder; None: anywhere.
            query: words that must all stand in the name or description.
            most: so many at most.

        Raises:
            UsageError: the folder is not one of a registry.
            NoRegistry: nobody is logged in.
            RhError: the registry does not answer.
        """
        store, whole = self._place(folder, folder=True) if folder is not None else (self._store("@"), "")
        return store.session.ask(lambda api: api.deleted(whole, query, most))

    # ---------------------------------------------------------------- access

    def access(self, name_or_folder: Name) -> Access:
        """Who may do what with a resource, or with everything in a folder. Errors as `history`."""
        store, whole = self._place(name_or_folder, folder=True)
        return store.session.ask(lambda api: api.access(whole))

    def share(self, name_or_folder: Name, with_whom: Mapping[str, Given]) -> Access:
        """Say what users and groups may do with a resource, or with everything in a folder.

        Args:
            name_or_folder: what is shared.
            with_whom: users, `@group` or `@everyone`, and what they may do; "none" takes it away.

        Raises:
            UsageError: the name is not one of a registry, or there is no such access.
            RhError: no such user, it is not yours to share, or the registry does not answer.
        """
        store, whole = self._place(name_or_folder, folder=True)
        said = {who: given(word) for who, word in with_whom.items()}  # a program may say anything
        return store.session.ask(lambda api: api.share(whole, said))

    # ---------------------------------------------------------------- what waits, conflicts

    def waiting(self) -> builtins.list[Waiting]:
        """The changes that wait until the registry answers, in order, as far as is known here.

        Raises:
            NoRegistry: nobody is logged in.
        """
        return self._store("@").waiting()

    def conflict(self, name: Name) -> Conflict:
        """The change of `name` that somebody must decide on.

        Raises:
            NotFound: there is none.
            NoRegistry: nobody is logged in.
        """
        store, whole = self._place(name)
        return store.conflict(whole)

    def settle(self, name: Name, text: str) -> Entry | None:
        """End a conflict with `text`, which is saved in place of what is there now; an empty one deletes.

        A new name that was refused (`Conflict.target`) is tried again, unless `text` is empty.

        Returns:
            What is there then; None: nothing.

        Raises:
            NotFound: there is no conflict.
            DocumentError: the text is not a valid document.
            AlreadyExists: somebody changed it once more; the conflict now is with that.
        """
        store, whole = self._place(name)
        return store.settle(whole, text)

    def discard(self, name: Name) -> None:
        """End a conflict with what is there now; my change is given up. Errors as `conflict`."""
        store, whole = self._place(name)
        store.discard(whole)

    # ---------------------------------------------------------------- inside

    @cached_property
    def _client(self) -> RegistryClient:
        from rhresources.registry.client import RegistryClient  # only those pay for it who have a registry

        return RegistryClient(self.home)

    def _may_be_logged_in(self) -> bool:
        """Whether somebody may be, at the price of one look at a file."""
        return bool(os.environ.get(URL) or os.environ.get(TOKEN)) or login_file(self.home).exists()

    def _store(self, name: str) -> RegistryStore:
        store = self._client.store() if self._may_be_logged_in() else None
        if store is None:
            raise no_registry(name)
        return store

    def _reading(self, name: str, read: Callable[[RegistryStore], T]) -> T:
        """What the registry says; where another one turns out to answer in its place, what that says.

        Raises:
            RegistryReplaced: it is another one, and changes were to be delivered: somebody is to know of that first.
            RhError: as `read`.
        """
        from rhresources.registry.problems import RegistryReplaced

        store = self._store(name)
        waits = store.session.outbox.count()
        try:
            return read(store)
        except RegistryReplaced:
            if waits:
                raise
        return read(self._store(name))

    def _require_delivered(self, entry: Entry, sentence: str, remedy: str) -> None:
        """Take back what only waits for the registry, and say so."""
        if entry.waiting and self._store(entry.name).withdraw(entry.address):
            raise RhError(f"{sentence}, because the registry cannot be reached.", remedy=remedy)

    def _missing(self, error: NotFound, address: Address) -> NotFound:
        """That nothing is called so, with the name that was probably meant, or that it is a folder."""
        try:
            if (whole := str(address)) in self.folders():
                remedy = f"`rhdesk ls {whole}` lists what is in it; name what you mean there."
                return NotFound(f"{whole} is a folder, not a resource.", remedy=remedy)
            known = [name for name in self.known_names() if name != whole]  # where its removal waits, it is known yet
        except RhError:
            return NotFound(error.sentence)
        near = meant_by(address.name, known)
        remedy = f"Did you mean {near}?" if near else self._perhaps_not_shared(address)
        return NotFound(error.sentence, remedy=remedy)

    def _perhaps_not_shared(self, address: Address) -> str:
        """What to do about a name that nothing is known of."""
        state = self.registry
        if address.place != "registry" or state is None:
            return "`rhdesk ls /` lists where names are."
        if address.parts[0] in (state.user, *state.groups):
            return f"`rhdesk ls /` lists where names are, `rhdesk ls {address.folder} --deleted` what was deleted."
        return f"Perhaps it is not shared with you: ask {address.parts[0]}. `rhdesk ls /` lists where names are."

    def _known_store(self) -> RegistryStore | None:
        """The registry as far as it is known here; None: it is not, or nobody is logged in."""
        return self._client.store(ask=False) if self._may_be_logged_in() else None

    def _place(self, name: Name, *, folder: bool = False) -> tuple[RegistryStore, str]:
        """The store, and the name (or, if it may be one, the folder) as the registry knows it."""
        if folder and not isinstance(name, Address):
            whole = parse_folder(name, self.current_folder)
            if not whole.startswith(("@", "/")):
                raise _not_shared(whole)
            store = self._store(whole)
            return store, store.whole(whole)
        address = self.resolve(name)
        if address.place != "registry":
            raise _not_shared(str(address))
        store = self._store(str(address))
        return store, store.session.canonical(address)


_LOG_IN = "Log in with `rhdesk login URL`"


def no_registry(name: str) -> NoRegistry:
    """What a name of a registry comes to while nobody is logged in."""
    return NoRegistry(
        f"{name} is kept in a registry, and none is logged in to.",
        remedy=f"{_LOG_IN}, or use a name on this computer, such as ~/name.",
    )


def _not_shared(name: str) -> UsageError:
    where = "built in" if name.startswith("^") else "on this computer only"
    return UsageError(
        f"{name} is {where}: history and sharing are for names of a registry.",
        remedy=f"Copy it there: rhdesk cp {name} @/{name.rpartition('/')[2].lstrip('^~') or 'name'}",
    )
