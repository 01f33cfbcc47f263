"""Puts to the person what does not fit together: their edit, and what somebody else did meanwhile."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.field_choices import SIDES, FieldChoice, Side, chosen_text, differences
from rhdesk.core.rows import Problem
from rhdesk.core.words import age_text, count_text
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
    """Field by field mine or theirs, or any text. Closing it leaves the conflict as it is; nothing is lost."""

    def __init__(self, desk: Desk, parent: QWidget, address: str) -> None:
        super().__init__(parent, f"Settle {address}", icon="git-merge", width=760)
        self.setObjectName("conflict-dialog")
        self._desk, self._address = desk, address
        self._conflict: Conflict | None = None
        self._choices: list[FieldChoice] = []
        self._taken: dict[tuple[str, ...], Side] = {}
        self._rows: dict[tuple[str, ...], ChipRow] = {}
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
        self._fields = QScrollArea()
        self._fields.setWidgetResizable(True)
        self._fields.setFrameShape(QFrame.Shape.NoFrame)
        self.editor = YamlEditor(name="Merged text")
        self.editor.edit.setProperty("flush", True)
        self.editor.edit.textChanged.connect(self._typed)
        self._diff = QWidget()
        self._diff_in = QVBoxLayout(self._diff)
        self._diff_in.setContentsMargins(8, 8, 8, 8)
        for page in (self._state, self._fields, self.editor, self._diff):
            self._stack.addWidget(page)
        card = Card(margins=(0, 0, 0, 0))
        card.body.addWidget(self._stack)
        self.body.addWidget(card, 1)
        self.add_button("Later")
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
        self._taken = {choice.path: choice.usual for choice in self._choices if choice.usual is not None}
        self._set_text(conflict.theirs or conflict.mine)
        for choice in self._choices:
            if choice.usual == "mine":
                self._apply(choice.path, "mine")
        self._fields.setWidget(self._make_fields())
        self._diff_in.addWidget(DiffView(conflict.theirs, conflict.mine))
        whole = bool(conflict.mine and conflict.theirs)
        self._tabs.set_visible("fields", whole and bool(self._choices))
        self._tabs.set_visible("text", whole)
        self._tabs.choose("fields" if self._choices else "diff")
        self._tab_chosen("fields" if self._choices else "diff")
        self.accept_button.setVisible(whole)
        self._allow()

    def _told(self, conflict: Conflict) -> str:
        who = conflict.by or "Somebody"
        when = f" {age_text(conflict.at)}" if conflict.at else ""
        if not conflict.theirs:
            return f"{who} deleted it{when}, and you changed it. Keep yours to bring it back."
        if not conflict.mine:
            return f"You deleted it, and {who} changed it{when}. Keep theirs to leave it as it is now."
        both = sum(1 for choice in self._choices if choice.usual is None)
        what = f"{who} changed it{when} while you did."
        if both:
            what += f" {count_text(both, 'field')} {'was' if both == 1 else 'were'} changed by both of you: choose."
        return f"{what} {conflict.problem}".strip() if not both else what

    def _make_fields(self) -> QWidget:
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(16, 12, 16, 12)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(10)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(2, 1)
        for column, title in enumerate(("Field", "Mine", "Theirs", "Keep")):
            grid.addWidget(Label(title, "faint"), 0, column)
        for line, choice in enumerate(self._choices, 1):
            who = {"mine": "only you changed it", "theirs": "only they changed it", None: "both changed it"}
            name = QVBoxLayout()
            name.setSpacing(0)
            name.addWidget(Label(choice.name, "strong"))
            name.addWidget(Label(who[choice.usual], "bad" if choice.usual is None else "faint"))
            name.addStretch(1)
            grid.addLayout(name, line, 0)
            grid.addWidget(WrappedLabel(choice.mine or "—", "mono"), line, 1)
            grid.addWidget(WrappedLabel(choice.theirs or "—", "mono"), line, 2)
            chips = ChipRow()
            chips.set_chips([("", "Choose"), ("mine", "Mine"), ("theirs", "Theirs")])
            chips.setAccessibleName(f"Which {choice.name} to keep")
            chips.setObjectName(f"choose-{choice.name}")
            if choice.usual is not None:
                chips.choose(choice.usual)
            chips.set_visible("", False)  # it stands for nothing being chosen yet
            chips.chosen.connect(partial(self._take, choice.path))
            self._rows[choice.path] = chips
            grid.addWidget(chips, line, 3)
        grid.setRowStretch(len(self._choices) + 1, 1)
        return inside

    def _tab_chosen(self, key: str) -> None:
        self._stack.setCurrentWidget({"fields": self._fields, "text": self.editor, "diff": self._diff}[key])

    # ------------------------------------------------------------ choosing

    def _take(self, path: tuple[str, ...], side: str) -> None:
        self._taken.pop(path, None)
        for each in SIDES:
            if each == side:
                self._taken[path] = each
                self._apply(path, each)
        self._allow()

    def _apply(self, path: tuple[str, ...], side: Side) -> None:
        conflict = self._conflict
        assert conflict is not None
        try:
            self._set_text(chosen_text(self.editor.text, conflict.mine, conflict.theirs, path, side))
        except DocumentError:  # what was typed by hand is no document now; it stays, and says why
            self._tabs.choose("text")

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
        left = [choice.name for choice in self._choices if choice.path not in self._taken]
        if not reason and left and not self._by_hand:
            reason = f"Choose {', '.join(left)} first."
        self.accept_button.allow(reason)

    # ------------------------------------------------------------ ending it

    def _keep_theirs(self) -> None:
        self._end(None, f"{self._address} stays as it is in the registry")

    def _keep_mine(self) -> None:
        assert self._conflict is not None
        self._end(self._conflict.mine, f"{self._address} is as you made it")

    def _save_merged(self) -> None:
        self._end(self.editor.text, f"Both changes are in {self._address}")

    def _end(self, text: str | None, told: str) -> None:
        address = self._address

        async def act(workspace: Workspace, progress: Progress) -> None:
            if text is None:
                await asyncio.to_thread(workspace.names.discard, address)
            else:
                await asyncio.to_thread(workspace.names.settle, address, text)

        def done(nothing: None) -> None:
            self.accept()
            self._desk.notifier.success(told)
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
