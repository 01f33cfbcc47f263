"""What both ends of a transfer do: say which files there are, compare, pack and unpack.

The far end runs this very file, sent to whatever Python it has, from 3.8 on: nothing but the standard library here, and
no newer syntax. `serve` speaks with `transfer.py`: a line with a length, then JSON; then, one way, a tar stream.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import tarfile
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable

    Entry = tuple[str, str, int, int, int, str]
    """(path, "file"|"folder"|"link", size, time of the last change in ns, mode, where a link leads)"""

MARK = b"\0rhdesk files\0"
PIECE = 1 << 18
FLAGS = stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO


class Refused(Exception):
    """What cannot be done, as a sentence."""


def expanded(path: str) -> str:
    """A path there: relative ones start from the home directory."""
    return os.path.join(os.path.expanduser("~"), os.path.expanduser(path))


# ---------------------------------------------------------------- what there is


def scan(sources: list[str]) -> tuple[list[Entry], dict[str, str], list[str]]:
    """What `sources` hold: entries, the real path of each, and what was left out.

    A folder comes with its name; one that ends in a slash with its contents only.
    """
    entries: list[Entry] = []
    real: dict[str, str] = {}
    skipped: list[str] = []
    for source in sources:
        path = source.rstrip("/") or "/"
        if not os.path.lexists(path):
            raise Refused(f"There is no {path}.")
        inside = "" if source.endswith("/") and os.path.isdir(path) else os.path.basename(os.path.abspath(path))
        _scan(path, inside, inside, entries, real, skipped, os.path.isdir(path))
    return entries, real, skipped


def _scan(
    path: str,
    name: str,
    top: str,
    entries: list[Entry],
    real: dict[str, str],
    skipped: list[str],
    follow: bool = False,
) -> None:
    found = os.stat(path) if follow or not name else os.lstat(path)
    kind = found.st_mode
    if name and name in real:
        raise Refused(f"Two of the sources are named {name}.")
    if stat.S_ISDIR(kind):
        if name:
            entries.append((name, "folder", 0, found.st_mtime_ns, kind & FLAGS, ""))
            real[name] = path
        try:
            names = sorted(os.listdir(path))
        except OSError as error:
            skipped.append(f"{path} ({error.strerror})")
            return
        for each in names:
            _scan(os.path.join(path, each), f"{name}/{each}" if name else each, top, entries, real, skipped)
    elif stat.S_ISREG(kind):
        entries.append((name, "file", found.st_size, found.st_mtime_ns, kind & FLAGS, ""))
        real[name] = path
    elif stat.S_ISLNK(kind):
        target = os.readlink(path)
        away = os.path.normpath(os.path.join(os.path.dirname(name), target))
        if os.path.isabs(target) or away == ".." or away.startswith("../"):
            skipped.append(f"{path} (a link that leads out of what is copied)")
            return
        entries.append((name, "link", 0, found.st_mtime_ns, 0o777, target))
        real[name] = path
    else:
        skipped.append(f"{path} (neither a file nor a folder)")


# ---------------------------------------------------------------- what differs


def goal_of(entries: list[Entry], destination: str) -> tuple[str, str]:
    """(folder, new name): a single file may get another name, everything else goes into the folder `destination`."""
    single = len(entries) == 1 and entries[0][1] == "file"
    if single and not destination.endswith("/") and not os.path.isdir(destination):
        return os.path.dirname(os.path.abspath(destination)), os.path.basename(destination)
    return destination, ""


def compare(entries: list[Entry], folder: str, name: str) -> tuple[list[int], dict[str, str]]:
    """Which entries are wanted; and of those of the right size and another time what they hash to here."""
    wanted: list[int] = []
    doubtful: dict[str, str] = {}
    for number, (path, kind, size, changed, mode, target) in enumerate(entries):
        if os.path.isabs(path) or ".." in path.split("/"):
            raise Refused(f"{path} is refused: it leads out of {folder}.")
        here = os.path.join(folder, name or path)
        try:
            found = os.lstat(here)
        except OSError:
            wanted.append(number)
            continue
        if kind == "folder":
            if not stat.S_ISDIR(found.st_mode):
                wanted.append(number)
        elif kind == "link":
            if not stat.S_ISLNK(found.st_mode) or os.readlink(here) != target:
                wanted.append(number)
        elif not stat.S_ISREG(found.st_mode) or found.st_size != size:
            wanted.append(number)
        elif found.st_mtime_ns // 1000 != changed // 1000 or (found.st_mode ^ mode) & stat.S_IXUSR:
            doubtful[str(number)] = digest(here)
    return wanted, doubtful


def settle(entries: list[Entry], folder: str, name: str) -> None:
    """Give files whose contents are right already the time and mode of the others."""
    for path, _, _, changed, mode, _ in entries:
        here = os.path.join(folder, name or path)
        os.utime(here, ns=(changed, changed))
        os.chmod(here, mode & FLAGS)


def digest(path: str) -> str:
    """The hash of a file's contents; empty: it cannot be read."""
    found = hashlib.blake2b(digest_size=20)
    try:
        with open(path, "rb") as file:
            for piece in iter(lambda: file.read(PIECE), b""):
                found.update(piece)
    except OSError:
        return ""
    return found.hexdigest()


# ---------------------------------------------------------------- packing and unpacking


class _Counted:
    """A sink for a tar stream that counts."""

    def __init__(self, sink: Any, on_bytes: Callable[[int], None] | None) -> None:
        self._sink = sink
        self._on_bytes = on_bytes

    def write(self, data: bytes) -> int:
        self._sink.write(data)
        if self._on_bytes is not None:
            self._on_bytes(len(data))
        return len(data)


def pack(
    entries: list[Entry],
    real: dict[str, str],
    sink: Any,
    on_bytes: Callable[[int], None] | None = None,
) -> list[str]:
    """Write entries as a tar stream; what could not be read."""
    skipped: list[str] = []
    counted: Any = _Counted(sink, on_bytes)
    with tarfile.open(fileobj=counted, mode="w|", bufsize=PIECE, format=tarfile.PAX_FORMAT) as archive:
        for path, kind, _, _, _, target in entries:
            info = tarfile.TarInfo(path)
            if kind == "link":
                info.type, info.linkname = tarfile.SYMTYPE, target
                archive.addfile(info)
                continue
            try:
                found = os.stat(real[path])
                info.mode = found.st_mode & FLAGS
                # PAX writes times that are no whole numbers as text, exact to the digits that are given
                whole, rest = divmod(found.st_mtime_ns, 10**9)
                info.pax_headers = {"mtime": f"{whole}.{rest:09d}"}
                if kind == "folder":
                    info.type = tarfile.DIRTYPE
                    archive.addfile(info)
                    continue
                with open(real[path], "rb") as file:
                    info.size = os.fstat(file.fileno()).st_size
                    archive.addfile(info, _Padded(file, info.size))
            except OSError as error:
                skipped.append(f"{real[path]} ({error.strerror})")
    return skipped


class _Padded:
    """A file that is as long as was said, even if somebody cuts it meanwhile: else the whole stream would break."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, count: int = -1, /) -> bytes:
        count = min(count, self._left) if count >= 0 else self._left
        data = self._file.read(count)
        data += b"\0" * (count - len(data))
        self._left -= count
        return data


def unpack(source: Any, folder: str, name: str) -> int:
    """Put a tar stream in place below `folder`, each file at once or not at all; how many entries.

    Raises:
        Refused: an entry leads out of `folder`, or cannot be written.
    """
    count = 0
    os.makedirs(folder, exist_ok=True)
    with tarfile.open(fileobj=source, mode="r|", bufsize=PIECE) as archive:
        for member in archive:
            _put(archive, member, folder, name)
            count += 1
    return count


def _put(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: str, name: str) -> None:
    exact = member.pax_headers.get("mtime", "")
    checked = _checked(member, folder)
    path = os.path.join(folder, name or checked.name)
    parent = os.path.dirname(path)
    part = os.path.join(parent, f".{os.path.basename(path)[:200]}.{os.getpid()}.part")
    try:
        if checked.isdir():
            if os.path.islink(path) or not os.path.isdir(path):
                os.makedirs(path)
            return
        os.makedirs(parent, exist_ok=True)
        if checked.issym():
            os.symlink(checked.linkname, part)
        else:
            stream = archive.extractfile(member)
            assert stream is not None
            with open(part, "wb", opener=_private) as file:
                for piece in iter(lambda: stream.read(PIECE), b""):
                    file.write(piece)
            os.chmod(part, (checked.mode if checked.mode is not None else 0o644) & FLAGS)
            _set_time(part, exact, member.mtime)
        os.replace(part, path)
    except OSError as error:
        try:
            os.unlink(part)
        except OSError:
            pass
        raise Refused(f"{path} cannot be written: {error.strerror}.") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)


def _set_time(path: str, exact: str, rough: float) -> None:
    whole, _, rest = exact.partition(".")
    changed = int(whole) * 10**9 + int(rest.ljust(9, "0")[:9]) if exact else int(rough) * 10**9
    os.utime(path, ns=(changed, changed))


def _checked(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo:
    """The entry, if it stays within `folder`: by tarfile's own filter, where this Python has it."""
    if not (member.isdir() or member.isreg() or member.issym()):
        raise Refused(f"{member.name} is refused: it is neither a file, a folder nor a link.")
    if hasattr(tarfile, "data_filter"):
        try:
            return tarfile.data_filter(member, folder)
        except tarfile.FilterError as error:
            raise Refused(f"{member.name} is refused: {error}.") from None
    root = os.path.realpath(folder)
    place = os.path.realpath(os.path.join(root, member.name))
    ends = [place]
    if member.issym():
        ends.append(os.path.realpath(os.path.join(os.path.dirname(place), member.linkname)))
    if os.path.isabs(member.linkname or "") or any(end != root and not end.startswith(root + os.sep) for end in ends):
        raise Refused(f"{member.name} is refused: it leads out of {folder}.")
    return member


# ---------------------------------------------------------------- the conversation


def say(stream: Any, message: dict[str, Any]) -> None:
    """A message."""
    data = json.dumps(message).encode("utf-8", "surrogateescape")
    stream.write(b"%d\n" % len(data) + data)
    stream.flush()


def hear(stream: Any) -> dict[str, Any]:
    """The next message; EOFError at the end."""
    line = stream.readline()
    if not line.strip().isdigit():
        raise EOFError
    data = b""
    while len(data) < int(line):
        piece = stream.read(int(line) - len(data))
        if not piece:
            raise EOFError
        data += piece
    message: dict[str, Any] = json.loads(data.decode("utf-8", "surrogateescape"))
    return message


def serve(given: Any, taken: Any) -> None:
    """The far end of one transfer, until the near end is done."""
    taken.write(MARK)
    taken.flush()
    try:
        request = hear(given)
        if request["act"] == "receive":
            _receive(request, given, taken)
        else:
            _give(request, given, taken)
    except EOFError:
        pass  # the near end is gone
    except Refused as error:
        say(taken, {"refused": str(error)})
    except OSError as error:
        about = f"{error.filename} cannot be read or written: " if error.filename else ""
        say(taken, {"refused": f"{about}{error.strerror or error}."})
    except tarfile.TarError as error:
        say(taken, {"refused": f"The stream of files is broken: {error}."})


def _receive(request: dict[str, Any], given: Any, taken: Any) -> None:
    entries: list[Entry] = [tuple(entry) for entry in request["entries"]]
    folder, name = goal_of(entries, expanded(request["destination"]))
    wanted, doubtful = compare(entries, folder, name)
    say(taken, {"wanted": wanted, "doubtful": doubtful})
    settle([entries[number] for number in hear(given)["same"]], folder, name)
    say(taken, {"count": unpack(given, folder, name)})


def _give(request: dict[str, Any], given: Any, taken: Any) -> None:
    entries, real, skipped = scan([expanded(source) for source in request["sources"]])
    say(taken, {"entries": entries, "skipped": skipped})
    while True:
        wish = hear(given)
        if "hash" in wish:
            say(taken, {"hashes": [digest(real[entries[number][0]]) for number in wish["hash"]]})
        else:
            break
    pack([entries[number] for number in wish["pack"]], real, taken)
    taken.flush()


if __name__ == "<far end>":
    serve(sys.stdin.buffer, sys.stdout.buffer)
