"""rm, mv, cp: what becomes of the documents that name what is moved or removed."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.commands import PROGRAM, RunCommand
from lab.terminal import Terminal

DEPS = "kind: package\ninstall_method: pip\ntarget: six\n"
TRAIN = "kind: function\ncluster: ^local\ncode: {root: /a, file: a.py, name: f}\npackages: ['rh:~/deps']\n"


@pytest.fixture
def saved(rhdesk: RunCommand) -> None:
    rhdesk("save", "-", "--as", "~/deps", given=DEPS)
    rhdesk("save", "-", "--as", "~/train", given=TRAIN)


@pytest.mark.usefixtures("saved")
def test_that_mv_tells_who_names_the_old_name_and_writes_the_new_one(rhdesk: RunCommand) -> None:
    rhdesk("save", "-", "--as", "~/team/eval", given=TRAIN)
    said = rhdesk("mv", "deps", "libs").err
    assert "2 documents name ~/deps: ~/team/eval and ~/train." in said
    assert "rhdesk mv ~/deps ~/libs --update" in said
    said = rhdesk("run", "train", code=1).err
    assert "There is no resource ~/deps; ~/train names it." in said
    moved = rhdesk("mv", "~/deps", "~/libs", "--update", "--json").json()
    assert (moved["name"], moved["updated"], moved["named_by"]) == ("~/libs", ["~/team/eval", "~/train"], [])
    assert rhdesk("show", "train", "--json").json()["document"]["packages"] == ["rh:~/libs"]
    assert "No document that is known here names ~/deps." in rhdesk("mv", "deps", "libs", "--update").err
    assert "There is no resource ~/deps" in rhdesk("mv", "deps", "libs", code=1).err
    assert "~/team/eval and ~/train name ~/team/libs now." in rhdesk("mv", "libs", "~/team/", "--update").err


@pytest.mark.usefixtures("saved")
def test_that_a_terminal_is_asked(rhdesk: RunCommand) -> None:
    for answer, new, named in (("n", "~/libs", "~/deps"), ("y", "~/more", "~/more")):
        with Terminal([*PROGRAM, "mv", "~/deps", new]) as terminal:
            terminal.expect("~/train names ~/deps.")
            terminal.expect(f"Write {new} there?")
            terminal.type(f"{answer}\n")
            terminal.ends()
        assert f"rh:{named}" in rhdesk("show", "train").out
        if answer == "n":
            rhdesk("mv", "libs", "deps")


@pytest.mark.usefixtures("saved")
def test_that_rm_tells_who_names_what_is_gone(rhdesk: RunCommand) -> None:
    assert "~/train names ~/deps, which is gone." in rhdesk("rm", "deps").err
    rhdesk("save", "-", "--as", "~/deps", given=DEPS)
    assert rhdesk("rm", "deps", "train", "--json").json()["named_by"] == {"~/deps": [], "~/train": []}


@pytest.mark.usefixtures("saved")
def test_that_what_was_done_is_said_where_nobody_knows_who_names_it(rhdesk: RunCommand, rh_home: Path) -> None:
    (rh_home / "registry").mkdir()
    (rh_home / "registry" / "login.json").write_text("{")
    removed = rhdesk("rm", "deps")
    assert "Removed ~/deps." in removed.err
    assert "Which documents name ~/deps cannot be said: " in removed.err
