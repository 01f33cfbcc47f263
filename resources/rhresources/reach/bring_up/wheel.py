"""The wheel of the rhdesk that runs here, made anew from its own files: what a host gets is what this computer has.

Its version has a hash of the content behind it, "0.1.0+5f2c…", so that every build is told apart, also of a checkout
where somebody edits. The same content gives the same version on every computer.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from rhresources.errors import RhError

PACKAGES = ("rhdesk", "rhresources", "rhserver")
LOCK = "rhresources/requirements.lock"
"""Where the versions that belong together are, inside the wheel."""

LOCKS = (LOCK, "rhresources/skypilot.lock")
"""All lock files inside the wheel; the second is what SkyPilot's own environment is made of."""

_LEFT_OUT = ("__pycache__",)
_KEPT_METADATA = ("Metadata-Version", "Name", "Summary", "License-Expression", "Requires-Python", "Requires-Dist",
                  "Provides-Extra")  # fmt: skip
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel in memory.

    Attributes:
        version: "0.1.0+5f2c41d0a9e3".
        name: its file name.
        content: the file.
        lock: the versions of everything it needs, as constraints for an installer.
    """

    version: str
    name: str
    content: bytes
    lock: str


@dataclass(frozen=True, slots=True)
class _Source:
    """What the wheel is made of."""

    files: tuple[tuple[str, Path], ...]
    metadata: str
    entry_points: str
    release: str

    def read(self) -> list[tuple[str, bytes]]:
        """All files with their content."""
        return [(name, file.read_bytes()) for name, file in self.files]

    def signature(self) -> tuple[object, ...]:
        """Changes when a file does."""
        found = ((file, file.stat()) for _, file in self.files)
        return (self.metadata, tuple((str(file), stat.st_mtime_ns, stat.st_size) for file, stat in found))


_known: tuple[tuple[object, ...], str] | None = None


def own_version() -> str:
    """The version that the wheel of the running rhdesk has. Reads files: some milliseconds, the first time 30.

    Raises:
        RhError: rhdesk is not installed here.
    """
    global _known
    source = _source()
    signature = source.signature()
    if _known is not None and _known[0] == signature:
        return _known[1]
    version = f"{source.release}+{_digest(source, source.read())}"
    _known = (signature, version)
    return version


def own_wheel() -> Wheel:
    """The wheel of the running rhdesk. Reads and compresses files: call it in a thread.

    Raises:
        RhError: rhdesk is not installed here, or files of it are missing.
    """
    source = _source()
    contents = source.read()
    version = f"{source.release}+{_digest(source, contents)}"
    info = f"rhdesk-{version}.dist-info"
    contents += [
        (f"{info}/METADATA", f"{source.metadata}Version: {version}\n".encode()),
        (f"{info}/WHEEL", b"Wheel-Version: 1.0\nGenerator: rhdesk\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
        (f"{info}/entry_points.txt", source.entry_points.encode()),
    ]
    record = io.StringIO(newline="")
    rows = csv.writer(record, lineterminator="\n")
    for name, content in contents:
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        rows.writerow((name, f"sha256={digest}", len(content)))
    rows.writerow((f"{info}/RECORD", "", ""))
    contents.append((f"{info}/RECORD", record.getvalue().encode()))
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents:
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    lock = next((content.decode() for name, content in contents if name == LOCK), "")
    return Wheel(version, f"rhdesk-{version}-py3-none-any.whl", output.getvalue(), lock)


def without_hashes(lock: str) -> str:
    """The versions of a lock file alone, for wheels that were not fetched from the index it was made with."""
    lines = (line.rstrip(" \\") for line in lock.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith((" ", "#"))) + "\n"


def locked_version(lock: str, name: str) -> str:
    """The version of one package in a lock file; empty if it is not there."""
    for line in lock.splitlines():
        if line.startswith(f"{name}=="):
            return line.removeprefix(f"{name}==").split()[0].rstrip(";")
    return ""


def own_lock(name: str) -> Path | None:
    """The file of one of `LOCKS`: inside the package, or of a checkout beside the sources of the wheel."""
    package = Path(__file__).resolve().parents[2]
    if (lock := package.parent / name).is_file():
        return lock
    for parent in package.parents:
        if (lock := parent / "packaging" / Path(name).name).is_file() and (parent / "pyproject.toml").is_file():
            return lock
    return None


# ---------------------------------------------------------------- inside


def _source() -> _Source:
    try:
        distribution = metadata.distribution("rhdesk")
    except metadata.PackageNotFoundError:
        raise RhError(
            "rhdesk is not installed for this Python, so there is nothing to put on a host.",
            remedy="Install it, or run it with the Python of its own environment.",
        ) from None
    said = (distribution.read_text("METADATA") or "").partition("\n\n")[0].splitlines()
    kept = [line for line in said if line.partition(":")[0] in _KEPT_METADATA]
    files = dict(_files())
    for name in LOCKS:
        if name not in files and (lock := own_lock(name)) is not None:
            files[name] = lock
    return _Source(
        files=tuple(sorted(files.items())),
        metadata="\n".join(kept) + "\n",
        entry_points=distribution.read_text("entry_points.txt") or "",
        release=distribution.version.partition("+")[0],
    )


def _files() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        spec = util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise RhError(
                f"The package {package} of rhdesk is missing on this computer, so no host can get it.",
                remedy="Install rhdesk anew.",
            )
        root = Path(spec.submodule_search_locations[0])
        for file in root.rglob("*"):
            parts = file.relative_to(root).parts
            hidden = any(part in _LEFT_OUT or part.startswith(".") for part in parts)
            if not hidden and file.suffix not in (".pyc", ".part") and file.is_file():
                yield "/".join((package, *parts)), file


def _digest(source: _Source, contents: list[tuple[str, bytes]]) -> str:
    whole = hashlib.blake2b(f"{source.metadata}\n{source.entry_points}\n".encode(), digest_size=6)
    for name, content in contents:
        whole.update(f"{name}\n{hashlib.blake2b(content, digest_size=20).hexdigest()}\n".encode())
    return whole.hexdigest()
