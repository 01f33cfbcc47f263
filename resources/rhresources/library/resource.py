"""What clusters, functions and packages have in common: a name, a document, save and load."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Self

from rhresources.documents import Document, plain_values
from rhresources.errors import RhError, UsageError
from rhresources.library.portal import portal
from rhresources.library.progress import progress
from rhresources.mentions import hidden_from, naming_text, who_names
from rhresources.names import Address
from rhresources.registry.answers import Given, Version
from rhresources.resource_names import ResourceNames
from rhresources.shared_code import hand_over, may_lack_code
from rhresources.stores.entry import Entry

if TYPE_CHECKING:
    from rhresources.wire.client import ClusterClient


def names() -> ResourceNames:
    """The names of the rhdesk directory of now, with the current folder of this program."""
    return portal().workspace.names


def _handed_over(entry: Entry) -> Entry:
    """What was put into the registry, made callable for others if it is a function."""
    return portal().run(hand_over, portal().workspace, entry, progress) if may_lack_code(entry) else entry


class Resource(ABC):
    """Anything with a name.

    Args:
        name: how it is called; None for one that nobody saved.
        dryrun: only describe it; touch no cluster.
    """

    kind: ClassVar[str] = ""

    def __init__(self, name: str | None, dryrun: bool = False) -> None:
        self._address: Address | None = names().resolve(name) if name else None
        self._began: Entry | None = None
        self.dryrun = dryrun

    @property
    def name(self) -> str | None:
        """The last part of the address; None if it has no name."""
        return self._address.name if self._address is not None else None

    @name.setter
    def name(self, name: str | None) -> None:
        self._address = names().resolve(name) if name else None

    @property
    def rns_address(self) -> str | None:
        """The whole name: `~/x`, `^x`, `/owner/x`; None if it has none."""
        return str(self._address) if self._address is not None else None

    @property
    def config_for_rns(self) -> dict[str, Any]:
        """What its document says, as plain values."""
        return plain_values(self.document())

    @abstractmethod
    def document(self) -> Document:
        """What is saved under its name."""

    def save(self, name: str | None = None, overwrite: bool = True) -> Self:
        """Save it under `name`, or under the name that it has: `~/x` on this computer, `@/x` in the registry.

        Raises:
            UsageError: it has no name, or cannot be saved.
            AlreadyExists: the name is taken and `overwrite` is false; or it was loaded from the registry, and somebody
                changed the same fields there since.
        """
        if name is not None:
            self.name = name
        if self._address is None:
            raise UsageError("It has no name to be saved under.", remedy='Give one: save("~/name").')
        began = self._began if self._began is not None and self._began.address == self._address else None
        saved = names().save(
            self._address, self.document(), overwrite=overwrite, modified=began.modified if began is not None else None
        )
        if began is None or saved.version <= began.version + 1 or self._take(saved.require()):
            self._began = saved  # else the next save would take back what others did, which this one was merged with
        called = _handed_over(saved)
        if self._began is saved:
            self._began = called
        saved = called
        if saved.waiting:
            progress(f"{saved.name} waits until the registry answers.")
        if saved.caution:
            progress(f"{saved.name}: {saved.caution}")
        for hidden in hidden_from(names(), [saved]):
            progress(str(hidden))
        return self

    def _take(self, document: Document) -> bool:
        """Say what was saved, with what others changed in it; whether that is possible."""
        return False

    def began_from(self, entry: Entry) -> Self:
        """Remember what it was loaded as, so that saving it loses nothing that others do in the meantime."""
        self._began = entry
        return self

    def share(self, users: str | Iterable[str], access: Given = "read") -> dict[str, str]:
        """Say what users, `@groups` or `@everyone` may do with it in the registry; "none" takes it away.

        Returns:
            Who may do what now, besides its owner.

        Raises:
            UsageError: it has no name of a registry.
            RhError: there is no such user, or it is not yours to share.
        """
        who = [users] if isinstance(users, str) else list(users)
        given = names().share(self._shared(), dict.fromkeys(who, access))
        if access != "none":
            entry = _handed_over(names().load(self._shared()))
            if entry.caution:
                progress(f"{self.rns_address}: {entry.caution}")
            for hidden in hidden_from(names(), [entry], who):
                progress(str(hidden))
        return {grant.who: grant.access for grant in given.grants}

    def history(self) -> list[Version]:
        """Its versions in the registry, newest first: who did what, and when."""
        return names().history(self._shared())

    def _shared(self) -> Address:
        if self._address is None:
            raise UsageError("It is not saved under a name.", remedy='Save it in the registry: save("@/name").')
        return self._address

    @classmethod
    def from_name(cls, name: str, dryrun: bool = True) -> Self:
        """The saved resource of that name.

        Raises:
            NotFound: there is none.
            UsageError: it is of another kind.
        """
        from rhresources.library.toplevel import load

        found = load(name, dryrun=dryrun)
        if not isinstance(found, cls):
            raise UsageError(f"{name} is a {found.kind}, not a {cls.kind}.", remedy="Load it with rh.load.")
        return found

    def unname(self) -> None:
        """Forget its saved document, and that it had a name."""
        self.delete_configs()
        self._address = None

    def delete_configs(self) -> None:
        """Delete the document saved under its name.

        Raises:
            NotFound: nothing is saved.
        """
        if self._address is not None:
            names().delete(self._address)
            with suppress(RhError):  # it is gone all the same
                if found := who_names(names(), self._address):
                    progress(naming_text(found, f"{self._address}, which is gone"))

    def is_local(self) -> bool:
        """Whether its name is one of this computer."""
        return self._address is None or self._address.place in ("local", "builtin")

    def __repr__(self) -> str:
        return f"<rh.{type(self).__name__} {self.rns_address or '(no name)'}>"


class ClusterPart(Resource):
    """A part of `Cluster` that stands by itself."""

    @property
    @abstractmethod
    def target(self) -> Any:
        """What the workspace knows the cluster by."""

    @abstractmethod
    def client(self, up: bool = True) -> ClusterClient:
        """The connection to it; it is brought up if it is not, and `up`."""
