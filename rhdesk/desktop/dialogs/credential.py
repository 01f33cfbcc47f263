"""Adds a credential, or puts another secret in place of the one that is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from PySide6.QtWidgets import QCheckBox, QWidget
from shiboken6 import isValid

from rhdesk.core.credential_rows import CredentialRow
from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem
from rhdesk.desktop.forms.form_line import FormLine
from rhdesk.desktop.forms.inputs import offer
from rhdesk.desktop.forms.secret_field import SecretField
from rhdesk.desktop.widgets.base import ChipRow, Label, column_of, row_of
from rhdesk.desktop.widgets.dialog import Dialog
from rhresources.errors import RhError

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.credentials import Kept, Kind, StoreState
    from rhresources.workspace import Workspace

_CHIPS = [("passphrase", "Passphrase"), ("password", "Password"), ("token", "Token")]
_ABOUT = {
    "passphrase": "It opens an encrypted key file. The key stays in its file and is not copied.",
    "password": "It logs in to one account on one host.",
    "token": "Anything secret that has a name, such as the token of a registry.",
}


class CredentialDialog(Dialog):
    """`saved` is given kind, subject, and whether it should be tested now."""

    def __init__(
        self,
        desk: Desk,
        parent: QWidget,
        saved: Callable[[str, str, bool], object],
        *,
        replace: CredentialRow | None = None,
        accounts: Sequence[str] = (),
        store: StoreState | None = None,
    ) -> None:
        title = f"Replace {replace.words}" if replace is not None else "Add a credential"
        super().__init__(parent, title, icon="key-round", width=480)
        self.setObjectName("credential-dialog")
        self._desk, self._saved, self._replace = desk, saved, replace
        self._task = f"credential.put:{id(self)}"
        self.kinds = ChipRow()
        self.kinds.set_chips(_CHIPS)
        self.kinds.chosen.connect(lambda kind: self._show_kind())
        self._about = Label("", "faint", wrap=True)
        self.lines = {
            "passphrase": FormLine("key", "Key file", "~/.ssh/id_ed25519", choose="file"),
            "password": FormLine("account", "Account", "alice@gpu1, or alice@gpu1:2222"),
            "token": FormLine("token", "Name", "registry"),
        }
        self.lines["passphrase"].start = "~/.ssh"
        self.lines["password"].line.setCompleter(offer(accounts, self))
        if replace is None:
            self.body.addLayout(column_of(row_of(self.kinds, None), self._about, spacing=4))
            for kind, line in self.lines.items():
                line.line.setObjectName(f"credential-{kind}")
                line.changed.connect(lambda line=line: line.show_error(""))
                self.body.addWidget(line)
        self._secret_title = Label("", "strong")
        self.secret = SecretField("Secret")
        self.secret.line.setObjectName("credential-secret")
        self.secret.entered.connect(self._save)
        self.secret.resized.connect(self.grow)
        self.body.addLayout(column_of(self._secret_title, self.secret, spacing=4))
        self.session_only = QCheckBox("Only until rhdesk is closed")
        self.session_only.setObjectName("credential-session")
        self.test = QCheckBox("Log in with it now, to test it")
        self.test.setChecked(True)
        where = QWidget()
        column = column_of(self.session_only, self.test, spacing=8)
        where.setLayout(column)
        self.body.addWidget(where)
        if store is not None and not store.usable:
            self.session_only.setChecked(True)
            self.session_only.hide()
            column.insertWidget(0, Label("No keyring: kept until rhdesk is closed, then forgotten.", "bad", wrap=True))
        elif store is not None and store.title:
            self.session_only.setText(f"Only until rhdesk is closed, not in {store.title}")
        if replace is not None and replace.where == "session":
            self.session_only.setChecked(True)
        self.add_button("Cancel")
        self.accept_button = self.add_button("Save", "primary", self._save)
        self.accept_button.setObjectName("credential-accept")
        if replace is not None:
            self.kinds.choose(replace.kind)
        self._show_kind()
        self.fit()
        (self.secret if replace is not None else self._line.line).setFocus()
        self.finished.connect(lambda result: self._closed())

    @property
    def kind(self) -> str:
        return self.kinds.current

    @property
    def _line(self) -> FormLine:
        return self.lines[self.kind]

    def _show_kind(self) -> None:
        self._about.setText(_ABOUT[self.kind])
        for kind, line in self.lines.items():
            line.setVisible(kind == self.kind and self._replace is None)
        title = dict(_CHIPS)[self.kind]
        self._secret_title.setText(f"New {title.lower()}" if self._replace is not None else title)
        self.secret.line.setAccessibleName(self._secret_title.text())
        self.test.setVisible(self.kind == "password")
        self.secret.show_error("")
        self.show_problem(None)
        self.grow()

    def _save(self) -> None:
        kind, text = self.kind, self._line.text
        subject = self._replace.subject if self._replace is not None else ""
        if not subject and not text:
            self._line.show_error("it may not be empty")
            self._line.line.setFocus()
            self.grow()
            return
        if not self.secret.text:
            self.secret.show_error(f"Type the {kind}.")
            self.secret.setFocus()
            return
        self.show_problem(None)
        secret, session_only = self.secret.text, self.session_only.isChecked()

        async def put(workspace: Workspace, progress: Progress) -> tuple[str, Kept]:
            name = subject or await _subject(kind, text)
            if kind == "passphrase":
                from rhresources.credentials.checks import check_passphrase

                await asyncio.to_thread(check_passphrase, name, secret)
            kept = await workspace.credentials.put(cast("Kind", kind), name, secret, session_only=session_only)
            return name, kept

        self._busy(True)
        self._desk.act(
            self._task, put, on_done=self._done, on_error=self._failed, on_end=lambda: self._busy(False), quiet=True
        )

    def _busy(self, busy: bool) -> None:
        if isValid(self):
            self.accept_button.setEnabled(not busy)
            self.say("Saving…" if busy else "")

    def _done(self, outcome: tuple[str, Kept]) -> None:
        name, kept = outcome
        wanted_keyring = not self.session_only.isChecked() if isValid(self) else True
        if wanted_keyring and kept.where == "session":
            self._desk.notifier.warning(kept.sentence, kept.remedy)
        else:
            self._desk.notifier.success(kept.sentence)
        if isValid(self):
            kind, test = self.kind, self.kind == "password" and self.test.isChecked()
            self.accept()
            self._saved(kind, name, test)

    def _failed(self, error: BaseException) -> None:
        if not isValid(self):
            return
        if isinstance(error, RhError) and error.code == "passphrase-wrong":
            self.secret.show_error("That passphrase does not open the key.")
            self.secret.line.selectAll()
            self.secret.setFocus()
        else:
            self.show_problem(Problem.of(error))

    def _closed(self) -> None:
        self.secret.clear()
        self._desk.tasks.cancel(self._task)


async def _subject(kind: str, text: str) -> str:
    """What a credential is kept under.

    Raises:
        RhError: there is no such key, it wants no passphrase, or the text is no account.
    """
    if kind == "token":
        return text
    from rhresources.credentials.checks import passphrase_subject, password_account

    if kind == "passphrase":
        return await asyncio.to_thread(passphrase_subject, text)
    return (await password_account(text)).account
