"""How this computer reaches a cluster over SSH: what its document says, and what is set here in place of that."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QCheckBox, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem
from rhdesk.desktop.access_acts import retry_now
from rhdesk.desktop.forms.form_line import FormLine
from rhdesk.desktop.widgets.base import Button, Label, column_of, row_of
from rhdesk.desktop.widgets.dialog import Dialog
from rhdesk.desktop.widgets.states import StateView
from rhresources.documents import ClusterDocument, parse_document, plain_values
from rhresources.errors import DocumentError

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.reach.ssh.target import SshTarget
    from rhresources.workspace import Workspace

_PAUSE = 250
_KEY = "ssh_private_key"
_UNSAID = {
    "ssh_user": "From ~/.ssh/config, else yours",
    "ssh_port": "22",
    _KEY: "What ~/.ssh/config and the agent offer",
    "proxy_jump": "None; else in order: alice@gate:22, inner",
}
"""What holds where neither the document nor this computer says anything."""


class OwnWayDialog(Dialog):
    """A field that is left empty goes by the document. What is set here is in no document: others do not see it."""

    def __init__(self, desk: Desk, parent: QWidget, address: str) -> None:
        super().__init__(
            parent,
            f"Reach {address} my way",
            "Its document says how everybody logs in. What you fill in here holds on this computer alone, in place of "
            "that; the document stays as it is.",
            icon="key-round",
            width=540,
        )
        self.setObjectName("own-way-dialog")
        self._desk, self._address = desk, address
        self._said: dict[str, Any] = {}
        self._own: dict[str, Any] = {}
        self._hosts: list[str] = []
        self._looked: object = None
        self.user = FormLine("ssh_user", "User")
        self.port = FormLine("ssh_port", "Port")
        self.key = FormLine(_KEY, "Key file", choose="file")
        self.key.start = str(Path.home() / ".ssh")
        self.no_key = QCheckBox("Not the document's key: what ~/.ssh/config and the agent offer")
        self.no_key.setObjectName("own-way-no-key")
        self.no_key.toggled.connect(lambda checked: self._changed())
        self.jumps = FormLine("proxy_jump", "Jump hosts")
        self.lines = {line.name: line for line in (self.user, self.port, self.key, self.jumps)}
        for name, line in self.lines.items():
            line.line.setObjectName(f"own-way-{name}")
            line.changed.connect(self._changed)
        pair = row_of(self.user, self.port, spacing=12)
        pair.setStretch(0, 2)
        pair.setStretch(1, 1)
        self._result = Label("", "muted", wrap=True)
        self._form = QWidget()
        self._form.setLayout(
            column_of(pair, column_of(self.key, self.no_key, spacing=6), self.jumps, self._result, spacing=12)
        )
        self._form.hide()
        self._state = StateView()
        self._state.setMinimumHeight(200)
        self._state.retry.connect(self._load)
        self.body.addWidget(self._state)
        self.body.addWidget(self._form)
        self.forget_button = Button("Go by the document", "flat", "rotate-ccw", self._forget)
        self.forget_button.setObjectName("own-way-forget")
        self._foot.insertWidget(0, self.forget_button)
        self.add_button("Cancel")
        self.accept_button = self.add_button("Save", "primary", self._save)
        self.accept_button.setObjectName("own-way-accept")
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE)
        self._pause.timeout.connect(self._look)
        self.fit()
        self._load()

    # ------------------------------------------------------------ what is

    def _load(self) -> None:
        self._state.show_loading("Looking how it is reached…")
        self._allow()
        address = self._address

        async def load(workspace: Workspace, progress: Progress) -> tuple[ClusterDocument, dict[str, Any]]:
            document = await asyncio.to_thread(workspace.names.cluster, address)
            own = await asyncio.to_thread(workspace.own_ways.of, address)
            set_here = {} if own is None else {name: getattr(own, name) for name in own.model_fields_set}
            return document, set_here

        def failed(error: BaseException) -> None:
            if not self.is_gone:
                self._state.show_failed(Problem.of(error))

        self._desk.act(f"own way:{id(self)}", load, on_done=self._loaded, on_error=failed, quiet=True)

    def _loaded(self, found: tuple[ClusterDocument, dict[str, Any]]) -> None:
        if self.is_gone:
            return
        document, self._own = found
        self._said = dict(plain_values(document).get("ssh_creds") or {})
        self._hosts = list(document.ips)
        self._show_own(self._own)
        self.no_key.setVisible(bool(self._said.get(_KEY)) or self.no_key.isChecked())
        self._state.hide()
        self._form.show()
        self._look()
        (self.key if self.no_key.isVisible() else self.user).line.setFocus()
        self.grow()

    def _show_own(self, own: Mapping[str, Any]) -> None:
        for name, line in self.lines.items():
            mine, said = own.get(name), self._said.get(name)
            line.set_text("" if mine is None else str(mine))
            line.line.setPlaceholderText(str(said) if said else _UNSAID[name])
        self.no_key.setChecked(_KEY in own and own[_KEY] is None)
        self._say_whose()

    def _say_whose(self) -> None:
        for name, line in self.lines.items():
            said = self._said.get(name)
            if name in self._values():
                line.set_about(f"Mine; the document says {said}." if said else "Mine; the document says nothing.")
            else:
                line.set_about("By the document." if said else "")
        self.key.line.setEnabled(not self.no_key.isChecked())

    # ------------------------------------------------------------ what shall be

    def _values(self) -> dict[str, Any]:
        """What is set here, right or wrong; nothing of a field that goes by the document."""
        # what has no field here stays, also that something of the document does not hold
        found = {name: value for name, value in self._own.items() if name not in self.lines or value is None}
        found.pop(_KEY, None)
        found |= {name: line.text for name, line in self.lines.items() if line.text}
        if (port := self.port.text).isascii() and port.isdigit() and len(port) < 10:
            found["ssh_port"] = int(port)
        if self.no_key.isChecked():
            found[_KEY] = None
        return found

    def _document(self) -> ClusterDocument | None:
        """The cluster as this computer would go by it; None where something is wrong, which is then shown."""
        creds = {name: value for name, value in {**self._said, **self._values()}.items() if value is not None}
        problems: dict[str, str] = {}
        document = None
        try:
            document = parse_document({"kind": "cluster", "type": "ssh", "ips": self._hosts, "ssh_creds": creds})
        except DocumentError as error:
            problems = {field.removeprefix("ssh_creds."): message for field, message, _ in error.problems}
            if not problems.keys() & self.lines.keys():
                self.show_problem(Problem.of(error))
        for name, line in self.lines.items():
            line.show_error(problems.get(name, ""))
        return document if isinstance(document, ClusterDocument) else None

    def _changed(self) -> None:
        self.show_problem(None)
        self._say_whose()
        self._allow()
        self._pause.start()

    def _allow(self) -> None:
        ready = bool(self._hosts)
        self.accept_button.allow("" if ready and self._values() != self._own else "Nothing is changed yet.")
        self.forget_button.allow("" if ready and self._own else "Nothing is set here.")

    def _look(self) -> None:
        """Say what comes of it."""
        self._allow()
        document = self._document()
        self._looked = asked = document
        if document is None:
            self._result.setText("")
            self.grow()
            return

        async def look(progress: Progress) -> str:
            from rhresources.reach.ssh.target import target_of

            return await asyncio.to_thread(_way_text, await target_of(document))

        def done(words: str) -> None:
            if not self.is_gone and asked is self._looked:
                self._result.setText(words)
                self.grow()

        def failed(error: BaseException) -> None:
            if not self.is_gone and asked is self._looked:
                problem = Problem.of(error)
                self._result.setText(f"{problem.sentence} {problem.remedy}".strip())
                self.grow()

        self._desk.tasks.start(f"own way.look:{id(self)}", look, on_done=done, on_error=failed, quiet=True)

    def _save(self) -> None:
        if self._document() is None or self._values() == self._own:
            return
        self._keep(self._values(), f"{self._address} is reached your way now")

    def _forget(self) -> None:
        self._keep({}, f"{self._address} is reached as its document says")

    def _keep(self, values: dict[str, Any], told: str) -> None:
        address, desk = self._address, self._desk

        async def keep(workspace: Workspace, progress: Progress) -> None:
            await asyncio.to_thread(workspace.own_ways.replace, address, values)

        def done(nothing: None) -> None:
            self.accept()
            desk.notifier.success(told)
            desk.retry_now(address)  # it is shown at once; connecting may take long
            retry_now(desk, address)

        def failed(error: BaseException) -> None:
            if self.is_gone:
                desk.notifier.error(error, act=self.windowTitle())
                return
            self._allow()
            self.show_problem(Problem.of(error))

        self.accept_button.setEnabled(False)
        desk.act(f"own way.keep:{address}", keep, on_done=done, on_error=failed, quiet=True)


def _way_text(target: SshTarget) -> str:
    """What comes of the document, this computer and ~/.ssh/config together, in one sentence. Looks at the disk."""
    from rhresources.reach.ssh.secrets import short

    way = "".join(f", by way of {jump.account}" for jump in target.jumps)
    keys = ", ".join(short(path) for path in target.key_files if target.key_required or Path(path).exists())
    offered = " and ".join(part for part in (keys, "the agent's keys" if target.use_agent and not keys else "") if part)
    return f"You log in as {target.account}{way}{f', with {offered}' if offered else ''}."
