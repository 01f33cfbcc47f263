"""Which hosts of a cluster a launch has made, and which it found there; part of SkyPilot's API server, in its Python.

SkyPilot takes over instances that bear the name of a cluster which it does not know. Only what it has made itself is
new, so only of that may a host key be taken that nobody has seen before.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from typing import Any


def write_down(folder: str) -> None:
    """Have every launch in this process write down what it has made: `FOLDER/made/CLUSTER.json`, addresses."""
    from sky.provision import provisioner

    set_up = provisioner.post_provision_runtime_setup
    if hasattr(set_up, "rhdesk"):
        return

    @functools.wraps(set_up)
    def set_up_and_write(launched: Any, cluster_name: Any, *args: Any, **said: Any) -> Any:
        info = set_up(launched, cluster_name, *args, **said)
        try:
            record = said["provision_record"]
            _write(os.path.join(folder, "made"), cluster_name.display_name, _addresses(info, record))
        except Exception as error:  # a launch does not fail for this
            print(f"rhdesk: what was made is not known: {error!r}", file=sys.stderr, flush=True)
        return info

    set_up_and_write.rhdesk = True  # type: ignore[attr-defined]
    provisioner.post_provision_runtime_setup = set_up_and_write


def _addresses(info: Any, record: Any) -> list[str]:
    made = set(record.created_instance_ids)
    return [host.internal_ip for id, hosts in info.instances.items() if id in made for host in hosts]


def _write(folder: str, name: str, addresses: list[str]) -> None:
    os.makedirs(folder, mode=0o700, exist_ok=True)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}")
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(addresses, file)
    os.replace(temporary, os.path.join(folder, f"{name}.json"))
