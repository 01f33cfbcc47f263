"""A live SSH connection: commands, files and forwards over one transport, and the news when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import paramiko

from rhresources.reach.questions import Asker
from rhresources.reach.ssh.connecting import Way, connect
from rhresources.reach.ssh.forwarding import Forward
from rhresources.reach.ssh.problems import SshProblem, connection_lost
from rhresources.reach.ssh.running import Command, Completed, Write, failed
from rhresources.reach.ssh.secrets import Secrets
from rhresources.reach.ssh.target import SshTarget
from rhresources.reach.ssh.threads import in_thread
from rhresources.reach.ssh.transfer import fetch, send
from rhresources.reach.ssh.transport import let_go
from rhresources.reach.steps import OnStep

if TYPE_CHECKING:
    from rhresources.credentials import Credentials

Result = TypeVar("Result")

PING_EVERY = 5.0
PING_ANSWERED_WITHIN = 10.0
"""Both together: how long a pulled cable can stay unnoticed."""

CANCELLED_ENDS_WITHIN = 10.0
"""How long a connection that is closed stays open for commands that were cancelled to be ended there."""

SESSIONS = 7
"""Commands at once. A default sshd allows ten sessions; SFTP has one, and ending a command takes one for a moment."""


class SshConnection:
    """A connection that is logged in. Made by `open`; belongs to the event loop it was opened on.

    Attributes:
        target: where to, as whom.
        host_address: the host's own address of this connection as it sees it; "" before the first command has run.
        forwarding: whether the host lets forwards through; None: nobody has tried.
    """

    def __init__(self, target: SshTarget, way: Way) -> None:
        self.target = target
        self.host_address = ""
        self.forwarding: bool | None = None
        self._way = way
        self._transport = way.last
        self._loop = asyncio.get_running_loop()
        self._sessions = asyncio.Semaphore(SESSIONS)
        self._sftp: paramiko.SFTPClient | None = None
        self._sftp_lock = asyncio.Lock()
        self._forwards: set[Forward] = set()
        self._cancelled: set[Command] = set()
        self._callbacks: list[Callable[[SshProblem], None]] = []
        self._closing = False
        self.problem: SshProblem | None = None
        self._watch = self._loop.create_task(self._ping_always(), name=f"ssh ping {target.name}")
        self._transport.on_end = self._ended
        if not self._transport.is_active():
            self._ended()

    @classmethod
    async def open(
        cls,
        target: SshTarget,
        *,
        credentials: Credentials,
        asker: Asker | None = None,
        on_step: OnStep | None = None,
    ) -> SshConnection:
        """Connect, verify the host keys and log in, through the jump hosts if there are any.

        Args:
            target: where to.
            credentials: where kept passphrases and passwords are, and where new ones go.
            asker: asks the person; None: nobody is asked.
            on_step: hears of every step.

        Raises:
            SshProblem: what went wrong at which step.
            NeedsAnswer: a person would have to answer, and none can be asked.
        """
        return cls(target, await connect(target, Secrets(credentials, asker), on_step))

    @property
    def alive(self) -> bool:
        """Whether it can still be used, as far as is known."""
        return not self._closing and self.problem is None and bool(self._transport.is_active())

    def on_lost(self, callback: Callable[[SshProblem], None]) -> None:
        """Call `callback` on the loop, once, when the connection dies by itself; soon, if it already has."""
        if self.problem is not None:
            self._loop.call_soon(callback, self.problem)
        else:
            self._callbacks.append(callback)

    # ------------------------------------------------------------ commands

    async def run(
        self,
        command: str,
        *,
        input: bytes | Callable[[Write], None] = b"",
        timeout: float | None = None,
        on_output: Callable[[bytes], None] | None = None,
        on_stdout: Callable[[bytes], None] | None = None,
        on_stderr: Callable[[bytes], None] | None = None,
        check: bool = False,
    ) -> Completed:
        """Run a command there with `sh`; what the login shell prints of its own is left out.

        Cancelling it, or the end of `timeout`, kills the command with everything in its session.

        Args:
            command: for `sh -c`.
            input: for its standard input; a function is called in a thread with a function that writes.
            timeout: in seconds.
            on_output: gets standard output and error as they come, on the loop.
            on_stdout, on_stderr: get standard output and error in threads, instead of their being collected.
            check: raise if it does not end with code 0.

        Raises:
            SshProblem: the connection was lost ("connection-lost"), the account runs no commands ("no-shell"), the
                time was up ("timeout"), or the command failed ("command-failed", with `check`).
        """
        loop, hear = self._loop, on_output

        def pass_on(data: bytes) -> None:
            assert hear is not None
            loop.call_soon_threadsafe(hear, data)

        job = Command(
            self._transport,
            self.target,
            command,
            input=input,
            on_output=pass_on if hear is not None else None,
            on_stdout=on_stdout,
            on_stderr=on_stderr,
        )
        async with self._sessions:
            self._require_alive()
            try:
                async with asyncio.timeout(timeout):
                    done = await in_thread(job.work, name="ssh command", on_cancel=lambda: self._cancel(job))
            except TimeoutError:
                raise SshProblem(
                    f"A command on {self.target.place} did not end within {timeout:g} s, and was ended.",
                    code="timeout",
                    detail=command,
                ) from None
        self.host_address = job.address or self.host_address
        if check and done.code:
            raise failed(self.target, command, done)
        return done

    async def open_shell(self, term: str, columns: int, lines: int, command: str = "") -> paramiko.Channel:
        """A session with a terminal of its own: the login shell, or `command`. Whoever asked closes it.

        Raises:
            SshProblem: the connection was lost, or the host opens no session.
        """

        def start() -> paramiko.Channel:
            channel = self._transport.open_session()
            channel.get_pty(term, columns, lines)
            if command:
                channel.exec_command(command)
            else:
                channel.invoke_shell()
            return channel

        self._require_alive()
        try:
            return await in_thread(start, on_late=paramiko.Channel.close)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise SshProblem(
                f"{self.target.place} opens no shell.", code="no-shell", step="log in", detail=str(error)
            ) from None

    # ------------------------------------------------------------ files

    async def read_file(self, path: str) -> bytes:
        """A file's content. A path that is not absolute, or begins with ~/, starts at the user's home.

        Raises:
            FileNotFoundError, OSError: it cannot be read.
            SshProblem: the connection was lost, or the host has no SFTP.
        """

        def read(client: paramiko.SFTPClient) -> bytes:
            with client.open(_from_home(path), "rb") as file:
                file.prefetch()
                return bytes(file.read())

        return await self._with_sftp(read)

    async def write_file(self, path: str, data: bytes, mode: int = 0o600) -> None:
        """Write a file as a whole: whoever reads it sees the old content or the new one.

        Raises:
            OSError: it cannot be written.
            SshProblem: the connection was lost, or the host has no SFTP.
        """

        def write(client: paramiko.SFTPClient) -> None:
            whole = _from_home(path)
            # SFTP makes files that others may open; inside this folder nobody can before the file has its mode
            folder = f"{whole}.part-{os.urandom(4).hex()}"
            part = f"{folder}/part"
            client.mkdir(folder, 0o700)
            try:
                with client.open(part, "wx") as file:
                    file.chmod(mode)
                    file.set_pipelined(True)
                    file.write(data)
                client.posix_rename(part, whole)
            except BaseException:
                with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                    client.remove(part)
                raise
            finally:
                with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                    client.rmdir(folder)

        await self._with_sftp(write)

    async def send(self, local: Path, remote: str, on_bytes: Callable[[int], None] | None = None) -> None:
        """Send a file, or a folder as one stream; see `transfer.send`."""
        await send(self, local, remote, on_bytes)

    async def fetch(self, remote: str, local: Path, on_bytes: Callable[[int], None] | None = None) -> None:
        """Fetch a file, or a folder as one stream; see `transfer.fetch`."""
        await fetch(self, remote, local, on_bytes)

    async def _with_sftp(self, function: Callable[[paramiko.SFTPClient], Result]) -> Result:
        async with self._sftp_lock:
            self._require_alive()
            try:
                if self._sftp is None:
                    self._sftp = await in_thread(self._open_sftp, on_late=paramiko.SFTPClient.close)
                client = self._sftp
                return await in_thread(function, client, on_cancel=self._drop_sftp)
            except paramiko.ChannelException as error:
                raise self._no_sftp(str(error.text)) from None
            except (EOFError, paramiko.SSHException) as error:
                self._drop_sftp()
                if self._transport.is_active():
                    raise self._no_sftp(str(error)) from None
                raise connection_lost(self.target, "while a file was moved", str(error)) from None
            except OSError:
                if not self._transport.is_active():
                    raise connection_lost(self.target, "while a file was moved") from None
                raise

    def _open_sftp(self) -> paramiko.SFTPClient:
        channel = self._transport.open_session()
        try:
            channel.invoke_subsystem("sftp")
            return paramiko.SFTPClient(channel)
        except BaseException:
            let_go(channel)
            raise

    def _drop_sftp(self) -> None:
        client, self._sftp = self._sftp, None
        if client is not None:
            let_go(client)

    def _no_sftp(self, detail: str) -> SshProblem:
        return SshProblem(
            f"The SSH server of {self.target.place} offers no SFTP.",
            code="no-sftp",
            step="log in",
            remedy="Ask its administrator for the line: Subsystem sftp internal-sftp in sshd_config.",
            detail=detail,
        )

    # ------------------------------------------------------------ forwards

    async def forward(
        self, remote: str | tuple[str, int], local: str | tuple[str, int] = ("127.0.0.1", 0), *, probe: bool = False
    ) -> Forward:
        """Listen at `local` and forward its connections to `remote`; a text is the path of a unix socket.

        Args:
            remote: a socket of the host, or (host, port) as the host reaches it.
            local: a path, in a directory that is closed to others; or ("127.0.0.1", port), port 0: a free one.
            probe: open one channel now, to find out whether the host allows it. Where it forbids forwarding, a program
                on the host carries the connections (`carried`), if the account can run Python.

        Raises:
            RhError: it cannot listen there.
            SshProblem: with `probe`: why no channel can be opened; "forwarding-forbidden" for one.
        """
        self._require_alive()
        forward = await in_thread(Forward, self._transport, self.target, remote, local, on_late=Forward.close)
        self._forwards.add(forward)
        if probe:
            try:
                await in_thread(forward.probe, on_cancel=forward.close)
            except SshProblem as error:
                forward.close()
                self.forwarding = False if error.code == "forwarding-forbidden" else self.forwarding
                raise
            self.forwarding = not forward.carried
        return forward

    # ------------------------------------------------------------ life

    async def ping(self) -> float:
        """Seconds to the host and back.

        Raises:
            SshProblem: it does not answer.
        """
        try:
            return await in_thread(self._transport.ping, PING_ANSWERED_WITHIN, name="ssh ping")
        except (EOFError, OSError, paramiko.SSHException) as error:
            raise connection_lost(self.target, "the host does not answer", str(error)) from None

    async def close(self) -> None:
        """End the connection with its forwards. May be called twice."""
        self._closing = True
        self._watch.cancel()
        self._callbacks.clear()
        for forward in list(self._forwards):
            forward.close()
        self._forwards.clear()
        for job in self._cancelled:
            await in_thread(job.killed.wait, CANCELLED_ENDS_WITHIN)
        await in_thread(self._way.close, name="ssh close")

    def _cancel(self, job: Command) -> None:
        self._cancelled = {other for other in self._cancelled if not other.killed.is_set()} | {job}
        job.cancel()

    def _require_alive(self) -> None:
        if self.problem is not None:
            raise self.problem
        if not self.alive:
            raise connection_lost(self.target, "it was closed here" if self._closing else "the host ended it")

    async def _ping_always(self) -> None:
        """A dead link says nothing, and TCP alone would try for a quarter of an hour."""
        transport = self._transport
        while transport.is_active():
            await asyncio.sleep(PING_EVERY)
            began = time.monotonic()
            try:
                async with asyncio.timeout(PING_ANSWERED_WITHIN):
                    await in_thread(transport.ping, PING_ANSWERED_WITHIN, name="ssh ping")
            except (TimeoutError, EOFError, OSError, paramiko.SSHException):
                # on a slow line the answer may stand behind much else, which shows that the line lives
                if transport.heard < began:
                    why = f"no answer for {time.monotonic() - transport.heard:.0f} s"
                    self._lose(connection_lost(self.target, why))
                    self._way.kill()
                    return

    def _ended(self) -> None:
        """The thread of the transport ends: called there."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._lose, None)

    def _lose(self, problem: SshProblem | None) -> None:
        if self._closing or self.problem is not None:
            return
        if problem is None:
            words = self._transport.last_words
            problem = connection_lost(self.target, "the host ended it", words)
        self.problem = problem
        self._watch.cancel()
        for forward in list(self._forwards):
            forward.close()
        self._forwards.clear()
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(problem)


def _from_home(path: str) -> str:
    return path.removeprefix("~/")
