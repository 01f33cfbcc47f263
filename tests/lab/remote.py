"""What rhdesk needs to know of the hosts in namespaces: targets of connections, documents of clusters."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rhresources.documents import ClusterDocument

if TYPE_CHECKING:
    from lab.hosts import Host
    from rhresources.reach.ssh.target import SshTarget


def target_at(host: Host, key: Path, *, user: str = "", port: int = 22) -> SshTarget:
    """The way to a host whose SSH server runs, by key."""
    from rhresources.reach.ssh.target import SshTarget

    return SshTarget(
        name=host.name,
        host=host.ip,
        port=port,
        user=user or host.user,
        key_files=(str(key),),
        use_agent=False,
        known_hosts=(str(host.network.known_hosts()),),
    )


def cluster_of(*hosts: Host, key: Path, user: str = "", **fields: Any) -> ClusterDocument:
    """The document of a cluster of these hosts, the first one its head."""
    return ClusterDocument.model_validate(
        {
            "type": "ssh",
            "ips": [host.ip for host in hosts],
            "ssh_creds": {
                "ssh_user": user or hosts[0].user,
                "ssh_private_key": str(key),
                "known_hosts": str(hosts[0].network.known_hosts()),
                "proxy_jump": "none",
            },
            **fields,
        }
    )


def warm_cache() -> dict[str, str]:
    """Variables of the sessions of a host that has no internet, and every package that rhdesk needs in its cache."""
    cache = os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv"))
    return {"UV_CACHE_DIR": cache, "UV_OFFLINE": "1"}


def start_server(host: Host, user: str = "", *options: str) -> Path:
    """Start a cluster server of this very project on the host, as `user`, without installing it; its home.

    For tests that are not about how it came there.
    """
    home = host.accounts[user or host.user].home / ".rh" / "server"
    host.run("mkdir", "-p", "-m", "700", str(home), user=user)
    with (host.folder / f"server-{user or host.user}.log").open("ab") as log:
        command = (sys.executable, "-m", "rhserver", "--home", str(home), *options)
        process = host.start(*command, user=user, output=log)
    deadline = time.monotonic() + 60
    while not (home / "server.json").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError((host.folder / f"server-{user or host.user}.log").read_text())
        time.sleep(0.05)
    return home
