"""The machines of a cluster on demand: launched, started, stopped and ended by SkyPilot, and never left running unseen.

What has to be done is decided in `cloud.life`; this does it, and remembers what was seen in `cloud.kept`.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rhresources.cloud import sighting
from rhresources.cloud.answers import CloudCluster, CloudHosts, OnLaunch
from rhresources.cloud.kept import ALL_NEW, Kept, KeptCluster, sky_name_of
from rhresources.cloud.leftovers import call_off, make_sure_nothing_is_left
from rhresources.cloud.life import STOPPING_HANGS, Autostop, Life, next_step, undo
from rhresources.cloud.limits import title, why_not
from rhresources.cloud.narration import lines_of
from rhresources.cloud.problems import NOTHING_WAS_MADE, CloudProblem
from rhresources.cloud.skypilot import SkyPilot
from rhresources.cloud.task import autostop_of, task_of
from rhresources.cloud.used import cloud_used, folder_of
from rhresources.cloud.words import UNDOING
from rhresources.documents import ClusterDocument
from rhresources.reach import Progress
from rhresources.reach.cloud_hosts import CloudTargets
from rhresources.reach.cloud_keys import follow, new_names
from rhresources.reach.to_its_end import to_its_end
from rhresources.settings import Settings

LOOK_AGAIN = 5.0  # seconds between looks at a cluster that is stopping

BRING_UP_MINUTES = 15  # the least autostop while our server is brought up, which SkyPilot takes for idleness


class CloudMachines:
    """What SkyPilot does for one cluster, and what is remembered of it.

    Args:
        document: what the cluster is.
        address: our name of it.
        home: the rhdesk directory; default: the user's.
        skypilot: brings machines up; called when it is needed first.
        on_known: hears what is known of it, after each look.

    Attributes:
        name: SkyPilot's name of the cluster.
        kept: what was known when somebody looked last.
    """

    def __init__(
        self, document: ClusterDocument, address: str, home: Path | None, skypilot: Callable[[], SkyPilot],
        on_known: Callable[[Kept], None] | None = None,
    ) -> None:  # fmt: skip
        self._document = document
        self._home = home
        self._skypilot = skypilot
        self.name = sky_name_of(address, home)
        self._files = KeptCluster(home, self.name, address, on_known)
        self.kept = self._files.read()

    def described_by(self, document: ClusterDocument) -> None:
        """What the next launch goes by."""
        self._document = document

    @property
    def known_hosts(self) -> Path:
        """The file of the hosts' keys."""
        return self._files.known_hosts

    @property
    def lock(self) -> Path:
        """Held by whoever brings the machines up."""
        return folder_of(self._home) / f"{self.name}.lock"

    def targets(self, hosts: CloudHosts) -> CloudTargets:
        """Where each of these hosts is."""
        return CloudTargets(self.name, hosts, self.known_hosts)

    # ------------------------------------------------------------ looking

    async def may_be(self) -> bool:
        """Whether there may be machines at all; else SkyPilot need not be asked."""
        return await asyncio.to_thread(cloud_used, self._home)

    async def look(self, *, refresh: bool = False, start: bool = True) -> CloudCluster | None:
        """The cluster as SkyPilot knows it, remembered; None: it knows none.

        Args:
            refresh: ask the cloud itself.
            start: start SkyPilot's server if it does not run.

        Raises:
            CloudProblem: SkyPilot cannot be asked, or another SkyPilot than this one has launched it.
        """
        server, began = await self.server(), time.time()
        found = await self._skypilot().clusters([self.name], refresh=refresh, start=start)
        seen = found[0] if found else None
        if (await self.saw(seen, server, began)).is_elsewhere(server):
            told = sighting.elsewhere(self.kept)
            raise CloudProblem(told.sentence, code="elsewhere", remedy=told.remedy)
        return seen

    async def server(self) -> str:
        """The SkyPilot server that is asked, by the settings; empty: rhdesk's own."""
        return (await asyncio.to_thread(Settings.load, self._home)).skypilot_server

    async def saw(self, seen: CloudCluster | None, server: str, began: float) -> Kept:
        """Remember how the cluster is by a SkyPilot that was asked at that time, and what there is to tell of it."""
        self.kept = await asyncio.to_thread(self._files.read)
        wanted = await asyncio.to_thread(self.wanted, seen) if seen is not None else None
        gone = seen is None and self.kept.seen is not None and not self.kept.is_elsewhere(server)
        said = await self._last_words() if gone else ""
        sight = sighting.Sighting(seen, server, began, time.time(), wanted, said)
        self.kept = await asyncio.to_thread(self._files.decide, lambda kept: sighting.after(kept, sight))
        return self.kept

    async def _last_words(self) -> str:
        """What SkyPilot keeps of the end of a cluster that it knows no more."""
        with contextlib.suppress(CloudProblem, IndexError):
            return (await self._skypilot().events(self.name))[-1][1]
        return ""

    async def hosts(self, *, moved: bool = True) -> CloudHosts:
        """How the hosts of the cluster, which is up, are reached now.

        Args:
            moved: if they are elsewhere than before, they are the same machines, with the same keys.

        Raises:
            CloudProblem: it has none.
        """
        hosts = await self._skypilot().hosts(self.name)
        if moved and hosts != self.kept.hosts:
            await asyncio.to_thread(follow, self.known_hosts, self.targets(hosts).known_names())
        await self._keep(hosts=hosts)
        return hosts

    def new_names(self, hosts: CloudHosts) -> list[str]:
        """Those of the hosts that SkyPilot has just made for us, as known_hosts calls them."""
        return new_names(self.targets(hosts).known_names(), hosts, self.kept.new_hosts)

    async def _made(self) -> tuple[str, ...]:
        """What is new after a launch: only our own server says what it has made, and what it has found there.

        Of a team's it is believed where we began with no cluster, and have met no host.
        """
        if (made := await self._skypilot().made(self.name)) is not None:
            return tuple(sorted(made))
        met = await asyncio.to_thread(self.known_hosts.exists)
        return ALL_NEW if self.kept.launched_here and not met else ()

    async def keys_known(self) -> None:
        """Every host has shown its key: another one that comes is not taken for new."""
        if self.kept.new_hosts:
            await self._keep(new_hosts=())

    def wanted(self, seen: CloudCluster | None = None) -> Autostop:
        """The autostop that the cluster should have: what somebody set, else what its document says."""
        if self.kept.autostop is not None:
            return self.kept.autostop
        document = self._document
        if seen is not None and seen.cloud:  # "cheapest" is a certain cloud by now, with limits of its own
            document = document.model_copy(update={"provider": seen.cloud})
        return Autostop(*autostop_of(document, Settings.load(self._home)))

    # ------------------------------------------------------------ up

    async def bring_up(self, progress: Progress, on_event: OnLaunch | None) -> Life:
        """Have machines that run, long enough for `settle_autostop` to follow; how it went, for `take_back`.

        Cancelled or failed, it leaves no more running than before.

        Raises:
            CloudProblem: it could not be done, or something may be left that costs money.
        """
        tell = on_event or lines_of(progress)
        life = Life("up", launched=bool((await asyncio.to_thread(self._files.read)).launching_since))
        try:
            while True:
                seen = await self.look(refresh=life.asked == "wait")
                if not life.first and seen is not None and seen.state == "up":
                    seen = await self.look(refresh=True)  # it may have stopped since SkyPilot looked
                life, step = next_step(life, seen)
                match step:
                    case "done":
                        new = {"new_hosts": await self._made()} if life.launched else {}
                        await self._keep(launching_since=0.0, **new)
                        if life.first == "up" and seen is not None:
                            await self._hold(seen)
                        return life
                    case "launch":
                        await self._launch(life, tell)
                    case "start":
                        await self._start(seen, tell)
                    case "wait":
                        await self._wait(progress)
        except asyncio.CancelledError:
            await self.take_back(life, progress)
            raise
        except CloudProblem as error:
            if error.code not in NOTHING_WAS_MADE:
                await self.take_back(life, progress, because=error)
            elif life.first == "absent":
                await self.forget()
            raise
        except Exception:  # whatever it was, a full disk say, what was asked for may be on its way
            await self.take_back(life, progress)
            raise

    async def _launch(self, life: Life, tell: OnLaunch) -> None:
        wanted = await asyncio.to_thread(self.wanted)
        patient = self._document.model_copy(
            update={"autostop_mins": wanted.at_least(BRING_UP_MINUTES).minutes, "autostop_down": wanted.down}
        )
        task = await asyncio.to_thread(lambda: task_of(patient, Settings.load(self._home), self._home))
        if life.first == "absent":
            await asyncio.to_thread(self._files.forget_keys)
            await self._keep(launched_here=True, new_hosts=(), autostop=None, notice=None)
        await self._keep(launching_since=time.time(), launching_by=os.getpid(), ending="", server=await self.server())
        made = await self._skypilot().launch(self.name, task, tell)
        await self._keep(seen=made)  # before anybody compares: this life of it is ours

    async def _start(self, seen: CloudCluster | None, tell: OnLaunch) -> None:
        wanted = (await asyncio.to_thread(self.wanted, seen)).at_least(BRING_UP_MINUTES)
        await self._keep(launching_since=time.time(), launching_by=os.getpid(), ending="")
        started = await self._skypilot().start(
            self.name, tell, autostop_mins=wanted.minutes, down=wanted.down and wanted.minutes >= 0
        )
        await self._keep(seen=started)

    async def _wait(self, progress: Progress) -> None:
        if self.kept.stopping_since and time.time() - self.kept.stopping_since > STOPPING_HANGS:
            minutes = (time.time() - self.kept.stopping_since) / 60
            raise CloudProblem(
                f"{self.kept.address} has been stopping for {minutes:.0f} minutes.",
                remedy=f"Take it down; what is on its disks is lost: rhdesk down '{self.kept.address}'",
            )
        progress("It is stopping; it is started again when it has …")
        await asyncio.sleep(LOOK_AGAIN)

    async def _hold(self, seen: CloudCluster) -> None:
        """Begin the idle time of a cluster anew, so that it does not stop while our server is brought up."""
        if 0 <= seen.autostop_mins < BRING_UP_MINUTES:
            await self._skypilot().autostop(self.name, BRING_UP_MINUTES, down=seen.autostop_down)

    async def settle_autostop(self, progress: Progress) -> None:
        """Set the autostop that the cluster should have, where it has another: for the bring-up, or lost by SkyPilot.

        Raises:
            CloudProblem: SkyPilot cannot be asked, or does not take it.
        """
        seen = await self.look()
        if seen is None or seen.state != "up":
            what = seen.state if seen is not None else "gone"
            raise CloudProblem(
                f"{self.kept.address} was brought up, and SkyPilot says that it is {what}.", remedy="Bring it up again."
            )
        wanted = await asyncio.to_thread(self.wanted, seen)
        if next_step(Life("up", wanted), seen)[1] != "set autostop":
            return
        await self._skypilot().autostop(self.name, wanted.minutes, down=wanted.down and wanted.minutes >= 0)
        seen = await self.look()
        if seen is not None and not wanted.is_of(seen):
            raise CloudProblem(f"SkyPilot did not keep the autostop of {self.kept.address}.", remedy="Set it again.")
        end = "goes away" if wanted.down else "stops"
        idle = f"{wanted.minutes} idle minute{'' if wanted.minutes == 1 else 's'}"
        progress(f"It {end} after {idle}" if wanted.minutes >= 0 else "It never stops by itself")

    async def take_back(self, life: Life, progress: Progress, *, because: CloudProblem | None = None) -> None:
        """End what a wish that was given up has left running, and prove it. No second cancel hinders this.

        Raises:
            CloudProblem: something may be left that costs money.
        """
        step = undo(life, launched_here=self.kept.launched_here)
        if step != "nothing":
            await to_its_end(self._take_back(step, progress, because))

    async def _take_back(self, step: str, progress: Progress, because: CloudProblem | None) -> None:
        progress(UNDOING)
        with contextlib.suppress(OSError):  # a full disk is no reason to leave machines running
            since = self.kept.launching_since or time.time()
            await self._keep(ending=step, launching_since=since, launching_by=os.getpid())
        try:
            if step == "down":
                await make_sure_nothing_is_left(self._skypilot(), self.name, progress)
                await self.forget()
                return
            await call_off(self._skypilot(), self.name, progress)
            seen = await self.look(refresh=True)
            if seen is not None and seen.state != "stopped":
                await self._skypilot().stop(self.name, lines_of(progress))
                seen = await self.look(refresh=True)
            if seen is not None and seen.state != "stopped":
                raise CloudProblem("It does not stop.", code="leftovers")
            await self._keep(launching_since=0.0, ending="", notice=None)
            progress(f"{self.kept.address} is stopped again; nothing of it runs")
        except CloudProblem as error:
            said = [f"{each}\n{each.detail}".strip() for each in (because, error) if each is not None]
            raise CloudProblem(
                f"Machines of {self.kept.address} may still run and cost money.",
                code="leftovers",
                remedy=f"Take it down: rhdesk down '{self.kept.address}'",
                detail="\n\n".join(said),
            ) from error

    # ------------------------------------------------------------ stop, down, autostop

    def require(self, act: Any, seen: CloudCluster | None) -> None:
        """Refuse what the cloud of the cluster cannot do.

        Raises:
            CloudProblem: why it cannot.
        """
        cloud = seen.cloud if seen is not None else self._document.provider or ""
        if reason := why_not(cloud, act, spot=seen.spot if seen is not None else bool(self._document.use_spot)):
            raise CloudProblem(reason, code="not-supported", remedy=f"It is in {title(cloud)}." if cloud else "")

    async def stop(self, progress: Progress) -> None:
        """Stop the machines; their disks stay.

        Raises:
            CloudProblem: the cloud cannot, or did not.
        """
        life = Life("stopped")
        while True:
            seen = await self.look(refresh=life.asked == "wait")
            if seen is None:
                raise self._not_there("There is nothing to stop.")
            life, step = next_step(life, seen)
            if step == "done":
                await self._keep(notice=None, ending="")
                return
            if step == "wait":
                await self._wait(progress)
                continue
            self.require("stop", seen)
            await self._end("stop", self._skypilot().stop, progress)

    async def down(self, progress: Progress) -> bool:
        """End the machines for good; whether there were any.

        Raises:
            CloudProblem: something may be left that costs money.
        """
        launching, began = (await asyncio.to_thread(self._files.read)).launching_since, time.time()
        there = await self.look() is not None
        if there:
            await self._end("down", self._skypilot().down, progress)
        if (there and await self.look() is not None) or launching:
            await make_sure_nothing_is_left(self._skypilot(), self.name, progress)
        await self.forget(began)
        return there

    async def _end(self, how: str, act: Callable[[str, OnLaunch], Awaitable[None]], progress: Progress) -> None:
        """Have machines stopped or ended. Where nobody waits for that any more, it is no news when it is seen."""
        await self._keep(ending=how)
        try:
            await act(self.name, lines_of(progress))
        except CloudProblem:
            await self._keep(ending="")
            raise

    async def autostop(self, minutes: int, down: bool) -> None:
        """Have the cluster stop, or go away, after so many idle minutes; -1: never. It stays so for this life of it.

        Raises:
            CloudProblem: the cloud cannot, or SkyPilot did not take it.
        """
        seen = await self.look()
        if seen is None:
            raise self._not_there("What its document says counts when it is launched.")
        if minutes >= 0:
            self.require("autostop_down" if down else "autostop", seen)
        wanted = Autostop(max(minutes, 1), down) if minutes >= 0 else Autostop()
        await self._skypilot().autostop(self.name, wanted.minutes, down=wanted.down)
        await self._keep(autostop=wanted)
        seen = await self.look()
        if seen is not None and not wanted.is_of(seen):
            raise CloudProblem(f"SkyPilot did not keep the autostop of {self.kept.address}.", remedy="Set it again.")

    def _not_there(self, remedy: str) -> CloudProblem:
        return CloudProblem(f"{self.kept.address} has no machines.", code="not-there", remedy=remedy)

    async def forget(self, began: float = math.inf) -> None:
        """The cluster is gone, by our own hand; unless a launch of it began since then."""
        self.kept = await asyncio.to_thread(
            self._files.decide, lambda kept: kept if kept.launching_since > began else None
        )

    async def _keep(self, **values: Any) -> Kept:
        self.kept = await asyncio.to_thread(lambda: self._files.change(**values))
        return self.kept
