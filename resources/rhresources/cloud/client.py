"""SkyPilot through its REST interface: the protocol of `skypilot.py`, for a server of ours or a team's."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rhresources.cloud import reading
from rhresources.cloud.answers import (
    CloudCheck,
    CloudCluster,
    CloudHosts,
    CloudRequest,
    LaunchEvent,
    Offer,
    OnLaunch,
    ServerInfo,
    Usage,
)
from rhresources.cloud.environment import own_python
from rhresources.cloud.identity import skypilot_home
from rhresources.cloud.limits import title
from rhresources.cloud.narration import Narration
from rhresources.cloud.offers import find_offers
from rhresources.cloud.orphans import ASKED, Instance, Instances, instance_of
from rhresources.cloud.patience import Silence, patiently
from rhresources.cloud.prices import Prices
from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.reaching import hosts_of, refuse_unreachable
from rhresources.cloud.service import Service
from rhresources.cloud.task import WAIT_FOR, autostop_of_task, cloud_of_task
from rhresources.stores.files import write_text

if TYPE_CHECKING:
    from rhresources.cloud.api import Api
    from rhresources.credentials import Credentials

log = logging.getLogger(__name__)

_AGAIN = {"server-dead", "server-refused", "interrupted"}
"""Problems of a server of ours that a new start mends; what only asks is then asked again."""

_MAKING = {"launch", "start"}
"""Requests that make machines run."""

_STARTS = 4
"""How often a start that does nothing is asked for again, after another look."""

_REQUESTS_SHOWN = 200

_SERVERS_OWN = "-daemon"
"""How the ids end of what SkyPilot's server asks of itself, over and over, as long as it runs."""

_OF_A_REQUEST = ("request_id", "name", "status", "cluster_name", "user_id", "created_at", "finished_at", "status_msg")
"""What is asked of a request. The rest is what was sent with it, and may hold secrets."""

_CHECK_LIFE = 12 * 3600.0
"""Seconds that an answer of `/check` is shown before it is asked for anew."""


class ApiSkyPilot:
    """Keeps to the protocol `SkyPilot`. Made and used on one event loop."""

    def __init__(
        self, home: Path | None = None, credentials: Credentials | None = None, *, lingers: bool = False
    ) -> None:
        self._lingers = lingers
        self._service = Service(home, credentials)
        self._home = self._service.home
        self._prices = Prices()

    # ---------------------------------------------------------------- the server

    async def info(self) -> ServerInfo:
        return await self._service.info()

    async def ensure(self, on_event: OnLaunch | None = None) -> ServerInfo:
        api = await self._service.api(on_event=on_event)
        if on_event is not None:
            on_event(LaunchEvent("server", "SkyPilot's server gets ready", at=time.time()))
        await self._service.warm_up(api)
        return await self._service.info()

    async def close(self) -> None:
        await self._service.close(at_once=not self._lingers)

    # ---------------------------------------------------------------- clusters

    async def clusters(
        self, names: Sequence[str] | None = None, *, refresh: bool = False, start: bool = True
    ) -> list[CloudCluster]:
        rows = [row for row in await self._rows(names, refresh=refresh, start=start) if reading.has_sound_name(row)]
        hashes = [str(row.get("cluster_hash")) for row in rows]
        if self._prices.are_to_be_asked(hashes):
            try:
                self._prices.learn(hashes, await self._ask("/cost_report", {"days": 1}))
            except CloudProblem as problem:  # the clusters are there, whatever they cost
                log.info("SkyPilot does not say what its clusters cost: %s", problem)
                self._prices.learn(hashes, None)
        return [reading.cluster_of(row, self._prices.of(hash)) for row, hash in zip(rows, hashes, strict=True)]

    async def launch(self, name: str, task: str, on_event: OnLaunch) -> CloudCluster:
        if team := await self._service.address():
            refuse_unreachable(cloud_of_task(task), team)  # before it costs
        await asyncio.to_thread(self._made_file(name).unlink, missing_ok=True)
        await self._follow("/launch", {"task": task, "cluster_name": name}, on_event)
        wanted = autostop_of_task(task)
        cluster = await patiently(lambda: self._one(name), on_event)
        # of many launches at once SkyPilot has lost the autostop of some (its issue 5946), and that costs money
        if wanted is not None and cluster.state == "up" and cluster.autostop_mins < 0:
            await patiently(lambda: self.autostop(name, wanted[0], down=wanted[1]), on_event)
            cluster = await patiently(lambda: self._one(name), on_event)
        return cluster

    async def start(
        self, name: str, on_event: OnLaunch, *, autostop_mins: int = -1, down: bool = False
    ) -> CloudCluster:
        # SkyPilot would take the old setting again if none were given, and stop the cluster at once with it
        body = {
            "cluster_name": name, "idle_minutes_to_autostop": autostop_mins, "wait_for": WAIT_FOR,
            "down": down and autostop_mins >= 0,
        }  # fmt: skip
        before = await self._one(name)
        for _ in range(_STARTS):
            await self._follow("/start", body, on_event)
            found = await patiently(lambda: self._one(name), on_event)
            if found.launched != before.launched:
                return found
            # nothing was started that its list called up; it believes that list while another look is not over yet
            seen = next(iter(await self.clusters([name], refresh=True)), found)
            if seen.state == "up" and seen.updated != found.updated:
                return seen
        raise CloudProblem(
            f"SkyPilot did not start {name}: it says that it is up, and does not look.",
            code="failed",
            remedy="Wait until it has looked at the cluster, and start it again.",
        )

    async def stop(self, name: str, on_event: OnLaunch) -> None:
        await self._follow("/stop", {"cluster_name": name}, on_event, goes_on=True)

    async def down(self, name: str, on_event: OnLaunch, *, purge: bool = False) -> None:
        await self._follow("/down", {"cluster_name": name, "purge": purge}, on_event, goes_on=True)

    async def autostop(self, name: str, minutes: int, *, down: bool = False) -> None:
        body = {"cluster_name": name, "idle_minutes": max(minutes, -1), "wait_for": WAIT_FOR, "down": down}
        await self._ask("/autostop", body)

    async def call_off(self, name: str) -> list[str]:
        rows = await self._with_server(lambda api: api.get("/api/status", cluster_name=name))
        under_way = [
            str(row["request_id"])
            for row in rows or ()
            if row.get("cluster_name") == name and str(row.get("name")).rpartition(".")[2] in _MAKING
        ]
        if under_way:
            await self._with_server(lambda api: api.cancel(under_way))
        return under_way

    async def hosts(self, name: str) -> CloudHosts:
        rows = await self._ask("/status", _status([name], "NONE", secrets=True))
        row = next((row for row in rows or () if row.get("name") == name), None)
        if row is None:
            raise _unknown(name)
        return await hosts_of(row, self._home, team=await self._service.address())

    async def made(self, name: str) -> frozenset[str] | None:
        if await self._service.address():
            return None
        try:
            return frozenset(json.loads(await asyncio.to_thread(self._made_file(name).read_text)))
        except (OSError, ValueError):
            return None

    # ---------------------------------------------------------------- what there is to be had

    async def checks(self, *, refresh: bool = False) -> list[CloudCheck]:
        kept = skypilot_home(self._home) / "checks.json"
        address = await self._service.address()
        python = "" if address else str(await asyncio.to_thread(own_python, self._home))
        if not refresh and (known := await asyncio.to_thread(_kept_checks, kept, address)):
            return reading.checks_of(*known, python)
        said: list[str] = []
        answer = await self._ask("/check", {}, on_line=said.append)
        enabled = reading.enabled_of(answer)
        text = "\n".join(line for line in said if "<sky-payload" not in line)
        value = {"server": address, "at": time.time(), "enabled": sorted(enabled), "said": text}
        await asyncio.to_thread(write_text, kept, json.dumps(value), private=True)
        return reading.checks_of(text, enabled, python)

    async def offers(
        self, instance_type: str, *, cloud: str = "", region: str = "", all_regions: bool = True
    ) -> list[Offer]:
        enabled = await self._enabled()
        api = await self._service.api()
        return await find_offers(
            api, instance_type, cloud=cloud.lower(), region=region, all_regions=all_regions, enabled=enabled,
            home=self._home, own=not await self._service.address(),
        )  # fmt: skip

    # ---------------------------------------------------------------- what was

    async def usage(self, days: int = 30) -> list[Usage]:
        rows = await self._ask("/cost_report", {"days": days}) or ()
        return [reading.usage_of(row) for row in rows if reading.has_sound_name(row)]

    async def events(self, name: str) -> list[tuple[float, str]]:
        body: dict[str, Any] = {"event_type": "STATUS_CHANGE,LAUNCH_PROGRESS", "include_timestamps": True}
        try:
            said = await self._ask("/cluster_events", {**body, "cluster_name": name})
        except CloudProblem as problem:
            if "not found" not in problem.detail:
                raise
            # it is gone from the list, and its events are kept under the id of its last life
            rows = await self._ask("/cost_report", {"days": 90, "cluster_names": [name]})
            lives = sorted((row.get("launched_at") or 0, str(row.get("cluster_hash") or "")) for row in rows or ())
            if not lives or not lives[-1][1]:
                return []
            said = await self._ask("/cluster_events", {**body, "cluster_hash": lives[-1][1]})
        return [
            (float(each.get("transitioned_at") or 0), str(each.get("reason") or ""))
            for each in said or ()
            if isinstance(each, Mapping)
        ]

    # ---------------------------------------------------------------- its own requests

    async def requests(self, *, ended: bool = False, start: bool = True) -> list[CloudRequest]:
        asked = {"all_status": str(ended).lower(), "limit": _REQUESTS_SHOWN}
        return await self._requests(start=start, **asked)

    async def cancel(self, request: str) -> CloudRequest:
        found = [each for each in await self._requests(request_ids=[request]) if each.id.startswith(request)]
        exact = [each for each in found if each.id == request]
        if not (named := exact or found):
            raise CloudProblem(
                f"SkyPilot's server knows no request {request}.",
                code="not-there",
                remedy="It keeps those that ended for a day; see what goes on now.",
            )
        if len(named) > 1:
            raise CloudProblem(
                f"{len(named)} requests begin with {request}.", code="bad-request", remedy="Write more of the id."
            )
        if not named[0].goes_on:
            return named[0]
        await self._with_server(lambda api: api.cancel([named[0].id]))
        after = await self._requests(request_ids=[named[0].id])
        seen = next((each for each in after if each.id == named[0].id), named[0])
        if seen.goes_on:
            raise CloudProblem(
                f"SkyPilot's server did not cancel this {seen.name}.",
                code="not-supported",
                remedy="It may be somebody else's; only an administrator of the server can cancel it.",
            )
        return seen

    # ---------------------------------------------------------------- what the clouds themselves say

    async def instances(self) -> Instances:
        if server := await self._service.address():
            return Instances(not_asked={server: "A team's SkyPilot server does not say what it has forgotten."})
        enabled = await self._enabled()
        not_asked = {title(cloud): "It cannot be asked yet." for cloud in sorted(enabled - ASKED)}
        if "aws" not in enabled:
            return Instances(not_asked=not_asked)
        said = await self._with_server(lambda api: api.post("/rhdesk/instances", {}))
        not_asked |= {f"AWS {region}".strip(): why for region, why in said["problems"].items()}
        return Instances(tuple(instance_of(row, "aws") for row in said["instances"]), not_asked)

    async def end_instances(self, instances: Sequence[Instance]) -> None:
        first = instances[0]
        body = {
            "region": first.region, "cluster": first.cluster, "owner": first.owner,
            "ids": [each.id for each in instances],
        }  # fmt: skip
        said = await self._with_server(lambda api: api.post("/rhdesk/instances/end", body))
        if said["refused"]:
            raise CloudProblem(
                f"Instances of {first.cluster} were not ended.",
                remedy="The details say why.",
                detail=str(said["refused"]),
            )

    # ---------------------------------------------------------------- inside

    async def _enabled(self) -> frozenset[str]:
        """The clouds that can be asked for clusters."""
        enabled = reading.enabled_of(await self._ask("/enabled_clouds", method="GET"))
        if not enabled:  # a server that has not checked yet knows of none
            enabled = frozenset(check.cloud for check in await self.checks() if check.enabled)
        return enabled

    async def _requests(self, *, start: bool = True, **which: Any) -> list[CloudRequest]:
        rows = await self._with_server(
            lambda api: api.get("/api/status", fields=list(_OF_A_REQUEST), **which), start=start
        )
        found = [reading.request_of(row) for row in rows or () if isinstance(row, Mapping)]
        own = [each for each in found if each.id and not each.id.endswith(_SERVERS_OWN)]
        return sorted(own, key=lambda each: each.created, reverse=True)

    async def _ask(
        self, path: str, body: Mapping[str, Any] | None = None, *, start: bool = True, **options: Any
    ) -> Any:
        return await self._with_server(lambda api: api.call(path, body, **options), start=start)

    async def _with_server(self, ask: Callable[[Api], Awaitable[Any]], *, start: bool = True) -> Any:
        """Ask what changes nothing, or the same when asked twice; once more where our server had to start anew."""
        api = await self._service.api(start=start)
        try:
            return await ask(api)
        except CloudProblem as problem:
            if problem.code not in _AGAIN or await self._service.address():
                raise
        await self._service.doubt()
        return await ask(await self._service.api(start=start))

    async def _follow(self, path: str, body: Mapping[str, Any], on_event: OnLaunch, *, goes_on: bool = False) -> Any:
        """Ask for what takes long and must not be asked twice, telling what it says."""
        api = await self._service.api(on_event=on_event)
        if not await self._service.address():
            try:  # a server of ours that died unseen is started anew before it is asked
                await api.health()
            except CloudProblem:
                await self._service.doubt()
                api = await self._service.api(on_event=on_event)
        narration = Narration()
        silence = Silence(on_event)

        def hear(line: str) -> None:
            if event := narration.hear(line):
                silence.tell(event)

        return await api.call(path, body, on_line=hear, on_silence=silence, goes_on=goes_on)

    async def _rows(self, names: Sequence[str] | None, *, refresh: bool, start: bool) -> list[dict[str, Any]]:
        body = _status(names, "FORCE" if refresh else "NONE")
        try:
            rows = await self._ask("/status", body, start=start)
        except CloudProblem as problem:
            if problem.code != "not-there":
                raise
            return []  # a refresh of one that is gone
        if refresh:  # what SkyPilot answers then lacks why a cluster is not up; it is in its list now
            rows = await self._ask("/status", _status(names, "NONE"), start=start)
        return [row for row in rows or () if isinstance(row, dict)]

    def _made_file(self, name: str) -> Path:
        """Where our server writes down what a launch has made, see `inside/rhdesk_made.py`."""
        return skypilot_home(self._home) / "made" / f"{name}.json"

    async def _one(self, name: str) -> CloudCluster:
        found = await self.clusters([name])
        if not found:
            raise _unknown(name)
        return found[0]


def _status(names: Sequence[str] | None, refresh: str, *, secrets: bool = False) -> dict[str, Any]:
    return {
        "cluster_names": None if names is None else list(names),
        "refresh": refresh,
        "all_users": True,
        "include_credentials": secrets,
        "include_handle": secrets,
        "summary_response": False,
    }


def _kept_checks(path: Path, address: str) -> tuple[str, frozenset[str]] | None:
    """What the last check said, if it is of this server and not too old."""
    try:
        value = json.loads(path.read_text())
        if value["server"] == address and 0 <= time.time() - value["at"] < _CHECK_LIFE:
            return str(value["said"]), frozenset(value["enabled"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def _unknown(name: str) -> CloudProblem:
    return CloudProblem(
        f"SkyPilot knows no cluster {name}.",
        code="not-there",
        remedy="It may have gone away by itself; its events say when.",
    )
