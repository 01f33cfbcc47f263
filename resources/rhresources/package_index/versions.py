"""How versions sort (PEP 440), and what the names of distribution files say."""

from __future__ import annotations

import re
from typing import Any

_VERSION = re.compile(
    r"v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
    r"(?P<pre>[-_.]?(?P<letter>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>\d*))?"
    r"(?P<post>(?:-(?P<post_plain>\d+))|(?:[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>\d*)))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_number>\d*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?",
    re.IGNORECASE,
)
_LETTERS = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}
_SOURCES = (".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz")


def version_key(version: str) -> tuple[Any, ...]:
    """What sorts versions from old to new; what is none of PEP 440 comes before all that are."""
    found = _VERSION.fullmatch(version.strip())
    if not found:
        return (-1, (), (), (), (), version)
    release = tuple(int(part) for part in found["release"].split("."))
    while len(release) > 1 and release[-1] == 0:
        release = release[:-1]
    if found["pre"]:
        letter = found["letter"].lower()
        pre: tuple[Any, ...] = (0, _LETTERS.get(letter, letter), int(found["pre_number"] or 0))
    else:
        pre = (-1,) if found["dev"] and not found["post"] else (1,)
    post = int(found["post_plain"] or found["post_number"] or 0) if found["post"] else -1
    dev = (0, int(found["dev_number"] or 0)) if found["dev"] else (1, 0)
    return (int(found["epoch"] or 0), release, pre, post, dev, found["local"] or "")


def is_prerelease(version: str) -> bool:
    """Whether an installer takes it only if it is asked to."""
    found = _VERSION.fullmatch(version.strip())
    return not found or bool(found["pre"] or found["dev"])


def version_of_file(filename: str, project: str) -> str:
    """The version in the name of a wheel or source archive of `project` (normalised); empty: it has none."""
    if filename.endswith(".whl"):
        parts = filename.removesuffix(".whl").split("-")
        return parts[1].replace("_", "-") if len(parts) >= 5 else ""
    stem = next((filename.removesuffix(end) for end in _SOURCES if filename.endswith(end)), "")
    # the name may hold separators of every kind, and as many as the project's
    found = re.match(re.escape(project).replace("\\-", "[-_.]+") + r"-", stem, re.IGNORECASE)
    return stem[found.end() :] if found else ""
