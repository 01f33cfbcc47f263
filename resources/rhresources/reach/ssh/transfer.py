"""Files and folders to a host and from it, each as one stream: one SFTP put per file would take a round trip each."""

from __future__ import annotations

import asyncio
import io
import os
import queue
import shlex
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from rhresources.errors import NotFound, RhError
from rhresources.reach.ssh.running import Write
from rhresources.reach.ssh.threads import in_thread

if TYPE_CHECKING:
    from rhresources.reach.ssh.connection import SshConnection

OnBytes = Callable[[int], None]

_PIECE = 256 << 10
_TELL_EVERY = 0.1
_QUEUED = 64


def remote_path(path: str) -> str:
    """A path as a word for `sh`: "~" and "~/x" are of the user's home.

    Raises:
        RhError: it is empty or has a null character.
    """
    if not path or "\0" in path:
        raise RhError(f"{path!r} is not a path on a host.")
    if path == "~":
        return '"$HOME"'
    if path.startswith("~/"):
        return f'"$HOME"/{shlex.quote(path[2:])}'
    return shlex.quote(path if not path.startswith("-") else f"./{path}")


async def send(connection: SshConnection, local: Path, remote: str, on_bytes: OnBytes | None = None) -> None:
    """Send a file or a folder.

    A file replaces the one at `remote` as a whole, or goes into `remote` where that is a folder or ends with "/". A
    folder's content goes into the folder `remote`, which is made; what else is in it stays.

    Args:
        connection: to the host.
        local: what to send.
        remote: where to; begins at the user's home unless it is absolute.
        on_bytes: hears how much was sent so far, on the loop.

    Raises:
        NotFound: there is no such file here.
        SshProblem: the host could not write it, in its own words.
    """
    local = local.expanduser()
    if not await asyncio.to_thread(local.exists):
        raise NotFound(f"There is no file or folder {local}.")
    is_folder = await asyncio.to_thread(local.is_dir)
    target, tell = remote_path(remote), _teller(on_bytes)
    errors: list[Exception] = []

    def give(write: Write) -> None:
        try:
            with _Counted(write, tell) as stream:
                if is_folder:
                    with tarfile.open(fileobj=stream, mode="w|", bufsize=_PIECE, format=tarfile.PAX_FORMAT) as archive:
                        archive.add(local, arcname=".")
                else:
                    with local.open("rb") as file:
                        while data := file.read(_PIECE):
                            stream.write(data)
        except EOFError:  # the command there ended, and will say why
            raise
        except Exception as error:
            errors.append(error)
            raise OSError from error

    if is_folder:
        command = f"mkdir -p {target} && tar -xf - -C {target}"
    else:
        mode = f"{local.stat().st_mode & 0o777:o}"
        into = '"$t"/' + shlex.quote(local.name)
        command = (
            f't={target}; case {shlex.quote(remote)} in */) mkdir -p "$t";; esac; [ -d "$t" ] && t={into}; '
            f'mkdir -p "$(dirname -- "$t")" && p="$t.part-$$" && cat > "$p" && '
            f'[ "$(wc -c < "$p")" -eq {local.stat().st_size} ] && chmod {mode} "$p" && mv -f "$p" "$t" || '
            '{ rm -f "$p"; exit 1; }'
        )
    try:
        await connection.run(command, input=give, check=True)
    except RhError:
        if errors:
            raise _local_problem("read", local, errors[0]) from None
        raise
    if errors:
        raise _local_problem("read", local, errors[0])
    tell(0, True)


async def fetch(connection: SshConnection, remote: str, local: Path, on_bytes: OnBytes | None = None) -> None:
    """Fetch a file or a folder.

    A file goes to `local`, or into it where that is a folder; it appears there as a whole. A folder's content goes into
    the folder `local`, which is made. What an archive may not do (leave its folder, make devices) is refused.

    Args:
        connection: to the host.
        remote: what to fetch; begins at the user's home unless it is absolute.
        local: where to.
        on_bytes: hears how much has come so far, on the loop.

    Raises:
        NotFound: there is no such file there.
        RhError: it cannot be written here, or read there.
    """
    local, source = local.expanduser(), remote_path(remote)
    taker = _Taker(local, remote.rstrip("/").rpartition("/")[2] or "file", _teller(on_bytes))
    command = (
        f's={source}; if [ -d "$s" ]; then printf d; exec tar -cf - -C "$s" .; '
        'elif [ -e "$s" ]; then printf f; exec cat -- "$s"; else exit 44; fi'
    )
    reader = asyncio.ensure_future(in_thread(taker.work, name="ssh fetch", on_cancel=taker.stop))
    try:
        done = await connection.run(command, on_stdout=taker.take)
        taker.end(done.code == 0)
        if done.code == 44:
            raise NotFound(f"There is no file or folder {remote} on {connection.target.place}.")
        await reader
        if done.code:
            words = done.stderr.decode(errors="replace").strip()
            last = words.splitlines()[-1] if words else f"exit code {done.code}"
            raise RhError(f"{remote} cannot be read on {connection.target.place}: {last}.", detail=words)
    except BaseException:
        taker.stop()
        ended = (await asyncio.gather(reader, return_exceptions=True))[0]
        if isinstance(ended, RhError):  # what went wrong here is why the command there ended
            raise ended from None
        raise


class _Taker:
    """Writes what comes, in a thread of its own."""

    def __init__(self, local: Path, name: str, tell: Callable[[int, bool], None]) -> None:
        self._local = local
        self._name = name
        self._tell = tell
        self._queue: queue.Queue[bytes | None] = queue.Queue(_QUEUED)
        self._stopped = threading.Event()
        self._whole = False
        self._rest = b""

    def take(self, data: bytes) -> None:
        while not self._stopped.is_set():
            try:
                return self._queue.put(data, timeout=0.1)
            except queue.Full:
                continue
        raise OSError("nobody takes it any more")

    def end(self, whole: bool) -> None:
        self._whole = whole
        threading.Thread(target=self._queue.put, args=(None,), name="ssh fetch end", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def read(self, size: int) -> bytes:
        """For `tarfile`."""
        while len(self._rest) < size:
            data = self._next()
            if data is None:
                break
            self._rest += data
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _next(self) -> bytes | None:
        while not self._stopped.is_set():
            try:
                data = self._queue.get(timeout=0.1)
            except queue.Empty:
                continue
            if data is not None:
                self._tell(len(data), False)
            else:
                self._queue.put(None)
            return data
        raise OSError("it was given up")

    def work(self) -> None:
        kind = self.read(1)
        try:
            if kind == b"d":
                self._local.mkdir(parents=True, exist_ok=True)
                stream = cast(IO[bytes], self)
                with tarfile.open(fileobj=stream, mode="r|", bufsize=_PIECE) as archive:
                    archive.extractall(self._local, filter="data")
            elif kind == b"f":
                self._file(self._local / self._name if self._local.is_dir() else self._local)
            self._tell(0, True)
        except (OSError, tarfile.TarError) as error:
            if not self._stopped.is_set() or not str(error).startswith("it was given up"):
                raise _local_problem("written", self._local, error) from None
        finally:
            self._stopped.set()

    def _file(self, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part-{os.getpid()}-{threading.get_ident()}")
        try:
            with part.open("wb") as file:
                file.write(self._rest)
                self._rest = b""
                while (data := self._next()) is not None:
                    file.write(data)
            if self._whole:
                os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)


class _Counted(io.RawIOBase):
    def __init__(self, write: Write, tell: Callable[[int, bool], None]) -> None:
        super().__init__()
        self._write = write
        self._tell = tell

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._write(bytes(data))
        self._tell(len(data), False)
        return len(data)


def _teller(on_bytes: OnBytes | None) -> Callable[[int, bool], None]:
    """Counts in a thread, and tells on the loop ten times a second."""
    if on_bytes is None:
        return lambda size, end: None
    loop, hear = asyncio.get_running_loop(), on_bytes
    total, last = 0, 0.0

    def tell(size: int, end: bool) -> None:
        nonlocal total, last
        total += size
        if end or time.monotonic() - last >= _TELL_EVERY:
            last = time.monotonic()
            loop.call_soon_threadsafe(hear, total)

    return tell


def _local_problem(what: str, path: Path, error: Exception) -> RhError:
    if isinstance(error, RhError):
        return error
    where = getattr(error, "filename", None) or path
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return RhError(f"{where} cannot be {what}: {why}.", detail=repr(error))
