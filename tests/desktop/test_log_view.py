"""The log panel as a user handles it: following, finding, selecting, copying; and millions of lines."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from rhdesk.desktop import theme
from rhdesk.desktop.widgets.log_view import LogPanel


@pytest.fixture
def panel(qtbot: QtBot, themed: None) -> LogPanel:
    made = LogPanel()
    qtbot.addWidget(made)
    made.resize(800, 300)
    made.show()
    qtbot.waitExposed(made)
    return made


def numbered(count: int) -> bytes:
    return b"".join(b"line %d of the log\n" % number for number in range(count))


def bottom_line(panel: LogPanel) -> int:
    """The last whole line in sight."""
    view = panel.view
    return view.verticalScrollBar().value() + view.verticalScrollBar().pageStep() - 1


def test_it_follows_lets_go_on_scroll_up_and_comes_back_at_the_end(panel: LogPanel, qtbot: QtBot) -> None:
    panel.feed(0, numbered(500))
    qtbot.waitUntil(lambda: bottom_line(panel) == 499)
    QTest.keyClick(panel.view, Qt.Key.Key_PageUp)
    assert not panel.view.follow
    here = bottom_line(panel)
    panel.feed(panel.buffer.end, b"more\n" * 50)
    qtbot.wait(80)
    assert bottom_line(panel) == here, "what is read stays where it is"
    QTest.keyClick(panel.view, Qt.Key.Key_End)
    assert panel.view.follow
    panel.feed(panel.buffer.end, b"last\n")
    qtbot.waitUntil(lambda: bottom_line(panel) == 550)


def test_find_counts_highlights_and_goes_to_the_next(panel: LogPanel, qtbot: QtBot) -> None:
    panel.feed(0, numbered(1000))
    panel.view.set_follow(False)
    panel.view.verticalScrollBar().setValue(0)
    panel.open_search()
    QTest.keyClicks(panel.search_bar.field, "line 99")
    qtbot.waitUntil(lambda: panel.view.current_match is not None)
    assert panel.view.current_match == (99, 0, 7)
    QTest.keyClick(panel.search_bar.field, Qt.Key.Key_Return)
    assert panel.view.current_match == (990, 0, 7)
    assert bottom_line(panel) >= 990, "the match is in sight"
    QTest.keyClick(panel.search_bar.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(panel, Qt.Key.Key_F3, Qt.KeyboardModifier.ShiftModifier)
    assert panel.view.current_match is not None
    QTest.keyClick(panel.search_bar.field, Qt.Key.Key_Escape)
    assert panel.search_bar.isHidden()


def test_a_bad_expression_says_so_and_a_missing_word_too(panel: LogPanel, qtbot: QtBot) -> None:
    panel.feed(0, numbered(10))
    panel.open_search()
    panel.search_bar.regex.setChecked(True)
    said = panel.search_bar._said
    QTest.keyClicks(panel.search_bar.field, "(")
    qtbot.waitUntil(lambda: "regular expression" in said.text())
    panel.search_bar.field.setText("absent")
    qtbot.waitUntil(lambda: said.text() == "Not found")


def test_lines_are_selected_with_the_mouse_and_copied_without_colours(panel: LogPanel, qtbot: QtBot) -> None:
    panel.feed(0, b"\x1b[31mfirst\x1b[0m line\nsecond line\nthird line\n")
    qtbot.wait(60)
    port, row = panel.view.viewport(), int(panel.view._lines.row)
    QTest.mousePress(port, Qt.MouseButton.LeftButton, pos=QPoint(16, 4))
    QTest.mouseMove(port, QPoint(16 + int(panel.view._lines.step * 6), row + 4))
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=QPoint(16 + int(panel.view._lines.step * 6), row + 4))
    QTest.keyClick(panel.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "first line\nsecond"
    QTest.keyClick(panel.view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert panel.view.selected_text() == "first line\nsecond line\nthird line"


def test_the_keyboard_extends_a_selection(panel: LogPanel) -> None:
    panel.feed(0, b"abc\ndef\n")
    shift = Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(panel.view, Qt.Key.Key_Right, shift)
    QTest.keyClick(panel.view, Qt.Key.Key_Down, shift)
    assert panel.view.selected_text() == "abc\nd"


def test_wrapped_lines_show_the_end_of_a_long_one(panel: LogPanel, qtbot: QtBot) -> None:
    panel.feed(0, b"short\n" * 30 + b"x" * 2000 + b"END\n")
    panel.view.set_wrap(True)
    qtbot.wait(80)
    assert panel.view.horizontalScrollBar().maximum() == 0
    assert panel.view.verticalScrollBar().maximum() >= 20


def test_older_pieces_are_asked_for_at_the_top(panel: LogPanel, qtbot: QtBot) -> None:
    whole = numbered(50_000)
    start = whole.index(b"line 40000 ")
    panel.clear(start)
    panel.feed(start, whole[start:])
    qtbot.wait(60)
    with qtbot.waitSignal(panel.piece_wanted) as asked:
        QTest.keyClick(panel.view, Qt.Key.Key_Home)
    offset, length = asked.args
    assert offset + length == start
    top = panel.view.text_of(panel.view.verticalScrollBar().value())
    panel.feed_piece(offset, whole[offset : offset + length])
    assert panel.view.text_of(panel.view.verticalScrollBar().value()) == top, "what is in sight does not jump"
    assert panel.buffer.start < start


def test_four_hundred_thousand_lines_are_taken_and_painted(panel: LogPanel, qtbot: QtBot) -> None:
    block = b"09:41:02.118  INFO  (rank0) epoch 3/10 step 4810 loss=1.9412 lr=2.1e-05 tok/s=182,344\n" * 1000
    for count in range(1000, 401_000, 1000):
        panel.feed(panel.buffer.end, block)
        if count % 10_000 == 0:
            panel.view.viewport().repaint()
    bar = panel.view.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 390_000, timeout=5000)
    bar.setValue(200_000)
    panel.view.viewport().repaint()
    assert bar.value() == 200_000
    assert panel.view.text_of(200_000).startswith("09:41:02.118")


def test_an_empty_log_says_why(panel: LogPanel) -> None:
    panel.say("Waiting for its first line…")
    assert panel._words.isVisible()
    panel.feed(0, b"first\n")
    assert not panel._words.isVisible()


def test_both_themes_paint_the_console_in_their_own_colour(panel: LogPanel, qapp: object) -> None:
    for name in ("light", "dark"):
        theme.apply(qapp, name)  # type: ignore[arg-type]
        image = panel.view.viewport().grab().toImage()
        assert image.pixelColor(4, 200).name() == theme.tokens().console
