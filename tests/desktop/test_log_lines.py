"""Lines of a log: what a terminal would show of them."""

from __future__ import annotations

import pytest

from rhdesk.desktop.widgets.log_view.ansi import SHOWN_BYTES, Style, parse_line
from rhdesk.desktop.widgets.log_view.colouring import ERROR, INFO, STAMP, VALUE, coloured


def test_colours_become_spans_and_leave_no_trace_in_the_text() -> None:
    line = parse_line(b"\x1b[1;31mred\x1b[0m plain \x1b[44mblue\x1b[49m")
    assert line.text == "red plain blue"
    assert line.spans == ((0, 3, Style(fore="ansi1", bold=True)), (10, 14, Style(back="ansi4")))


def test_256_colours_and_true_colours() -> None:
    line = parse_line(b"\x1b[38;5;208ma\x1b[38;2;1;2;3mb\x1b[48;5;255mc")
    assert [style.fore for _, _, style in line.spans] == ["#ff8700", "#010203", "#010203"]
    assert line.spans[2][2].back == "#eeeeee"


@pytest.mark.parametrize(
    "raw",
    [
        b"\x1b[2Ka\x1b[1Ab",  # erase, cursor
        b"\x1b]0;title\x07ab",  # window title
        b"\x1b]8;;http://x\x1b\\ab\x1b]8;;\x1b\\",  # link
        b"a\x08\x00b",
        b"\x1b[?25la\x1b[?25hb",
    ],
)
def test_other_control_sequences_are_left_out(raw: bytes) -> None:
    assert parse_line(raw).text == "ab"


def test_a_progress_bar_collapses_to_its_last_state() -> None:
    assert parse_line(b"  0%|  |\r 50%|# |\r100%|##| 10/10").text == "100%|##| 10/10"
    assert parse_line(b"100%|##|\r").text == "100%|##|"
    assert parse_line(b"windows line\r").text == "windows line"


def test_bytes_that_are_no_text_are_shown_not_lost() -> None:
    assert parse_line(b"a\xff\xfeb").text == "a\ufffd\ufffdb"


def test_tabs_go_to_columns_of_eight() -> None:
    assert parse_line(b"a\tb").text == "a       b"


def test_a_gigantic_line_is_cut_in_the_view_and_whole_in_a_copy() -> None:
    raw = b"x" * (SHOWN_BYTES * 3)
    assert len(parse_line(raw).text) == SHOWN_BYTES
    assert len(parse_line(raw, whole=True).text) == len(raw)


def test_levels_and_values_are_coloured_where_the_program_did_not() -> None:
    line = coloured(parse_line(b"09:41:02.118  INFO  loss=1.94 lr=2.1e-05"))
    assert [(line.text[a:b], style) for a, b, style in line.spans] == [
        ("09:41:02.118", STAMP),
        ("INFO", INFO),
        ("1.94", VALUE),
        ("2.1e-05", VALUE),
    ]
    assert coloured(parse_line(b"ValueError: no")).spans == ((0, 11, ERROR),)
    own = parse_line(b"\x1b[32mERROR\x1b[0m")
    assert coloured(own) is own
    assert coloured(parse_line(b"an information and a warningless word")).spans == ()
