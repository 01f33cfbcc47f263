"""Standard output and standard error of whatever the worker runs, at the file descriptor.

Descriptors 1 and 2 point to a file, so that subprocesses and C code are caught too. Python's own two streams share one
buffer: lines keep their order between the streams, and a million of them cost no system call each. The buffer is
flushed every 20 ms, when a task ends, and before the process starts another one. So is the buffer of C's printf, which
would otherwise keep its text for the next task.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

FLUSH_INTERVAL = 0.02
REST_AFTER = 50
"""Intervals without a task after which the flushing thread sleeps."""

_SPAWNING = frozenset(
    {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.exec", "os.spawn"}
)


class Output:
    """Where the process prints to. `scratch` is the file of tasks that have no file of their own."""

    def __init__(self, scratch: str) -> None:
        self._scratch = scratch
        self._start = 0
        self._redirect(self._open_scratch())
        self._buffer = io.BufferedWriter(io.FileIO(1, "wb", closefd=False), 64 * 1024)
        sys.stdout = io.TextIOWrapper(self._buffer, "utf-8", "backslashreplace", newline="\n", write_through=True)
        sys.stderr = io.TextIOWrapper(self._buffer, "utf-8", "backslashreplace", newline="\n", write_through=True)
        for name in ("stdout", "stderr"):
            setattr(sys, f"__{name}__", getattr(sys, name))
        self._own = (sys.stdout, sys.stderr)
        self._flush_c = _flush_of_c()
        self._busy = threading.Event()
        self._running = False
        threading.Thread(target=self._flush_regularly, name="rhdesk-output", daemon=True).start()
        sys.addaudithook(self._before_spawning)

    def begin(self, path: str | None = None) -> None:
        """Send what is printed from here on to the file `path`, or to the scratch file."""
        if path is not None:
            self._redirect(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600))
            self._start = -1
        else:
            self.rest()
        self._running = True
        if not self._busy.is_set():
            self._busy.set()

    def rest(self) -> None:
        """What is printed from here on belongs to no recorded run."""
        if self._start != 0:
            # what the last call printed belongs to its run, which the server linked: start a new file
            os.unlink(self._scratch)
            self._redirect(self._open_scratch())
            self._start = 0

    def end(self) -> int:
        """Flush; the bytes that the task printed."""
        self._running = False
        for stream in {sys.stdout, sys.stderr, *self._own}:
            try:
                stream.flush()
            except (ValueError, OSError):  # user code closed or replaced it
                pass
        self._flush_c()
        size = os.fstat(1).st_size
        if self._start == 0 and size:
            self._start = size
        return size

    def _open_scratch(self) -> int:
        return os.open(self._scratch, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    @staticmethod
    def _redirect(descriptor: int) -> None:
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        if descriptor > 2:
            os.close(descriptor)

    def _flush_regularly(self) -> None:
        pause = threading.Event()
        quiet = 0
        while True:
            self._busy.wait()
            pause.wait(FLUSH_INTERVAL)
            self._flush()
            quiet = 0 if self._running else quiet + 1
            if quiet > REST_AFTER:
                self._busy.clear()
                if self._running:  # a task began just now and saw us awake
                    self._busy.set()
                quiet = 0

    def _flush(self) -> None:
        try:
            self._buffer.flush()
        except (ValueError, OSError):
            pass
        self._flush_c()

    def _before_spawning(self, event: str, _arguments: tuple[Any, ...]) -> None:
        if event in _SPAWNING:
            self._flush()


def _flush_of_c() -> Callable[[], object]:
    """What flushes the standard output of C. Not all of its streams: one that a thread waits on is locked."""
    try:
        import ctypes

        library = ctypes.PyDLL(None)  # keeps the interpreter's lock: this takes less time than to give it away
        stream = ctypes.c_void_p.in_dll(library, "__stdoutp" if sys.platform == "darwin" else "stdout")
    except (ImportError, OSError, ValueError):  # a Python without ctypes, a C library without this name
        return lambda: None
    return lambda: library.fflush(stream)
