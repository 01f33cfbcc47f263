"""A new package: the form, and beside it the YAML that it makes; either can be edited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.package_names import package_names
from rhdesk.core.rows import Problem
from rhdesk.desktop.forms.name_field import address_problem
from rhdesk.desktop.forms.package_form import PackageForm
from rhdesk.desktop.forms.package_sync import PackageSync
from rhdesk.desktop.forms.yaml_editor import YamlEditor
from rhdesk.desktop.widgets.base import Card, Label, column_of, row_of
from rhdesk.desktop.widgets.dialog import Dialog
from rhresources.documents import PackageDocument, parse_document
from rhresources.errors import AlreadyExists, DocumentError

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.workspace import Workspace


class NewPackage(Dialog):
    """`added` is given the address of what was made."""

    def __init__(self, desk: Desk, parent: QWidget, added: Callable[[str], object]) -> None:
        super().__init__(
            parent, "New package", "What a function needs, under a name. Functions name it as rh:~/name.", width=760
        )
        self._desk, self._added = desk, added
        self.name = QLineEdit("~/")
        self.name.setAccessibleName("Name")
        self.name.setObjectName("package-name")
        self.name.textEdited.connect(
            lambda text: self.show_problem(address_problem(text, self._desk) if text.strip("~/ ") else None)
        )
        names = package_names(desk)
        self.finished.connect(lambda result: names.forget())  # what is asked would be answered to a form that is gone
        self.form = PackageForm(names)
        # what is missing still is no mistake before one is done
        self.yaml = YamlEditor(lambda text: self._sync.problems(text), name="YAML of the package")
        self._sync = PackageSync(self.form, self.yaml)
        self._sync.complains = False
        self._sync.state_changed.connect(self._say_waiting)
        self.yaml.save_asked.connect(self._create)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(14)
        column.addLayout(column_of(Label("Name", "strong"), self.name, spacing=4))
        column.addWidget(self.form, 1)
        card = Card(margins=(0, 0, 0, 0))
        card.body.addWidget(self.yaml)
        card.setMinimumWidth(280)
        row = row_of(left, card, spacing=16)
        row.setStretch(0, 1)
        row.setStretch(1, 1)
        self.body.addLayout(row, 1)
        self.add_button("Cancel")
        self.accept_button = self.add_button("Create", "primary", self._create)
        self.resize(820, 560)
        self._sync.write()
        self.name.setFocus()
        QTimer.singleShot(0, self.name, self.name.deselect)

    def _say_waiting(self) -> None:
        self.show_problem(Problem(self._sync.waits) if self._sync.waits else None)

    def _create(self) -> None:
        address = self.name.text().strip()
        if problem := address_problem(address, self._desk):
            self.show_problem(problem)
            self.name.setFocus()
            return
        self._sync.complains, text = True, self.yaml.text
        try:
            document = parse_document(text)
        except DocumentError as error:
            if not error.problems:  # else it stands at its field and its line
                self.show_problem(Problem.of(error))
            self.yaml.check_now()
            return
        if not isinstance(document, PackageDocument):
            self.show_problem(Problem(f"The YAML is a {document.kind}, not a package.", "Write kind: package."))
            return

        async def create(workspace: Workspace, progress: Progress) -> str:
            return (await asyncio.to_thread(workspace.names.save_text, address, text, modified=0.0)).name

        self.accept_button.setEnabled(False)
        self._desk.act("package.create", create, on_done=self._created, on_error=self._failed, quiet=True)

    def _created(self, address: str) -> None:
        self.accept()
        self._added(address)

    def _failed(self, error: BaseException) -> None:
        if self.is_gone:
            self._desk.notifier.error(error, act="New package")
            return
        self.accept_button.setEnabled(True)
        self.show_problem(Problem.of(error))
        if isinstance(error, AlreadyExists):
            self.name.setFocus()
            self.name.selectAll()
