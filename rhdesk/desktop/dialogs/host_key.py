"""Asks whether the key of a host that was never seen before is the right one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from rhdesk.desktop.forms.inputs import mark_invalid
from rhdesk.desktop.widgets.base import Card, Label, ToolButton, column_of
from rhdesk.desktop.widgets.dialog import Dialog
from rhdesk.desktop.widgets.side_panel import Facts

if TYPE_CHECKING:
    from rhresources.reach.questions import HostKeyQuestion

_TYPES = {"ssh-ed25519": "ed25519", "ssh-rsa": "rsa", "rsa-sha2-256": "rsa", "rsa-sha2-512": "rsa"}


class HostKeyDialog(Dialog):
    """`answered` carries the answer; closing the dialog in any way is a no."""

    answered = Signal(bool)

    def __init__(self, parent: QWidget, question: HostKeyQuestion) -> None:
        super().__init__(
            parent,
            f"Is this {question.host}?",
            "rhdesk has never connected to this host. Before it goes on, make sure that it is the host you mean, "
            "and not another that answers in its place.",
            icon="shield-check",
            width=600,
        )
        self.setObjectName("host-key-question")
        self._question = question
        kind = _TYPES.get(question.key_type, "ecdsa" if question.key_type.startswith("ecdsa") else "")
        card = Card()
        facts = Facts(name_width=84)
        host = question.host if question.port == 22 else f"{question.host}, port {question.port}"
        facts.set_facts([("Host", host), ("Key type", question.key_type)])
        card.body.addWidget(facts)
        row = QHBoxLayout()
        row.setSpacing(12)
        name = Label("Fingerprint", "muted")
        name.setFixedWidth(84)
        row.addWidget(name)
        self.fingerprint = Label(question.fingerprint, "mono", select=True)
        self.fingerprint.setObjectName("fingerprint")
        self.fingerprint.setAccessibleName(f"Fingerprint {question.fingerprint}")
        row.addWidget(self.fingerprint, 1)
        self._copy = ToolButton("copy", "Copy the fingerprint", self._put_on_clipboard)
        row.addWidget(self._copy)
        card.body.addLayout(row)
        self.body.addWidget(card)
        where = f"/etc/ssh/ssh_host_{kind}_key.pub" if kind else "/etc/ssh/ssh_host_*_key.pub"
        self.body.addWidget(
            Label(
                "Compare it with what this says on the host itself, or ask whoever runs the host:",
                "muted",
                wrap=True,
            )
        )
        command = Label(f"ssh-keygen -lf {where}", "mono", select=True)
        command.setContentsMargins(12, 0, 0, 0)
        self.body.addWidget(command)
        self.given = QLineEdit()
        self.given.setObjectName("fingerprint-given")
        self.given.setPlaceholderText("Optional: paste the fingerprint that you were given")
        self.given.setAccessibleName("The fingerprint that you were given")
        self.given.textChanged.connect(self._compare)
        self._verdict = Label("", "good")
        self._verdict.hide()
        self.body.addLayout(column_of(self.given, self._verdict, spacing=4))
        kept = f"After a yes it is kept in {question.file}, and not asked again."
        self.body.addWidget(Label(kept, "faint", wrap=True))
        self.trust_button = self.add_button("Trust and connect", "", lambda: self._answer(True))
        self.trust_button.setObjectName("host-key-trust")
        self.refuse_button = self.add_button("Do not connect", "", lambda: self._answer(False))
        self.refuse_button.setObjectName("host-key-refuse")
        self.refuse_button.setDefault(True)
        self.refuse_button.setFocus()
        self.fit()
        self._said = False
        self.finished.connect(lambda result: self._answer(False))

    def _answer(self, yes: bool) -> None:
        if not self._said:
            self._said = True
            if self.isVisible():
                self.done(0)
            self.answered.emit(yes)

    def _compare(self, text: str) -> None:
        text = _bare(text)
        same = text == _bare(self._question.fingerprint)
        self._verdict.setVisible(bool(text))
        self._verdict.set_role("good" if same else "error")
        self._verdict.setText("It is the same." if same else "It is not the same. Do not connect; ask whoever runs it.")
        self.grow()
        mark_invalid(self.given, bool(text) and not same)
        self.trust_button.allow("" if same or not text else "The fingerprint that you were given is another one.")

    def _put_on_clipboard(self) -> None:
        QGuiApplication.clipboard().setText(self._question.fingerprint)
        self._copy.set_icon("check")
        QTimer.singleShot(1500, self._copy, lambda: self._copy.set_icon("copy"))


def _bare(text: str) -> str:
    """The fingerprint in what was pasted, which may be the whole line of ssh-keygen: "256 SHA256:… host (ED25519)"."""
    found = next((word for word in text.split() if word.upper().startswith("SHA256:")), "".join(text.split()))
    return found[7:].rstrip("=") if found.upper().startswith("SHA256:") else found.rstrip("=")
