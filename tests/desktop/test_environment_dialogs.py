"""The lists and dialogs of environments, with rows that no cluster has to make."""

from __future__ import annotations

import time
from dataclasses import replace

from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.core.desk import Desk
from rhdesk.core.environment_rows import EnvironmentRow, InstalledRow, one_of_each
from rhdesk.core.rows import Problem, State, TaskRow
from rhdesk.desktop.dialogs.environment_details import EnvironmentDetails, update_task
from rhdesk.desktop.dialogs.remove_environments import RemoveUnused
from rhdesk.desktop.pages.environment_packages import EnvironmentPackages
from rhdesk.desktop.pages.environments_view import EnvironmentsView
from rhdesk.desktop.widgets.task_output import TaskOutput

DAY = 86400.0
GIB = 1024**3


def environment(hash: str, days: float, size: int = GIB, *, in_use: bool = False) -> EnvironmentRow:
    now = time.time()
    return EnvironmentRow(hash, "3.11.9", (hash,), size, now - days * DAY, now - days * DAY, in_use, "ready")


def words_of(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def test_of_a_cluster_that_is_down_nothing_is_known(qtbot: QtBot, desk: Desk) -> None:
    qtbot.waitUntil(
        lambda: (row := desk.store.clusters.get("^local")) is not None and row.state is State.DOWN, timeout=8000
    )
    view = EnvironmentsView(desk)
    qtbot.addWidget(view)
    view.show_cluster("^local")
    view.show()
    qtbot.waitUntil(lambda: "Not known while it is down" in words_of(view), timeout=2000)
    assert not view.list.isVisible()


def test_on_several_hosts_each_has_its_row(qtbot: QtBot, desk: Desk) -> None:
    view = EnvironmentsView(desk)
    qtbot.addWidget(view)
    view.resize(900, 400)
    view._show([environment("aa", 1)])
    host = [column.key for column in view.list.table.rows.columns].index("host")
    assert view.list.table.isColumnHidden(host)
    rows = [replace(environment("aa", days), host=name) for days, name in ((1, "gpu1"), (2, "gpu2"))]
    view._show([*rows, replace(environment("bb", 3), host="gpu2")])
    assert not view.list.table.isColumnHidden(host)
    assert view.list.table.rows.total == 3
    assert view._total.text() == "2 environments on 2 hosts · 3.0 GB"
    assert rows[0].facts == "gpu1 · Python 3.11.9 · aa"
    assert [row.host for row in one_of_each(rows)] == ["gpu1"]


def test_what_removing_the_unused_takes_is_listed_before(qtbot: QtBot, desk: Desk) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.show()
    rows = [environment("new", 1), environment("old", 45, 2 * GIB), environment("held", 90, in_use=True)]
    dialog = RemoveUnused(desk, parent, "^local", rows, lambda: None)
    dialog.open()
    assert [row.hash for row in dialog.going] == ["old"]
    assert dialog.sum.text() == "1 environment of 3 · frees 2.0 GB"
    dialog.days.setValue(60)
    assert dialog.going == []
    assert not dialog.accept_button.isEnabled()
    assert "1 environment is in use. The oldest was last used" in words_of(dialog)
    dialog.by_age.setChecked(False)
    dialog.by_size.setChecked(True)
    dialog.most.setValue(1.5)
    assert [row.hash for row in dialog.going] == ["old", "new"], "what is in use stays, though it is the oldest"
    assert dialog.accept_button.text() == "Remove 2"
    dialog.reject()


def test_packages_that_drifted_come_first_and_can_be_had_alone(qtbot: QtBot, themed: None) -> None:
    packages = EnvironmentPackages()
    qtbot.addWidget(packages)
    packages.set_asking(True)
    packages.show_packages(
        [
            InstalledRow("alpha", "pip", "1.0", "1.0", "alpha", "1.1", True),
            InstalledRow("beta", "pip", "2.0", "1.0", "", "", False),
            InstalledRow("gamma", "pip", "", "1.0", "", "", False),
        ]
    )
    table = packages.table.rows
    assert [row.name for row in table.shown_rows()] == ["gamma", "beta", "alpha"]
    newest = next(column for column in table.columns if column.key == "newest")
    assert [newest.text(row) for row in table.shown_rows()] == ["…", "…", "1.1"]
    packages.set_asking(False)
    assert newest.text(table.all_rows()[0]) == "—"
    packages.chips.choose("drift")
    assert [row.name for row in table.shown_rows()] == ["gamma", "beta"]
    packages.chips.choose("newer")
    assert [row.name for row in table.shown_rows()] == ["alpha"]


def test_the_output_of_a_task_follows_it_to_its_end(qtbot: QtBot, desk: Desk) -> None:
    words = {
        "running": "Working…",
        "done": "Done",
        "failed": "Failed",
        "cancelled": "Cancelled",
        "nothing": "Was there",
    }
    output = TaskOutput(desk, "job", words, "Nothing yet")
    qtbot.addWidget(output)
    output.show()
    tasks = desk.store.tasks
    assert output.text.toPlainText() == ""
    tasks.update({"job": TaskRow("job", "Job", started=1.0, lines=("one", "two\n"), times=(1.0, 2.0))})
    assert output.text.toPlainText() == "one\ntwo"
    assert output.cancel_button.isVisible()
    failed = TaskRow("job", "Job", "failed", started=1.0, ended=2.0, lines=("one",), problem=Problem("No such thing."))
    tasks.update({"job": failed})
    qtbot.waitUntil(lambda: "No such thing." in words_of(output), timeout=2000)
    assert output.retry_button.isVisible()
    with qtbot.waitSignal(output.retry, timeout=1000):
        output.retry_button.click()
    tasks.update({"job": TaskRow("job", "Job", "done", started=1.0, ended=3.5)})
    assert "Was there" in words_of(output)
    tasks.update({"job": TaskRow("job", "Job", "done", started=1.0, ended=3.5, lines=("one",))})
    assert "Done in 2.5 s" in words_of(output)
    assert "No such thing." not in words_of(output)


def test_an_update_that_goes_on_is_found_again_when_the_dialog_is_opened_anew(qtbot: QtBot, desk: Desk) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.resize(1000, 700)
    parent.show()
    task = update_task("^local", "ab12")
    desk.store.tasks.update({task: TaskRow(task, "Update", started=1.0, lines=("Resolving",), times=(1.0,))})
    dialog = EnvironmentDetails(desk, parent, "^local", "ab12", environment("ab12", 3))
    dialog.open()
    assert not dialog.update_button.isEnabled()
    assert not dialog.remove_button.isEnabled()
    assert dialog.output.text.toPlainText() == "Resolving"
    # nothing answers for it: the cluster is down
    qtbot.waitUntil(lambda: "^local" in words_of(dialog.packages), timeout=8000)
    dialog.reject()
