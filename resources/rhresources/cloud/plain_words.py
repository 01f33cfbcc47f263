"""SkyPilot's words made for terminals, turned into plain lines: no colours, no markup, no spinners."""

from __future__ import annotations

import json
import re

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\].*?(\x07|\x1b\\)")
_MARKUP = re.compile(
    r"\[/?(?:bold|dim|italic|cyan|green|red|yellow|blue|bright_\w+|link[^\]]*|/)(?: [a-z_ ]+)?\]|\[/\]"
)
_PAYLOAD = re.compile(r"<sky-payload[^>]*>(?P<content>.*)</sky-payload>")
_LOG_HEAD = re.compile(r"^[DIWE] \d\d-\d\d [\d:.]+ (?:PID=\d+ )?[\w.]+:\d+\] *")
_SPINNER = re.compile(r"<(?P<tag>rich_\w+)>(?P<text>.*?)</(?P=tag)>", re.DOTALL)


def plain(text: str) -> str:
    """`text` without colours."""
    return _COLOURS.sub("", text).replace("\r", "")


def plain_line(line: str) -> str:
    """What a line of a request's stream says to a person; empty: nothing, as the end of a spinner."""
    if found := _PAYLOAD.search(line):
        try:
            content = json.loads(found["content"])
        except ValueError:
            return ""
        spinner = _SPINNER.search(content) if isinstance(content, str) else None
        line = spinner["text"] if spinner else ""
    line = _LOG_HEAD.sub("", _MARKUP.sub("", plain(line)).strip())
    return re.sub(r"\s*(View logs:|To view detailed progress:|View logs at:).*$", "", line).strip(" \t└├│─⚙︎✓⨯↺️")
