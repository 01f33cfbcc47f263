"""A channel of an SSH connection that is silent once it has said that it closes."""

from __future__ import annotations

from typing import Any

import paramiko
from paramiko.message import Message


class SshChannel(paramiko.Channel):  # type: ignore[misc]
    """paramiko's channel, but for what it may say after its close: nothing.

    paramiko makes a message under the channel's lock and sends it after that, because it may have to wait for new keys.
    In between its other thread may send the close, as the answer to the host's. What then comes late is about a channel
    that the host has forgotten, for which OpenSSH ends the whole connection. So every message knows its channel, and
    the transport, which sends one at a time, leaves out what comes after the close.

    Attributes:
        has_closed: whether the close was sent; belongs to whoever holds the transport's `clear_to_send_lock`.
    """

    has_closed = False

    def said(self, message: Message, *, closes: bool = False) -> Message:
        """The message, which knows its channel."""
        message.channel, message.closes = self, closes
        return message

    def _send_eof(self) -> Message | None:
        message = super()._send_eof()
        return None if message is None else self.said(message)

    def _close_internal(self) -> tuple[Message | None, Message | None]:
        end, close = super()._close_internal()
        return end, None if close is None else self.said(close, closes=True)

    def _send(self, data: Any, message: Message) -> int:
        size: int = super()._send(data, self.said(message))
        return size
