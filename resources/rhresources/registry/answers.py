"""What the registry says of a resource besides its document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rhresources.errors import UsageError

Level = Literal["read", "write", "owner"]
"""What somebody may do: read; write as well; share, move and delete as well."""

Nothing = Literal["none"]
"""In place of a level: nothing any more."""

LEVELS: tuple[Level, ...] = ("read", "write", "owner")

Given = Level | Nothing
"""What somebody is given."""

GIVEN: tuple[Given, ...] = (*LEVELS, "none")


def given(word: str) -> Given:
    """What a word that somebody chose stands for.

    Raises:
        UsageError: for nothing.
    """
    for each in GIVEN:
        if each == word:
            return each
    raise UsageError(f"{word!r} is no access.", remedy=f"Say {', '.join(GIVEN[:-1])} or {GIVEN[-1]}.")


@dataclass(frozen=True, slots=True)
class Version:
    """One line of the history of a resource.

    Attributes:
        number: counted from 1; give it to `version_text` and `restore`.
        action: "saved", "moved", "deleted" or "restored".
        by: who did it.
        at: when, in seconds since the epoch.
        note: what they said about it; may be empty.
        name: what it was called then.
    """

    number: int
    action: str
    by: str
    at: float
    note: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Deleted:
    """A resource that was deleted.

    Attributes:
        name: canonical.
        kind: "cluster", "function" or "package".
        description: what it said of itself.
        version: the last one before it was deleted; give it to `restore`.
        by: who deleted it.
        at: when, in seconds since the epoch.
        access: what one may do with it; whoever may write brings it back.
    """

    name: str
    kind: str
    description: str
    version: int
    by: str
    at: float
    access: Level


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody besides the owner may do.

    Attributes:
        who: a user, `@group`, or `@everyone`.
        access: what they may do.
        inherited_from: the folder that was shared with them; empty: the resource itself.
    """

    who: str
    access: Level
    inherited_from: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may do what with a resource, or with everything in a folder.

    Attributes:
        empty: whether it is a folder that there is nothing in yet.
    """

    owner: str
    grants: tuple[Grant, ...] = ()
    empty: bool = False


Act = Literal["save", "delete", "move"]
"""What a change does with a name."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A change that waits until the registry answers.

    Attributes:
        name: canonical.
        act: what is done with it.
        at: when it was made, in seconds since the epoch.
        target: the new name, of a move.
    """

    name: str
    act: Act
    at: float
    target: str = ""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A change that could not be delivered, kept until somebody decides. An empty text means: deleted.

    Attributes:
        name: canonical.
        base: what the change began from; empty: nothing was there.
        mine: what it would have made of that.
        theirs: what is there now.
        by, at: who made it that, and when; empty and 0 where that is not known.
        problem: why it was not delivered, as one sentence.
        target: the new name that it was to have; empty: none.
    """

    name: str
    base: str
    mine: str
    theirs: str
    by: str
    at: float
    problem: str
    target: str = ""

    @property
    def is_only_a_name(self) -> bool:
        """Whether what the resource says was left alone."""
        return bool(self.target) and self.mine == self.base


@dataclass(frozen=True, slots=True)
class RegistryState:
    """The registry that is logged in to.

    Attributes:
        url: its address.
        user: who is logged in; empty as long as it could not be asked.
        groups: the groups that the user is in.
        online: whether it answered the last time.
        seen: when what is known here was last confirmed, in seconds since the epoch; 0: never.
        problem: why it does not answer, as one sentence; empty if it does.
        remedy: what to do about that.
        waiting: how many changes wait to be delivered.
        conflicts: the names of changes that somebody must decide on.
        away: the problem is only that it cannot be reached, so that what is known here stands in for it.
    """

    url: str
    user: str
    groups: tuple[str, ...]
    online: bool
    seen: float
    problem: str
    remedy: str
    waiting: int
    conflicts: tuple[str, ...]
    away: bool = False

    @property
    def is_usable(self) -> bool:
        """Whether its names can be used, be it as they were last."""
        return not self.problem or self.away
