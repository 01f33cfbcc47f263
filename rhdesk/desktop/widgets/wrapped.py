"""Words that wrap inside their column whatever they hold: a fingerprint, a path, a command line."""

from __future__ import annotations

import re

from rhdesk.desktop.widgets.base import Label

_LONG_WORD = 25
_MAY_BREAK = re.compile(r".{1,4}")


def breakable(text: str) -> str:
    """The text with places to break, which nobody sees, in words that may be too long for a column."""
    return re.sub(rf"\S{{{_LONG_WORD},}}", lambda word: _MAY_BREAK.sub("\\g<0>\u200b", word[0]), text)


def wrapped_label(text: str, role: str) -> Label:
    """A label that is never wider than its column. Only whole words can be selected: what is copied holds no breaks."""
    broken = breakable(text)
    return Label(broken, role, wrap=True, select=broken == text)
