"""Saving functions of a package under names, with the package filled in; what is taken is told before anything is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFrame, QGridLayout, QLineEdit, QScrollArea, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.package_modules import PackageFunction
from rhdesk.core.rows import Problem
from rhdesk.core.words import count_text
from rhdesk.desktop.forms.cluster_choice import ClusterChoice
from rhdesk.desktop.forms.inputs import mark_invalid
from rhdesk.desktop.forms.name_field import address_problem
from rhdesk.desktop.forms.offering_text import PackageLines
from rhdesk.desktop.forms.static_schema import summary
from rhdesk.desktop.widgets.base import ElidedLabel, Label
from rhdesk.desktop.widgets.dialog import Dialog
from rhresources.errors import NotFound, RhError
from rhresources.names import Address

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.workspace import Workspace

_IN_SIGHT = 6
_LINE = 54


class MakeFunctions(Dialog):
    """A name for each; `made` is given the addresses."""

    def __init__(
        self,
        desk: Desk,
        parent: QWidget,
        functions: Sequence[PackageFunction],
        packages: Sequence[str],
        cluster: str,
        made: Callable[[list[str]], object],
    ) -> None:
        count = count_text(len(functions), "function")
        text = "Each becomes a document of its own; the package is filled in as what it needs. Nothing is run."
        super().__init__(parent, f"Make {count}", text, icon="square-function", width=560)
        self._desk, self._functions, self._made = desk, list(functions), made
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 8, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 4)
        grid.setColumnStretch(1, 5)
        self.names: list[QLineEdit] = []
        self._wrong: list[Label] = []
        taken: set[str] = set()
        for line, one in enumerate(self._functions):
            name = QLineEdit(self._free_name(one.found.name, taken))
            taken.add(name.text())
            name.setAccessibleName(f"Name of {one.found.name}")
            name.textChanged.connect(lambda text: self._check())
            wrong = Label("", "error")
            grid.addWidget(ElidedLabel(f"{one.found.name}{one.found.signature}", "mono"), line * 2, 0)
            grid.addWidget(name, line * 2, 1)
            grid.addWidget(wrong, line * 2 + 1, 1)
            self.names.append(name)
            self._wrong.append(wrong)
        grid.setRowStretch(len(self._functions) * 2, 1)
        inner = QWidget()
        inner.setLayout(grid)
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setWidget(inner)
        area.setMinimumHeight(min(_IN_SIGHT, len(self._functions)) * _LINE + 8)
        self.body.addWidget(area, 1)
        below = QGridLayout()
        below.setHorizontalSpacing(12)
        below.setVerticalSpacing(8)
        below.setColumnStretch(1, 1)
        self.cluster = ClusterChoice(desk)
        self.cluster.choose(cluster)
        self.packages = PackageLines(desk)
        self.packages.setPlainText("\n".join(packages))
        below.addWidget(Label("Cluster", "strong"), 0, 0)
        below.addWidget(self.cluster, 0, 1)
        below.addWidget(Label("Packages", "strong"), 1, 0)
        below.addWidget(self.packages, 1, 1)
        self.body.addLayout(below)
        self.add_button("Cancel")
        self.accept_button = self.add_button(f"Make {count}", "primary", self._make)
        self.accept_button.setObjectName("make-functions-accept")
        self.fit()
        self._check()
        self.names[0].setFocus()
        self.names[0].selectAll()

    def _free_name(self, name: str, taken: set[str]) -> str:
        address, number = f"~/{name}", 2
        while address in self._desk.store.names or address in taken:
            address, number = f"~/{name}-{number}", number + 1
        return address

    def _check(self) -> bool:
        """Mark every name that cannot be saved under; whether there is none."""
        seen: dict[str, int] = {}
        fine = True
        for name, label in zip(self.names, self._wrong, strict=True):
            text = name.text().strip()
            problem = address_problem(text, self._desk) if text else Problem("It needs a name.")
            said = problem.sentence if problem is not None else ""
            if not said:
                address = str(Address.parse(text))
                if address in self._desk.store.names:
                    said = f"{address} is taken."
                elif address in seen:
                    said = "Two have this name."
                seen[address] = 1
            label.setText(said)
            mark_invalid(name, bool(said))
            fine = fine and not said
        self.accept_button.allow("" if fine else "Correct the names first.")
        return fine

    def _make(self) -> None:
        if not self._check():
            return
        names = [str(Address.parse(name.text().strip())) for name in self.names]
        packages = [line.strip() for line in self.packages.toPlainText().splitlines() if line.strip()]
        cluster, wanted = self.cluster.chosen, list(zip(names, self._functions, strict=True))

        async def make(workspace: Workspace, progress: Progress) -> dict[str, str]:
            return await asyncio.to_thread(_save_all, workspace, wanted, cluster, packages)

        self.show_problem(None)
        self.accept_button.setEnabled(False)
        self._desk.act("functions.make", make, on_done=self._done, on_error=self._failed, quiet=True)

    def _done(self, saved: dict[str, str]) -> None:
        self.accept()
        desk, addresses = self._desk, list(saved)
        desk.undoing.tell(f"Made {_words(addresses)}", lambda: _undo(desk, saved))
        self._made(addresses)

    def _failed(self, error: BaseException) -> None:
        if self.is_gone:
            self._desk.notifier.error(error, act="Make functions")
            return
        self.accept_button.setEnabled(True)
        self.show_problem(Problem.of(error))


def _save_all(
    workspace: Workspace, wanted: Sequence[tuple[str, PackageFunction]], cluster: str, packages: list[str]
) -> dict[str, str]:
    """Save a document for each, or none at all; the text of each by its address."""
    from rhresources.documents import parse_document

    documents = [
        parse_document(
            {
                "kind": "function",
                "description": (summary(one.found.docstring).splitlines() or [""])[0][:2000],
                "cluster": cluster,
                "code": dict(one.code),
                "packages": packages,
            }
        )
        for _, one in wanted
    ]
    saved: dict[str, str] = {}
    try:
        for (name, _), document in zip(wanted, documents, strict=True):
            entry = workspace.names.save(name, document, overwrite=False)
            saved[entry.name] = entry.text
    except RhError:
        for name in saved:
            workspace.names.delete(name)
        raise
    return saved


def _undo(desk: Desk, saved: Mapping[str, str]) -> None:
    """Take away again what was made; what somebody worked on since stays."""

    def remove_all(workspace: Workspace) -> list[str]:
        changed = []
        for address, text in saved.items():
            try:
                if workspace.names.load(address).text == text:
                    workspace.names.delete(address)
                else:
                    changed.append(address)
            except NotFound:
                pass
        return changed

    async def remove(workspace: Workspace, progress: Progress) -> list[str]:
        return await asyncio.to_thread(remove_all, workspace)

    def removed(changed: list[str]) -> None:
        gone = [address for address in saved if address not in changed]
        if gone:
            desk.notifier.success(f"Removed {_words(gone)} again")
        if changed:
            desk.notifier.warning(f"{_words(changed)} stayed: edited since.", "Delete it yourself if it shall go.")

    desk.act(f"functions.undo {next(iter(saved))}", remove, on_done=removed)


def _words(addresses: Sequence[str]) -> str:
    return addresses[0] if len(addresses) == 1 else count_text(len(addresses), "function")
