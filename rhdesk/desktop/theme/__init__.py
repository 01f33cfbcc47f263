"""How the window looks: colours by role, two type faces, one style sheet, one set of icons."""

from rhdesk.desktop.theme import icons
from rhdesk.desktop.theme.fonts import load_fonts, mono_font, ui_font
from rhdesk.desktop.theme.manager import apply, colour, tokens
from rhdesk.desktop.theme.tokens import (
    CONTROL_HEIGHT,
    DARK,
    LIGHT,
    RADIUS,
    ROW_HEIGHT,
    SPACE_L,
    SPACE_M,
    SPACE_S,
    SPACE_XL,
    SPACE_XS,
    Tokens,
)

__all__ = [
    "CONTROL_HEIGHT",
    "DARK",
    "LIGHT",
    "RADIUS",
    "ROW_HEIGHT",
    "SPACE_L",
    "SPACE_M",
    "SPACE_S",
    "SPACE_XL",
    "SPACE_XS",
    "Tokens",
    "apply",
    "colour",
    "icons",
    "load_fonts",
    "mono_font",
    "tokens",
    "ui_font",
]
