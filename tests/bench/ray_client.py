"""The peer of calls from afar: an actor of a private Ray cluster, called through Ray Client.

The cluster is a throw-away: bound to the loopback interface, without authentication (Ray Client has none to offer
here), with a directory of its own, ended by the process that holds it. `ray stop` is never used: it ends every Ray of
the machine. Run as a program this is the caller: `ray_client.py PORT`.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from processes import READY, RoundProcess, free_port, round_process, running

_ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's own way of saying: this host only, 127.0.0.1
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray Client's proxy forks from a thread of gRPC; with gRPC's fork handlers the child now and then dies at once
    "GRPC_ENABLE_FORK_SUPPORT": "0",
}
_ATTEMPTS = 3


@asynccontextmanager
async def ray_client(folder: Path) -> AsyncIterator[RoundProcess]:
    """A Ray head in `folder` and a program connected to it by Ray Client; a round of N is the median call in µs."""
    port, client_port = free_port(), free_port()
    directory = folder / "ray"
    log = folder / "ray.log"
    command = (
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"),
        *("--include-dashboard=false", "--num-cpus=2", "--min-worker-port=0", "--max-worker-port=0"),
        *(f"--port={port}", f"--ray-client-server-port={client_port}", f"--temp-dir={directory}"),
        "--object-store-memory=100000000",
    )
    async with running(*command, environment=_ENVIRONMENT, log=log) as head:
        assert head.stdout is not None
        while b"Ray runtime started" not in (line := await head.stdout.readline()):
            if not line:
                raise RuntimeError(f"Ray ended with exit code {await head.wait()}: {log.read_text()[-2000:]}")
        async with AsyncExitStack() as stack:
            for attempt in range(1, _ATTEMPTS + 1):
                caller = round_process("ray_client.py", str(client_port), environment=_ENVIRONMENT)
                try:
                    connected = await stack.enter_async_context(caller)
                    break
                except RuntimeError:
                    if attempt == _ATTEMPTS:
                        raise
            yield connected


def _call(port: str) -> None:
    import ray

    class Actor:
        def nothing(self) -> None:
            return None

    ray.init(f"ray://127.0.0.1:{port}", logging_level="ERROR")
    actor = ray.remote(Actor).remote()
    for _ in range(50):
        ray.get(actor.nothing.remote())
    print(READY.decode(), flush=True)
    for line in sys.stdin:
        taken = []
        for _ in range(int(line)):
            start = time.perf_counter()
            ray.get(actor.nothing.remote())
            taken.append(time.perf_counter() - start)
        print(statistics.median(taken) * 1e6, flush=True)


if __name__ == "__main__":
    _call(sys.argv[1])
