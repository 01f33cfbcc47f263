"""Names that were deleted in a registry, in the window: found again, and brought back."""

from __future__ import annotations

from desktop.registry_parts import PACKAGE, SOON, click, has, opened, words
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from rhdesk.desktop.dialogs.deleted_names import DeletedNames
from rhdesk.desktop.pages.names import NamesPage
from rhdesk.desktop.shell import Shell
from rhresources.resource_names import ResourceNames


def test_what_others_deleted_is_found_by_words_and_brought_back(
    qtbot: QtBot, names_shell: Shell, names_page: NamesPage, bob: ResourceNames
) -> None:
    for name in ("lent", "other"):
        bob.save_text(f"@/{name}", PACKAGE)
        bob.share(f"@/{name}", {"alice": "write" if name == "lent" else "read"})
        bob.delete(f"@/{name}")
    click(names_page, "names-deleted")
    dialog = opened(names_shell, DeletedNames)
    rows = dialog.table.rows.all_rows
    qtbot.waitUntil(lambda: [row.name for row in rows()] == ["/bob/other", "/bob/lent"], timeout=SOON)
    assert "ask bob" in dialog.restore_button.toolTip(), "it could only be read"
    QTest.keyClicks(dialog.search, "lent")
    qtbot.waitUntil(lambda: [row.name for row in rows()] == ["/bob/lent"], timeout=SOON)
    QTest.keyClick(dialog.search, Qt.Key.Key_Down)
    qtbot.waitUntil(dialog.restore_button.isEnabled, timeout=SOON)
    QTest.keyClick(dialog.table, Qt.Key.Key_Return)
    qtbot.waitUntil(has(names_page, "/bob/lent"), timeout=SOON)
    qtbot.waitUntil(lambda: not isValid(dialog), timeout=SOON)
    assert bob.load("@/lent").text == PACKAGE
    names_page.show_deleted("/alice")
    again = opened(names_shell, DeletedNames)
    qtbot.waitUntil(lambda: "Nothing was deleted" in words(again), timeout=SOON)
    again.reject()
