"""Hosts, one a line; entries of ~/.ssh/config are offered while one types."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent

from rhdesk.desktop.forms.offering_text import OfferingText

_APART = re.compile(r"[,;\s]+")
_LINE = re.compile(r"(?:ssh\s+)?(?:-p\s*(?P<early>\d+)\s+)?(?P<user>[^@\s:]+)@(?P<host>[^@\s:]+|\[[^\]]+\])"
                   r"(?::(?P<port>\d+)|\s+-p\s*(?P<late>\d+))?")  # fmt: skip


class HostList(OfferingText):
    """The names of hosts as text. `left` comes when the field loses the focus."""

    left = Signal()

    def __init__(self) -> None:
        super().__init__(lines=6, apart=_APART)
        self.setPlaceholderText("A name, an address, or an entry of ~/.ssh/config; one a line")
        self.setAccessibleName("Hosts")

    @property
    def hosts(self) -> list[str]:
        return [word for word in _APART.split(self.toPlainText()) if word]

    def set_hosts(self, hosts: Sequence[str]) -> None:
        self.setPlainText("\n".join(hosts))

    def add_host(self, host: str) -> None:
        """Add one at the end, unless it is there."""
        if host not in self.hosts:
            self.set_hosts([*self.hosts, host])

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() is not Qt.FocusReason.PopupFocusReason:
            self.left.emit()


def split_accounts(text: str) -> tuple[list[str], str, str] | None:
    """(hosts, user, port) of lines like "alice@gpu1:2222" or "ssh -p 2222 alice@gpu1", as people paste them.

    None where a line is no such thing, or where they do not agree on the user and the port.
    """
    hosts, accounts = [], set()
    for line in text.splitlines():
        if line.strip():
            found = _LINE.fullmatch(line.strip())
            if found is None:
                return None
            hosts.append(found["host"].strip("[]"))
            accounts.add((found["user"], found["port"] or found["early"] or found["late"] or ""))
    return (hosts, *accounts.pop()) if len(accounts) == 1 else None
