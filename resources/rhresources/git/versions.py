"""What builds that take a project's version from git need, where only its files are: the version, written beside them.

setuptools-scm, hatch-vcs and others read `.git_archival.txt` of an archive that GitHub made; dunamai (poetry and uv's
dynamic versioning) reads `.git_archival.json`; pbr reads PKG-INFO.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

_FROM_GIT = re.compile(
    r"setuptools[-_]scm|hatch[-_]vcs|setuptools[-_]git[-_]versioning|pdm-backend|scikit-build-core|"
    r"vcs[-_]versioning|versioningit|flit[-_]scm"
)
_DUNAMAI = re.compile(r"(?:poetry|uv)-dynamic-versioning|dunamai")
_PBR = re.compile(r"""['"]pbr\b|\bpbr\s*=\s*(?:True|1)|^[ \t]*pbr\b""", re.MULTILINE)
PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
"""Where a project says how it is built."""

_DESCRIBED = re.compile(r"(?P<tag>.+)-(?P<distance>\d+)-g[0-9a-f]+")
_VERSION = re.compile(r"(?:.*[-_/])?v?(?P<version>\d+(?:\.\d+)*(?:(?:a|b|rc)\d+)?(?:\.post\d+)?)")
_LARGEST = 1 << 20


def wants_version(project: Path) -> bool:
    """Whether the project in this folder takes its version from git."""
    text = _project_text(project)
    return bool(_FROM_GIT.search(text) or _DUNAMAI.search(text) or _PBR.search(text))


def write_version(project: Path, commit: str, described: str) -> list[str]:
    """Write what its build needs to know the version; the names of the files.

    Args:
        project: the folder.
        commit: the whole name.
        described: what `git describe --tags` says of it; empty: no tag goes before it.

    Raises:
        OSError: a file cannot be written.
    """
    text = _project_text(project)
    files: dict[str, str] = {}
    found = _DESCRIBED.fullmatch(described)
    tag = found["tag"] if found else described
    is_exact = bool(described) and found is None
    if _FROM_GIT.search(text):
        lines = [f"node: {commit}"]
        if described:
            lines.append(f"describe-name: {described}")
        lines.append(f"ref-names: HEAD{f', tag: {tag}' if is_exact else ''}")
        files[".git_archival.txt"] = "\n".join(lines) + "\n"
    if _DUNAMAI.search(text):
        said = {
            "hash-full": commit,
            "hash-short": commit[:7],
            "timestamp": "1970-01-01T00:00:00+00:00",
            "refs": f"HEAD{f', tag: {tag}' if is_exact else ''}",
            "describe": described,
        }
        files[".git_archival.json"] = json.dumps(said, indent=2) + "\n"
    if _PBR.search(text) and not (project / "PKG-INFO").exists():
        files["PKG-INFO"] = f"Metadata-Version: 1.1\nName: {_name_of(text, project)}\nVersion: {_plain(tag, found)}\n"
    for name, content in files.items():
        file = project / name
        file.unlink(missing_ok=True)  # a template of it is sealed; a link is not followed
        file.write_text(content)
        file.chmod(0o444)
    return list(files)


def _plain(tag: str, found: re.Match[str] | None) -> str:
    version = _VERSION.fullmatch(tag)
    if version is None:
        return "0.0"
    return f"{version['version']}.post{found['distance']}" if found else version["version"]


def _name_of(text: str, project: Path) -> str:
    found = re.search(r"""^[ \t]*name[ \t]*=[ \t]*['"]?([A-Za-z0-9._-]+)""", text, re.MULTILINE)
    return found[1] if found else project.name


def _project_text(project: Path) -> str:
    texts = []
    for name in PROJECT_FILES:
        file = project / name
        try:
            if not file.is_symlink() and file.stat().st_size < _LARGEST:
                texts.append(file.read_text(errors="replace"))
        except OSError:
            continue
    return "\n".join(texts)
