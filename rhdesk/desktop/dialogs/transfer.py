"""Files to a cluster and back. Both go on in the task centre when the dialog is closed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QStandardPaths, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem
from rhdesk.core.tasks import Progress
from rhdesk.core.words import bytes_text, count_text
from rhdesk.desktop.forms.file_choice import choose_files, choose_folder
from rhdesk.desktop.forms.inputs import mark_invalid
from rhdesk.desktop.widgets.base import Button, Card, ElidedLabel, Label, ToolButton, column_of, row_of
from rhdesk.desktop.widgets.dialog import Dialog
from rhdesk.desktop.widgets.removal import clear_layout

if TYPE_CHECKING:
    from rhresources.transfer.transfer import Transferred
    from rhresources.workspace import Workspace

_LISTED = 6
_OF = re.compile(r"([\d.,]+) ?(B|[KMGT]i?B) of ([\d.,]+) ?(B|[KMGT]i?B)")
_SIZES = {"B": 1} | {
    f"{letter}{binary}B": 1024**power for power, letter in enumerate("KMGT", 1) for binary in ("", "i")
}


class SendFiles(Dialog):
    """Chooses files or folders, and a folder on the cluster."""

    def __init__(self, desk: Desk, parent: QWidget, cluster: str) -> None:
        super().__init__(parent, f"Send files to {cluster}", icon="upload", width=520)
        self.setObjectName("send-files")
        self._desk, self._cluster = desk, cluster
        self.paths: list[Path] = []
        card = Card(margins=(12, 8, 8, 8))
        self._list = QVBoxLayout()
        self._list.setSpacing(2)
        card.body.addLayout(self._list)
        card.body.addLayout(
            row_of(
                Button("Add files…", "link", "file", lambda: choose_files(self, "Files to send", self.add)),
                Button("Add a folder…", "link", "folder", lambda: choose_folder(self, "Folder to send", self._one)),
                None,
                spacing=0,
            )
        )
        self.body.addWidget(card)
        self.remote = QLineEdit("~")
        self.remote.setAccessibleName("Folder on the cluster")
        self.remote.setObjectName("remote-path")
        self.body.addLayout(column_of(Label("Into the folder on the cluster", "strong"), self.remote, spacing=4))
        self.add_button("Cancel")
        self.accept_button = self.add_button("Send", "primary", self.send)
        self._show()

    def add(self, paths: Sequence[Path]) -> None:
        """Put these on the list."""
        self.paths += [path for path in paths if path not in self.paths]
        self._show()

    def send(self) -> None:
        """Close the dialog and send; the task centre shows how far it is."""
        folder = self.remote.text().strip().rstrip("/")
        target = f"{folder}/"  # the slash tells that it is one
        desk, cluster, paths = self._desk, self._cluster, list(self.paths)

        async def send(workspace: Workspace, progress: Progress) -> Transferred:
            return await workspace.send(cluster, paths, target, with_share(progress))

        what = paths[0].name if len(paths) == 1 else f"{len(paths)} files and folders"
        desk.act(
            f"send {cluster} {what} {target}",
            send,
            title=f"Sending {what} to {cluster}",
            go_to=("clusters", cluster),
            on_done=lambda done: desk.notifier.success(f"{what} is in {folder or '/'} on {cluster}: {_told(done)}."),
        )
        self.accept()

    def _one(self, path: Path) -> None:
        self.add([path])

    def _remove(self, path: Path) -> None:
        self.paths.remove(path)
        self._show()

    def _show(self) -> None:
        clear_layout(self._list)
        for path in self.paths[:_LISTED]:
            line = QWidget()
            leave_out = ToolButton("x", "Leave out", partial(self._remove, path))
            line.setLayout(row_of(ElidedLabel(str(path), middle=True), leave_out))
            self._list.addWidget(line)
        if len(self.paths) > _LISTED:
            self._list.addWidget(Label(f"and {len(self.paths) - _LISTED} more", "faint"))
        if not self.paths:
            self._list.addWidget(Label("Nothing is chosen yet.", "muted"))
        self.accept_button.allow("" if self.paths else "Choose something to send.")


class FetchFiles(Dialog):
    """Asks for a path on the cluster and a folder here."""

    def __init__(self, desk: Desk, parent: QWidget, cluster: str) -> None:
        super().__init__(parent, f"Fetch from {cluster}", icon="download", width=520)
        self.setObjectName("fetch-files")
        self._desk, self._cluster = desk, cluster
        self.remote = QLineEdit()
        self.remote.setAccessibleName("Path on the cluster")
        self.remote.setPlaceholderText("~/results/model.pt, or a folder")
        self.remote.setObjectName("remote-path")
        downloads = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DownloadLocation)
        self.local = QLineEdit(downloads if downloads and Path(downloads).is_dir() else str(Path.home()))
        self.local.setAccessibleName("Folder on this computer")
        self.local.setObjectName("local-path")
        for field in (self.remote, self.local):
            field.textEdited.connect(lambda text, field=field: self._edited(field))
            field.returnPressed.connect(self.fetch)
        self.body.addLayout(column_of(Label("File or folder on the cluster", "strong"), self.remote, spacing=4))
        browse = Button("Choose…", "", "folder-open", self._choose)
        local = row_of(self.local, browse)
        self.body.addLayout(column_of(Label("Into the folder on this computer", "strong"), local, spacing=4))
        self.add_button("Cancel")
        self.accept_button = self.add_button("Fetch", "primary", self.fetch)
        self.remote.setFocus()

    def fetch(self) -> None:
        """Close the dialog and fetch; the task centre shows how far it is."""
        remote = self.remote.text().strip().rstrip("/")
        if not remote:
            self._refuse(self.remote, Problem("What is to be fetched?", "Write the path of a file or folder there."))
            return
        folder = Path(self.local.text().strip()).expanduser()
        if not folder.is_absolute() or not folder.is_dir():
            self._refuse(self.local, Problem(f"There is no folder {folder}.", "Choose one that is there."))
            return
        self._start(remote, folder)
        self.accept()

    def _start(self, remote: str, folder: Path) -> None:
        desk, cluster = self._desk, self._cluster

        async def fetch(workspace: Workspace, progress: Progress) -> Transferred:
            return await workspace.fetch(cluster, remote, f"{folder}{os.sep}", with_share(progress))

        desk.act(
            f"fetch {cluster} {remote}",
            fetch,
            title=f"Fetching {remote} from {cluster}",
            go_to=("clusters", cluster),
            on_done=lambda done: desk.notifier.success(
                f"{remote} of {cluster} is in {folder}: {_told(done)}.",
                action_text="Open the folder",
                action=lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))),
            ),
        )

    def _choose(self) -> None:
        choose_folder(self, "Where to", lambda path: self.local.setText(str(path)), start=self.local.text())

    def _refuse(self, field: QLineEdit, problem: Problem) -> None:
        mark_invalid(field, True)
        field.setFocus()
        self.show_problem(problem)

    def _edited(self, field: QLineEdit) -> None:
        mark_invalid(field, False)
        self.show_problem(None)


def with_share(progress: Progress) -> Callable[[str], None]:
    """Reads "1.2 GB of 3.4 GB" out of what a transfer says, for the bar of the task."""

    def tell(sentence: str) -> None:
        found = _OF.search(sentence)
        if found is None:
            progress(sentence)
            return
        done, whole = (float(found[at].replace(",", "")) * _SIZES[found[at + 1]] for at in (1, 3))
        progress(sentence, min(1.0, done / whole) if whole else None)

    return tell


def _told(done: Transferred) -> str:
    words = [f"{count_text(done.files, 'file')}, {bytes_text(done.bytes)}"]
    if done.unchanged:
        words.append(f"{done.unchanged:,} were there already")
    if done.skipped:
        words.append(f"left out {'; '.join(done.skipped[:3])}")
    return ", ".join(words)
