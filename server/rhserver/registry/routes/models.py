"""What clients send, and what they get."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rhresources.documents.yaml import SIZE_LIMIT

_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def _plain(text: str) -> str:
    if _UNFIT.search(text):
        raise ValueError("it has a control character")
    return text


Number = Annotated[int, Field(ge=0, le=2**53)]
"""A version or a place in the feed."""

Words = Annotated[str, Field(max_length=1000), AfterValidator(_plain)]
"""Text of people, on its way into a database that does not take every character."""

AccessWord = Literal["read", "write", "owner"]


class Sent(BaseModel):
    """What clients send: fields that are not known are an error."""

    model_config = ConfigDict(extra="forbid", strict=True)


class SaveRequest(Sent):
    """A document; `base` is the version that it began from, 0: it is new, null: whatever is there."""

    text: Annotated[str, Field(max_length=SIZE_LIMIT)]
    base: Number | None = None
    note: Words = ""


class MoveRequest(Sent):
    """Where a document goes."""

    to: Words
    base: Number | None = None


class RestoreRequest(Sent):
    """Which version comes back."""

    version: Number
    base: Number | None = None


class Given(Sent):
    """What somebody is given: "bob", "@team" or "@everyone"."""

    who: Words
    access: Literal["read", "write", "owner", "none"]


class ShareRequest(Sent):
    """What is given, and what is taken back; others keep what they have."""

    grants: Annotated[list[Given], Field(max_length=1000)]


Seconds = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
_Short = Annotated[str, Field(max_length=300), AfterValidator(_plain)]


class HeadOfCluster(BaseModel):
    """Where the head of a cluster is reached over SSH, and the public keys that it shows."""

    address: Annotated[_Short, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 22
    user: _Short = ""
    host_keys: Annotated[list[Annotated[Words, Field(max_length=1000)]], Field(max_length=10)] = []


class StatusOfCluster(BaseModel):
    """How a cluster is. `source` tells apart who runs clusters, `life` one life of a cluster from the next."""

    state: Literal["launching", "unhealthy", "up", "stopping", "stopped", "down"]
    since: Seconds = 0.0
    source: _Short = ""
    computer: _Short = ""
    life: _Short = ""
    reason: Words = ""
    cloud: _Short = ""
    region: _Short = ""
    zone: _Short = ""
    hardware: _Short = ""
    hosts: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    spot: bool = False
    price_per_hour: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] | None = None
    autostop_mins: Annotated[int, Field(ge=-1, le=1_000_000_000)] = -1
    autostop_down: bool = False
    launched: Seconds = 0.0
    head: HeadOfCluster | None = None


class StatusRequest(StatusOfCluster):
    """How a cluster is, seen `age` seconds ago. Fields that are not known are those of a newer rhdesk."""

    model_config = ConfigDict(extra="ignore", strict=True)

    age: Seconds = 0.0

    def said(self) -> dict[str, Any]:
        """All that it says, apart from when."""
        return self.model_dump(exclude={"age"}, exclude_defaults=True) | {"state": self.state}


class StatusAnswer(StatusOfCluster):
    """How a cluster is: when that was seen, by this computer's clock, who told it, and when."""

    seen: float
    by: str
    at: float


class StatusReply(BaseModel):
    """How a cluster is; null where nobody told."""

    status: StatusAnswer | None


class ResourceAnswer(BaseModel):
    """A document."""

    name: str
    kind: Literal["cluster", "function", "package"]
    version: int
    text: str
    description: str
    modified: float
    modified_by: str
    access: AccessWord
    status: StatusAnswer | None = None


class ListedResource(BaseModel):
    """A document in a list, perhaps without its text."""

    name: str
    kind: Literal["cluster", "function", "package"]
    version: int
    text: str | None = None
    description: str
    modified: float
    modified_by: str
    access: AccessWord
    status: StatusAnswer | None = None


class PageAnswer(BaseModel):
    """A part of a list; `next` is what to ask for as `after`, `cursor` where the feed was."""

    resources: list[ListedResource]
    next: str | None
    cursor: int


class VersionLine(BaseModel):
    """A line of a history."""

    version: int
    action: Literal["saved", "moved", "deleted", "restored"]
    by: str
    at: float
    note: str
    name: str


class VersionAnswer(VersionLine):
    """A version with its text."""

    kind: str
    text: str


class HistoryAnswer(BaseModel):
    """A history, newest first."""

    versions: list[VersionLine]


class DeletedLine(BaseModel):
    """A document that was deleted, and the version that brings it back."""

    name: str
    kind: Literal["cluster", "function", "package"]
    description: str
    version: int
    by: str
    at: float
    access: AccessWord


class DeletedAnswer(BaseModel):
    """A part of what was deleted; `next` is what to ask for as `after`."""

    deleted: list[DeletedLine]
    next: str | None


class GrantAnswer(BaseModel):
    """What somebody was given, here or on a folder around it."""

    who: str
    access: AccessWord
    inherited_from: str | None


class AccessAnswer(BaseModel):
    """Who may do what."""

    owner: str
    grants: list[GrantAnswer]
    empty: bool = Field(description="Whether it is a folder that there is nothing in yet.")


class FoldersAnswer(BaseModel):
    """Folders."""

    folders: list[str]


class HealthAnswer(BaseModel):
    """That the registry works, and which it is; clients tell by `service` and `api` whether they understand it.

    It is "read-only" where it can be read but nothing can be saved; `problem` says why.
    """

    status: Literal["ok", "read-only"]
    problem: str
    service: str
    api: int
    version: str
    registry: str


class MeAnswer(BaseModel):
    """Who asks."""

    user: str
    groups: list[str]
    admin: bool
    registry: str


class UsersAnswer(BaseModel):
    """Whom a document can be shared with."""

    users: list[str]
    groups: list[str]


class Problem(BaseModel):
    """What is wrong with a field of a document."""

    field: str
    message: str
    line: int | None


class ErrorText(BaseModel):
    """What went wrong."""

    code: str
    sentence: str
    remedy: str
    detail: str
    problems: list[Problem] | None = None


class ErrorAnswer(BaseModel):
    """Every error."""

    error: ErrorText


class ConflictAnswer(ErrorAnswer):
    """A stale change, with what is needed to merge it."""

    current: ResourceAnswer | None = None
    base_text: str | None = None
