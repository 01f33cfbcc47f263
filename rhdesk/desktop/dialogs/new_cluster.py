"""A cluster of one's own hosts, new or to be changed: the form, and beside it the test of the connection."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QLineEdit, QScrollArea, QVBoxLayout, QWidget
from shiboken6 import isValid

from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem
from rhdesk.core.ssh_words import config_words
from rhdesk.desktop.dialogs.connection_test import ConnectionTest
from rhdesk.desktop.forms.cluster_form import ClusterForm
from rhdesk.desktop.forms.name_field import address_problem, kept_problem
from rhdesk.desktop.widgets.base import Label, column_of, row_of
from rhdesk.desktop.widgets.dialog import Dialog, confirm
from rhresources.documents import ClusterDocument, parse_document, plain_values, update_text
from rhresources.errors import DocumentError, RhError

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.reach.ssh.target import SshTarget
    from rhresources.stores.entry import Entry
    from rhresources.workspace import Workspace

_PAUSE = 250


class ClusterDialog(Dialog):
    """Makes a cluster, or changes the one of `entry`; `saved` is given its address."""

    def __init__(
        self, desk: Desk, parent: QWidget, saved: Callable[[str], object], *, entry: Entry | None = None
    ) -> None:
        super().__init__(
            parent,
            f"Edit {entry.name}" if entry is not None else "New cluster",
            "Machines that you already have, reached over SSH. rhdesk installs its server there when it is brought up.",
            width=760,
        )
        self.setObjectName("cluster-dialog")
        self._desk, self._saved, self._entry = desk, saved, entry
        self._tried = self._dirty = False
        self._looked: tuple[Any, ...] = ()
        self.name = QLineEdit(entry.name if entry is not None else "~/")
        self.name.setAccessibleName("Name")
        self.name.setObjectName("cluster-name")
        self.name.setEnabled(entry is None)
        self.name.textEdited.connect(lambda text: self._named())
        self._name_error = Label("", "error", wrap=True)
        self._name_error.hide()
        self.form = ClusterForm()
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 10, 0)
        column.setSpacing(14)
        column.addLayout(column_of(Label("Name", "strong"), self.name, self._name_error, spacing=4))
        column.addWidget(self.form, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(left)
        area.setMinimumWidth(380)
        self.test = ConnectionTest(desk, self._document)
        self.test.setMinimumWidth(340)
        row = row_of(area, self.test, spacing=16)
        row.setStretch(0, 1)
        row.setStretch(1, 1)
        self.body.addLayout(row, 1)
        self.add_button("Cancel")
        self.accept_button = self.add_button("Create" if entry is None else "Save", "primary", self._save)
        self.accept_button.setObjectName("cluster-accept")
        self.accept_button.setDefault(False)  # Return in a field does not create anything
        if entry is not None and isinstance(entry.document, ClusterDocument):
            self.form.set_values(plain_values(entry.document))
        self.form.changed.connect(self._changed)
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE)
        self._pause.timeout.connect(self._check)
        self.resize(900, 664)
        QShortcut(QKeySequence("Ctrl+Return"), self, self._save)
        self._read_config()
        self._check()
        if entry is None:
            self.name.setFocus()
            QTimer.singleShot(0, self.name, self.name.deselect)
        else:
            self.form.hosts.setFocus()

    # ------------------------------------------------------------ what the form says

    def reject(self) -> None:
        """Close; what was typed is only given up after a question."""
        if not self._dirty:
            super().reject()
            return

        def discard() -> None:
            self._dirty = False
            self.reject()

        text = "The cluster was not saved." if self._entry is None else "The changes were not saved."
        confirm(self, "Discard what you typed?", text, "Discard", discard, leave_text="Keep editing")

    def _changed(self) -> None:
        self._dirty = True
        self.show_problem(None)
        self.test.document_changed()
        self._pause.start()

    def _check(self) -> None:
        """Say what is wrong; that something is missing still is no mistake before one is done."""
        self._pause.stop()
        try:
            document = parse_document(self.form.values())
        except DocumentError as error:
            problems = [(field, message) for field, message, _ in error.problems]
            missing = not self.form.hosts.hosts and not self._tried
            stray = self.form.show_errors([each for each in problems if not (missing and each[0] == "ips")])
            if stray and self._tried:
                self.show_problem(Problem("; ".join(stray)))
            self._looked = ()
            self.form.show_note("")
            return
        self.form.show_errors([])
        assert isinstance(document, ClusterDocument)
        self._look_up(document)

    def _document(self) -> ClusterDocument | None:
        """What the form says; None where that is no cluster, which it then shows."""
        self._tried = True
        self._check()
        if self.form.errors:
            self.form.focus_error()
            return None
        try:
            document = parse_document(self.form.values())
        except DocumentError as error:
            self.show_problem(Problem.of(error))
            return None
        assert isinstance(document, ClusterDocument)
        return document

    def _named(self) -> None:
        text = self.name.text().strip()
        problem = address_problem(text, self._desk) if self._tried or text.strip("~/ ") else None
        self._name_error.setText(f"{problem.sentence} {problem.remedy}".strip() if problem else "")
        self._name_error.setVisible(problem is not None)

    # ------------------------------------------------------------ what ~/.ssh/config says

    def _read_config(self) -> None:
        async def read(progress: Progress) -> list[str]:
            from rhresources.reach.ssh.config import hosts_of_config

            return await asyncio.to_thread(hosts_of_config)

        def done(names: list[str]) -> None:
            if isValid(self):
                self.form.set_known(names)

        self._desk.tasks.start(f"ssh.config:{id(self)}", read, on_done=done, quiet=True)

    def _look_up(self, document: ClusterDocument) -> None:
        """Ask what ~/.ssh/config adds; only when something that matters for it has changed."""
        asked = (tuple(document.ips), document.ssh_creds.model_dump_json())
        if asked == self._looked or self._desk.loop.closed:
            return
        self._looked = asked

        async def look(progress: Progress) -> tuple[SshTarget, str]:
            from rhresources.reach.ssh.target import target_of

            return await target_of(document), await asyncio.to_thread(getpass.getuser)

        def done(found: tuple[SshTarget, str]) -> None:
            if isValid(self) and asked == self._looked:
                target, own_name = found
                words = config_words(document.ssh_creds, target, own_name)
                jumps = ", ".join(jump.name for jump in target.jumps)
                self.form.show_note(words, target.user, str(target.port), jumps)

        def failed(error: BaseException) -> None:
            if isValid(self) and asked == self._looked:
                problem = Problem.of(error)
                self.form.show_note(f"{problem.sentence} {problem.remedy}".strip())

        self._desk.tasks.start(f"ssh.target:{id(self)}", look, on_done=done, on_error=failed, quiet=True)

    # ------------------------------------------------------------ saving

    def _save(self) -> None:
        address = self.name.text().strip()
        document = self._document()
        if self._entry is None and (problem := address_problem(address, self._desk)):
            self._named()
            if document is not None:
                self.name.setFocus()
            self._name_error.setText(f"{problem.sentence} {problem.remedy}".strip())
            return
        if document is None:
            return
        entry = self._entry

        async def save(workspace: Workspace, progress: Progress) -> str:
            if entry is None:
                return (await asyncio.to_thread(workspace.names.save, address, document, False)).name
            text = await asyncio.to_thread(update_text, entry.text, document)
            saved = await asyncio.to_thread(workspace.names.save_text, address, text, modified=entry.modified)
            return saved.name

        self.accept_button.setEnabled(False)
        self._desk.act(f"cluster.save:{id(self)}", save, on_done=self._done, on_error=self._failed, quiet=True)

    def _done(self, address: str) -> None:
        if isValid(self):
            self.accept()
        self._saved(address)

    def _failed(self, error: BaseException) -> None:
        if not isValid(self):
            self._desk.notifier.error(error, act="Saving the cluster")
            return
        self.accept_button.setEnabled(True)
        problem = Problem.of(error)
        if isinstance(error, RhError) and error.code == "exists" and self._entry is not None:
            problem = (
                Problem(
                    f"{self._entry.name} was changed on disk while this dialog was open.",
                    "Close it and open it again; what you see here is not saved.",
                )
                if self._entry.path is not None
                else kept_problem(self._entry.name)
            )
        self.show_problem(problem)
