"""The YAML of one resource: loaded, edited, saved, and never lost to somebody who edits the same file elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem
from rhdesk.core.store import Change
from rhdesk.core.words import age_text
from rhdesk.desktop.forms.diff_view import DiffView
from rhdesk.desktop.forms.yaml_editor import Check, TextProblem, YamlEditor, document_problems
from rhdesk.desktop.widgets.base import Button, ElidedLabel, Rule, row_of
from rhdesk.desktop.widgets.dialog import Dialog
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import ProblemBox, StateView, problem_actions
from rhdesk.desktop.widgets.two_sides import TwoSides
from rhresources.errors import AlreadyExists, DocumentError, NotFound

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.stores.entry import Entry
    from rhresources.workspace import Workspace


class DocumentEditor(QWidget):
    """Shows one resource at a time. What is typed is there again when one comes back to it, and survives a change on
    disk: one is asked which of the two stays.

    Args:
        check: finds what is wrong in the text, in a thread.
        beside: stands at the left of the text (above it where there is little room).
    """

    saved = Signal(str)  # the address

    def __init__(self, desk: Desk, *, check: Check = document_problems, beside: QWidget | None = None) -> None:
        super().__init__()
        self._desk = desk
        self.address = ""
        self._entry: Entry | None = None
        self._complains = False  # it says that the text was not saved because of its problems
        self._drafts: dict[str, tuple[str, Entry]] = {}  # what was typed and not saved, with what it was typed into
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        bar = QHBoxLayout()
        bar.setContentsMargins(16, 6, 12, 6)
        bar.setSpacing(8)
        self._mark = ElidedLabel("", "faint", middle=True)
        bar.addWidget(self._mark, 1)
        self._revert = Button("Revert", "flat", "rotate-ccw", self._ask_revert)
        self.save_button = Button("Save", "", "save", self.save, tip="Ctrl+S")
        bar.addWidget(self._revert)
        bar.addWidget(self.save_button)
        self._bar = bar
        column.addLayout(bar)
        column.addWidget(Rule())
        self._notes = QVBoxLayout()
        self._notes.setContentsMargins(0, 0, 0, 0)
        self._notes.setSpacing(8)
        column.addLayout(self._notes)
        self.editor = YamlEditor(check)
        self.editor.edit.setObjectName("document-text")
        self.editor.edit.setProperty("flush", True)  # the panel around it has a frame
        self._state = StateView()
        self._state.retry.connect(self._load)
        self._stack = QStackedWidget()
        self._sides: QWidget = self.editor if beside is None else TwoSides(beside, self.editor)
        self._stack.addWidget(self._sides)
        self._stack.addWidget(self._state)
        column.addWidget(self._stack, 1)
        self.editor.save_asked.connect(self.save)
        self.editor.dirty_changed.connect(self._say)
        self.editor.checked.connect(self._text_checked)
        self._settle = QTimer(self, singleShot=True, interval=150)
        self._settle.timeout.connect(self._look_again)
        stop = desk.store.names.subscribe(self._names_changed)
        self.destroyed.connect(stop)
        self._say()

    @property
    def is_dirty(self) -> bool:
        """Whether something is typed that is not saved."""
        return self._entry is not None and not self._entry.read_only and self.editor.is_dirty

    def show_address(self, address: str) -> None:
        """Show another resource; the same one again keeps what is typed."""
        if address == self.address and self._entry is not None:
            self._look_again()
            return
        if self._entry is not None and self.is_dirty:
            self._drafts[self.address] = (self.editor.text, self._entry)
        self.address, self._entry = address, None
        self._drop_notes()
        if address:
            self._load()
        else:
            self._stack.setCurrentWidget(self._state)
            self._state.show_empty("Nothing is chosen")
        self._say()

    def save(self) -> None:
        """Save what is typed, unless the file was changed by something else meanwhile."""
        entry = self._entry
        if entry is not None and not entry.read_only:
            self.before_save(entry.text, self.editor.text, lambda: self._save(entry.modified))

    def before_save(self, old: str, new: str, save: Callable[[], object]) -> None:
        """Look at what is about to be saved, and call `save` if it shall be."""
        save()

    def let_edit(self, may: bool) -> None:
        """Told whether what is shown may be changed, for what stands beside the text."""

    def add_button(self, button: Button) -> None:
        """A button at the left of Revert and Save."""
        self._bar.insertWidget(1, button)

    def focus_text(self) -> None:
        """Put the cursor into the text."""
        self.editor.edit.setFocus()

    # ------------------------------------------------------------ loading

    def _load(self) -> None:
        address = self.address

        async def load(workspace: Workspace, progress: Progress) -> Entry:
            return await asyncio.to_thread(workspace.names.load, address)

        if self._entry is None:
            self._stack.setCurrentWidget(self._state)
            self._state.show_loading()
        self._desk.act(f"document.load:{id(self)}", load, on_done=self._loaded, on_error=self._not_loaded, quiet=True)

    def _loaded(self, entry: Entry) -> None:
        if entry.name != self.address:
            return
        self._drop_notes()
        draft, old = self._drafts.pop(entry.name, ("", entry))
        self._entry = old
        self._stack.setCurrentWidget(self._sides)
        self.editor.set_text(old.text, read_only=old.read_only)
        if draft:
            self.editor.edit.replace_text(draft)
            self._changed_outside(entry)
        elif entry.conflict:
            self._say_conflict(entry)
        self._say()

    def _not_loaded(self, error: BaseException) -> None:
        if self._entry is None:
            self._stack.setCurrentWidget(self._state)
            self._state.show_failed(Problem.of(error))
        elif isinstance(error, NotFound):
            self._gone()

    def _ask_revert(self) -> None:
        if self._entry is not None:
            self.editor.edit.replace_text(self._entry.text)
            self.editor.mark_saved()
            self._drop_notes()
            self._look_again()

    # ------------------------------------------------------------ saving

    def _save(self, modified: float | None) -> None:
        address, text = self.address, self.editor.text

        async def save(workspace: Workspace, progress: Progress) -> Entry:
            from rhresources.shared_code import hand_over

            entry = await asyncio.to_thread(workspace.names.save_text, address, text, modified=modified)
            return await hand_over(workspace, entry, progress)

        def done(entry: Entry) -> None:
            if entry.name != self.address:
                if self._drafts.get(address, ("",))[0] == text:
                    del self._drafts[address]
                return
            self._drop_notes()
            if self.editor.text == text:
                self.editor.mark_saved()
            if entry.text in (text, f"{text}\n"):
                self._entry = entry
            else:  # what others changed is in it; saved from what stands here, the next edit would take that back
                self._changed_outside(entry)
            self._say(saved=True)
            self.saved.emit(address)

        # one task a document: saving the next one does not end it
        self._desk.act(
            f"document.save:{id(self)}:{address}",
            save,
            on_done=done,
            on_error=lambda error: self._not_saved(address, error),
            quiet=True,
        )

    def _not_saved(self, address: str, error: BaseException) -> None:
        if address != self.address:
            problem = Problem.of(error)
            remedy = f"{problem.remedy} What you typed is there when you open it again.".strip()
            self._desk.notifier.error(Problem(f"{address} was not saved: {problem.sentence}", remedy, problem.detail))
            return
        if isinstance(error, AlreadyExists):
            self._ask_disk(lambda entry: self._conflict(entry))
            return
        self._drop_notes()
        if isinstance(error, DocumentError) and error.problems:
            self.editor.show_problems([TextProblem(field, text, line) for field, text, line in error.problems])
            first = next((line for _, _, line in error.problems if line is not None), None)
            if first is not None:
                self.editor.edit.go_to(first)
            sentence = "It was not saved, because it has problems; they are marked."
            self._note(ProblemBox(Problem(sentence), level="error"))
            self._complains = True
        else:
            self._note(ProblemBox(Problem.of(error)))

    # ------------------------------------------------------------ changes from outside

    def _names_changed(self, change: Change) -> None:
        if self.address and (change.reset or self.address in change.changed or self.address in change.removed):
            self._settle.start()

    def _look_again(self) -> None:
        """Compare with what is on disk: take it over where nothing is typed, else ask."""
        row = self._desk.store.names.get(self.address)
        if self._entry is None or self._entry.address.place == "builtin":
            return
        if row is None:
            self._ask_disk(None)
        elif (row.modified, row.access) != (self._entry.modified, self._entry.access):
            self._ask_disk(self._changed_outside)
        elif (row.conflict, row.waiting) != (self._entry.conflict, self._entry.waiting):
            self._ask_disk(self._marked_otherwise)

    def _ask_disk(self, then: object) -> None:
        address = self.address

        async def load(workspace: Workspace, progress: Progress) -> Entry:
            return await asyncio.to_thread(workspace.names.load, address)

        def done(entry: Entry) -> None:
            if entry.name == self.address and callable(then):
                then(entry)

        def failed(error: BaseException) -> None:
            if address == self.address:
                self._not_loaded(error)

        self._desk.act(f"document.look:{id(self)}", load, on_done=done, on_error=failed, quiet=True)

    def _changed_outside(self, entry: Entry) -> None:
        if self._entry is None or (entry.modified, entry.access) == (self._entry.modified, self._entry.access):
            return
        if entry.text == self.editor.text or not self.editor.is_dirty:
            line = self.editor.edit.textCursor().blockNumber()
            self._loaded(entry)
            self.editor.edit.go_to(line + 1)
            self._say(reloaded=True)
        else:
            self._conflict(entry)

    def _marked_otherwise(self, entry: Entry) -> None:
        """The text is the same; an edit of it waits now, or does not any more."""
        if self._entry is None or entry.text != self._entry.text:
            return
        self._entry = entry
        self._drop_notes()
        if entry.conflict:
            self._say_conflict(entry)
        self._say()

    def _say_conflict(self, entry: Entry) -> None:
        """An edit of this user is kept beside what is in the registry; the text is what is there."""
        from rhdesk.desktop.dialogs.conflict import ConflictDialog

        problem = Problem(
            f"You changed {entry.name} while {entry.modified_by or 'somebody else'} did, and not all of it fits.",
            "What you see is theirs; yours is kept until you have chosen.",
        )
        settle = Button("Settle", "link", on_click=lambda: ConflictDialog(self._desk, self.window(), entry.name).open())
        settle.setObjectName("document-settle")
        self._drop_notes()
        self._note(ProblemBox(problem, [settle], level="warn"))

    def _conflict(self, entry: Entry) -> None:
        if entry.conflict:  # what was typed is kept with the registry's edits
            self._loaded(entry)
            return
        where = f"by {entry.modified_by or 'somebody else'}" if entry.path is None else "on disk"
        problem = Problem(
            f"{entry.name} was changed {where} while you edited it.",
            "Nothing is lost: look at both, then keep one.",
        )
        self._drop_notes()
        self._note(ProblemBox(problem, level="warn"))
        self._notes.addLayout(
            row_of(
                None,
                Button("Show both", "", on_click=lambda: self._show_both(entry)),
                Button("Take theirs", "", on_click=lambda: self._loaded(entry)),
                Button("Keep mine", "primary", on_click=lambda: self._keep_mine(entry)),
            )
        )

    def _keep_mine(self, entry: Entry) -> None:
        self._drop_notes()
        self._save(entry.modified)

    def _show_both(self, entry: Entry) -> None:
        dialog = Dialog(
            self.window(), f"Two versions of {entry.name}", "− is there now, + is what you typed.", width=720
        )
        dialog.body.addWidget(DiffView(entry.text, self.editor.text))
        dialog.add_button("Close")

        def choose(act: object) -> None:
            dialog.accept()
            if callable(act):
                act()

        dialog.add_button("Take theirs", "", lambda: choose(lambda: self._loaded(entry)))
        dialog.add_button("Keep mine", "primary", lambda: choose(lambda: self._keep_mine(entry)))
        dialog.open()

    def _gone(self) -> None:
        problem = Problem(
            f"{self.address} was deleted or renamed by something else.",
            "What you see here is only in this window now; Save makes it again.",
        )
        self._drop_notes()
        self._note(ProblemBox(problem, problem_actions(("Save it again", lambda: self._save(0.0))), level="warn"))

    @property
    def _why_fixed(self) -> str:
        """Why the text cannot be changed."""
        if self._entry is not None and self._entry.address.place == "builtin":
            return "Built in: it can be read, not changed"
        row = self._desk.store.names.get(self.address)
        return row.why_fixed if row is not None else ""

    # ------------------------------------------------------------ what is said

    def _text_checked(self, problems: list[TextProblem]) -> None:
        """What was typed and taken back is no change; what is mended is not complained about."""
        if self._complains and not problems:
            self._drop_notes()
        if self._entry is not None and self.editor.is_dirty and self.editor.text == self._entry.text:
            self.editor.mark_saved()

    def _say(self, dirty: bool = False, *, saved: bool = False, reloaded: bool = False) -> None:
        entry = self._entry
        where = _where(entry) if entry is not None else ""
        if entry is None:
            words = ""
        elif entry.read_only:
            words = self._why_fixed or "It can be read, not changed"
        elif self.editor.is_dirty:
            words = "● Not saved"  # beside two buttons there is no room for more
        elif entry.waiting:
            words = "Saved here; the registry gets it when it answers"
        else:
            words = f"{'Saved: ' if saved else 'Read again: ' if reloaded else ''}{where}"
        self._mark.setText(words)
        self._mark.setToolTip("\n".join(dict.fromkeys(part for part in (words, where) if part)))
        editable = entry is not None and not entry.read_only
        self.let_edit(editable)
        self.save_button.setVisible(editable)
        self._revert.setVisible(editable and self.editor.is_dirty)
        self.save_button.setEnabled(editable and self.editor.is_dirty)

    def _note(self, box: QWidget) -> None:
        self._notes.setContentsMargins(12, 8, 12, 8)
        self._notes.addWidget(box)

    def _drop_notes(self) -> None:
        self._complains = False
        clear_layout(self._notes)
        self._notes.setContentsMargins(0, 0, 0, 0)


def _where(entry: Entry) -> str:
    """The file of a document, or the version that it is in the registry."""
    if entry.path is not None:
        return str(entry.path)
    by = f" by {entry.modified_by}" if entry.modified_by else ""
    return f"Version {entry.version}{by}, {age_text(entry.modified)}" if entry.version else ""
