"""What can go wrong between us and a cloud, with a stable name for each kind."""

from __future__ import annotations

from typing import Literal

from rhresources.errors import RhError

CloudCode = Literal[
    "no-cloud", "no-such-hardware", "no-capacity", "quota", "credentials", "no-such-region", "name-taken", "not-there",
    "not-supported", "not-up", "bad-request", "cancelled", "interrupted", "leftovers", "server-dead",
    "server-unreachable", "server-version", "server-refused", "not-installed", "elsewhere", "failed",
]  # fmt: skip
"""Stable names for programs: of what SkyPilot refused, and of a SkyPilot server that is not as it should be."""

NOTHING_WAS_MADE = frozenset(
    {"no-cloud", "no-such-hardware", "no-such-region", "bad-request", "not-supported", "not-installed", "name-taken"}
)
"""Codes of problems that come before any machine; what else has the name is not ours to end."""


class CloudProblem(RhError):
    """SkyPilot, its server or a cloud said no.

    Attributes:
        code: the kind of problem.
        field: the field of the cluster's document that would have to change, where there is one: "region",
            "instance_type", "provider", "name", …
    """

    def __init__(
        self, sentence: str, *, code: CloudCode = "failed", remedy: str = "", detail: str = "", field: str = ""
    ) -> None:
        super().__init__(sentence, remedy=remedy, detail=detail)
        self.code: str = code
        self.field = field
