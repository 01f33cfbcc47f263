"""A window that is opened, does one thing to a cluster in a cloud, and is closed again; a program of its own.

`python -m lab.cost_window ACT [lingers]`: ACT is launch, start, stop, down or look, done to ~/node of `$RH_HOME`. By
`wrong_clock` its clock is wrong, and with it that of the SkyPilot server that it starts, as on a computer whose clock
was set. Says as JSON what everything cost so far.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from rhresources import paths
from rhresources.cloud.answers import LaunchEvent
from rhresources.cloud.skypilot import open_skypilot
from rhresources.cloud.task import sky_name, task_of
from rhresources.costs.observer import Costs
from rhresources.costs.watched import WatchedSkyPilot
from rhresources.resource_names import ResourceNames
from rhresources.settings import Settings

ADDRESS = "~/node"
AUTOSTOP = 60
"""Minutes."""


def told(event: LaunchEvent) -> None:
    """For whoever looks at a test that failed."""
    print(f"{time.strftime('%d. %H:%M:%S')} {event.sentence}", file=sys.stderr, flush=True)


async def main(act: str, lingers: bool) -> None:
    """Open it, do that, close it."""
    home = paths.home()
    names, name = ResourceNames(home), sky_name(ADDRESS, home)
    costs = Costs(home, names)
    skypilot = WatchedSkyPilot(open_skypilot(home, lingers=lingers), costs)
    try:
        if act == "launch":
            await skypilot.launch(name, task_of(names.cluster(ADDRESS), Settings.load(home), home), told)
        elif act == "look":
            await costs.refresh(skypilot)
        elif act == "start":
            await skypilot.start(name, told, autostop_mins=AUTOSTOP)
        else:
            await getattr(skypilot, act)(name, told)
        charges, now = await costs.charges()
        assert costs.problem is None, costs.problem
    finally:
        await skypilot.close()
        await costs.close()
    shown = [
        {"start": each.start, "end": each.end, "price": each.price, "estimated": each.estimated} for each in charges
    ]
    print(json.dumps({"charges": shown, "now": now, "clock": time.time()}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], "lingers" in sys.argv[2:]))
