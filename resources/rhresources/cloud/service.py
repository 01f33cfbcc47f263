"""Which SkyPilot API server is used, ours or a team's, and a connection to it: found, started, waited for."""

from __future__ import annotations

import asyncio
import base64
import getpass
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from rhresources import paths
from rhresources.cloud.address import is_open_network
from rhresources.cloud.answers import LaunchEvent, OnLaunch, ServerInfo
from rhresources.cloud.api import Api, Health, Login
from rhresources.cloud.environment import NEEDS, environment_folder, is_installed
from rhresources.cloud.identity import identity
from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.server import OwnServer, RunningServer
from rhresources.cloud.server_problems import credential_subject
from rhresources.settings import Settings

if TYPE_CHECKING:
    from rhresources.credentials import Credentials

START_LIMIT = 240.0
"""Seconds that our server may take until it answers; 15 is usual, a busy computer takes minutes."""

DOUBT_LIMIT = 30.0
"""Seconds that a server of ours which was there may be silent before that is told."""

_STATE_OF = {
    "server-unreachable": "unreachable",
    "server-version": "version",
    "server-refused": "refused",
    "server-dead": "dead",
}


class Service:
    """The way to the server of one rhdesk directory."""

    def __init__(self, home: Path | None = None, credentials: Credentials | None = None) -> None:
        self.home = home if home is not None else paths.home()
        self.own = OwnServer(self.home)
        self._credentials = credentials
        self._lock = asyncio.Lock()
        self._api: Api | None = None
        self._key: tuple[str, str] = ("", "")
        self._warm: tuple[str, str] = ("", "")

    async def address(self) -> str:
        """The team's server by the settings; empty: our own."""
        return (await asyncio.to_thread(Settings.load, self.home)).skypilot_server

    async def info(self) -> ServerInfo:
        """How the server is; nothing is started."""
        if team := await self.address():
            try:
                health = await (await self._to(team, await self._team_login(team))).health()
            except CloudProblem as problem:
                return _unready(team, problem, owned=False)
            return ServerInfo(team, owned=False, version=health.version, state="ready")
        folder = str(await asyncio.to_thread(environment_folder, self.home))
        if not await asyncio.to_thread(is_installed, self.home):
            return ServerInfo(
                "", owned=True, state="not-installed", folder=folder, needs=NEEDS,
                sentence="SkyPilot is not installed yet.", remedy="It is installed when it is first needed.",
            )  # fmt: skip
        running = await self.own.find()
        if running is None:
            return ServerInfo("", owned=True, state="off", folder=folder)
        try:
            health = await (await self._to_own(running)).health(timeout=5)
        except CloudProblem as problem:
            if self.own.running is None or problem.code != "server-dead":
                return _unready(running.socket, problem, owned=True)
            sentence = "SkyPilot's server is starting."
            return ServerInfo(running.socket, owned=True, state="starting", sentence=sentence, folder=folder)
        return ServerInfo(running.socket, owned=True, version=health.version, state="ready", folder=folder)

    async def api(self, *, start: bool = True, on_event: OnLaunch | None = None) -> Api:
        """A connection to a server that answers.

        Raises:
            CloudProblem: there is none, and why; server-dead where it is off and `start` says to leave it so.
        """
        async with self._lock:
            if team := await self.address():
                api = await self._to(team, await self._team_login(team))
                if self._warm != self._key:
                    await api.health()
                    self._warm = self._key
                return api
            running = await self.own.find()
            if running is None:
                if not start:
                    raise CloudProblem(
                        "SkyPilot's server does not run, and was not asked.",
                        code="server-dead",
                        remedy="Refresh, to have it started.",
                    )
                running = await self.own.have(on_event)
            api = await self._to_own(running)
            if self._warm != self._key:
                await self._wait(api, on_event)
                api = await self._to_own(self.own.running or running)
                self._warm = self._key
            return api

    async def doubt(self) -> None:
        """After our server did not answer: until it does, or its keeper knows that it ended."""
        self._warm = ("", "")
        deadline = time.monotonic() + DOUBT_LIMIT
        while (running := self.own.running) is not None and time.monotonic() < deadline:
            try:
                await (await self._to_own(running)).health(timeout=5)
                return
            except CloudProblem:
                await asyncio.sleep(0.2)

    async def warm_up(self, api: Api) -> None:
        """Have a first request behind it: SkyPilot's workers take seconds to be there."""
        await api.call("/status", {"refresh": "NONE", "include_credentials": False, "include_handle": False})

    async def close(self, *, at_once: bool = True) -> None:
        """Let go of the server; one of ours ends unless others use it, at once or when it was idle for a while."""
        api, self._api, self._key = self._api, None, ("", "")
        if api is not None:
            await api.close()
        await self.own.leave(at_once=at_once)

    # ---------------------------------------------------------------- inside

    async def _wait(self, api: Api, on_event: OnLaunch | None) -> Health:
        """Until our server answers, or has ended."""
        deadline = time.monotonic() + START_LIMIT
        told = False
        while True:
            running = self.own.running
            if running is None:
                raise CloudProblem(
                    "SkyPilot's server ended while it started.",
                    code="server-dead",
                    remedy=f"Its log {self.own.log} says why.",
                    detail=await self.own.last_words(),
                )
            try:
                return await (await self._to_own(running)).health(timeout=10)
            except CloudProblem as problem:
                if problem.code not in {"server-dead", "server-unreachable"}:
                    raise
                if time.monotonic() > deadline:
                    raise CloudProblem(
                        f"SkyPilot's server did not answer within {START_LIMIT:.0f} seconds.",
                        code="server-dead",
                        remedy=f"This computer may be too busy; its log {self.own.log} may say more.",
                        detail=await self.own.last_words(),
                    ) from None
            if on_event is not None and not told:
                on_event(LaunchEvent("server", "Waiting for SkyPilot's server to answer", at=time.time()))
                told = True
            await asyncio.sleep(0.3)

    async def _to_own(self, running: RunningServer) -> Api:
        return await self._to("http://localhost", _headers_of(running), running.socket)

    async def _to(self, url: str, headers: Mapping[str, str], socket: str = "") -> Api:
        key = (socket or url, headers.get("Authorization", ""))
        if self._api is None or self._key != key:
            if self._api is not None:
                await self._api.close()
            self._api, self._key = await asyncio.to_thread(self._made, url, headers, socket), key
        return self._api

    def _made(self, url: str, headers: Mapping[str, str], socket: str) -> Api:
        login = Login(headers, identity(self.home), getpass.getuser(), own=bool(socket))
        return Api(url, login, socket, is_gone=lambda: bool(socket) and not self._runs(headers))

    def _runs(self, headers: Mapping[str, str]) -> bool:
        """Whether the server of ours that takes these headers still runs."""
        running = self.own.running
        return running is not None and headers == _headers_of(running)

    async def _team_login(self, url: str) -> dict[str, str]:
        secret = await self._secret(url)
        if secret and is_open_network(url):
            raise CloudProblem(
                f"Your token for {url} was not sent: everybody on the way could read it.",
                code="server-refused",
                remedy="Use the server's https address, or a tunnel: ssh -L 46580:HOST:46580 …, and http://127.0.0.1:46580.",
            )
        headers: dict[str, str] = {}
        if secret.startswith("sky_"):
            headers["Authorization"] = f"Bearer {secret}"
        elif ":" in secret:
            headers["Authorization"] = f"Basic {base64.b64encode(secret.encode()).decode()}"
        elif secret:
            headers["Authorization"] = f"Bearer {secret}"
        return headers

    async def _secret(self, url: str) -> str:
        if self._credentials is None:
            from rhresources.credentials import Credentials

            self._credentials = Credentials(self.home)
        return await self._credentials.get("token", credential_subject(url)) or ""


def _headers_of(running: RunningServer) -> dict[str, str]:
    return {"Authorization": f"Bearer {running.token}"}


def _unready(url: str, problem: CloudProblem, *, owned: bool) -> ServerInfo:
    state = cast("Literal['unreachable', 'version', 'refused', 'dead']", _STATE_OF.get(problem.code, "dead"))
    return ServerInfo(url, owned, state=state, sentence=problem.sentence, remedy=problem.remedy)
