"""Which theme is in force, and how it is put on the application.

Widgets read `tokens()` whenever they paint. Those that keep something made from colours (an icon, a highlighter)
have a method `retheme()`, which is called on every living widget after the theme changed.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from rhdesk.desktop.theme.fonts import load_fonts, ui_font
from rhdesk.desktop.theme.stylesheet import stylesheet
from rhdesk.desktop.theme.tokens import DARK, LIGHT, THEMES, Tokens

_current: Tokens = DARK
_STYLED = "rhdesk-styled"


def tokens() -> Tokens:
    """The colours in force."""
    return _current


def colour(role: str, alpha: int | None = None) -> QColor:
    """The colour of a role of the tokens, e.g. `colour("ok", 30)`; `alpha` is 0 to 255."""
    made = QColor(getattr(_current, role))
    if alpha is not None:
        made.setAlpha(alpha)
    return made


def wanted(preference: str) -> Tokens:
    """The theme for a preference: "dark", "light" or "system" (dark where the system does not say)."""
    if preference in THEMES:
        return THEMES[preference]
    return LIGHT if QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Light else DARK


def apply(app: QApplication, preference: str) -> None:
    """Put a theme on the application and on every widget that lives."""
    global _current
    load_fonts()
    _current = wanted(preference)
    if not app.property(_STYLED):  # under a style sheet the style has no name to tell it by
        # once: Qt destroys the style before, and what still draws with it, an animation for one, would crash
        app.setStyle("Fusion")
        app.setProperty(_STYLED, True)
    app.setFont(ui_font(13))
    app.setPalette(_palette(_current))
    app.setStyleSheet(stylesheet(_current))
    for widget in app.allWidgets():
        retheme: Callable[[], None] | None = getattr(widget, "retheme", None)
        if retheme is not None:
            retheme()
        widget.update()


def _palette(t: Tokens) -> QPalette:
    palette, role = QPalette(), QPalette.ColorRole
    for where, what in (
        (role.Window, t.window), (role.WindowText, t.text), (role.Base, t.surface), (role.AlternateBase, t.raised),
        (role.Text, t.text), (role.Button, t.raised), (role.ButtonText, t.text), (role.ToolTipBase, t.raised),
        (role.ToolTipText, t.text), (role.Highlight, t.accent), (role.HighlightedText, t.on_accent),
        (role.Link, t.accent_text), (role.LinkVisited, t.accent_text), (role.PlaceholderText, t.text_faint),
        (role.Accent, t.accent), (role.Mid, t.border), (role.Dark, t.border_strong), (role.Light, t.hover),
    ):  # fmt: skip
        palette.setColor(where, QColor(what))
    for where in (role.Text, role.ButtonText, role.WindowText):
        palette.setColor(QPalette.ColorGroup.Disabled, where, QColor(t.text_faint))
    return palette
