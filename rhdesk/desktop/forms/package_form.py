"""A package as a form: how it is installed, what, and with which options; errors stand at their field."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from rhdesk.core.package_names import PackageNames, Suggestions, is_unfinished, matching_options, project_of
from rhdesk.core.package_requests import path_words
from rhdesk.desktop.forms.completion import Completion
from rhdesk.desktop.forms.file_choice import choose_file, choose_folder
from rhdesk.desktop.forms.form_line import error_words
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
    "conda": ("conda", "By conda, from its channels; or a whole environment.yml.", "pytorch"),
}
"""Of each method: its chip, what it does, an example of a target."""

CHECKOUTS = {
    "reqs": ("Requirements", "Its requirements are installed, and it goes onto sys.path."),
    "local": ("Folder", "It only goes onto sys.path; nothing is installed."),
    "pip": ("Install it", "It is built and installed, as pip would."),
}
"""How the checked-out tree of a git package is used: the chip, and what it does."""

_OF_GIT = ("git_url", "revision", "subdirectory", "checkout")
_FIELDS = ("kind", "description", "install_method", "target", "channels", "options", *_OF_GIT)
_TELL_AFTER = 500  # milliseconds without a key
OWN_FIELDS = tuple(name for name in _FIELDS if name in PackageDocument.model_fields)
"""The fields of a document that the form edits; all others are left as they are."""


class PackageForm(QWidget):
    """Edits one PackageDocument. `changed` comes with every change by the person.

    Args:
        names: suggests names and versions while one types; None: nobody does.
    """

    changed = Signal()

    def __init__(self, names: PackageNames | None = None) -> None:
        super().__init__()
        self._names = names
        self._no_answer = False
        self._noted = ("", "")  # the method and the name that the words under the target are about
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(14)
        self._method, self._about = ChipRow(), Label("", "faint", wrap=True)
        self._method.set_chips([(method, words[0]) for method, words in METHODS.items()])
        self._method.chosen.connect(lambda method: self._method_chosen())
        column.addLayout(_choice("Method", self._method, self._about))
        self.target = _Line("target", "Target", browse=True)
        self._completion = Completion(self.target.line)
        self._completion.asked.connect(self._suggest)
        self._completion.picked.connect(self._edited)
        self._errors: Mapping[str, str] = {}
        self.target.line.editingFinished.connect(lambda: self.show_errors(self._errors))
        self._tell = QTimer(self, singleShot=True, interval=_TELL_AFTER)
        self._tell.timeout.connect(self._tell_about)
        self.git_url = _Line("git_url", "Repository")
        self.git_url.line.setPlaceholderText("https://github.com/owner/repository")
        self.revision = _Line("revision", "Revision")
        self.revision.line.setPlaceholderText("the default branch")
        self.subdirectory = _Line("subdirectory", "Folder in it")
        self.subdirectory.line.setPlaceholderText("all of it")
        self.channels = _Line("channels", "Channels")
        self.channels.line.setPlaceholderText("conda-forge")
        self.options = _Line("options", "Options")
        self._option_names = Completion(self.options.line)
        self._option_names.asked.connect(self._suggest_options)
        self._option_names.picked.connect(self._edited)
        self.description = _Line("description", "Description")
        self._lines = {
            line.name: line
            for line in (
                self.target, self.git_url, self.revision, self.subdirectory, self.channels, self.options,
                self.description,
            )
        }  # fmt: skip
        self._checkout, self._checkout_about = ChipRow(), Label("", "faint", wrap=True)
        self._checkout.set_chips([(way, words[0]) for way, words in CHECKOUTS.items()])
        self._checkout.chosen.connect(lambda way: self._edited())
        self._checkout_box = QWidget()
        self._checkout_box.setLayout(_choice("The checkout is used as", self._checkout, self._checkout_about))
        for line in self._lines.values():
            line.changed.connect(self._edited)
            if line is self.channels:
                column.addWidget(self._checkout_box)
            column.addWidget(line)
        column.addStretch(1)
        self._show_method()

    @property
    def method(self) -> str:
        return self._method.current

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show plain values, right or wrong; `changed` does not come."""
        blocked = self.blockSignals(True)
        try:
            method = values.get("install_method")
            self._method.choose(method if isinstance(method, str) and method in METHODS else self.method)
            checkout = values.get("checkout")
            self._checkout.choose(checkout if isinstance(checkout, str) and checkout in CHECKOUTS else "reqs")
            for name, line in self._lines.items():
                if name == "options":
                    options = values.get(name)
                    line.set_text(shlex.join(map(str, options)) if isinstance(options, list) else _text(options))
                elif name == "channels":
                    channels = values.get(name)
                    line.set_text(" ".join(map(str, channels)) if isinstance(channels, list) else _text(channels))
                else:
                    line.set_text(_text(values.get(name)))
            self._show_method()
        finally:
            self.blockSignals(blocked)
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
        """The plain values of the document, right or wrong; options with an open quote stay the text they are."""
        texts = {name: line.text for name, line in self._lines.items()}
        git = self.method == "git"
        made: dict[str, Any] = {"kind": "package", "description": texts["description"], "install_method": self.method}
        made |= {name: texts[name] for name in _OF_GIT if name in texts} if git else {"target": texts["target"]}
        if git and self._checkout.current != "reqs":
            made["checkout"] = self._checkout.current
        if self.method == "conda":
            made["channels"] = re.split(r"[\s,]+", texts["channels"]) if texts["channels"] else []
        made["options"] = texts["options"] if open_quote(texts["options"]) else shlex.split(texts["options"])
        if self.method == "local":
            del made["options"]
        return {name: value for name, value in made.items() if value not in ("", []) and name in OWN_FIELDS}

    def check(self, *, typing: bool = False) -> bool:
        """Show what is wrong at its field, `typing` as `show_errors` has it. True: nothing is."""
        try:
            self.document()
        except DocumentError as error:
            self.show_errors({field: text for field, text, _ in error.problems}, typing=typing)
            return False
        self.show_errors({})
        return True

    def show_errors(self, errors: Mapping[str, str], *, typing: bool = False) -> None:
        """Put messages under the fields they are about: "target", "options[0]".

        Args:
            typing: somebody is; that a version is missing as yet is no mistake while they do.
        """
        self._errors = errors
        found: dict[str, str] = {}
        for field, text in errors.items():
            found.setdefault(field.split("[")[0].split(".")[0], text)
        if typing and self.method == "pip" and self.target.line.hasFocus() and is_unfinished(self.target.text):
            found.pop("target", None)
        if "options" in found and (said := open_quote(self.options.text)):
            found["options"] = said
        for name, line in self._lines.items():
            line.show_error(found.get(name, ""))
        # what has no line here says itself which field it is about
        stray = [f"'{name}': {text}" for name, text in found.items() if name not in self._lines]
        stray += [text for name, text in found.items() if name in self._lines and self._lines[name].isHidden()]
        first = self._lines["git_url" if self.method == "git" else "target"]
        if stray and not first.error:
            first.show_error(stray[0])

    def _suggest(self, typed: str) -> None:
        if self._names is not None:
            self._names.suggest(typed, lambda answer: self._answered(typed, answer))

    def _suggest_options(self, typed: str) -> None:
        method = self._checkout.current if self.method == "git" else self.method
        self._option_names.show(typed, matching_options(typed, method))

    def _answered(self, typed: str, answer: Suggestions) -> None:
        self._completion.show(typed, answer.found)
        if typed.strip() != self.target.text:
            return
        if not answer.found:
            self.target.show_note(answer.about)
        elif self._no_answer:  # what stands there said so
            self.target.show_note("")
            self._tell.start()
        self._no_answer = not answer.found

    def _tell_about(self) -> None:
        """Under the target stands what the index says of it."""
        typed = self.target.text
        if self._names is not None and self.method == "pip" and self.isVisible():
            self._names.suggest(
                typed,
                lambda answer: self.target.show_note(answer.about if typed == self.target.text else ""),
                only_about=True,
            )

    def _method_chosen(self) -> None:
        self._show_method()
        self.show_errors({})
        self.changed.emit()

    def _edited(self) -> None:
        self._show_method()
        if any(line.error for line in self._lines.values()):
            self.check(typing=True)
        self.changed.emit()

    def _show_method(self) -> None:
        self._completion.enabled = self._names is not None and self.method == "pip"
        noted = (self.method, path_words(self.method, self.target.text) or project_of(self.target.text))
        if noted != self._noted:  # else the fields below would jump with every key
            self._noted = noted
            self.target.show_note(path_words(self.method, self.target.text))
        self._tell.start()
        _, about, example = METHODS[self.method]
        git = self.method == "git"
        self._about.setText(about)
        self._checkout_about.setText(CHECKOUTS[self._checkout.current][1])
        self.target.setVisible(not git)
        self.target.line.setPlaceholderText(example)
        self.target.browse.setVisible(self.method != "git")
        self.channels.setVisible(self.method == "conda" and "channels" in OWN_FIELDS)
        for name in ("git_url", "revision", "subdirectory"):
            self._lines[name].setVisible(git and name in OWN_FIELDS)
        self._checkout_box.setVisible(git and "checkout" in OWN_FIELDS)
        self.options.setVisible(self.method != "local")
        self.options.line.setPlaceholderText("--override-channels" if self.method == "conda" else "--no-deps")


def open_quote(options: Any) -> str:
    """What is wrong with options that are one text, if they cannot be taken apart; "" if they can."""
    try:
        shlex.split(options if isinstance(options, str) else "")
    except ValueError as error:
        return f"a quote is not closed ({str(error).lower()})"
    return ""


def _choice(title: str, chips: ChipRow, about: Label) -> QVBoxLayout:
    row = QHBoxLayout()
    row.addWidget(chips)
    row.addStretch(1)
    head = QVBoxLayout()
    head.setContentsMargins(0, 0, 0, 0)
    head.setSpacing(4)
    head.addWidget(Label(title, "strong"))
    head.addLayout(row)
    head.addWidget(about)
    return head


def _text(value: Any) -> str:
    return "" if value is None else str(value)


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
        self._note = Label("", "faint", wrap=True, select=True)
        self._note.hide()
        column.addWidget(self._note)

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
        self._error.setText(error_words(message))
        self._error.setVisible(bool(message))
        mark_invalid(self.line, bool(message))
        self._note.setVisible(bool(self._note.text()) and not message)

    def show_note(self, text: str) -> None:
        """A few words about what stands there."""
        self._note.setText(text)
        self._note.setVisible(bool(text) and not self.error)

    def _choose(self) -> None:
        form = self.parent()
        method = form.method if isinstance(form, PackageForm) else ""
        choose = choose_file if method in ("reqs", "conda") else choose_folder
        choose(self, "Choose what to install", lambda path: self._chosen(str(path)))

    def _chosen(self, path: str) -> None:
        self.line.setText(path)
        self.changed.emit()
