"""Asks for something that is typed and not shown: a passphrase, a password, or what the server prompts for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QWidget

from rhdesk.desktop.forms.secret_field import SecretField
from rhdesk.desktop.widgets.base import Label, column_of
from rhdesk.desktop.widgets.dialog import Dialog

if TYPE_CHECKING:
    from rhresources.reach.questions import SecretAnswer, SecretQuestion

_WRONG = {
    "passphrase": "That passphrase does not open the key. Try again.",
    "password": "That password was not accepted. Try again.",
    "answer": "That was not accepted. Try again.",
    "token": "That token was not accepted. Try again.",
    "key": "There is no such file. Try again.",
}
_WHY = {
    "passphrase": "The key file is encrypted; its passphrase opens it. It stays on this computer.",
    "password": "Of the account on that host. It is sent to this host only, and encrypted.",
    "answer": "The host asks for this before it lets you in.",
    "token": "Made on the website of that host. It is sent to this host only, and stays on this computer.",
    "key": "It is remembered for this computer alone; the document, which others use too, stays as it is.",
}


class SecretDialog(Dialog):
    """`answered` carries a SecretAnswer, or None: closing the dialog in any way is a no."""

    answered = Signal(object)

    def __init__(self, parent: QWidget, question: SecretQuestion, *, keep: bool = False) -> None:
        title = f"Log in as {question.subject}" if question.kind == "answer" else _line(question.prompt)
        super().__init__(parent, title, _WHY[question.kind], icon="key-round", width=460)
        self.setObjectName("secret-question")
        if question.instruction.strip():
            self.body.addWidget(Label(question.instruction.strip()[:2000], "", wrap=True, select=True))
        self.field = SecretField(_line(question.prompt), may_show=question.echo, shown=question.echo)
        self.field.line.setObjectName("secret-field")
        self.field.entered.connect(self._accept)
        if question.kind == "answer":
            self.body.addLayout(column_of(Label(_line(question.prompt), "strong", wrap=True), self.field, spacing=4))
        else:
            self.body.addWidget(self.field)
        self.keep = QCheckBox(f"Keep it {question.keeping}")
        self.keep.setObjectName("secret-keep")
        self.keep.setVisible(bool(question.keeping))
        self.keep.setChecked(bool(question.keeping) and keep)
        self.keep.setToolTip("What is not kept is asked for again whenever the connection has to be made anew.")
        self.body.addWidget(self.keep)
        self.add_button("Cancel")
        self.accept_button = self.add_button(
            {"passphrase": "Unlock"}.get(question.kind, "Log in"), "primary", self._accept
        )
        self.accept_button.setObjectName("secret-accept")
        if question.again:
            self.field.show_error(_WRONG[question.kind])
        self._may_be_empty = question.kind in ("answer", "key")
        self._said = False
        self.finished.connect(lambda result: self._answer(None))
        self.field.resized.connect(self.grow)
        self.fit()
        self.field.line.setFocus()

    def _accept(self) -> None:
        from rhresources.reach.questions import SecretAnswer

        # an empty answer may be right for a prompt of the server; an empty password never is
        if self.field.text or self._may_be_empty:
            self._answer(SecretAnswer(self.field.text, self.keep.isChecked()))
        else:
            self.field.show_error("Type it, or cancel.")

    def _answer(self, answer: SecretAnswer | None) -> None:
        if not self._said:
            self._said = True
            self.field.clear()
            if self.isVisible():
                self.done(0)
            self.answered.emit(answer)


def _line(prompt: str) -> str:
    """A prompt as one line without its colon; a server may send anything."""
    return " ".join(prompt.split()).rstrip(":").strip()[:200] or "Answer"
