"""How long ago something was, in words: the same ones in the window, on the command line and in sentences."""

from __future__ import annotations

import time

_JUST_NOW = 5.0
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_DATED = 14 * 86400


def ago(when: float, now: float | None = None, *, just_now: float = _JUST_NOW) -> str:
    """ "just now", "12 s ago", "3 min ago", "2 h ago", "5 d ago"; "4 Mar 2026" for what is older than two weeks.

    Args:
        when: in seconds since the epoch.
        now: likewise; None: now.
        just_now: seconds that are not worth counting.
    """
    passed = (time.time() if now is None else now) - when
    if passed < just_now:
        return "just now"
    if passed >= _DATED:
        date = time.localtime(when)
        return f"{date.tm_mday} {time.strftime('%b %Y', date)}"
    size, unit = next((size, unit) for size, unit in _UNITS if passed >= size)
    return f"{int(passed // size)} {unit} ago"
