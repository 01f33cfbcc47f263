"""Host keys of machines that were made for us minutes ago: the first key is taken and said, a later change refused.

Nobody can compare such a key with anything, since nobody has seen the machine before. Each cluster has a file of its
own, which is forgotten when the cluster ends, because others may get the addresses then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rhresources.cloud.answers import CloudHosts
from rhresources.cloud.kept import ALL_NEW
from rhresources.reach import Progress
from rhresources.reach.questions import Asker, HostKeyQuestion, NeedsAnswer, SecretAnswer, SecretQuestion
from rhresources.reach.ssh.known_hosts import known_name
from rhresources.stores.files import write_text


class LaunchedHosts:
    """Says yes to keys of hosts that this computer launched, and passes every other question on.

    Args:
        names: of those hosts, as they are looked up in known_hosts.
        progress: hears of each key that is taken.
        asker: who is asked about all else; None: nobody.
    """

    def __init__(self, names: Iterable[str], progress: Progress, asker: Asker | None) -> None:
        self._names = frozenset(names)
        self._progress = progress
        self._asker = asker

    async def confirm_host_key(self, question: HostKeyQuestion) -> bool:
        """Whether it is the host's key."""
        if known_name(question.host, question.port) in self._names:
            self._progress(
                f"{question.host} is new and shows the key {question.key_type} {question.fingerprint}; remembered"
            )
            return True
        if self._asker is None:
            raise NeedsAnswer(
                f"The host key of {question.host} is not known here: {question.key_type} {question.fingerprint}.",
                remedy="Connect in the window or on a terminal, compare the key and accept it.",
            )
        return await self._asker.confirm_host_key(question)

    async def ask_secret(self, question: SecretQuestion) -> SecretAnswer | None:
        """What the person typed; None: they would rather not."""
        return await self._asker.ask_secret(question) if self._asker is not None else None


def new_names(names: Sequence[str], hosts: CloudHosts, new: tuple[str, ...]) -> list[str]:
    """Those of the hosts' names in known_hosts that are of new machines, by their addresses among themselves."""
    if new == ALL_NEW:
        return list(names)
    return [name for name, inner in zip(names, hosts.inner, strict=False) if inner in new]


def follow(file: Path, names: Iterable[str]) -> None:
    """Let every key of the file count for all of these hosts. Blocks.

    Machines that were stopped and started keep their keys and change their addresses, and SkyPilot may list them in
    another order.

    Raises:
        OSError: the file cannot be written.
    """
    try:
        lines = [line.split() for line in file.read_text(errors="replace").splitlines()]
    except FileNotFoundError:
        return
    keys = dict.fromkeys((line[1], line[2]) for line in lines if len(line) >= 3)
    hosts = ",".join(dict.fromkeys(names))
    if keys and hosts:
        write_text(file, "".join(f"{hosts} {kind} {key}\n" for kind, key in keys), private=True)
