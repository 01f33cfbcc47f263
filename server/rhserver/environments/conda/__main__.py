"""conda packages without a program of conda's: py-rattler, in a process of its own so that a cancel ends it.

    python -m rhserver.environments.conda solve|install REQUEST.json

Prints the plan as `conda create --dry-run --json` does, or installs and says on standard error what it does.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import rattler

_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_SOLVE_LIMIT = timedelta(minutes=10)
_DEFAULTS = ("https://repo.anaconda.com/pkgs/main", "https://repo.anaconda.com/pkgs/r")


class Reporter:
    """Says what is being installed."""

    def __init__(self, versions: dict[str, str]) -> None:
        self._versions = versions
        self._loading: dict[int, str] = {}

    def on_transaction_start(self, total_operations: int) -> None:
        say(f"Installing {total_operations} conda packages")

    def on_populate_cache_start(self, operation: int, package_name: str) -> int:
        self._loading[operation] = package_name
        return operation

    def on_download_start(self, cache_entry: int) -> int:
        say(f"Downloading {self._loading.get(cache_entry, 'a package')}")
        return cache_entry

    def on_link_start(self, operation: int, package_name: str) -> int:
        say(f" + {package_name}={self._versions.get(package_name, '')}")
        return operation

    def on_post_link_complete(self, index: int, success: bool) -> None:
        if not success:
            say("warning: a set-up script of a package failed")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):  # steps that nobody is told of
            return lambda *arguments, **named: 0
        raise AttributeError(name)


def say(line: str) -> None:
    """One line for people."""
    print(line, file=sys.stderr, flush=True)


async def main(what: str, request: dict[str, Any]) -> None:
    """Solve, and install if that is wanted."""
    config = rattler.Config()
    if any(os.environ.get(name) for name in _AUTHORITIES) or os.path.isdir("/etc/ssl/certs"):
        config = rattler.Config.from_toml('tls-root-certs = "system"')
    client = rattler.Client.from_config(config)
    source = rattler.SourceConfig(cache_action="no-cache" if request["newest"] else "cache-or-fetch")
    gateway = rattler.Gateway(default_config=source, client=client)
    channels = [channel for name in request["channels"] for channel in (_DEFAULTS if name == "defaults" else (name,))]
    strict = request["priority"] == "strict"
    say(f"Solving with {', '.join(request['channels'])}")
    records = await rattler.solve(
        [rattler.Channel(channel) for channel in channels],
        request["specs"],
        gateway=gateway,
        virtual_packages=rattler.VirtualPackage.detect(),
        timeout=_SOLVE_LIMIT,
        channel_priority=rattler.ChannelPriority.Strict if strict else rattler.ChannelPriority.Disabled,
    )
    if what == "solve":
        rows = [{"name": record.name.normalized, "version": str(record.version)} for record in records]
        print(json.dumps({"success": True, "actions": {"LINK": rows}}))
        return
    await rattler.install(
        records,
        request["prefix"],
        client=client,
        reporter=Reporter({record.name.normalized: str(record.version) for record in records}),
        execute_link_scripts=True,  # as conda does; what is installed is trusted with more than this
    )


def run() -> int:
    """The exit code."""
    try:
        asyncio.run(main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text())))
    except Exception as error:
        say(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    code = run()
    sys.stdout.flush()
    os._exit(code)  # threads of the solver that still run would make Python's own way out abort
