"""What it all costs: adds up the ledger for the store, and speaks up about the budget. On the background loop.

Other feeds and the acts tell `Workspace.costs` what they see. Here it is computed anew now and then: time alone costs.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from rhdesk.core.bridge import Mailbox
from rhdesk.core.notifier import Notifier
from rhdesk.core.rows import Problem
from rhdesk.core.store import SPENDING, Store
from rhresources.costs.budget import Alert
from rhresources.costs.spending import Summary
from rhresources.errors import RhError
from rhresources.settings import Settings

if TYPE_CHECKING:
    from rhresources.workspace import Workspace

log = logging.getLogger(__name__)

DAYS = 31  # that the window can show
_EVERY = 20.0
_WORK = 40.0  # it waits so many times longer than the last sum took
_READ_AGAIN = 600.0  # seconds after which SkyPilot is asked again if it could not say


class CostFeed:
    """Fills the tables `costs` and `spending` of the store."""

    def __init__(self, workspace: Workspace, store: Store, mailbox: Mailbox, notifier: Notifier) -> None:
        self._workspace = workspace
        self._store = store
        self._mailbox = mailbox
        self._notifier = notifier
        self._wakened = asyncio.Event()
        self._asked = float("-inf")
        self._read = False  # SkyPilot's own times, since the window is open
        self._problem: RhError | None = None

    def wake(self) -> None:
        """Something was done that costs, or does no longer."""
        self._wakened.set()

    async def run(self) -> None:
        """Fill them until cancelled."""
        while True:
            self._wakened.clear()
            began = time.monotonic()
            try:
                await self._reconcile()
                await self._add_up()
                self._say_problem(self._workspace.costs.problem)
            except RhError as error:
                self._say_problem(error)
                self._mailbox.post(partial(self._fail, Problem.of(error)))
            except Exception as error:  # what it costs is no reason to know nothing else
                log.info("costs cannot be added up", exc_info=True)
                self._mailbox.post(partial(self._fail, Problem.of(error)))
            try:
                pause = max(_EVERY, _WORK * (time.monotonic() - began))
                await asyncio.wait_for(self._wakened.wait(), pause)
            except TimeoutError:
                pass

    async def _reconcile(self) -> None:
        """Read SkyPilot's own times once when it runs, and daily. It is not started for this."""
        if time.monotonic() - self._asked < _READ_AGAIN or not await asyncio.to_thread(self._uses_cloud):
            return
        if self._read and not await self._workspace.costs.is_due():
            return
        try:
            skypilot = self._workspace.skypilot
            if (await skypilot.info()).state != "ready":
                return
            self._asked = time.monotonic()
            await self._workspace.costs.reconcile(skypilot)
            self._read = True
        except RhError as error:  # the page Clouds says what is wrong with it
            log.info("SkyPilot's times cannot be read: %s", error)

    def _uses_cloud(self) -> bool:
        return self._workspace.cloud_used

    async def _add_up(self) -> None:
        costs = self._workspace.costs
        budget = (await asyncio.to_thread(Settings.load, self._workspace.home)).budget_per_month
        summary = replace(await costs.summary(DAYS), budget=budget)
        self._mailbox.post(partial(self._show, summary))
        for alert in await costs.new_alerts(summary, budget):
            self._mailbox.post(partial(self._say, alert))

    # ------------------------------------------------------------ on the interface's thread

    def _show(self, summary: Summary) -> None:
        self._store.costs.replace(summary.clusters)
        self._store.spending.replace({SPENDING: summary} if summary.clusters else {})

    def _fail(self, problem: Problem) -> None:
        self._store.costs.fail(problem)
        self._store.spending.fail(problem)

    def _say(self, alert: Alert) -> None:
        if alert.level == "error":
            self._notifier.error(Problem(alert.sentence, alert.remedy), act="Budget")
        elif alert.level == "warning":
            self._notifier.warning(alert.sentence, alert.remedy, act="Budget")
        else:
            self._notifier.info(alert.sentence, act="Budget")

    def _say_problem(self, problem: RhError | None) -> None:
        """Once, until it is well again."""
        if problem is not None and self._problem is None:
            self._mailbox.post(partial(self._notifier.error, Problem.of(problem), act="Writing down what it costs"))
        self._problem = problem
