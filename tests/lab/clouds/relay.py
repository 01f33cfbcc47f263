"""Starts a server inside a lab's network in place of here, and hands on what comes to its port here.

`relay.py PID COMMAND… --port=N …`: the command runs in the network of process PID; where it is given a port to listen
at, that port of this network's loopback leads to the same one of the lab's. Without a port it only runs there. The
process id stays that of the command, so that whoever started it ends it.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import signal
import socket
import sys

_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_LOOPBACK = "127.0.0.1"


def _port_of(words: list[str]) -> int | None:
    found = re.search(r"--port[= ](\d+)", " ".join(words))
    return int(found[1]) if found else None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except (OSError, RuntimeError):
        writer.close()


async def _relay(listener: socket.socket, port: int) -> None:
    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(_LOOPBACK, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, back), _pump(there, writer))
        for each in (writer, back):
            each.close()

    while True:  # until the server listens there, nobody does here
        try:
            _, writer = await asyncio.open_connection(_LOOPBACK, port)
            writer.close()
            break
        except OSError:
            await asyncio.sleep(0.05)
    server = await asyncio.start_server(hand_on, sock=listener)
    await server.serve_forever()


def _serve(listener: socket.socket, port: int, lab: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # the socket stays one of the network it was made in; every new one is the lab's
    with open(f"/proc/{lab}/ns/net") as network:
        if libc.setns(network.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    asyncio.run(_relay(listener, port))


def main() -> None:
    lab, command = sys.argv[1], sys.argv[2:]
    port = _port_of(command)
    if port is not None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_LOOPBACK, port))
        if os.fork() == 0:
            _serve(listener, port, lab)
        listener.close()
    os.execvp("nsenter", ["nsenter", "-t", lab, "-n", *command])


if __name__ == "__main__":
    main()
