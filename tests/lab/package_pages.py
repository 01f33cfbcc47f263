"""The page of packages with one of them open, and what tests of it do as somebody at the window would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.core.desk import Desk
from rhdesk.desktop.pages.packages import PackagesPage
from rhdesk.desktop.widgets.dialog import Dialog

Save = Callable[[str, str], Path]
PACKAGE = """# what training needs
kind: package
install_method: pip
target: numpy==1.26.4  # pinned, see #12
options: [--no-deps]
"""


def show(qtbot: QtBot, page: QWidget, width: int = 1100) -> None:
    """Show a page as if it were the window."""
    qtbot.addWidget(page)
    page.resize(width, 680)
    page.show()
    page.activateWindow()


def open_packages(qtbot: QtBot, desk: Desk, save: Save) -> PackagesPage:
    """The page with the package `~/deps`, which is `PACKAGE`, open and `~/other` beside it."""
    save("deps", PACKAGE)
    save("other", "kind: package\ninstall_method: local\ntarget: ~/lib\n")
    qtbot.waitUntil(lambda: "~/deps" in desk.store.packages and "~/other" in desk.store.packages, timeout=5000)
    made = PackagesPage(desk)
    show(qtbot, made)
    made.open("~/deps")
    qtbot.waitUntil(lambda: made.editor.form.target.text == "numpy==1.26.4", timeout=5000)
    return made


def yaml_of(page: PackagesPage) -> str:
    """What stands in the editor."""
    return page.editor.editor.text


def retype(page: PackagesPage, old: str, new: str) -> None:
    """Change the YAML as somebody who types would."""
    assert old in yaml_of(page)
    page.editor.editor.edit.replace_text(yaml_of(page).replace(old, new))


def words(widget: QWidget) -> str:
    """All that labels say."""
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if not label.isHidden())


def dialog_of(page: PackagesPage) -> Dialog:
    """The dialog that is open."""
    return next(dialog for dialog in page.window().findChildren(Dialog) if dialog.isVisible())


def press(parent: QWidget, text: str) -> None:
    """Press the button of that text."""
    next(button for button in parent.findChildren(QPushButton) if button.text().strip() == text).click()
