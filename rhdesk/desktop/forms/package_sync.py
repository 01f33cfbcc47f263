"""The form of a package and its YAML side by side: one document, whichever of the two is typed into.

The form writes its fields into the YAML, whose comments, order and other fields stay. The YAML goes into the form
once it can be read; until then the form waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from rhdesk.desktop.forms.package_form import OWN_FIELDS, PackageForm, open_quote
from rhdesk.desktop.forms.yaml_editor import TextProblem, YamlEditor, document_problems
from rhresources.documents.base import text_paths
from rhresources.documents.package import PackageDocument
from rhresources.errors import DocumentError

_TEXT = text_paths(PackageDocument)
_FORM_LIMIT = 16 * 1024  # characters; longer YAML is only edited as text, or every key in the form would rewrite it


class PackageSync(QObject):
    """Keeps a form and a YAML editor the same.

    Attributes:
        waits: why the form cannot be used now, as a sentence; empty: it can.
        complains: whether what is missing still counts as a mistake.
    """

    state_changed = Signal()  # `waits` is another

    def __init__(self, form: PackageForm, yaml: YamlEditor) -> None:
        super().__init__(form)
        self._form, self._yaml = form, yaml
        self.waits = ""
        self.complains = True
        # the form writes into the text as a person left it: what it wrote on the way leaves no trace
        self._base = self._written = ""
        form.changed.connect(self._form_changed)
        yaml.checked.connect(self._yaml_checked)

    def problems(self, text: str) -> list[TextProblem]:
        """What is wrong in a text that has to be a package; for the YAML editor, in its thread."""
        found = document_problems(text)
        if not found and (kind := read_values(text).get("kind")) != "package":
            found = [TextProblem("kind", f"it is {kind!r}; this is the editor of packages", _line_of_kind(text))]
        if any(problem.field == "options" for problem in found):
            said = open_quote(read_values(text).get("options"))
            found = [replace(each, message=said) if said and each.field == "options" else each for each in found]
        if not self.complains:
            found = [problem for problem in found if not problem.message.endswith("needs one")]
        return found

    def write(self) -> None:
        """Write what the form says into the YAML, right or wrong."""
        self._form_changed()

    def _form_changed(self) -> None:
        if self.waits:
            return
        if self._yaml.text != self._written:
            self._base = self._yaml.text
        try:
            text = written_into(self._base, self._form.values())
        except DocumentError:  # it was just broken, and will be checked in a moment
            return
        self._written = text
        self._yaml.edit.replace_text(text)

    def _yaml_checked(self, problems: list[TextProblem]) -> None:
        """The text was checked: show it in the form, with what is wrong."""
        text = self._yaml.text
        values: Mapping[str, Any] = {}
        waits = "The YAML is too long to be shown as a form." if len(text) > _FORM_LIMIT else ""
        if not waits:
            try:
                values = read_values(text)
            except DocumentError:
                line = next((problem.line for problem in problems if problem.line is not None), None)
                where = f"in line {line} " if line is not None else ""
                waits = f"There is a mistake {where}of the YAML. The form waits until it is mended."
        if not waits and not self._says(values):
            self._form.set_values(values)
        errors = {} if waits else {problem.field: problem.message for problem in problems}
        self._form.show_errors(errors, typing=True)
        changed, self.waits = waits != self.waits, waits
        self._form.setEnabled(not waits and not self._yaml.edit.isReadOnly())
        if changed:
            self.state_changed.emit()

    def _says(self, values: Mapping[str, Any]) -> bool:
        """Whether the form says just these values, be they written in other words ("--a  b")."""
        own = {name: value for name, value in values.items() if name in OWN_FIELDS and value not in ("", [])}
        return self._form.values() == own


def read_values(text: str) -> dict[str, Any]:
    """The plain values of YAML, right or wrong as a package; an empty text has none.

    Raises:
        DocumentError: it is not YAML, or not a mapping.
    """
    from rhresources.documents import yaml

    loaded = yaml.load(text, text_paths=_TEXT).value
    if loaded is None:
        return {}
    if not isinstance(loaded, Mapping):
        raise yaml.problem("a package is written as 'name: value' lines", line=1)
    return dict(loaded)


def written_into(text: str, values: Mapping[str, Any]) -> str:
    """`text` with the fields of the form as `values` has them; all else stays as it was written.

    Raises:
        DocumentError: `text` is not YAML.
    """
    from rhresources.documents import yaml

    before = read_values(text)
    changes = {name: value for name, value in values.items() if before.get(name) != value}
    removed = frozenset(name for name in OWN_FIELDS if name in before and name not in values)
    if not changes and not removed:
        return text
    if not before and not text.strip():
        return yaml.dump(values)
    edited = yaml.edit(text, changes, removed)
    # an edit that does not read back (aliases, odd quoting) gives way to plain text
    wanted = {name: value for name, value in {**before, **changes}.items() if name not in removed}
    return edited if _reads_as(edited, wanted) else yaml.dump(wanted)


def asks_alike(text: str, other: str) -> bool:
    """Whether two texts install the same, whatever their comments and descriptions say."""
    try:
        left, right = read_values(text), read_values(other)
    except DocumentError:
        return False
    return {**left, "description": ""} == {**right, "description": ""}


def warm_up() -> None:
    """Load what the first edit needs; it would be felt while one types. In a thread."""
    written_into("kind: package\n", {"kind": "package", "target": "x"})


def _reads_as(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return read_values(text) == wanted
    except DocumentError:
        return False


def _line_of_kind(text: str) -> int | None:
    lines = text.splitlines()
    return next((place for place, line in enumerate(lines, 1) if line.startswith("kind")), None)
