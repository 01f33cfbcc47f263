"""Bounds what the server keeps: runs, code, environments, uploads, idle workers."""

from __future__ import annotations

import asyncio
import logging
import time

from rhserver.code.snapshots import Snapshots
from rhserver.engine.pool import Pool
from rhserver.environments.environments import Environments
from rhserver.limits import Limits
from rhserver.objects.blobs import Blobs
from rhserver.runs.manager import RunManager
from rhserver.runs.store import RunStore

INTERVAL = 60
DAY = 86400

log = logging.getLogger(__name__)


class Housekeeping:
    """Tidies up now and then; what is in use is never touched."""

    def __init__(
        self,
        limits: Limits,
        pool: Pool,
        runs: RunManager,
        store: RunStore,
        blobs: Blobs,
        snapshots: Snapshots,
        environments: Environments,
    ) -> None:
        self._limits = limits
        self._pool = pool
        self._runs = runs
        self._store = store
        self._blobs = blobs
        self._snapshots = snapshots
        self._environments = environments

    async def keep_house(self) -> None:
        """Tidy up every `INTERVAL` seconds, as long as the server runs. A failure is logged and tried again."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.tidy_up()
            except Exception:
                log.exception("housekeeping")

    async def tidy_up(self) -> None:
        """Let go of everything beyond the limits, once."""
        limits, now = self._limits, time.time()
        self._pool.reap_idle()
        oldest = now - limits.runs_kept_days * DAY
        self._runs.delete(self._store.beyond(limits.runs_kept, oldest, limits.run_storage_limit))
        self._store.forget_functions(oldest)
        await asyncio.to_thread(self._blobs.collect, limits.upload_kept_seconds)
        await asyncio.to_thread(
            self._snapshots.collect,
            unused_seconds=limits.runs_kept_days * DAY, max_bytes=limits.code_storage_limit,
        )  # fmt: skip
        await self._environments.collect(
            unused_seconds=limits.environment_kept_days * DAY, max_bytes=limits.environment_storage_limit,
            spared_seconds=INTERVAL,  # a worker may be about to start there
        )  # fmt: skip
