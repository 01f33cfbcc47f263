"""The address of a team's SkyPilot API server, as the setting `skypilot_server` gives it."""

from __future__ import annotations

from urllib.parse import urlsplit

from rhresources.errors import UsageError

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def check_server_address(value: str) -> str:
    """The address without a slash at its end; empty stays empty.

    Raises:
        UsageError: it is not one, it holds a password, or it would send secrets over an open network.
    """
    if not value:
        return ""
    example = "Write it as https://sky.example.org."
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise UsageError(f"{value!r} is not the address of a server.", remedy=example) from None
    if parts.username is not None or parts.password is not None:
        # without the value: what stands in it is a secret
        raise UsageError(
            "the address of a SkyPilot server may not hold a user or password",
            remedy="Write it without; rhdesk asks for the token or password and keeps it in the keyring.",
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise UsageError(f"{value!r} is not the address of a server.", remedy=example)
    if parts.query or parts.fragment:
        raise UsageError(f"{value!r} has a part after '?' or '#'.", remedy=example)
    if any(letter.isspace() or ord(letter) < 32 for letter in value):
        raise UsageError(f"{value!r} has a space in it.", remedy=example)
    return value.rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether it is an address of this computer, which means something else on every other."""
    return urlsplit(url).hostname in _LOOPBACK


def is_open_network(url: str) -> bool:
    """Whether what is sent to `url` could be read on the way."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in _LOOPBACK
