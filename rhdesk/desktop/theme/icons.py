"""Single-colour Lucide icons, drawn in the colours of the theme that is in force."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from rhdesk.desktop.theme.manager import tokens

_FOLDER = Path(__file__).parent / "assets" / "icons"


@cache
def _source(name: str) -> str:
    # a slightly thinner stroke than Lucide's own sits better beside Inter at 13 pixels
    return (_FOLDER / f"{name}.svg").read_text(encoding="utf-8").replace('stroke-width="2"', 'stroke-width="1.75"')


@lru_cache(maxsize=512)
def _render(name: str, colour: str, size: int, ratio: float) -> QPixmap:
    pixmap = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(_source(name).replace("currentColor", colour).encode())).render(painter)
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def colour_of(role: str) -> str:
    """The colour of a role of the tokens ("text_muted"), or the colour itself when it is one ("#ff0000")."""
    return role if role.startswith("#") else str(getattr(tokens(), role))


def pixmap(name: str, role: str = "text_muted", size: int = 16, ratio: float = 2.0) -> QPixmap:
    """The icon `name` as a picture of `size` logical pixels."""
    return _render(name, colour_of(role), size, ratio)


def icon(name: str, role: str = "text_muted", *, on: str | None = None, size: int = 16) -> QIcon:
    """The icon `name`; `on` is the role of its colour while a button is checked. Faint while disabled."""
    made = QIcon(pixmap(name, role, size))
    made.addPixmap(pixmap(name, "border_strong", size), QIcon.Mode.Disabled)
    if on is not None:
        made.addPixmap(pixmap(name, on, size), QIcon.Mode.Normal, QIcon.State.On)
    return made


def exists(name: str) -> bool:
    """Whether an icon of that name is bundled."""
    return (_FOLDER / f"{name}.svg").is_file()
