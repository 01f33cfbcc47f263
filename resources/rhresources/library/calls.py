"""Calls of prepared functions from a synchronous program, and what comes back: values, output, exceptions."""

from __future__ import annotations

import json
import pickle
import sys
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NoReturn

from rhresources.errors import RemoteError
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient
from rhresources.wire.session import Call, result_of
from rhresources.wire.values import INLINE_LIMIT, Pieces, inline

if TYPE_CHECKING:
    from rhresources.library.portal import Portal


class RemoteTraceback(Exception):
    """The cause of an exception that was raised on a cluster: the traceback there, as text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text.rstrip()}\n"""'


def call(portal: Portal, client: ClusterClient, key: str, arguments: pb.Value, stream_logs: bool) -> Any:
    """Call a prepared function and wait; its output is printed here as it comes.

    Returns:
        What it returned; an iterator over what it yielded, if it returned a generator.

    Raises:
        the exception that it raised, or `RemoteError` where that cannot be rebuilt here.
    """
    portal.require_other_thread()
    inbox: SimpleQueue[bytes | Call | BaseException] = SimpleQueue()
    on_output = inbox.put if stream_logs else None
    begun: list[Call] = []
    # no task and no future between threads, and nothing that wakes this one before the end: each costs a tenth more
    portal.loop.call_soon_threadsafe(_begin, client, key, arguments, on_output, inbox, begun)
    try:
        while isinstance(came := inbox.get(), bytes):
            print_output(came)
        if isinstance(came, BaseException):
            raise came
    except BaseException:
        portal.loop.call_soon_threadsafe(_abandon, client, begun)
        raise
    open_call = came
    reply: pb.SessionReply = open_call.done.result()
    outcome = result_of(reply)
    if isinstance(outcome, pb.RemoteError):
        raise_remote(portal.run(client.remote_error, outcome))
    if open_call.items:
        return iter([decode(portal, client, item) for item in open_call.items])
    return decode(portal, client, outcome)


def _begin(
    client: ClusterClient,
    key: str,
    arguments: pb.Value,
    on_output: Callable[[bytes], None] | None,
    inbox: SimpleQueue[bytes | Call | BaseException],
    begun: list[Call],
) -> None:
    try:
        started = client.begin(key, arguments, on_output)
    except BaseException as error:
        inbox.put(error)
        return
    begun.append(started)

    def on_done(done: Any) -> None:
        error = done.exception()
        inbox.put(error if error is not None else started)

    started.done.add_done_callback(on_done)


def _abandon(client: ClusterClient, begun: list[Call]) -> None:
    for call in begun:
        if not call.done.done():
            client.abandon(call)


def stream(portal: Portal, client: ClusterClient, key: str, arguments: pb.Value, stream_logs: bool) -> Iterator[Any]:
    """Call a prepared generator function; its items as it yields them. Leaving early cancels it."""
    printed: deque[bytes] = deque()
    values = client.stream(key, arguments, on_output=printed.append if stream_logs else None)
    items = portal.iterate(values)
    try:
        for value in items:
            _print_all(printed)
            yield decode(portal, client, value)
    except RemoteError as error:
        _print_all(printed)
        raise_remote(error)
    finally:
        _print_all(printed)
        close = getattr(items, "close", None)
        if close is not None:
            close()


def encode(portal: Portal, client: ClusterClient, data: bytes | Pieces) -> pb.Value:
    """Pickled arguments as they travel: inline, or uploaded first where they are large."""
    return portal.run(client.value, data) if isinstance(data, Pieces) or len(data) > INLINE_LIMIT else inline(data)


def decode(portal: Portal, client: ClusterClient, value: pb.Value) -> Any:
    """The Python value; fetched first where it is too large for a message."""
    data = portal.run(client.data, value) if value.HasField("blob") else value.data
    return json.loads(data) if value.format == pb.Value.JSON else pickle.loads(data)


def raise_remote(error: RemoteError) -> NoReturn:
    """Raise what user code raised: the original exception, its remote traceback as its cause.

    Raises:
        RemoteError: the exception cannot be rebuilt here.
    """
    if error.exception is not None:
        try:
            original = pickle.loads(error.exception)
        except Exception:
            original = None  # its class does not exist here
        if isinstance(original, BaseException):
            raise original from RemoteTraceback(error.traceback)
    raise error


def print_output(data: bytes) -> None:
    """Remote output onto the standard output of here, wherever a notebook or a test has pointed it."""
    sys.stdout.write(data.decode("utf-8", "replace"))
    sys.stdout.flush()


def _print_all(printed: deque[bytes]) -> None:
    while printed:
        print_output(printed.popleft())
