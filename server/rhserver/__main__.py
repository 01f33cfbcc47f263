"""`python -m rhserver --home DIR`: runs the cluster server of this host in the foreground.

With `--join HEAD --address A --given NAME`: makes this host a part of the cluster whose Ray is at HEAD.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import ipaddress
import logging
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from rhresources import paths
from rhresources.errors import RhError
from rhserver.disk import be_private
from rhserver.engine.ray_processes import LOOPBACK
from rhserver.limits import Limits


def main() -> int:
    """Serve until stopped; 0 after an orderly end, 1 with one sentence on standard error where it cannot start."""
    parser = argparse.ArgumentParser(prog="rhserver", description="The rhdesk cluster server of this host.")
    parser.add_argument("--home", type=Path, default=paths.server_home(), help="where it keeps its state")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--address", type=_address, help="of this host in the cluster's network")
    parser.add_argument("--hosts", default="", help="all hosts of the cluster, this one first, with commas between")
    parser.add_argument("--join", default="", metavar="HOST:PORT", help="be part of the cluster whose Ray is there")
    parser.add_argument("--given", default="", metavar="NAME", help="with --join: what the cluster calls this host")
    for field in dataclasses.fields(Limits):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=int, default=field.default, metavar="N")
    arguments = parser.parse_args()
    be_private()
    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr,
    )  # fmt: skip
    logging.getLogger("grpc").setLevel(logging.WARNING)
    limits = Limits(**{field.name: getattr(arguments, field.name) for field in dataclasses.fields(Limits)})
    if arguments.join and not arguments.address:
        parser.error("--join needs --address")
    home = arguments.home.expanduser().absolute()

    def serve() -> Coroutine[Any, Any, int]:
        if arguments.join:
            return _be_node(home, arguments.join, arguments.address, arguments.given or arguments.address, limits)
        import rhresources.wire.polling  # noqa: F401  # must be what imports gRPC

        return _be_server(home, limits, arguments.address or LOOPBACK, arguments.hosts)

    try:
        if sys.platform == "win32":
            return asyncio.run(serve())
        import uvloop

        return uvloop.run(serve())
    except RhError as error:
        print(f"rhserver: {error}", file=sys.stderr)
        return 1


def _address(text: str) -> str:
    """An IP address, as Ray wants it."""
    return str(ipaddress.ip_address(text))


async def _be_server(home: Path, limits: Limits, address: str, hosts: str) -> int:
    from rhserver.app import Server

    given = [name.strip() for name in hosts.split(",") if name.strip()]
    await Server(home, limits, address=address, hosts=given).serve()
    leave(0)  # from here: the end of the loop would wait for a thread that joins Ray still
    return 0


async def _be_node(home: Path, head: str, address: str, given: str, limits: Limits) -> int:
    from rhserver.hosts.node import Node

    return await Node(home, head, address, given, limits).serve()


def leave(code: int) -> None:
    """End the process without waiting for threads of Ray and gRPC."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())
