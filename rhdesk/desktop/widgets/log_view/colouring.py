"""Colours for lines that bring none: time stamps faint, levels by their weight, numbers of key=value pairs. No Qt."""

from __future__ import annotations

import re
from functools import lru_cache

from rhdesk.desktop.widgets.log_view.ansi import Line, Style

_STAMP = re.compile(r"^\[?(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?\]?")
_LEVEL = re.compile(
    r"\b(?:(?P<error>ERROR|CRITICAL|FATAL)|(?P<warn>WARN(?:ING)?)|(?P<info>INFO|NOTICE)|(?P<faint>DEBUG|TRACE))\b"
)
_RAISED = re.compile(r"^(?:Traceback \(most recent call last\)|[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit)\b:?)")
_PAIR = re.compile(r"\b[\w./-]{1,40}=(?P<value>[-+]?[\d.,]+(?:[eE][-+]?\d+)?%?)(?=[\s,;)\]}]|$)")
_SEARCHED = 400  # characters at the front of a line in which a level is looked for

STAMP, ERROR, WARN, INFO, FAINT, VALUE = (
    Style(fore=f"@{role}") for role in ("text_faint", "error", "warn", "info", "text_faint", "ok")
)
_LEVELS = {"error": ERROR, "warn": WARN, "info": INFO, "faint": FAINT}


def coloured(line: Line) -> Line:
    """The line with spans, unless the program coloured it itself. Roles of the theme are written "@role"."""
    if line.spans or not line.text:
        return line
    spans = _spans(line.text if len(line.text) <= _SEARCHED else line.text[:_SEARCHED])
    return Line(line.text, spans) if spans else line


@lru_cache(maxsize=4096)
def _spans(text: str) -> tuple[tuple[int, int, Style], ...]:
    found: list[tuple[int, int, Style]] = []
    stamp = _STAMP.match(text)
    if stamp:
        found.append((0, stamp.end(), STAMP))
    raised = _RAISED.match(text)
    if raised:
        found.append((0, raised.end(), ERROR))
    else:
        level = _LEVEL.search(text, stamp.end() if stamp else 0)
        if level and level.start() < 80:
            found.append((level.start(), level.end(), _LEVELS[str(level.lastgroup)]))
    for pair in _PAIR.finditer(text):
        found.append((pair.start("value"), pair.end("value"), VALUE))
    return tuple(found)
