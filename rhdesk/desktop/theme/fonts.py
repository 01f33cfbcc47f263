"""The two bundled type faces: Inter for words, JetBrains Mono for logs, code and identifiers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PySide6.QtGui import QFont, QFontDatabase

_FOLDER = Path(__file__).parent / "assets" / "fonts"


def load_fonts() -> None:
    """Make the bundled fonts known to Qt. Needs an application; calling it again does nothing."""
    _load()


@cache
def _load() -> None:
    for path in sorted(_FOLDER.iterdir()):
        QFontDatabase.addApplicationFont(str(path))


@cache
def ui_font(px: int = 13, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """Inter at `px` pixels, with figures of equal width so that columns line up."""
    font = QFont("Inter")
    font.setPixelSize(px)
    font.setWeight(weight)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


@cache
def mono_font(px: int = 12, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """JetBrains Mono at `px` pixels, without ligatures: a log shows what was printed."""
    font = QFont("JetBrains Mono")
    font.setStyleHint(QFont.StyleHint.Monospace)
    font.setPixelSize(px)
    font.setWeight(weight)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    font.setFeature(QFont.Tag("calt"), 0)
    return font
