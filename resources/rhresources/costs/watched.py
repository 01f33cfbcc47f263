"""SkyPilot with somebody who looks over its shoulder: whatever it says of clusters is told to what keeps the costs.

So nobody who asks SkyPilot, or has it do something, has to think of money.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rhresources.cloud.problems import CloudProblem

if TYPE_CHECKING:
    from rhresources.cloud.answers import (
        CloudCheck,
        CloudCluster,
        CloudHosts,
        CloudRequest,
        Offer,
        OnLaunch,
        ServerInfo,
        Usage,
    )
    from rhresources.cloud.orphans import Instance, Instances
    from rhresources.cloud.skypilot import SkyPilot
    from rhresources.costs.observer import Costs

log = logging.getLogger(__name__)

_SOON = 20.0  # seconds that an act may take longer for this


class WatchedSkyPilot:
    """Does all that a `SkyPilot` does, by another one."""

    def __init__(self, skypilot: SkyPilot, costs: Costs) -> None:
        self._skypilot = skypilot
        self._costs = costs

    # ------------------------------------------------------------ what is looked at

    async def clusters(
        self, names: Sequence[str] | None = None, *, refresh: bool = False, start: bool = True
    ) -> list[CloudCluster]:
        server = await self._costs.server()
        found = await self._skypilot.clusters(names, refresh=refresh, start=start)
        if await self._costs.saw_clusters(found, names, server):
            await self._read()
        return found

    async def launch(self, name: str, task: str, on_event: OnLaunch) -> CloudCluster:
        server = await self._costs.server()
        try:
            made = await self._skypilot.launch(name, task, on_event)
        except CloudProblem:
            await self._read()  # what was tried may have cost something
            raise
        await self._costs.saw_clusters([made], (), server)
        await self._read()
        return made

    async def start(
        self, name: str, on_event: OnLaunch, *, autostop_mins: int = -1, down: bool = False
    ) -> CloudCluster:
        server = await self._costs.server()
        started = await self._skypilot.start(name, on_event, autostop_mins=autostop_mins, down=down)
        await self._costs.saw_clusters([started], (), server)
        await self._read()
        return started

    async def stop(self, name: str, on_event: OnLaunch) -> None:
        server = await self._costs.server()
        await self._skypilot.stop(name, on_event)
        await self._costs.ended(name, server=server)
        await self._read()

    async def down(self, name: str, on_event: OnLaunch, *, purge: bool = False) -> None:
        server = await self._costs.server()
        await self._skypilot.down(name, on_event, purge=purge)
        await self._costs.ended(name, gone=True, server=server)
        await self._read()

    async def usage(self, days: int = 30) -> list[Usage]:
        server = await self._costs.server()
        found = await self._skypilot.usage(days)
        await self._costs.saw_usage(found, server)
        return found

    async def _read(self) -> None:
        """SkyPilot's own times, as they are after something was done; which does not fail because of them."""
        try:
            async with asyncio.timeout(_SOON):
                await self._costs.reconcile(self._skypilot)
        except (CloudProblem, TimeoutError) as error:
            log.info("SkyPilot's times cannot be read now: %s", error)
        except Exception:
            log.info("SkyPilot's times cannot be read now", exc_info=True)

    # ------------------------------------------------------------ what is none of its business

    async def info(self) -> ServerInfo:
        return await self._skypilot.info()

    async def ensure(self, on_event: OnLaunch | None = None) -> ServerInfo:
        return await self._skypilot.ensure(on_event)

    async def autostop(self, name: str, minutes: int, *, down: bool = False) -> None:
        await self._skypilot.autostop(name, minutes, down=down)

    async def call_off(self, name: str) -> list[str]:
        return await self._skypilot.call_off(name)

    async def hosts(self, name: str) -> CloudHosts:
        return await self._skypilot.hosts(name)

    async def made(self, name: str) -> frozenset[str] | None:
        return await self._skypilot.made(name)

    async def checks(self, *, refresh: bool = False) -> list[CloudCheck]:
        return await self._skypilot.checks(refresh=refresh)

    async def offers(
        self, instance_type: str, *, cloud: str = "", region: str = "", all_regions: bool = True
    ) -> list[Offer]:
        return await self._skypilot.offers(instance_type, cloud=cloud, region=region, all_regions=all_regions)

    async def instances(self) -> Instances:
        return await self._skypilot.instances()

    async def end_instances(self, instances: Sequence[Instance]) -> None:
        await self._skypilot.end_instances(instances)

    async def events(self, name: str) -> list[tuple[float, str]]:
        return await self._skypilot.events(name)

    async def requests(self, *, ended: bool = False, start: bool = True) -> list[CloudRequest]:
        return await self._skypilot.requests(ended=ended, start=start)

    async def cancel(self, request: str) -> CloudRequest:
        return await self._skypilot.cancel(request)

    async def close(self) -> None:
        await self._skypilot.close()
