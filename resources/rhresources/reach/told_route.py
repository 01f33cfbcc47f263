"""The way to a cluster that the SkyPilot of another computer runs: to its head over SSH, with one's own key.

Its machines are launched, stopped and ended there alone, and so is its server put onto them: from here nobody knows its
other hosts.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence

from rhresources.cloud.answers import OnLaunch
from rhresources.cloud.told_words import Elsewhere, refusal, refusal_to_launch, seen_words, sentence, whose
from rhresources.errors import RhError, UsageError
from rhresources.reach import Progress, silent
from rhresources.reach.questions import Asker, NeedsAnswer
from rhresources.reach.ssh.connection import SshConnection
from rhresources.reach.ssh.target import SshTarget
from rhresources.reach.ssh_route import SshRoute
from rhresources.reach.steps import OnStep, Step
from rhresources.registry.told import Told
from rhresources.wire.channel import ServerAddress


class ToldRoute:
    """Such a way.

    Args:
        address: the name of the cluster.
        told: how it is, by its SkyPilot; a newer word may be set at any time.
        me: the user of the registry here.
        head: the way to its head; None: nobody has told of one.
    """

    def __init__(self, address: str, told: Told, me: str, head: SshRoute | None) -> None:
        self.told = told
        self._address, self._me, self._head = address, me, head

    @property
    def ssh(self) -> ToldRoute:
        """Its head is reached by SSH."""
        return self

    @property
    def on_demand(self) -> None:
        """Not from here."""
        return None

    # ------------------------------------------------------------ the server

    async def address(self, ask: bool = False) -> ServerAddress | None:
        """Where its server can be reached from here now; None: it does not run, or has no machines that do.

        Raises:
            RhError: its head cannot be reached, though it was said to be up.
        """
        if self._head is None and self.told.state != "up":
            return None
        head = self._there()
        try:
            return await head.address(ask)
        except NeedsAnswer:
            raise
        except RhError as error:
            raise self._both(error) from None

    async def up(
        self, progress: Progress, *, wait_ready: bool = True, ask: bool = True, on_event: OnLaunch | None = None
    ) -> ServerAddress:
        """Where its server is; nothing is launched, since its SkyPilot would not know of that.

        Raises:
            Elsewhere: it does not run.
            RhError: as `address`.
        """
        address = await self.address(ask)
        if address is None:
            raise refusal_to_launch(self._address, self.told, self._me, time.time())
        return address

    async def down(self, stop_runs: bool, progress: Progress = silent) -> None:
        """Refused.

        Raises:
            Elsewhere: always; with who can.
        """
        raise self.refusal("taken down")

    def refusal(self, what: str) -> Elsewhere:
        """Why something is not done from here."""
        return refusal(self._address, self.told, self._me, what, time.time())

    async def close(self) -> None:
        """End the connection; the cluster goes on."""
        if self._head is not None:
            await self._head.close()

    # ------------------------------------------------------------ the head

    @property
    def on_connection(self) -> Callable[[bool, str], None] | None:
        """Told whether the SSH connection is there, and a sentence, whenever that changes."""
        return self._head.on_connection if self._head is not None else None

    @on_connection.setter
    def on_connection(self, callback: Callable[[bool, str], None] | None) -> None:
        if self._head is not None:
            self._head.on_connection = callback

    async def connection(self, ask: bool = False) -> SshConnection:
        """The live connection to the head.

        Raises:
            RhError: as `address`; also where nobody has told of a head.
        """
        head = self._there()
        try:
            return await head.connection(ask)
        except NeedsAnswer:
            raise
        except RhError as error:
            raise self._both(error) from None

    async def hosts(self) -> Sequence[str]:
        """Its head; of other hosts nothing is told."""
        return await self._there().hosts()

    @property
    def has_other_hosts(self) -> bool:
        """Whether it may have hosts besides its head; they are not known here."""
        return self.told.hosts != 1

    def unknown_host(self, host: str) -> UsageError:
        """Why `host`, which may be one of those, is not reached from here, and how else it is."""
        return UsageError(
            f"{host} is not reached from here: of {self._address}, which the SkyPilot of "
            f"{whose(self.told, self._me)} runs, only the head is known.",
            remedy=f"Go through the head: rhdesk ssh '{self._address}', and from there `ssh {host}`, if the hosts let "
            f"each other in; rhdesk status '{self._address}' lists them.",
        )

    async def target(self, host: str | None = None) -> SshTarget:
        """Where its head is."""
        return await self._there().target(host)

    async def ssh_command(self, host: str | None = None) -> list[str]:
        """The system's `ssh` to its head."""
        return await self._there().ssh_command(host)

    async def check(self, asker: Asker | None, on_step: OnStep) -> list[Step]:
        """Go every step to its head, without changing anything there."""
        return await self._there().check(asker, on_step)

    async def upgrade(self, progress: Progress) -> None:
        """Refused: its other hosts would not be upgraded."""
        raise self.refusal("upgraded")

    async def repair(self, host: str | None, progress: Progress) -> None:
        """Refused: its other hosts are not known here."""
        raise self.refusal("repaired")

    def _there(self) -> SshRoute:
        if self._head is None:
            said = seen_words(self._address, self.told, self._me, time.time())
            hidden = self.told.state == "up"
            raise Elsewhere(
                f"{sentence(said)}{', and its hosts are reached only through that SkyPilot' * hidden}.",
                remedy="" if hidden else f"It is brought up through the SkyPilot of {whose(self.told, self._me)}.",
            )
        return self._head

    def _both(self, error: RhError) -> RhError:
        """What its SkyPilot says of it, and what is seen from here, in one sentence."""
        both = copy.copy(error)
        said = seen_words(self._address, self.told, self._me, time.time())
        if error.code == "log-in-refused":
            both.sentence = f"{sentence(said)}, and its head does not let you in: {error.sentence}"
            both.remedy = (
                f"Ask {self.told.by or 'them'} to add your public key to ~/.ssh/authorized_keys there, "
                f"or name another key of yours: rhdesk reach '{self._address}' --key FILE"
            )
        else:
            both.sentence = f"{sentence(said)}, and its head is not reached from here: {error.sentence}"
        both.args = (both.sentence,)
        return both
