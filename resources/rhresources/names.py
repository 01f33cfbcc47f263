"""What a resource is called: addresses of the Resource Name System and how they are written.

    ~/train, ~/team/train   on this computer, in folders
    ^local                  built in
    @/train                 in my folder of the registry
    /owner/train            in anyone's folder of the registry
    train, ./train          in the current folder
    team/train              in a folder under the current one

Nothing here touches a disk or a network; whether an address leads anywhere is for the stores to say.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rhresources.errors import BadName

Place = Literal["local", "builtin", "registry"]
"""Which store an address leads to."""

PART_LIMIT = 100
"""Longest part of an address, in characters; a part is a file or folder name on disk."""

ADDRESS_LIMIT = 255
"""Longest address, in characters."""

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
_ALLOWED = "Use letters, digits, '_', '-' and '.', and begin with a letter, a digit or '_'."
_FORMS = "Write ~/name, name, @/name, /owner/name or ^name."


@dataclass(frozen=True, slots=True)
class Address:
    """Where one resource is, whole and independent of the current folder.

    Attributes:
        place: "local" (`~/x`), "builtin" (`^x`) or "registry" (`@/x`, `/owner/x`).
        parts: folders from the outside in, then the name. The owner of `/owner/x` is its first part.
        mine: True for `@/x`, whose owner is whoever is logged in.
    """

    place: Place
    parts: tuple[str, ...]
    mine: bool = False

    @classmethod
    def parse(cls, text: str, current_folder: str = "~") -> Address:
        """The address that `text` means while `current_folder` is the current folder.

        Raises:
            BadName: `text` is not an address.
        """
        text = _checked_text(text)
        root, rest = _split_root(text, current_folder)
        if not rest or rest.endswith("/"):
            raise BadName(f"{_shown(text)} is a folder, not the name of a resource.", remedy=_of_folder(text))
        parts = (*_folder_parts(root), *_parts(rest, text))
        address = _from_root(root, parts)
        if address.place == "builtin" and len(parts) != 1:
            raise BadName(f"{_shown(text)} is not a name: built-in names have no folders.", remedy="Write ^name.")
        if address.place == "registry" and not address.mine and len(parts) < 2:
            raise BadName(f"{_shown(text)} is an owner's folder, not the name of a resource.", remedy=_of_folder(text))
        _check_folder_names(parts[:-1], text)
        if len(str(address)) > ADDRESS_LIMIT:
            raise BadName(
                f"The name {_shown(text)} is {len(str(address))} characters long with its folder; "
                f"{ADDRESS_LIMIT} are allowed."
            )
        return address

    @property
    def name(self) -> str:
        """The last part: what the resource is called inside its folder."""
        return self.parts[-1]

    @property
    def folder(self) -> str:
        """The folder in canonical form: `~`, `~/team`, `^`, `@`, `@/team`, `/owner`."""
        return "/".join((_root(self), *self.parts[:-1]))

    @property
    def path(self) -> str:
        """The parts joined: `team/train` for `~/team/train`, `owner/train` for `/owner/train`."""
        return "/".join(self.parts)

    def __str__(self) -> str:
        return f"^{self.path}" if self.place == "builtin" else f"{_root(self)}/{self.path}"


def parse_folder(text: str, current_folder: str = "~") -> str:
    """The canonical form of a folder (`~`, `~/team`, `^`, `@`, `@/team`, `/owner`); `.` is the current one.

    Raises:
        BadName: `text` is not a folder.
    """
    text = _checked_text(text)
    if text in {".", "./"}:
        return parse_folder(current_folder)
    root, rest = _split_root(text, current_folder)
    inside = _parts(rest.removesuffix("/"), text) if rest else ()
    if root == "^" and inside:
        raise BadName(f"{_shown(text)} is not a folder: built-in names have no folders.", remedy="Write ^.")
    parts = (*_folder_parts(root), *inside)
    if root == "/" and not parts:
        raise BadName("'/' is not a folder: the owner is missing.", remedy="Write /owner.")
    _check_folder_names(parts, text)
    folder = "/".join((_root(_from_root(root, parts)), *parts))
    if len(folder) > ADDRESS_LIMIT:
        raise BadName(f"The folder {_shown(text)} is {len(folder)} characters long; {ADDRESS_LIMIT} are allowed.")
    return folder


def is_under(folder: str, ancestor: str) -> bool:
    """Whether the canonical `folder` is `ancestor` or lies inside it."""
    return folder == ancestor or folder.startswith(f"{ancestor}/")


def from_shell(text: str) -> str:
    """`text` with the user's home directory turned back into `~`.

    Shells replace the `~` of an unquoted `~/train` before a program sees it; command lines pass their names through
    this so that the plain way of writing a name works.
    """
    home = str(Path.home()).rstrip("/")
    if home and (text == home or text.startswith(f"{home}/")):
        return f"~{text[len(home) :]}"
    return text


def _checked_text(text: str) -> str:
    if not isinstance(text, str):
        raise BadName(f"A resource name is text, not {type(text).__name__}.", remedy=_FORMS)
    text = text.strip()
    if not text:
        raise BadName("A resource name may not be empty.", remedy=_FORMS)
    if len(text) > 2 * ADDRESS_LIMIT:
        raise BadName(f"A resource name of {len(text)} characters is too long; {ADDRESS_LIMIT} are allowed.")
    return text


def _split_root(text: str, current_folder: str) -> tuple[str, str]:
    """The folder that `text` starts from ("~", "@", "^", "/" or the current folder), and what follows it."""
    if text.startswith("^"):
        return "^", text[1:]
    for root in ("~", "@"):
        if text == root:
            return root, ""
        if text.startswith(root):
            if not text.startswith(f"{root}/"):
                raise BadName(f"{_shown(text)} is not a name.", remedy=f"Did you mean {root}/{text[1:]}?")
            return root, text[2:]
    if text.startswith("/"):
        return "/", text[1:]
    if text == ".":
        return parse_folder(current_folder), ""
    return parse_folder(current_folder), text.removeprefix("./")


def _from_root(root: str, parts: tuple[str, ...]) -> Address:
    if root.startswith("~"):
        return Address("local", parts)
    if root.startswith("^"):
        return Address("builtin", parts)
    return Address("registry", parts, mine=root.startswith("@"))


def _root(address: Address) -> str:
    if address.place == "local":
        return "~"
    if address.place == "builtin":
        return "^"
    return "@" if address.mine else ""


def _folder_parts(folder: str) -> tuple[str, ...]:
    """The parts of a canonical folder, without `~`, `^` or `@`."""
    return tuple(part for part in folder.lstrip("~^@").split("/") if part)


def _parts(rest: str, text: str) -> tuple[str, ...]:
    parts = tuple(rest.split("/"))
    for part in parts:
        if not part:
            raise BadName(f"The name {_shown(text)} has an empty part.", remedy="Put one '/' between parts.")
        if part in {".", ".."}:
            raise BadName(f"The name {_shown(text)} has the part '{part}'.", remedy="Write the whole name instead.")
        if part.startswith("-"):
            raise BadName(f"The part {_shown(part)} of {_shown(text)} begins with '-'.", remedy=_ALLOWED)
        if part.startswith(".") or part.endswith("."):
            end = "begins" if part.startswith(".") else "ends"
            raise BadName(f"The part {_shown(part)} of {_shown(text)} {end} with '.'.", remedy=_ALLOWED)
        if not _PART.fullmatch(part):
            odd = next(letter for letter in part if not re.fullmatch(r"[A-Za-z0-9_.\-]", letter))
            raise BadName(f"The name {_shown(text)} has the character {odd!r}.", remedy=_ALLOWED)
        if len(part) > PART_LIMIT:
            raise BadName(f"The part {_shown(part)} is {len(part)} characters long; {PART_LIMIT} are allowed.")
    return parts


def meant_by(wrong: str, known: Iterable[str]) -> str:
    """The address of those known that somebody may have meant who wrote `wrong`, by its last part; empty: none."""
    last = {each.rpartition("/")[2].lstrip("^").lower(): each for each in reversed(list(known))}
    near = difflib.get_close_matches(wrong.rpartition("/")[2].lstrip("^").lower(), last, n=1, cutoff=0.7)
    return last[near[0]] if near else ""


def _check_folder_names(folders: tuple[str, ...], text: str) -> None:
    for part in folders:
        # the folder `x.yaml` and the resource `x` would be one path on disk
        if part.lower().endswith((".yaml", ".yml")):
            raise BadName(f"The folder {_shown(part)} of {_shown(text)} may not end with {part[part.rindex('.') :]}.")


def _shown(text: str) -> str:
    """`text` in quotes, shortened, control characters made visible."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _of_folder(text: str) -> str:
    """What to do with the folder `text` where a name is wanted."""
    name = "^name" if text == "^" else f"{text.rstrip('/')}/name"
    return f"Write {name}; `rhdesk ls {text.rstrip('/') or '/'}` lists what is in it."
