"""The way for ssh to hosts that only SkyPilot's API server reaches: in Kubernetes, and inside a job of Slurm.

A ProxyCommand: `python -I rhdesk_proxy.py KEEPER_SOCKET CLUSTER ENDPOINT WORKER`. It asks the keeper for the server's
socket and the token, so the token is not in the arguments that everybody can read, and holds the server for as long as
ssh goes on.
"""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
import socket
import sys
from typing import Any


def main() -> None:
    """Be the connection that ssh reads and writes."""
    keeper, cluster, endpoint, worker = sys.argv[1:5]
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(keeper)
        said = json.loads(connection.makefile("r").readline())
    except (OSError, ValueError):
        sys.exit("rhdesk: SkyPilot's server does not run; open the cluster in rhdesk first")
    os.environ["SKYPILOT_SERVICE_ACCOUNT_TOKEN"] = said["token"]
    os.environ["SKYPILOT_DISABLE_USAGE_COLLECTION"] = "1"
    found = importlib.util.find_spec("sky")
    if found is None or not found.submodule_search_locations:
        sys.exit("rhdesk: there is no SkyPilot here")
    _connect_to(said["socket"])
    program = os.path.join(found.submodule_search_locations[0], "templates", "websocket_proxy.py")
    sys.argv = [program, "http://localhost", cluster, endpoint, worker]
    runpy.run_path(program, run_name="__main__")
    connection.close()


def _connect_to(path: str) -> None:
    """SkyPilot's program speaks through a unix socket, in place of the port that it takes from its address."""
    from websockets.asyncio import client

    connect = client.connect

    def connect_to_path(uri: str, **options: Any) -> Any:
        return connect(uri, unix=True, path=path, **options)

    client.connect = connect_to_path


if __name__ == "__main__":
    main()
