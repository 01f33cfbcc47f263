"""Words that wrap inside their column whatever they hold: a fingerprint, a path, a command line."""

from __future__ import annotations

import re

from rhdesk.desktop.widgets.base import Label

_LONG_WORD = 25
_MAY_BREAK = re.compile(r".{1,4}")


def breakable(text: str) -> str:
    """The text with places to break, which nobody sees, in words that may be too long for a column."""
    return re.sub(rf"\S{{{_LONG_WORD},}}", lambda word: _MAY_BREAK.sub("\\g<0>\u200b", word[0]), text)


class WrappedLabel(Label):
    """A label that is never wider than its column. Only whole words can be selected: what is copied holds no breaks."""

    def __init__(self, text: str, role: str) -> None:
        broken = breakable(text)
        super().__init__(broken, role, wrap=True, select=broken == text)
        self._plain = text
        self.setAccessibleName(text)

    def text(self) -> str:
        """As it was given, without the breaks."""
        return self._plain
