"""What a credential is called and what is said of it. Nothing here holds a secret."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path
from typing import Literal
from urllib.parse import unquote_to_bytes

from rhresources.errors import RhError, UsageError

Kind = Literal["passphrase", "password", "token"]
Where = Literal["keyring", "session"]

KINDS: tuple[Kind, ...] = ("passphrase", "password", "token")

SECRET_LIMIT = 2560
"""Bytes in UTF-16: what the Credential Manager of Windows takes. The same everywhere, so that all computers agree."""

DEFAULT_PORT = 22


class KeyringLocked(RhError):
    """The keyring is locked, and a person would have to unlock it."""

    code = "keyring-locked"


@dataclass(frozen=True, slots=True)
class Entry:
    """One credential that is kept.

    Attributes:
        kind: what it is.
        subject: the path of a key file, "alice@gpu1:22", or the name of a token.
        where: in the keyring of the operating system, or in the memory of this session.
        created: when it was kept, in seconds since the epoch.
        store: the keyring's name, "GNOME Keyring"; empty for one of the session.
        problem: why it is of no use now; empty: nothing is known against it.
    """

    kind: Kind
    subject: str
    where: Where
    created: float
    store: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a credential went.

    Attributes:
        where: as in `Entry`.
        store: the keyring's name, "GNOME Keyring"; empty for the session.
        sentence: "Kept in GNOME Keyring.", or why it is kept for this session only.
        reason: why the keyring did not take it; empty if it did, or was not meant to.
        remedy: what to do about that.
    """

    where: Where
    store: str
    sentence: str
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class StoreState:
    """What becomes of credentials now.

    Attributes:
        name: "GNOME Keyring (Secret Service)"; empty where there is no keyring.
        title: the short form, "GNOME Keyring".
        usable: whether there is a keyring of the operating system; without one they last for this session only.
        locked: whether a person must unlock it first.
        waiting: whether its own prompt waits for an answer now.
        sentence: all of that for a person to read.
        remedy: what to do where it is not usable or locked.
        reason: why it is not usable, alone.
    """

    name: str
    title: str
    usable: bool
    locked: bool
    waiting: bool
    sentence: str
    remedy: str = ""
    reason: str = ""


def key_subject(path: str | os.PathLike[str]) -> str:
    """The subject of a key file's passphrase: its absolute path. Links stay what they are."""
    return os.path.abspath(Path(path).expanduser())


def account_subject(text: str) -> str:
    """The subject of an account's password: "alice@gpu1:22", the port 22 where none is given.

    Raises:
        UsageError: the text is not USER@HOST or USER@HOST:PORT.
    """
    user, at, place = text.strip().rpartition("@")
    host, port = _host_and_port(place)
    good_port = port.isascii() and port.isdigit() and 0 < int(port) < 65536
    if not (at and user and host and good_port) or host.startswith("-") or re.search(r"[\s/]", host):
        raise UsageError(
            f"{text!r} is not an account on a host.", remedy="Write alice@gpu1, or alice@gpu1:2222 with a port."
        )
    return f"{user}@{host}:{int(port)}"


def _host_and_port(place: str) -> tuple[str, str]:
    """Host and port of "gpu1", "gpu1:22", "[::1]:22", "::1" and, as subjects are written, "::1:22"."""
    if bracketed := re.fullmatch(r"\[([^\[\]]+)\](?::(\d+))?", place):
        return bracketed[1], bracketed[2] or str(DEFAULT_PORT)
    host, colon, port = place.rpartition(":")
    if not colon or (":" in host and not _is_ipv6(host)):
        return place, str(DEFAULT_PORT)
    return host, port


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def service_name(kind: Kind, subject: str) -> str:
    """What the entry is called in the keyring: different for every entry, and text that every keyring can hold."""
    return f"rhdesk:{kind}:{escaped(subject)}"


def escaped(text: str) -> str:
    """`text` with everything that cannot be printed as %XX: control characters, line ends, bytes that are no text."""
    return "".join(
        character
        if character.isprintable() and character != "%"
        else "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
        for character in text
    )


def unescaped(text: str) -> str:
    """What `escaped` was given."""
    return unquote_to_bytes(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
