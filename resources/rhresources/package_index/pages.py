"""What an index tells about one project: its versions (PEP 503, 691, 700) and a summary (PEP 658)."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from rhresources.package_index.versions import is_prerelease, version_key, version_of_file

_LINK = re.compile(r"<a\s([^<>]{0,4000})>([^<]{0,500})</a", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([a-z-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_SUMMARY_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One version of a project.

    Attributes:
        version: "2.1.0".
        requires_python: ">=3.9"; empty: not said.
        yanked: taken back by its authors.
        size: bytes of the file that Linux hosts most likely take; 0: not said.
        uploaded: ISO 8601; empty: not said.
        prerelease: only installed if asked for.
        metadata_url: where its metadata can be read without the file; empty: nowhere.
    """

    version: str
    requires_python: str = ""
    yanked: bool = False
    size: int = 0
    uploaded: str = ""
    prerelease: bool = False
    metadata_url: str = ""


@dataclass(frozen=True, slots=True)
class ProjectSummary:
    """What a project says of itself in its newest version.

    Attributes:
        name: as the project writes it.
        version: the version that this is from.
        summary: one line.
        home_page: an http(s) address; empty: none.
        license: as the project writes it, the first line.
        requires_python: ">=3.9"; empty: any.
        extras: names for `name[extra]`.
        requires: its own requirements.
    """

    name: str
    version: str
    summary: str = ""
    home_page: str = ""
    license: str = ""
    requires_python: str = ""
    extras: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()


def read_versions(body: bytes, content_type: str, url: str, project: str) -> list[VersionInfo]:
    """The versions on a project's page, newest first.

    Args:
        body: of the page.
        content_type: JSON of PEP 691, else HTML.
        url: of the page; links start from it.
        project: the normalised name.

    Raises:
        ValueError: this is no such page.
    """
    files = _files_of_json(body) if content_type.endswith("json") else _files_of_html(body)
    found: dict[str, list[Mapping[str, Any]]] = {}
    for file in files:
        name = file.get("filename")
        if isinstance(name, str) and (version := version_of_file(name, project)):
            found.setdefault(version, []).append(file)
    versions = [_version(version, of_it, url) for version, of_it in found.items()]
    return sorted(versions, key=lambda each: version_key(each.version), reverse=True)


def _version(version: str, files: list[Mapping[str, Any]], url: str) -> VersionInfo:
    likely = min(files, key=lambda file: _likeliness(str(file["filename"])))
    said = (str(file["requires-python"]) for file in files if file.get("requires-python"))
    metadata = next((file for file in files if _has_metadata(file)), None)
    size, uploaded = likely.get("size"), likely.get("upload-time")
    return VersionInfo(
        version,
        next(said, ""),
        all(file.get("yanked") not in (None, False) for file in files),
        size if isinstance(size, int) else 0,
        uploaded if isinstance(uploaded, str) else "",
        is_prerelease(version),
        urljoin(url, f"{metadata['url']}.metadata") if metadata is not None else "",
    )


def _has_metadata(file: Mapping[str, Any]) -> bool:
    said = file.get("core-metadata") or file.get("dist-info-metadata")
    return bool(said) and isinstance(file.get("url"), str)


def _likeliness(filename: str) -> int:
    """Smaller for a file that a Linux host rather takes."""
    if not filename.endswith(".whl"):
        return 3
    if filename.endswith("-any.whl"):
        return 0
    return 1 if "linux" in filename and "x86_64" in filename else 2


def _files_of_json(body: bytes) -> list[Mapping[str, Any]]:
    page = json.loads(body)
    files = page.get("files") if isinstance(page, dict) else None
    if not isinstance(files, list):
        raise ValueError("the page has no files")
    return [file for file in files if isinstance(file, dict)]


def _files_of_html(body: bytes) -> list[Mapping[str, Any]]:
    files: list[Mapping[str, Any]] = []
    for link in _LINK.finditer(body.decode("utf-8", "replace")):
        given = {name.lower(): html.unescape(one or two) for name, one, two in _ATTRIBUTE.findall(link[1])}
        href = given.get("href", "")
        files.append(
            {
                "filename": html.unescape(link[2]).strip() or unquote(urlsplit(href).path.rpartition("/")[2]),
                "url": href.partition("#")[0],
                "requires-python": given.get("data-requires-python", ""),
                "yanked": "data-yanked" in given or re.search(r"\sdata-yanked\b", f" {link[1]}") is not None,
                "core-metadata": given.get("data-core-metadata") or given.get("data-dist-info-metadata"),
            }
        )
    return files


def newest(versions: Iterable[VersionInfo]) -> VersionInfo | None:
    """The version that an installer would take, of `versions` from new to old; None: there is none at all."""
    listed = list(versions)
    for wanted in (lambda each: not (each.yanked or each.prerelease), lambda each: not each.yanked):
        if found := next(filter(wanted, listed), None):
            return found
    return listed[0] if listed else None


def read_metadata(data: bytes) -> ProjectSummary:
    """The core metadata of a distribution, the parts that people want to see."""
    message = BytesParser().parsebytes(data, headersonly=True)
    fields: dict[str, Any] = {name.lower().replace("-", "_"): str(value) for name, value in message.items()}
    for name in ("Project-URL", "Provides-Extra", "Requires-Dist"):
        fields[name.lower().replace("-", "_")] = [str(value) for value in message.get_all(name) or ()]
    pairs = (value.partition(",") for value in fields["project_url"])
    return _summary(fields, {label.strip(): link.strip() for label, _, link in pairs})


def read_project_json(data: bytes) -> ProjectSummary:
    """The same out of PyPI's own description of a project.

    Raises:
        ValueError: this is none.
    """
    page = json.loads(data)
    fields = page.get("info") if isinstance(page, dict) else None
    if not isinstance(fields, dict):
        raise ValueError("the page has no info")
    links = fields.get("project_urls")
    return _summary(fields, links if isinstance(links, dict) else {})


def _summary(fields: Mapping[str, Any], links: Mapping[str, Any]) -> ProjectSummary:
    def first(name: str) -> str:
        value = str(fields.get(name) or "").strip().partition("\n")[0].strip()
        return "" if value == "UNKNOWN" else value[:_SUMMARY_LIMIT]

    def every(name: str) -> tuple[str, ...]:
        values = fields.get(name)
        return tuple(str(value).strip() for value in values) if isinstance(values, list) else ()

    named = {str(label).lower(): str(link) for label, link in links.items()}
    pages = (first("home_page"), *(named.get(label, "") for label in _HOME_PAGES), *named.values())
    return ProjectSummary(
        first("name"),
        first("version"),
        first("summary"),
        next((page for page in pages if page.startswith(("https://", "http://"))), ""),
        first("license_expression") or first("license"),
        first("requires_python"),
        every("provides_extra"),
        every("requires_dist"),
    )


_HOME_PAGES = ("homepage", "home", "home page", "documentation", "docs", "repository", "source", "source code")
