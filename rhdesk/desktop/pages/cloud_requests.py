"""What SkyPilot's server is at work on, for us and for others, each with Cancel. Nothing where it has nothing to do."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QGridLayout
from shiboken6 import isValid

from rhdesk.core.desk import Desk
from rhdesk.core.words import count_text, duration_text
from rhdesk.desktop.skypilot_acts import server
from rhdesk.desktop.widgets.base import Button, Card, ElidedLabel, IconLabel, Label
from rhdesk.desktop.widgets.dialog import confirm
from rhdesk.desktop.widgets.removal import clear_layout

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.cloud.answers import CloudRequest
    from rhresources.workspace import Workspace

_EVERY = 4000  # milliseconds between looks, while it is in sight
_LASTS = 3.0  # seconds; what is done sooner, as every look at the clusters is, would only flicker
_MOST = 5
_MAKES = ("launch", "start")


class RequestsCard(Card):
    """Looks while its page is in sight and the server runs; the looks start nothing. `filled`: the list is another."""

    filled = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__(margins=(16, 8, 12, 10))
        self._desk = desk
        self._shown: list[tuple[str, ...]] = []
        self.body.setSpacing(4)
        self._title = Label("", "h2")
        self.body.addWidget(self._title)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(2, 1)
        self.body.addLayout(self._grid)
        self._ages: list[tuple[Label, CloudRequest]] = []
        self._clock = QTimer(self, interval=_EVERY)
        self._clock.timeout.connect(self.look)
        self.hide()

    def follow(self, on: bool) -> None:
        """Look now and then, or no more."""
        if on:
            self._clock.start()
            self.look()
        else:
            self._clock.stop()

    def look(self) -> None:
        """Ask the server, if it runs anyhow."""
        info = server(self._desk)
        if info is None or info.state != "ready":
            self.show_requests([])
            return

        async def read(workspace: Workspace, progress: Progress) -> list[CloudRequest]:
            return await workspace.skypilot.requests(start=False)

        def done(found: list[CloudRequest]) -> None:
            if isValid(self):
                self.show_requests(found)

        def failed(error: BaseException) -> None:
            if isValid(self):
                self.show_requests([])  # what is wrong with the server is said above

        if not self._desk.tasks.busy("skypilot requests"):
            self._desk.act("skypilot requests", read, on_done=done, on_error=failed, quiet=True)

    def show_requests(self, found: list[CloudRequest]) -> None:
        """Show those that last, the oldest first."""
        before = time.time() - _LASTS
        lasting = sorted((each for each in found if each.created < before), key=lambda each: each.created)
        key: list[tuple[str, ...]] = [(each.id, each.state, each.reason) for each in lasting]
        self.setVisible(bool(lasting))
        if key != self._shown:
            self._shown = key
            self._fill(lasting)
        for label, request in self._ages:
            label.setText(duration_text(float(int(time.time() - request.created))))

    # ------------------------------------------------------------ inside

    def _fill(self, lasting: list[CloudRequest]) -> None:
        clear_layout(self._grid)
        self._ages = []
        self._title.setText(f"SkyPilot is at work on {count_text(len(lasting), 'request')}" if lasting else "")
        for line, request in enumerate(lasting[:_MOST]):
            running = request.state == "running"
            mark = IconLabel("circle-dot", "info") if running else IconLabel("clock", "text_faint")
            self._grid.addWidget(mark, line, 0)
            self._grid.addWidget(Label(what_of(request)), line, 1)
            owner = f"by {request.user}" if request.user else ""
            more = " · ".join(part for part in (owner, "" if running else "waits", request.reason) if part)
            self._grid.addWidget(ElidedLabel(more, "muted"), line, 2)
            age = Label("", "faint")
            age.setMinimumWidth(64)
            age.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._grid.addWidget(age, line, 3)
            self._ages.append((age, request))
            cancel = Button("Cancel", "link", on_click=partial(self._cancel, request))
            cancel.setObjectName("request-cancel")
            cancel.setAccessibleName(f"Cancel {what_of(request)}")
            self._grid.addWidget(cancel, line, 4)
        if len(lasting) > _MOST:
            self._grid.addWidget(Label(f"and {len(lasting) - _MOST} more", "faint"), _MOST, 1)
        self.filled.emit()

    def _cancel(self, request: CloudRequest) -> None:
        what, desk = what_of(request), self._desk
        makes = _kind(request) in _MAKES
        words = "SkyPilot gives it up; what it has done already stays as it is."
        if makes:
            words = "SkyPilot gives it up. Machines that it has made already may run on and cost money; take them down."

        async def cancel(workspace: Workspace, progress: Progress) -> CloudRequest:
            return await workspace.skypilot.cancel(request.id)

        def done(after: CloudRequest) -> None:
            if after.state == "cancelled":
                desk.notifier.success(f"Cancelled: {what}.")
            else:
                desk.notifier.info(f"It had ended already: {what}.")
            desk.retry_now()

        def act() -> None:
            desk.act(f"cancel request {request.id}", cancel, on_done=done, on_end=self._again)

        dialog = confirm(self.window(), f"Cancel {what}?", words, "Cancel it", act, leave_text="Let it go on")
        dialog.setObjectName("cancel-request")

    def _again(self) -> None:
        if isValid(self):
            self.look()


def what_of(request: CloudRequest) -> str:
    """ "launch of gpu-3f2a"."""
    return f"{_kind(request)} of {request.cluster}" if request.cluster else _kind(request)


def _kind(request: CloudRequest) -> str:
    return request.name.rpartition(".")[2]
