"""The list of all names of an index, as one sorted file that is searched where it lies.

An index has hundreds of thousands of names. They are read as a stream, and looked up in a memory map: neither takes
memory that stays, and a look-up costs microseconds.
"""

from __future__ import annotations

import heapq
import mmap
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

_JSON_NAME = re.compile(rb'"name"\s*:\s*"([A-Za-z0-9._-]{1,214})"')
_HTML_NAME = re.compile(rb"<a\s[^>]{0,2000}>\s*([A-Za-z0-9._-]{1,214})\s*</a", re.IGNORECASE)
_BYTE_SEPARATORS = re.compile(rb"[-_.]+")
T = TypeVar("T")

_OVERLAP = 4096  # longer than whatever the patterns find


def names_in(pieces: Iterable[bytes], *, html: bool) -> Iterator[bytes]:
    """The normalised names in the pieces of a simple API's first page, in its order."""
    pattern = _HTML_NAME if html else _JSON_NAME
    rest = b""
    for piece in pieces:
        text, end = rest + piece, 0
        for found in pattern.finditer(text):
            yield _BYTE_SEPARATORS.sub(b"-", found[1]).lower()
            end = found.end()
        rest = text[max(end, len(text) - _OVERLAP) :]


def write_names(file: Path, names: Iterable[bytes]) -> int:
    """Put `names` sorted and without doubles in place of `file`; how many there are.

    Raises:
        OSError: the disk says no.
    """
    # in heaps by their beginning: one sort of them all would hold every other thread for a third of a second
    heaps: dict[bytes, set[bytes]] = {}
    for name in names:
        heaps.setdefault(name[:2], set()).add(name)
    temporary = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    count = 0
    try:
        with temporary.open("wb") as target:
            for beginning in sorted(heaps):
                heap = sorted(heaps[beginning])
                count += len(heap)
                target.write(b"\n".join(heap) + b"\n")
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    return count


def find_names(file: Path, prefix: str, limit: int) -> list[str]:
    """The shortest `limit` names in `file` that begin with `prefix`; nothing where there is no file."""
    key = _BYTE_SEPARATORS.sub(b"-", prefix.strip().lower().encode("ascii", "replace"))
    nothing: list[bytes] = []
    return [name.decode() for name in _in_file(file, lambda data: _shortest(data, key, limit), nothing)]


def _in_file(file: Path, look: Callable[[mmap.mmap], T], otherwise: T) -> T:
    try:
        with file.open("rb") as source:
            if os.fstat(source.fileno()).st_size == 0:  # cannot be mapped
                return otherwise
            with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return look(data)
    except OSError:
        return otherwise


def _shortest(data: mmap.mmap, key: bytes, limit: int) -> list[bytes]:
    start, end = _lower_bound(data, key), _lower_bound(data, key + b"\x7f")
    return heapq.nsmallest(limit, data[start:end].split(), key=lambda name: (len(name), name))


def _lower_bound(data: mmap.mmap, key: bytes) -> int:
    """Where the first line stands that is not before `key`."""
    low, high = 0, len(data)
    while low < high:
        middle = (low + high) // 2
        start = data.rfind(b"\n", low, middle) + 1 or low
        end = data.find(b"\n", middle)
        if data[start:end] < key:
            low = end + 1
        else:
            high = start
    return low
