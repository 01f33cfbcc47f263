"""Logs in to the registry of a team: its URL and a token, which goes into the keyring."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from PySide6.QtWidgets import QCheckBox, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem
from rhdesk.desktop.forms.form_line import FormLine
from rhdesk.desktop.forms.name_field import registry_of
from rhdesk.desktop.forms.secret_field import SecretField
from rhdesk.desktop.widgets.base import Label, column_of
from rhdesk.desktop.widgets.dialog import Dialog
from rhresources.errors import RhError

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.registry.answers import RegistryState
    from rhresources.workspace import Workspace

_HERE = ("127.0.0.1", "localhost", "::1")


class LoginDialog(Dialog):
    """Nothing waits for it: the window goes on while the registry is asked."""

    def __init__(self, desk: Desk, parent: QWidget) -> None:
        super().__init__(
            parent,
            "Log in to a registry",
            "It keeps names for a team. Whoever runs it gives you its address and a token.",
            icon="log-in",
            width=480,
        )
        self.setObjectName("login-dialog")
        self._desk = desk
        self._task = f"registry.login:{id(self)}"
        self.url = FormLine("url", "Address", "https://registry.example.org")
        self.url.line.setObjectName("login-url")
        self.url.changed.connect(self._url_changed)
        self.url.line.returnPressed.connect(self._to_token)
        self.token: SecretField = SecretField("Token")
        self.token.line.setObjectName("login-token")
        self.token.entered.connect(self._log_in)
        self.token.resized.connect(self.grow)
        about = Label(
            "It goes into your keyring, not into a file, and is sent to this registry only.", "faint", wrap=True
        )
        self.authority = FormLine(
            "authority", "Certificate of its authority, if it has its own", "~/team-ca.pem", choose="file"
        )
        self.authority.start = "~"
        self.insecure = QCheckBox("Send the token unencrypted over the network")
        self.insecure.setObjectName("login-insecure")
        self.insecure.setToolTip("Whoever can listen between here and there can then use it.")
        self.body.addWidget(self.url)
        self.body.addLayout(column_of(Label("Token", "strong"), self.token, about, spacing=4))
        self.body.addWidget(self.authority)
        self.body.addWidget(self.insecure)
        self.add_button("Cancel")
        self.accept_button = self.add_button("Log in", "primary", self._log_in)
        self.accept_button.setObjectName("login-accept")
        known = registry_of(desk)
        if known is not None:
            self.url.set_text(known.url)
        self._url_changed()
        self.fit()
        (self.token if known is not None else self.url.line).setFocus()
        self.finished.connect(lambda result: self._closed())

    def _url_changed(self) -> None:
        self.url.show_error("")
        self.show_problem(None)
        parts = urlsplit(self.url.text if "://" in self.url.text else f"https://{self.url.text}")
        self.insecure.setVisible(parts.scheme == "http" and (parts.hostname or "") not in _HERE)
        self.authority.setVisible(parts.scheme == "https" and bool(parts.hostname))
        self.grow()

    def _to_token(self) -> None:
        self.token.setFocus()

    def _log_in(self) -> None:
        url, token = self.url.text, self.token.text
        if not url:
            self.url.show_error("it may not be empty")
            self.url.line.setFocus()
            self.grow()
            return
        if not token:
            self.token.show_error("Paste the token.")
            self.token.setFocus()
            return
        url = url if "://" in url else f"https://{url}"
        insecure = self.insecure.isChecked() and not self.insecure.isHidden()
        file = self.authority.text if not self.authority.isHidden() else ""
        authority = Path(file).expanduser() if file else None
        self.show_problem(None)

        async def act(workspace: Workspace, progress: Progress) -> RegistryState:
            names = workspace.names
            return await asyncio.to_thread(names.login, url, token, insecure=insecure, authority=authority)

        self.accept_button.setEnabled(False)
        self.say("Logging in…")
        self._desk.act(self._task, act, on_done=self._done, on_error=self._failed, quiet=True)

    def _done(self, state: RegistryState) -> None:
        self.accept()
        if state.problem:
            why = f"{state.problem} {state.remedy}".strip()
            self._desk.notifier.warning("The token is kept only until rhdesk is closed.", why)
        self._desk.notifier.success(f"Logged in to {urlsplit(state.url).netloc or state.url} as {state.user}")
        self._desk.read_names()

    def _failed(self, error: BaseException) -> None:
        if self.is_gone:
            return
        self.accept_button.setEnabled(True)
        self.say("")
        if isinstance(error, RhError) and error.code == "bad-token":
            self.token.show_error("The registry does not accept this token. It may have been revoked.")
            self.token.line.selectAll()
            self.token.setFocus()
        else:
            self.show_problem(Problem.of(error))

    def _closed(self) -> None:
        self.token.clear()
        self._desk.tasks.cancel(self._task)
