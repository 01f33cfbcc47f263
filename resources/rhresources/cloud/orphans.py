"""Orphans: instances in a cloud that SkyPilot has made and does not list any more, so that nobody ends them.

They are left where a launch or an end broke off at the wrong moment, or where SkyPilot's database was lost. Who asks is
the cloud itself, by our part of SkyPilot's server (`inside/rhdesk_orphans.py`). Pure, but for the asking.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rhresources.cloud.limits import title
from rhresources.cloud.problems import CloudProblem

if TYPE_CHECKING:
    from rhresources.cloud.skypilot import SkyPilot

ASKED = frozenset({"aws"})
"""Clouds that can be asked."""

_PAUSE = 2.0
_TRIES = 30


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance as its cloud knows it, with a name that SkyPilot has given it.

    Attributes:
        cluster: what its cluster is called in the cloud.
        owner: the `identity` of the rhdesk directory that asked for it; empty: it was none.
        state: "running", "stopped", …, in the cloud's words; stopped ones have disks that cost.
        launched: when it was started last.
        listed: SkyPilot's list has its cluster.
    """

    id: str
    cloud: str
    region: str
    cluster: str
    owner: str = ""
    state: str = ""
    type: str = ""
    launched: float = 0.0
    listed: bool = True


@dataclass(frozen=True, slots=True)
class Instances:
    """What the clouds have answered.

    Attributes:
        found: every instance that bears a name of SkyPilot's.
        not_asked: why a cloud, or a region of it, is not in that: by what it is called.
    """

    found: tuple[Instance, ...] = ()
    not_asked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Orphan:
    """The instances of one cluster that SkyPilot has forgotten.

    Attributes:
        name: what it is called in the cloud.
        ours: this rhdesk directory asked for them. Others' may be looked after by a SkyPilot that is not asked here.
    """

    name: str
    cloud: str
    region: str
    ours: bool
    instances: tuple[Instance, ...]

    @property
    def key(self) -> str:
        """It and no other."""
        return f"{self.cloud}/{self.region}/{self.name}/{self.instances[0].owner}"

    @property
    def launched(self) -> float:
        """When the first of them was started."""
        return min(each.launched for each in self.instances)

    @property
    def sentence(self) -> str:
        """What there is."""
        count = len(self.instances)
        many = "1 instance" if count == 1 else f"{count} instances"
        states = " and ".join(sorted({each.state for each in self.instances}))
        where = f"{title(self.cloud)} {self.region}"
        return f"SkyPilot has forgotten {many} of {self.name} in {where} ({states})."


def orphans_of(instances: Iterable[Instance], identity: str) -> list[Orphan]:
    """Those that SkyPilot does not list, by cluster; ours first.

    Args:
        identity: of this rhdesk directory, see `identity.identity`.
    """
    groups: dict[tuple[str, str, str, str], list[Instance]] = {}
    for each in instances:
        if not each.listed:
            groups.setdefault((each.cloud, each.region, each.cluster, each.owner), []).append(each)
    found = [
        Orphan(cluster, cloud, region, owner == identity, tuple(sorted(group, key=lambda each: each.id)))
        for (cloud, region, cluster, owner), group in groups.items()
    ]
    return sorted(found, key=lambda orphan: (not orphan.ours, orphan.name, orphan.region))


def instance_of(row: Mapping[str, Any], cloud: str) -> Instance:
    """One row of what our part of SkyPilot's server says."""
    return Instance(
        id=str(row["id"]),
        cloud=cloud,
        region=str(row["region"]),
        cluster=str(row["cluster"]),
        owner=str(row["owner"]),
        state=str(row["state"]),
        type=str(row["type"]),
        launched=float(row["launched"]),
        listed=bool(row["listed"]),
    )


async def end_orphan(skypilot: SkyPilot, orphan: Orphan) -> None:
    """End the instances, and see that the cloud does not have them any more.

    Raises:
        CloudProblem: they are not ours, SkyPilot lists their cluster again, or something may be left.
    """
    if not orphan.ours:
        raise CloudProblem(
            f"{orphan.name} was not launched from here, so it is not ended from here.",
            code="not-supported",
            remedy=f"End it in the console of {title(orphan.cloud)}, if you know that nobody uses it.",
        )
    await skypilot.end_instances(orphan.instances)
    ids = {each.id for each in orphan.instances}
    for attempt in range(_TRIES):
        if attempt:
            await asyncio.sleep(_PAUSE)
        now = await skypilot.instances()
        asked = not {title(orphan.cloud), f"{title(orphan.cloud)} {orphan.region}"}.intersection(now.not_asked)
        if asked and not ids.intersection(each.id for each in now.found):
            return
    raise CloudProblem(
        f"Instances of {orphan.name} in {title(orphan.cloud)} {orphan.region} may be left running, and costing.",
        code="leftovers",
        remedy="Try again, or end them in the cloud's own console.",
    )
