"""What a docstring says about each parameter, in the styles of Google, NumPy and reST."""

from __future__ import annotations

import inspect
import re

_GOOGLE_SECTION = re.compile(
    r"^(args|arguments|parameters|params|keyword args|keyword arguments|other parameters):\s*$", re.I
)
_GOOGLE_ITEM = re.compile(r"^(\*{0,2}\w+)\s*(?:\(.*?\))?\s*:\s*(.*)$")
_NUMPY_SECTION = re.compile(r"^(other )?parameters$", re.I)
_NUMPY_ITEM = re.compile(r"^(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
_REST_ITEM = re.compile(r"^\s*[:@](?:param|parameter|arg|argument|key|keyword)\s+(?:[^:]*?\s)?(\*{0,2}\w+)\s*:\s*(.*)$")
_REST_OTHER = re.compile(r"^\s*[:@]\w+.*?:")


def parameter_descriptions(docstring: str | None) -> dict[str, str]:
    """Descriptions by parameter name, each as one line of text."""
    if not docstring:
        return {}
    lines = inspect.cleandoc(docstring).splitlines()
    found: dict[str, list[str]] = {}
    for parse in (_rest, _numpy, _google):
        for name, words in parse(lines).items():
            found.setdefault(name, words)
    described = {name.lstrip("*"): " ".join(" ".join(words).split()) for name, words in found.items()}
    return {name: text for name, text in described.items() if text}


def _rest(lines: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in lines:
        item = _REST_ITEM.match(line)
        if item:
            current = found.setdefault(item.group(1), [])
            current.append(item.group(2))
        elif current is not None and line[:1].isspace() and line.strip() and not _REST_OTHER.match(line):
            current.append(line)
        else:
            current = None
    return found


def _numpy(lines: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    inside = False
    current: list[list[str]] = []
    for number, line in enumerate(lines):
        following = lines[number + 1].strip() if number + 1 < len(lines) else ""
        if following and set(following) == {"-"} and len(following) > 2 and line.strip():
            inside, current = bool(_NUMPY_SECTION.match(line.strip())), []
            continue
        if not inside or (line.strip() and set(line.strip()) == {"-"}):
            continue
        item = None if line[:1].isspace() else _NUMPY_ITEM.match(line)
        if item:
            current = [found.setdefault(name.strip(), []) for name in item.group(1).split(",")]
        elif line[:1].isspace():
            for words in current:
                words.append(line)
    return found


def _google(lines: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    inside = False
    indent = -1
    current: list[str] | None = None
    for line in lines:
        text = line.strip()
        depth = len(line) - len(line.lstrip())
        if _GOOGLE_SECTION.match(text) and depth == 0:
            inside, indent, current = True, -1, None
        elif not inside or not text:
            continue
        elif depth == 0:
            inside = False
        else:
            if indent < 0:
                indent = depth
            item = _GOOGLE_ITEM.match(text) if depth == indent else None
            if item:
                current = found.setdefault(item.group(1), [])
                current.append(item.group(2))
            elif current is not None and depth > indent:
                current.append(text)
    return found
