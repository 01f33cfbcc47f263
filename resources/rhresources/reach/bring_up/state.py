"""What is on a host: a server, its Ray, installations of rhdesk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from rhresources.reach.bring_up.host import Answer, Host


@dataclass(frozen=True, slots=True)
class Install:
    """One installation, complete.

    Attributes:
        version: of rhdesk, "0.1.0+5f2c…".
        python, ray: versions.
        interpreter: what its environment was made with.
    """

    version: str
    python: str
    ray: str
    interpreter: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What the host said.

    Attributes:
        server: what server.json says, if it is there and whole: "socket", "token", "version", "protocol", ….
        server_lives: the process that wrote it lives.
        ray, ray_lives: the same of ray.json.
        node, node_lives: the same of node.json, on the other hosts of a cluster.
        node_words: the command line of that process.
        installs: by version.
    """

    server: dict[str, Any] | None
    server_lives: bool
    ray: dict[str, Any] | None
    ray_lives: bool
    node: dict[str, Any] | None
    node_lives: bool
    node_words: str
    installs: dict[str, Install]

    @property
    def server_version(self) -> str:
        """Of the server that is or was there."""
        return str((self.server or {}).get("version", ""))


async def read_state(host: Host) -> State:
    """Ask a host; one round trip.

    Raises:
        RhError: it runs no commands.
    """
    return state_of(await host.run("state"))


async def servers_of_others(host: Host) -> str:
    """A sentence where other accounts of a host have cluster servers of their own there; else empty.

    They do not share anything: each counts all processors and GPUs as its own.
    """
    others = list(dict.fromkeys((await host.run("others")).all("other")))
    if not others:
        return ""
    who, has = " and ".join(others), "has a cluster server" if len(others) == 1 else "have cluster servers"
    return f"{who} {has} of their own on {host.name}"


SHARING = "To share one, name its account in the document (ssh_user under ssh_creds); each brings a key of their own."


def state_of(answer: Answer) -> State:
    """What the script said."""
    installs = {}
    for line in answer.all("install"):
        if (install := install_of(line)) is not None:
            installs[install.version] = install
    server = _record(answer.one("server"), "socket", "token")
    return State(
        server=server,
        server_lives=server is not None and bool(answer.one("server-lives")),
        ray=_record(answer.one("ray"), "pid"),
        ray_lives=bool(answer.one("ray-lives")),
        node=_record(answer.one("node"), "state"),
        node_lives=bool(answer.one("node-lives")),
        node_words=answer.one("node-lives"),
        installs=installs,
    )


def install_of(line: str) -> Install | None:
    """An installation from what its file says; None if that is not whole."""
    record = _record(line, "version", "python", "ray")
    if record is None:
        return None
    return Install(record["version"], record["python"], record["ray"], str(record.get("interpreter", "")))


def _record(text: str, *fields: str) -> dict[str, Any] | None:
    try:
        record = json.loads(text)
    except ValueError:
        return None
    return record if isinstance(record, dict) and all(field in record for field in fields) else None
