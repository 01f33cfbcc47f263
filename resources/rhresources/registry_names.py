"""What a registry adds to names: who is logged in, versions, access, and changes that somebody must decide on.

Part of `ResourceNames`. Calls may wait for the network; they may be made from any thread but that of an event loop.
"""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from rhresources.errors import NoRegistry, UsageError
from rhresources.names import Address, parse_folder
from rhresources.registry.answers import Access, Conflict, Level, Nothing, RegistryState, Version
from rhresources.stores.entry import Entry

Name = str | Address
"""What a resource is called: text as people write it, or an address."""


class RegistryNames(ABC):
    """The registry of whoever is logged in on one rhdesk directory."""

    home: Path

    @property
    @abstractmethod
    def current_folder(self) -> str:
        """The folder that bare names are in."""

    @abstractmethod
    def resolve(self, name: Name) -> Address:
        """The address that `name` means in the current folder."""

    # ---------------------------------------------------------------- who is logged in

    @property
    def registry(self) -> RegistryState | None:
        """The registry that is logged in to, as far as is known here; None: there is none. Does not wait for it."""
        return None

    def login(self, url: str, token: str, *, insecure: bool = False, authority: Path | None = None) -> RegistryState:
        """Log in to a registry: the token is checked and kept in the keyring.

        Args:
            url: its address, https://registry.example.org.
            token: as `rhdesk registry user token NAME` printed it.
            insecure: send it over an open network, where the address is http:// and not on this computer.
            authority: a file with the certificate that the registry's own is to be checked with; None: the system's.

        Raises:
            UsageError: the address is none, or the token would go over an open network.
            RhError: the registry does not answer, or refuses the token; whoever was logged in still is.
        """
        raise no_registry(url)

    def logout(self) -> str:
        """Log out: forget the token and what is known of the registry here. Changes that wait are kept.

        Returns:
            One sentence about it.

        Raises:
            NoRegistry: nobody is logged in.
        """
        raise no_registry("@")

    def people(self, query: str = "") -> builtins.list[str]:
        """The users and groups (as `@group`) of the registry that begin with `query`, to share with.

        Raises:
            NoRegistry: nobody is logged in.
            RhError: the registry does not answer.
        """
        raise no_registry("@")

    # ---------------------------------------------------------------- history

    def history(self, name: Name) -> builtins.list[Version]:
        """The versions of a resource in the registry, newest first; also of one that was deleted.

        Raises:
            UsageError: the name is not one of a registry.
            NotFound: there is none, and never was.
            NoRegistry: nobody is logged in.
            RhError: the registry does not answer.
        """
        raise no_registry(str(self._shared(name)))

    def version_text(self, name: Name, number: int) -> str:
        """The YAML of a version; errors as `history`."""
        raise no_registry(str(self._shared(name)))

    def restore(self, name: Name, number: int) -> Entry:
        """Make what a version says the newest one; this brings back a deleted resource, too. Errors as `history`.

        Raises:
            AlreadyExists: it was changed at this moment.
        """
        raise no_registry(str(self._shared(name)))

    # ---------------------------------------------------------------- access

    def access(self, name_or_folder: Name) -> Access:
        """Who may do what with a resource, or with everything in a folder. Errors as `history`."""
        raise no_registry(self._shared_place(name_or_folder))

    def share(self, name_or_folder: Name, with_whom: Mapping[str, Level | Nothing]) -> Access:
        """Say what users and groups may do with a resource, or with everything in a folder.

        Args:
            name_or_folder: what is shared.
            with_whom: users, `@group` or `@everyone`, and what they may do; "none" takes it away.

        Raises:
            UsageError: the name is not one of a registry.
            RhError: no such user, it is not yours to share, or the registry does not answer.
        """
        raise no_registry(self._shared_place(name_or_folder))

    # ---------------------------------------------------------------- conflicts

    def conflict(self, name: Name) -> Conflict:
        """The change of `name` that somebody must decide on.

        Raises:
            NotFound: there is none.
            NoRegistry: nobody is logged in.
        """
        raise no_registry(str(self._shared(name)))

    def settle(self, name: Name, text: str) -> Entry | None:
        """End a conflict with `text`, which is saved in place of what is there now; an empty one deletes.

        Raises:
            NotFound: there is no conflict.
            DocumentError: the text is not a valid document.
            AlreadyExists: somebody changed it once more; the conflict now is with that.
        """
        raise no_registry(str(self._shared(name)))

    def discard(self, name: Name) -> None:
        """End a conflict with what is there now; my change is given up. Errors as `conflict`."""
        raise no_registry(str(self._shared(name)))

    # ---------------------------------------------------------------- inside

    def _shared(self, name: Name) -> Address:
        address = self.resolve(name)
        if address.place != "registry":
            raise _not_shared(str(address))
        return address

    def _shared_place(self, name_or_folder: Name) -> str:
        """The canonical form of a name or folder of the registry."""
        if isinstance(name_or_folder, Address):
            return str(self._shared(name_or_folder))
        folder = parse_folder(name_or_folder, self.current_folder)
        if not folder.startswith(("@", "/")):
            raise _not_shared(folder)
        return folder


def no_registry(name: str) -> NoRegistry:
    """What a name of a registry comes to while nobody is logged in."""
    return NoRegistry(
        f"{name} is kept in a registry, and none is logged in to.",
        remedy="Log in with `rhdesk login URL`, or use a name on this computer, such as ~/name.",
    )


def _not_shared(name: str) -> UsageError:
    where = "built in" if name.startswith("^") else "on this computer only"
    return UsageError(
        f"{name} is {where}: history and sharing are for names of a registry.",
        remedy=f"Copy it there: rhdesk cp {name} @/{name.rpartition('/')[2].lstrip('^~') or 'name'}",
    )
