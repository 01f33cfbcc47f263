"""Which Python an environment gets: the one asked for, else one that the sent projects say they work with."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from rhresources.errors import InstallError

OWN = ".".join(map(str, sys.version_info[:3]))
"""The server's own version, which needs no download."""

PIN = ".python-version"
_NEWEST_MINOR = 14
_OLDEST_MINOR = 8
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+@_-]{0,60}")
_PLAIN = re.compile(r"\d+(?:\.\d+){0,2}")
_PINNED = re.compile(r"(?:cpython[-@]?|python)?(\d+\.\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class PythonWish:
    """What a file of a project says of its Python.

    Attributes:
        text: ">=3.11,<3.13", or for a pin "3.12".
        file: what messages call the file.
        is_pin: it is exactly this one.
    """

    text: str
    file: str
    is_pin: bool = False


class PythonWishes:
    """What is asked for, and what the files of all packages say."""

    def __init__(self, asked: str) -> None:
        self.asked = asked.strip().removeprefix("python")
        """A version; empty: any will do."""
        self._wishes: list[PythonWish] = []

    def add(self, wishes: Iterable[PythonWish]) -> None:
        """Heed what files of one package say."""
        self._wishes += wishes

    def choose(self) -> None:
        """Ask for a Python that fits, where none is asked for and the server's own would not do.

        Raises:
            InstallError: two files name different ones.
        """
        if self.asked:
            return
        pins = [wish for wish in self._wishes if wish.is_pin]
        if pins:
            other = next((pin for pin in pins if pin.text != pins[0].text), None)
            if other is not None:
                raise InstallError(
                    f"{pins[0].file} asks for Python {pins[0].text}, and {other.file} for {other.text}.",
                    remedy="Say which among the packages' settings, or on the command line with --python.",
                )
            self.asked = pins[0].text
        elif self._misfit(OWN) is not None:
            own = sys.version_info[1]
            minors = (minor for minor in range(_OLDEST_MINOR, _NEWEST_MINOR + 1) if minor != own)
            nearest = sorted(minors, key=lambda minor: (abs(minor - own), -minor))
            self.asked = next((f"3.{minor}" for minor in nearest if self._misfit(f"3.{minor}") is None), "")

    @property
    def python(self) -> tuple[str, str]:
        """The interpreter or version for uv, and the version for people.

        Raises:
            InstallError: what is asked for is not a version of Python.
        """
        if not self.asked or self.asked == OWN or OWN.startswith(f"{self.asked}."):
            return sys.executable, OWN
        if not _NAME.fullmatch(self.asked):
            raise InstallError(f"{self.asked!r} is not a version of Python.", remedy='Write "3.12", for example.')
        return self.asked, self.asked

    def check(self, shown: str) -> None:
        """See that the Python `shown` is one that the projects say they work with; the installer would not look.

        Raises:
            InstallError: it is not.
        """
        if _PLAIN.fullmatch(shown) and (wish := self._misfit(shown)) is not None:
            raise InstallError(
                f"{wish.file} requires Python {wish.text}, and the environment would have {shown}.",
                remedy="Ask for a Python that fits among the packages' settings, or on the command line with --python.",
            )

    def _misfit(self, version: str) -> PythonWish | None:
        possible = [version] if version.count(".") == 2 else [f"{version}.0", f"{version}.99"]  # the end is not known
        for wish in self._wishes:
            try:
                specifier = SpecifierSet("" if wish.is_pin else wish.text)  # who asks for another than the pin may
            except InvalidSpecifier:
                continue
            if not any(specifier.contains(one, prereleases=True) for one in possible):
                return wish
        return None


def pin_of(folder: Path, tree: Path) -> tuple[str, Path] | None:
    """What the nearest .python-version says, from `folder` up to the root of its tree, and the file."""
    root = tree.resolve()
    for at in (folder.resolve(), *folder.resolve().parents):
        if not at.is_relative_to(root):
            break
        file = at / PIN
        if file.is_file() and file.stat().st_size < 10_000:
            lines = (line.partition("#")[0].strip() for line in file.read_text("utf-8", "replace").splitlines())
            said = next(filter(None, lines), "")
            found = _PINNED.fullmatch(said)
            return (found[1], file) if found else None  # "system", or the name of somebody's own
    return None
