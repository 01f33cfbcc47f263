"""What a tree of code contains: one entry per file by the hash of its content, and one hash over all of them.

Client and server compute the same root hash from the same files, so a push need only name what differs.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

LINK_PREFIX = "link:"
"""A symbolic link's hash is this and its target, as the link says it."""

_HASH = re.compile(r"[0-9a-f]{40}")
_LINKS_FOLLOWED = 40


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a tree.

    Attributes:
        path: relative to the root of the tree, with `/` between the parts.
        hash: blake2b-160 of the content in hex, or `link:TARGET`.
        size: bytes of the content; 0 for a link.
        executable: whether its owner may execute it.
    """

    path: str
    hash: str
    size: int
    executable: bool

    @property
    def link_target(self) -> str | None:
        """Where a symbolic link points to; None for a regular file."""
        return self.hash[len(LINK_PREFIX) :] if self.hash.startswith(LINK_PREFIX) else None


def content_hash(data: bytes | bytearray | memoryview) -> str:
    """The hash of a file's content."""
    return hashlib.blake2b(data, digest_size=20).hexdigest()


def file_hash(path: str | os.PathLike[str]) -> str:
    """The hash of the content of the file at `path`, read in pieces.

    Raises:
        OSError: it cannot be read.
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).hexdigest()


def manifest_text(entries: Mapping[str, FileEntry]) -> bytes:
    """A whole manifest in the one form that is hashed and kept, whatever the order of the mapping.

    Path, hash and size with `x` or `-` after it, separated by NUL, which none of them can have.
    """
    fields = []
    for path in sorted(entries):
        entry = entries[path]
        fields.append(f"{path}\0{entry.hash}\0{entry.size}{'x' if entry.executable else '-'}")
    return "\0".join(fields).encode("utf-8", "surrogateescape")


def root_hash(entries: Mapping[str, FileEntry]) -> str:
    """One hash over paths, contents and executable bits."""
    return content_hash(manifest_text(entries))


def read_manifest(text: bytes) -> dict[str, FileEntry]:
    """What `manifest_text` was made from.

    Raises:
        ValueError: it is none.
    """
    if not text:
        return {}
    fields = text.decode("utf-8", "surrogateescape").split("\0")
    return {
        path: FileEntry(path, hash, int(last[:-1]), last[-1] == "x")
        for path, hash, last in zip(fields[::3], fields[1::3], fields[2::3], strict=True)
    }


def is_content_hash(text: str) -> bool:
    """Whether `text` looks like what `content_hash` gives."""
    return _HASH.fullmatch(text) is not None


def path_problem(path: str) -> str:
    """Why no file of a tree may be called `path`; empty if it may."""
    if not path:
        return "it is empty"
    if "\0" in path:
        return "it has a NUL character"
    if path.startswith("/"):
        return "it is absolute"
    for part in path.split("/"):
        if part in {"", ".", ".."}:
            return f"it has the part {part!r}"
        if len(part) > 63 and len(os.fsencode(part)) > 255:
            return "a part of it is longer than 255 bytes"
    return ""


def tree_problem(entries: Mapping[str, FileEntry], changed: Collection[str] | None = None) -> str:
    """What is wrong with a tree as a whole, as one sentence; empty if nothing is.

    No file may lie under another file or a symbolic link, and every link must lead to a place inside the tree,
    whatever other links it passes on the way. Paths themselves are checked with `path_problem`. `changed`: the only
    paths that are new since a tree that was fine.
    """
    for path in entries if changed is None else changed:
        folder = path.rpartition("/")[0]
        while folder:
            if folder in entries:
                return f"{folder} is a file or a link and cannot have files under it."
            folder = folder.rpartition("/")[0]
    if changed is not None:
        inside = tuple(f"{path}/" for path in changed)
        for path in entries if inside else ():
            if path.startswith(inside):
                return f"{path} cannot lie under a file or a link."
    links = {
        path: entry.hash[len(LINK_PREFIX) :] for path, entry in entries.items() if entry.hash.startswith(LINK_PREFIX)
    }
    for path, target in links.items():
        if problem := _link_problem(path, target, links):
            return f"The symbolic link {path} -> {target} {problem}."
    return ""


def _link_problem(path: str, target: str, links: Mapping[str, str]) -> str:
    if not target or "\0" in target:
        return "has no usable target"
    if target.startswith("/"):
        return "is absolute"
    place = path.split("/")[:-1]
    left = target.split("/")[::-1]
    followed = 0
    while left:
        part = left.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            if not place:
                return "leads out of the tree"
            place.pop()
            continue
        place.append(part)
        further = links.get("/".join(place))
        if further is not None:
            followed += 1
            if followed > _LINKS_FOLLOWED:
                return ""  # a circle leads nowhere, which is no harm
            if further.startswith("/"):
                return "leads out of the tree"
            place.pop()
            left.extend(further.split("/")[::-1])
    return ""
