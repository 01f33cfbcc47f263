"""A worker process: runs one function at a time, on its main thread, for a cluster server it talks to over a socket.

Started by a supervisor as `python <this folder> <settings as JSON>` with the Python of the function's environment;
only the standard library and cloudpickle are needed there. The worker listens, so that a restarted server finds it
again: what it was running goes on, and the outcome lies in the run's folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import threading
from typing import Any

ORPHAN_SECONDS = 900
"""How long an idle worker waits for a server that went away."""

sys.path.append(sys.path.pop(0))  # this folder must not shadow modules of the user, but ours must be found
from rhworker import callables, conda, execute, frames, output  # noqa: E402


class Worker:
    """Serves the frames of one server after another."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._runs: str = settings["runs"]
        self._output = output.Output(settings["scratch"])
        self._callables = callables.Callables()
        self._executor = execute.Executor(
            settings["spill"], settings["fallback_path"], self._send_item, self._say_started
        )
        self._connection: socket.socket | None = None
        self._task: execute.Task | None = None  # what a cancelling signal is meant for
        self._last = ""  # the run whose outcome a lost server may not have heard of
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(settings["socket"])
        os.chmod(settings["socket"], 0o600)
        self._listener.listen(1)
        signal.signal(signal.SIGINT, self._on_interrupt)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
        os.register_at_fork(after_in_child=self._forget_sockets)

    def serve(self) -> None:
        """Serve until told to end, or until no server came back for `ORPHAN_SECONDS`."""
        self._listener.settimeout(ORPHAN_SECONDS)
        while True:
            try:
                self._connection, _ = self._listener.accept()
            except TimeoutError:
                return
            self._callables = callables.Callables()  # each server numbers its functions anew
            self._connection.settimeout(None)
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            try:
                self._send(frames.HELLO, meta=json.dumps({"pid": os.getpid(), "run": self._last}).encode())
                self._serve_connection()
            except (EOFError, OSError):
                self._drop_connection()

    # ------------------------------------------------------------ frames

    def _serve_connection(self) -> None:
        assert self._connection is not None
        read = self._connection.makefile("rb", buffering=256 * 1024).read
        header_size, unpack = frames.HEADER.size, frames.HEADER.unpack
        while True:
            header = read(header_size)
            if len(header) < header_size:
                raise EOFError
            kind, number, meta_size, size = unpack(header)
            meta = read(meta_size) if meta_size else b""
            payload = read(size) if size else b""
            if kind == frames.CALL:
                letter, run = meta[:1], meta[1:].decode()
                format = "json" if letter == frames.JSON_FORMAT else "pickle"
                self._perform(number, execute.Task(run, format, payload))
            elif kind == frames.RUN:
                self._perform(number, execute.Task(arguments=payload, **json.loads(meta)))
            elif kind == frames.FUNCTION:
                self._callables.tell(number, json.loads(meta), payload)

    def _perform(self, number: int, task: execute.Task) -> None:
        self._output.begin(task.log)
        if task.folder is not None:
            os.environ["RH_RUN"] = task.run
        pickled = b""
        outcome: execute.Outcome | None = None
        failure: dict[str, Any] = {}
        try:
            self._task = task
            function, kind = self._callables.get(number)
            outcome = self._executor.run(function, kind, task)
            self._task = None
        except BaseException as error:
            self._task = None
            failure, pickled = execute.describe_exception(error)
            failure["cancelled"] = isinstance(error, KeyboardInterrupt) or type(error).__name__ == "CancelledError"
        printed = self._output.end()
        if outcome is not None:
            sent = self._try_send(frames.DONE, printed, outcome.meta(), outcome.data)
        else:
            if task.folder is not None:
                with contextlib.suppress(OSError):  # a full disk; the server hears of it all the same
                    self._keep_failure(task, failure, pickled)
            sent = self._try_send(frames.ERROR, printed, json.dumps(failure).encode(), pickled)
        self._last = "" if sent else task.run
        if not sent:
            self._keep_unsent(task, outcome, failure, pickled)
        if task.folder is not None:
            self._output.rest()  # what stray threads print must not land in the log of an ended run

    def _keep_failure(self, task: execute.Task, failure: dict[str, Any], pickled: bytes) -> None:
        assert task.folder is not None
        state = "cancelled" if failure["cancelled"] else "failed"
        execute.write_outcome(task.folder, {"state": state, "error": failure, "items": task.items})
        if pickled:
            with open(os.path.join(task.folder, "exception"), "wb") as file:
                file.write(pickled)

    def _keep_unsent(
        self, task: execute.Task, outcome: execute.Outcome | None, failure: dict[str, Any], pickled: bytes
    ) -> None:
        """The server went away during a call: leave the outcome where the next one looks for it."""
        if task.folder is not None:
            return
        task.folder = os.path.join(self._runs, task.run)
        if outcome is None:
            os.makedirs(task.folder, mode=0o700, exist_ok=True)
            self._keep_failure(task, failure, pickled)
            return
        execute.write_outcome(
            task.folder,
            {"state": "succeeded", "format": outcome.format, "size": outcome.size, "type": outcome.type,
             "items": task.items, "path": outcome.path},
        )
        if outcome.path is None:
            with open(os.path.join(task.folder, "result"), "wb") as file:
                file.write(outcome.data)

    # ------------------------------------------------------------ the socket

    def _send(self, kind: bytes, number: int = 0, meta: bytes = b"", payload: bytes = b"") -> None:
        assert self._connection is not None
        self._connection.sendall(frames.pack(kind, number, meta, payload))

    def _try_send(self, kind: bytes, number: int = 0, meta: bytes = b"", payload: bytes = b"") -> bool:
        if self._connection is None:
            return False
        try:
            self._send(kind, number, meta, payload)
        except OSError:
            self._drop_connection()
            return False
        return True

    def _send_item(self, index: int, outcome: execute.Outcome) -> None:
        self._try_send(frames.ITEM, index, outcome.meta(), outcome.data)

    def _say_started(self, arguments: str) -> None:
        self._try_send(frames.STARTED, meta=arguments.encode(errors="replace"))

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _forget_sockets(self) -> None:
        """In a forked child: the server must see the end of the worker, whatever its children hold."""
        for connection in (self._connection, self._listener):
            if connection is not None and connection.fileno() >= 0:
                os.close(connection.detach())  # a plain close waits for readers made from the socket

    # ------------------------------------------------------------ cancelling

    def _on_interrupt(self, _signal: int, _frame: object) -> None:
        if self._task is not None and not self._executor.interrupt():
            self._task = None
            raise KeyboardInterrupt("cancelled")


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        settings = json.load(file)
    os.unlink(sys.argv[1])
    _die_with_parent()
    conda.activate()
    os.umask(0o077)
    sys.path[:0] = [path for path in settings["path"] if path not in sys.path]
    sys.argv = [""]
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    worker = Worker(settings)
    threading.current_thread().name = "rhdesk-worker"
    worker.serve()


def _die_with_parent() -> None:
    """A worker never outlives its supervisor (Linux; elsewhere the supervisor's own end is the signal)."""
    if sys.platform.startswith("linux"):
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


if __name__ == "__main__":
    main()
