"""The registry's own calls, /v1, over HTTP. Every method blocks; safe to use from several threads."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote
from weakref import WeakSet

import httpx

from rhresources.errors import RhError
from rhresources.registry.answers import Access, Deleted, Grant, Level, Version
from rhresources.registry.feed import Changes, Remote, json_of, remote_of
from rhresources.registry.login import Login
from rhresources.registry.problems import (
    BAD_TOKEN,
    Stale,
    away,
    not_a_registry,
    refused,
    require_same_api,
    unwell,
)
from rhresources.registry.refusals import refused_tokens
from rhresources.version import version

_CONNECT = 5.0
_ANSWER = 30.0
_PAGE = 500
_TRIES = 4  # of what is refused because too much was asked
_LONGEST_WAIT = 10.0


@dataclass(frozen=True, slots=True)
class Me:
    """Whose token it is."""

    user: str
    groups: tuple[str, ...]
    registry: str


class Api:
    """One registry, asked by one user.

    Args:
        login: where it is.
        token: who asks.
    """

    def __init__(self, login: Login, token: str) -> None:
        self.login = login
        self._token = token
        self._feeds: WeakSet[Changes] = WeakSet()
        self._client = httpx.Client(
            base_url=login.url,
            headers={"Authorization": f"Bearer {token}", "User-Agent": f"rhdesk/{version()}"},
            timeout=httpx.Timeout(_ANSWER, connect=_CONNECT),
            # certificates that this computer trusts, rather than a list that came with a package
            verify=_trust(login) if login.url.startswith("https") else False,
            follow_redirects=False,
        )

    def close(self) -> None:
        """End its connections, also those that somebody reads from now."""
        for feed in list(self._feeds):
            feed.close()
        self._client.close()

    # ---------------------------------------------------------------- who

    def health(self) -> None:
        """See that it is a registry, and one that speaks as we do.

        Raises:
            RhError: it is not.
        """
        try:
            answer = self._client.get("/v1/health")
        except httpx.HTTPError as error:
            raise away(self.login, error) from None
        if answer.status_code >= 500:
            raise unwell(self.login.url, answer.status_code)
        require_same_api(self.login.url, json_of(answer) if answer.status_code == 200 else None)

    def me(self) -> Me:
        """Whose token this is."""
        said = self._ask("GET", "/v1/me")
        return me_of(said)

    def people(self, query: str) -> list[str]:
        """Users and `@groups` that begin with `query`."""
        said = self._ask("GET", "/v1/users", params={"query": query})
        return [*map(str, said.get("users", ())), *(f"@{group}" for group in said.get("groups", ()))]

    # ---------------------------------------------------------------- documents

    def pages(self) -> Iterator[tuple[list[Remote], int]]:
        """All that may be read, in pieces, each with the position of the change feed that it is not older than."""
        after = ""
        while True:
            said = self._ask("GET", "/v1/resources", params={"limit": _PAGE, "after": after, "text": "true"})
            yield [remote_of(each) for each in said["resources"]], int(said["cursor"])
            after = said.get("next") or ""
            if not after:
                return

    def get(self, name: str) -> Remote:
        """One resource.

        Raises:
            NotFound: there is none, or not for us.
        """
        return remote_of(self._ask("GET", _path(name)))

    def put(self, name: str, text: str, base: int) -> Remote:
        """Save what began from version `base`; 0: from nothing.

        Raises:
            Stale: it is another version now.
        """
        return remote_of(self._ask("PUT", _path(name), body={"text": text, "base": base}))

    def delete(self, name: str, base: int) -> None:
        """Delete what is at version `base`.

        Raises:
            Stale: it is another version now.
            NotFound: there is none, or not for us.
        """
        self._ask("DELETE", _path(name), params={"base": base})

    def move(self, name: str, to: str, base: int) -> Remote:
        """Give it another name.

        Raises:
            Stale: it is another version now, or the new name is taken.
        """
        return remote_of(self._ask("POST", f"{_path(name)}:move", body={"to": to, "base": base}))

    def folders(self) -> list[str]:
        """Every folder that may be seen, also empty ones."""
        return [str(each) for each in self._ask("GET", "/v1/folders").get("folders", ())]

    def tell(self, name: str, said: Mapping[str, Any]) -> str:
        """Say how a cluster is; what the registry makes of that, as JSON."""
        return json.dumps(self._ask("PUT", f"{_path(name)}:status", body=said)["status"])

    # ---------------------------------------------------------------- history, access

    def history(self, name: str) -> list[Version]:
        """Its versions, newest first."""
        found: list[Version] = []
        before: int | None = None
        while True:
            params = {"limit": _PAGE} | ({"before": before} if before is not None else {})
            rows = self._ask("GET", f"{_path(name)}:history", params=params)["versions"]
            found += [
                Version(
                    int(row["version"]),
                    str(row["action"]),
                    str(row["by"]),
                    float(row["at"]),
                    str(row.get("note") or ""),
                    str(row.get("name") or name),
                )
                for row in rows
            ]
            if len(rows) < _PAGE:
                return found
            before = found[-1].number

    def version_text(self, name: str, number: int) -> str:
        """What a version said."""
        return str(self._ask("GET", f"{_path(name)}:history/{number}").get("text") or "")

    def deleted(self, under: str, query: str, most: int) -> list[Deleted]:
        """What was deleted in a folder ("": anywhere) and has these words, the newest first; at most so many."""
        found: list[Deleted] = []
        after = ""
        while True:
            params = {"under": under, "query": query, "limit": min(_PAGE, most - len(found)), "after": after}
            said = self._ask("GET", "/v1/deleted", params=params)
            found += [
                Deleted(
                    str(row["name"]),
                    str(row["kind"]),
                    str(row["description"]),
                    int(row["version"]),
                    str(row["by"]),
                    float(row["at"]),
                    cast("Level", row["access"]),
                )
                for row in said["deleted"]
            ]
            after = said.get("next") or ""
            if not after or len(found) >= most:
                return found

    def restore(self, name: str, number: int, base: int) -> Remote:
        """Make a version the newest one."""
        return remote_of(self._ask("POST", f"{_path(name)}:restore", body={"version": number, "base": base}))

    def access(self, place: str) -> Access:
        """Who may do what with a resource or folder."""
        return _access_of(self._ask("GET", f"{_path(place)}:access"))

    def share(self, place: str, grants: Mapping[str, str]) -> Access:
        """Change who may do what."""
        rows = [{"who": who, "access": level} for who, level in grants.items()]
        return _access_of(self._ask("PUT", f"{_path(place)}:access", body={"grants": rows}))

    # ---------------------------------------------------------------- changes

    def changes(self, after: int, *, follow: bool, silence: float) -> Changes:
        """The change feed from a position on; with `follow` it does not end.

        One that is silent for `silence` seconds is taken for dead.
        """
        refused_tokens.require_not_refused(self.login.url, self._token)
        feed = Changes(self._client, self.login, after, follow, silence, self._refused)
        self._feeds.add(feed)
        return feed

    # ---------------------------------------------------------------- inside

    def _ask(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> Any:
        refused_tokens.require_not_refused(self.login.url, self._token)
        for attempt in range(_TRIES):
            try:
                answer = self._client.request(method, path, params=params, json=body)
            except httpx.HTTPError as error:
                raise away(self.login, error) from None
            if answer.status_code != 429 or attempt == _TRIES - 1:
                return self._checked(answer)
            time.sleep(min(_seconds(answer.headers.get("Retry-After")) or 0.5 * 2**attempt, _LONGEST_WAIT))
        raise AssertionError

    def _checked(self, answer: httpx.Response) -> Any:
        said = json_of(answer)
        if answer.status_code == 204:
            return {}
        if answer.status_code < 300 and isinstance(said, dict):
            return said
        if answer.status_code == 409 and isinstance(said, dict) and "current" in said:
            current = remote_of(said["current"]) if said["current"] else None
            raise Stale(self._refused(answer.status_code, said), current, said.get("base_text"))
        if not isinstance(said, dict) or "error" not in said:
            if answer.status_code >= 500:  # something in between, or one that is being started
                raise unwell(self.login.url, answer.status_code)
            self.health()
            raise not_a_registry(self.login.url, f"{answer.status_code} {answer.text[:500]}")
        raise self._refused(answer.status_code, said)

    def _refused(self, status: int, said: Mapping[str, Any]) -> RhError:
        refusal = refused(self.login, status, said)
        if refusal.code == BAD_TOKEN:
            refused_tokens.note(self.login.url, self._token, refusal)
        return refusal


def me_of(said: Mapping[str, Any]) -> Me:
    """Who the registry says that somebody is."""
    return Me(str(said["user"]), tuple(map(str, said.get("groups", ()))), str(said["registry"]))


def _access_of(said: Mapping[str, Any]) -> Access:
    return Access(
        str(said.get("owner") or ""),
        tuple(
            Grant(str(row["who"]), cast("Level", row["access"]), str(row.get("inherited_from") or ""))
            for row in said.get("grants", ())
        ),
        empty=said.get("empty") is True,
    )


def _path(name: str) -> str:
    return f"/v1/resources{quote(name)}"


def _seconds(text: str | None) -> float:
    try:
        return max(float(text or 0), 0.0)
    except ValueError:
        return 0.0


def _trust(login: Login) -> ssl.SSLContext:
    if not login.authority:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=login.authority)
    except (OSError, ssl.SSLError) as error:
        raise RhError(
            f"The certificates in {login.authority} cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from None
