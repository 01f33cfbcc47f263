"""Puts to the person what does not fit together: their edit, and what somebody else did meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.field_choices import FieldChoice, chosen_text, differences
from rhdesk.core.rows import Problem
from rhdesk.core.words import age_text, count_text
from rhdesk.desktop.dialogs.conflict_fields import UNDECIDED, ConflictFields
from rhdesk.desktop.forms.diff_view import DiffView
from rhdesk.desktop.forms.yaml_editor import TextProblem, YamlEditor
from rhdesk.desktop.widgets.base import Button, Card, ChipRow, Label, row_of
from rhdesk.desktop.widgets.dialog import Dialog
from rhdesk.desktop.widgets.states import StateView
from rhdesk.desktop.widgets.wrapped import WrappedLabel
from rhresources.errors import DocumentError, RhError

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.registry.answers import Conflict
    from rhresources.workspace import Workspace


class ConflictDialog(Dialog):
    """Field by field mine, theirs or both, or any text. Closing it leaves the conflict as it is; nothing is lost."""

    def __init__(self, desk: Desk, parent: QWidget, address: str) -> None:
        super().__init__(parent, f"Settle {address}", icon="git-merge", width=760)
        self.setObjectName("conflict-dialog")
        self._desk, self._address = desk, address
        self._conflict: Conflict | None = None
        self._choices: list[FieldChoice] = []
        self.fields: ConflictFields | None = None
        self._by_hand = False
        self._words_in = QVBoxLayout()
        self.body.addLayout(self._words_in)
        self._tabs = ChipRow("tab")
        self._tabs.set_chips([("fields", "Fields"), ("text", "Merged text"), ("diff", "Mine and theirs")])
        self._tabs.chosen.connect(self._tab_chosen)
        self.body.addLayout(row_of(self._tabs, None))
        self._stack = QStackedWidget()
        self._state = StateView()
        self._state.retry.connect(self._load)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.editor = YamlEditor(name="Merged text")
        self.editor.edit.setProperty("flush", True)
        self.editor.edit.textChanged.connect(self._typed)
        self._diff = QWidget()
        self._diff_in = QVBoxLayout(self._diff)
        self._diff_in.setContentsMargins(8, 8, 8, 8)
        for page in (self._state, self._scroll, self.editor, self._diff):
            self._stack.addWidget(page)
        self._card = Card(margins=(0, 0, 0, 0))
        self._card.body.addWidget(self._stack)
        self.body.addWidget(self._card, 1)
        self.later_button = self.add_button("Later")
        self.theirs_button = self.add_button("Keep theirs", "", self._keep_theirs)
        self.mine_button = self.add_button("Keep mine", "", self._keep_mine)
        self.accept_button = self.add_button("Save merged", "primary", self._save_merged)
        for button, name in (
            (self.theirs_button, "theirs"), (self.mine_button, "mine"), (self.accept_button, "merged"),
        ):  # fmt: skip
            button.setObjectName(f"conflict-{name}")
        self.resize(820, 600)
        self._load()

    # ------------------------------------------------------------ what there is

    def _load(self) -> None:
        address = self._address
        self._stack.setCurrentWidget(self._state)
        self._state.show_loading()
        self._allow("It is not read yet.")

        async def load(workspace: Workspace, progress: Progress) -> tuple[Conflict, list[FieldChoice]]:
            conflict = await asyncio.to_thread(workspace.names.conflict, address)
            if not conflict.mine or not conflict.theirs:
                return conflict, []
            try:
                texts = (conflict.base, conflict.mine, conflict.theirs)
                return conflict, await asyncio.to_thread(differences, *texts)
            except DocumentError:
                return conflict, []

        def failed(error: BaseException) -> None:
            if not self.is_gone:
                self._state.show_failed(Problem.of(error))

        self._desk.act(f"conflict.load:{id(self)}", load, on_done=self._loaded, on_error=failed, quiet=True)

    def _loaded(self, found: tuple[Conflict, list[FieldChoice]]) -> None:
        if self.is_gone:
            return
        self._conflict, self._choices = found
        conflict = self._conflict
        self._words_in.addWidget(WrappedLabel(self._told(conflict), "muted"))
        self._set_text(conflict.theirs or conflict.mine)
        self.fields = ConflictFields(self._choices, conflict.by)
        self.fields.changed.connect(self._take)
        for choice in self._choices:
            if choice.usual in ("mine", "both"):
                self._take(choice.path)
        self._scroll.setWidget(self.fields)
        self._diff_in.addWidget(Label(f"− as {conflict.by or 'somebody else'} has it, + as you have it", "faint"))
        self._diff_in.addWidget(DiffView(conflict.theirs, conflict.mine))
        whole = bool(conflict.mine and conflict.theirs) and not conflict.is_only_a_name
        self._tabs.set_visible("fields", whole and bool(self._choices))
        self._tabs.set_visible("text", whole)
        self._tabs.choose("fields" if self._choices else "diff")
        self._tab_chosen("fields" if self._choices else "diff")
        self.accept_button.setVisible(whole)
        if conflict.is_only_a_name:
            self._only_a_name()
        if not whole:  # what Return does by itself loses nothing
            self.later_button.setDefault(True)
        self._allow()
        (self._tabs if whole else self.later_button).setFocus()  # neither of which chooses anything

    def _only_a_name(self) -> None:
        """There is nothing to compare."""
        self._tabs.hide()
        self._card.hide()
        self.theirs_button.set_text("Give it up")
        self.mine_button.set_text("Try it again")
        QTimer.singleShot(0, self, lambda: self._fit(shrink=True))

    def _told(self, conflict: Conflict) -> str:
        who = conflict.by or "Somebody"
        when = f" {age_text(conflict.at)}" if conflict.at else ""
        if conflict.is_only_a_name:
            return f"You wanted to call it {conflict.target}. {conflict.problem}"
        if conflict.target:
            again = "What is kept of yours is saved under that name, if it is free now."
            return f"You changed it, and wanted to call it {conflict.target}. {conflict.problem} {again}"
        if not conflict.theirs:
            return f"{who} deleted it{when}, and you changed it. Keep yours to bring it back."
        if not conflict.mine:
            return f"You deleted it, and {who} changed it{when}. Keep theirs to leave it as it is now."
        both = sum(1 for choice in self._choices if choice.usual is None)
        what = f"{who} changed it{when} while you did."
        if both:
            what += f" {count_text(both, 'field')} {'was' if both == 1 else 'were'} changed by both of you: choose."
        return f"{what} {conflict.problem}".strip() if not both else what

    def _tab_chosen(self, key: str) -> None:
        self._stack.setCurrentWidget({"fields": self._scroll, "text": self.editor, "diff": self._diff}[key])

    # ------------------------------------------------------------ choosing

    def _take(self, path: tuple[str, ...]) -> None:
        assert self.fields is not None
        value = self.fields.fields[path].value()
        if value is not UNDECIDED:
            try:
                self._set_text(chosen_text(self.editor.text, path, value))
            except DocumentError:  # what was typed by hand is no document now; it stays, and says why
                self._tabs.choose("text")
        self._allow()

    def _set_text(self, text: str) -> None:
        by_hand = self._by_hand
        self.editor.set_text(text)
        self._by_hand = by_hand

    def _typed(self) -> None:
        if self._conflict is not None and self.editor.edit.hasFocus():
            self._by_hand = True
            self._allow()

    def _allow(self, reason: str = "") -> None:
        for button in (self.theirs_button, self.mine_button):
            button.allow(reason)
        if not reason and self.fields is not None and not self._by_hand:
            reason = self.fields.why_not()
        self.accept_button.allow(reason)
        self.say(reason)

    # ------------------------------------------------------------ ending it

    def _keep_theirs(self) -> None:
        assert self._conflict is not None
        lost = "" if self._conflict.is_only_a_name else self._conflict.mine
        self._end(None, f"{self._address} stays as it is in the registry", lost=lost)

    def _keep_mine(self) -> None:
        assert self._conflict is not None
        target = self._conflict.target
        told = f"{self._address} is called {target} now" if target else f"{self._address} is as you made it"
        self._end(self._conflict.mine, told)

    def _save_merged(self) -> None:
        assert self._conflict is not None
        self._end(self.editor.text, f"Both changes are in {self._conflict.target or self._address}")

    def _end(self, text: str | None, told: str, *, lost: str = "") -> None:
        address = self._address

        async def act(workspace: Workspace, progress: Progress) -> bool:
            """Whether it waits for the registry."""
            if text is None:
                await asyncio.to_thread(workspace.names.discard, address)
                return False
            entry = await asyncio.to_thread(workspace.names.settle, address, text)
            return entry is not None and entry.waiting

        def done(waits: bool) -> None:
            self.accept()
            copy = (lambda: QGuiApplication.clipboard().setText(lost)) if lost else None
            said = f"{told}, once the registry answers" if waits else told
            self._desk.notifier.success(said, action_text="Copy my version" if lost else "", action=copy)
            self._desk.read_names()

        self._allow("It is being saved.")
        self._desk.act(f"conflict.settle:{address}", act, on_done=done, on_error=self._failed, quiet=True)

    def _failed(self, error: BaseException) -> None:
        if self.is_gone:
            self._desk.notifier.error(error, act=f"Settle {self._address}")
            return
        self._allow()
        if isinstance(error, DocumentError) and error.problems:
            self._tabs.choose("text")
            self.editor.show_problems([TextProblem(*problem) for problem in error.problems])
            self.show_problem(Problem("It was not saved, because the text has problems; they are marked."))
            return
        again = [Button("Look again", "link", on_click=self._again)] if isinstance(error, RhError) else None
        self.show_problem(Problem.of(error), again)

    def _again(self) -> None:
        parent = self.parentWidget()
        self.reject()
        if parent is not None:
            ConflictDialog(self._desk, parent, self._address).open()
