"""The near end of a transfer: says what there is, sends or takes what differs, and tells how far it came."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rhresources.errors import NotFound, RhError, UsageError
from rhresources.transfer import far_end

if TYPE_CHECKING:
    from rhresources.transfer.far_end import Entry

Progress = Callable[[str], None]

_TOO_OLD = 64
_BOOT = (
    f"import sys;sys.version_info<(3,8) and sys.exit({_TOO_OLD});n=int(sys.stdin.buffer.readline());"
    'exec(compile(sys.stdin.buffer.read(n),"<far end>","exec"),{"__name__":"<far end>"})'
)
# one start a try: what stands for python may be a script that takes long to find it
_FIND_PYTHON = (
    'for p in "${RH_HOME:-$HOME/.rh}"/installs/*/bin/python /usr/bin/python3 python3 python; do '
    f'if command -v "$p" >/dev/null 2>&1; then "$p" -c "$1"; c=$?; test $c -ne {_TOO_OLD} && exit $c; fi; done; '
    'echo "no python" >&2; exit 127'
)
COMMAND = shlex.join(["exec", "sh", "-c", _FIND_PYTHON, "rhdesk", _BOOT])
"""Starts the far end on a host with whatever shell its user has."""

_SAY_EVERY = 0.3
_SECONDS_TO_END = 2.0
_NOISE = 64 * 1024  # what a .bashrc may print before we are heard


class FarProcess(Protocol):
    """A process at the far end, with blocking streams."""

    stdin: Any
    stdout: Any

    def end_input(self) -> None:
        """Nothing more comes."""
        ...

    def wait(self, seconds: float) -> tuple[int | None, str]:
        """Its exit code, None if it goes on after `seconds`, and what it said on standard error."""
        ...

    def kill(self) -> None:
        """End it now; a read or write that waits ends too. From any thread."""
        ...


OpenFar = Callable[[str], Awaitable[FarProcess]]
"""Starts a shell command at the far end."""


@dataclass(frozen=True, slots=True)
class Transferred:
    """What a transfer did.

    Attributes:
        files: how many travelled.
        bytes: how many that were.
        unchanged: files that were there already.
        skipped: what was left out, each with the reason.
    """

    files: int
    bytes: int
    unchanged: int
    skipped: tuple[str, ...] = ()


async def send(
    open_far: OpenFar, sources: Sequence[str | Path], destination: str, progress: Progress | None = None
) -> Transferred:
    """Send files and folders.

    Args:
        open_far: starts the far end.
        sources: a folder goes with its name, one that ends in a slash as its contents only.
        destination: there; relative ones start from the home directory. A folder, unless one file gets this name.
        progress: hears now and then how far it is.

    Raises:
        NotFound: there is no such source.
        RhError: something cannot be read or written.
    """
    chosen = [str(source) for source in sources]
    return await _transfer(open_far, progress, lambda far, tell: _send(far, chosen, destination, tell))


async def fetch(
    open_far: OpenFar, sources: Sequence[str], destination: str | Path, progress: Progress | None = None
) -> Transferred:
    """Fetch files and folders: as `send`, the other way round.

    Raises:
        NotFound: there is no such source.
        RhError: something cannot be read or written, or the far end sends what would lead out of `destination`.
    """
    return await _transfer(open_far, progress, lambda far, tell: _fetch(far, list(sources), str(destination), tell))


async def open_here(command: str) -> FarProcess:
    """The far end on this computer."""
    return await asyncio.to_thread(_HereProcess)


async def _transfer(
    open_far: OpenFar, progress: Progress | None, work: Callable[[FarProcess, _Teller], Transferred]
) -> Transferred:
    far = await open_far(COMMAND)
    teller = _Teller(progress, asyncio.get_running_loop())
    with ThreadPoolExecutor(1, thread_name_prefix="transfer") as pool:
        running = asyncio.get_running_loop().run_in_executor(pool, _converse, far, work, teller)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            far.kill()
            with suppress(Exception):
                await running
            raise
        finally:
            far.kill()


class _Teller:
    """Says how far it is, on the loop, not too often."""

    def __init__(self, progress: Progress | None, loop: asyncio.AbstractEventLoop) -> None:
        self._progress = progress
        self._loop = loop
        self._said = time.monotonic()
        self.done = 0
        self.total = 0
        self.verb = ""

    def say(self, text: str) -> None:
        if self._progress is not None:
            self._loop.call_soon_threadsafe(self._progress, text)

    def add(self, count: int) -> None:
        self.done += count
        if time.monotonic() - self._said > _SAY_EVERY:
            self._said = time.monotonic()
            self.say(f"{self.verb} {_size(min(self.done, self.total))} of {_size(self.total)}")


def _converse(far: FarProcess, work: Callable[[FarProcess, _Teller], Transferred], teller: _Teller) -> Transferred:
    try:
        program = Path(far_end.__file__).read_bytes()
        far.stdin.write(b"%d\n" % len(program) + program)
        far.stdin.flush()
        _skip_noise(far.stdout)
        return work(far, teller)
    except far_end.Refused as refused:
        raise _refused(str(refused)) from None
    except (EOFError, OSError, ValueError, tarfile.TarError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise RhError(f"{error.filename} cannot be read or written: {error.strerror}.") from None
        raise _why_it_ended(far, error) from None


def _why_it_ended(far: FarProcess, error: Exception) -> RhError:
    """What the far end says of it, on the stream or on standard error."""
    far.end_input()
    with suppress(Exception):
        while True:
            message = far_end.hear(far.stdout)
            if "refused" in message:
                return _refused(message["refused"])
    code, said = far.wait(_SECONDS_TO_END)
    if "no python" in said:
        return RhError(
            "There is no Python on the host that could take the files.",
            remedy="Bring the cluster up first; that puts one there.",
        )
    return RhError(
        "The transfer broke off.",
        remedy="Try again: what has arrived is not sent twice.",
        detail=said or f"exit code {code}: {error}",
    )


def _skip_noise(stream: Any) -> None:
    seen = b""
    while not seen.endswith(far_end.MARK):
        byte = stream.read(1)
        if not byte or len(seen) > _NOISE:
            raise EOFError
        seen += byte


def _send(far: FarProcess, sources: list[str], destination: str, teller: _Teller) -> Transferred:
    entries, real, skipped = far_end.scan([_expanded(source) for source in sources])
    if len(sources) > 1 and not destination.endswith("/"):
        destination += "/"
    far_end.say(far.stdin, {"act": "receive", "destination": destination, "entries": entries})
    answer = _hear(far)
    wanted: list[int] = list(answer["wanted"])
    same: list[int] = []
    for number, there in answer["doubtful"].items():
        here = far_end.digest(real[entries[int(number)][0]])
        (same if here and here == there else wanted).append(int(number))
    wanted.sort()
    far_end.say(far.stdin, {"same": same})
    files = _files(entries, wanted)
    teller.verb, teller.total = "Sending", sum(entry[2] for entry in files)
    skipped += far_end.pack([entries[number] for number in wanted], real, far.stdin, teller.add)
    far.stdin.flush()
    far.end_input()
    _hear(far)
    return Transferred(len(files), teller.total, _count_files(entries) - len(files), tuple(skipped))


def _fetch(far: FarProcess, sources: list[str], destination: str, teller: _Teller) -> Transferred:
    if not sources:
        raise UsageError("Nothing says what to fetch.")
    far_end.say(far.stdin, {"act": "give", "sources": sources})
    answer = _hear(far)
    entries: list[Entry] = [tuple(entry) for entry in answer["entries"]]
    if len(sources) > 1 and not destination.endswith("/"):
        destination += "/"
    folder, name = far_end.goal_of(entries, str(Path(destination).expanduser()) + "/" * destination.endswith("/"))
    wanted, doubtful = far_end.compare(entries, folder, name)
    same: list[int] = []
    if doubtful:
        numbers = [int(number) for number in doubtful]
        far_end.say(far.stdin, {"hash": numbers})
        for number, there in zip(numbers, _hear(far)["hashes"], strict=True):
            (same if there and there == doubtful[str(number)] else wanted).append(number)
    wanted.sort()
    far_end.say(far.stdin, {"pack": wanted})
    far.end_input()
    far_end.settle([entries[number] for number in same], folder, name)
    files = _files(entries, wanted)
    teller.verb, teller.total = "Fetching", sum(entry[2] for entry in files)
    far_end.unpack(_Read(far.stdout, teller), folder, name)
    return Transferred(len(files), teller.total, _count_files(entries) - len(files), tuple(answer["skipped"]))


class _Read:
    """A source for a tar stream that counts."""

    def __init__(self, source: Any, teller: _Teller) -> None:
        self._source = source
        self._teller = teller

    def read(self, count: int) -> bytes:
        data: bytes = self._source.read(count)
        self._teller.add(len(data))
        return data


def _hear(far: FarProcess) -> dict[str, Any]:
    message = far_end.hear(far.stdout)
    if "refused" in message:
        raise _refused(message["refused"])
    return message


def _refused(sentence: str) -> RhError:
    return NotFound(sentence) if sentence.startswith("There is no ") else RhError(sentence)


def _files(entries: list[Entry], numbers: list[int]) -> list[Entry]:
    return [entries[number] for number in numbers if entries[number][1] == "file"]


def _count_files(entries: list[Entry]) -> int:
    return sum(entry[1] == "file" for entry in entries)


def _expanded(source: str) -> str:
    whole = str(Path(source).expanduser())
    return f"{whole}/" if source.endswith(("/", "/.")) and source not in ("/",) else whole


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


class _HereProcess:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.stdin, self.stdout = self._process.stdin, self._process.stdout
        self._said = b""
        self._reader = threading.Thread(target=self._read_errors, name="transfer errors", daemon=True)
        self._reader.start()

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self._said = self._process.stderr.read()

    def end_input(self) -> None:
        assert self.stdin is not None
        with suppress(OSError):
            self.stdin.close()

    def wait(self, seconds: float) -> tuple[int | None, str]:
        try:
            code: int | None = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        self._reader.join(0.5)
        return code, self._said.decode(errors="replace")

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join(1)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(OSError):
                stream.close()  # type: ignore[union-attr]
