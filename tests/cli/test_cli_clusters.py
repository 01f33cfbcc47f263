"""up and down of whole clusters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ray

CODE = """\
import time


def tick(count: int = 50) -> int:
    for number in range(count):
        time.sleep(0.2)
    return count
"""


def test_that_a_cluster_comes_up_and_goes_down(rhdesk: Any, make_project: Callable[..., Path], rh_home: Path) -> None:
    project = make_project({"work.py": CODE})
    assert rhdesk("status", "--json").json()[0]["state"] == "down"
    assert "was not up" in rhdesk("down", "^local").err
    assert "no cluster is up" in rhdesk("logs", "last", code=1).err
    assert rhdesk("runs", "--json").json() == []
    assert rhdesk("up", "^local", "--json").json()["state"] == "up"
    said = rhdesk("up", "^local").err
    assert "was up already" in said
    assert said.count("Ray is up after") == 1
    try:
        run = rhdesk("run", "work.py:tick", "--detach", cwd=project).out.strip()
    finally:
        down = rhdesk("down", "^local", "--yes", "--json").json()
    assert down == {"name": "^local", "was_up": True, "ended_runs": [run]}
    assert rhdesk("status", "--json").json()[0]["state"] == "down"


def test_that_names_of_nothing_are_refused(rhdesk: Any) -> None:
    assert "There is no resource" in rhdesk("up", "gone", code=1).err
