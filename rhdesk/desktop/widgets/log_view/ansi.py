"""From the bytes of a line to what a terminal would show of it: text with spans of colour. No Qt.

SGR colours become spans; every other control sequence is left out. A carriage return begins the line anew, so a
progress bar collapses to its last state.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

SHOWN_BYTES = 16 * 1024  # of one line; what is longer is cut in the view, never in a copy
_CONTROL = re.compile(
    r"\x1b\[([0-9;:]*)m"  # SGR, the only one that is kept
    r"|\x1b\[[0-9;:?<=>!]*[ -/]*[@-~]"  # other CSI
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: titles, links
    r"|\x1b[PX^_][^\x1b]*\x1b\\"  # strings
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)


@dataclass(frozen=True)
class Style:
    """`fore` and `back` are "ansi0".."ansi15", "#rrggbb" or "" (as the theme says)."""

    fore: str = ""
    back: str = ""
    bold: bool = False
    faint: bool = False
    italic: bool = False
    underline: bool = False
    inverse: bool = False


PLAIN = Style()


@dataclass(frozen=True)
class Line:
    """What is shown of a line. `spans` are (start, end, style) of the parts that are not plain."""

    text: str
    spans: tuple[tuple[int, int, Style], ...] = ()


def parse_line(raw: bytes, *, whole: bool = False) -> Line:
    """Read one line. Bytes that are no UTF-8 are shown as U+FFFD; tabs become spaces to columns of eight.

    Args:
        whole: read all of it, however long (to copy or save it); otherwise the first `SHOWN_BYTES` bytes.
    """
    if b"\r" in raw:
        raw = _last_state(raw)
    if not whole and len(raw) > SHOWN_BYTES:
        raw = raw[:SHOWN_BYTES]
    text = raw.decode("utf-8", "replace")
    if "\t" in text:
        text = text.expandtabs(8)
    if text.isprintable():
        return Line(text)
    if "\x1b" not in text:
        return Line(_CONTROL.sub("", text))
    parts: list[str] = []
    spans: list[tuple[int, int, Style]] = []
    style, length, at = PLAIN, 0, 0
    for match in _CONTROL.finditer(text):
        length = _add(parts, spans, text[at : match.start()], length, style)
        at = match.end()
        if match.group(1) is not None:
            style = _sgr(style, match.group(1))
    _add(parts, spans, text[at:], length, style)
    return Line("".join(parts), tuple(spans))


def _add(parts: list[str], spans: list[tuple[int, int, Style]], piece: str, length: int, style: Style) -> int:
    if piece:
        parts.append(piece)
        if style != PLAIN:
            spans.append((length, length + len(piece), style))
    return length + len(piece)


def _last_state(raw: bytes) -> bytes:
    pieces = [piece for piece in raw.split(b"\r") if piece]
    return pieces[-1] if pieces else b""


def _sgr(style: Style, codes: str) -> Style:
    numbers = [int(part or 0) for part in re.split("[;:]", codes)] if codes else [0]
    place = 0
    while place < len(numbers):
        code = numbers[place]
        if code in (38, 48):
            colour, used = _extended(numbers[place + 1 :])
            if colour:
                style = replace(style, fore=colour) if code == 38 else replace(style, back=colour)
            place += used
        else:
            style = _simple(style, code)
        place += 1
    return style


def _simple(style: Style, code: int) -> Style:
    match code:
        case 0:
            return PLAIN
        case 1:
            return replace(style, bold=True)
        case 2:
            return replace(style, faint=True)
        case 3:
            return replace(style, italic=True)
        case 4:
            return replace(style, underline=True)
        case 7:
            return replace(style, inverse=True)
        case 22:
            return replace(style, bold=False, faint=False)
        case 23:
            return replace(style, italic=False)
        case 24:
            return replace(style, underline=False)
        case 27:
            return replace(style, inverse=False)
        case 39:
            return replace(style, fore="")
        case 49:
            return replace(style, back="")
    if 30 <= code <= 37 or 90 <= code <= 97:
        return replace(style, fore=f"ansi{code - 30 if code < 90 else code - 82}")
    if 40 <= code <= 47 or 100 <= code <= 107:
        return replace(style, back=f"ansi{code - 40 if code < 100 else code - 92}")
    return style


def _extended(rest: list[int]) -> tuple[str, int]:
    """The colour after 38 or 48, and how many numbers it took."""
    if rest[:1] == [5] and len(rest) >= 2:
        return _indexed(rest[1]), 2
    if rest[:1] == [2] and len(rest) >= 4:
        return "#{:02x}{:02x}{:02x}".format(*(min(255, part) for part in rest[1:4])), 4
    return "", len(rest)


def _indexed(number: int) -> str:
    if number < 16:
        return f"ansi{number}"
    if number >= 232:
        grey = 8 + (min(number, 255) - 232) * 10
        return f"#{grey:02x}{grey:02x}{grey:02x}"
    steps = (0, 95, 135, 175, 215, 255)
    number -= 16
    return f"#{steps[number // 36]:02x}{steps[number // 6 % 6]:02x}{steps[number % 6]:02x}"
