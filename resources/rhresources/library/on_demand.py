"""What a cluster in a cloud can do beyond others: its machines are stopped, started, ended, and kept awake."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

from rhresources.errors import NotFound
from rhresources.library.portal import portal
from rhresources.library.progress import progress
from rhresources.library.resource import ClusterPart

if TYPE_CHECKING:
    from rhresources.library.cluster import Cluster


class MachinesOnDemand(ClusterPart):
    """The part of `Cluster` that is about machines which SkyPilot brings up."""

    @abstractmethod
    def up_if_not(self) -> Self:
        """Bring it up unless it is up."""

    @abstractmethod
    def down(self, stop_runs: bool = False) -> None:
        """Take it down. Of one in a cloud the machines are ended for good, with what is on their disks."""

    @property
    @abstractmethod
    def is_on_demand(self) -> bool:
        """Whether its machines are launched and ended, rather than somebody's own."""

    def stop(self, stop_runs: bool = False) -> None:
        """Stop its machines. Their disks stay and cost a little; `start` or `up` brings it back as it was.

        Raises:
            RhError: runs are active and `stop_runs` is false, or its cloud cannot stop machines; nothing was ended.
        """
        there = portal()
        there.run(there.workspace.stop, self.target, progress, stop_runs=stop_runs)

    def start(self) -> Self:
        """Start it again after `stop`, or after it stopped by itself.

        Raises:
            CloudProblem: there is nothing to start.
        """
        there = portal()
        there.run(there.workspace.start, self.target, progress)
        return self

    def autostop(self, autostop_mins: int, down: bool = False) -> None:
        """Have it stop after so many idle minutes, or go away with `down`; -1: never. Runs and calls keep it awake.

        Raises:
            CloudProblem: it is not up, or its cloud cannot do that.
        """
        there = portal()
        there.run(there.workspace.autostop, self.target, autostop_mins, down=down)

    def keep_warm(self, autostop_mins: int = -1) -> Self:
        """Bring it up if it is not, and let it stop after so many idle minutes; -1: never."""
        self.up_if_not()
        if self.is_on_demand:
            self.autostop(autostop_mins)
        return self

    @contextmanager
    def pause_autostop(self) -> Iterator[None]:
        """It does not stop by itself in here, while this program lives and reaches it."""
        if not self.is_on_demand:
            yield
            return
        there = portal()
        pause = there.workspace.pause_autostop(self.target, progress)
        there.run(pause.__aenter__)
        try:
            yield
        finally:
            there.run(pause.__aexit__, None, None, None)

    def teardown(self, stop_runs: bool = False) -> None:
        """As `down`."""
        self.down(stop_runs)

    def teardown_and_delete(self, stop_runs: bool = False) -> None:
        """Take it down, and delete what is saved under its name."""
        self.down(stop_runs)
        try:
            self.delete_configs()
        except NotFound:
            pass

    def _machines(self, refresh: bool) -> dict[str, Any]:
        """What SkyPilot says of it; with `refresh` the cloud itself."""
        there = portal()
        seen, notice = there.run(there.workspace.machines, self.target, refresh=refresh)
        return {
            "cloud": asdict(seen) if seen is not None else None,
            "notice": f"{notice.sentence} {notice.remedy}".strip() if notice is not None else "",
        }


def ondemand_cluster(
    name: str,
    instance_type: str | None = None,
    num_instances: int | None = None,
    provider: str | None = None,
    autostop_mins: int | None = None,
    use_spot: bool | None = None,
    image_id: str | None = None,
    region: str | None = None,
    dryrun: bool = False,
    load: bool = True,
    *,
    autostop_down: bool | None = None,
    disk_size: int | None = None,
    labels: dict[str, str] | None = None,
) -> Cluster:
    """A cluster in a cloud: a saved one, with what is given here in place of what is saved; or a new one.

    Args:
        name: how it is called.
        instance_type: hardware of one host: "A100:4", "CPU:8+" or "m5.xlarge".
        num_instances: how many hosts; default: one.
        provider: "aws", "gcp", "azure", "lambda", …, or "cheapest"; default: the setting.
        autostop_mins: idle minutes after which it stops; -1: never; default: the setting.
        use_spot: spot instances: cheaper, and may be taken away.
        image_id: image of the instances.
        region: default: any.
        dryrun: only describe it; touch no cloud.
        load: begin with what is saved under `name`.
        autostop_down: it goes away then, rather than being stopped.
        disk_size: of each host, in GB.
        labels: of the cloud's instances.

    Raises:
        DocumentError: the parameters make no cluster; the sentence names the one that is wrong.
        UsageError: what is saved under `name` is none in a cloud.
    """
    from rhresources.errors import UsageError
    from rhresources.library.cluster import cluster

    made = cluster(
        name, instance_type, num_instances, provider, autostop_mins, use_spot, image_id, region,
        dryrun=dryrun, load=load, autostop_down=autostop_down, disk_size=disk_size, labels=labels,
    )  # fmt: skip
    if not made.is_on_demand:
        raise UsageError(f"{name} is no cluster in a cloud.", remedy="Give an instance_type, or another name.")
    return made
