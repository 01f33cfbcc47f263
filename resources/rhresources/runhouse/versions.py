"""One config for both versions of the client: what the other one needs to load it is added where it is not said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def completed(config: Mapping[str, Any], reader: str) -> dict[str, Any]:
    """`config`, as a client of either version saved it, so that the other one loads it too.

    Both leave alone what they do not know. Nothing that was saved is changed.

    Args:
        config: as a server keeps it, most of it under `data`.
        reader: the user for whom it is.
    """
    inside = config.get("data")
    if not isinstance(inside, Mapping):
        return dict(config)
    kind, added = config.get("resource_type"), dict[str, Any]()
    if kind == "function":
        added = {"system": None, "reqs": [], "setup_cmds": []}  # 0.0.5 looks at them without asking
    elif kind == "cluster" and inside.get("ips"):
        log_in = next((inside[name] for name in ("ssh_creds", "ssh_properties") if inside.get(name)), None)
        # of a secret of somebody else 0.0.42 takes no notice, and would look into ssh_creds for one
        is_theirs = isinstance(inside.get("creds"), str) and not inside["creds"].startswith(f"/{reader}/")
        if isinstance(log_in, Mapping) and not is_theirs:
            added = log_ins(log_in, str(config.get("name", "")), reader)
    return {**config, "data": {**added, **inside}}


def log_ins(said: Mapping[str, Any], address: str, reader: str = "") -> dict[str, Any]:
    """How one logs in to hosts, as both versions read it.

    0.0.5 reads `ssh_creds`; 0.0.42 `ssh_properties`, and before both of them `creds`, which has to be a secret. This
    one is empty, so that each user's own keys are used, and in the folder of whoever may save it again.
    """
    folder, _, last = address.rpartition("/")
    name = f"{f'/{reader}' if reader else folder}/{last}-ssh-secret"
    empty = {"name": name, "resource_type": "secret", "resource_subtype": "Secret", "values": {}}
    return {"ssh_creds": dict(said), "ssh_properties": dict(said), "creds": empty}
