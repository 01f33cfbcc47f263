"""The hosts of a cluster over SSH, one by one: where each is, the system's `ssh` to it, every step to it tested."""

from __future__ import annotations

from rhresources.credentials import Credentials
from rhresources.documents import ClusterDocument
from rhresources.reach.checking import check_hosts
from rhresources.reach.questions import Asker
from rhresources.reach.ssh.command import ssh_command, ssh_command_to
from rhresources.reach.ssh.target import FindTarget, SshTarget, target_of
from rhresources.reach.steps import OnStep, Step


class SshHosts:
    """What can be said of hosts and done to them without their cluster server.

    Args:
        document: the cluster.
        credentials: where passphrases and passwords are kept.
        find: where each host is.
    """

    def __init__(self, document: ClusterDocument, credentials: Credentials, find: FindTarget = target_of) -> None:
        self._document = document
        self._credentials = credentials
        self._find = find

    @property
    def head(self) -> str:
        """The head host, as the document names it."""
        return self._document.ips[0]

    async def hosts(self) -> list[str]:
        """The hosts as the document names them, the head first."""
        return self._document.ips

    async def target(self, host: str | None = None) -> SshTarget:
        """Where a host is; default: the head.

        Raises:
            SshProblem: ~/.ssh/config cannot be understood.
        """
        return await self._find(self._document, host or self.head)

    async def ssh_command(self, host: str | None = None) -> list[str]:
        """The system's `ssh` to a host (default: the head), with the options of our own connection.

        Raises:
            SshProblem: ~/.ssh/config cannot be understood.
        """
        if self._find is target_of:
            return await ssh_command(self._document, host)
        return ssh_command_to(await self.target(host))

    async def check(self, asker: Asker | None, on_step: OnStep) -> list[Step]:
        """Go every step to every host, without changing anything there; the steps as they ended."""
        return await check_hosts(self._document, self._credentials, asker, on_step, find=self._find)
