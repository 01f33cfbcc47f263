"""After a launch that was cancelled or failed: nothing may be left running, and that is proven rather than believed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rhresources.cloud.answers import LaunchEvent
from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.skypilot import SkyPilot

_TRIES = 3
_PAUSE = 5.0


async def make_sure_nothing_is_left(skypilot: SkyPilot, name: str, say: Callable[[str], None]) -> None:
    """End what there is of a cluster, and ask the cloud itself until it has nothing.

    Args:
        skypilot: who launched it.
        name: SkyPilot's name of the cluster.
        say: hears what is done.

    Raises:
        CloudProblem: something may be left; code "leftovers".
    """

    def tell(event: LaunchEvent) -> None:
        say(event.sentence)

    for attempt in range(_TRIES):
        if attempt:
            await asyncio.sleep(_PAUSE)
        if await skypilot.clusters([name]):
            try:
                await skypilot.down(name, tell)
            except CloudProblem as error:
                if error.code != "not-there":
                    raise
        if not await skypilot.clusters([name], refresh=True):
            say(f"Nothing of {name} is left")
            return
    raise CloudProblem(
        f"SkyPilot still lists {name}.", code="leftovers", remedy="Take it down, and look at the cloud's own console."
    )
