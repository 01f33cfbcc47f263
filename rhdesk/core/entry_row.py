"""What the window knows of a resource, and of the registry that some of them are kept in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rhdesk.core.rows import Problem

BUILT_IN = "It is built in."
_LOG_IN = "Log in anew"
"""How the remedy begins where only another token helps."""


@dataclass(frozen=True)
class EntryRow:
    """One resource as it is kept: a line of the pages Functions, Packages and Resource names.

    Attributes:
        address: canonical, e.g. "~/train" or "/alice/train"; the id of the row.
        document: the parsed document, a pydantic model of `rhresources.documents`; None when it is broken.
        problem: why it is broken; empty otherwise.
        version: its number in the registry; 0 outside of it, or while it is only here.
        modified_by: who changed it last, in the registry.
        access: "read", "write" or "owner".
        seen: when the registry confirmed it last, seconds since the epoch; 0: it is not from a registry.
        waiting: an edit of it was made offline and is not delivered yet.
        conflict: that edit does not fit to what somebody else did; the person chooses.
        caution: what others cannot reach of what it names.
    """

    address: str
    kind: str  # "cluster", "function", "package", or "" when broken beyond telling
    name: str
    folder: str
    description: str = ""
    modified: float = 0.0
    path: str = ""
    problem: str = ""
    document: Any = field(default=None, compare=False)
    version: int = 0
    modified_by: str = ""
    access: str = "owner"
    seen: float = field(default=0.0, compare=False)  # moves on with every look
    waiting: bool = False
    conflict: bool = False
    caution: str = ""

    @property
    def is_builtin(self) -> bool:
        return self.address.startswith("^")

    @property
    def in_registry(self) -> bool:
        return self.address.startswith("/")

    @property
    def why_fixed(self) -> str:
        """Why it cannot be changed, as a sentence; "" when it can."""
        if self.is_builtin:
            return BUILT_IN
        return f"You may only read it; {owner_of(self.address)} can let you write." if self.access == "read" else ""

    @property
    def why_not_shared(self) -> str:
        """Why its access cannot be looked at and changed; "" when it can."""
        if not self.in_registry:
            return "Only what is in a registry can be shared; copy it there first."
        return "" if self.access == "owner" else f"Only its owners can share it; ask {owner_of(self.address)}."


def owner_of(address: str) -> str:
    """Whose folder of the registry an address is in: "alice" of "/alice/train"; "" outside of a registry."""
    return address.split("/")[1] if address.startswith("/") else ""


@dataclass(frozen=True)
class RegistryRow:
    """The registry that somebody is logged in to.

    Attributes:
        groups: those that the user is a member of.
        online: whether it answers now; `problem` says why not.
        seen: when it was last heard of, seconds since the epoch.
        listed: whether its names were read once.
        waiting: edits that were made offline and are not delivered yet.
        conflicts: addresses of those that the person must settle.
    """

    url: str
    user: str
    groups: tuple[str, ...] = ()
    online: bool = True
    seen: float = field(default=0.0, compare=False)
    listed: bool = True
    problem: Problem | None = None
    waiting: int = 0
    conflicts: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The URL without what every URL has."""
        return self.url.split("://", 1)[-1].rstrip("/")

    @property
    def is_refused(self) -> bool:
        """Whether it does not accept the token any more."""
        return not self.online and self.problem is not None and _LOG_IN in self.problem.remedy

    @property
    def mine(self) -> str:
        """The user's own folder, which people write as `@`."""
        return f"/{self.user}"
