"""What every command has in common: help, usage errors, details of errors, exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rhdesk.cli.main import COMMANDS
from rhdesk.cli.options import spread_reqs
from rhdesk.cli.terminal import age, duration, size
from rhdesk.cli.values import parse_arguments
from rhresources.errors import UsageError


def test_version_and_help(rhdesk) -> None:
    assert rhdesk("--version").out.startswith("rhdesk ")
    help = rhdesk("--help").out
    assert all(f"\n  {name}" in help for name in COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_that_every_command_explains_itself(rhdesk, command: str) -> None:
    assert "Usage: rhdesk" in rhdesk(command, "--help").out


def test_that_bad_usage_exits_with_2(rhdesk) -> None:
    assert "Did you mean 'status'?" in rhdesk("statsu", code=2).err
    rhdesk("ls", "--nope", code=2)
    rhdesk("show", code=2)
    rhdesk("run", "f.py:f", "--nope", code=2)
    rhdesk("result", "last", "-o", "file.docx", code=2)


def test_that_details_are_shown_when_asked_for(rhdesk, tmp_path) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n    pass\n")
    plain = rhdesk("run", "broken.py:f", code=1).err
    assert "line 1" in plain
    assert "--verbose" in plain
    assert "def f(:" not in plain
    assert "def f(:" in rhdesk("run", "broken.py:f", "--verbose", code=1).err
    assert "def f(:" in rhdesk("run", "broken.py:f", env={"RH_DEBUG": "1"}, code=1).err


def test_that_the_window_says_that_there_is_no_display(rhdesk) -> None:
    said = rhdesk(env={"QT_QPA_PLATFORM": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}, code=1).err
    assert "no display" in said
    assert "rhdesk tour" in said


def test_how_values_are_read() -> None:
    args, kwargs = parse_arguments(
        ["3", "-1", "hello", "2e-5", "true", '"3"', '"a=b"', "[1, 2]", "n=4", "text=a=b", "none=null", "path=s3://x/y"]
    )
    assert args == [3, -1, "hello", 2e-5, True, "3", "a=b", [1, 2]]
    assert kwargs == {"n": 4, "text": "a=b", "none": None, "path": "s3://x/y"}
    with pytest.raises(UsageError, match="'n' is given twice"):
        parse_arguments(["n=1", "n=2"])


def test_how_requirements_are_spread() -> None:
    assert spread_reqs(["a.py:f", "--reqs", "x", "y", "--to", "c"]) == [
        "a.py:f", "--reqs", "x", "--reqs", "y", "--to", "c",
    ]  # fmt: skip
    assert spread_reqs(["--reqs", "x", "a.py:f"]) == ["--reqs", "x", "a.py:f"]


def test_how_ages_and_sizes_read() -> None:
    assert [duration(each) for each in (0.04, 42, 185, 3600, 7800, 273600)] == [
        "0.0 s", "42 s", "3 min 5 s", "1 h", "2 h 10 min", "3 d 4 h",
    ]  # fmt: skip
    assert [size(each) for each in (812, 1500, 999_600, 23_400_000_000)] == ["812 B", "1.5 kB", "1.0 MB", "23 GB"]
    assert age(0) == "-"
    assert age(100, now=142) == "42 s ago"


def test_that_a_broken_config_file_is_named_and_the_command_goes_on(rhdesk: Any, rh_home: Path) -> None:
    rh_home.mkdir(exist_ok=True)
    (rh_home / "config.yaml").write_text("theme: [\n")
    answer = rhdesk("ls")
    assert "config.yaml" in answer.err
    assert (rh_home / "config.yaml").read_text() == "theme: [\n"
