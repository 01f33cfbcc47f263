"""What went wrong, in three layers: one sentence, what to do about it, and the raw detail.

Every error that a user can meet is an `RhError`. The window shows the sentence with the remedy under it and folds
the detail away; the command line prints the sentence and the remedy to standard error and exits with `exit_code`.
"""

from __future__ import annotations


class RhError(Exception):
    """An error for a person to read.

    Args:
        sentence: what is wrong and where, as one sentence.
        remedy: what to do about it; may be empty.
        detail: raw output of whatever failed; may be empty.
    """

    code = "failed"
    exit_code = 1

    def __init__(self, sentence: str, *, remedy: str = "", detail: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.sentence} {self.remedy}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        # the keyword arguments of __init__ do not survive the default way of pickling exceptions
        return _rebuild, (type(self), self.sentence, self.remedy, self.detail, self.__dict__)


def _rebuild(kind: type[RhError], sentence: str, remedy: str, detail: str, state: dict[str, object]) -> RhError:
    error = kind.__new__(kind)
    RhError.__init__(error, sentence, remedy=remedy, detail=detail)
    error.__dict__.update(state)
    return error


class UsageError(RhError):
    """What was asked for makes no sense; nothing was tried."""

    code = "usage"
    exit_code = 2


class BadName(UsageError):
    """A resource name that cannot be parsed."""

    code = "bad-name"


class NotFound(RhError):
    """No resource, run, object or cluster of that name."""

    code = "not-found"


class AlreadyExists(RhError):
    """The name is taken."""

    code = "exists"


class DocumentError(RhError):
    """A document that does not say what a resource must say. `problems` are (field path, message, line or None)."""

    code = "bad-document"

    def __init__(
        self,
        sentence: str,
        *,
        problems: list[tuple[str, str, int | None]] | None = None,
        remedy: str = "",
        detail: str = "",
    ) -> None:
        super().__init__(sentence, remedy=remedy, detail=detail)
        self.problems = problems or []


class NoRegistry(RhError):
    """A name of the registry, while none is logged in to."""

    code = "no-registry"


class ClusterDown(RhError):
    """The cluster is not up."""

    code = "cluster-down"


class ConnectionLost(RhError):
    """The cluster was up and cannot be reached now."""

    code = "connection-lost"


class ServerProblem(RhError):
    """The cluster server refused or failed; `code` is its stable name for why."""

    def __init__(self, sentence: str, *, code: str = "failed", remedy: str = "", detail: str = "") -> None:
        super().__init__(sentence, remedy=remedy, detail=detail)
        self.code = code


class InstallError(RhError):
    """An environment could not be made. `detail` holds the installer's own words."""

    code = "install-failed"


class RunLost(RhError):
    """The worker of a run died."""

    code = "run-lost"


class RunCancelled(RhError):
    """The run was cancelled."""

    code = "run-cancelled"


class RemoteError(RhError):
    """User code raised an exception that cannot be rebuilt here.

    Attributes:
        type: dotted name of the exception's class.
        traceback: the remote traceback as text.
        exception: cloudpickle of the exception, None where it could not be pickled. Only a user's own program
            may load it.
    """

    code = "remote-error"

    def __init__(self, type: str, message: str, traceback: str, exception: bytes | None = None) -> None:
        super().__init__(f"{type}: {message}" if message else type, detail=traceback)
        self.type = type
        self.message = message
        self.traceback = traceback
        self.exception = exception
