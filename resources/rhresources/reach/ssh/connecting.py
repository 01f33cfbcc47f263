"""From a target to a logged-in transport: resolve, reach, host key, log in, for every host on the way.

Each step is told as it begins and ends. Cancelling ends whatever hangs, because every socket is our own.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import paramiko

from rhresources.errors import RhError
from rhresources.reach.questions import HostKeyQuestion, NeedsAnswer
from rhresources.reach.ssh import known_hosts, problems
from rhresources.reach.ssh.authentication import Authentication
from rhresources.reach.ssh.problems import SshProblem
from rhresources.reach.ssh.proxy_command import ProxyCommand
from rhresources.reach.ssh.secrets import Secrets, one_at_a_time, short
from rhresources.reach.ssh.target import SshTarget
from rhresources.reach.ssh.threads import in_thread
from rhresources.reach.ssh.transport import SshTransport
from rhresources.reach.steps import OnStep, Step, StepName

REACH_SECONDS = 15.0
"""How long all addresses of a name together may take to answer."""

COMMAND_SECONDS = 60.0
"""How long a ProxyCommand may take until something answers at its other end: it may be a large program that starts."""


@dataclass
class Way:
    """The transports to a host, the jump hosts' first, and the ProxyCommand before them.

    Attributes:
        address: the address that was connected to; of the first host on the way.
    """

    transports: list[SshTransport] = field(default_factory=list)
    command: ProxyCommand | None = None
    address: str = ""

    @property
    def last(self) -> SshTransport:
        """The transport of the target itself."""
        return self.transports[-1]

    def kill(self) -> None:
        """End everything at once. Does not block."""
        for transport in reversed(self.transports):
            transport.kill()
        if self.command is not None and self.command.process.poll() is None:
            self.command.process.terminate()

    def close(self) -> None:
        """End everything in order, and wait for its threads. Blocks."""
        for transport in reversed(self.transports):
            transport.close()
        for transport in self.transports:
            if transport.ident is not None:  # one that was cancelled before it began has no thread
                transport.join(5)
        if self.command is not None:
            self.command.end(5)


class Told:
    """One step being told: `note` and `say` set what is said at its end."""

    def __init__(self) -> None:
        self.sentence = ""
        self.state = "done"

    def say(self, sentence: str) -> None:
        """What was found."""
        self.sentence = sentence

    def note(self, sentence: str) -> None:
        """It worked, and there is something to say of it."""
        self.state, self.sentence = "note", " · ".join(part for part in (self.sentence, sentence) if part)


@asynccontextmanager
async def told(name: StepName, host: str, on_step: OnStep | None) -> AsyncIterator[Told]:
    """Tell that a step begins, and how it ended."""
    began, step = time.monotonic(), Told()
    if on_step is not None:
        on_step(Step(name, host, "running"))
    try:
        yield step
    except RhError as error:
        if on_step is not None:
            took = time.monotonic() - began
            on_step(Step(name, host, "failed", took, error.sentence, error.remedy, error.detail))
        raise
    if on_step is not None:
        state: Any = step.state
        on_step(Step(name, host, state, time.monotonic() - began, step.sentence))


async def connect(target: SshTarget, secrets: Secrets, on_step: OnStep | None = None) -> Way:
    """Connect and log in, through the jump hosts if there are any.

    Raises:
        SshProblem: at which step what went wrong.
        NeedsAnswer: a person would have to answer, and none can be asked.
    """
    way = Way()
    try:
        for hop in (*target.jumps, target):
            await _log_in(await _meet(hop, target, way, secrets, on_step), hop, target, secrets, on_step)
    except BaseException:
        await _end_way(way)
        raise
    return way


async def learn_host_key(target: SshTarget, secrets: Secrets) -> None:
    """Ask about the host's key if it is unknown, and remember it. Nobody logs in there, only on the way.

    Raises:
        SshProblem: at which step what went wrong, or the person says that it is not the host's key.
        NeedsAnswer: a person would have to answer, and none can be asked.
    """
    way = Way()
    try:
        for hop in target.jumps:
            await _log_in(await _meet(hop, target, way, secrets, None), hop, target, secrets, None)
        await _meet(target, target, way, secrets, None)
    finally:
        await _end_way(way)


async def _end_way(way: Way) -> None:
    way.kill()
    await asyncio.shield(in_thread(way.close))


async def _meet(hop: SshTarget, target: SshTarget, way: Way, secrets: Secrets, on_step: OnStep | None) -> SshTransport:
    """A transport whose host is the right one."""
    name = _name_of(hop, target)
    connection = await _reach(hop, way, name, on_step)
    return await _shake_hands(hop, connection, way, name, secrets, on_step)


async def _log_in(
    transport: SshTransport, hop: SshTarget, target: SshTarget, secrets: Secrets, on_step: OnStep | None
) -> None:
    async with told("log in", _name_of(hop, target), on_step) as step:
        authentication = Authentication(transport, hop, secrets)
        await authentication.run()
        step.say(f"as {hop.user}" + (f" by {' and '.join(authentication.how)}" if authentication.how else ""))
        for note in authentication.notes:
            step.note(note)


def _name_of(hop: SshTarget, target: SshTarget) -> str:
    return target.name if hop is target else hop.account


# ---------------------------------------------------------------- reach


async def _reach(hop: SshTarget, way: Way, name: str, on_step: OnStep | None) -> Any:
    """Something to speak SSH over: a socket, or a channel of the jump host before."""
    if way.transports:
        async with told("reach", name, on_step) as step:
            channel = await _through(way, hop)
            step.say(f"through {hop.jumps[-1].account}")
            return channel
    if hop.proxy_command:
        async with told("reach", name, on_step) as step:
            command = await in_thread(_start_command, hop, way)
            step.say(f"through {hop.proxy_command}")
            return command
    async with told("resolve", name, on_step) as step:
        addresses = await _resolve(hop)
        found = ", ".join(dict.fromkeys(str(address[4][0]) for address in addresses))
        step.say(found if found != hop.host else f"{found}, an address")
    async with told("reach", name, on_step) as step:
        connection = await _dial(hop, addresses)
        way.address = str(connection.getpeername()[0])
        step.say(f"{way.address}, port {hop.port}")
        return connection


async def _resolve(hop: SshTarget) -> list[Any]:
    try:
        async with asyncio.timeout(REACH_SECONDS):
            return await in_thread(socket.getaddrinfo, hop.host, hop.port, socket.AF_UNSPEC, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # a time-out is an OSError too
        raise problems.unknown_name(hop, str(error) or "The name servers do not answer.") from None


async def _dial(hop: SshTarget, addresses: list[Any]) -> socket.socket:
    began, failures = time.monotonic(), []
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        left = REACH_SECONDS - (time.monotonic() - began)
        if left <= 0:
            break
        connection = socket.socket(family, kind, protocol)
        try:
            # what is left is for the last one; the others share half of it
            connection.settimeout(left if index == len(addresses) - 1 else left / 2)
            await in_thread(connection.connect, address, on_cancel=lambda sock=connection: _end(sock))  # type: ignore[misc]
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return connection
        except OSError as error:
            connection.close()
            failures.append((error, address))
        except BaseException:
            connection.close()
            raise
    raise _unreached(hop, failures)


def _unreached(hop: SshTarget, failures: list[tuple[OSError, Any]]) -> SshProblem:
    detail = "\n".join(f"{address[0]} port {address[1]}: {error}" for error, address in failures)
    numbers = {error.errno for error, _ in failures}
    if errno.ECONNREFUSED in numbers:
        return problems.port_closed(hop, detail)
    if numbers & {errno.ENETUNREACH, errno.EHOSTUNREACH}:
        return problems.unreachable(hop, "there is no way there from this network", detail)
    if any(isinstance(error, TimeoutError) for error, _ in failures) or errno.ETIMEDOUT in numbers:
        return problems.unreachable(hop, f"no answer within {REACH_SECONDS:.0f} s", detail)
    why = failures[-1][0].strerror if failures else "it has no address"
    return problems.unreachable(hop, (why or "unknown error").lower(), detail)


async def _through(way: Way, hop: SshTarget) -> paramiko.Channel:
    jump, transport = hop.jumps[-1], way.last

    def open_channel() -> paramiko.Channel:
        return transport.open("direct-tcpip", hop.host, hop.port, "127.0.0.1", 0, timeout=REACH_SECONDS)

    try:
        return await in_thread(open_channel, on_cancel=way.kill)
    except paramiko.ChannelException as error:
        if error.code == 1:
            raise problems.jump_forbids(hop, jump, str(error.text)) from None
        raise problems.jump_failed(hop, jump, _lower(error.text) or "connection failed", str(error)) from None
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise problems.jump_failed(hop, jump, "no answer", str(error)) from None


def _start_command(hop: SshTarget, way: Way) -> ProxyCommand:
    try:
        way.command = ProxyCommand(hop.proxy_command)
    except OSError as error:
        raise problems.proxy_command_failed(hop, hop.proxy_command, str(error)) from None
    return way.command


# ---------------------------------------------------------------- host key


async def _shake_hands(
    hop: SshTarget, connection: Any, way: Way, name: str, secrets: Secrets, on_step: OnStep | None
) -> SshTransport:
    async with told("host key", name, on_step) as step:
        host = hop.host_key_alias or hop.host
        port = 22 if hop.host_key_alias else hop.port
        known = await in_thread(known_hosts.lookup, hop.known_hosts, host, port)
        transport = SshTransport(connection, known.key_types)
        transport.environment = hop.environment
        way.transports.append(transport)
        if connection is way.command:
            transport.banner_timeout = COMMAND_SECONDS
        began, limit = time.monotonic(), transport.banner_timeout + REACH_SECONDS
        try:
            await in_thread(transport.start_client, None, limit, on_cancel=transport.kill)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise _no_handshake(hop, way, transport, error, time.monotonic() - began) from None
        blob = bytes(transport.get_remote_server_key().asbytes())
        step.say(f"{known_hosts.type_of(blob)} {known_hosts.fingerprint(blob)}")
        await _verify(hop, host, port, blob, known, secrets, step)
        return transport


def _no_handshake(hop: SshTarget, way: Way, transport: SshTransport, error: Exception, took: float) -> SshProblem:
    detail = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return problems.no_common_algorithm(hop, detail)
    if not transport.remote_version:
        if way.command is not None and way.command.process.poll() is not None:
            said = f"exit code {way.command.process.returncode}\n{way.command.last_words}".strip()
            return problems.proxy_command_failed(hop, hop.proxy_command, said)
        if took >= transport.banner_timeout - 1:
            return problems.not_ssh(hop, "accepts the connection and says nothing", detail)
        if transport.heard_bytes:
            return problems.not_ssh(hop, "is not an SSH server", detail)
        return problems.not_ssh(hop, "ends the connection at once", detail)
    if not transport.remote_version.startswith("SSH-"):
        return problems.not_ssh(hop, "is not an SSH server", f"It says {transport.remote_version!r}.")
    return problems.not_ssh(hop, "ended the handshake", transport.last_words or detail)


async def _verify(
    hop: SshTarget, host: str, port: int, blob: bytes, known: known_hosts.Known, secrets: Secrets, step: Told
) -> None:
    verdict, place = known.verdict(blob)
    if verdict == "unknown":
        async with one_at_a_time("host key", f"{host}:{port}"):
            known = await in_thread(known_hosts.lookup, hop.known_hosts, host, port)
            verdict, place = known.verdict(blob)
            if verdict == "unknown":
                await _ask_about(hop, host, port, blob, known, secrets, step)
                return
    if verdict == "known":
        return
    assert place is not None
    file, line = short(place[0]), place[1]
    kind, fingerprint = known_hosts.type_of(blob), known_hosts.fingerprint(blob)
    if verdict == "revoked":
        raise problems.host_key_revoked(hop, fingerprint, (file, line))
    raise problems.host_key_changed(hop, kind, fingerprint, (file, line), known_hosts.known_name(host, port))


async def _ask_about(
    hop: SshTarget, host: str, port: int, blob: bytes, known: known_hosts.Known, secrets: Secrets, step: Told
) -> None:
    kind, fingerprint = known_hosts.type_of(blob), known_hosts.fingerprint(blob)
    if hop.host_keys == "strict":
        raise problems.host_key_unknown(hop, kind, fingerprint, strict=True)
    if known.authorities:
        file, line = known.authorities[0]
        step.note(f"{short(file)}, line {line} trusts an authority for it, which cannot be checked here.")
    file = hop.known_hosts[0]
    if hop.host_keys == "ask":
        if secrets.asker is None:
            raise NeedsAnswer(
                f"The host key of {hop.place} is not known here: {kind} {fingerprint}.",
                remedy="Connect in the window or on a terminal, compare the key and accept it.",
            )
        question = HostKeyQuestion(host, port, kind, fingerprint, short(file))
        if not await secrets.asker.confirm_host_key(question):
            raise problems.host_key_unknown(hop, kind, fingerprint, strict=False)
    try:
        await in_thread(known_hosts.remember, file, host, port, blob, hop.hash_known_hosts)
        step.note(f"It is new, and remembered in {short(file)}.")
    except OSError as error:
        step.note(f"It is new, and could not be remembered in {short(file)}: {error.strerror}.")


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _lower(text: object) -> str:
    return str(text or "").strip().rstrip(".").lower()
