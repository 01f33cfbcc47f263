"""The packets of an SSH connection, read and written faster than paramiko does it.

AES-GCM packets, which every server of the last decade knows, take a short way: many are read with one call to the
system and decrypted where they lie, many are encrypted into one buffer and sent with one call. All others take
paramiko's way. Its private members are used by their mangled names; the tests would notice a change.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import time
from collections.abc import Sequence
from typing import Any

from paramiko.common import MSG_CHANNEL_DATA
from paramiko.message import Message
from paramiko.packet import NeedRekeyException, Packetizer
from paramiko.ssh_exception import SSHException

_BUFFER = 512 << 10
_TAG = 16
_LARGEST = 2 << 20
"""A packet above this is no packet; servers send 32 KiB at most."""

_UNSENT = 128 << 10
"""What may wait in the system's buffer: a small packet is sent behind that much at most."""

_QUICK_ACK = getattr(socket, "TCP_QUICKACK", None) if sys.platform == "linux" else None


class Data:
    """The message of a packet of channel data, without copies: as much of paramiko's `Message` as is used of it."""

    __slots__ = ("_at", "_packet", "_view", "seqno")

    def __init__(self, packet: bytes, view: memoryview) -> None:
        self._packet = packet
        self._view = view
        self._at = 1
        self.seqno = 0

    def get_int(self) -> int:
        """The number of the channel, the first time."""
        value: int = struct.unpack_from(">I", self._view, self._at)[0]
        self._at += 4
        return value

    @property
    def view(self) -> memoryview:
        """The data, once `get_int` was called."""
        size = struct.unpack_from(">I", self._view, self._at)[0]
        return self._view[self._at + 4 : self._at + 4 + size]

    def get_binary(self) -> bytes:
        """A copy of the data."""
        return bytes(self.view)


class Packets(Packetizer):  # type: ignore[misc]
    """The packets of one connection.

    Attributes:
        heard: when something was last read, on the monotonic clock.
        heard_bytes: how much was read before the handshake.
    """

    # the standards ask for new keys before 2^32 packets or 2^36 bytes under one key
    REKEY_PACKETS = 2**31
    REKEY_BYTES = 2**34

    _Packetizer__remainder: bytes
    _Packetizer__sequence_number_in: int
    _Packetizer__sequence_number_out: int

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self._connection = connection
        self.heard = time.monotonic()
        self.heard_bytes = 0
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        self._opener: Any = None
        self._sealer: Any = None
        self._fixed_in = self._fixed_out = b""
        self._count_in = self._count_out = 0
        self._is_tcp = isinstance(connection, socket.socket) and connection.family in (
            socket.AF_INET, socket.AF_INET6,
        )  # fmt: skip
        if self._is_tcp and (option := getattr(socket, "TCP_NOTSENT_LOWAT", None)) is not None:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, option, _UNSENT)

    # ------------------------------------------------------------ keys

    def set_inbound_cipher(self, block_engine: Any, *arguments: Any, **options: Any) -> None:
        """New keys for what comes."""
        super().set_inbound_cipher(block_engine, *arguments, **options)
        self._opener = block_engine if options.get("aead") else None
        if self._opener is not None:
            nonce = options["iv_in"]
            self._fixed_in, self._count_in = nonce[:4], int.from_bytes(nonce[4:], "big")

    def set_outbound_cipher(self, block_engine: Any, *arguments: Any, **options: Any) -> None:
        """New keys for what goes."""
        super().set_outbound_cipher(block_engine, *arguments, **options)
        self._sealer = block_engine if options.get("aead") else None
        if self._sealer is not None:
            nonce = options["iv_out"]
            self._fixed_out, self._count_out = nonce[:4], int.from_bytes(nonce[4:], "big")

    # ------------------------------------------------------------ reading

    def _read_timeout(self, timeout: float) -> bytes:
        found: bytes = super()._read_timeout(timeout)
        self.heard_bytes += len(found)
        self.heard = time.monotonic()
        return found

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """Exactly `n` bytes, from the buffer first."""
        out = b""
        remainder = self._Packetizer__remainder
        if remainder:
            out, self._Packetizer__remainder = remainder[:n], remainder[n:]
        if len(out) < n:
            self._have(n - len(out), check_rekey and not out)
            start, self._start = self._start, self._start + n - len(out)
            out += bytes(self._view[start : self._start])
        return out

    def _have(self, size: int, may_rekey: bool) -> None:
        """Read until the buffer holds `size` bytes."""
        if self._end - self._start >= size:
            return
        if self._start and (self._start == self._end or len(self._buffer) - self._start < max(size, _BUFFER // 4)):
            rest = self._end - self._start
            self._buffer[:rest] = self._buffer[self._start : self._end]
            self._start, self._end = 0, rest
        if size > len(self._buffer) - self._start:
            grown = bytearray(self._start + size + _BUFFER)
            grown[: self._end] = self._view[: self._end]
            self._buffer, self._view = grown, memoryview(grown)
        connection = self._connection
        while self._end - self._start < size:
            if self.handshake_timed_out():
                raise EOFError()
            try:
                if self._is_tcp:
                    count = connection.recv_into(self._view[self._end :])
                    if _QUICK_ACK is not None:
                        # sshd leaves Nagle's algorithm on: with delayed acknowledgements its answers wait for 40 ms
                        connection.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
                else:
                    piece = connection.recv(min(len(self._buffer) - self._end, 128 << 10))
                    count = len(piece)
                    self._buffer[self._end : self._end + count] = piece
            except (TimeoutError, BlockingIOError):
                if self.closed:
                    raise EOFError() from None
                if may_rekey and self._end == self._start and self.need_rekey():
                    raise NeedRekeyException() from None
                self._check_keepalive()
                continue
            except OSError:
                if self.closed:
                    raise EOFError() from None
                raise
            if not count:
                raise EOFError()
            self._end += count
            self.heard = time.monotonic()

    def read_message(self) -> tuple[int, Any]:
        """The next packet: the number of its kind, and what it says.

        Raises:
            SSHException: the packet was changed on its way, or is none.
            NeedRekeyException: new keys are due.
            EOFError: the connection ended.
        """
        if self._opener is None or self._Packetizer__remainder or self._Packetizer__compress_engine_in is not None:
            if self._opener is not None:
                # paramiko keeps a counter of its own
                self._Packetizer__iv_in = self._fixed_in + self._count_in.to_bytes(8, "big")
                self._count_in += 1
            found: tuple[int, Any] = super().read_message()
            return found
        self._have(4, may_rekey=True)
        start = self._start
        size = int.from_bytes(self._view[start : start + 4], "big")
        if size > _LARGEST or size < 12:
            raise SSHException("Invalid packet length")
        self._have(4 + size + _TAG, may_rekey=False)
        start = self._start
        body = start + 4
        nonce = self._fixed_in + self._count_in.to_bytes(8, "big")
        try:
            packet: bytes = self._opener.decrypt(nonce, self._view[body : body + size + _TAG], self._view[start:body])
        except Exception as error:  # InvalidTag
            raise SSHException("Mismatched MAC") from error
        self._count_in = (self._count_in + 1) & 0xFFFFFFFFFFFFFFFF
        self._start = body + size + _TAG
        sequence = self._Packetizer__sequence_number_in
        self._Packetizer__sequence_number_in = following = (sequence + 1) & 0xFFFFFFFF
        if following == 0 and not self._initial_kex_done:
            raise SSHException("Sequence number rolled over during initial kex!")
        self._count_received(size + _TAG + 4)
        kind, until = packet[1], size - packet[0]
        if kind == MSG_CHANNEL_DATA:
            return kind, Data(packet, memoryview(packet)[1:until])
        message = Message(packet[2:until])
        message.seqno = sequence
        return kind, message

    def _count_received(self, size: int) -> None:
        self._Packetizer__received_bytes += size
        self._Packetizer__received_packets += 1
        if not self._Packetizer__need_rekey and (
            self._Packetizer__received_bytes >= self.REKEY_BYTES
            or self._Packetizer__received_packets >= self.REKEY_PACKETS
        ):
            self._Packetizer__received_bytes_overflow = self._Packetizer__received_packets_overflow = 0
            self._trigger_rekey()

    # ------------------------------------------------------------ writing

    def send_message(self, data: Message) -> None:
        """Send one packet."""
        if self._sealer is None or self._Packetizer__compress_engine_out is not None:
            with self._Packetizer__write_lock:
                if self._sealer is not None:
                    self._Packetizer__iv_out = self._fixed_out + self._count_out.to_bytes(8, "big")
                    self._count_out += 1
                super().send_message(data)
        else:
            self.send_sealed([(data.asbytes(),)])

    @property
    def can_seal(self) -> bool:
        """Whether `send_sealed` may be used."""
        return self._sealer is not None and self._Packetizer__compress_engine_out is None

    def send_sealed(self, payloads: Sequence[Sequence[bytes | memoryview]]) -> None:
        """Send packets, each given in parts, with one call to the system where it takes them all.

        Raises:
            EOFError: the connection ended.
        """
        with self._Packetizer__write_lock:
            sizes = [sum(map(len, parts)) for parts in payloads]
            out = bytearray(sum(sizes) + len(sizes) * (4 + 1 + 19 + _TAG))
            view, at = memoryview(out), 0
            for parts, size in zip(payloads, sizes, strict=True):
                padding = 19 - (size + 4) % 16
                length = 1 + size + padding
                plain = b"".join((length.to_bytes(4, "big"), bytes((padding,)), *parts, bytes(padding)))
                body = at + 4
                view[at:body] = plain[:4]
                nonce = self._fixed_out + self._count_out.to_bytes(8, "big")
                self._sealer.encrypt_into(nonce, memoryview(plain)[4:], plain[:4], view[body : body + length + _TAG])
                self._count_out = (self._count_out + 1) & 0xFFFFFFFFFFFFFFFF
                at = body + length + _TAG
            sequence = self._Packetizer__sequence_number_out + len(sizes)
            if sequence > 0xFFFFFFFF and not self._initial_kex_done:
                raise SSHException("Sequence number rolled over during initial kex!")
            self._Packetizer__sequence_number_out = sequence & 0xFFFFFFFF
            self.write_all(view[:at])
            self._Packetizer__sent_bytes += at
            self._Packetizer__sent_packets += len(sizes)
            if not self._Packetizer__need_rekey and (
                self._Packetizer__sent_bytes >= self.REKEY_BYTES or self._Packetizer__sent_packets >= self.REKEY_PACKETS
            ):
                self._Packetizer__received_bytes_overflow = self._Packetizer__received_packets_overflow = 0
                self._trigger_rekey()
