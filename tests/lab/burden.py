"""What this process holds, to see whether it grows."""

from __future__ import annotations

import ctypes
import gc
import os
import threading
from contextlib import suppress

import psutil

CONNECTS = int(os.environ.get("RHDESK_TEST_CONNECTS", "40"))
"""How often tests of growth connect. What leaks shows in forty rounds; two hundred take longer to say the same."""


def burden() -> dict[str, int]:
    """Threads, open files and memory of this process."""
    gc.collect()
    with suppress(AttributeError, OSError):  # what threads that are gone have freed goes back to the system
        ctypes.CDLL(None).malloc_trim(0)
    me = psutil.Process()
    return {"threads": threading.active_count(), "files": me.num_fds(), "memory": me.memory_info().rss}
