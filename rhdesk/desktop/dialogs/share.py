"""Who may use a name of the registry, or all that is in a folder: looked at, and changed by those who own it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.package_names import Suggestion
from rhdesk.core.rows import Problem
from rhdesk.desktop.forms.completion import Completion
from rhdesk.desktop.forms.inputs import CalmCombo
from rhdesk.desktop.widgets.base import Button, Card, IconLabel, Label, ToolButton, column_of, row_of
from rhdesk.desktop.widgets.dialog import Dialog
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import StateView
from rhresources.registry.answers import given

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.mentions import Hidden
    from rhresources.registry.answers import Access, Given, Level
    from rhresources.workspace import Workspace

LEVELS = {"read": "Can read", "write": "Can change", "owner": "Owns it"}
_ABOUT = {
    "read": "load it and run what it names",
    "write": "change it as well",
    "owner": "share, move and delete it as well",
}
_EVERYONE = "@everyone"
_MOST_TOLD = 3


class ShareDialog(Dialog):
    """What is chosen takes effect with Save.

    Args:
        desk: of the window.
        parent: the window.
        address: a name or folder.
        who: proposed for "Can read", where they have nothing yet.
    """

    def __init__(self, desk: Desk, parent: QWidget, address: str, who: Sequence[str] = ()) -> None:
        folder = address not in desk.store.names
        what = f"all that is in {address}" if folder else address
        super().__init__(parent, f"Share {what}", icon="share-2", width=560)
        self.setObjectName("share-dialog")
        self._desk, self._window, self._address, self._proposed = desk, parent, address, who
        self._before: dict[str, Level] = {}
        self._now: dict[str, Level] = {}
        self._inherited: list[tuple[str, Level, str]] = []
        self._owner = ""
        self.who = QLineEdit()
        self.who.setObjectName("share-who")
        self.who.setAccessibleName("Person or group")
        self.who.setPlaceholderText("Name of a person, or @group")
        self.who.textChanged.connect(lambda text: self._typed())
        self.who.returnPressed.connect(self._entered)
        self._completion = Completion(self.who)
        self._completion.asked.connect(self._ask_people)
        self.level = _levels("read", "What they may do")
        self.level.setObjectName("share-level")
        add = Button("Add", "", "plus", self._add)
        add.setObjectName("share-add")
        row = row_of(self.who, self.level, add)
        row.setStretch(0, 1)
        about = " ".join(f"{words}: {_ABOUT[level]}." for level, words in LEVELS.items())
        self.body.addLayout(column_of(row, Label(about, "faint", wrap=True), spacing=6))
        self._card = Card(margins=(4, 4, 4, 4))
        self._state = StateView()
        self._state.retry.connect(self._load)
        self._state.setMinimumHeight(150)
        self._list = QWidget()
        self._lines = QVBoxLayout(self._list)
        self._lines.setContentsMargins(8, 4, 8, 4)
        self._lines.setSpacing(4)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self._list)
        area.setMinimumHeight(190)
        self._area = area
        self._card.body.addWidget(self._state)
        self._card.body.addWidget(area)
        self.body.addWidget(self._card, 1)
        self.add_button("Cancel")
        self.accept_button = self.add_button("Save", "primary", self._save)
        self.accept_button.setObjectName("share-accept")
        self.accept_button.setDefault(False)  # Return in the field adds
        self._load()
        self.who.setFocus()

    # ------------------------------------------------------------ what is

    def _load(self) -> None:
        self._area.hide()
        self._state.show()
        self._state.show_loading("Asking who may use it…")
        self._allow()
        address = self._address

        async def load(workspace: Workspace, progress: Progress) -> Access:
            return await asyncio.to_thread(workspace.names.access, address)

        def failed(error: BaseException) -> None:
            if not self.is_gone:
                self._state.show_failed(Problem.of(error))

        self._desk.act(f"share.load:{id(self)}", load, on_done=self._loaded, on_error=failed, quiet=True)

    def _loaded(self, access: Access) -> None:
        if self.is_gone:
            return
        self._owner = access.owner
        self._before = {grant.who: grant.access for grant in access.grants if not grant.inherited_from}
        self._now = self._before | {who: "read" for who in self._proposed if who not in self._before}
        self._inherited = [
            (grant.who, grant.access, grant.inherited_from) for grant in access.grants if grant.inherited_from
        ]
        self._state.hide()
        self._area.show()
        self._fill()

    def _fill(self) -> None:
        clear_layout(self._lines)
        self._lines.addWidget(_line(self._owner, Label("Owner", "muted"), note="whose folder it is in"))
        for who, level in self._now.items():
            choice = _levels(level, f"What {who} may do")
            choice.setObjectName(f"share-level-{who}")
            choice.activated.connect(partial(self._chosen, who, choice))
            remove = ToolButton("x", f"Take away from {who}", partial(self._set, who, "none"))
            note = "new" if who not in self._before else "changed" if self._before[who] != level else ""
            self._lines.addWidget(_line(who, choice, remove, note=note))
        for who in self._before:
            if who not in self._now:
                back = Button("Undo", "link", on_click=partial(self._set, who, self._before[who]))
                self._lines.addWidget(_line(who, Label("No longer", "bad"), back))
        for who, level, origin in self._inherited:
            self._lines.addWidget(_line(who, Label(LEVELS[level], "muted"), note=f"through {origin}"))
        if not self._now and not self._inherited and not self._before:
            self._lines.addWidget(Label("Nobody else may see it.", "faint"))
        self._lines.addStretch(1)
        self._allow()

    def _allow(self) -> None:
        changed = self._changes() or (self._owner and self.who.text().strip())
        self.accept_button.allow("" if changed else "Nothing is changed yet.")

    def _changes(self) -> dict[str, Given]:
        found: dict[str, Given] = {who: level for who, level in self._now.items() if self._before.get(who) != level}
        return found | dict.fromkeys((who for who in self._before if who not in self._now), "none")

    # ------------------------------------------------------------ what shall be

    def _chosen(self, who: str, choice: CalmCombo, place: int) -> None:
        self._set(who, given(str(choice.itemData(place))))

    def _set(self, who: str, level: Given) -> None:
        if level == "none":
            self._now.pop(who, None)
        else:
            self._now[who] = level
        self._fill()

    def _typed(self) -> None:
        self.show_problem(None)
        self._allow()

    def _entered(self) -> None:
        if not self._completion.is_chosen:
            self._add()

    def _add(self) -> None:
        who = self.who.text().strip()
        if not who:
            self.show_problem(Problem("Say with whom.", "Type a name, @group, or @everyone."))
            return
        if who == self._owner:
            self.show_problem(Problem(f"{who} owns it already."))
            return
        self._set(who, given(str(self.level.currentData())))
        self._completion.hide()
        self.who.clear()
        self.who.setFocus()

    def _ask_people(self, typed: str) -> None:
        async def ask(workspace: Workspace, progress: Progress) -> list[str]:
            return await asyncio.to_thread(workspace.names.people, typed.strip())

        def done(people: list[str]) -> None:
            if self.is_gone:
                return
            names = [name for name in people if name != self._owner and name not in self._now]
            if _EVERYONE.startswith(typed.strip() or "@") and _EVERYONE not in names and _EVERYONE not in self._now:
                names.append(_EVERYONE)
            self._completion.show(typed, [Suggestion(name, _what(name)) for name in names])

        self._desk.act(f"share.people:{id(self)}", ask, on_done=done, on_error=lambda error: None, quiet=True)

    def _save(self) -> None:
        if self.who.text().strip():
            self._add()
        changes, address = self._changes(), self._address
        if not changes:
            return

        is_folder = address not in self._desk.store.names

        async def save(workspace: Workspace, progress: Progress) -> tuple[str, list[Hidden]]:
            from rhresources.mentions import hidden_from
            from rhresources.shared_code import hand_over

            names, caution = workspace.names, ""
            await asyncio.to_thread(names.share, address, changes)
            if is_folder:
                entries = await asyncio.to_thread(names.list, address)
            else:
                entry = await hand_over(workspace, await asyncio.to_thread(names.load, address), progress)
                entries, caution = [entry], entry.caution
            given_to = [who for who, level in changes.items() if level != "none"]
            return caution, await asyncio.to_thread(hidden_from, names, entries, given_to) if given_to else []

        def done(found: tuple[str, list[Hidden]]) -> None:
            caution, hidden = found
            self.accept()
            self._desk.notifier.success(_told(address, changes))
            if caution:
                self._desk.notifier.warning(f"{address}: {caution}")
            for each in hidden[:_MOST_TOLD]:
                self._desk.notifier.warning(
                    str(each), action_text="Share it, too…", action=partial(_also, self._desk, self._window, each)
                )
            self._desk.read_names()

        def failed(error: BaseException) -> None:
            if self.is_gone:
                self._desk.notifier.error(error, act=f"Share {address}")
                return
            self._allow()
            self.show_problem(Problem.of(error))

        self.accept_button.setEnabled(False)
        self._desk.act(f"share.save:{id(self)}", save, on_done=done, on_error=failed, quiet=True)


def _also(desk: Desk, window: QWidget, hidden: Hidden) -> None:
    ShareDialog(desk, window, hidden.name, hidden.who).open()


def _levels(level: str, name: str) -> CalmCombo:
    combo = CalmCombo()
    combo.setAccessibleName(name)
    for key, words in LEVELS.items():
        combo.addItem(words, key)
    combo.setCurrentIndex(combo.findData(level))
    combo.setFixedWidth(124)
    return combo


def _line(who: str, *controls: QWidget, note: str = "") -> QWidget:
    line = QWidget()
    row = QHBoxLayout(line)
    row.setContentsMargins(0, 2, 0, 2)
    row.setSpacing(8)
    row.addWidget(IconLabel("users" if who.startswith("@") else "user"))
    row.addWidget(Label("Everyone with a login" if who == _EVERYONE else who, "strong"))
    row.addWidget(Label(note, "faint"))
    row.addStretch(1)
    for control in controls:
        row.addWidget(control)
    line.setMinimumHeight(36)
    return line


def _what(name: str) -> str:
    if name == _EVERYONE:
        return "everyone with a login"
    return "group" if name.startswith("@") else "person"


def _told(address: str, changes: dict[str, Given]) -> str:
    given = [who for who, level in changes.items() if level != "none"]
    taken = [who for who, level in changes.items() if level == "none"]
    if not taken:
        return f"{address} is shared with {', '.join(given)}"
    if not given:
        return f"{address} is no longer shared with {', '.join(taken)}"
    return f"{address} is shared with {', '.join(given)}, no longer with {', '.join(taken)}"
