"""Opening the system's terminal: which one, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from rhdesk.core import terminals
from rhdesk.core.terminals import NoTerminal, open_terminal, terminal_commands

SSH = ["ssh", "-p", "2222", "--", "gpu1"]


@pytest.fixture
def programs(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of $PATH, but for the shell."""
    folder = short_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("TERMINAL", raising=False)
    for name in ("sh", "sleep"):
        (folder / name).symlink_to(Path("/bin") / name)
    return folder


def program(folder: Path, name: str, body: str) -> Path:
    said = folder / f"{name}.said"
    (folder / name).write_text(f'#!/bin/sh\nfor word in "$@"; do echo "$word"; done > {said}\n{body}\n')
    (folder / name).chmod(0o755)
    return said


def test_the_users_own_terminal_comes_first(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(programs, "xterm", "")
    program(programs, "mine", "")
    monkeypatch.setenv("TERMINAL", "mine --big")
    commands = list(terminal_commands(SSH))
    assert [command[0] for command in commands] == ["mine", "xterm"]
    assert commands[0][:3] == ["mine", "--big", "-e"]
    assert commands[0][-5:] == SSH


def test_the_command_reaches_the_terminal_as_it_is(programs: Path) -> None:
    said = program(programs, "gnome-terminal", "exit 0")
    open_terminal(["ssh", "--", "host with space"])
    assert said.read_text().splitlines()[0] == "--"
    assert said.read_text().splitlines()[-1] == "host with space"


def test_a_terminal_that_stays_open_is_not_waited_for(programs: Path) -> None:
    program(programs, "xterm", "exec sleep 60")
    open_terminal(SSH)
    opened = terminals._OPENED.pop()
    assert opened.poll() is None
    opened.kill()
    opened.wait()


def test_one_that_fails_is_followed_by_the_next(programs: Path) -> None:
    program(programs, "konsole", "echo no display >&2; exit 1")
    said = program(programs, "xterm", "")
    open_terminal(SSH)
    assert said.exists()


def test_without_one_the_reason_is_a_sentence(programs: Path) -> None:
    with pytest.raises(NoTerminal, match="No terminal program was found") as none:
        open_terminal(SSH)
    assert none.value.detail == ""
    program(programs, "xterm", "echo no display >&2; exit 1")
    with pytest.raises(NoTerminal, match="could be started") as failed:
        open_terminal(SSH)
    assert "xterm: no display" in failed.value.detail


def test_other_systems_have_their_own_way() -> None:
    [mac] = terminal_commands(["ssh", "--", 'a"b'], {}, "darwin")
    assert mac[0] == "osascript"
    assert '\\"' in mac[2]
    assert list(terminal_commands(SSH, {"PATH": ""}, "win32"))[-1][:2] == ["cmd", "/c"]
