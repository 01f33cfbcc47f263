"""`rhdesk registry`: runs the registry's own program, which lives with the server."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import click


@click.command(
    "registry",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def registry_command(arguments: tuple[str, ...]) -> int:
    """Run a registry for a team: serve, users, tokens, groups."""
    program = subprocess.Popen([sys.executable, "-m", "rhserver.registry", *arguments])

    def pass_on(number: int, _frame: Any) -> None:
        if program.poll() is None:
            program.send_signal(number)

    # Ctrl-C reaches the child by itself, as it is in the same terminal
    before = {signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None)}
    for name in ("SIGTERM", "SIGHUP"):
        if (number := getattr(signal, name, None)) is not None:
            before[number] = signal.signal(number, pass_on)
    try:
        code = program.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code
