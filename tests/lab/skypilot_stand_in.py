"""SkyPilot without SkyPilot: the protocol of `rhresources.cloud.skypilot` kept in memory, for what stands on it.

The real one is tested against emulated clouds in its own tests. What a test of the window, the library or the command
line needs is a SkyPilot that can be held in the middle of a launch, that fails when told to, and that says what was
asked of it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import replace

from rhresources.cloud.answers import (
    CloudCheck,
    CloudCluster,
    CloudHosts,
    CloudRequest,
    CloudState,
    LaunchEvent,
    LaunchPhase,
    Offer,
    OnLaunch,
    ServerInfo,
    Usage,
)
from rhresources.cloud.orphans import Instance, Instances
from rhresources.cloud.problems import CloudProblem

URL = "http://127.0.0.1:46580"

LAUNCH: tuple[tuple[LaunchPhase, str, str], ...] = (
    ("queued", "The request waits", ""),
    ("choosing", "Choosing an offer", ""),
    ("provisioning", "Making the instances", "aws us-east-1, m6i.large"),
    ("preparing", "SkyPilot sets the hosts up", "aws us-east-1, m6i.large"),
)
"""What a launch says unless a test gives it other events."""


class StandInSkyPilot:
    """Keeps to the protocol `SkyPilot`.

    Attributes:
        known: the clusters by SkyPilot's name; a test changes them as the cloud would.
        unseen: how a cluster is by now; SkyPilot sees it when it asks the cloud.
        fail: the problem that a method raises, by its name ("launch", "checks", …), or of one cluster ("down gpu-1").
        gates: a launch waits at the phase that is named here until the event is set.
        lists: methods that wait, by name, until the event is set.
        calls: what was asked, as (method, name or query).
        goes_on: so many times the launch of a cluster must be called off until SkyPilot is not at it any more.
        leaves: a cancelled launch leaves a cluster that runs, as real ones do.
        server: how the server is; "ready" after `ensure`.
    """

    def __init__(self) -> None:
        self.known: dict[str, CloudCluster] = {}
        self.unseen: dict[str, CloudState] = {}
        self.vanished: dict[str, list[tuple[float, str]]] = {}
        self.fail: dict[str, CloudProblem] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.lists: dict[str, asyncio.Event] = {}
        self.calls: list[tuple[str, str]] = []
        self.tasks: dict[str, str] = {}
        self.goes_on: dict[str, int] = {}
        self.leaves = True
        self.server = ServerInfo(URL, owned=True)
        self.launch_events = LAUNCH
        self.all_checks: list[CloudCheck] = []
        self.all_offers: list[Offer] = []
        self.all_usage: list[Usage] = []
        self.all_hosts: dict[str, CloudHosts] = {}
        self.all_requests: list[CloudRequest] = []
        self.all_made: dict[str, frozenset[str]] = {}
        self.all_instances: list[Instance] = []
        self.not_asked: dict[str, str] = {}

    def asked(self, method: str) -> list[str]:
        """The names or queries that a method was called with, in order."""
        return [what for called, what in self.calls if called == method]

    # ------------------------------------------------------------ the protocol

    async def info(self) -> ServerInfo:
        await self._called("info")
        return self.server

    async def ensure(self, on_event: OnLaunch | None = None) -> ServerInfo:
        await self._ready("ensure", on_event=on_event)
        return self.server

    async def clusters(
        self, names: Sequence[str] | None = None, *, refresh: bool = False, start: bool = True
    ) -> list[CloudCluster]:
        if not start and self.server.state != "ready":
            await self._called("clusters")
            raise CloudProblem("SkyPilot's server does not run.", code="server-dead", remedy="Start it on Clouds.")
        await self._ready("refresh" if refresh else "clusters", ",".join(names or ()))
        if refresh:
            for name in names if names is not None else list(self.known):
                if name in self.known:
                    state = self.unseen.pop(name, self.known[name].state)
                    self.known[name] = replace(self.known[name], state=state, updated=time.time())
        return [cluster for name, cluster in self.known.items() if names is None or name in names]

    async def launch(self, name: str, task: str, on_event: OnLaunch) -> CloudCluster:
        self.tasks[name] = task
        await self._ready("launch", name, on_event)
        return await self._bring_up(name, task, on_event)

    async def start(
        self, name: str, on_event: OnLaunch, *, autostop_mins: int = -1, down: bool = False
    ) -> CloudCluster:
        await self._ready("start", name, on_event)
        self._one(name)
        await self._bring_up(name, self.tasks.get(name, ""), on_event)
        self.known[name] = replace(self.known[name], autostop_mins=autostop_mins, autostop_down=down)
        return self.known[name]

    async def stop(self, name: str, on_event: OnLaunch) -> None:
        await self._ready("stop", name)
        self.known[name] = replace(self._one(name), state="stopped", updated=time.time())

    async def down(self, name: str, on_event: OnLaunch, *, purge: bool = False) -> None:
        await self._ready("down", name)
        self._one(name)
        del self.known[name]
        self.vanished[name] = [(time.time(), "Terminated")]

    async def autostop(self, name: str, minutes: int, *, down: bool = False) -> None:
        await self._ready("autostop", f"{name} {minutes}{' down' if down else ''}")
        self.known[name] = replace(self._one(name), autostop_mins=minutes, autostop_down=down)

    async def call_off(self, name: str) -> list[str]:
        await self._ready("call_off", name)
        if not self.goes_on.get(name):
            return []
        self.goes_on[name] -= 1
        return [f"launch-of-{name}"]

    async def hosts(self, name: str) -> CloudHosts:
        await self._ready("hosts", name)
        try:
            return self.all_hosts[name]
        except KeyError:
            raise CloudProblem(f"The hosts of {name} are not known.", code="not-there") from None

    async def made(self, name: str) -> frozenset[str] | None:
        await self._ready("made", name)
        return self.all_made.get(name)

    async def checks(self, *, refresh: bool = False) -> list[CloudCheck]:
        await self._ready("checks", "refresh" if refresh else "")
        return list(self.all_checks)

    async def offers(
        self, instance_type: str, *, cloud: str = "", region: str = "", all_regions: bool = True
    ) -> list[Offer]:
        await self._ready("offers", instance_type)
        kind = instance_type.partition(":")[0]
        return [
            offer
            for offer in self.all_offers
            if (
                not kind
                or kind in (offer.accelerator, offer.instance_type)
                or (kind == "CPU" and not offer.accelerator)
            )
            and cloud in ("", offer.cloud)
            and region in ("", offer.region)
        ]

    async def instances(self) -> Instances:
        await self._ready("instances")
        return Instances(tuple(self.all_instances), self.not_asked)

    async def end_instances(self, instances: Sequence[Instance]) -> None:
        await self._ready("end_instances", instances[0].cluster)
        self.all_instances = [each for each in self.all_instances if each not in instances]

    async def usage(self, days: int = 30) -> list[Usage]:
        await self._ready("usage", str(days))
        return list(self.all_usage)

    async def events(self, name: str) -> list[tuple[float, str]]:
        await self._ready("events", name)
        return list(self.vanished.get(name, []))

    async def requests(self, *, ended: bool = False, start: bool = True) -> list[CloudRequest]:
        await self._ready("requests")
        return [each for each in self.all_requests if ended or each.goes_on]

    async def cancel(self, request: str) -> CloudRequest:
        await self._ready("cancel", request)
        for place, each in enumerate(self.all_requests):
            if each.id.startswith(request):
                if each.goes_on:
                    self.all_requests[place] = replace(each, state="cancelled", ended=time.time())
                return self.all_requests[place]
        raise CloudProblem(f"SkyPilot's server knows no request {request}.", code="not-there")

    async def close(self) -> None:
        self.calls.append(("close", ""))
        if self.server.owned and self.server.state == "ready":
            self.server = replace(self.server, state="off", version="")

    # ------------------------------------------------------------ inside

    async def _called(self, method: str, what: str = "") -> None:
        self.calls.append((method, what))
        if method in self.lists:
            await self.lists[method].wait()
        for each in (method, f"{method} {what}"):
            if each in self.fail:
                raise self.fail[each]

    async def _ready(self, method: str, what: str = "", on_event: OnLaunch | None = None) -> None:
        """What every call but `info` does: the server is there afterwards."""
        if self.server.state in ("off", "dead", "not-installed") and "ensure" in self.fail:
            raise self.fail["ensure"]
        if self.server.state in ("off", "not-installed"):
            self.server = replace(self.server, state="starting")
            await self._say(("server", "SkyPilot's server starts", ""), on_event)
            self.server = replace(self.server, state="ready", version="0.14.1")
        await self._called(method, what)

    async def _say(self, event: tuple[LaunchPhase, str, str], on_event: OnLaunch | None) -> None:
        phase, sentence, offer = event
        if on_event is not None:
            on_event(LaunchEvent(phase, sentence, offer, time.time()))
        if phase in self.gates:
            await self.gates[phase].wait()
        else:
            await asyncio.sleep(0)

    async def _bring_up(self, name: str, task: str, on_event: OnLaunch) -> CloudCluster:
        before = self.known.get(name)
        made = before or CloudCluster(
            name,
            "launching",
            hash=f"{name}-{time.time()}",
            hosts=int(_of(task, "num_nodes") or 1),
            cloud="aws",
            region="us-east-1",
            zone="us-east-1a",
            hardware="m6i.large, 2 processors, 8 GB",
            instance_type="m6i.large",
            autostop_mins=int(_of(task, "idle_minutes") or -1),
            autostop_down=_of(task, "down") == "true",
            price_per_hour=0.096 * int(_of(task, "num_nodes") or 1),
        )
        self.known[name] = replace(made, state="launching", launched=time.time(), updated=time.time())
        try:
            for event in self.launch_events:
                await self._say(event, on_event)
            if "provision" in self.fail:
                raise self.fail["provision"]
        except BaseException:
            if self.leaves:
                self.known[name] = replace(self.known[name], state="unhealthy", reason="The launch was not finished.")
            else:
                self.known.pop(name, None)
            raise
        self.known[name] = replace(self.known[name], state="up")
        return self.known[name]

    def _one(self, name: str) -> CloudCluster:
        try:
            return self.known[name]
        except KeyError:
            raise CloudProblem(f"SkyPilot knows no cluster {name}.", code="not-there") from None


def _of(task: str, key: str) -> str:
    """The value of a key anywhere in a task's YAML; enough of YAML for this."""
    found = re.search(rf"^\s*{key}: *(\S+)", task, re.MULTILINE)
    return found[1] if found else ""
