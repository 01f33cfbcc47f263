"""Addresses of a cluster's hosts, out of SkyPilot's pickled "handle"; a program of its own, so that no pickle
reaches rhdesk.

`python -I rhdesk_handles.py`: the handle (base64) comes on stdin, JSON goes to stdout. Nothing of the pickle is run:
every class and function that it names becomes an empty shell that only takes what it is given, so a hostile one
builds shells.
"""

from __future__ import annotations

import base64
import io
import json
import pickle
import sys
from typing import Any


class Shell:
    """Stands for any class of the pickle."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) == 2:
            for part in state:
                self.__dict__.update(part or {})
        elif isinstance(state, dict):
            self.__dict__.update(state)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.__dict__[str(key)] = value

    def append(self, value: Any) -> None:
        pass

    def extend(self, values: Any) -> None:
        pass

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


class ShellUnpickler(pickle.Unpickler):
    """Finds shells, whatever is looked for."""

    def find_class(self, module: str, name: str) -> Any:
        return type(name, (Shell,), {"__module__": module})

    def persistent_load(self, pid: Any) -> Any:
        return None


def hosts_of(handle: Any) -> dict[str, Any]:
    """What is wanted of a handle."""
    pairs = handle.__dict__.get("stable_internal_external_ips") or []
    info = handle.__dict__.get("cached_cluster_info")
    info = info.__dict__ if isinstance(info, Shell) else {}
    return {
        "pairs": [[str(inner), str(outer)] for inner, outer in pairs],
        "ports": [int(port) for port in handle.__dict__.get("stable_ssh_ports") or []],
        "user": str(handle.__dict__.get("_ssh_user") or info.get("ssh_user") or ""),
        "docker_user": str(handle.__dict__.get("docker_user") or info.get("docker_user") or ""),
        "name": str(handle.__dict__.get("cluster_name_on_cloud") or ""),
        "hosts": int(handle.__dict__.get("launched_nodes") or 0),
    }


def main() -> None:
    """From stdin to stdout."""
    handle = ShellUnpickler(io.BytesIO(base64.b64decode(sys.stdin.read()))).load()
    json.dump(hosts_of(handle), sys.stdout)


if __name__ == "__main__":
    main()
