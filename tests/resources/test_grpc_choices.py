"""What gRPC is told before it is imported: a process that serves can start programs without its fork handlers."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import asyncio, os, sys
from rhresources.wire.polling import grpc
import uvloop

async def main():
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    await channel.channel_ready()
    calling = channel.unary_unary("/none/none")(b"")
    for _ in range(20):
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import os; print(sorted(os.environ))",
                                                       stdout=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
    print(said.decode())
    print(await calling.code())
    await channel.close()
    await server.stop(None)

uvloop.run(main())
"""


def test_that_starting_programs_leaves_grpc_alone() -> None:
    environment = {**os.environ, "GRPC_VERBOSITY": "debug", "GRPC_TRACE": "fork"}
    environment.pop("GRPC_ENABLE_FORK_SUPPORT", None)
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    assert "fork_posix" not in done.stderr
    assert "GRPC_ENABLE_FORK_SUPPORT" not in done.stdout  # what it starts makes its own choice
