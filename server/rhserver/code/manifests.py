"""Manifests by their root hash, kept compressed on disk; a client names one as the base of its next push."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections import OrderedDict
from pathlib import Path

import zstandard

from rhresources.code.manifest import FileEntry, read_manifest
from rhserver.disk import private_directory

Entries = dict[str, FileEntry]

_IN_MEMORY = 12
_HASH = re.compile(rb"[0-9a-f]{40}")


class Manifests:
    """Every manifest here is complete: when it was put, all its contents were in the blob store. Thread-safe."""

    def __init__(self, directory: Path) -> None:
        self._directory = private_directory(directory)
        for leftover in directory.glob("*.part"):
            leftover.unlink()
        self._lock = threading.Lock()
        self._recent: OrderedDict[str, Entries] = OrderedDict()

    def __contains__(self, root: str) -> bool:
        return root in self._recent or (self._directory / root).exists()

    def get(self, root: str) -> Entries | None:
        """The entries by path, not to be changed; None if this manifest is not known."""
        with self._lock:
            found = self._recent.get(root)
            if found is not None:
                self._recent.move_to_end(root)
                return found
        try:
            packed = (self._directory / root).read_bytes()
            entries = read_manifest(zstandard.decompress(packed))
        except FileNotFoundError:
            return None
        except (zstandard.ZstdError, ValueError):  # a disk that lost power; the client sends it again
            self.remove(root)
            return None
        self._remember(root, entries)
        return entries

    def hashes(self, root: str) -> set[str]:
        """The hashes of all contents in one, and maybe more; cheap, since nothing is parsed or remembered."""
        try:
            text = zstandard.decompress((self._directory / root).read_bytes())
        except (FileNotFoundError, zstandard.ZstdError):
            return set()
        return {found.decode() for found in _HASH.findall(text)}

    def put(self, root: str, entries: Entries, text: bytes) -> None:
        """Keep one; `text` is its `manifest_text`."""
        path = self._directory / root
        temporary = f"{path}.part"
        packed = zstandard.compress(text, 1)
        with open(temporary, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(packed)
        os.replace(temporary, path)
        self._remember(root, entries)

    def touch(self, root: str) -> None:
        """It was used now."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self._directory / root)

    def remove(self, root: str) -> None:
        """Forget one."""
        with self._lock:
            self._recent.pop(root, None)
        (self._directory / root).unlink(missing_ok=True)

    def roots(self) -> list[str]:
        """All that are known."""
        return [path.name for path in self._directory.iterdir() if not path.name.endswith(".part")]

    def age(self, root: str) -> float:
        """Seconds since it was last used."""
        try:
            return time.time() - (self._directory / root).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def _remember(self, root: str, entries: Entries) -> None:
        with self._lock:
            self._recent[root] = entries
            self._recent.move_to_end(root)
            while len(self._recent) > _IN_MEMORY:
                self._recent.popitem(last=False)
