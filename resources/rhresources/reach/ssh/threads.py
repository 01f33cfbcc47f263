"""Blocking work off the event loop, in daemon threads: what hangs keeps neither the loop nor the end of the program."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


async def in_thread(
    function: Callable[..., Result],
    *arguments: Any,
    name: str = "ssh",
    on_cancel: Callable[[], object] | None = None,
    on_late: Callable[[Result], object] | None = None,
) -> Result:
    """Run `function(*arguments)` in a thread of its own and wait for its result.

    Args:
        name: of the thread.
        on_cancel: called when the waiting task is cancelled; ends what the function hangs in. It may not block.
        on_late: gets a result that nobody waits for any more.

    Raises:
        Exception: what the function raised.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def deliver(result: Any, error: BaseException | None) -> None:
        if done.done():
            if error is None and on_late is not None:
                on_late(result)
        elif error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)

    def work() -> None:
        result: Any = None
        error: BaseException | None = None
        try:
            result = function(*arguments)
        except StopIteration:  # a future cannot carry it
            error = RuntimeError(f"{function} ended with StopIteration")
        except BaseException as raised:
            error = raised
        try:
            loop.call_soon_threadsafe(deliver, result, error)
        except RuntimeError:  # the loop was closed meanwhile
            pass

    threading.Thread(target=work, name=name, daemon=True).start()
    try:
        return await done
    except asyncio.CancelledError:
        if on_cancel is not None:
            on_cancel()
        raise
