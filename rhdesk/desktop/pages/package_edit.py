"""One saved package: its form and its YAML beside each other, Check, and Save after a look at what changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.package_names import package_names
from rhdesk.core.rows import Problem
from rhdesk.desktop.dialogs.review_changes import review_changes
from rhdesk.desktop.forms.document_editor import DocumentEditor
from rhdesk.desktop.forms.package_form import PackageForm
from rhdesk.desktop.forms.package_sync import PackageSync, asks_alike, warm_up
from rhdesk.desktop.forms.yaml_editor import TextProblem
from rhdesk.desktop.widgets.base import Button
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import ProblemBox


class PackageEditor(DocumentEditor):
    """Shows one package at a time; `check_asked` carries the YAML that shall be checked."""

    check_asked = Signal(str)

    def __init__(self, desk: Desk) -> None:
        self.users: Callable[[str], Sequence[str]] = lambda address: ()
        self.form = PackageForm(package_names(desk))
        beside = QWidget()
        super().__init__(desk, check=self._problems, beside=beside)
        self.setMinimumWidth(320)
        self._sync = PackageSync(self.form, self.editor)
        self._sync.state_changed.connect(self._show_waiting)
        self.editor.edit.setAccessibleName("YAML of the package")
        self.save_button.setObjectName("package-save")
        self.check_button = Button(
            "Check", "", "shield-check", self._check, tip="See what would be installed (Ctrl+Enter)"
        )
        self.check_button.setObjectName("package-check")
        self.add_button(self.check_button)
        self.editor.checked.connect(self._checked)
        self._waiting = QVBoxLayout()
        self._waiting.setContentsMargins(0, 0, 0, 0)
        inner = QWidget()
        words = QVBoxLayout(inner)
        words.setContentsMargins(16, 12, 16, 12)
        words.setSpacing(12)
        words.addLayout(self._waiting)
        words.addWidget(self.form, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it follows the field that has it
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inner)
        column = QVBoxLayout(beside)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(area)
        beside.setMinimumWidth(inner.minimumSizeHint().width() + area.verticalScrollBar().sizeHint().width())
        beside.setMinimumHeight(150)
        self.editor.setMinimumSize(220, 120)
        within = Qt.ShortcutContext.WidgetWithChildrenShortcut
        QShortcut(QKeySequence.StandardKey.Save, self, self.save, context=within)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(keys), self, self.check_button.click, context=within)
        threading.Thread(target=warm_up, daemon=True, name="yaml-warm-up").start()

    def show_address(self, address: str) -> None:
        if address != self.address:
            self.form.set_values({"install_method": "pip"})  # nothing of another package is left where this is broken
        super().show_address(address)

    def before_save(self, old: str, new: str, save: Callable[[], object]) -> None:
        """Show what changes and who is concerned; a text with problems is not asked about, but marked."""
        if self._problems(new):
            save()  # refused, and says why
        elif old != new:
            users, concerned = self.users(self.address), not asks_alike(old, new)
            review_changes(self.window(), self.address, old, new, users, save, concerned=concerned)

    def let_edit(self, may: bool) -> None:
        if self.form.isEnabled() != may:
            self.form.setEnabled(may)

    def focus_form(self) -> None:
        """Put the cursor into the first line of the form."""
        line = self.form.git_url.line if self.form.method == "git" else self.form.target.line
        line.setFocus()

    def _problems(self, text: str) -> list[TextProblem]:
        return self._sync.problems(text)

    def _check(self) -> None:
        self.check_asked.emit(self.editor.text)

    def _checked(self, problems: list[TextProblem]) -> None:
        self.check_button.allow("It has problems; they are marked." if problems else "")

    def _show_waiting(self) -> None:
        clear_layout(self._waiting)
        if self._sync.waits:
            self._waiting.addWidget(ProblemBox(Problem(self._sync.waits), level="warn"))
