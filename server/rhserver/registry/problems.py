"""What the registry refuses, as errors that know nothing of HTTP."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rhresources.errors import RhError

if TYPE_CHECKING:
    from rhserver.registry.resource import Resource


class NoAccess(RhError):
    """It may be known, but not changed by this user."""

    code = "no-access"


class BadToken(RhError):
    """No token, or none that is valid."""

    code = "bad-token"


class TooLarge(RhError):
    """The request is longer than the registry reads."""

    code = "too-large"


class TooMany(RhError):
    """Too much in too short a time.

    Attributes:
        seconds: when to try again.
    """

    code = "too-many"

    def __init__(self, sentence: str, *, remedy: str = "", seconds: float = 1.0) -> None:
        super().__init__(sentence, remedy=remedy)
        self.seconds = seconds


class TooEarly(TooMany):
    """A request that comes too soon after others."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            "These were too many requests in a short time.",
            remedy=f"Try again in {math.ceil(seconds)} s.",
            seconds=seconds,
        )


class Unfit(RhError):
    """A request that makes no sense, such as sharing with nobody."""

    code = "bad-request"


class CaseClash(RhError):
    """Another name differs in upper and lower case only."""

    code = "case-clash"


class Conflict(RhError):
    """What the change began from is no longer what is there.

    Attributes:
        current: what is there; None where there is nothing.
        base_text: the text that the change began from, where it is known.
    """

    code = "conflict"

    def __init__(self, sentence: str, *, current: Resource | None, base_text: str | None = None) -> None:
        super().__init__(sentence, remedy="Load it again and repeat the change.")
        self.current = current
        self.base_text = base_text
