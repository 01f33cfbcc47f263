"""A shell on a host at this terminal, over our own connection: for computers without an ssh client."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from rhresources.errors import UsageError

if TYPE_CHECKING:
    from rhresources.reach.ssh.connection import SshConnection

_PIECE = 65_536
_LOOK_SECONDS = 0.5


async def interact(connection: SshConnection, command: str = "") -> int:
    """Open the login shell, or `command` with a terminal; its exit code.

    Raises:
        UsageError: nobody sits at a terminal.
        SshProblem: the host opens no session.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("A shell needs a terminal.", remedy="Give a command: rhdesk ssh CLUSTER -- COMMAND.")
    columns, lines = shutil.get_terminal_size()
    channel = await connection.open_shell(os.environ.get("TERM", "xterm"), columns, lines, command)
    with _raw_terminal():
        threading.Thread(target=_copy_keys, args=(channel,), name="shell input", daemon=True).start()
        sizes = asyncio.create_task(_follow_size(channel))
        try:
            return await asyncio.to_thread(_copy_screen, channel)
        finally:
            sizes.cancel()
            channel.close()


@contextmanager
def _raw_terminal() -> Iterator[None]:
    """Every key goes to the host, Ctrl-C too."""
    try:
        import termios
        import tty
    except ImportError:  # Windows: line by line is what it can do
        yield
        return
    before = termios.tcgetattr(sys.stdin.fileno())
    tty.setraw(sys.stdin.fileno(), termios.TCSADRAIN)  # what was typed ahead is meant for the host
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, before)


def _copy_keys(channel: Any) -> None:
    with suppress(OSError, EOFError):
        while not channel.closed and (data := os.read(sys.stdin.fileno(), 1024)):
            channel.sendall(data)
        channel.shutdown_write()


def _copy_screen(channel: Any) -> int:
    while data := channel.recv(_PIECE):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    code: int = channel.recv_exit_status()
    return max(code, 0)


async def _follow_size(channel: Any) -> None:
    size = shutil.get_terminal_size()
    while not channel.closed:
        await asyncio.sleep(_LOOK_SECONDS)
        if (now := shutil.get_terminal_size()) != size:
            size = now
            with suppress(OSError, EOFError):
                await asyncio.to_thread(channel.resize_pty, now.columns, now.lines)
