"""How the hosts are: processors, memory, disk, GPUs."""

from rhserver.status.hosts import read_host

__all__ = ["read_host"]
