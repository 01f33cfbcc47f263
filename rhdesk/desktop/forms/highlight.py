"""Colours for YAML and JSON: keys, texts, numbers, words with a meaning, comments; and for Python tracebacks."""

from __future__ import annotations

import re

from PySide6.QtGui import QSyntaxHighlighter, QTextCharFormat, QTextDocument

from rhdesk.desktop import theme

_TOKENS = re.compile(
    r"""
    (?P<comment>(?:^|(?<=\s))\#.*)
  | (?P<key>(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[A-Za-z_][\w.\-/ ]*?)(?=\s*:(?:\s|$)))
  | (?P<text>"(?:[^"\\]|\\.)*"?|'(?:[^']|'')*'?)
  | (?P<number>(?<![\w./\-=])[+-]?(?:\d[\d_]*\.?\d*(?:[eE][+-]?\d+)?|\.\d+|\.inf|\.nan)(?=\s*(?:[,\]}\#]|$)))
  | (?P<word>(?<![\w./\-])(?:true|false|null|yes|no|~|True|False|None)(?=\s*(?:[,\]}\#]|$)))
  | (?P<mark>^\s*(?:-\s)+|[{}\[\],]|(?<=:)\s[|>][+-]?\s*$|[&*]\w+)
    """,
    re.VERBOSE,
)
_ROLES = {"comment": "text_faint", "key": "accent_text", "text": "ok", "number": "info", "word": "warn",
          "mark": "text_faint"}  # fmt: skip


class Highlighter(QSyntaxHighlighter):
    """YAML, and JSON as the part of it that it is."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._formats: dict[str, QTextCharFormat] = {}
        self._make_formats()

    def retheme(self) -> None:
        """Take the colours of the theme in force."""
        self._make_formats()
        self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        for found in _TOKENS.finditer(text):
            kind = found.lastgroup
            if kind is not None:
                self.setFormat(found.start(), found.end() - found.start(), self._formats[kind])

    def _make_formats(self) -> None:
        self._formats = {kind: _format(role) for kind, role in _ROLES.items()}


class TracebackHighlighter(QSyntaxHighlighter):
    """Where in a Python traceback one looks first: files and lines, and the exception at its end."""

    _FILE = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<name>.+))?')
    _EXCEPTION = re.compile(
        r"^(?:[A-Za-z_][\w.]*)(?:Error|Exception|Interrupt|Exit|Warning|Iteration)\b.*|^\w[\w.]*: .*"
    )

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._make_formats()

    def retheme(self) -> None:
        """Take the colours of the theme in force."""
        self._make_formats()
        self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        if found := self._FILE.match(text):
            self.setFormat(0, len(text), self._faint)
            for group, look in (("file", self._file), ("line", self._file), ("name", self._name)):
                if found[group]:
                    self.setFormat(found.start(group), found.end(group) - found.start(group), look)
        elif (text.strip() and not text.strip(" ^~")) or self._EXCEPTION.match(text):
            self.setFormat(0, len(text), self._error)
        elif text.startswith("Traceback "):
            self.setFormat(0, len(text), self._faint)

    def _make_formats(self) -> None:
        self._faint, self._file = _format("text_faint"), _format("accent_text")
        self._name, self._error = _format("text_muted"), _format("error")


def _format(role: str) -> QTextCharFormat:
    made = QTextCharFormat()
    made.setForeground(theme.colour(role))
    return made
