"""A bad cable: copies Ethernet frames between two interfaces of its own network namespace with delay, loss and a rate.

`wire.py A B --delay-ms 25 --loss 0.01 --rate-mbit 20`: every figure holds for each direction. It says "up" and waits
for a line, by when both interfaces must be there; then it says "ready" and copies. Further lines change it: `delay 25`,
`jitter 5`, `loss 0.05`, `rate 10`, `cut`, `join`. Kernels often lack the netem queue; this needs none, and no root
inside a user namespace. Standard library only.
"""

from __future__ import annotations

import argparse
import array
import fcntl
import heapq
import random
import selectors
import socket
import struct
import sys
import time

QUEUE_SECONDS = 0.5
"""What waits longer for its turn at a limited rate is dropped, as at the end of a router's queue."""

_SIOCETHTOOL = 0x8946
_OFFLOADS = (0x17, 0x1F, 0x24, 0x2C)  # ETHTOOL_STXCSUM, _STSO, _SGSO, _SGRO
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23
_SO_RCVBUFFORCE = 33
_ETH_P_ALL = 3
_UNITS = {"delay": 1e-3, "jitter": 1e-3, "rate": 125_000.0, "loss": 1.0}


def finish_frames(interface: str) -> None:
    """Have the kernel finish frames of `interface` (checksums, segments) before anybody copies them."""
    with socket.socket() as control:
        for command in _OFFLOADS:
            value = array.array("B", struct.pack("II", command, 0))
            request = struct.pack("16sP16x", interface.encode(), value.buffer_info()[0])
            try:
                fcntl.ioctl(control, _SIOCETHTOOL, request)
            except OSError:
                pass  # an interface that cannot do it does not do it


def _open(interface: str) -> socket.socket:
    finish_frames(interface)
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    packets.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)  # else we would copy what we copied
    try:
        packets.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 32 << 20)  # only for root of the machine
    except OSError:
        packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    packets.bind((interface, _ETH_P_ALL))
    packets.setblocking(False)
    return packets


class Wire:
    """Both directions of the cable."""

    def __init__(self, ends: tuple[str, str], settings: dict[str, float], seed: int) -> None:
        self._ends = tuple(_open(end) for end in ends)
        self._settings = settings
        self._cut = False
        self._dice = random.Random(seed)
        self._free = [0.0, 0.0]  # when each direction may send again
        self._under_way: list[tuple[float, int, int, bytes]] = []
        self._count = 0

    def run(self) -> None:
        """Copy until standard input ends."""
        commands = sys.stdin.buffer.raw  # type: ignore[attr-defined]
        selector = selectors.DefaultSelector()
        for number, end in enumerate(self._ends):
            selector.register(end, selectors.EVENT_READ, number)
        selector.register(commands, selectors.EVENT_READ, None)
        print("ready", flush=True)
        while True:
            self._deliver()
            wait = max(0.0, self._under_way[0][0] - time.monotonic()) if self._under_way else None
            for key, _ in selector.select(wait):
                if key.data is not None:
                    self._take(key.data)
                elif line := commands.readline():
                    self._obey(line.decode().split())
                else:
                    return

    def _obey(self, words: list[str]) -> None:
        if words[0] in ("cut", "join"):
            self._cut = words[0] == "cut"
        else:
            self._settings[words[0]] = float(words[1]) * _UNITS[words[0]]

    def _deliver(self) -> None:
        now = time.monotonic()
        while self._under_way and self._under_way[0][0] <= now:
            _, _, origin, frame = heapq.heappop(self._under_way)
            try:
                self._ends[1 - origin].send(frame)
            except OSError:
                pass  # full or gone: a loss, as on a real cable

    def _take(self, origin: int) -> None:
        settings = self._settings
        for _ in range(256):
            try:
                frame = self._ends[origin].recv(70_000)
            except OSError:
                return  # nothing more, or the interface is gone
            if self._cut or (settings["loss"] and self._dice.random() < settings["loss"]):
                continue
            now = start = time.monotonic()
            if settings["rate"]:
                start = max(now, self._free[origin])
                if start - now > QUEUE_SECONDS:
                    continue
                self._free[origin] = start = start + len(frame) / settings["rate"]
            self._count += 1
            jitter = self._dice.random() * settings["jitter"] if settings["jitter"] else 0.0
            heapq.heappush(self._under_way, (start + settings["delay"] + jitter, self._count, origin, frame))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ends", nargs=2)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--jitter-ms", type=float, default=0.0)
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--rate-mbit", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    settings = {
        "delay": options.delay_ms * 1e-3,
        "jitter": options.jitter_ms * 1e-3,
        "loss": options.loss,
        "rate": options.rate_mbit * 125_000.0,
    }
    print("up", flush=True)
    sys.stdin.buffer.raw.readline()  # type: ignore[attr-defined]
    Wire(tuple(options.ends), settings, options.seed).run()


if __name__ == "__main__":
    main()
