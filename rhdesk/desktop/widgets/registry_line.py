"""One line about the registry: who is logged in, whether it answers, what waits; with the act that helps."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.registry_words import age_of, left_text, state_text
from rhdesk.core.words import count_text
from rhdesk.desktop.forms.name_field import registry_of
from rhdesk.desktop.registry_acts import log_in, log_out, settle_next
from rhdesk.desktop.widgets.base import Button, ElidedLabel, IconLabel, Label, Rule
from rhdesk.desktop.widgets.removal import let_go_of_focus


class RegistryLine(QWidget):
    """Stands above the tree of names."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        row = QHBoxLayout()
        row.setContentsMargins(16, 6, 8, 6)
        row.setSpacing(8)
        self._icon = IconLabel("cloud-off", "text_faint")
        self._words = ElidedLabel("", "muted")
        self._words.setObjectName("registry-state")
        self._retry = Button("Retry now", "link", on_click=lambda: desk.retry_now())
        self._in = Button("Log in", "link", on_click=lambda: log_in(desk, self))
        self._in.setObjectName("registry-login")
        self._out = Button("Log out", "link", on_click=lambda: log_out(desk, self))
        row.addWidget(self._icon)
        row.addWidget(self._words, 1)
        for button in (self._retry, self._in, self._out):
            row.addWidget(button)
        column.addLayout(row)
        self._banner = QFrame()
        self._banner.setProperty("banner", "warn")
        inside = QHBoxLayout(self._banner)
        inside.setContentsMargins(12, 6, 8, 6)
        inside.setSpacing(10)
        self._mark = IconLabel("triangle-alert", "warn")
        self._left = Label("", "muted", wrap=True)
        self._left.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._settle = Button("Settle", "link", on_click=lambda: settle_next(desk, self))
        self._settle.setObjectName("registry-settle")
        inside.addWidget(self._mark)
        inside.addWidget(self._left, 1)
        inside.addWidget(self._settle)
        around = QHBoxLayout()
        around.setContentsMargins(12, 0, 12, 8)
        around.addWidget(self._banner)
        self._around = QWidget()
        self._around.setLayout(around)
        column.addWidget(self._around)
        column.addWidget(Rule())
        self._clock = QTimer(self, interval=1000)
        self._clock.timeout.connect(self._say)
        self.destroyed.connect(desk.store.registry.subscribe(lambda change: self._say()))
        self._say()

    def _say(self) -> None:
        registry = registry_of(self._desk)
        self._words.setText(state_text(registry))
        online = registry is not None and registry.online
        self._icon.set_icon("network" if online else "cloud-off", "ok" if online else "warn" if registry else None)
        if registry is None:
            self._icon.set_icon("cloud-off", "text_faint")
        refused = registry is not None and registry.is_refused
        self._show(self._retry, registry is not None and not online and not refused)
        self._show(self._in, registry is None or refused)
        self._show(self._out, registry is not None and not refused)
        sentences = []
        conflicts = 0
        if registry is not None:
            conflicts = len(registry.conflicts)
            if not online:
                sentences.append(registry.problem.sentence if registry.problem is not None else "")
                if registry.problem is not None and registry.problem.remedy and not refused:
                    sentences.append(registry.problem.remedy)
                shown = f"What you see is {age_of(registry)}" if registry.seen else "Nothing is known of it yet"
                sentences.append(
                    f"{shown}; edits are kept and sent when it answers again."
                    if not refused
                    else f"{shown}. Log in again; edits are kept until then."
                )
            if registry.waiting:
                waits = "waits" if registry.waiting == 1 else "wait"
                sentences.append(f"{count_text(registry.waiting, 'edit')} of yours {waits}.")
            if conflicts:
                sentences.append(f"{count_text(conflicts, 'edit')} of yours {'was' if conflicts == 1 else 'were'} "
                                 "not taken by the registry.")  # fmt: skip
        self._left.setText(" ".join(part for part in sentences if part))
        self._mark.set_icon("git-merge" if conflicts else "cloud-off" if not online else "clock",
                            "error" if conflicts else "warn")  # fmt: skip
        self._show(self._settle, bool(conflicts))
        self._settle.set_text("Settle" if conflicts < 2 else f"Settle {conflicts}")
        self._show(self._around, bool(sentences))
        self.setAccessibleName(self._words.text())
        if online or registry is None:
            self._clock.stop()
        elif not self._clock.isActive():
            self._clock.start()

    @staticmethod
    def _show(widget: QWidget, shown: bool) -> None:
        if not shown and not widget.isHidden():
            let_go_of_focus(widget)
        widget.setVisible(shown)


class RegistryMark(QWidget):
    """The same in a few words, for the foot of the window; nothing while nobody is logged in."""

    asked = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self._icon = IconLabel("network", "ok", 14)
        self._button = Button("", "link", on_click=self.asked.emit)
        self._button.setObjectName("registry-mark")
        row.addWidget(self._icon)
        row.addWidget(self._button)
        self.destroyed.connect(desk.store.registry.subscribe(lambda change: self._say()))
        self._say()

    def _say(self) -> None:
        registry = registry_of(self._desk)
        self.setVisible(registry is not None)
        if registry is None:
            return
        left = left_text(registry)
        role = "error" if registry.conflicts else "ok" if registry.online else "warn"
        self._icon.set_icon("network" if registry.online else "cloud-off", role)
        words = [registry.user or registry.host, "" if registry.online else "offline", left]
        self._button.set_text(" · ".join(word for word in words if word))
        parts = (state_text(registry), "" if registry.online else age_of(registry))
        self._button.setToolTip(", ".join(part for part in parts if part))
