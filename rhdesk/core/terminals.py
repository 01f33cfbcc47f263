"""The terminal program of this desktop, started with a command in it. No Qt."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence

from rhresources.errors import RhError

_SETTLED = 0.7  # seconds after which a terminal that has not failed will not
_SHELL_KEEPS = (
    '"$@"; code=$?; if [ "$code" -ne 0 ]; then '
    'printf "\\n%s ended with exit code %s. Press Enter to close. " "$1" "$code"; read -r _; fi'
)
_DASHES = ("--",)
_EXECUTE = ("-e",)
_KNOWN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("x-terminal-emulator", _EXECUTE),
    ("gnome-terminal", _DASHES),
    ("konsole", _EXECUTE),
    ("xfce4-terminal", ("-x",)),
    ("kitty", ()),
    ("alacritty", _EXECUTE),
    ("foot", ()),
    ("wezterm", ("start", "--")),
    ("ptyxis", _DASHES),
    ("kgx", _EXECUTE),
    ("lxterminal", _EXECUTE),
    ("mate-terminal", ("-x",)),
    ("xterm", _EXECUTE),
)
"""Terminals, with what stands between their name and the command."""

_OPENED: list[subprocess.Popen[bytes]] = []
"""Terminals this process started; kept because a `Popen` that is forgotten complains that its process goes on."""


class NoTerminal(RhError):
    """No terminal program could be started."""

    code = "no-terminal"


def terminal_commands(
    command: Sequence[str], environ: Mapping[str, str] | None = None, platform: str = sys.platform
) -> Iterator[list[str]]:
    """The command lines that open `command` in a terminal here, the one that the user prefers first."""
    environ = os.environ if environ is None else environ
    if platform == "darwin":
        script = f"exec {shlex.join(command)}"
        quoted = script.replace("\\", "\\\\").replace('"', '\\"')
        yield ["osascript", "-e", f'tell application "Terminal" to do script "{quoted}"',
               "-e", 'tell application "Terminal" to activate']  # fmt: skip
        return
    path = environ.get("PATH", os.defpath)
    if platform == "win32":
        if shutil.which("wt", path=path):
            # wt takes a semicolon for the end of a command
            yield ["wt", "new-tab", "--", *(word.replace(";", "\\;") for word in command)]
        yield ["cmd", "/c", "start", "", *command]
        return
    # a window that closes with the error in it would tell nobody anything
    inner = ["sh", "-c", _SHELL_KEEPS, "sh", *command]
    preferred = shlex.split(environ.get("TERMINAL", ""))
    if preferred and shutil.which(preferred[0], path=path):
        between = dict(_KNOWN).get(os.path.basename(preferred[0]), _EXECUTE)
        yield [*preferred, *between, *inner]
    for name, between in _KNOWN:
        if shutil.which(name, path=path):
            yield [name, *between, *inner]


def open_terminal(command: Sequence[str]) -> None:
    """Open a terminal with `command` running in it. Blocks for a moment: not for the interface's thread.

    Raises:
        NoTerminal: there is none, or none would start; `detail` holds what they said.
    """
    _OPENED[:] = [process for process in _OPENED if process.poll() is None]
    said: list[str] = []
    for line in terminal_commands(command):
        with tempfile.TemporaryFile() as errors:  # a pipe that nobody reads would stop the terminal one day
            try:
                process = subprocess.Popen(
                    line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
                )
                code = process.wait(_SETTLED)
            except OSError as error:
                said.append(f"{line[0]}: {error.strerror or error}")
                continue
            except subprocess.TimeoutExpired:
                _OPENED.append(process)
                return
            if code == 0:  # it handed over to a terminal that runs already
                return
            errors.seek(0)
            words = errors.read(10_000).decode(errors="replace").strip()
            said.append(f"{line[0]}: {words or f'ended with exit code {code}'}")
    raise NoTerminal(
        "No terminal program could be started on this computer."
        if said
        else "No terminal program was found on this computer.",
        remedy="Set $TERMINAL to yours; the command is on the clipboard, to be run anywhere.",
        detail="\n".join(said),
    )
