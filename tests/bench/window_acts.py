"""The real window, in which somebody does what takes a while: `window_acts.py stand-in|skypilot`, RH_HOME given.

SkyPilot is the one of the tests that stands in for it, with 20,000 offers and 25 clouds, or SkyPilot itself.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from measured_window import MeasuredWindow, shown_window, until
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

import rhresources.cloud.skypilot
from rhdesk.core.offers import OfferFilter
from rhdesk.core.spend_bars import ways_of
from rhdesk.core.store import SPENDING
from rhdesk.desktop.app import make_application, run_window
from rhdesk.desktop.dialogs.clusters import new_cloud_cluster
from rhdesk.desktop.shell import Shell
from rhdesk.desktop.skypilot_acts import SERVER_TASK, check_clouds, server, start_server
from rhresources.cloud.answers import CloudCheck, Offer

if TYPE_CHECKING:
    from lab.skypilot_stand_in import StandInSkyPilot

SETTLING = 5.0
"""Seconds from the first paint until the window has loaded what it puts off."""
SEEN = 0.7
"""Seconds that somebody looks at what came."""
KINDS = ("A100", "H100", "L4", "T4", "", "")


def offers() -> list[Offer]:
    """20,000 of them."""
    return [
        Offer(
            f"cloud{cloud}", f"region-{region}", f"type-{size}", kind, size % 8 + 1 if kind else 0, size, 64.0,
            100.0 - size + region / 100, 50.0 + size + cloud / 10,
        )
        for cloud in range(10)
        for region in range(50)
        for size in range(40)
        for kind in (KINDS[size % len(KINDS)],)
    ]  # fmt: skip


def checks(number: int) -> list[CloudCheck]:
    """25 clouds, most of which cannot be used, as their own tools say."""
    reason = f"Its command line is not logged in on this computer, or somebody else is (look {number})."
    remedy = "Run: cloud login; cloud configure set project. More: https://docs.example.org/installation#cloud"
    return [
        CloudCheck(f"cloud{n}", f"Cloud {n}", True)
        if n % 5 == 0
        else CloudCheck(f"cloud{n}", f"Cloud {n}", False, reason, remedy, "as it said itself\n" * 5)
        for n in range(25)
    ]


class Acts(MeasuredWindow):
    """With SkyPilot itself, or with what stands in for it."""

    def __init__(self, shell: Shell, sky: StandInSkyPilot | None) -> None:
        super().__init__(shell, 16 if sky is None else 4, SEEN)  # the ticks of 4 ms are hardly part of the figure
        self.sky = sky

    async def idle(self) -> None:
        self.meter.start()
        await asyncio.sleep(4)

    async def server(self) -> None:
        """SkyPilot's server starts, and somebody looks on."""
        self.shell.navigate("clouds")
        await asyncio.sleep(SEEN)
        self.meter.start()
        start_server(self.desk)
        await until(lambda: not self.desk.tasks.busy(SERVER_TASK))
        info = server(self.desk)
        assert info is not None
        assert info.state == "ready", info

    async def dialog(self) -> None:
        """The dialog of a new cloud cluster opens, and the offers come."""
        await self._close_dialog()
        self.meter.start()
        await self._open_dialog()

    async def chips(self) -> None:
        """Chips of the offers, one after the other."""
        picker = await self._with_offers()
        self.meter.start()
        for wanted in (OfferFilter(spot=True), OfferFilter("H100"), OfferFilter(cloud="cloud3"), OfferFilter()):
            picker.look_for(wanted)
            await asyncio.sleep(0.2)

    async def search(self) -> None:
        """Letters typed over the offers."""
        picker = await self._with_offers()
        self.meter.start()
        for text in ("r", "region-4", "region-49 t", "region-49 type-3", ""):
            picker.search.setText(text)
            await asyncio.sleep(0.4)

    async def sort(self) -> None:
        """Clicks on the columns of the offers."""
        picker = await self._with_offers()
        self.meter.start()
        for column in range(len(picker.table.rows.columns)):
            picker.table.horizontalHeader().sectionClicked.emit(column)
            await asyncio.sleep(0.2)

    async def clouds(self) -> None:
        """The page Clouds is opened, and 25 clouds are checked."""
        await self._close_dialog()
        self.shell.navigate("overview")
        await asyncio.sleep(SEEN)
        assert self.sky is not None
        self.sky.all_checks = checks(self.number)
        before = self.desk.store.clouds.condition.updated
        self.meter.start()
        self.shell.navigate("clouds")
        check_clouds(self.desk)
        await until(lambda: self.desk.store.clouds.condition.updated != before)

    async def chart(self) -> None:
        """The first costs come, and with them the chart of spending; later it is split another way."""
        await self._close_dialog()
        self.shell.navigate("overview")
        card = self.shell.page.spent  # type: ignore[attr-defined]
        await asyncio.sleep(SEEN)
        if self.desk.store.spending.get(SPENDING) is None:
            await asyncio.to_thread(self._spend)
            self.meter.start()
            self.desk.retry_now()
            await until(lambda: card.chart is not None and card.chart.isVisible())
            return
        ways = [way for way, _ in ways_of(self.desk.store.spending.get(SPENDING))]
        self.meter.start()
        card.split_by(ways[self.number % len(ways)])

    # ------------------------------------------------------------ inside

    async def _with_offers(self):  # type: ignore[no-untyped-def]
        if not (dialogs := open_dialogs()):
            await self._open_dialog()
            await asyncio.sleep(SEEN)
            dialogs = open_dialogs()
        return dialogs[0].picker

    async def _open_dialog(self) -> None:
        new_cloud_cluster(self.desk, self.shell)
        await until(lambda: bool(dialogs := open_dialogs()) and bool(dialogs[0].loading.offers))

    async def _close_dialog(self) -> None:
        for dialog in open_dialogs():
            dialog.reject()
        await asyncio.sleep(SEEN)

    def _spend(self) -> None:
        """Six clusters were up on each of the last eleven days."""
        from rhresources.costs.clock import now
        from rhresources.costs.facts import Life, RunFact
        from rhresources.costs.ledger import Ledger
        from rhresources.costs.spending import midnight

        ledger, at = Ledger(self.desk.home), now()
        for number in range(6):
            life = Life(f"life{number}", f"~/cluster{number}")
            ledger.see(life, "up", replace(at, wall=at.wall - 40 * 86400, boot=""), price=3.0 + number)
            ledger.see(life, "down", replace(at, wall=at.wall - 40 * 86400 + 1, boot=""), exact=True)
            days = [midnight(date.today() - timedelta(days=day)) + 36_000 for day in range(1, 12)]
            ledger.read(life, [(day, day + 10_000) for day in days], at, price=5.0 + number)
            runs = [RunFact(f"RUN{number}{day:.0f}", life.cluster, "train", day, day + 3600) for day in days]
            ledger.put_runs(runs, at)
        ledger.close()


def open_dialogs():  # type: ignore[no-untyped-def]
    """The open dialogs of a new cloud cluster; its class is not imported here, as the window loads it itself."""
    every = QApplication.topLevelWidgets()
    return [each for each in every if each.objectName() == "cloud-cluster-dialog" and each.isVisible()]


def serve_acts(sky: StandInSkyPilot | None) -> None:
    """Answer standard input, from within the running window."""
    Acts(shown_window(), sky).serve(SETTLING)


def stand_in() -> StandInSkyPilot:
    """What the window takes for SkyPilot."""
    from lab.skypilot_stand_in import StandInSkyPilot

    made = StandInSkyPilot()
    made.all_offers = offers()
    rhresources.cloud.skypilot.open_skypilot = lambda *args, **options: made  # type: ignore[assignment]
    return made


if __name__ == "__main__":
    application = make_application(sys.argv)  # lives as long as this name
    skypilot = stand_in() if sys.argv[1] == "stand-in" else None
    QTimer.singleShot(0, application, lambda: serve_acts(skypilot))
    sys.exit(run_window(sys.argv))
