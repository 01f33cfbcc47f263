"""What is wrong with a SkyPilot API server, ours or a team's, in one sentence with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.refusals import refusal

if TYPE_CHECKING:
    import httpx

VERSION = "0.14.1"
"""Of SkyPilot, whose words we speak."""


class ServerProblems:
    """Of one server.

    Args:
        url: where it is.
        own: it is ours.

    Attributes:
        called: what it is called in a sentence.
    """

    def __init__(self, url: str, *, own: bool) -> None:
        self._url = url
        self._own = own
        self.called = "SkyPilot's server on this computer" if own else f"SkyPilot's server at {url}"

    def bad_answer(self, answer: httpx.Response) -> CloudProblem:
        """It answered with an error."""
        said = json_of(answer)
        detail = said.get("detail") if isinstance(said, dict) else None
        if answer.status_code == 422:
            return CloudProblem(
                "SkyPilot's server does not understand what it was asked.",
                code="server-version",
                remedy=f"rhdesk speaks with SkyPilot {VERSION}; the server may be another version.",
                detail=answer.text[:4000],
            )
        if isinstance(detail, str) and answer.status_code < 500:
            return refusal("ValueError", detail, [])
        return CloudProblem(
            f"{self.called} failed ({answer.status_code}).",
            code="server-dead",
            remedy="Try again; its log may say why.",
            detail=answer.text[:4000],
        )

    def gone(self, error: Exception) -> CloudProblem:
        """It did not answer."""
        if self._own:
            return CloudProblem(
                "SkyPilot's server on this computer does not answer.",
                code="server-dead",
                remedy="Ask again: it is started anew.",
                detail=f"{type(error).__name__}: {error}",
            )
        return CloudProblem(
            f"The SkyPilot server at {self._url} cannot be reached.",
            code="server-unreachable",
            remedy="Check the network, and the address in the setting skypilot_server.",
            detail=f"{type(error).__name__}: {error}",
        )

    def refused(self, detail: str) -> CloudProblem:
        """It does not let us in."""
        if self._own:
            return CloudProblem(
                "SkyPilot's server on this computer does not accept us.",
                code="server-refused",
                remedy="It was started anew meanwhile; ask again.",
                detail=detail[:2000],
            )
        return CloudProblem(
            f"The SkyPilot server at {self._url} wants a log-in.",
            code="server-refused",
            remedy="Keep a token of one of its service accounts, or USER:PASSWORD: "
            f"rhdesk credentials set token '{credential_subject(self._url)}'.",
            detail=detail[:2000],
        )

    def other_version(self, detail: str) -> CloudProblem:
        """It speaks in another way."""
        return CloudProblem(
            f"The SkyPilot server at {self._url} is another version than rhdesk can talk to.",
            code="server-version",
            remedy=f"rhdesk talks to SkyPilot {VERSION}. Ask who runs the server to update it, or update rhdesk.",
            detail=detail,
        )


def credential_subject(url: str) -> str:
    """What the token of a server is called in the keyring."""
    return f"skypilot {url}"


def json_of(answer: httpx.Response) -> Any:
    """What an answer holds; None: no JSON."""
    try:
        return answer.json()
    except ValueError:
        return None
