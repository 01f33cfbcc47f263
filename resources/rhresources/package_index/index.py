"""The package index, as somebody meets it who types the name of a package.

What is known already is answered at once; the network is asked in threads, and what it says is kept under the rhdesk
home. Without a network, what is kept is what there is, and nobody is troubled with an error.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from rhresources.errors import RhError
from rhresources.package_index.fetching import Ended, Fetcher, NotThere
from rhresources.package_index.name_list import find_names, names_in, write_names
from rhresources.package_index.pages import (
    ProjectSummary,
    VersionInfo,
    newest,
    read_metadata,
    read_project_json,
    read_versions,
)
from rhresources.package_index.popular import POPULAR
from rhresources.package_index.sources import IndexSource, configured_sources
from rhresources.package_words import normal_name
from rhresources.reach.ssh.threads import in_thread

State = Literal["unknown", "loading", "ready", "unreachable"]

_NAMES_FRESH = 86_400.0
_VERSIONS_FRESH = 600.0
_AFTER_FAILURE = 60.0
_NAMES_LIMIT = 512 << 20
_PAGE_LIMIT = 64 << 20
_METADATA_LIMIT = 4 << 20
_PROJECTS_KEPT = 500
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,213}")


class PackageIndex:
    """Names, versions and summaries of packages. Use it on one event loop.

    Args:
        home: the rhdesk directory; what is learnt is kept in `cache/package_index` there.
        sources: the indexes to ask; None: those that uv, or else pip, is configured for.
    """

    def __init__(self, home: Path, sources: Sequence[IndexSource] | None = None) -> None:
        self._folder = home / "cache" / "package_index"
        self._sources = None if sources is None else list(sources)
        self._fetcher = Fetcher()
        self._stop = threading.Event()
        self._refreshing: asyncio.Task[None] | None = None
        self._watchers: list[Callable[[], None]] = []
        self._state: State = "unknown"
        self._problem = ""
        self._not_before = 0.0

    @property
    def state(self) -> State:
        """How far the list of all names is: not asked for yet, on its way, there, or not to be had now."""
        return self._state

    @property
    def problem(self) -> str:
        """Why the index could not be asked last time, as one sentence; empty: it could."""
        return self._problem

    def on_change(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Call `watcher` on the event loop whenever `state` changes; what is returned ends that."""
        self._watchers.append(watcher)

        def end() -> None:
            with suppress(ValueError):
                self._watchers.remove(watcher)

        return end

    async def names(self, prefix: str, limit: int = 20) -> list[str]:
        """Names that begin with `prefix`: that very name, then well-known ones, then the shortest.

        Answers from what is on disk. The list of all names is read in the background if it is missing or a day old;
        `on_change` tells when it is there.
        """
        self._refresh_if_old()
        if not prefix.strip():
            return list(POPULAR[:limit])
        key = normal_name(prefix)
        return await in_thread(self._find, key, limit, name="package-index") if _NAME.fullmatch(key) else []

    async def versions(self, name: str) -> list[VersionInfo]:
        """All versions of a project, newest first; empty: there is none of that name, or nothing is known of it now."""
        project = normal_name(name)
        if not _NAME.fullmatch(project):
            return []
        stop = threading.Event()
        return await in_thread(self._versions, project, stop, name="package-index", on_cancel=stop.set)

    async def summary(self, name: str) -> ProjectSummary | None:
        """What the newest version of a project says of itself; None: not known, or the index does not tell."""
        project = normal_name(name)
        if not _NAME.fullmatch(project):
            return None
        stop = threading.Event()
        return await in_thread(self._summary, project, stop, name="package-index", on_cancel=stop.set)

    async def refresh(self) -> None:
        """Wait until the list of all names is there and at most a day old, or cannot be had."""
        self._refresh_if_old()
        if self._refreshing is not None:
            await asyncio.shield(self._refreshing)

    async def close(self) -> None:
        """End what goes on."""
        self._stop.set()
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)

    # ------------------------------------------------------------ the list of all names

    def _refresh_if_old(self) -> None:
        if self._refreshing is None and not self._stop.is_set() and time.monotonic() >= self._not_before:
            self._refreshing = asyncio.get_running_loop().create_task(self._refresh())

    async def _refresh(self) -> None:
        if self._state != "ready":
            self._set_state("loading")
        try:
            problem = await in_thread(self._refresh_names, name="package-index", on_cancel=self._stop.set)
            self._problem = problem
            self._set_state("unreachable" if problem else "ready")
            self._not_before = time.monotonic() + (_AFTER_FAILURE if problem else _NAMES_FRESH)
        finally:
            self._refreshing = None

    def _set_state(self, state: State) -> None:
        if state != self._state:
            self._state = state
            for watcher in list(self._watchers):
                watcher()

    def _refresh_names(self) -> str:
        """Read every list that is old; why that did not work for one of them, empty if it did. In a thread."""
        problem = ""
        for source in self._get_sources():
            try:
                self._read_names(source)
            except Ended:
                return problem
            except RhError as error:
                problem = error.sentence
            except OSError as error:
                problem = f"The list of package names cannot be kept: {error.strerror or error}."
        return problem

    def _read_names(self, source: IndexSource) -> None:
        folder = self._folder_of(source)
        file, record = folder / "names.txt", _read_record(folder / "names.json")
        if file.exists() and 0 <= time.time() - record.get("time", 0) < _NAMES_FRESH:
            return
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        etag = record.get("etag", "") if file.exists() else ""
        with self._fetcher.get(source, f"{source.url}/", etag=etag, limit=_NAMES_LIMIT, stop=self._stop) as answer:
            if not answer.unchanged:
                write_names(file, names_in(answer.pieces, html=not answer.content_type.endswith("json")))
            _write_record(folder / "names.json", {"time": time.time(), "etag": answer.etag})

    def _find(self, key: str, limit: int) -> list[str]:
        found = {name for source in self._get_sources() for name in self._known(source, key, limit)}
        rank = {name: place for place, name in enumerate(POPULAR) if name.startswith(key)}
        rank[key] = -1 if key in found or key in rank else len(POPULAR)
        found |= {name for name in rank if rank[name] < len(POPULAR)}
        return sorted(found, key=lambda name: (rank.get(name, len(POPULAR)), len(name), name))[:limit]

    def _known(self, source: IndexSource, key: str, limit: int) -> list[str]:
        folder = self._folder_of(source)
        asked_before = [path.stem for path in (folder / "projects").glob(f"{key}*.json")]
        return find_names(folder / "names.txt", key, limit) + asked_before

    # ------------------------------------------------------------ one project

    def _versions(self, project: str, stop: threading.Event) -> list[VersionInfo]:
        # as uv does: the first index that has a project is the one that counts
        for source in self._get_sources():
            if found := self._versions_of(source, project, stop):
                return found
        return []

    def _versions_of(self, source: IndexSource, project: str, stop: threading.Event) -> list[VersionInfo]:
        file = self._folder_of(source) / "projects" / f"{project}.json"
        record = _read_record(file)
        kept = [_version(each) for each in record.get("versions", ()) if isinstance(each, dict)]
        if kept and 0 <= time.time() - record["time"] < _VERSIONS_FRESH:
            return kept
        url = f"{source.url}/{quote(project)}/"
        try:
            etag = record.get("etag", "") if kept else ""
            with self._fetcher.get(source, url, etag=etag, limit=_PAGE_LIMIT, stop=stop) as answer:
                if not answer.unchanged:
                    kept = read_versions(b"".join(answer.pieces), answer.content_type, answer.url, project)
            self._problem = ""
        except NotThere:
            with suppress(OSError):
                file.unlink(missing_ok=True)
            return []
        except (Ended, ValueError):
            return kept
        except RhError as error:
            self._problem = error.sentence
            return kept
        if kept:
            _keep_few(file.parent)
            _write_record(file, {"time": time.time(), "etag": answer.etag, "versions": [asdict(each) for each in kept]})
        return kept

    def _summary(self, project: str, stop: threading.Event) -> ProjectSummary | None:
        for source in self._get_sources():
            found = newest(self._versions_of(source, project, stop))
            if found is None:
                continue
            file = self._folder_of(source) / "summaries" / f"{project}.json"
            record = _read_record(file)
            if record.get("version") == found.version:
                return _summary(record)
            try:
                summary = self._fetch_summary(source, project, found, stop)
            except NotThere:
                return ProjectSummary(project, found.version, requires_python=found.requires_python)
            except (RhError, Ended, ValueError):
                return _summary(record) if record else None
            _keep_few(file.parent)
            _write_record(file, asdict(summary))
            return summary
        return None

    def _fetch_summary(
        self, source: IndexSource, project: str, found: VersionInfo, stop: threading.Event
    ) -> ProjectSummary:
        def read(url: str, limit: int) -> bytes:
            with self._fetcher.get(source, url, accept="*/*", limit=limit, stop=stop) as answer:
                return b"".join(answer.pieces)

        if found.metadata_url:
            with suppress(NotThere):
                return read_metadata(read(found.metadata_url, _METADATA_LIMIT))
        # no standard, but PyPI's mirrors have it too
        summary = read_project_json(read(f"{source.url.removesuffix('/simple')}/pypi/{project}/json", _PAGE_LIMIT))
        return replace(summary, version=found.version)

    # ------------------------------------------------------------ files

    def _get_sources(self) -> list[IndexSource]:
        if self._sources is None:
            self._sources = configured_sources()
        return self._sources

    def _folder_of(self, source: IndexSource) -> Path:
        return self._folder / hashlib.blake2b(source.url.encode(), digest_size=8).hexdigest()


def _version(given: dict[str, Any]) -> VersionInfo:
    return VersionInfo(**{name: given[name] for name in VersionInfo.__slots__ if name in given})


def _summary(given: dict[str, Any]) -> ProjectSummary:
    fields: dict[str, Any] = {name: given[name] for name in ProjectSummary.__slots__ if name in given}
    fields |= {name: tuple(fields.get(name, ())) for name in ("extras", "requires")}
    return ProjectSummary(**fields)


def _read_record(file: Path) -> dict[str, Any]:
    """What was kept; empty where there is nothing, or nothing of use."""
    try:
        record = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) and isinstance(record.get("time", 0), int | float) else {}


def _write_record(file: Path, record: dict[str, Any]) -> None:
    """Keep it, if the disk lets us: it is only a cache."""
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = file.with_name(f"{file.name}.{threading.get_ident()}")
        temporary.write_text(json.dumps(record, separators=(",", ":")))
        temporary.replace(file)


def _keep_few(folder: Path) -> None:
    """Let go of the projects that were asked for longest ago."""
    with suppress(OSError):
        files = list(folder.glob("*.json"))
        if len(files) >= _PROJECTS_KEPT:
            files.sort(key=lambda file: file.stat().st_mtime)
            for file in files[: len(files) - _PROJECTS_KEPT + 1]:
                file.unlink(missing_ok=True)
