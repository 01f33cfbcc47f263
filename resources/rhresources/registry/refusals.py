"""Tokens that a registry did not take: it is not asked again with them, since it counts that as guessing."""

from __future__ import annotations

import hashlib
import threading
import time
from copy import copy

from rhresources.errors import RhError

_FOR = 300.0
"""Seconds; a registry that somebody mended, such as one that served another database for a while, is found again."""


class RefusedTokens:
    """Remembers for this process which tokens were refused. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refused: dict[bytes, tuple[float, RhError]] = {}

    def note(self, url: str, token: str, refusal: RhError) -> None:
        """Remember that the registry at `url` does not take this token."""
        with self._lock:
            self._refused[_mark(url, token)] = time.monotonic(), refusal

    def forget(self, url: str, token: str) -> None:
        """Let it be tried again: somebody says that it is right."""
        with self._lock:
            self._refused.pop(_mark(url, token), None)

    def require_not_refused(self, url: str, token: str) -> None:
        """See that it is worth asking.

        Raises:
            RhError: what the registry said a short time ago.
        """
        with self._lock:
            at, refusal = self._refused.get(_mark(url, token), (0.0, None))
        if refusal is not None and time.monotonic() - at < _FOR:
            raise copy(refusal)  # each with a traceback of its own


def _mark(url: str, token: str) -> bytes:
    return hashlib.sha256(f"{url}\0{token}".encode()).digest()[:16]


refused_tokens = RefusedTokens()
"""Of this process, whichever of its parts asks."""
