"""Who works here, as clusters are told."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from rhresources.people import names_of_me, person, tidy, whose_text
from rhresources.registry import login


def test_that_one_is_the_account_at_the_computer_until_logged_in(rh_home: Path) -> None:
    here = person(rh_home)
    assert here.startswith(f"{getpass.getuser()}@")
    login.keep(rh_home, login.Login("https://rh.example.org", "alice", "r1"))
    assert person(rh_home) == "alice"
    assert names_of_me(rh_home) == {"alice", here}, "runs of before the log-in are mine, too"


@pytest.mark.parametrize("said", ["", "[]", '{"user": 7}', "{"])
def test_that_a_damaged_log_in_leaves_the_account(rh_home: Path, said: str) -> None:
    (rh_home / "registry").mkdir(parents=True)
    (rh_home / "registry" / "login.json").write_text(said)
    assert person(rh_home).startswith(f"{getpass.getuser()}@")


def test_that_a_name_is_one_short_line() -> None:
    assert tidy("eve\x1b[31m\nroot ") == "eve[31mroot"
    assert len(tidy("x" * 10_000)) == 128


@pytest.mark.parametrize(
    ("by", "text"),
    [
        (["me", "me"], "2 runs"),
        (["", ""], "2 runs"),
        (["bob"], "1 run of bob"),
        (["bob", "bob"], "2 runs of bob"),
        (["bob", "me", "bob"], "3 runs (1 of yours, 2 of bob)"),
        (["bob", "carol", ""], "3 runs (1 of bob, 1 of carol, 1 of nobody knows whom)"),
    ],
)
def test_whose_runs_these_are(by: list[str], text: str) -> None:
    assert whose_text(by, {"me"}) == text
