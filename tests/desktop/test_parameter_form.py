"""The form as one uses it: typing, wrong values, the default, JSON, arguments of an earlier run."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from rhdesk.desktop.forms.field_editors import (
    ChoiceEditor,
    JsonEditor,
    LineEditor,
    SwitchEditor,
    TextEditor,
)
from rhdesk.desktop.forms.list_editor import ListEditor
from rhdesk.desktop.forms.parameter_form import ParameterForm
from rhdesk.desktop.forms.schema import fields_of
from rhdesk.desktop.forms.static_schema import static_schema

SIGNATURE = (
    "(n: int, lr: float = 1e-3, mode: Literal['fast', 'exact'] = 'fast', on: bool = True, seeds: list[int] = [1, 2], "
    "limit: int | None = None, extra: dict[str, float] = {}, prompt: str = 'hi', x=5)"
)


@pytest.fixture
def form(qtbot: QtBot, themed: None) -> ParameterForm:
    made = ParameterForm()
    qtbot.addWidget(made)
    made.set_fields(fields_of(static_schema(SIGNATURE)))
    made.resize(460, 900)
    made.show()
    return made


def line(form: ParameterForm, name: str) -> QLineEdit:
    editor = form.editor(name)
    assert isinstance(editor, LineEditor)
    return editor.line


def type_into(qtbot: QtBot, form: ParameterForm, name: str, text: str) -> None:
    field = line(form, name)
    field.clear()
    qtbot.keyClicks(field, text)


def test_2e_5_typed_stays_on_the_screen_and_arrives_exactly(qtbot: QtBot, form: ParameterForm) -> None:
    type_into(qtbot, form, "n", "3")
    type_into(qtbot, form, "lr", "2e-5")
    assert form.arguments() == ([], {"n": 3, "lr": 2e-05})
    form.show_json(True)
    form.show_json(False)
    assert line(form, "lr").text() == "2e-5"


def test_what_is_not_touched_is_not_sent(qtbot: QtBot, form: ParameterForm) -> None:
    type_into(qtbot, form, "n", "3")
    assert form.arguments() == ([], {"n": 3})
    assert line(form, "lr").placeholderText() == "0.001"


def test_a_wrong_value_shows_at_its_field_and_nothing_is_run(qtbot: QtBot, form: ParameterForm) -> None:
    type_into(qtbot, form, "n", "many")
    qtbot.waitUntil(lambda: form.error_of("n") == "Must be a whole number.", timeout=2000)
    assert line(form, "n").property("invalid")
    assert form.arguments() is None
    type_into(qtbot, form, "n", "12345678901234567890")
    assert form.error_of("n") == ""
    assert form.arguments() == ([], {"n": 12345678901234567890})


def test_a_missing_required_value_is_asked_for_only_when_one_wants_to_run(qtbot: QtBot, form: ParameterForm) -> None:
    assert form.error_of("n") == ""
    assert form.arguments() is None
    assert form.error_of("n") == "Needs a value."
    qtbot.waitUntil(lambda: form.editor("n").focusProxy().hasFocus(), timeout=2000)


def test_control_enter_runs_from_any_field(qtbot: QtBot, form: ParameterForm) -> None:
    for name in ("n", "prompt", "extra"):
        with qtbot.waitSignal(form.run_asked, timeout=1000):
            qtbot.keyClick(form.editor(name).focusProxy(), Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)


def test_each_kind_of_control_gives_its_value(qtbot: QtBot, form: ParameterForm) -> None:
    type_into(qtbot, form, "n", "1")
    switch, choice, text = form.editor("on"), form.editor("mode"), form.editor("prompt")
    assert isinstance(switch, SwitchEditor)
    assert isinstance(choice, ChoiceEditor)
    assert isinstance(text, TextEditor)
    switch.switch.click()
    choice.combo.setCurrentIndex(2)
    text.edit.setPlainText("two\nlines")
    type_into(qtbot, form, "limit", "None")
    type_into(qtbot, form, "x", '[1, "a"]')
    extra = form.editor("extra")
    assert isinstance(extra, JsonEditor)
    extra.edit.setPlainText('{"a": 1.5}')
    assert form.arguments() == (
        [],
        {
            "n": 1,
            "mode": "exact",
            "on": False,
            "limit": None,
            "extra": {"a": 1.5},
            "prompt": "two\nlines",
            "x": [1, "a"],
        },
    )


def test_a_list_is_edited_row_by_row_and_pasted_lines_become_rows(qtbot: QtBot, form: ParameterForm) -> None:
    seeds = form.editor("seeds")
    assert isinstance(seeds, ListEditor)
    seeds.set_value([7])
    qtbot.keyClick(seeds.rows[0], Qt.Key.Key_Return)
    QGuiApplication.clipboard().setText("8\n9,\n10\n")
    qtbot.keyClick(seeds.rows[1], Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert seeds.value() == [7, 8, 9, 10]
    seeds.rows[2].setText("x")
    type_into(qtbot, form, "n", "1")
    assert form.arguments() is None
    assert form.error_of("seeds") == "Item 3 must be a whole number."


def test_json_errors_stand_at_their_field(qtbot: QtBot, form: ParameterForm) -> None:
    extra = form.editor("extra")
    assert isinstance(extra, JsonEditor)
    extra.edit.setPlainText('{"a": }')
    assert "extra" in form.errors()
    form.arguments()
    assert form.error_of("extra").startswith("Is not JSON")


def test_the_json_view_and_the_form_are_the_same_value(qtbot: QtBot, form: ParameterForm) -> None:
    type_into(qtbot, form, "n", "3")
    form.show_json(True)
    edit = form._json.edit
    assert edit.toPlainText() == '{\n  "n": 3\n}'
    edit.setPlainText('{\n  "n": 4,\n  "lr": 5e-7\n}')
    qtbot.waitUntil(lambda: form.values() == {"n": 4, "lr": 5e-07}, timeout=2000)
    edit.setPlainText('{\n  "n": 4,\n  "lrr": 1\n}')
    qtbot.waitUntil(lambda: bool(edit.marks_at(3)), timeout=2000)
    assert "lrr is not a parameter" in edit.marks_at(3)[0]
    assert form.arguments() is None
    edit.setPlainText('{"n": 5,}')
    qtbot.waitUntil(lambda: "not JSON" in "".join(edit.marks_at(1)), timeout=2000)


def test_reset_goes_back_to_the_default(qtbot: QtBot, form: ParameterForm) -> None:
    type_into(qtbot, form, "n", "3")
    type_into(qtbot, form, "lr", "9")
    form.set_values({"n": 3})
    assert line(form, "lr").text() == ""
    assert form.arguments() == ([], {"n": 3})


def test_arguments_of_an_earlier_run_fill_the_form(form: ParameterForm) -> None:
    form.set_arguments([2], {"lr": 2e-05, "prompt": "x", "gone": 1})
    assert form.values() == {"n": 2, "lr": 2e-05, "prompt": "x"}


def test_what_is_being_typed_survives_a_better_reading_of_the_types(qtbot: QtBot, form: ParameterForm) -> None:
    type_into(qtbot, form, "n", "12x")
    field = line(form, "n")
    schema: dict[str, Any] = static_schema(SIGNATURE)
    schema["properties"]["n"]["maximum"] = 5
    schema["properties"]["mode"]["enum"] = ["fast", "exact", "new"]
    form.set_fields(fields_of(schema))
    assert line(form, "n") is field
    assert field.text() == "12x"
    field.setText("7")
    assert form.arguments() is None
    assert form.error_of("n") == "Must be at most 5."
    choice = form.editor("mode")
    assert isinstance(choice, ChoiceEditor)
    assert choice.combo.count() == 4


def test_a_value_that_no_text_can_hold_is_not_lost(form: ParameterForm) -> None:
    form.set_values({"n": 1, "x": '""', "prompt": '""'})
    assert form.values() == {"n": 1, "x": '""', "prompt": '""'}


def test_tab_goes_through_the_fields_in_their_order_after_the_cluster_knew_more_of_them(
    qtbot: QtBot, form: ParameterForm
) -> None:
    # they become choices: other controls
    better = SIGNATURE.replace("n: int", "n: Literal[1, 2]").replace("lr: float = 1e-3", "lr: Literal[1, 2] = 1")
    form.set_fields(fields_of(static_schema(better)))
    qtbot.waitUntil(lambda: form.editor("n").isVisible() and form.editor("lr").isVisible())
    form.editor("n").setFocus()
    seen = []
    for _ in range(4):
        focus = form.focusWidget()
        assert focus is not None
        seen.append(next(one.name for one in form.fields if form.editor(one.name).isAncestorOf(focus)))
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    assert seen == ["n", "lr", "mode", "on"]
