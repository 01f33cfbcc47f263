"""A new resource out of YAML: choose a kind, fill in the text, give it a name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLineEdit, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem
from rhdesk.desktop.forms.name_field import (
    NameCompletion,
    address_problem,
    folder_problem,
    places_text,
    registry_of,
    whole_name,
)
from rhdesk.desktop.forms.yaml_editor import TextProblem, YamlEditor
from rhdesk.desktop.widgets.base import Card, ChipRow, Label, column_of, row_of
from rhdesk.desktop.widgets.dialog import Dialog
from rhresources.errors import DocumentError
from rhresources.names import parse_folder

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.stores.entry import Entry
    from rhresources.workspace import Workspace

TEMPLATES = {
    "function": """kind: function
description: What it does
cluster: ^local
code:
  root: ~/project        # the folder that travels, best a git tree
  file: train.py
  name: main
packages:
  - ./                   # the requirements of the folder
""",
    "package": """kind: package
description: What it is for
install_method: pip      # pip, reqs, local, git or conda
target: numpy==1.26
""",
    "cluster": """kind: cluster
type: ssh
description: Whose machines these are
ips: [192.0.2.10]        # names or addresses; the first is the head
ssh_creds:
  ssh_user: me
  ssh_private_key: ~/.ssh/id_ed25519
  # log_in: auto         # key, agent or password: only that
  # proxy_jump: me@gate  # hosts on the way, as for ssh -J
# wheels: ~/wheels       # for hosts without internet
""",
}
"""What a new document of each kind begins as."""


class NewResource(Dialog):
    """`added` is given the address of what was made."""

    def __init__(self, desk: Desk, parent: QWidget, folder: str, added: Callable[[str], object]) -> None:
        super().__init__(parent, "New resource", width=620)
        self._desk, self._added = desk, added
        self.kinds = ChipRow()
        self.kinds.set_chips([(kind, kind.capitalize()) for kind in TEMPLATES])
        self.kinds.chosen.connect(self._kind_chosen)
        self.name = QLineEdit(f"{folder}/")
        self.name.setAccessibleName("Name")
        self.name.setObjectName("resource-name")
        self.name.textEdited.connect(lambda text: self.show_problem(None))
        self.body.addLayout(row_of(self.kinds, None))
        self._completion = NameCompletion(desk, self.name)
        hint = Label(places_text(registry_of(desk)), "faint", wrap=True)
        self.body.addLayout(column_of(Label("Name", "strong"), self.name, hint, spacing=4))
        self.editor = YamlEditor()
        self.editor.save_asked.connect(self._create)
        card = Card(margins=(0, 0, 0, 0))
        card.body.addWidget(self.editor)
        self.body.addWidget(card, 1)
        self.add_button("Cancel")
        self.accept_button = self.add_button("Create", "primary", self._create)
        self.resize(640, 540)
        self._kind_chosen(self.kinds.current)
        self.name.setFocus()
        QTimer.singleShot(0, self.name, self.name.deselect)

    def _kind_chosen(self, kind: str) -> None:
        self.editor.set_text(TEMPLATES[kind])

    def _create(self) -> None:
        address, text = self.name.text().strip(), self.editor.text
        if problem := address_problem(address, self._desk):
            self.show_problem(problem)
            self.name.setFocus()
            return

        async def create(workspace: Workspace, progress: Progress) -> Entry:
            from rhresources.shared_code import hand_over

            entry = await asyncio.to_thread(workspace.names.save_text, address, text, modified=0.0)
            return await hand_over(workspace, entry, progress)

        self.accept_button.setEnabled(False)
        self._desk.act("resource.create", create, on_done=self._created, on_error=self._failed, quiet=True)

    def _created(self, entry: Entry) -> None:
        self.accept()
        if entry.caution:
            self._desk.notifier.warning(f"{entry.name}: {entry.caution}")
        self._added(entry.name)

    def _failed(self, error: BaseException) -> None:
        self.accept_button.setEnabled(True)
        if isinstance(error, DocumentError) and error.problems:
            self.editor.show_problems([TextProblem(*problem) for problem in error.problems])
            self.show_problem(Problem("It was not created, because the text has problems; they are marked."))
        else:
            self.show_problem(Problem.of(error))


class NewFolder(Dialog):
    """`added` is given the canonical name of the folder. In a registry it is there with the first name in it, which
    is asked for next and given to `made`."""

    def __init__(
        self,
        desk: Desk,
        parent: QWidget,
        folder: str,
        added: Callable[[str], object],
        made: Callable[[str], object],
    ) -> None:
        super().__init__(parent, "New folder", "Folders keep names apart: ~/team/train and ~/mine/train.")
        self._desk, self._parent, self._added, self._made = desk, parent, added, made
        self.name = QLineEdit(f"{folder}/")
        self.name.setAccessibleName("Folder")
        self.name.setObjectName("folder-name")
        self.name.textEdited.connect(lambda text: self.show_problem(None))
        self.name.returnPressed.connect(self._create)
        self.body.addWidget(self.name)
        if registry_of(desk) is not None:
            words = "In a registry a folder is there as soon as a name is in it; that is asked for next."
            self.body.addWidget(Label(words, "faint", wrap=True))
        self.add_button("Cancel")
        self.add_button("Create", "primary", self._create)
        self.fit()
        self.name.setFocus()
        QTimer.singleShot(0, self.name, self.name.deselect)

    def _create(self) -> None:
        text = self.name.text().strip().rstrip("/")
        if problem := folder_problem(text, self._desk):
            self.show_problem(problem)
            return
        folder = whole_name(parse_folder(text), registry_of(self._desk))
        if not folder.startswith("~"):
            self.accept()
            NewResource(self._desk, self._parent, folder, self._made).open()
            return
        path = self._desk.home / "resources" / folder.removeprefix("~").lstrip("/")

        async def make(progress: Progress) -> None:
            await asyncio.to_thread(path.mkdir, parents=True, exist_ok=True)

        def done(nothing: None) -> None:
            self.accept()
            self._desk.read_names()
            self._added(folder)

        def failed(error: BaseException) -> None:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self.show_problem(Problem(f"{path} could not be made: {why}."))

        self._desk.tasks.start("folder.create", make, on_done=done, on_error=failed, quiet=True)
