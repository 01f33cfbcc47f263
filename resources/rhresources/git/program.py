"""Runs git with everything off by which a repository could make it run programs, and nobody at its prompts."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rhresources.errors import RhError
from rhresources.git.address import Remote

OnLine = Callable[[str], None]

IDLE_SECONDS = 90.0
"""For how long git may say nothing while it talks to a server."""

_PIECE = 65_536
_LARGEST_OUTPUT = 256 << 20  # of a repository that lists itself without end
_KEPT = 20_000  # bytes of messages that are kept for a person to read
_SHOW_EVERY = 1.0
_PERCENT = re.compile(r"(?:remote: )?(?P<what>[A-Z][a-z]+(?: [A-Za-z]+)*):\s+(?P<percent>\d+)%")

# what a user set up for the way there stays: proxies and certificates are in their configuration
_KEPT_VARIABLES = frozenset({"GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_NO_VERIFY", "GIT_SSL_VERSION"})
_CONFIGURATION = frozenset({"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"})
_OWN_SCOPES = ("global", "system")
# what may not be switched off for a server of somebody else's, whoever wrote it
_SWITCHED = re.compile(r"""(?i)(StrictHostKeyChecking|BatchMode)([ \t]*=[ \t]*|[ \t]+)(["']?)[\w-]+""")

_SAFE = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "core.attributesFile": os.devnull,
    "core.askPass": "",
    "core.gitProxy": "",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "diff.external": "",
    "fetch.recurseSubmodules": "false",
    "fetch.writeCommitGraph": "false",
    "fetch.unpackLimit": "1",  # a pack is few files, however many a server sends
    "submodule.recurse": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "advice.detachedHead": "false",
    "http.followRedirects": "initial",
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": str(int(IDLE_SECONDS)),
    "http.saveCookies": "false",
    "http.cookieFile": "",
    "transfer.bundleURI": "false",
    "safe.directory": "*",  # of repositories on this computer that belong to others, nothing is run
}


_NO_OTHER_LOGIN = {
    "http.followRedirects": "false",
    "credential.helper": "",  # a helper of the user's must neither answer instead nor keep it
}
_HELPER = '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$RHDESK_USER" "$RHDESK_TOKEN"; }; f'


@dataclass(frozen=True, slots=True)
class Login:
    """A token for one host. Git gets it in its environment, for addresses of that host only."""

    base: str
    token: str = field(repr=False)

    def settings(self) -> dict[str, str]:
        """The configuration that sends it."""
        header = base64.b64encode(":".join(self._account).encode()).decode()
        return _NO_OTHER_LOGIN | {f"http.{self.base}/.extraHeader": f"Authorization: Basic {header}"}

    def settings_of_helper(self) -> dict[str, str]:
        """The configuration by which git-lfs asks for it: what is in git's own variables it writes into its logs."""
        return _NO_OTHER_LOGIN | {f"credential.{self.base}.helper": _HELPER}

    def variables_of_helper(self) -> dict[str, str]:
        """What its helper answers."""
        return dict(zip(("RHDESK_USER", "RHDESK_TOKEN"), self._account, strict=True))

    @property
    def _account(self) -> tuple[str, str]:
        user, colon, token = self.token.partition(":")
        return (user, token) if colon else ("x-access-token", self.token)


@dataclass(frozen=True, slots=True)
class Done:
    """What git said.

    Attributes:
        code: its exit code.
        output: of standard output.
        messages: of standard error, the end of it.
        was_silent: it was ended because it said nothing for too long.
        was_too_large: it was ended because it wrote too much.
    """

    code: int
    output: bytes
    messages: str
    was_silent: bool = False
    was_too_large: bool = False


async def run_git(
    arguments: Sequence[str],
    *,
    remote: Remote | None = None,
    login: Login | None = None,
    repository: Path | None = None,
    on_line: OnLine | None = None,
    most: int = 0,
    settings: Mapping[str, str] | None = None,
) -> Done:
    """Run git to its end. Cancelling ends it with everything that it started.

    Args:
        arguments: the command and its arguments.
        remote: the server that it talks to; None: it may talk to nobody.
        login: for that server.
        repository: the bare repository that it works on.
        on_line: gets its progress, a line a second at most.
        most: by how many bytes `repository` may grow; 0: by any number.
        settings: of git, for this once.

    Raises:
        RhError: there is no git program.
    """
    more = dict(settings or {})
    if login is not None:
        more |= login.settings_of_helper() if arguments[0] == "lfs" else login.settings()
    environment = _environment(remote, repository, more)
    if login is not None and arguments[0] == "lfs":
        environment |= login.variables_of_helper()
    if remote is not None and remote.scheme != "file":
        environment["GIT_SSH_COMMAND"] = await _ssh_command()
    async with _started(arguments, environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        heard = _Heard(on_line)
        reading: asyncio.Task[bytes] = asyncio.create_task(_both(process.stdout, process.stderr, heard))
        watching = asyncio.create_task(heard.silence(IDLE_SECONDS if remote is not None else 10 * IDLE_SECONDS))
        tasks: set[asyncio.Task[Any]] = {reading, watching}
        if most and repository is not None:
            tasks.add(asyncio.create_task(_growth(repository, most)))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                return Done(-1, b"", heard.text, was_silent=watching.done(), was_too_large=not watching.done())
            output = reading.result()
            return Done(await process.wait(), output, heard.text)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def open_git(arguments: Sequence[str], repository: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A git that is talked with over its standard input and output, by a thread; ended with the context.

    Raises:
        RhError: there is no git program.
    """
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            ["git", *arguments], cwd=os.path.abspath(os.sep), env=_environment(None, repository), stdin=pipe,
            stdout=pipe, stderr=subprocess.DEVNULL, start_new_session=os.name == "posix",
        )  # fmt: skip
    except OSError as error:
        raise _cannot_start(error) from error
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _cannot_start(error: OSError) -> RhError:
    if isinstance(error, FileNotFoundError):
        return RhError("There is no git program on this computer.", remedy="Install git, then try again.")
    return RhError(f"git cannot be started: {error.strerror or error}.", detail=str(error))


@asynccontextmanager
async def _started(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            "git", *arguments, cwd=os.path.abspath(os.sep), env=environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=os.name == "posix",
        )  # fmt: skip
    except OSError as error:
        raise _cannot_start(error) from error
    try:
        yield process
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                if sys.platform != "win32":
                    os.killpg(process.pid, signal.SIGKILL)  # ssh and git-remote-https with it
                else:
                    process.kill()
            await process.wait()


def _environment(
    remote: Remote | None, repository: Path | None, more: Mapping[str, str] | None = None, *, reads_own: bool = False
) -> dict[str, str]:
    """Of the user's own variables all but those that would send git elsewhere."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT_VARIABLES
    }
    settings = _SAFE | dict(more or {})
    if remote is None and not reads_own:
        # no server, so no proxy either: nothing of the user's configuration is needed
        environment["GIT_CONFIG_GLOBAL"] = os.devnull
        environment["GIT_CONFIG_NOSYSTEM"] = "1"
    else:
        environment |= {name: os.environ[name] for name in _CONFIGURATION if name in os.environ}
    environment |= {
        "GIT_ALLOW_PROTOCOL": _protocols(remote),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "SSH_ASKPASS_REQUIRE": "never",
        "GCM_INTERACTIVE": "never",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_DEFAULT_HASH": "sha1",
        "LC_ALL": "C",
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for number, (name, value) in enumerate(settings.items()):
        environment[f"GIT_CONFIG_KEY_{number}"] = name
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    if repository is not None:
        environment["GIT_DIR"] = str(repository)
    return environment


def _protocols(remote: Remote | None) -> str:
    if remote is None:
        return "none"
    # a server may send on from http to https and no further; ssh is for insteadOf in the user's own configuration
    return {"http": "http:https:ssh", "https": "https:ssh"}.get(remote.scheme, remote.scheme)


async def _ssh_command() -> str:
    """The person's ssh, as git would choose it, which asks nothing and takes no host on trust."""
    own = (
        os.environ.get("GIT_SSH_COMMAND") or await _configured_ssh() or shlex.quote(os.environ.get("GIT_SSH") or "ssh")
    )
    own = _SWITCHED.sub(r"\1\2\3yes", own)  # of several values ssh takes the first
    return f"{own} -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=20 -oServerAliveInterval=15"


async def _configured_ssh() -> str:
    """`core.sshCommand` of the person and of this computer; what a repository says is passed over."""
    environment = _environment(None, None, reads_own=True)
    arguments = ["config", "--show-scope", "-z", "--get-all", "core.sshCommand"]
    async with _started(arguments, environment) as process:
        output = (await process.communicate())[0].decode("utf-8", "surrogateescape")
    words = output.split("\0")
    found = [value for scope, value in zip(words[::2], words[1::2], strict=False) if scope in _OWN_SCOPES]
    return found[-1] if found else ""


async def _growth(folder: Path, most: int) -> None:
    """Return when a folder has grown by more than `most` bytes."""
    before = await asyncio.to_thread(_size_of, folder)
    while await asyncio.to_thread(_size_of, folder) - before <= most:  # noqa: ASYNC110  git sets no event
        await asyncio.sleep(_SHOW_EVERY)


def _size_of(folder: Path) -> int:
    size = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size += os.lstat(os.path.join(where, name)).st_size
    return size


async def _both(output: asyncio.StreamReader, messages: asyncio.StreamReader, heard: _Heard) -> bytes:
    return (await asyncio.gather(_all_of(output, heard), heard.listen(messages)))[0]


async def _all_of(stream: asyncio.StreamReader, heard: _Heard) -> bytes:
    pieces, size = [], 0
    while piece := await stream.read(_PIECE):
        heard.touch()
        pieces.append(piece)
        size += len(piece)
        if size > _LARGEST_OUTPUT:
            raise RhError("The git repository lists more than rhdesk reads of one.", remedy="Use a smaller repository.")
    return b"".join(pieces)


class _Heard:
    """What git says on standard error: lines to keep, progress to show, and when it last said anything."""

    def __init__(self, on_line: OnLine | None) -> None:
        self._on_line = on_line
        self._kept = ""
        self._last = time.monotonic()
        self._shown = 0.0

    @property
    def text(self) -> str:
        return self._kept.strip()

    def touch(self) -> None:
        self._last = time.monotonic()

    async def listen(self, stream: asyncio.StreamReader) -> None:
        rest = ""
        while piece := await stream.read(_PIECE):
            self.touch()
            *lines, rest = re.split(r"[\r\n]", rest + piece.decode("utf-8", "replace"))
            for line in lines:
                self._take(line.strip())
        self._take(rest.strip())

    def _take(self, line: str) -> None:
        found = _PERCENT.match(line)
        if found is None:
            if line:
                self._kept = f"{self._kept}{line}\n"[-_KEPT:]
            return
        now = time.monotonic()
        if self._on_line is not None and now - self._shown >= _SHOW_EVERY:
            self._shown = now
            self._on_line(f"{found['what']}: {found['percent']} %")

    async def silence(self, seconds: float) -> None:
        """Return when nothing was said for so long."""
        while (left := self._last + seconds - time.monotonic()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)
