"""paramiko's transport with safe and fast algorithms, quiet logs, a ping, and channels that say why they fail.

It uses members of paramiko that are not public; `pyproject.toml` keeps paramiko below version 6, and the tests use them
all.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import paramiko
from paramiko.auth_handler import AuthOnlyHandler
from paramiko.common import (
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    cMSG_CHANNEL_OPEN,
    cMSG_GLOBAL_REQUEST,
    cMSG_SERVICE_REQUEST,
    cMSG_USERAUTH_INFO_RESPONSE,
    cMSG_USERAUTH_REQUEST,
)
from paramiko.message import Message

from rhresources.reach.ssh.channel import SshChannel
from rhresources.reach.ssh.packets import Packets

log = logging.getLogger(__name__)

WINDOW = 64 << 20
"""How much one channel may receive before we say that more is welcome: enough for any round trip."""

LARGEST_PACKET = 256 << 10
ANSWER_SECONDS = 30.0
"""How long a server may take to answer during the handshake and the log-in."""

CHANNEL_SECONDS = 30.0
_ROOM_WITHIN = 10.0
"""How long a session of ours that has ended may still count for the server."""


class LogInReply:
    """What the server says to a step of the log-in.

    Attributes:
        kind: "done"; "more" (this one was right and another is wanted); "refused"; "key-welcome" (the key would do);
            "asked" (it wants answers to `prompts`).
        allowed: the ways of logging in that may go on.
        title, instruction, prompts: of a question; prompts are (text, whether the answer may be shown).
    """

    def __init__(self, kind: str, allowed: list[str] | None = None) -> None:
        self.kind = kind
        self.allowed = allowed or []
        self.title = self.instruction = ""
        self.prompts: list[tuple[str, bool]] = []


class _LogIn(AuthOnlyHandler):  # type: ignore[misc]
    """Sends what a log-in consists of, and gives the server's answers instead of acting on them."""

    _reply: LogInReply | None = None

    def ask(self, message: Message) -> LogInReply:
        self._reply, event = None, threading.Event()
        self.auth_event = event
        with self.transport.lock:
            self.transport._send_message(message)
        event.wait(ANSWER_SECONDS)
        reply = self._reply
        if reply is None:
            raise self.transport.get_exception() or EOFError()
        return reply

    def _answered(self, reply: LogInReply) -> None:
        self._reply = reply
        if self.auth_event is not None:
            self.auth_event.set()

    def _parse_userauth_success(self, m: Message) -> None:
        self._reply = LogInReply("done")
        super()._parse_userauth_success(m)

    def _parse_userauth_failure(self, m: Message) -> None:
        allowed, partial = m.get_list(), m.get_boolean()
        self._answered(LogInReply("more" if partial else "refused", allowed))

    def _parse_userauth_info_request(self, m: Message) -> None:
        if self.auth_method == "publickey":  # the same number means that the key would be accepted
            self._answered(LogInReply("key-welcome"))
            return
        reply = LogInReply("asked")
        reply.title, reply.instruction = m.get_text(), m.get_text()
        m.get_binary()  # a language
        reply.prompts = [(m.get_text(), m.get_boolean()) for _ in range(min(m.get_int(), 100))]
        self._answered(reply)


class _Ended(EOFError):
    """The connection ended before something was said."""


class SshTransport(paramiko.ServiceRequestingTransport):  # type: ignore[misc]
    """One SSH connection. Its methods block; call them in threads.

    Args:
        connection: a connected socket, or a channel of a jump host's transport.
    """

    active: bool
    auth_handler: Any
    _preferred_ciphers = (
        "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr",
    )  # fmt: skip
    _preferred_macs = (
        "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512",
    )  # fmt: skip

    # paramiko's table names the methods of its own class of channels, whatever a subclass overrides
    _channel_handler_table: ClassVar[dict[int, Any]] = {
        **paramiko.Transport._channel_handler_table,
        MSG_CHANNEL_DATA: lambda channel, message: channel._feed(message),
        MSG_CHANNEL_EOF: lambda channel, message: channel._handle_eof(message),
    }

    def __init__(self, connection: Any, key_types: list[str]) -> None:
        super().__init__(
            connection, default_window_size=WINDOW, default_max_packet_size=LARGEST_PACKET, packetizer_class=Packets
        )
        # what the host is known by comes first, so that it shows that key and not one nobody here has seen
        self._preferred_keys = tuple(sorted(paramiko.Transport._preferred_keys, key=lambda kind: kind not in key_types))
        with contextlib.suppress(OSError, AttributeError):  # a channel has no such option
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.last_words = ""
        self.environment: tuple[str, ...] = ()  # of its sessions, each as NAME=VALUE
        self.on_end: Callable[[], None] | None = None
        self.round_trip = 0.1
        self.forwards_sockets = False  # whether it ever did
        self._service_accepted = threading.Event()
        self._failures: dict[int, paramiko.ChannelException] = {}
        self._had_sessions = False
        self._ping_lock = threading.Lock()
        self.channel_timeout = CHANNEL_SECONDS
        self.banner_timeout = self.handshake_timeout = ANSWER_SECONDS / 2

    @property
    def heard(self) -> float:
        """When something came from the other side, on the monotonic clock."""
        return float(self.packetizer.heard)

    @property
    def heard_bytes(self) -> bool:
        """Whether anything at all came from the other side."""
        return bool(self.packetizer.heard_bytes)

    def _log(self, level: int, msg: Any, *arguments: Any) -> None:
        # every failure reaches somebody as an exception; paramiko would log most of them as errors too
        if log.isEnabledFor(logging.DEBUG):
            for line in msg if isinstance(msg, list) else [msg]:
                log.debug("%s", line)

    # ------------------------------------------------------------ log-in

    def _parse_service_accept(self, m: Message) -> None:
        super()._parse_service_accept(m)
        self._service_accepted.set()

    def ensure_session(self) -> None:
        """Ask for the log-in service, once.

        Raises:
            SSHException, EOFError: the connection ended.
        """
        if self.auth_handler is not None:
            return
        message = Message()
        message.add_byte(cMSG_SERVICE_REQUEST)
        message.add_string("ssh-userauth")
        began = time.monotonic()
        self._send_message(message)
        deadline = began + ANSWER_SECONDS
        while not self._service_accepted.wait(0.05):
            if not self.active or time.monotonic() > deadline:
                raise self.get_exception() or EOFError()
        self.round_trip = min(self.round_trip, time.monotonic() - began)
        self.auth_handler = _LogIn(self)

    def log_in(self, user: str, method: str, *fields: str | bytes | bool) -> LogInReply:
        """One step of the log-in, with the fields of its method."""
        self.ensure_session()
        handler: _LogIn = self.auth_handler
        handler.auth_method, handler.username = method, user
        message = Message()
        message.add_byte(cMSG_USERAUTH_REQUEST)
        message.add(user, "ssh-connection", method, *fields)
        return handler.ask(message)

    def log_in_by_key(self, user: str, key: paramiko.PKey, sign: bool) -> LogInReply:
        """Offer a key (`sign` false: only ask whether it would do)."""
        self.ensure_session()
        handler: _LogIn = self.auth_handler
        kind, blob = handler._get_key_type_and_bits(key)
        blob = blob if isinstance(blob, bytes) else blob.asbytes()
        algorithm = handler._finalize_pubkey_algorithm(kind)
        if not sign:
            return self.log_in(user, "publickey", False, algorithm, blob)
        signed = key.sign_ssh_data(handler._get_session_blob(key, "ssh-connection", user, algorithm), algorithm)
        signature = signed if isinstance(signed, bytes) else signed.asbytes()
        return self.log_in(user, "publickey", True, algorithm, blob, signature)

    def answer(self, answers: list[str]) -> LogInReply:
        """Answer the prompts of a reply of kind "asked"."""
        message = Message()
        message.add_byte(cMSG_USERAUTH_INFO_RESPONSE)
        message.add_int(len(answers))
        for text in answers:
            message.add_string(text)
        handler: _LogIn = self.auth_handler
        return handler.ask(message)

    def _parse_disconnect(self, m: Message) -> None:
        m.get_int()
        self.last_words = m.get_text()

    # ------------------------------------------------------------ channels

    def open(
        self, kind: str, *fields: str | int, timeout: float = CHANNEL_SECONDS, channel: SshChannel | None = None
    ) -> SshChannel:
        """Open a channel of any kind.

        Args:
            kind: "session", "direct-tcpip", "direct-streamlocal@openssh.com".
            fields: what the kind wants.
            channel: an object to use, of a class of the caller's; its number is given here.

        Raises:
            ChannelException: the server refuses, with its reason.
            SSHException, EOFError: the connection ended, or nothing was answered in time.
        """
        if not self.active:
            raise EOFError()
        with self.lock:
            number = self._next_channel()
            channel = channel or SshChannel(number)
            channel.chanid, channel._name = number, str(number)
            window = getattr(channel, "first_window", WINDOW)
            message = Message()
            message.add_byte(cMSG_CHANNEL_OPEN)
            message.add_string(kind)
            for value in (number, window, LARGEST_PACKET):
                message.add_int(value)
            for field in fields:
                message.add_int(field) if isinstance(field, int) else message.add_string(field)
            self._channels.put(number, channel)
            self.channel_events[number] = event = threading.Event()
            self.channels_seen[number] = True
            channel._set_transport(self)
            channel._set_window(window, LARGEST_PACKET)
        try:
            self._send_user_message(message)
            if not event.wait(timeout):
                self._channels.delete(number)
                raise paramiko.SSHException("The server did not answer in time.")
        finally:
            with self.lock:  # paramiko's thread finds the event, sets it, and takes it out itself
                self.channel_events.pop(number, None)
        refusal = self._failures.pop(number, None)
        if refusal is not None:
            raise refusal
        if self._channels.get(number) is None or not self.active:
            raise self.get_exception() or EOFError()
        for name, _, value in (each.partition("=") for each in self.environment if kind == "session"):
            channel.set_environment_variable(name, value)
        return channel

    def _parse_channel_open_failure(self, m: Message) -> None:
        number, reason, text = m.get_int(), m.get_int(), m.get_text()
        self._failures[number] = paramiko.ChannelException(reason, text)
        event = self.channel_events.get(number)
        self._channels.delete(number)
        if event is None:  # whoever asked waits no more
            self._failures.pop(number, None)
        else:
            event.set()

    def open_session(self, channel: SshChannel | None = None) -> SshChannel:
        """Open a session; `channel` as in `open`.

        A server counts one until it has taken leave of its process, which may be later than we hear of its end. So a
        refusal is believed after a while only, if there were sessions before.

        Raises:
            ChannelException: the server refuses, with its reason.
            SSHException, EOFError: the connection ended, or nothing was answered in time.
        """
        deadline = time.monotonic() + _ROOM_WITHIN
        while True:
            try:
                opened = self.open("session", channel=channel)
            except paramiko.ChannelException:
                if not self._had_sessions or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                self._had_sessions = True
                return opened

    def send_data(self, channel: SshChannel, payloads: Sequence[Sequence[bytes | memoryview]]) -> None:
        """Send packets of a channel at once that `Packets.send_sealed` takes, or wait while keys are exchanged.

        Raises:
            EOFError: the connection or the channel ended.
            SSHException: the exchange of keys takes too long.
        """
        with self._clear_to_send():
            if channel.has_closed:
                raise EOFError()
            self.packetizer.send_sealed(payloads)

    def _send_user_message(self, message: Message) -> None:
        channel: SshChannel | None = getattr(message, "channel", None)
        with contextlib.suppress(_Ended), self._clear_to_send():
            if channel is not None and channel.has_closed:
                return
            self._send_message(message)
            if channel is not None:
                channel.has_closed = message.closes

    @contextlib.contextmanager
    def _clear_to_send(self) -> Iterator[None]:
        """Waits while keys are exchanged; then nobody else sends."""
        deadline = time.monotonic() + self.clear_to_send_timeout
        while True:
            self.clear_to_send.wait(0.1)
            if not self.active:
                raise _Ended()
            with self.clear_to_send_lock:
                if self.clear_to_send.is_set():
                    yield
                    return
            if time.monotonic() > deadline:
                raise paramiko.SSHException("The exchange of keys takes too long.")

    # ------------------------------------------------------------ life

    def ping(self, timeout: float) -> float:
        """Seconds until the server answered something that it cannot know but must answer.

        Raises:
            EOFError: it did not answer, or the connection ended.
        """
        with self._ping_lock:
            began = time.monotonic()
            self.completion_event = event = threading.Event()
            message = Message()
            message.add_byte(cMSG_GLOBAL_REQUEST)
            message.add_string("keepalive@openssh.com")
            message.add_boolean(True)
            self._send_user_message(message)
            if not event.wait(timeout) or not self.active:
                raise EOFError()
            took = time.monotonic() - began
            self.round_trip = min(self.round_trip, took)
            return took

    def run(self) -> None:
        """The thread that reads. `on_end` is called in it at its end."""
        try:
            super().run()
        except (EOFError, OSError):
            pass  # the connection that this one goes through was closed first
        finally:
            if self.on_end is not None:
                self.on_end()

    def kill(self) -> None:
        """End the connection at once, whatever waits for it. Does not block."""
        self.active = self.active and self.is_alive()
        with contextlib.suppress(OSError, EOFError, AttributeError):
            if isinstance(self.sock, socket.socket):
                self.sock.shutdown(socket.SHUT_RDWR)
            else:
                self.sock.close()


def let_go(channel: paramiko.Channel | paramiko.SFTPClient) -> None:
    """Close a channel. Where its connection was lost there is nothing left to close, and nothing to say about it."""
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        channel.close()
