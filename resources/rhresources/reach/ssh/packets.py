"""The packets of an SSH connection, faster than paramiko reads and writes them."""

from __future__ import annotations

import time
from typing import Any

from paramiko.packet import Packetizer


class Packets(Packetizer):  # type: ignore[misc]
    """paramiko's packets, and when something was last heard."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self.heard = time.monotonic()

    def read_message(self) -> tuple[int, Any]:
        """The next packet."""
        found: tuple[int, Any] = super().read_message()
        self.heard = time.monotonic()
        return found
