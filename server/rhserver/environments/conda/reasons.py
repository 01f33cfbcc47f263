"""Why conda's solvers and downloads fail, as one sentence out of what they print."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MARKS = re.compile(
    r"^(?:[\s│├└─╰╭▶×*-]+|(?:critical|error|warning|info)\s+libmamba\s+|(?:error|ERROR|Error):\s*"
    r"|LibMambaUnsatisfiableError:\s*|Cannot solve the request because of:\s*"
    r"|Encountered problems while solving:?\s*)+"
)
_UNREACHED = re.compile(r"error sending request for url \(([a-z]+://[^/)\s]+)[^)]*\)")
_CAUSE = re.compile(r"^\s*Caused by:\s*(.+)$", re.MULTILINE)
_STATUS = re.compile(r"HTTP status (?:client|server) error \((\d+ [^)]*)\) for url \(([^)\s]+)\)")
_CONDA_HTTP = re.compile(r"(?:CondaHTTPError|UnavailableInvalidChannel|CondaSSLError): (.+)")
_NOT_FOUND = re.compile(r"PackagesNotFoundError:.*?\n((?:\s*- .+\n?)+)")
_TELLING = re.compile(
    r"No candidates were found|does not exist|nothing provides|cannot be installed|can be installed|conflict"
    r"|not available|not viable|would require|no viable options|depends on|Invalid|invalid|not found|failed"
)
_GENERAL = re.compile(r"^(?:Could not solve|The following package|The reported errors|Solving|Collecting|Caused by)")


def telling_reason(lines: Sequence[str]) -> str:
    """One sentence without its end; empty if nothing stands out."""
    text = "\n".join(lines)
    if "No space left on device" in text:
        return "the disk of the cluster is full"
    if found := _NOT_FOUND.search(text.replace("\n\n", "\n")):
        names = ", ".join(re.findall(r"-\s+(\S+)", found[1]))
        return f"the channels do not have {names}"
    if found := _STATUS.search(text):
        return f"{found[2]} answers {found[1]}"
    if found := _UNREACHED.search(text):
        causes = _CAUSE.findall(text[found.start() :])
        return f"{found[1]} cannot be reached" + (f" ({causes[-1].rstrip('. ')})" if causes else "")
    if found := _CONDA_HTTP.search(text):
        return found[1].rstrip(". ")
    for line in lines:
        reason = _MARKS.sub("", line).strip()
        if reason and _TELLING.search(reason) and not _GENERAL.match(reason):
            return _with_more(reason, lines[list(lines).index(line) + 1 :])[:400].rstrip(" .,;:")
    return ""


def _with_more(reason: str, following: Sequence[str]) -> str:
    """A line that ends in the middle goes on in those below it."""
    for line in following[:3]:
        if not reason.endswith((":", "require", "options", "for", "of")):
            break
        reason = f"{reason.rstrip(':')}: {_MARKS.sub('', line).strip()}"
    return reason
