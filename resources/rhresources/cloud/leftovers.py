"""What may be running that nobody wants, after a launch that was cancelled or failed.

A cancelled launch leaves instances that run and cost, and SkyPilot may even call them up. What ends them is `down`: it
asks the cloud itself until the instances are gone, and only then does SkyPilot forget the cluster. So nothing is left
when no launch is under way any more, `down` has succeeded and the cluster is in nobody's list; anything less is said
to be left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rhresources.cloud.answers import CloudCluster
from rhresources.cloud.limits import title
from rhresources.cloud.narration import lines_of
from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.skypilot import SkyPilot

_TRIES = 4
_CALLS = 20
"""How often a launch is called off until it is said that it does not end."""

_PAUSE = 3.0
"""Seconds between two looks. An instance that was asked for in the last moment shows up in the cloud's list in one."""


async def make_sure_nothing_is_left(skypilot: SkyPilot, name: str, say: Callable[[str], None]) -> None:
    """End what there is of a cluster whose launch was cancelled or failed, and see it gone.

    Args:
        skypilot: who launched it.
        name: SkyPilot's name of the cluster.
        say: hears what is done.

    Raises:
        CloudProblem: something may be left; code "leftovers".
    """
    await call_off(skypilot, name, say)
    last: CloudProblem | None = None
    seen: CloudCluster | None = None
    empty = 0
    for attempt in range(_TRIES * 2):
        if attempt:
            await asyncio.sleep(_PAUSE)
        try:
            found = await skypilot.clusters([name], refresh=empty > 0)
            if not found:
                empty += 1
                if await skypilot.call_off(name):  # one whose asking was answered to nobody was taken on late
                    empty = 0
                elif empty >= 2:  # a row that a cancelled launch was just writing is there by the second look
                    say(f"Nothing of {name} is left" if seen else f"Nothing of {name} was made")
                    return
                continue
            seen, empty = found[0], 0
            if not attempt:
                say(f"{name} is there in part; it is taken down")
                continue  # what was asked for in the last moment shall be there when it is taken down
            await skypilot.down(name, lines_of(say))
        except CloudProblem as problem:
            if problem.code != "not-there":
                last = problem
                say(f"That did not work: {problem.sentence}")
    where = f" ({title(seen.cloud)} {seen.region})" if seen and seen.cloud else ""
    raise CloudProblem(
        f"Something of {name}{where} may be left running, and costing.",
        code="leftovers",
        remedy="Take it down from the list of clusters, and look at the cloud's own console.",
        detail=f"{last.sentence}\n{last.detail}".strip() if last else "",
    )


async def call_off(skypilot: SkyPilot, name: str, say: Callable[[str], None]) -> None:
    """Have nothing under way any more that makes machines of a cluster run: what was cancelled with us may go on, or
    still wait for its turn, where the cancel or the answer with its id was lost.

    Raises:
        CloudProblem: something goes on, or SkyPilot cannot be asked; code "leftovers".
    """
    last: CloudProblem | None = None
    for attempt in range(_CALLS):
        if attempt:
            await asyncio.sleep(_PAUSE)
        try:
            if not await skypilot.call_off(name):
                return
            last = None
        except CloudProblem as problem:
            last = problem
        if not attempt:
            say(f"SkyPilot is still at work on {name}; waiting until it is not …")
    raise CloudProblem(
        f"SkyPilot may still be bringing {name} up." if last else f"SkyPilot still brings {name} up.",
        code="leftovers",
        remedy="Take it down when SkyPilot answers again.",
        detail=f"{last.sentence}\n{last.detail}".strip() if last else "",
    )
