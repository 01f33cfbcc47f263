"""Asks which key logs in to a cluster whose document names one that is not on this computer."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from rhresources.documents import ClusterDocument
from rhresources.errors import RhError
from rhresources.reach.own_way import OwnWays, missing_key
from rhresources.reach.pace import PacedRoute
from rhresources.reach.questions import Asker, NeedsAnswer, SecretQuestion
from rhresources.reach.ssh.problems import SshProblem
from rhresources.reach.ssh.secrets import one_at_a_time

_TRIES = 3
_REFUSED = frozenset({"log-in-refused", "key-missing"})
_GIVE = "Give the path of a key of yours whose public half is in ~/.ssh/authorized_keys there."


async def have_key(own_ways: OwnWays, address: str, document: ClusterDocument, asker: Asker | None) -> bool:
    """See that the key of a cluster is on this computer; whether that changed how the cluster is reached.

    Args:
        own_ways: where the answer is kept.
        address: of the cluster.
        document: as this computer goes by it.
        asker: asks the person; None: nobody can be asked.

    Raises:
        SshProblem: it is not here, and nobody can be asked.
        NeedsAnswer: the person would rather not say.
    """
    missing = await asyncio.to_thread(missing_key, document)
    if not missing:
        return False
    if asker is None:
        raise _foreign_key(address, missing)
    async with one_at_a_time("key", address):
        document = await asyncio.to_thread(own_ways.applied, address, document)
        again = False
        for _ in range(_TRIES):
            if not await asyncio.to_thread(missing_key, document):
                return True  # somebody else was asked meanwhile
            answer = await asker.ask_secret(_question(address, missing, again))
            if answer is None:
                break
            path = answer.text.strip()
            if path and not await asyncio.to_thread(Path(path).expanduser().is_file):
                again = True
                continue
            await asyncio.to_thread(own_ways.change, address, {"ssh_private_key": path or None})
            return True
    raise NeedsAnswer(
        f"Which key logs in to {address} was not said.",
        remedy=f"Connect again, or: rhdesk reach '{address}' --key FILE",
    )


async def let_in(route: PacedRoute, own_ways: OwnWays, address: str, asker: Asker) -> bool:
    """See that the head of a cluster that somebody else's SkyPilot runs lets us in; where it does not, ask for a key
    that it may take. Whether that changed how the cluster is reached.

    Raises:
        NeedsAnswer: the person would rather not say.
    """
    try:
        await route.connection(True)
        return False
    except RhError as error:
        if error.code not in _REFUSED:
            return False  # whoever goes there says so
        refused = error
    answer = None
    with suppress(NeedsAnswer):  # where nobody is there to say, what is to be done is what the refusal says
        answer = await asker.ask_secret(
            SecretQuestion(
                "key", address, f"Your private key for {address}", instruction=f"{refused.sentence} {_GIVE}", echo=True
            )
        )
    path = answer.text.strip() if answer is not None else ""
    if not path:
        raise NeedsAnswer(refused.sentence, remedy=refused.remedy, detail=refused.detail)
    await asyncio.to_thread(own_ways.change, address, {"ssh_private_key": path})
    return True


def _question(address: str, missing: str, again: bool) -> SecretQuestion:
    return SecretQuestion(
        "key",
        address,
        f"Your private key for {address}",
        instruction=f"The document of {address} names the key {missing}, which is not on this computer. "
        "Give the path of a key of yours, or nothing for what ~/.ssh/config and the SSH agent offer.",
        echo=True,
        again=again,
    )


def _foreign_key(address: str, missing: str) -> SshProblem:
    return SshProblem(
        f"The document of {address} names the key {missing}, which is not on this computer.",
        code="key-missing",
        step="log in",
        remedy=f"Connect and name a key of yours, or: rhdesk reach '{address}' --key ~/.ssh/id_ed25519",
    )
