"""What went wrong with a cloud, in words that say what to do about it."""

from __future__ import annotations

from rhresources.errors import RhError


class CloudProblem(RhError):
    """SkyPilot or a cloud refused or failed.

    Args:
        code: its stable name for why; `skypilot.SkyPilot` lists them.
        field: the field of a cluster's document that it is about: "region", "instance_type", "provider"; else empty.
    """

    def __init__(
        self, sentence: str, *, code: str = "failed", field: str = "", remedy: str = "", detail: str = ""
    ) -> None:
        super().__init__(sentence, remedy=remedy, detail=detail)
        self.code = code
        self.field = field
