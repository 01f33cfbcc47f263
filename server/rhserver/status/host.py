"""Load of this host: processors, memory, disk by psutil; GPUs by nvidia-smi where there is one."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import time
from pathlib import Path

import psutil

from rhresources.wire import cluster_pb2 as pb

GPU_INTERVAL = 2.0
GPU_TIMEOUT = 5.0
_QUERY = "--query-gpu=name,utilization.gpu,memory.used,memory.total"


class HostMeter:
    """Measures the host it runs on. One meter serves all who ask."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._program = shutil.which("nvidia-smi")
        self._gpus: list[pb.Gpu] = []
        self._gpus_at = 0.0
        self._gpu_lock = asyncio.Lock()
        self._cpu_at, self._cpu = 0.0, 0.0
        psutil.cpu_percent(None)

    async def measure(self) -> pb.Host:
        """The host now; processor load since the measurement before."""
        await self._measure_gpus()
        now = time.monotonic()
        if now - self._cpu_at > 0.5:  # several watchers must not shorten each other's window
            self._cpu_at, self._cpu = now, psutil.cpu_percent(None)
        memory, disk = psutil.virtual_memory(), shutil.disk_usage(self._directory)
        return pb.Host(
            name=socket.gethostname(), address="127.0.0.1", head=True, alive=True, cpu_percent=self._cpu,
            cpus=os.cpu_count() or 1, memory_used=memory.total - memory.available, memory_total=memory.total,
            disk_used=disk.used, disk_total=disk.total, gpus=self._gpus, uptime=time.time() - psutil.boot_time(),
            load=os.getloadavg()[0],
        )  # fmt: skip

    async def _measure_gpus(self) -> None:
        async with self._gpu_lock:
            if self._program is None or time.monotonic() - self._gpus_at < GPU_INTERVAL:
                return
            self._gpus_at = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                self._program, _QUERY, "--format=csv,noheader,nounits",
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            try:
                output, _ = await asyncio.wait_for(process.communicate(), GPU_TIMEOUT)
            except TimeoutError:
                process.kill()
                return
            self._gpus = parse_gpus(output.decode(errors="replace"))


def parse_gpus(text: str) -> list[pb.Gpu]:
    """Lines of nvidia-smi, `name, percent, MiB used, MiB in all`; a figure it does not know counts as 0."""
    gpus = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.rsplit(",", 3)]
        if len(parts) == 4 and parts[0]:
            load, used, total = (float(part) if part.replace(".", "", 1).isdigit() else 0.0 for part in parts[1:])
            gpus.append(
                pb.Gpu(name=parts[0], load_percent=load, memory_used=int(used) << 20, memory_total=int(total) << 20)
            )
    return gpus
