"""Names as the registry keeps them: `/owner/folder/name`, and the lower-case key that finds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rhresources.errors import BadName
from rhresources.names import Address, parse_folder


@dataclass(frozen=True, slots=True)
class Name:
    """The name of a document or folder.

    Attributes:
        text: `/owner/folder/name`.
        key: the same in lower case; no two documents share one.
    """

    text: str
    key: str

    @property
    def owner(self) -> str:
        """The first part."""
        return self.text.split("/")[1]

    @property
    def folder(self) -> str:
        """What it is in: `/owner/folder`."""
        return self.text.rpartition("/")[0]

    @property
    def folders(self) -> list[str]:
        """All that it is in, from the outside in: `/owner`, `/owner/folder`."""
        return list(ancestors(self.text))

    def __str__(self) -> str:
        return self.text


def document_name(path: str) -> Name:
    """The name that a path without its first `/` stands for.

    Raises:
        BadName: it is not one.
    """
    return _document_name(path)


@lru_cache(4096)
def _document_name(path: str) -> Name:
    address = Address.parse(f"/{path}")
    if str(address) != f"/{path}":
        raise BadName(f"{path!r} is not a name in its plain form.", remedy=f"Write {str(address)[1:]}.")
    return Name(str(address), str(address).lower())


def folder_name(text: str) -> Name:
    """The folder `/owner/…` that `text` is.

    Raises:
        BadName: it is not one.
    """
    folder = parse_folder(text if text.startswith("/") else f"/{text}")
    return Name(folder, folder.lower())


def ancestors(path: str) -> Iterator[str]:
    """`/a`, `/a/b` of `/a/b/c`."""
    end = path.find("/", 1)
    while end != -1:
        yield path[:end]
        end = path.find("/", end + 1)


def below(key: str) -> tuple[str, str]:
    """The range of keys inside the folder `key`: from the first, up to before the second."""
    return f"{key}/", f"{key}0"  # "0" is the character after "/"
