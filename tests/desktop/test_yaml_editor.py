"""Editing YAML: problems at their line, indenting, and what somebody else does to the same file meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from rhdesk.core.desk import Desk
from rhdesk.desktop.forms.code_edit import CodeEdit
from rhdesk.desktop.forms.document_editor import DocumentEditor
from rhdesk.desktop.forms.yaml_editor import YamlEditor

Save = Callable[[str, str], Path]
GOOD = "kind: package\ninstall_method: pip\ntarget: numpy\n"


@pytest.fixture
def edit(qtbot: QtBot, themed: None) -> CodeEdit:
    made = CodeEdit()
    qtbot.addWidget(made)
    return made


def test_tab_and_enter_indent_by_spaces(qtbot: QtBot, edit: CodeEdit) -> None:
    qtbot.keyClicks(edit, "env:")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    qtbot.keyClicks(edit, "A: b")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    qtbot.keyClick(edit, Qt.Key.Key_Tab)
    qtbot.keyClicks(edit, "x")
    assert edit.toPlainText() == "env:\n  A: b\n    x"
    qtbot.keyClick(edit, Qt.Key.Key_Backtab)
    assert edit.toPlainText() == "env:\n  A: b\n  x"


def test_several_lines_are_indented_and_commented_together(qtbot: QtBot, edit: CodeEdit) -> None:
    edit.set_text("a: 1\nb: 2\n\nc: 3")
    edit.selectAll()
    qtbot.keyClick(edit, Qt.Key.Key_Tab)
    assert edit.toPlainText() == "  a: 1\n  b: 2\n\n  c: 3"
    edit.selectAll()
    qtbot.keyClick(edit, Qt.Key.Key_Slash, Qt.KeyboardModifier.ControlModifier)
    assert edit.toPlainText() == "  # a: 1\n  # b: 2\n\n  # c: 3"
    edit.selectAll()
    qtbot.keyClick(edit, Qt.Key.Key_Slash, Qt.KeyboardModifier.ControlModifier)
    assert edit.toPlainText() == "  a: 1\n  b: 2\n\n  c: 3"
    edit.undo()
    assert edit.toPlainText() == "  # a: 1\n  # b: 2\n\n  # c: 3"


def test_a_problem_is_shown_at_its_line_while_one_types(qtbot: QtBot, themed: None) -> None:
    editor = YamlEditor()
    qtbot.addWidget(editor)
    editor.set_text(GOOD)
    qtbot.waitUntil(lambda: editor.problems == [], timeout=3000)
    editor.edit.moveCursor(editor.edit.textCursor().MoveOperation.End)
    qtbot.keyClicks(editor.edit, "targt: x")
    qtbot.waitUntil(lambda: bool(editor.edit.marks_at(4)), timeout=3000)
    assert "targt" in editor.edit.marks_at(4)[0]
    assert editor.is_dirty


@pytest.fixture
def editor(qtbot: QtBot, desk: Desk, save: Save) -> DocumentEditor:
    save("deps", GOOD)
    qtbot.waitUntil(lambda: "~/deps" in desk.store.names, timeout=5000)
    made = DocumentEditor(desk)
    qtbot.addWidget(made)
    made.resize(500, 400)
    made.show()
    made.show_address("~/deps")
    qtbot.waitUntil(lambda: made.editor.text == GOOD, timeout=5000)
    return made


def test_control_s_saves_to_the_letter(qtbot: QtBot, desk: Desk, editor: DocumentEditor) -> None:
    editor.editor.edit.moveCursor(editor.editor.edit.textCursor().MoveOperation.End)
    qtbot.keyClicks(editor.editor.edit, "# kept as it is")
    with qtbot.waitSignal(editor.saved, timeout=5000):
        qtbot.keyClick(editor.editor.edit, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    assert (desk.home / "resources" / "deps.yaml").read_text() == f"{GOOD}# kept as it is\n"
    assert not editor.is_dirty


def test_a_document_with_problems_is_not_saved_and_they_are_marked(
    qtbot: QtBot, desk: Desk, editor: DocumentEditor
) -> None:
    editor.editor.edit.replace_text("kind: package\ninstall_method: pip\ntarget: -x\n")
    editor.save()
    qtbot.waitUntil(lambda: bool(editor.editor.edit.marks_at(3)), timeout=5000)
    assert (desk.home / "resources" / "deps.yaml").read_text() == GOOD
    assert editor.is_dirty


def test_a_file_edited_by_hand_is_picked_up(qtbot: QtBot, editor: DocumentEditor, save: Save) -> None:
    save("deps", GOOD.replace("numpy", "pandas"))
    qtbot.waitUntil(lambda: "pandas" in editor.editor.text, timeout=8000)
    assert not editor.is_dirty


def test_an_edit_that_is_not_saved_survives_a_change_on_disk(
    qtbot: QtBot, desk: Desk, editor: DocumentEditor, save: Save
) -> None:
    mine, theirs = GOOD + "# mine\n", GOOD.replace("numpy", "pandas")
    editor.editor.edit.replace_text(mine)
    path = save("deps", theirs)
    qtbot.waitUntil(lambda: "Keep mine" in buttons(editor), timeout=8000)
    assert editor.editor.text == mine
    assert path.read_text() == theirs
    buttons(editor)["Keep mine"].click()
    qtbot.waitUntil(lambda: path.read_text() == mine, timeout=5000)
    qtbot.waitUntil(lambda: not editor.is_dirty, timeout=5000)


def test_saving_over_a_change_that_was_not_seen_yet_is_refused(
    qtbot: QtBot, desk: Desk, editor: DocumentEditor, save: Save
) -> None:
    theirs = GOOD.replace("numpy", "pandas")
    editor.editor.edit.replace_text(GOOD + "# mine\n")
    path = save("deps", theirs)
    editor.save()  # at once, before the window learnt of it
    qtbot.waitUntil(lambda: "Take theirs" in buttons(editor), timeout=8000)
    assert path.read_text() == theirs
    buttons(editor)["Take theirs"].click()
    assert editor.editor.text == theirs


def test_a_built_in_resource_can_be_read_but_not_changed(qtbot: QtBot, editor: DocumentEditor) -> None:
    editor.show_address("^local")
    qtbot.waitUntil(lambda: "machine" in editor.editor.text, timeout=5000)
    assert editor.editor.edit.isReadOnly()
    assert editor.save_button.isHidden()


def buttons(editor: DocumentEditor) -> dict[str, QPushButton]:
    return {button.text().strip(): button for button in editor.findChildren(QPushButton) if button.isVisible()}
