"""How often a host that cannot be reached is tried in the background, whoever and however many want it.

After a failure the next tries wait longer and longer; until then everybody gets the same error at once. There is no
limit on the number of tries. What a person does is tried at once.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from rhresources.errors import ConnectionLost, RhError
from rhresources.reach import OverSsh, Progress, Route, silent

if TYPE_CHECKING:
    from rhresources.cloud.answers import OnLaunch
    from rhresources.reach.cloud_route import CloudRoute
    from rhresources.reach.ssh.connection import SshConnection
    from rhresources.reach.told_route import ToldRoute
    from rhresources.registry.told import Told
    from rhresources.wire.channel import ServerAddress

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
FIRST_LONG_PAUSE, LONGEST_LONG_PAUSE = 15.0, 300.0
"""After what time alone does not heal: hosts lock out who fails to log in too often."""

Found = TypeVar("Found")


class PacedRoute:
    """A route whose background tries keep their distance.

    Attributes:
        retry_at: when the next try is made, in seconds since the epoch; 0: the last one did not fail.
    """

    def __init__(self, route: Route) -> None:
        self._route = route
        self._lock = asyncio.Lock()
        self._connection: SshConnection | None = None
        self._error: RhError | None = None
        self._pause = 0.0
        self._next = 0.0  # by the monotonic clock
        self.retry_at = 0.0

    @property
    def ssh(self) -> OverSsh | None:
        """See `Route.ssh`."""
        return self._route.ssh

    @property
    def on_demand(self) -> CloudRoute | None:
        """See `Route.on_demand`."""
        return self._route.on_demand

    def heard(self, told: Told) -> None:
        """There is a newer word of a cluster that another SkyPilot runs."""
        self._told_route().told = told

    def refusal(self, what: str) -> RhError:
        """Why that is not done from here to a cluster that another SkyPilot runs."""
        return self._told_route().refusal(what)

    def _told_route(self) -> ToldRoute:
        from rhresources.reach.told_route import ToldRoute

        assert isinstance(self._route, ToldRoute)
        return self._route

    async def address(self, ask: bool = False) -> ServerAddress | None:
        """Where the server listens now; None if it does not run.

        Raises:
            RhError: the host cannot be reached, or could not a moment ago.
        """
        return await self._try(ask, self._route.address)

    async def connection(self, ask: bool = False) -> SshConnection | None:
        """The SSH connection to the head, made if there is none; None: the cluster is this computer.

        Raises:
            RhError: as `address`.
        """
        route = self.ssh
        if route is None:
            return None
        if self._connection is None or not self._connection.alive:  # a live one serves even if the server does not
            self._connection = await self._try(ask, route.connection)
        return self._connection

    async def up(
        self, progress: Progress, *, wait_ready: bool, ask: bool, on_event: OnLaunch | None = None
    ) -> ServerAddress:
        """Bring the cluster up; see `Route.up`."""
        address = await self._route.up(progress, wait_ready=wait_ready, ask=ask, on_event=on_event)
        self.forget_failure()
        return address

    async def down(self, stop_runs: bool, progress: Progress = silent) -> None:
        """Take the cluster down; see `Route.down`."""
        await self._route.down(stop_runs, progress)

    async def close(self) -> None:
        """End the connection."""
        await self._route.close()

    def set_on_connection(self, callback: Callable[[bool, str], None]) -> None:
        """Tell `callback` when the connection to the host is lost and when it is back."""
        if self.ssh is not None:
            self.ssh.on_connection = callback

    def forget_failure(self) -> None:
        """Let the next try be made at once."""
        self._error, self._pause, self._next, self.retry_at = None, 0.0, 0.0, 0.0

    async def _try(self, ask: bool, attempt: Callable[[bool], Awaitable[Found]]) -> Found:
        if ask:
            return await self._attempt(attempt, True)
        self._require_time()
        async with self._lock:
            self._require_time()  # whoever waited for another's try takes its outcome
            return await self._attempt(attempt, False)

    async def _attempt(self, attempt: Callable[[bool], Awaitable[Found]], ask: bool) -> Found:
        try:
            found = await attempt(ask)
        except RhError as error:
            self._failed(error)
            raise
        self.forget_failure()
        return found

    def _require_time(self) -> None:
        if self._error is not None and time.monotonic() < self._next:
            raise copy.copy(self._error)  # a copy: an exception that is raised again and again keeps every traceback

    def _failed(self, error: RhError) -> None:
        heals = isinstance(error, ConnectionLost)
        first, longest = (FIRST_PAUSE, LONGEST_PAUSE) if heals else (FIRST_LONG_PAUSE, LONGEST_LONG_PAUSE)
        self._pause = min(max(self._pause * 1.7, first), longest)
        self._error = copy.copy(error)
        self._next = time.monotonic() + self._pause
        self.retry_at = time.time() + self._pause
