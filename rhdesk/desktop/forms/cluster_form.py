"""A cluster of one's own hosts as a form: which hosts, as whom, by what, on which way; errors stand at their field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from rhdesk.desktop.forms.form_line import FormLine, error_words
from rhdesk.desktop.forms.host_list import HostList, split_accounts
from rhdesk.desktop.forms.inputs import mark_invalid
from rhdesk.desktop.widgets.base import Button, ChipRow, Label, ToolButton, column_of, row_of
from rhdesk.desktop.widgets.list_panel import popup_menu

LOG_INS = {
    "auto": ("Automatic", "Keys and the agent first, then a password."),
    "key": ("Key file", "By key file only."),
    "agent": ("Agent", "Only the keys that the SSH agent of this computer holds."),
    "password": ("Password", "Asked for when it connects, and kept in the keyring if you say so then."),
}
"""Of each way to log in: its chip, and what it does."""

_OFFERED = 40
_OWN = "From ~/.ssh/config, else yours"
_MORE = ("known_hosts", "wheels", "python", "conda", "price_per_hour", "description")
_CREDENTIALS = ("ssh_user", "ssh_port", "ssh_private_key", "proxy_jump", "known_hosts")


class ClusterForm(QWidget):
    """Edits the fields of a cluster of type ssh. `changed` comes with every change by the person."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._base: dict[str, Any] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(14)
        self.hosts = HostList()
        self.hosts.setObjectName("cluster-hosts")
        self.hosts.textChanged.connect(self.changed)
        self.hosts.left.connect(self._take_accounts)
        self._choose = ToolButton("list", "Choose from ~/.ssh/config", self._offer)
        self._choose.hide()
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.hosts, 1)
        row.addWidget(self._choose, 0, Qt.AlignmentFlag.AlignTop)
        self._hosts_note = Label("", "faint", wrap=True)
        self._hosts_error = Label("", "error", wrap=True, select=True)
        self._hosts_error.hide()
        column.addLayout(column_of(Label("Hosts", "strong"), row, self._hosts_error, self._hosts_note, spacing=4))
        self.user = FormLine("ssh_user", "User", _OWN)
        self.port = FormLine("ssh_port", "Port", "22")
        self.port.setFixedWidth(124)
        pair = row_of(self.user, self.port, spacing=12)
        column.addLayout(pair)
        self.log_in = ChipRow()
        self.log_in.set_chips([(key, words[0]) for key, words in LOG_INS.items()])
        self.log_in.chosen.connect(self._log_in_chosen)
        self._about = Label("", "faint", wrap=True)
        column.addLayout(column_of(Label("Log in by", "strong"), row_of(self.log_in, None), self._about, spacing=4))
        self.key = FormLine("ssh_private_key", "Key file", "Yours in ~/.ssh", choose="file")
        self.key.start = str(Path.home() / ".ssh")
        column.addWidget(self.key)
        self.jumps = FormLine("proxy_jump", "Jump hosts", "None; else in order: alice@gate:22, inner")
        column.addWidget(self.jumps)
        self._more = Button("More", "link", "chevron-right", self._toggle_more)
        self._more.setProperty("flush", True)  # stands under the titles
        column.addLayout(row_of(self._more, None))
        self._rest = QWidget()
        rest = QVBoxLayout(self._rest)
        rest.setContentsMargins(0, 0, 0, 0)
        rest.setSpacing(14)
        self.known_hosts = FormLine("known_hosts", "Known hosts file", "~/.ssh/known_hosts", choose="file")
        self.known_hosts.start = self.key.start
        self.wheels = FormLine(
            "wheels",
            "Wheels folder",
            "None",
            choose="folder",
            about="For hosts without internet: a folder on this computer with every package as a wheel.",
        )
        self.python = FormLine("python", "Python", "Found, or made", about="A version, 3.12, or a path on the hosts.")
        self.price = FormLine("price_per_hour", "Price per hour", "None", about="US dollars, all hosts together.")
        self.conda = FormLine(
            "conda",
            "Conda",
            "The one that is there, else rhdesk's own",
            about="What installs conda packages: micromamba, mamba, conda, the path of one, or rattler, rhdesk's own.",
        )
        self.description = FormLine("description", "Description")
        for widget in (self.known_hosts, self.wheels):
            rest.addWidget(widget)
        both = row_of(self.python, self.price, spacing=12)
        both.setStretch(0, 1)
        both.setStretch(1, 1)
        rest.addLayout(both)
        rest.addWidget(self.conda)
        rest.addWidget(self.description)
        self._rest.hide()
        column.addWidget(self._rest)
        column.addStretch(1)
        self.lines = {
            line.name: line
            for line in (self.user, self.port, self.key, self.jumps, self.known_hosts, self.wheels, self.python,
                         self.conda, self.price, self.description)
        }  # fmt: skip
        for name, line in self.lines.items():
            line.line.setObjectName(f"cluster-{name}")
            line.changed.connect(self.changed)
        self._show_log_in()

    # ------------------------------------------------------------ the values

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show a document, as plain values; what the form has no field for is kept."""
        self._base = dict(values)
        credentials = dict(values.get("ssh_creds") or {})
        self.hosts.set_hosts(values.get("ips") or [])
        for name, line in self.lines.items():
            found = (credentials if name in _CREDENTIALS else values).get(name)
            line.set_text("" if found is None else f"{found:g}" if isinstance(found, float) else str(found))
        self.log_in.choose(str(credentials.get("log_in") or "auto"))
        self._show_log_in()
        if any(self.lines[name].text for name in _MORE):
            self._open_more()

    def values(self) -> dict[str, Any]:
        """The plain values of the document, right or wrong."""
        made: dict[str, Any] = {"kind": "cluster", "type": "ssh"}
        own = {"ips", "ssh_creds", *self.lines}
        made |= {name: value for name, value in self._base.items() if name not in own}
        texts = {name: line.text for name, line in self.lines.items()}
        credentials: dict[str, Any] = {
            name: texts[name] for name in _CREDENTIALS if not (name == "ssh_private_key" and self.key.isHidden())
        }
        credentials["ssh_port"] = _whole(texts["ssh_port"])
        credentials["log_in"] = self.log_in.current if self.log_in.current != "auto" else ""
        made |= {
            "description": texts["description"],
            "ips": self.hosts.hosts,
            "ssh_creds": {name: value for name, value in credentials.items() if value != ""},
            "wheels": texts["wheels"],
            "python": texts["python"],
            "conda": texts["conda"],
            "price_per_hour": _number(texts["price_per_hour"]),
        }
        return {name: value for name, value in made.items() if value not in ("", {}, None)}

    # ------------------------------------------------------------ what is said of them

    def show_errors(self, problems: Sequence[tuple[str, str]]) -> list[str]:
        """Put (field, message) at their fields. Returns the messages that have none here."""
        at: dict[str, str] = {}
        stray = []
        for field, message in problems:
            name = field.removeprefix("ssh_creds.").split("[")[0].split(".")[0]
            if name in self.lines or name == "ips":
                at.setdefault(name, message)
            else:
                stray.append(f"{field}: {message}" if field else message)
        if self.key.text.endswith(".pub") and not self.key.isHidden():
            at.setdefault("ssh_private_key", "this is the public half of the key; give the file without .pub")
        for name, line in self.lines.items():
            line.show_error(at.get(name, ""))
        self._hosts_error.setText(error_words(at.get("ips", "")))
        self._hosts_error.setVisible("ips" in at)
        mark_invalid(self.hosts, "ips" in at)
        if any(name in at for name in _MORE):
            self._open_more()
        return stray

    @property
    def errors(self) -> dict[str, str]:
        """What is said to be wrong, by field."""
        found = {name: line.error for name, line in self.lines.items() if line.error}
        return {"ips": self._hosts_error.text(), **found} if not self._hosts_error.isHidden() else found

    def focus_error(self) -> None:
        """Go to the first field that is wrong."""
        if not self._hosts_error.isHidden():
            self.hosts.setFocus()
            return
        for line in self.lines.values():
            if line.error:
                line.line.setFocus()
                return

    def set_known(self, names: Sequence[str]) -> None:
        """The entries of ~/.ssh/config."""
        self.hosts.set_known(names)
        self._choose.setVisible(bool(names))

    def show_note(self, words: str, user: str = "", port: str = "", jumps: str = "") -> None:
        """What applies where a field is left empty: one quiet line, and in the fields themselves."""
        first = "The first is the head." if len(self.hosts.hosts) > 1 else ""
        self._hosts_note.setText("\n".join(part for part in (first, words) if part))
        self._hosts_note.setVisible(bool(self._hosts_note.text()))
        self.user.line.setPlaceholderText(user or _OWN)
        self.port.line.setPlaceholderText(port or "22")
        self.jumps.line.setPlaceholderText(jumps or "None; else in order: alice@gate:22, inner")

    # ------------------------------------------------------------ inside

    def _log_in_chosen(self, key: str) -> None:
        self._show_log_in()
        self.changed.emit()

    def _show_log_in(self) -> None:
        self._about.setText(LOG_INS[self.log_in.current][1])
        self.key.setVisible(self.log_in.current in ("auto", "key"))

    def _toggle_more(self) -> None:
        if self._rest.isHidden():
            self._open_more()
        else:
            self._rest.hide()
            self._more.set_icon("chevron-right")

    def _open_more(self) -> None:
        self._rest.show()
        self._more.set_icon("chevron-down")

    def _offer(self) -> None:
        names = self.hosts.known[:_OFFERED]
        entries = [("server", name, lambda name=name: self.hosts.add_host(name), "") for name in names]
        popup_menu(self, entries, self._choose.mapToGlobal(QPoint(0, self._choose.height())))

    def _take_accounts(self) -> None:
        """`alice@gpu1:2222`, as people paste it, goes to the fields that it belongs to."""
        found = split_accounts(self.hosts.toPlainText())
        if found is None:
            return
        hosts, user, port = found
        if self.user.text in ("", user) and (not port or self.port.text in ("", port)):
            self.hosts.set_hosts(hosts)
            self.user.set_text(user)
            if port:
                self.port.set_text(port)
            self.changed.emit()


def _whole(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _number(text: str) -> float | str:
    try:
        return float(text.lstrip("$ ").replace(",", ".")) if text else ""
    except ValueError:
        return text
