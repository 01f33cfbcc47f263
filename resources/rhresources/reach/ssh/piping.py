"""The two directions of one forwarded connection, between a local socket and a channel.

What comes is written to the local socket by the thread that decrypted it, as long as that takes it; what it does not
take is left to a thread of the connection, so a slow reader holds up nobody else. What goes is encrypted and sent
several packets at a time.

The window of a channel is what the host may send unasked. A large one fills every buffer on the way, and the answers
to small calls stand behind that; a small one keeps a long way idle. So it begins small, and doubles while what comes
within one round trip fills most of it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from typing import Any

import paramiko
from paramiko.common import cMSG_CHANNEL_DATA, cMSG_CHANNEL_WINDOW_ADJUST
from paramiko.message import Message

from rhresources.reach.ssh.channel import SshChannel
from rhresources.reach.ssh.packets import Data, Packets
from rhresources.reach.ssh.transport import WINDOW, SshTransport

_PIECE = 256 << 10
_FIRST_WINDOW = 512 << 10
_DONT_WAIT = getattr(socket, "MSG_DONTWAIT", None)
_AT_ONCE = 16
_MOST_NOISE = 1 << 20


class PipedChannel(SshChannel):
    """A channel whose data goes straight into a socket.

    Args:
        connection: the local socket; it stays the caller's to close.
        marker: a line that comes before the first byte meant for it; what precedes that is dropped.

    Attributes:
        begun: set when the line has come, or will not come any more.
    """

    first_window = _FIRST_WINDOW

    def __init__(self, connection: socket.socket, marker: str = "") -> None:
        super().__init__(0)
        self._marker = f"\n{marker}\n".encode() if marker else b""
        self._before = b""
        self.begun = threading.Event()
        self._connection = connection
        self._backlog: deque[memoryview] = deque()
        self._wake = threading.Condition()
        self._taken = 0
        self._broken = False
        self._granted = _FIRST_WINDOW
        self._round_trip_began = 0.0
        self._in_round_trip = 0

    # ------------------------------------------------------------ what comes; called by the transport's thread

    def _feed(self, message: Any) -> None:
        view = message.view if isinstance(message, Data) else memoryview(message.get_binary())
        size, wake = len(view), False
        if self._marker:
            view = self._after_marker(view)
        with self._wake:
            if self._broken:
                return
            if not self._backlog and _DONT_WAIT is not None:
                try:
                    view = view[self._connection.send(view, _DONT_WAIT) :]
                except BlockingIOError:
                    pass
                except OSError:
                    self._broken = wake = True
                    view = view[:0]
            if view:
                self._backlog.append(view)
                wake = True
                size -= len(view)
            self._taken += size
            if wake or self._is_due():
                self._wake.notify()

    def _after_marker(self, view: memoryview) -> memoryview:
        self._before = (self._before + view)[-_MOST_NOISE:]
        _, found, rest = self._before.partition(self._marker)
        if not found:
            return view[:0]
        self._marker = self._before = b""
        self.begun.set()
        return memoryview(rest)

    @property
    def has_begun(self) -> bool:
        """Whether the line has come."""
        return not self._marker

    def _is_due(self) -> bool:
        """Whether the host should be told that more is welcome."""
        return self._taken >= self._granted // 4 and not (self.eof_received or self.closed)

    def _handle_eof(self, message: Message) -> None:
        super()._handle_eof(message)
        self.begun.set()
        with self._wake:
            self._wake.notify()

    def _set_closed(self) -> None:
        super()._set_closed()
        self.begun.set()
        # the caller may hold the channel's lock, never this one
        with self._wake:
            self._wake.notify()

    # ------------------------------------------------------------ threads of the connection

    def pump_down(self) -> bool:
        """Write what the local socket did not take at once, and tell the host that more is welcome, until the end.

        Returns:
            Whether the host has said all, and may still listen.
        """
        connection = self._connection
        try:
            while True:
                with self._wake:
                    while not self._backlog and not self._is_due():
                        if self.eof_received or self.closed or self._broken:
                            return not (self.closed or self._broken)
                        self._wake.wait()
                    if self._broken:
                        return False
                    pieces = [self._backlog[index] for index in range(min(_AT_ONCE, len(self._backlog)))]
                if pieces:
                    size = _write(connection, pieces)
                    with self._wake:
                        self._drop(size)
                        self._taken += size
                self._welcome_more()
        except OSError:
            with self._wake:
                self._broken = True
            return False

    def _drop(self, size: int) -> None:
        backlog = self._backlog
        while size:
            first = backlog[0]
            if len(first) > size:
                backlog[0] = first[size:]
                return
            size -= len(first)
            backlog.popleft()

    def _welcome_more(self) -> None:
        with self._wake:
            if not self._is_due():
                return
            taken, self._taken = self._taken, 0
            grow = self._growth(taken)
            self._granted += grow
        message = Message()
        message.add_byte(cMSG_CHANNEL_WINDOW_ADJUST)
        message.add_int(self.remote_chanid)
        message.add_int(taken + grow)
        self.transport._send_user_message(self.said(message))

    def _growth(self, taken: int) -> int:
        transport: SshTransport = self.transport
        now = time.monotonic()
        self._in_round_trip += taken
        if now - self._round_trip_began < transport.round_trip:
            if self._in_round_trip > self._granted * 2 // 3 and self._granted < WINDOW:
                self._in_round_trip, self._round_trip_began = 0, now
                return self._granted
            return 0
        self._in_round_trip, self._round_trip_began = taken, now
        return 0

    def pump_up(self) -> None:
        """Send what the local socket says, until its end."""
        buffer = bytearray(_PIECE)
        view = memoryview(buffer)
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            while size := self._connection.recv_into(buffer):
                self._send_whole(view[:size])
            self.shutdown_write()

    def _send_whole(self, data: memoryview) -> None:
        packets: Packets = self.transport.packetizer
        if not packets.can_seal:
            self.sendall(data)
            return
        head = cMSG_CHANNEL_DATA + self.remote_chanid.to_bytes(4, "big")
        while data:
            with self.lock:
                room = self._wait_for_room(len(data))
            largest = self.out_max_packet_size - 64
            payloads = []
            for start in range(0, room, largest):
                piece = data[start : min(start + largest, room)]
                payloads.append((head, len(piece).to_bytes(4, "big"), piece))
            self.transport.send_data(self, payloads)
            data = data[room:]

    def _wait_for_room(self, size: int) -> int:
        """Take up to `size` bytes from the window of the host; called with the lock."""
        while self.out_window_size == 0 and not (self.closed or self.eof_sent):
            self.out_buffer_cv.wait()
        if self.closed or self.eof_sent:
            raise EOFError
        room = min(size, int(self.out_window_size))
        self.out_window_size -= room
        return room


def _write(connection: socket.socket, pieces: list[memoryview]) -> int:
    if hasattr(connection, "sendmsg"):
        return connection.sendmsg(pieces)
    return connection.send(pieces[0])
