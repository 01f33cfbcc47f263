"""Starts registries quickly: loads all that a server needs once, and makes each server of a copy of itself.

Run as a program. Each line on its standard input is a JSON object: `arguments` of `rhdesk registry`, the `environment`
to add, and the files `output` and `log`; it answers each with the process id. What runs in the copies is the real
program, from its command line on.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any


def main() -> None:
    """Serve until standard input ends."""
    import rhserver.registry.app
    import rhserver.registry.commands
    import rhserver.registry.serving
    import rhserver.registry.upgrading  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them here
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            _be_registry(asked)
        print(child, flush=True)


def _be_registry(asked: dict[str, Any]) -> None:
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.update(asked["environment"])
        for number, path in ((0, os.devnull), (1, asked["output"]), (2, asked["log"])):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(descriptor, number)
            os.close(descriptor)
        from rhserver.registry.commands import run

        code = run(asked["arguments"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
