"""The host this process runs on, as a message."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path

import psutil

from rhresources.wire import cluster_pb2 as pb
from rhserver.status.gpus import Gpus


def read_host(gpus: Gpus, disk_of: Path, address: str = "127.0.0.1", *, head: bool = True) -> pb.Host:
    """Processors since the last call, memory, the disk that holds `disk_of`, GPUs. May wait for nvidia-smi.

    `address`: of this host in the cluster's network; `head`: whether it is the cluster's head.
    """
    memory = psutil.virtual_memory()
    host = pb.Host(
        name=socket.gethostname(),
        address=address,
        head=head,
        alive=True,
        cpu_percent=psutil.cpu_percent(interval=None),
        cpus=psutil.cpu_count() or 1,
        memory_used=memory.total - memory.available,
        memory_total=memory.total,
        gpus=gpus.read(),
        uptime=max(0.0, time.time() - psutil.boot_time()),
        seen=time.time(),
    )
    with contextlib.suppress(OSError):
        disk = psutil.disk_usage(str(disk_of))
        host.disk_used, host.disk_total = disk.used, disk.total
    with contextlib.suppress(OSError):
        host.load = psutil.getloadavg()[0]
    return host
