"""A command on this computer, as on a host: with a shell, in the home directory, its output as it comes."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rhresources.errors import RhError

_PIECE = 65_536


async def run_here(
    command: str,
    input: bytes | Callable[[Callable[[bytes], None]], None],
    on_output: Callable[[bytes], None],
    on_error: Callable[[bytes], None],
) -> int:
    """Run it; its exit code. Cancelling kills it with everything it started.

    Raises:
        RhError: this computer has no POSIX shell.
    """
    if os.name != "posix":
        raise RhError("Commands on this computer need a POSIX shell.", remedy="Use a terminal.")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", command, cwd=Path.home(), stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    stdin, loop = process.stdin, asyncio.get_running_loop()
    if callable(input):
        threading.Thread(target=_feed, args=(input, stdin, loop), name="command input", daemon=True).start()
    else:
        stdin.write(input)
        stdin.close()
    try:
        await asyncio.gather(_pump(process.stdout, on_output), _pump(process.stderr, on_error))
        return await process.wait()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _feed(
    input: Callable[[Callable[[bytes], None]], None], stdin: asyncio.StreamWriter, loop: asyncio.AbstractEventLoop
) -> None:
    async def write(data: bytes) -> None:
        stdin.write(data)
        await stdin.drain()

    with suppress(OSError, RuntimeError):
        input(lambda data: asyncio.run_coroutine_threadsafe(write(data), loop).result())
        loop.call_soon_threadsafe(stdin.close)


async def _pump(stream: asyncio.StreamReader, sink: Callable[[bytes], None]) -> None:
    while data := await stream.read(_PIECE):
        sink(data)
