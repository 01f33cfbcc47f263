"""The editor of packages at a real cluster server: install, check what is typed beside it, cancel."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab.made_packages import make_wheel
from pytestqt.qtbot import QtBot

from rhdesk.core.desk import Desk
from rhdesk.core.rows import State, TaskRow
from rhdesk.desktop.pages.package_install import install_task
from rhdesk.desktop.pages.packages import PackagesPage

Save = Callable[[str, str], Path]


@pytest.fixture
def page(at_server: Any, desk: Desk, qtbot: QtBot, save: Save, tmp_path: Path) -> PackagesPage:
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "zebra", "1.0", ["lion", "hay"])
    make_wheel(wheels, "zebra", "2.0", ["lion", "stripes"])
    for name in ("lion", "hay", "stripes"):
        make_wheel(wheels, name, "1.5")
    options = f"[--no-index, '--find-links={wheels}']"
    save("zoo", f"kind: package\ninstall_method: pip\ntarget: zebra==1.0\noptions: {options}\n")
    qtbot.waitUntil(lambda: "~/zoo" in desk.store.packages, timeout=10_000)
    qtbot.waitUntil(lambda: _state(desk) is State.UP, timeout=60_000)
    made = PackagesPage(desk)
    qtbot.addWidget(made)
    made.resize(1100, 680)
    made.show()
    made.open("~/zoo?tab=install")
    qtbot.waitUntil(lambda: made.editor.form.target.text == "zebra==1.0", timeout=10_000)
    return made


@pytest.mark.ray
def test_a_package_is_installed_and_what_is_typed_is_checked_beside_it(
    qtbot: QtBot, page: PackagesPage, make_repository: Callable[..., Path]
) -> None:
    desk = page.desk
    # one test: gRPC cannot do with a second event loop after the first was closed in the same process
    install = page.install
    assert not install.output("^local").isHidden()
    install.install_button.click()
    task = _ended(qtbot, desk, install_task("~/zoo", "^local"))
    assert task.state == "done", task.problem
    assert any("zebra==1.0" in line for line in task.lines)

    plan = _checked(qtbot, desk, page, "zebra==2.0")
    assert {row.name: (row.before, row.after, row.change) for row in plan if row.change} == {
        "zebra": ("1.0", "2.0", "newer"),
        "hay": ("1.5", "", "removed"),
        "stripes": ("", "1.5", "added"),
    }
    path = desk.home / "resources" / "zoo.yaml"
    assert "zebra==1.0" in path.read_text(), "it was only checked"
    assert not [row for row in _checked(qtbot, desk, page, "zebra==1.0") if row.change]

    assert _checked(qtbot, desk, page, "zebra==9", "failed") == []
    problem = page.check.output.task.problem  # type: ignore[union-attr]
    assert problem is not None
    assert "zebra==9" in problem.sentence

    url = make_repository({"herd.py": ""}, "herd")
    page.check.check(f"kind: package\ninstall_method: git\ngit_url: {url}\n")
    task = _ended(qtbot, desk, page.check._task)
    assert task.state == "done", task.problem
    assert any(re.fullmatch(r"Using git:\S+ \([0-9a-f]{7}\)", line) for line in task.lines), "which commit it is"

    page.panel.tabs.choose("used")
    qtbot.waitUntil(lambda: page.used.environments.table.rows.total == 1, timeout=10_000)

    page.panel.tabs.choose("check")
    page.check.check(page.editor.editor.text)
    page.check.output.cancel_button.click()
    assert _ended(qtbot, desk, page.check._task).state == "cancelled"
    qtbot.waitUntil(page.check.check_button.isEnabled, timeout=10_000)


def _checked(qtbot: QtBot, desk: Desk, page: PackagesPage, target: str, state: str = "done") -> list[Any]:
    """Type another target and check it; the rows of the plan."""
    page.editor.form.target.line.setText(target)
    page.editor.form.target.changed.emit()
    page.check.table.set_rows([])
    page.editor.check_button.click()
    assert _ended(qtbot, desk, page.check._task).state == state
    return page.check.table.table.rows.all_rows()


def _ended(qtbot: QtBot, desk: Desk, name: str) -> TaskRow:
    def ended() -> bool:
        row = desk.store.tasks.get(name)
        return row is not None and row.state != "running" and not desk.tasks.busy(name)

    qtbot.waitUntil(ended, timeout=60_000)
    row = desk.store.tasks.get(name)
    assert row is not None
    return row


def _state(desk: Desk) -> State | None:
    row = desk.store.clusters.get("^local")
    return row.state if row is not None else None
