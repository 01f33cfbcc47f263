"""Gets the offers from SkyPilot for a picker: its server is started for it, and installed only by a click."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDialog
from shiboken6 import isValid

from rhdesk.core.cloud_feed import show_server
from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem
from rhdesk.core.words import bytes_text
from rhdesk.desktop.forms.offer_picker import OfferPicker
from rhdesk.desktop.models.prepared_rows import PreparedRows
from rhdesk.desktop.skypilot_acts import told
from rhdesk.desktop.widgets.base import Button

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.cloud.answers import Offer, ServerInfo
    from rhresources.workspace import Workspace


class OffersLoading(QObject):
    """Lives as long as the picker. `why_not` says in a sentence why there are none yet."""

    loaded = Signal()

    def __init__(self, desk: Desk, picker: OfferPicker) -> None:
        super().__init__(picker)
        self._desk, self._picker = desk, picker
        self._task = f"offers:{id(self)}"
        self.offers: list[Offer] = []
        self.why_not = ""
        picker.retry.connect(lambda: self._load(install=True))

    def start(self) -> None:
        """Load them, unless SkyPilot would have to be installed first."""
        self._load(install=False)

    def cancel(self) -> None:
        """They are not wanted any more."""
        self._desk.tasks.cancel(self._task)

    def _load(self, *, install: bool) -> None:
        self._say("Looking at SkyPilot…")
        prepare = self._picker.prepare

        async def load(workspace: Workspace, progress: Progress) -> tuple[ServerInfo, PreparedRows[Offer] | None]:
            skypilot = workspace.skypilot
            info = await skypilot.info()
            if info.state == "not-installed" and not install:
                return info, None
            hear = told(lambda sentence, fraction=None: self._desk.mailbox.post(lambda: self._say(sentence)))
            info = await skypilot.ensure(hear)
            self._desk.mailbox.post(lambda: self._say("Asking for offers and prices…"))
            return info, await asyncio.to_thread(prepare, await skypilot.offers(""))

        def done(found: tuple[ServerInfo, PreparedRows[Offer] | None]) -> None:
            info, offers = found
            show_server(self._desk.store, info)
            if not isValid(self):
                return
            if offers is None:
                self._say_not_installed(info)
                return
            self.offers, self.why_not = offers.rows, ""
            self._picker.show_offers(offers)
            self.loaded.emit()

        def failed(error: BaseException) -> None:
            if isValid(self):
                problem = Problem.of(error)
                self.why_not = problem.sentence
                if getattr(error, "code", "") == "no-cloud":
                    self._say_no_cloud(problem)
                else:
                    self._picker.show_failed(problem)
                self.loaded.emit()

        self._desk.act(self._task, load, on_done=done, on_error=failed, quiet=True)

    def _say(self, sentence: str) -> None:
        if isValid(self):
            self.why_not = sentence
            self._picker.show_loading(sentence if sentence.endswith("…") else f"{sentence}…")
            self.loaded.emit()

    def _say_no_cloud(self, problem: Problem) -> None:
        def show() -> None:
            window = self._picker.window()
            if isinstance(window, QDialog):
                window.reject()
            self._desk.navigate("clouds", "")

        clouds = Button("Set one up", "primary", "cloud", show)
        again = Button("Try again", "", "refresh-cw", lambda: self._load(install=True))
        self._picker.show_first(problem.sentence, problem.remedy, [clouds, again])

    def _say_not_installed(self, info: ServerInfo) -> None:
        size = f", about {bytes_text(info.needs)}" if info.needs else ""
        folder = f" into {info.folder}" if info.folder else ""
        self.why_not = "Prices are known once SkyPilot is installed."
        button = Button("Install SkyPilot", "primary", "download", lambda: self._load(install=True))
        button.setObjectName("skypilot-install")
        words = f"Offers and prices come from SkyPilot. It is installed{size}{folder}, apart from everything else."
        self._picker.show_first("SkyPilot is not installed yet", words, [button])
        self.loaded.emit()
