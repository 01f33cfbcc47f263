"""The other hosts of a cluster: which address each has in the cluster's network, and how it joins the head's Ray."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rhresources.errors import RhError
from rhresources.reach.bring_up.host import SERVER_ROOM, Host
from rhresources.reach.bring_up.start import start_node, stop
from rhresources.reach.bring_up.state import State


@dataclass(frozen=True, slots=True)
class Engine:
    """The Ray of the head: where it is, and the token that it asks for."""

    address: str
    token: str

    def __repr__(self) -> str:
        return f"Engine({self.address!r})"


def room_of(head: str, given: str) -> str:
    """The folder for a host's part in a cluster, inside the rhdesk directory there.

    Not the server's own: the host may be the head of another cluster, and homes may be shared over the network.
    """
    if given == head:
        return SERVER_ROOM
    return "nodes/" + "/".join(re.sub(r"[^\w.-]", "_", name) for name in (head, given))


async def address_of(host: Host) -> str:
    """A host's address in the cluster's network: the document's, if it is its own, else the one it was reached at.

    Raises:
        RhError: it has none that other hosts can reach.
    """
    answer = await host.run("address", {"given": host.name})
    own = set(answer.all("own"))
    at = host.connection.host_address
    for candidate in (host.connection.target.inner, host.name, *answer.all("named"), at):
        if candidate in own and _reachable(candidate):
            return candidate
    if at and _reachable(at):
        return at
    found = next((each for each in sorted(own, key=lambda each: ":" in each) if _reachable(each)), "")
    if found and not own.intersection({at}):
        return found
    raise RhError(
        f"{host.name} is reached at {at or 'an unknown address'}, where the other hosts cannot reach it.",
        remedy="Name the hosts by their addresses in the network that they share.",
        detail=f"own addresses: {' '.join(sorted(own))}",
    )


async def read_engine(head: Host) -> Engine:
    """Where the Ray of the head is, once it is up.

    Raises:
        RhError: it does not say.
    """
    answer = await head.run("token")
    try:
        address = str(json.loads(answer.one("ray"))["address"])
    except (ValueError, KeyError, TypeError):
        address = ""
    if not address or not answer.one("token"):
        raise RhError(
            f"The Ray of {head.name} does not say where it is.", remedy="Take the cluster down and bring it up again."
        )
    if not _reachable(address.rpartition(":")[0].strip("[]")):
        raise RhError(
            f"The cluster was started on {head.name} alone, so no other host can join it.",
            remedy="Take it down and bring it up again.",
        )
    return Engine(address, answer.one("token"))


def is_joined(state: State, engine: Engine) -> bool:
    """Whether a host's part in the cluster runs, and belongs to this Ray."""
    return (
        state.node_lives
        and (state.node or {}).get("state") == "joined"
        and f"--join {engine.address} " in f"{state.node_words} "
    )


async def join(host: Host, version: str, engine: Engine, limits: Sequence[str]) -> dict[str, Any]:
    """Start a host's part in the cluster, in place of one that may still run there.

    Raises:
        RhError: it cannot join, in its own words.
    """
    with host.step("join", "Joined the cluster"):
        await stop(host, "node.json")
        address = await address_of(host)
        options = ["--join", engine.address, "--address", address, "--given", host.name, *limits]
        node = await start_node(host, version, options, engine.token)
    if node.get("state") != "joined":
        raise RhError(
            f"{host.name} could not join the cluster: {node.get('sentence') or 'it does not say why.'}",
            remedy=f"Check that {host.name} can reach {engine.address} on the head, then repair the host.",
            detail=str(node.get("detail", "")),
        )
    return node


def _reachable(address: str) -> bool:
    """Whether it is an address that another host could use."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return not (parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified)
