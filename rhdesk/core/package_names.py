"""What one may mean who types the name of a package, or its version: suggestions from the index. No Qt."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from rhdesk.core.desk import Desk
from rhdesk.core.words import bytes_text

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.package_index import PackageIndex, ProjectSummary, VersionInfo
    from rhresources.workspace import Workspace

_LIMIT = 30
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSIONED = re.compile(
    r"(?P<head>(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*(?:[^;]*,\s*)?(?:===|==|~=|!=|<=|>=|<|>)\s*)"
    r"(?P<version>[A-Za-z0-9.*+!_]*)"
)


@dataclass(frozen=True)
class Suggestion:
    """What a line could become: the whole new text, and a few words about it."""

    text: str
    note: str = ""


@dataclass(frozen=True)
class Suggestions:
    """The answer to what was typed: `about` is a sentence about the project, or why nothing is suggested."""

    found: tuple[Suggestion, ...] = ()
    about: str = ""


class PackageNames:
    """Asks the index that uv would use. Methods are for the interface's thread; a new question ends the one before."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._index: PackageIndex | None = None
        self._last: tuple[str, Callable[[Suggestions], object]] | None = None  # asked again once all names are there

    def suggest(self, text: str, answer: Callable[[Suggestions], object], *, only_about: bool = False) -> None:
        """Give `answer` what `text`, a requirement that is being typed, may become.

        Nobody is asked, and nothing answered, where `text` is no name: a path, an address.
        """
        if not wants(text):
            self.forget()
            return
        if not only_about:
            self._last = (text, answer)

        async def ask(workspace: Workspace, progress: Progress) -> Suggestions:
            index = self._index_of()
            versioned = _VERSIONED.fullmatch(text.strip())
            name = versioned["name"] if versioned else text.strip().partition("[")[0]
            if only_about:
                return Suggestions((), _about(await index.summary(name), index))
            if versioned is None and "[" in text:
                summary = await index.summary(name)
                return Suggestions(matching_extras(text, summary.extras if summary else ()), _trouble(index))
            if versioned is None:
                names = await index.names(text.strip(), _LIMIT) if name == text.strip() else []
                return Suggestions(tuple(map(Suggestion, names)), _trouble(index))
            versions = await index.versions(name)
            return Suggestions(matching_versions(versioned["head"], versioned["version"], versions), _trouble(index))

        # an index that cannot be asked only means that there are no suggestions
        self._desk.act(self._task(only_about), ask, on_done=answer, on_error=lambda error: None, quiet=True)

    def forget(self) -> None:
        """Nobody waits for an answer any more."""
        self._last = None
        self._desk.tasks.cancel(self._task(False))
        self._desk.tasks.cancel(self._task(True))

    def _task(self, only_about: bool) -> str:
        return "package.about" if only_about else "package.suggest"

    def _index_of(self) -> PackageIndex:
        if self._index is None:
            from rhresources.package_index import PackageIndex

            self._index = PackageIndex(self._desk.home)
            self._index.on_change(lambda: self._desk.mailbox.post(self._changed))
        return self._index

    def _changed(self) -> None:
        if self._last is not None and self._index is not None and self._index.state != "loading":
            self.suggest(*self._last)


_NAMES: WeakKeyDictionary[Desk, PackageNames] = WeakKeyDictionary()


def package_names(desk: Desk) -> PackageNames:
    """The one of a desk: what it learnt serves every form."""
    if desk not in _NAMES:
        _NAMES[desk] = PackageNames(desk)
    return _NAMES[desk]


def wants(text: str) -> bool:
    """Whether a text is, as far as it goes, the name of a project with or without a version."""
    text = text.strip()
    return bool(_NAME.fullmatch(text.partition("[")[0]) or _VERSIONED.fullmatch(text))


def is_unfinished(text: str) -> bool:
    """Whether a requirement breaks off where a version or an extra has to come: "numpy==", "fastapi[all,"."""
    return bool(_NAME.match(text.strip()) and re.search(r"[=<>~!,\[]\s*$", text))


def project_of(text: str) -> str:
    """The name that a requirement begins with, "numpy" of "numpy>=1.26"; empty: it begins with none."""
    found = _NAME.match(text.strip())
    return found[0] if found else ""


def matching_versions(head: str, typed: str, versions: list[VersionInfo]) -> tuple[Suggestion, ...]:
    """The versions that begin as typed, newest first; what was taken back or is no release only if it is typed."""
    found = [each for each in versions if each.version.startswith(typed) and not each.yanked]
    releases = [each for each in found if not each.prerelease]
    chosen = (releases or found or [each for each in versions if each.version == typed])[:_LIMIT]
    return tuple(Suggestion(f"{head}{each.version}", _note(each)) for each in chosen)


def matching_extras(text: str, extras: Sequence[str]) -> tuple[Suggestion, ...]:
    """What "fastapi[all,sta" may become, where these are the extras of fastapi."""
    head, _, inside = text.strip().partition("[")
    if "]" in inside:
        return ()
    *chosen, typed = (word.strip() for word in inside.split(","))
    found = [name for name in extras if name.startswith(typed.lower()) and name not in chosen]
    return tuple(Suggestion(f"{head}[{','.join([*chosen, name])}]") for name in found[:_LIMIT])


def matching_options(text: str, method: str) -> tuple[Suggestion, ...]:
    """What the last word among the options may become, if it is the beginning of an option of a method."""
    from rhresources.package_options import option_names

    before, space, typed = text.rpartition(" ")
    if not typed.startswith("-") or "=" in typed:
        return ()
    found = [name for name in option_names(method) if name.startswith(typed) and name != typed]
    return tuple(Suggestion(f"{before}{space}{name}") for name in found)


def _note(version: VersionInfo) -> str:
    words = ["taken back" if version.yanked else "", f"Python {version.requires_python}"]
    return "  ·  ".join(word for word in (*words[: 2 if version.requires_python else 1], _size(version)) if word)


def _size(version: VersionInfo) -> str:
    return bytes_text(version.size) if version.size else ""


def _trouble(index: PackageIndex) -> str:
    if index.state == "unreachable":
        return "The package index cannot be reached; only what is known here is suggested."
    return "Reading the list of names from the index…" if index.state == "loading" else ""


def _about(summary: ProjectSummary | None, index: PackageIndex) -> str:
    if summary is None:
        return _trouble(index)
    return "  ·  ".join(part for part in (f"Newest is {summary.version}", summary.summary) if part)
