"""Who is logged in to which registry: `<home>/registry/login.json`, or RH_REGISTRY_URL and RH_REGISTRY_TOKEN.

The token is in the keyring or the environment, never in a file. What is known of users without asking the registry
(`users.json`) holds a short digest of their tokens, from which no token can be had.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rhresources.errors import RhError, UsageError
from rhresources.stores.files import disk_error, read_text, write_text

URL = "RH_REGISTRY_URL"
TOKEN = "RH_REGISTRY_TOKEN"
INSECURE = "RH_REGISTRY_INSECURE"

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_EXAMPLE = "Write it as https://registry.example.org."


@dataclass(frozen=True, slots=True)
class Login:
    """One user of one registry.

    Attributes:
        url: the address, without a slash at its end.
        user: who; empty as long as the registry was not asked.
        registry: the id of its database; empty as long as it was not asked.
        insecure: the token may go over an open network.
        authority: the file whose certificates the registry's own is checked with; empty: the system's.
        from_environment: the variables of the environment say so.
    """

    url: str
    user: str = ""
    registry: str = ""
    insecure: bool = False
    authority: str = ""
    from_environment: bool = False


def directory(home: Path) -> Path:
    """Where everything of registries is."""
    return home / "registry"


def current(home: Path) -> Login | None:
    """Who is logged in; None: nobody. The environment goes before the file.

    Raises:
        UsageError: the address in the environment is none.
        RhError: the file cannot be read.
    """
    url, token = os.environ.get(URL, "").strip(), environment_token()
    kept = _kept(home)
    if not url and not token:
        return kept
    if not token and kept is not None and checked_url(url) == kept.url:
        return kept
    if not token or not (url or kept):
        given, missing = (URL, TOKEN) if url else (TOKEN, URL)
        raise UsageError(f"{given} is set in the environment, and {missing} is not.", remedy="Set both, or neither.")
    whole = checked_url(url) if url or kept is None else kept.url
    same = kept is not None and kept.url == whole
    known = _users(home).get(_mark(whole, token), {})
    return Login(
        whole,
        str(known.get("user", "")),
        str(known.get("registry", "")),
        os.environ.get(INSECURE, "") not in ("", "0") or (kept is not None and same and kept.insecure),
        kept.authority if kept is not None and same else "",
        from_environment=True,
    )


def environment_token() -> str:
    """The token of the environment; empty: there is none."""
    return os.environ.get(TOKEN, "").strip()


def keep(home: Path, login: Login) -> None:
    """Make `login` the one of this rhdesk directory.

    Raises:
        RhError: the disk refused.
    """
    said = {key: value for key, value in asdict(login).items() if value and key != "from_environment"}
    _write(login_file(home), said)


def remember(home: Path, login: Login, token: str) -> None:
    """Note which user a token of the environment belongs to, so that it is known offline, too.

    Raises:
        RhError: the disk refused.
    """
    users = {**_users(home), _mark(login.url, token): {"user": login.user, "registry": login.registry}}
    _write(directory(home) / "users.json", dict(list(users.items())[-50:]))


def forget(home: Path) -> None:
    """Nobody is logged in any more, as far as files say.

    Raises:
        RhError: the disk refused.
    """
    try:
        login_file(home).unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(f"{login_file(home)} cannot be removed", error) from None


def login_file(home: Path) -> Path:
    """The file that says who is logged in."""
    return directory(home) / "login.json"


def token_subject(login: Login) -> str:
    """What the token of a login is called in the keyring."""
    return f"{login.user}@{login.url}"


def checked_url(value: str) -> str:
    """The address of a registry without a slash at its end.

    Raises:
        UsageError: it is not one, or it holds a password.
    """
    value = value.strip()
    try:
        parts = urlsplit(value if "://" in value else f"https://{value}")
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or any(letter.isspace() or ord(letter) < 32 for letter in value):
        raise UsageError(f"{value!r} is not the address of a registry.", remedy=_EXAMPLE)
    if parts.username is not None or parts.password is not None:
        # without the value: what stands in it is a secret
        raise UsageError("The address of a registry may not hold a user or password.", remedy=_EXAMPLE)
    if parts.query or parts.fragment:
        raise UsageError(f"{value!r} has a part after '?' or '#'.", remedy=_EXAMPLE)
    return parts.geturl().rstrip("/")


def require_private(login: Login) -> None:
    """See that the token does not go over an open network.

    Raises:
        UsageError: it would.
    """
    parts = urlsplit(login.url)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not login.insecure:
        remedy = f"set {INSECURE}=1" if login.from_environment else "add --insecure"
        raise UsageError(
            f"Your token would go to {login.url} over an open network, where everybody on the way could read it.",
            remedy=f"Use an address that begins with https://, or {remedy} if you know that network.",
        )


def _mark(url: str, token: str) -> str:
    return hashlib.sha256(f"{url}\0{token}".encode()).hexdigest()[:16]


def _kept(home: Path) -> Login | None:
    said = _read(login_file(home))
    if said is None:
        return None
    try:
        return Login(
            checked_url(str(said["url"])),
            str(said["user"]),
            str(said["registry"]),
            said.get("insecure") is True,
            str(said.get("authority", "")),
        )
    except (KeyError, UsageError) as error:
        raise RhError(
            f"{login_file(home)} does not say who is logged in ({error}).", remedy="Log in anew: rhdesk login URL"
        ) from None


def _users(home: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        users = _read(directory(home) / "users.json") or {}
    except RhError:
        return {}  # the registry is asked again
    return {mark: user for mark, user in users.items() if isinstance(user, dict)}


def _read(path: Path) -> dict[str, Any] | None:
    try:
        said = json.loads(read_text(path, str(path))[0])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk_error(f"{path} cannot be read", error) from None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise RhError(f"{path} is broken.", remedy="Log in anew: rhdesk login URL")
    return said


def _write(path: Path, said: Mapping[str, Any]) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_text(path, json.dumps(said, indent=1) + "\n", private=True)
    except OSError as error:
        raise disk_error(f"{path} was not saved", error) from None
