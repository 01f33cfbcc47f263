"""Numbers as people read them."""

from __future__ import annotations

import pytest

from rhdesk.core.last_arguments import short_arguments
from rhdesk.core.words import age_text, bytes_text, clock_text, count_text, duration_text, money_text
from rhdesk.desktop.pages.setting_row import parse_size, size_text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1536, "1.5 KB"), (10 * 1024**2, "10.0 MB"), (300 * 1024**3, "300 GB")],
)
def test_bytes(count: int, text: str) -> None:
    assert bytes_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "—"), (0.012, "12 ms"), (3.21, "3.2 s"), (75, "1 min 15 s"), (3600, "1 h"), (200_000, "2 d 7 h")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration_text(seconds) == text


def test_a_growing_duration_counts_whole_seconds() -> None:
    assert clock_text(0.9) == "0 s"
    assert clock_text(75.9) == "1 min 15 s"


def test_ages() -> None:
    assert age_text(0) == "—"
    assert age_text(100, now=102) == "just now"
    assert age_text(100, now=142) == "42 s ago"
    assert age_text(100, now=100 + 7 * 60) == "7 min ago"
    assert age_text(100, now=100 + 3 * 3600) == "3 h ago"


def test_money_and_counts() -> None:
    assert money_text(None) == "—"
    assert money_text(32.77) == "$32.77"
    assert money_text(0.004) == "$0.0040"
    assert count_text(1, "run") == "1 run"
    assert count_text(1200, "run") == "1,200 runs"


def test_arguments_in_one_line_keep_the_numbers_as_they_were_given() -> None:
    assert short_arguments('{"args": [1], "kwargs": {"lr": 2e-05, "name": "x"}}') == '1, lr=2e-05, name="x"'
    assert short_arguments("(1, 2) …") == "(1, 2) …"
    assert short_arguments('{"args": [12345], "kwargs": {}}', 4) == "123…"


@pytest.mark.parametrize("text", ["5 GiB", "512 MiB", "1 TiB", "123"])
def test_sizes_go_through_a_field_unchanged(text: str) -> None:
    assert parse_size(size_text(parse_size(text))) == parse_size(text)


def test_a_size_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size("five")
