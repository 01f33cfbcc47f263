"""Commands on the host: clean output whatever the login shell prints, and no process left when nobody waits."""

from __future__ import annotations

import contextlib
import os
import shlex
import threading
from collections.abc import Callable
from dataclasses import dataclass

import paramiko

from rhresources.reach.ssh.problems import SshProblem, connection_lost
from rhresources.reach.ssh.target import SshTarget
from rhresources.reach.ssh.transport import SshTransport, let_go

_PIECE = 256 << 10
_KILL_WAITS = 5.0
"""How long a cancelled command may take until it is known which process it is."""

_MOST_NOISE = 1 << 20

Write = Callable[[bytes | memoryview], None]
"""Writes to the standard input of a command; raises EOFError when that reads no more."""


@dataclass(frozen=True, slots=True)
class Completed:
    """What a command left.

    Attributes:
        code: its exit code; -1 where a signal ended it.
        stdout, stderr: what it printed.
    """

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text, without the white space around it."""
        return self.stdout.decode(errors="replace").strip()


class _Clean:
    """Passes on what comes after the marker. A login shell may print anything before a command runs."""

    def __init__(self, marker: bytes, pass_on: Callable[[bytes], None]) -> None:
        self._marker = marker
        self._pass_on = pass_on
        self.before = b""
        self.line: bytes | None = None

    def feed(self, data: bytes) -> None:
        if self.line is not None:
            self._pass_on(data)
            return
        self.before += data
        start = self.before.find(self._marker)
        end = self.before.find(b"\n", start) if start >= 0 else -1
        if end < 0:
            if len(self.before) > _MOST_NOISE and start < 0:
                self.before = self.before[-len(self._marker) :]
            return
        self.line = self.before[start + len(self._marker) : end]
        rest, self.before = self.before[end + 1 :], self.before[:start]
        if rest:
            self._pass_on(rest)


class Command:
    """One command in a session of its own. `work` blocks; call it in a thread.

    Args:
        transport: logged in.
        target: for sentences.
        command: for `sh`.
        input: bytes for standard input, or a function that gets a function to write with.
        on_output: gets both streams as they come; called in threads.
        on_stdout, on_stderr: get standard output and error instead of their being collected; called in threads.
    """

    def __init__(
        self,
        transport: SshTransport,
        target: SshTarget,
        command: str,
        *,
        input: bytes | Callable[[Write], None] = b"",
        on_output: Callable[[bytes], None] | None = None,
        on_stdout: Callable[[bytes], None] | None = None,
        on_stderr: Callable[[bytes], None] | None = None,
    ) -> None:
        self._transport = transport
        self._target = target
        self.command = command
        self._input = input
        self._on_output = on_output
        self._on_stdout = on_stdout
        self._on_stderr = on_stderr
        self._channel: paramiko.Channel | None = None
        self._process = ""
        self._started = threading.Event()
        self._cancelled = False
        self.killed = threading.Event()
        """Set when a cancelled command was told to end there; until then the connection is needed."""
        self._stdout: list[bytes] = []
        self._stderr: list[bytes] = []
        self.address = ""

    def work(self) -> Completed:
        """Run it to its end.

        Raises:
            SshProblem: the connection was lost, or the account runs no commands.
        """
        marker = f"rhdesk-{os.urandom(12).hex()}"
        script = f"printf '\\n{marker} %s %s\\n' $$ \"$SSH_CONNECTION\"; printf '\\n{marker}\\n' >&2; {self.command}"
        channel = self._open()
        try:
            # without exec the login shell would stay in between; its session and group are those of the command
            channel.exec_command(f"exec sh -c {shlex.quote(script)}")
            out, err = _Clean(marker.encode(), self._out), _Clean(marker.encode(), self._err)
            others = [self._beside(lambda: _pump(channel.recv_stderr, err.feed))]
            feeder = self._beside(lambda: self._feed(channel))
            while data := channel.recv(_PIECE):
                out.feed(data)
                if out.line is not None and not self._started.is_set():
                    self._is_running(out.line)
            for thread in others:
                thread.join()
            code = channel.recv_exit_status()
            if not self._transport.is_active() and code == -1:
                raise EOFError()
            feeder.join(1)
        except (paramiko.SSHException, EOFError, OSError) as error:
            if self._transport.is_active() and isinstance(error, paramiko.SSHException):
                raise self._refused(str(error)) from None
            raise connection_lost(self._target, f"while {_short(self.command)!r} ran", str(error)) from None
        finally:
            let_go(channel)
            self._started.set()
        if out.line is None and not self._cancelled:
            said = (out.before + b"".join(self._stderr) + err.before).decode(errors="replace").strip()
            raise self._refused(said)
        return Completed(code, b"".join(self._stdout), b"".join(self._stderr))

    def cancel(self) -> None:
        """End it with everything that it started in its session. Does not block."""
        self._cancelled = True
        threading.Thread(target=self._kill_and_say, name="ssh kill", daemon=True).start()

    # ------------------------------------------------------------ parts

    def _open(self) -> paramiko.Channel:
        try:
            self._channel = self._transport.open_session()
            return self._channel
        except paramiko.ChannelException as error:
            raise self._refused(str(error.text)) from None
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise connection_lost(self._target, f"before {_short(self.command)!r} ran", str(error)) from None

    def _refused(self, said: str) -> SshProblem:
        return SshProblem(
            f"{self._target.place} does not run commands for {self._target.user}.",
            code="no-shell",
            step="log in",
            remedy="The account needs a login shell, and no forced command.",
            detail=said,
        )

    def _is_running(self, line: bytes) -> None:
        words = line.decode(errors="replace").split()
        self._process = words[0] if words and words[0].isdigit() else ""
        self.address = words[3] if len(words) > 3 else ""
        self._started.set()

    def _out(self, data: bytes) -> None:
        if self._on_stdout is not None:
            self._on_stdout(data)
        else:
            self._stdout.append(data)
        if self._on_output is not None:
            self._on_output(data)

    def _err(self, data: bytes) -> None:
        if self._on_stderr is not None:
            self._on_stderr(data)
        else:
            self._stderr.append(data)
        if self._on_output is not None:
            self._on_output(data)

    def _feed(self, channel: paramiko.Channel) -> None:
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            try:
                if callable(self._input):
                    self._input(lambda data: _send(channel, data))
                elif self._input:
                    channel.sendall(memoryview(self._input))
            finally:
                channel.shutdown_write()

    @staticmethod
    def _beside(function: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=function, name="ssh command", daemon=True)
        thread.start()
        return thread

    def _kill_and_say(self) -> None:
        try:
            self._kill()
        finally:
            self.killed.set()

    def _kill(self) -> None:
        self._started.wait(_KILL_WAITS)
        channel = self._channel
        if self._process and (channel is None or not channel.exit_status_ready()):
            group = f"-{self._process}"  # without "--" before it, which the kill of some shells does not know
            script = (
                f"kill -TERM {group}; n=0; while kill -0 {group} && [ $n -lt 30 ]; do sleep 0.1; n=$((n+1)); done; "
                f"kill -KILL {group}"
            )
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                killer = self._transport.open_session()
                killer.exec_command(f"exec sh -c {shlex.quote(f'({script}) >/dev/null 2>&1')}")
                self.killed.set()
                killer.recv_exit_status()
                killer.close()
        if channel is not None:
            let_go(channel)


def _send(channel: paramiko.Channel, data: bytes | memoryview) -> None:
    try:
        channel.sendall(memoryview(data))
    except OSError:
        raise EOFError("the command reads no more") from None


def _pump(receive: Callable[[int], bytes], feed: Callable[[bytes], None]) -> None:
    while data := receive(_PIECE):
        feed(data)


def _short(command: str) -> str:
    line = command.strip().splitlines()[0] if command.strip() else command
    return line if len(line) <= 60 else f"{line[:57]}..."


def failed(target: SshTarget, command: str, done: Completed) -> SshProblem:
    """The problem of a command that should have succeeded."""
    detail = (done.stderr or done.stdout).decode(errors="replace").strip()
    last = detail.splitlines()[-1].strip().rstrip(".") if detail else f"exit code {done.code}"
    return SshProblem(f"{_short(command)!r} failed on {target.place}: {last}.", code="command-failed", detail=detail)
