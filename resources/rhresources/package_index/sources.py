"""Which package index this computer uses: the one that uv is configured for, else the one that pip is.

Environment variables come before a user's file, and that before the system's. A log-in in an address or in ~/.netrc is
taken out of the address, so that no cache, message or repr has it.
"""

from __future__ import annotations

import base64
import configparser
import netrc
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

PYPI = "https://pypi.org/simple"

_NAMED = re.compile(r"([A-Za-z0-9._-]+)=(?=[a-z+]+:)(.+)", re.IGNORECASE)
_TEXT_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class IndexSource:
    """One index.

    Attributes:
        url: of its simple API, without a log-in and without a slash at the end.
        authorization: the header to send, empty for none.
    """

    url: str
    authorization: str = field(default="", repr=False)


@dataclass
class _Found:
    """What one place says: the default index, and those that are asked before it."""

    default: str = ""
    extra: list[str] = field(default_factory=list)


def configured_sources(environment: Mapping[str, str] | None = None) -> list[IndexSource]:
    """The indexes to ask, in the order in which uv asks them; reads files.

    What cannot be read is left out: this helps people who type names, installing has words of its own for it.
    """
    given = os.environ if environment is None else environment
    places = list(_uv(given))
    default = next((place.default for place in places if place.default), "") or next(filter(None, _pip(given)), PYPI)
    extra = [url for place in places for url in place.extra]
    sources = [source for url in (*extra, default) if (source := _source(url, given)) is not None]
    return list({source.url: source for source in sources}.values())


def _source(url: str, environment: Mapping[str, str]) -> IndexSource | None:
    named = _NAMED.fullmatch(url)
    name, url = (named[1], named[2]) if named else ("", url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    if parts.scheme not in ("https", "http", "file") or (not host and parts.scheme != "file"):
        return None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if name and not user:
        variable = f"UV_INDEX_{re.sub(r'[^A-Za-z0-9]', '_', name).upper()}"
        user, password = environment.get(f"{variable}_USERNAME", ""), environment.get(f"{variable}_PASSWORD", "")
    if not user and host:
        user, password = _netrc(host, environment)
    authorization = ""
    if user:
        authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    shown = f"[{host}]" if ":" in host else host
    tidy = urlunsplit((parts.scheme, f"{shown}{port}", parts.path.rstrip("/"), "", ""))
    return IndexSource(tidy, authorization)


def _netrc(host: str, environment: Mapping[str, str]) -> tuple[str, str]:
    file = environment.get("NETRC") or str(_home(environment) / ".netrc")
    try:
        found = netrc.netrc(file).authenticators(host)
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return "", ""
    return (found[0], found[2]) if found else ("", "")


# ---------------------------------------------------------------- uv


def _uv(environment: Mapping[str, str]) -> Iterator[_Found]:
    yield _Found(
        environment.get("UV_DEFAULT_INDEX") or environment.get("UV_INDEX_URL", ""),
        [*environment.get("UV_INDEX", "").split(), *environment.get("UV_EXTRA_INDEX_URL", "").split()],
    )
    if environment.get("UV_NO_CONFIG", "0") not in ("", "0", "false"):
        return
    for file in _uv_files(environment):
        with suppress(OSError, ValueError):
            document = tomllib.loads(_text(file))
            for table in (document.get("pip", {}), document):
                yield _uv_table(table)


def _uv_files(environment: Mapping[str, str]) -> Iterator[Path]:
    if file := environment.get("UV_CONFIG_FILE"):
        yield Path(file)
        return
    if sys.platform == "win32":
        yield Path(environment.get("APPDATA", "")) / "uv" / "uv.toml"
        yield Path(environment.get("PROGRAMDATA", "")) / "uv" / "uv.toml"
        return
    yield _config_home(environment) / "uv" / "uv.toml"
    yield from (Path(place) / "uv" / "uv.toml" for place in _config_places(environment))
    yield Path("/etc/uv/uv.toml")


def _uv_table(table: Any) -> _Found:
    found = _Found()
    if not isinstance(table, Mapping):
        return found
    for index in table.get("index", ()):
        if isinstance(index, Mapping) and isinstance(index.get("url"), str) and not index.get("explicit"):
            name = index.get("name")
            url = f"{name}={index['url']}" if isinstance(name, str) else index["url"]
            if index.get("default"):
                found.default = found.default or url
            else:
                found.extra.append(url)
    found.default = found.default or str(table.get("index-url", ""))
    found.extra += [str(url) for url in _listed(table.get("extra-index-url", ()))]
    return found


def _listed(value: Any) -> Iterable[Any]:
    return [value] if isinstance(value, str) else value if isinstance(value, list) else ()


# ---------------------------------------------------------------- pip


def _pip(environment: Mapping[str, str]) -> Iterator[str]:
    # only what stands in place of PyPI, such as the mirror of a company: uv does not ask pip's other indexes
    yield environment.get("PIP_INDEX_URL", "")
    for file in _pip_files(environment):
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(_text(file))
        except (OSError, ValueError, configparser.Error):
            continue
        for section in ("install", "global"):
            if parser.has_section(section):
                yield {name.replace("_", "-"): value for name, value in parser.items(section)}.get("index-url", "")


def _pip_files(environment: Mapping[str, str]) -> Iterator[Path]:
    named = environment.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return
    if named:
        yield Path(named)
    if sys.platform == "win32":
        yield Path(environment.get("APPDATA", "")) / "pip" / "pip.ini"
        yield Path(environment.get("PROGRAMDATA", "")) / "pip" / "pip.ini"
        return
    if prefix := environment.get("VIRTUAL_ENV"):
        yield Path(prefix) / "pip.conf"
    home = _home(environment)
    if sys.platform == "darwin":
        yield home / "Library" / "Application Support" / "pip" / "pip.conf"
    yield _config_home(environment) / "pip" / "pip.conf"
    yield home / ".pip" / "pip.conf"
    yield from (Path(place) / "pip" / "pip.conf" for place in _config_places(environment))
    yield Path("/etc/pip.conf")


# ---------------------------------------------------------------- files


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("HOME") or os.path.expanduser("~"))


def _config_home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("XDG_CONFIG_HOME") or _home(environment) / ".config")


def _config_places(environment: Mapping[str, str]) -> list[str]:
    return [place for place in (environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep) if place]


def _text(file: Path) -> str:
    if not file.is_file() or file.stat().st_size > _TEXT_LIMIT:
        raise FileNotFoundError(file)
    return file.read_text(encoding="utf-8")
