"""What can be wrong with a registry, as one sentence each."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rhresources.errors import AlreadyExists, BadName, DocumentError, NotFound, RhError
from rhresources.registry.login import TOKEN, Login

if TYPE_CHECKING:
    from rhresources.registry.feed import Remote

SERVICE = "rhdesk-registry"
API = 1
"""Of the calls as we speak them; the registry says which it speaks."""

BAD_TOKEN = "bad-token"
"""The code of a token that is not taken."""


class RegistryAway(RhError):
    """The registry cannot be reached now; what can wait, waits."""

    code = "registry-away"


class RegistryReplaced(RhError):
    """What answers is another registry than the one that is logged in to; whoever repeats it is with that one."""

    code = "registry-replaced"


class RegistryRefused(RhError):
    """The registry answered that it will not; `code` is its stable name for why."""

    def __init__(self, sentence: str, *, code: str = "failed", remedy: str = "", detail: str = "") -> None:
        super().__init__(sentence, remedy=remedy, detail=detail)
        self.code = code


class Stale(RhError):
    """What was to be changed has been changed by somebody else.

    Attributes:
        current: what is there now; None: nothing.
        base_text: what the change began from, where the registry still has it.
    """

    code = "stale"

    def __init__(self, reason: RhError, current: Remote | None, base_text: str | None) -> None:
        super().__init__(reason.sentence, remedy=reason.remedy, detail=reason.detail)
        self.current = current
        self.base_text = base_text


def refused(login: Login, status: int, said: Mapping[str, Any]) -> RhError:
    """An answer that is a refusal, as the error that the same is on this computer."""
    error = said.get("error")
    error = error if isinstance(error, Mapping) else {"sentence": str(error)}
    if status == 401:
        where = f"Set {TOKEN} to another one" if login.from_environment else f"Log in anew: rhdesk login {login.url}"
        return RegistryRefused(
            f"The registry at {login.url} does not take this token: it is wrong or has been revoked.",
            code=BAD_TOKEN,
            remedy=f"{where}; whoever runs the registry makes one with `rhdesk registry user token NAME`.",
        )
    sentence = str(error.get("sentence") or f"The registry at {login.url} refused, and answered {status}.")
    code = str(error.get("code") or "failed")
    remedy, detail = str(error.get("remedy") or ""), str(error.get("detail") or "")
    if status >= 500:
        return RegistryAway(sentence, remedy=remedy, detail=detail)
    if code in _SAME_HERE:
        return _SAME_HERE[code](sentence, remedy=remedy, detail=detail)
    return RegistryRefused(sentence, code=code, remedy=remedy, detail=detail)


_SAME_HERE: dict[str, type[RhError]] = {
    "exists": AlreadyExists,
    "case-clash": AlreadyExists,
    "not-found": NotFound,
    "bad-name": BadName,
    "bad-document": DocumentError,
}

REFUSALS = (AlreadyExists, BadName, DocumentError, NotFound, RegistryRefused)
"""What `refused` makes, besides that the registry is away."""

PASSING = frozenset({BAD_TOKEN, "too-many"})
"""Codes of refusals that say nothing about what was sent: it waits on."""


def away(login: Login, error: Exception) -> RhError:
    """Why a registry could not be asked."""
    url, new = login.url, not login.registry  # whether nobody has got through to it at this address yet
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            way = f"log in with its file: rhdesk login {url} --authority FILE.pem"
            if login.from_environment:
                way = "set SSL_CERT_FILE to its file."
            return RhError(
                f"The certificate of the registry at {url} is not trusted: {cause.verify_message}.",
                remedy=f"If it is your team's own, {way}",
                detail=str(cause),
            )
        if isinstance(cause, ssl.SSLError) and (new or not isinstance(cause, ssl.SSLEOFError)):
            return RhError(
                f"The registry at {url} does not speak TLS as it should: {cause.reason or cause}.",
                remedy="See whether its address begins with https:// or http://.",
                detail=str(cause),
            )
    silent = new and url.startswith("http://") and "disconnected" in str(error)
    return RegistryAway(
        f"The registry at {url} cannot be reached: {_reason(error)}.",
        remedy="See whether its address begins with https://."
        if silent
        else "See that it runs and that this computer has a network.",
        detail=f"{type(error).__name__}: {error}",
    )


def unwell(url: str, status: int) -> RegistryAway:
    """Something answers, and not what was asked."""
    return RegistryAway(
        f"The registry at {url} is not well: it answers {status}.", remedy="Tell whoever runs it if that stays so."
    )


def require_same_api(url: str, said: Any) -> None:
    """See that an answer to /v1/health is that of a registry that speaks as we do.

    Raises:
        RhError: it is not.
    """
    if not isinstance(said, Mapping) or said.get("service") != SERVICE:
        raise not_a_registry(url, str(said)[:500])
    api = said.get("api")
    if not isinstance(api, int) or api < API:
        raise RhError(
            f"The registry at {url} is older than this rhdesk (it is {said.get('version') or 'unknown'}).",
            remedy="Have it upgraded by whoever runs it.",
        )
    if api > API:
        raise RhError(
            f"The registry at {url} is newer than this rhdesk (it is {said.get('version') or 'unknown'}).",
            remedy="Upgrade rhdesk on this computer.",
        )


def not_a_registry(url: str, detail: str) -> RhError:
    """Something else answers at that address."""
    return RhError(
        f"What answers at {url} is not a registry of rhdesk.",
        remedy="Ask whoever runs the registry for its address.",
        detail=detail,
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reason(error: Exception) -> str:
    for cause in _causes(error):
        if isinstance(cause, TimeoutError):
            return "it does not answer"
        if isinstance(cause, ssl.SSLEOFError):
            return "it ended the connection"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror[0].lower() + cause.strerror[1:]
    if "imeout" in type(error).__name__:
        return "it does not answer"
    if "disconnected" in str(error):
        return "it ended the connection"
    text = str(error).rstrip(".")
    return text[0].lower() + text[1:] if text else "the connection broke"
