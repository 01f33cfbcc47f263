"""From the form to a run on a real cluster, and back into the form."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from rhdesk.core.rows import State
from rhdesk.desktop.forms.field_editors import ChoiceEditor, LineEditor
from rhdesk.desktop.pages.functions import FunctionsPage
from rhdesk.desktop.pages.packages import PackagesPage

CODE = """
import enum


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


def paint(lr: float = 2e-5, colour: Colour = Colour.RED) -> dict:
    return {"lr": repr(lr), "colour": colour.name}
"""


@pytest.fixture
def running(at_server: Any, desk: Any, qtbot: QtBot) -> Any:
    """The desk of a home whose cluster is up."""
    qtbot.waitUntil(lambda: _state(desk) is State.UP, timeout=60_000)
    return desk


@pytest.mark.ray
def test_the_main_job_on_a_real_cluster(
    qtbot: QtBot, running: Any, save: Callable[[str, str], Path], tmp_path: Path
) -> None:
    # one test: gRPC cannot do with a second event loop after the first was closed in the same process
    _numbers_and_enums_arrive_as_they_were_given(qtbot, running, save, tmp_path)
    _what_the_installer_says_of_a_package_that_does_not_exist_is_shown(qtbot, running, save, tmp_path)


def _numbers_and_enums_arrive_as_they_were_given(
    qtbot: QtBot, running: Any, save: Callable[[str, str], Path], tmp_path: Path
) -> None:
    folder = tmp_path / "painter"
    folder.mkdir()
    (folder / "paint.py").write_text(textwrap.dedent(CODE))
    save("paint", f"kind: function\ncode: {{root: {folder}, file: paint.py, name: paint}}\n")
    qtbot.waitUntil(lambda: "~/paint" in running.store.functions, timeout=5000)
    page = FunctionsPage(running)
    qtbot.addWidget(page)
    page.show()
    page.open("~/paint")
    form = page.run_view.form
    # the source alone does not tell what a Colour is; the cluster does
    qtbot.waitUntil(lambda: _is_choice(form, "colour"), timeout=60_000)
    rate, colour = form.editor("lr"), form.editor("colour")
    assert isinstance(rate, LineEditor)
    assert isinstance(colour, ChoiceEditor)
    qtbot.keyClicks(rate.line, "3e-7")
    colour.combo.setCurrentText("blue")
    with qtbot.waitSignal(page.run_view.submitted, timeout=30_000) as started:
        page.run_view.run_button.click()
    run = started.args[0]
    qtbot.waitUntil(lambda: running.store.runs.get(run) is not None, timeout=10_000)
    qtbot.waitUntil(lambda: running.store.runs.get(run).state.is_over, timeout=60_000)
    row = running.store.runs.get(run)
    assert row.state is State.SUCCEEDED
    assert json.loads(row.arguments)["kwargs"] == {"lr": 3e-07, "colour": "blue"}
    previews: list[Any] = []

    async def result(workspace: Any, progress: Any) -> Any:
        return await (await workspace.connect("^local")).result(run, preview=True)

    running.act("test.result", result, on_done=previews.append)
    qtbot.waitUntil(lambda: bool(previews), timeout=10_000)
    assert json.loads(previews[0].run.preview.json) == {"lr": "3e-07", "colour": "BLUE"}
    form.set_values({})
    page.open(f"~/paint?again={run}")
    qtbot.waitUntil(lambda: form.values() == {"lr": 3e-07, "colour": "blue"}, timeout=5000)


def _what_the_installer_says_of_a_package_that_does_not_exist_is_shown(
    qtbot: QtBot, running: Any, save: Callable[[str, str], Path], tmp_path: Path
) -> None:
    (tmp_path / "requirements.txt").write_text("./not-there\n")
    save("odd", f"kind: package\ninstall_method: reqs\ntarget: {tmp_path}/requirements.txt\n")
    page = PackagesPage(running)
    qtbot.addWidget(page)
    page.show()
    page.open("~/odd")
    qtbot.waitUntil(lambda: page.editor.address == "~/odd", timeout=5000)
    page.install.install_button.click()
    line = page.install.line("^local")
    qtbot.waitUntil(lambda: line.act_button.accessibleName() == "Retry", timeout=60_000)
    task = page.install.output("^local").task
    assert task is not None
    assert task.problem is not None
    assert "not-there" in f"{task.problem.sentence}{task.problem.detail}"


def _state(desk: Any) -> State | None:
    row = desk.store.clusters.get("^local")
    return row.state if row is not None else None


def _is_choice(form: Any, name: str) -> bool:
    return name in [field.name for field in form.fields] and isinstance(form.editor(name), ChoiceEditor)
