"""`python -m rhserver --home DIR`: runs the cluster server of this host in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from rhresources import paths
from rhresources.errors import RhError


def main() -> int:
    """Serve until stopped; 0 after an orderly end, 1 with one sentence on standard error where it cannot start."""
    parser = argparse.ArgumentParser(prog="rhserver", description="The rhdesk cluster server of this host.")
    parser.add_argument("--home", type=Path, default=paths.server_home(), help="where it keeps its state")
    parser.add_argument("--verbose", action="store_true")
    for option in ("workers", "worker-idle-seconds", "runs", "run-days", "run-bytes", "environment-days"):
        parser.add_argument(f"--{option}", type=float, default=None)
    arguments = parser.parse_args()
    os.umask(0o077)
    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr,
    )  # fmt: skip
    logging.getLogger("grpc").setLevel(logging.WARNING)
    from rhserver.app import Limits, Server

    given = {
        name: kind(getattr(arguments, name))
        for name, kind in (
            ("workers", int), ("worker_idle_seconds", float), ("runs", int), ("run_days", float),
            ("run_bytes", int), ("environment_days", float),
        )
        if getattr(arguments, name) is not None
    }  # fmt: skip

    async def run() -> None:
        await Server(arguments.home.expanduser().absolute(), Limits(**given)).serve()

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
