"""What a project's settings for uv say about the choice of packages, and nothing else of them.

uv takes settings from where it runs, and some of them say where to install or what to run. So it runs in a folder of
ours, with the settings that passed here: `[tool.uv]` of a pyproject.toml, or a uv.toml in its place.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rhresources.errors import InstallError, UsageError
from rhresources.package_options import checked_options
from rhserver.environments.archives import check_archive
from rhserver.environments.listing import normalised
from rhserver.environments.sent_files import content_of, content_of_links, inside, refuse_addresses

_FILE_LIMIT = 1024 * 1024
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_CHOOSING = frozenset({
    "allow-insecure-host", "build-constraint-dependencies", "config-settings", "config-settings-package",
    "constraint-dependencies", "dependency-metadata", "exclude-dependencies", "exclude-newer", "exclude-newer-package",
    "extra-build-dependencies", "extra-build-variables", "fork-strategy", "index-strategy", "no-binary",
    "no-binary-package", "no-build", "no-build-isolation", "no-build-isolation-package", "no-build-package", "no-index",
    "no-sources", "no-sources-package", "override-dependencies", "prerelease", "resolution", "torch-backend",
})  # fmt: skip
"""Those that say what is installed."""
_EXTRAS = frozenset({"all-extras", "extra"})
_OF_PIP = _CHOOSING | _EXTRAS | {"no-deps", "only-binary"}
_ADDRESSES = frozenset({"index-url", "extra-index-url", "find-links", "index"})
_ELSEWHERE = frozenset({
    "add-bounds", "audit", "build-backend", "cache-keys", "check-url", "compile-bytecode", "concurrent-builds",
    "concurrent-downloads", "concurrent-installs", "conflicts", "default-groups", "dependency-groups",
    "dev-dependencies", "environments", "link-mode", "managed", "native-tls", "no-cache", "offline", "package",
    "preview", "preview-features", "publish-url", "python-downloads", "python-preference", "reinstall",
    "reinstall-package", "required-environments", "required-version", "sources", "system-certs", "trusted-publishing",
    "upgrade", "upgrade-package", "workspace",
})  # fmt: skip
"""Those about the project's own work, or how uv works on the machine it lies on: without effect on an environment."""
_ELSEWHERE_OF_PIP = _ELSEWHERE | {
    "annotation-style", "custom-compile-command", "emit-build-options", "emit-find-links", "emit-index-annotation",
    "emit-index-url", "emit-marker-expression", "generate-hashes", "no-annotate", "no-emit-package", "no-header",
    "no-strip-extras", "no-strip-markers", "output-file", "require-hashes", "strict", "verify-hashes",
}  # fmt: skip


@dataclass
class Settings:
    """What a project's settings choose.

    Attributes:
        text: a uv.toml of them; empty: there are none.
        content: what an environment is known by, paths as the project writes them.
    """

    text: str = ""
    content: list[str] = field(default_factory=list)


def settings_of(folder: Path, tree: Path, *, extras: bool = True) -> Settings:
    """The settings for the project in `folder`, which lies in `tree`; without `extras` those that say which indexes,
    versions and builds are taken, but not what is wanted of the project.

    Raises:
        InstallError: a setting is not one that chooses packages, or what it names is not in the tree.
        ServerProblem: it names an address that nothing can be installed from.
    """
    found = Settings()
    source = _source(folder, tree)
    if source is not None:
        file, table = source
        kept = _Checked(file, tree, found.content).table(table)
        if not extras and "pip" in kept:
            kept["pip"] = {name: value for name, value in kept["pip"].items() if name not in _EXTRAS}
        if kept:
            found.text = "".join(f"{_key(name)} = {_toml(value)}\n" for name, value in kept.items())
            chosen = {name: table[name] for name in kept}
            found.content.insert(0, json.dumps(chosen, sort_keys=True, default=str))
    return found


def _source(folder: Path, tree: Path) -> tuple[Path, dict[str, Any]] | None:
    """The file that uv would take settings from, and they: of the workspace, else the nearest."""
    nearest: tuple[Path, dict[str, Any]] | None = None
    root = tree.resolve()
    for at in (folder.resolve(), *folder.resolve().parents):
        if not at.is_relative_to(root):
            break
        project = _tool_uv(at)
        own = (at / "uv.toml", _read(at / "uv.toml")) if (at / "uv.toml").is_file() else None
        here = own or ((at / "pyproject.toml", project) if project else None)
        if here is not None and (nearest is None or "workspace" in project):
            nearest = here
        if "workspace" in project:
            break
    return nearest


def _tool_uv(folder: Path) -> dict[str, Any]:
    tools = _read(folder / "pyproject.toml").get("tool", {})
    table = tools.get("uv", {}) if isinstance(tools, dict) else {}
    return table if isinstance(table, dict) else {}


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        if file.stat().st_size > _FILE_LIMIT:
            raise ValueError("it is too large")
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InstallError(f"{file.name} cannot be read: {error}.") from error


class _Checked:
    """Settings of one file, checked one by one."""

    def __init__(self, file: Path, tree: Path, content: list[str]) -> None:
        self._file, self._tree, self._content = file, tree, content
        self._prefix = "" if file.name == "uv.toml" else "tool.uv."

    def table(self, table: dict[str, Any], of: str = "") -> dict[str, Any]:
        choosing, elsewhere = (_OF_PIP, _ELSEWHERE_OF_PIP) if of else (_CHOOSING, _ELSEWHERE)
        kept: dict[str, Any] = {}
        for name, value in table.items():
            where = f"{self._prefix}{of}{name} of {self._file.name}"
            if name == "pip" and not of and isinstance(value, dict):
                if pip := self.table(value, "pip."):
                    kept[name] = pip
            elif name in _ADDRESSES:
                kept[name] = self._addresses(name, value, where)
            elif name in choosing:
                for text in _texts(value):
                    refuse_addresses(text, where)
                kept[name] = value
            elif name not in elsewhere:
                raise InstallError(
                    f"The setting {where} cannot be followed on a cluster: it does not choose packages.",
                    remedy="Put it into your own uv.toml, in ~/.config/uv, instead of the project's.",
                )
        return kept

    def _addresses(self, name: str, value: Any, where: str) -> Any:
        """Those of indexes and folders of archives; relative paths start from the file and count by content."""
        if isinstance(value, list):
            return [self._addresses(name, one, where) for one in value]
        if isinstance(value, dict) and name == "index":
            return {key: self._addresses("url", one, where) if key == "url" else one for key, one in value.items()}
        if not isinstance(value, str):
            raise InstallError(f"The setting {where} is not an address.")
        if "://" not in value and not value.startswith(("/", "~")):
            path = inside(value, self._tree, where, self._file.parent)
            self._content.append(content_of_links(path, value))
            return str(path)
        try:
            return checked_options("pip", (f"--find-links={value}",))[0].partition("=")[2]
        except UsageError as error:
            raise InstallError(f"The setting {where} cannot be used: {error.sentence}", remedy=error.remedy) from None


def sources_of(folder: Path, tree: Path) -> list[str]:
    """What the project's `tool.uv.sources` name in the tree, by content; uv reads that table where the project is.

    Raises:
        InstallError: it is not in the tree.
        ServerProblem: it is an address that nothing can be installed from.
    """
    content: list[str] = []
    own = _tool_uv(folder)
    root, workspace = _workspace(folder, tree)
    for base, sources in ((folder, own.get("sources")), (root, workspace.get("sources") if root != folder else None)):
        for name, one in sources.items() if isinstance(sources, dict) else ():
            where = f"tool.uv.sources.{name} of pyproject.toml"
            for source in one if isinstance(one, list) else [one]:
                if not isinstance(source, dict):
                    continue
                if isinstance(source.get("path"), str):
                    path = inside(source["path"], tree, where, base)
                    check_archive(path, f"{where}: {source['path']}")
                    content.append(content_of(path))
                elif source.get("workspace") is True:
                    content += _members(root, workspace, name, tree)
                for key in ("git", "url"):
                    if isinstance(source.get(key), str):
                        refuse_addresses(source[key], where, git=key == "git")
    return content


def _workspace(folder: Path, tree: Path) -> tuple[Path, dict[str, Any]]:
    for at in (folder, *folder.parents):
        if not at.resolve().is_relative_to(tree.resolve()):
            break
        if "workspace" in (table := _tool_uv(at)):
            return at, table
    return folder, {}


def _members(root: Path, table: dict[str, Any], name: str, tree: Path) -> list[str]:
    """The content of the project `name` of a workspace."""
    workspace = table.get("workspace")
    patterns = workspace.get("members") if isinstance(workspace, dict) else None
    found: set[Path] = set()
    for pattern in patterns if isinstance(patterns, list) else ():
        if isinstance(pattern, str) and pattern and not pattern.startswith("/"):
            found |= {one.resolve() for one in root.glob(pattern) if (one / "pyproject.toml").is_file()}
    inside_tree = [one for one in sorted(found) if one.is_relative_to(tree.resolve())]
    return [content_of(one) for one in inside_tree if _name(one) == normalised(name)]


def _name(folder: Path) -> str:
    project = _read(folder / "pyproject.toml").get("project")
    return normalised(str(project.get("name"))) if isinstance(project, dict) else ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for one in value if isinstance(value, list) else value.values():
            yield from _texts(one)


def _toml(value: Any) -> str:
    """On one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)} = {_toml(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _toml(name)
