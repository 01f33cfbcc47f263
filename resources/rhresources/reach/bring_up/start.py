"""Starting and ending rhserver on a host so that it outlives every connection."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from rhresources.reach.bring_up import problems
from rhresources.reach.bring_up.host import Host
from rhresources.reach.server_calls import START_SECONDS, STOP_SECONDS

JOIN_SECONDS = 120.0


async def start_server(host: Host, version: str, options: Sequence[str]) -> dict[str, Any]:
    """Start the cluster server of an installation, detached; what it published in server.json.

    A second client that starts it at the same time gets the same server.

    Raises:
        RhError: it cannot start, in its own words.
    """
    return await _start(host, version, options, record="server.json", log="server.log", seconds=START_SECONDS)


async def start_node(host: Host, version: str, options: Sequence[str], ray_token: str) -> dict[str, Any]:
    """Start the part of the server that joins this host to the Ray of the head; what it published in node.json.

    Raises:
        RhError: it cannot start or cannot join, in its own words.
    """
    return await _start(
        host, version, options, record="node.json", log="node.log", seconds=JOIN_SECONDS, token=ray_token,
        until="joined failed",
    )  # fmt: skip


async def stop(host: Host, record: str, *, ended: int | None = None, seconds: float = STOP_SECONDS) -> None:
    """End the process that a record names and wait until it is gone; killed after `seconds`.

    Args:
        host: where.
        record: "server.json" or "node.json".
        ended: the process, if it was told to end already; it takes its record away at once.
        seconds: how long it gets.
    """
    variables: dict[str, str | int] = {
        "record": record, "pid": ended or "", "ask": "no" if ended else "yes", "seconds": int(seconds),
    }  # fmt: skip
    await host.run("stop", variables, timeout=seconds + 30)


async def remove_old(host: Host, version: str) -> list[str]:
    """Remove installations of other versions that nothing runs from; their versions."""
    return (await host.run("tidy", {"version": version}, timeout=300)).all("removed")


async def _start(
    host: Host, version: str, options: Sequence[str], *, record: str, log: str, seconds: float, token: str = "",
    until: str = "",
) -> dict[str, Any]:  # fmt: skip
    answer = await host.run(
        "start",
        {
            "version": version, "options": shlex.join(options), "record": record, "log_name": log,
            "seconds": int(seconds), "token": token, "until": until,
        },
        timeout=seconds + 30,
    )  # fmt: skip
    if answer.problem is not None:
        raise problems.not_started(host.name, answer.problem[0], answer.output, f"{host.home}/{log}")
    published: dict[str, Any] = json.loads(answer.one("published"))
    return published
