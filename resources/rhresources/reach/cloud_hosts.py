"""The hosts of a cluster on demand as hosts over SSH: their names, where each is, the document that a route needs."""

from __future__ import annotations

import re
from pathlib import Path

from rhresources.cloud.answers import CloudHosts
from rhresources.documents import ClusterDocument
from rhresources.reach.ssh.known_hosts import known_name
from rhresources.reach.ssh.target import SshTarget

_OF_CLOUDS = {
    "type", "ips", "ssh_creds", "instance_type", "num_instances", "provider", "autostop_mins", "autostop_down",
    "use_spot", "image_id", "region", "disk_size", "labels",
}  # fmt: skip
"""Fields that say nothing of hosts which are there already."""


def host_names(cluster: str, hosts: CloudHosts) -> list[str]:
    """What the hosts are called, the head first; as SkyPilot calls them, and the same after a stop and a start."""
    return [cluster, *(f"{cluster}-worker{number}" for number in range(1, len(hosts.addresses)))]


def ssh_document(document: ClusterDocument, cluster: str, hosts: CloudHosts) -> ClusterDocument:
    """The cluster as one of type ssh, for a route."""
    said = document.model_dump(exclude=_OF_CLOUDS, exclude_none=True)
    return ClusterDocument.model_validate({**said, "type": "ssh", "ips": host_names(cluster, hosts)})


class CloudTargets:
    """Where each host is. ~/.ssh/config has no say: it knows nothing of machines that come and go.

    Args:
        cluster: SkyPilot's name of it.
        hosts: how they are reached.
        known_hosts: the file of their keys.
    """

    def __init__(self, cluster: str, hosts: CloudHosts, known_hosts: Path) -> None:
        self._names = host_names(cluster, hosts)
        self._hosts = hosts
        self._known_hosts = known_hosts

    async def __call__(self, document: ClusterDocument, host: str) -> SshTarget:
        """Where this host is."""
        return self._target(self._names.index(host))

    def known_names(self) -> list[str]:
        """The hosts as known_hosts calls them."""
        targets = map(self._target, range(len(self._names)))
        return [known_name(t.host_key_alias or t.host, 22 if t.host_key_alias else t.port) for t in targets]

    def _target(self, index: int) -> SshTarget:
        hosts, name = self._hosts, self._names[index]
        address, port = hosts.addresses[index], hosts.ports[index]
        proxy = hosts.proxy_commands[index] if hosts.proxy_commands else ""
        filled = {"%": "%", "h": address, "p": str(port), "r": hosts.user, "n": name}
        return SshTarget(
            name=name,
            host=address,
            port=port,
            user=hosts.user,
            key_files=(hosts.private_key,),
            key_required=True,
            use_agent=False,
            identities_only=True,
            known_hosts=(str(self._known_hosts),),
            # behind a proxy an address may mean different hosts
            host_key_alias=name if proxy else "",
            log_in="key",
            inner=hosts.inner[index] if hosts.inner else "",
            environment=hosts.environment,
            proxy_command=re.sub(r"%(.)", lambda found: filled.get(found[1], found[0]), proxy),
        )
