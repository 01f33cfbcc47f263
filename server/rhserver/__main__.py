"""`python -m rhserver --home DIR`: runs the cluster server of this host in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import logging
import os
import sys
from pathlib import Path

from rhresources import paths
from rhresources.errors import RhError
from rhserver.limits import Limits


def main() -> int:
    """Serve until stopped; 0 after an orderly end, 1 with one sentence on standard error where it cannot start."""
    parser = argparse.ArgumentParser(prog="rhserver", description="The rhdesk cluster server of this host.")
    parser.add_argument("--home", type=Path, default=paths.server_home(), help="where it keeps its state")
    parser.add_argument("--verbose", action="store_true")
    for field in dataclasses.fields(Limits):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=int, default=field.default, metavar="N")
    arguments = parser.parse_args()
    os.umask(0o077)
    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr,
    )  # fmt: skip
    logging.getLogger("grpc").setLevel(logging.WARNING)
    limits = Limits(**{field.name: getattr(arguments, field.name) for field in dataclasses.fields(Limits)})
    import rhresources.wire.polling  # noqa: F401  # must be what imports gRPC
    from rhserver.app import Server

    async def run() -> None:
        await Server(arguments.home.expanduser().absolute(), limits).serve()

    try:
        if sys.platform == "win32":
            asyncio.run(run())
        else:
            import uvloop

            uvloop.run(run())
    except RhError as error:
        print(f"rhserver: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    # Ray and grpc have threads that an interpreter's shutdown may wait for
    code = main()
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)
