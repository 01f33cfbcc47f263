"""A package as a form: how it is installed, what, and with which options; errors stand at their field."""

from __future__ import annotations

import shlex
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from rhdesk.desktop.forms.file_choice import choose_file, choose_folder
from rhdesk.desktop.forms.inputs import mark_invalid
from rhdesk.desktop.widgets.base import ChipRow, Label, ToolButton
from rhresources.documents import PackageDocument, parse_document
from rhresources.errors import DocumentError

METHODS = {
    "pip": ("pip", "From the package index, or a folder that is installed.", "numpy==1.26"),
    "reqs": (
        "Requirements",
        "A requirements file, or a folder that has one.",
        "./requirements.txt",
    ),
    "local": ("Folder", "A folder that only goes onto sys.path; nothing is installed.", "~/lib"),
    "git": ("git", "A repository, at a branch, tag or commit.", ""),
    "conda": ("conda", "By conda, from its channels.", "pytorch"),
}
"""Of each method: its chip, what it does, an example of a target."""


class PackageForm(QWidget):
    """Edits one PackageDocument. `changed` comes with every change by the person."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[str, Any] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(14)
        self._method = ChipRow()
        self._method.set_chips([(method, words[0]) for method, words in METHODS.items()])
        self._method.chosen.connect(lambda method: self._method_chosen())
        self._about = Label("", "faint", wrap=True)
        chips = QHBoxLayout()
        chips.addWidget(self._method)
        chips.addStretch(1)
        head = QVBoxLayout()
        head.setSpacing(4)
        head.addWidget(Label("Method", "strong"))
        head.addLayout(chips)
        head.addWidget(self._about)
        column.addLayout(head)
        self.target = _Line("target", "Target", browse=True)
        self.git_url = _Line("git_url", "Repository")
        self.git_url.line.setPlaceholderText("https://github.com/owner/repository")
        self.revision = _Line("revision", "Revision")
        self.revision.line.setPlaceholderText("the default branch")
        self.options = _Line("options", "Options")
        self.options.line.setPlaceholderText("--no-deps")
        self.description = _Line("description", "Description")
        self._lines = {
            line.name: line for line in (self.target, self.git_url, self.revision, self.options, self.description)
        }
        for line in self._lines.values():
            line.changed.connect(self._edited)
            column.addWidget(line)
        column.addStretch(1)
        self._show_method()

    @property
    def method(self) -> str:
        return self._method.current

    def set_document(self, document: PackageDocument) -> None:
        """Show a document."""
        self._kept = {"description": document.description}
        self._method.choose(document.install_method)
        for name, text in (
            ("target", document.target),
            ("git_url", document.git_url),
            ("revision", document.revision),
            ("options", shlex.join(document.options)),
            ("description", document.description),
        ):
            self._lines[name].set_text(text)
        self._show_method()
        self.show_errors({})

    def document(self) -> PackageDocument:
        """What the form says.

        Raises:
            DocumentError: it is no package; `problems` name the fields.
        """
        document = parse_document(self.values())
        assert isinstance(document, PackageDocument)
        return document

    def values(self) -> dict[str, Any]:
        """The plain values of the document, right or wrong."""
        texts = {name: line.text for name, line in self._lines.items()}
        wanted = ("git_url", "revision") if self.method == "git" else ("target",)
        made: dict[str, Any] = {"kind": "package", "description": texts["description"], "install_method": self.method}
        made |= {name: texts[name] for name in wanted}
        try:
            made["options"] = shlex.split(texts["options"])
        except ValueError as error:
            message = f"a quote is not closed ({str(error).lower()})"
            raise DocumentError(f"options: {message}.", problems=[("options", message, None)]) from None
        return {name: value for name, value in made.items() if value not in ("", [])}

    def check(self) -> bool:
        """Show what is wrong at its field. True: nothing is."""
        try:
            self.document()
        except DocumentError as error:
            self.show_errors({field.split("[")[0].split(".")[0]: text for field, text, _ in error.problems})
            return False
        self.show_errors({})
        return True

    def show_errors(self, errors: dict[str, str]) -> None:
        """Put messages under the fields of these names."""
        for name, line in self._lines.items():
            line.show_error(errors.get(name, ""))
        stray = [text for name, text in errors.items() if name not in self._lines or self._lines[name].isHidden()]
        if stray:
            self._lines["git_url" if self.method == "git" else "target"].show_error(stray[0])

    def _method_chosen(self) -> None:
        self._show_method()
        self.show_errors({})
        self.changed.emit()

    def _edited(self) -> None:
        if any(line.error for line in self._lines.values()):
            self.check()
        self.changed.emit()

    def _show_method(self) -> None:
        _, about, example = METHODS[self.method]
        git = self.method == "git"
        self._about.setText(about)
        self.target.setVisible(not git)
        self.target.line.setPlaceholderText(example)
        self.target.browse.setVisible(self.method in ("reqs", "local", "pip"))
        self.git_url.setVisible(git)
        self.revision.setVisible(git)
        self.options.setVisible(self.method != "local")


class _Line(QWidget):
    """A label, a line to type into, and what is wrong with it."""

    changed = Signal()

    def __init__(self, name: str, title: str, *, browse: bool = False) -> None:
        super().__init__()
        self.name = name
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(Label(title, "strong"))
        row = QHBoxLayout()
        row.setSpacing(4)
        self.line = QLineEdit()
        self.line.setAccessibleName(title)
        self.line.setObjectName(f"package-{name}")
        self.line.textEdited.connect(lambda text: self.changed.emit())
        row.addWidget(self.line, 1)
        self.browse = ToolButton("folder-open", "Choose…", self._choose)
        self.browse.setVisible(browse)
        if browse:
            row.addWidget(self.browse)
        column.addLayout(row)
        self._error = Label("", "error", wrap=True, select=True)
        self._error.hide()
        column.addWidget(self._error)

    @property
    def text(self) -> str:
        return self.line.text().strip()

    @property
    def error(self) -> str:
        return self._error.text()

    def set_text(self, text: str) -> None:
        if text != self.line.text():
            self.line.setText(text)
            self.line.setCursorPosition(0)

    def show_error(self, message: str) -> None:
        self._error.setText(f"{message[:1].upper()}{message[1:].rstrip('.')}." if message else "")
        self._error.setVisible(bool(message))
        mark_invalid(self.line, bool(message))

    def _choose(self) -> None:
        form = self.parent()
        method = form.method if isinstance(form, PackageForm) else ""
        choose = choose_file if method == "reqs" else choose_folder
        choose(self, "Choose what to install", lambda path: self._chosen(str(path)))

    def _chosen(self, path: str) -> None:
        self.line.setText(path)
        self.changed.emit()
