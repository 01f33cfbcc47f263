"""Filters of long lists look into what was made ready before somebody typed, and still find what is so now."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pytestqt.qtbot import QtBot

from rhdesk.desktop.models.columns import Column
from rhdesk.desktop.models.row_model import RowModel

LONG = 1_200


@dataclass(frozen=True)
class Book:
    title: str


class Shelf:
    """A long list, and what it asked of its rows."""

    def __init__(self) -> None:
        self.asked = 0
        self.readers: dict[str, str] = {}
        columns = [
            Column[Book]("title", "Title", self._title),
            Column[Book]("reader", "Reader", lambda book: self.readers.get(book.title, "nobody"), varies=True),
            Column[Book]("age", "Age", lambda book: "8 min ago", ages=True),
        ]
        self.model: RowModel[Book] = RowModel(columns, lambda book: book.title)
        self.books = [Book(f"Book {number}") for number in range(LONG)]
        self.model.set_rows(self.books)

    def _title(self, book: Book) -> str:
        self.asked += 1
        return book.title

    def found(self, words: str) -> list[str]:
        self.model.set_filter(words)
        return [book.title for book in self.model.shown_rows()]


@pytest.fixture
def shelf(qtbot: QtBot) -> Shelf:
    return Shelf()


def test_that_a_letter_typed_into_a_long_list_makes_no_texts(shelf: Shelf, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: shelf.asked == LONG, timeout=60_000)
    assert shelf.found("book 1199 nobody") == ["Book 1199"]
    assert shelf.asked == LONG


def test_that_nobody_waits_for_the_texts_to_be_ready(shelf: Shelf) -> None:
    assert shelf.found("book 1199") == ["Book 1199"]


def test_that_a_row_is_found_by_what_it_says_now(shelf: Shelf, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: shelf.asked == LONG, timeout=60_000)
    shelf.books[7] = Book("Another")
    shelf.model.set_rows(shelf.books)
    assert shelf.found("another") == ["Another"]
    assert "Book 7" not in shelf.found("book")


def test_that_what_varies_is_looked_up_anew_and_what_ages_is_not_looked_into(shelf: Shelf) -> None:
    assert shelf.found("ada") == []
    shelf.readers["Book 3"] = "Ada"
    shelf.model.set_rows(shelf.books)
    assert shelf.found("ada") == ["Book 3"]
    assert shelf.found("book ada 3") == ["Book 3"]
    assert shelf.found("ago") == []
