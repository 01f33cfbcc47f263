"""The pages Functions, Packages and Resource names on real files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.core.desk import Desk
from rhdesk.core.rows import RunRow, State
from rhdesk.desktop.dialogs.add_function import AddFunction
from rhdesk.desktop.dialogs.new_package import NewPackage
from rhdesk.desktop.forms.field_editors import LineEditor
from rhdesk.desktop.pages.functions import FunctionsPage
from rhdesk.desktop.pages.packages import PackagesPage
from rhdesk.desktop.widgets.dialog import Dialog

Save = Callable[[str, str], Path]
PACKAGE = "# mine\nkind: package\ninstall_method: pip\ntarget: numpy\n"


def show(qtbot: QtBot, page: QWidget) -> None:
    qtbot.addWidget(page)
    page.resize(1000, 640)
    page.show()


def press(parent: QWidget, text: str) -> None:
    """Click the button of an open dialog."""
    for dialog in parent.window().findChildren(Dialog):
        for button in dialog.findChildren(QPushButton):
            if button.text().strip() == text and dialog.isVisible():
                button.click()
                return
    raise AssertionError(f"no button {text!r}")


@pytest.fixture
def functions(qtbot: QtBot, desk: Desk, save: Save, function_yaml: str) -> FunctionsPage:
    save("train", function_yaml)
    qtbot.waitUntil(lambda: "~/train" in desk.store.functions, timeout=5000)
    page = FunctionsPage(desk)
    show(qtbot, page)
    page.open("~/train")
    qtbot.waitUntil(lambda: len(page.run_view.form.fields) == 3, timeout=5000)
    return page


def test_the_form_is_there_with_the_cluster_down(functions: FunctionsPage) -> None:
    assert [field.name for field in functions.run_view.form.fields] == ["epochs", "lr", "mode"]
    assert functions.run_view.form.fields[0].help == "How often to go over the data."


def test_functions_of_a_folder_are_found_and_added(qtbot: QtBot, desk: Desk, project: Path, function_yaml: str) -> None:
    page = FunctionsPage(desk)
    show(qtbot, page)
    page.open("new")
    dialog = page.findChildren(AddFunction)[0] if page.findChildren(AddFunction) else page._dialog
    assert dialog is not None
    qtbot.keyClicks(dialog.folder, str(project))
    qtbot.waitUntil(lambda: dialog.candidates.rows.total == 2, timeout=5000)
    dialog.candidates.select("train.py:train")
    assert dialog.name.text() == "~/train"
    dialog.packages.setPlainText("numpy==1.26\n")
    qtbot.keyClick(dialog.folder, Qt.Key.Key_Down)  # all of it goes by the keyboard
    qtbot.keyClick(dialog.candidates, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.run_view.address == "~/train", timeout=5000)
    document = desk.store.functions.get("~/train").document  # type: ignore[union-attr]
    assert document.code.root == str(project)
    assert document.packages == ["numpy==1.26"]
    assert document.description == "Train a model."


def test_a_name_that_is_taken_is_refused_in_the_dialog(
    qtbot: QtBot, desk: Desk, project: Path, functions: FunctionsPage
) -> None:
    functions.open("new")
    dialog = functions._dialog
    assert dialog is not None
    dialog.folder.setText(str(project))
    qtbot.waitUntil(lambda: dialog.candidates.rows.total == 2, timeout=5000)
    dialog.candidates.select("train.py:train")
    assert dialog.name.text() == "~/train-2"
    dialog.name.setText("~/train")
    dialog.accept_button.click()
    qtbot.waitUntil(dialog.accept_button.isEnabled, timeout=5000)
    assert dialog.isVisible()
    assert desk.store.functions.get("~/train").document.code.name == "train"  # type: ignore[union-attr]


def test_a_file_that_is_no_python_is_told_in_place(qtbot: QtBot, desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def broken(:\n")
    page = FunctionsPage(desk)
    show(qtbot, page)
    page.open("new")
    dialog = page._dialog
    assert dialog is not None
    dialog.folder.setText(str(tmp_path / "bad.py"))
    qtbot.waitUntil(lambda: "line 1" in shown_words(dialog), timeout=5000)
    assert not dialog.accept_button.isEnabled()


def test_the_signature_is_read_again_when_the_file_changed(
    qtbot: QtBot, functions: FunctionsPage, project: Path
) -> None:
    file = project / "train.py"
    file.write_text(file.read_text().replace("epochs: int,", "epochs: int, extra: bool = False,"))
    os.utime(file, (1, 1))
    functions.run_view.run()
    qtbot.waitUntil(lambda: len(functions.run_view.form.fields) == 4, timeout=5000)
    # epochs is missing: nothing was run, and it says so
    qtbot.waitUntil(lambda: functions.run_view.form.error_of("epochs") == "Needs a value.", timeout=5000)


def test_run_waits_until_the_source_was_read(
    qtbot: QtBot, desk: Desk, functions: FunctionsPage, save: Save, function_yaml: str
) -> None:
    save("other", function_yaml)
    qtbot.waitUntil(lambda: "~/other" in desk.store.functions, timeout=5000)
    functions.open("~/other")
    button = functions.run_view.run_button
    assert not button.isEnabled()
    assert button.toolTip() == "Its source is being read."
    assert functions.run_view._status.text() == "Reading its source…"
    qtbot.waitUntil(button.isEnabled, timeout=5000)
    assert functions.run_view._status.text() in ("", "Reading the types…")


def test_with_the_cluster_down_run_offers_to_bring_it_up(qtbot: QtBot, desk: Desk, functions: FunctionsPage) -> None:
    qtbot.waitUntil(lambda: desk.store.clusters.get("^local") is not None, timeout=5000)
    qtbot.waitUntil(lambda: desk.store.clusters.get("^local").state is State.DOWN, timeout=8000)  # type: ignore[union-attr]
    editor = functions.run_view.form.editor("epochs")
    assert isinstance(editor, LineEditor)
    editor.line.setText("3")
    functions.run_view.run_button.click()
    qtbot.waitUntil(
        lambda: any(each.windowTitle() == "Bring ^local up?" for each in functions.findChildren(Dialog)), timeout=5000
    )
    press(functions, "Cancel")


def test_the_form_is_filled_from_an_earlier_run(qtbot: QtBot, desk: Desk, functions: FunctionsPage) -> None:
    whole, part = '{"args": [4], "kwargs": {"lr": 1e-6}}', '{"args": [4'
    runs = {
        "A": RunRow("A", "~/train", "^local", State.FAILED, created=5.0, arguments=whole),
        "B": RunRow("B", "~/train", "^local", State.SUCCEEDED, created=9.0, arguments=part),
    }
    desk.store.runs.update(runs)
    functions.open("~/train?again=A")
    qtbot.waitUntil(lambda: functions.run_view.form.values() == {"epochs": 4, "lr": 1e-6}, timeout=5000)
    qtbot.waitUntil(lambda: functions._last_text(desk.store.functions.rows()[0]) == "Succeeded", timeout=5000)
    functions.open("~/train?again=B")
    qtbot.waitUntil(lambda: "not kept whole" in shown_words(functions.run_view), timeout=5000)
    assert functions.run_view.form.values() == {"epochs": 4, "lr": 1e-6}


def test_a_function_whose_file_is_gone_says_so(
    qtbot: QtBot, desk: Desk, functions: FunctionsPage, project: Path, save: Save, function_yaml: str
) -> None:
    save("lost", function_yaml.replace("train.py", "lost.py"))
    functions.open("~/lost")
    qtbot.waitUntil(lambda: "lost.py is not there" in shown_words(functions.run_view), timeout=5000)
    assert not functions.run_view.run_button.isEnabled()


def test_deleting_asks_and_undo_brings_it_back_to_the_letter(
    qtbot: QtBot, desk: Desk, functions: FunctionsPage, function_yaml: str
) -> None:
    path = desk.home / "resources" / "train.yaml"
    functions.list.delete_asked.emit(functions.list.selected())
    assert path.exists()
    press(functions, "Delete")
    qtbot.waitUntil(lambda: not path.exists(), timeout=5000)
    qtbot.waitUntil(lambda: bool(desk.notifier.notices()), timeout=5000)
    notice = desk.notifier.notices()[0]
    assert notice.action_text == "Undo"
    assert notice.action is not None
    notice.action()
    qtbot.waitUntil(path.exists, timeout=5000)
    assert path.read_text() == function_yaml


def test_a_broken_document_is_shown_as_broken_and_can_be_mended(
    qtbot: QtBot, desk: Desk, functions: FunctionsPage, save: Save, function_yaml: str
) -> None:
    path = save("odd", "kind: function\ncode: {root: /x, file: a.py, nam: f}\n")
    qtbot.waitUntil(lambda: "~/odd" in desk.store.functions, timeout=5000)
    functions.open("~/odd")
    qtbot.waitUntil(lambda: bool(functions.editor.editor.edit.marks_at(2)), timeout=5000)
    functions.editor.editor.edit.replace_text(function_yaml)
    functions.editor.save()
    qtbot.waitUntil(lambda: path.read_text() == function_yaml, timeout=5000)
    qtbot.waitUntil(lambda: functions.run_view.address == "~/odd", timeout=5000)


def test_a_package_is_made_by_its_form_and_its_yaml(qtbot: QtBot, desk: Desk) -> None:
    page = PackagesPage(desk)
    show(qtbot, page)
    page.add()
    dialog = page.findChildren(NewPackage)[0]
    dialog.name.setText("~/deps")
    qtbot.keyClicks(dialog.form.target.line, "numpy==1.26")
    assert "target: numpy==1.26" in dialog.yaml.text
    dialog.yaml.edit.replace_text(dialog.yaml.text + "description: For all\n")
    qtbot.waitUntil(lambda: dialog.form.description.text == "For all", timeout=5000)
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: page.editor.address == "~/deps", timeout=5000)
    assert "numpy==1.26" in (desk.home / "resources" / "deps.yaml").read_text()


def test_the_form_of_a_package_keeps_the_comments_of_its_file(qtbot: QtBot, desk: Desk, save: Save) -> None:
    path = save("deps", PACKAGE)
    page = PackagesPage(desk)
    show(qtbot, page)
    page.open("~/deps")
    form = page.editor.form
    qtbot.waitUntil(lambda: form.target.text == "numpy", timeout=5000)
    form.target.line.clear()
    qtbot.keyClicks(form.target.line, "-r evil")
    page.editor.save_button.click()
    qtbot.waitUntil(lambda: "begins with '-'" in form.target.error, timeout=5000)
    assert path.read_text() == PACKAGE
    form.target.line.setText("pandas")
    form.target.changed.emit()
    page.editor.save_button.click()
    press(page, "Save")
    qtbot.waitUntil(lambda: path.read_text() == PACKAGE.replace("numpy", "pandas"), timeout=5000)


def test_where_a_package_is_used_is_known(qtbot: QtBot, desk: Desk, save: Save, function_yaml: str) -> None:
    save("deps", PACKAGE)
    save("train", function_yaml + "packages:\n- rh:~/deps\n")
    page = PackagesPage(desk)
    show(qtbot, page)
    page.open("~/deps")
    used = page.used.functions.table.rows
    qtbot.waitUntil(lambda: [row.address for row in used.all_rows()] == ["~/train"], timeout=5000)


def shown_words(widget: QWidget) -> str:
    """Every word of the labels inside, as a reader hears them."""
    from PySide6.QtWidgets import QLabel

    return "\n".join(label.text() for label in widget.findChildren(QLabel))
