"""Tokens that came where none belong, such as in a path, are not repeated: not in logs, not in answers."""

from __future__ import annotations

import logging
import re

TOKEN_START = "rhr_"

_TOKEN = re.compile(rf"{TOKEN_START}[A-Za-z0-9_-]{{7,}}")


def redacted(text: str) -> str:
    """`text` without the tokens in it."""
    return _TOKEN.sub(f"{TOKEN_START}…", text) if TOKEN_START in text else text


class RedactingFormatter(logging.Formatter):
    """Formats log lines, tracebacks included, without tokens."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return redacted(super().format(record))
