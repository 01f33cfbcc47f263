"""Results as one sees, copies and saves them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QColor, QGuiApplication, QImage
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from rhdesk.core.results import ErrorReport, ResultPreview, TableData, delimited, sorted_rows
from rhdesk.desktop.forms.result_table import TableModel
from rhdesk.desktop.forms.result_tree import JsonModel
from rhdesk.desktop.forms.result_view import ResultView

TABLE = {"columns": ["epoch", "loss", "note"], "rows": [[0, 2.5, "a,b"], [1, 10.0, None], [2, 0.5, "c"]], "total": 90}
TREE = {"lr": 2e-05, "history": [{"loss": 1.5}, {"loss": 0.5}], "name": "x"}


@pytest.fixture
def view(qtbot: QtBot, themed: None) -> ResultView:
    made = ResultView()
    qtbot.addWidget(made)
    made.resize(600, 400)
    made.show()
    return made


def clipboard() -> str:
    return QGuiApplication.clipboard().text()


def test_a_table_is_sorted_by_value_and_copied_as_csv(view: ResultView, tmp_path: Path) -> None:
    view.show_preview(ResultPreview("table", "frame", json.dumps(TABLE), shortened=True, type="pandas.DataFrame"))
    assert view.way == "table"
    assert "first 3 of 90 rows" in view._facts.text()
    model = view._rows.rows
    model.sort_by(1)
    assert [row[1] for row in model.rows()] == [0.5, 2.5, 10.0]
    model.sort_by(1)
    assert [row[1] for row in model.rows()] == [10.0, 2.5, 0.5]
    view._rows.copy(",", names=True)
    assert clipboard() == 'epoch,loss,note\n1,10.0,\n0,2.5,"a,b"\n2,0.5,c\n'
    view.save(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == clipboard()


def test_selected_cells_are_copied_for_a_spreadsheet(view: ResultView) -> None:
    view.show_preview(ResultPreview("table", "", json.dumps(TABLE)))
    view._rows.selectRow(2)
    view._rows.copy()
    assert clipboard() == "2\t0.5\tc"


def test_empty_cells_sort_last_in_both_directions() -> None:
    rows = [(None,), (3,), (float("nan"),), (1,)]
    assert [row[0] for row in sorted_rows(rows, 0, False)][:2] == [1, 3]
    assert [row[0] for row in sorted_rows(rows, 0, True)][:2] == [3, 1]


def test_a_tree_copies_a_value_and_the_way_to_it(view: ResultView) -> None:
    view.show_preview(ResultPreview("tree", repr(TREE), json.dumps(TREE), type="builtins.dict"))
    tree = view._tree
    model = tree.model()
    history = model.index(1, 0)
    tree.setCurrentIndex(model.index(0, 0, model.index(1, 0, history)))
    tree.copy_path()
    assert clipboard() == '["history"][1]["loss"]'
    tree.copy_value()
    assert clipboard() == "0.5"


def test_the_models_keep_the_rules_of_qt(qtmodeltester: ModelTester, themed: None) -> None:
    qtmodeltester.check(JsonModel(TREE))
    table = TableModel()
    table.show_table(TableData.parse(json.dumps(TABLE)))
    qtmodeltester.check(table)


def test_a_picture_is_fitted_zoomed_copied_and_saved(view: ResultView, tmp_path: Path) -> None:
    image = QImage(1200, 900, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    data = bytes(buffer.data().data())
    view.show_preview(ResultPreview("image", "figure", image=data))
    assert view.way == "picture"
    assert view._picture.zoom < 1
    view._zoom.click()
    assert view._picture.zoom == 1
    view._zoom.click()
    assert view._picture.fitted
    view.copy()
    assert QGuiApplication.clipboard().image().size() == image.size()
    view.save(tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes() == data


@pytest.mark.parametrize(
    "preview",
    [
        ResultPreview("table", "words", "not json"),
        ResultPreview("table", "words", "[]"),
        ResultPreview("tree", "words", "{"),
        ResultPreview("image", "words", image=b"no picture"),
    ],
)
def test_a_preview_that_cannot_be_read_is_shown_as_text(view: ResultView, preview: ResultPreview) -> None:
    view.show_preview(preview)
    assert view.way == "text"
    assert view._text.toPlainText() == "words"


def test_an_error_is_shown_with_its_traceback_and_copied_whole(view: ResultView) -> None:
    trace = 'Traceback (most recent call last):\n  File "train.py", line 3, in main\nValueError: too few\n'
    view.show_error(ErrorReport("builtins.ValueError", "too few", trace))
    view._error.copy()
    assert clipboard() == trace.rstrip()
    folder = f"/home/me/.rh/server/code/trees/project-1a2b3c4d/{'0f' * 32}/"
    view.show_error(ErrorReport("builtins.ValueError", "too few", trace.replace("train.py", f"{folder}src/train.py")))
    assert 'File "src/train.py", line 3, in main' in view._error._traceback.toPlainText()
    view._error.copy()
    assert folder in clipboard()
    assert view._error._headline.text() == "ValueError: too few"
    view.show_error(ErrorReport("", "The worker was killed (signal 9).", remedy="Run it again."))
    view._error.copy()
    assert clipboard() == "The worker was killed (signal 9).\nRun it again."


def test_csv_keeps_what_needs_quotes() -> None:
    assert delimited(["a"], [['say "x"'], ["1\n2"], [True]]) == 'a\n"say ""x"""\n"1\n2"\nTrue\n'
