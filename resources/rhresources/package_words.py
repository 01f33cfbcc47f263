"""Checks that every word of a package goes through: characters that deceive, addresses, secrets in addresses."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from rhresources.errors import UsageError

# control characters, spaces that are none, line separators, what turns the direction of text or cannot be seen,
# and halves of characters that no file can hold
_DECEIVING = re.compile(
    "[\x00-\x1f\x7f-\xa0\xad\u061c\u115f\u1160\u1680\u180e\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f-\u206f"
    "\u3000\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\uffff\U000e0000-\U000e0fff]"
)
_USER = re.compile(r"(?<=://)[^/\s@]*(?:@[^/\s@]*)*@")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\]")
_TOKEN = re.compile(r"(gh[a-z]|github_pat|glpat|glptt|gldt|xox[a-z]|pypi|hf|sk|npm)[_-].+|[A-Za-z0-9_-]{30,}")
_PARAMETER = re.compile(
    r"(?P<name>[?&;#](?:[^?&;#=\s]*[^A-Za-z0-9?&;#=\s])?(?:access|private|personal|job|deploy|auth|oauth|api|secret|security)?"
    r"(?:token|key|secret|password|passwd|pwd|credentials?|signature|sig|auth|authorization|jwt)=)(?P<value>[^?&;#\s]+)",
    re.IGNORECASE,
)
_LINE_END = re.compile("%(0[0ad]|1b|7f)", re.IGNORECASE)  # would end a line of git's talk with its helpers
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
_SHOWN_LIMIT = 80
_SEPARATORS = re.compile(r"[-_.]+")


def normal_name(name: str) -> str:
    """A project's name as indexes compare it: `Ruamel_Yaml` is `ruamel-yaml`."""
    return _SEPARATORS.sub("-", name.strip()).lower()


def redacted(text: str) -> str:
    """`text` without the user, the password and the tokens of addresses in it, for messages."""
    return _PARAMETER.sub(lambda found: f"{found['name']}…", _USER.sub("…@", text))


def shown(text: str) -> str:
    """`text` in quotes for a message: short, on one line, without secrets or characters that deceive."""
    text = redacted(text)
    text = repr(text if len(text) <= _SHOWN_LIMIT else f"{text[: _SHOWN_LIMIT - 3]}...")
    return _DECEIVING.sub(lambda found: ascii(found.group())[1:-1], text)


def deceiving_character(text: str) -> str:
    """The first character of `text` that may not stand in a package, as Python writes it; empty if there is none."""
    found = _DECEIVING.search(text)
    return ascii(found.group()) if found else ""


def checked_text(text: str) -> str:
    """`text`, if all its characters can be seen.

    Raises:
        UsageError: one cannot.
    """
    if character := deceiving_character(text):
        raise UsageError(f"{shown(text)} has the character {character}, which may not stand in a package.")
    return text


def checked_url(url: str, schemes: Collection[str]) -> str:
    """`url`, if its scheme is one of `schemes`, its host is one and no secret is in it.

    Raises:
        UsageError: it is not such an address; the sentence has no secret.
    """
    checked_text(url)
    try:
        parts = urlsplit(url)
        host, password, user, _ = parts.hostname, parts.password, parts.username, parts.port
    except ValueError:
        raise UsageError(f"{shown(url)} is not an address.") from None
    scheme = parts.scheme
    if scheme not in schemes or "://" not in url or " " in url or "\\" in url or _LINE_END.search(url):
        raise UsageError(
            f"{shown(url)} is not an address that may be used here.",
            remedy=f"It begins with {' or '.join(f'{scheme}://' for scheme in schemes)}.",
        )
    written = parts.netloc.rpartition("@")[2]
    written = written if written.startswith("[") else written.partition(":")[0]
    if (
        (not scheme.endswith("file") and not host)
        or (written and not _HOST.fullmatch(written))
        or (user or "").startswith("-")
    ):
        raise UsageError(f"{shown(url)} is not an address: the host is wrong.")
    if scheme.endswith("file") and (parts.netloc not in ("", "localhost") or not parts.path.startswith("/")):
        raise UsageError(f"{shown(url)} is not the address of a file.", remedy="Write file:///path.")
    given = [found["value"] for found in _PARAMETER.finditer(url)]
    if _is_secret(user, password) or not all(_VARIABLE.fullmatch(value) for value in given):
        raise UsageError(
            f"The address {shown(url)} has a secret in it, which would be saved and shown.",
            remedy="Leave it out: git takes a token from the keyring, an index one from the cluster's .netrc.",
        )
    return url


def _is_secret(user: str | None, password: str | None) -> bool:
    if password:
        return not _VARIABLE.fullmatch(password)  # requirements files name variables of the cluster there
    return bool(user and _TOKEN.fullmatch(user))
