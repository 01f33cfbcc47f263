"""Every colour that the window may use, by role. No widget names a colour of its own."""

from __future__ import annotations

from dataclasses import dataclass

SPACE_XS, SPACE_S, SPACE_M, SPACE_L, SPACE_XL = 4, 8, 12, 16, 24
RADIUS = 8
CONTROL_HEIGHT = 30
ROW_HEIGHT = 42


@dataclass(frozen=True)
class Tokens:
    """One theme. Every pair of text and ground in it has a contrast of at least 4.5 to 1."""

    name: str
    window: str
    sidebar: str
    surface: str
    raised: str
    hover: str
    selected: str
    border: str
    border_strong: str
    text: str
    text_muted: str
    text_faint: str
    accent: str
    accent_hover: str
    accent_text: str  # the accent as the colour of words
    on_accent: str
    accent_soft: str
    ok: str
    warn: str
    error: str
    info: str
    danger: str  # ground of the button that destroys something
    danger_hover: str
    console: str
    match: str  # ground of a found word in a log or an editor
    match_now: str
    series: tuple[str, ...]
    ansi: tuple[str, ...]  # the sixteen colours a terminal program may ask for

    @property
    def is_dark(self) -> bool:
        return self.name == "dark"


DARK = Tokens(
    name="dark",
    window="#0f1217",
    sidebar="#0b0d11",
    surface="#151920",
    raised="#1c212a",
    hover="#1a1f27",
    selected="#1b2436",
    border="#232933",
    border_strong="#323a47",
    text="#e8ebf0",
    text_muted="#a3adbd",
    text_faint="#858fa1",
    accent="#3f6ef0",
    accent_hover="#5b84f5",
    accent_text="#7d9fff",
    on_accent="#ffffff",
    accent_soft="#1a2542",
    ok="#3ecf8e",
    warn="#f0b429",
    error="#f2645a",
    info="#5aa9ff",
    danger="#c43d35",
    danger_hover="#d64c43",
    console="#0c0f13",
    match="#5a4a12",
    match_now="#a87b00",
    series=("#4f7cff", "#2bb5a0", "#a78bfa", "#e0a458", "#5d6675"),
    ansi=(
        "#5d6675", "#f2645a", "#3ecf8e", "#f0b429", "#5a8bff", "#c58bfa", "#3fc7d4", "#c6cdd8",
        "#858fa1", "#ff857c", "#6ee7b0", "#ffd057", "#86aaff", "#dab0ff", "#6fe0ea", "#ffffff",
    ),
)  # fmt: skip

LIGHT = Tokens(
    name="light",
    window="#f5f6f8",
    sidebar="#eceef2",
    surface="#ffffff",
    raised="#ffffff",
    hover="#f3f5f8",
    selected="#e9effe",
    border="#e1e5eb",
    border_strong="#cbd2dc",
    text="#14181f",
    text_muted="#4a5465",
    text_faint="#5d6777",
    accent="#2f5fe3",
    accent_hover="#2450c8",
    accent_text="#2450c8",
    on_accent="#ffffff",
    accent_soft="#e0e8fd",
    ok="#0a7a53",
    warn="#985a00",
    error="#c9352b",
    info="#1a62bd",
    danger="#c9352b",
    danger_hover="#ab2a21",
    console="#fbfcfd",
    match="#ffe9a8",
    match_now="#ffc94d",
    series=("#2f5fe3", "#0f9d8a", "#7c5ce0", "#c98426", "#98a1b0"),
    ansi=(
        "#14181f", "#c9352b", "#0a7a53", "#985a00", "#2450c8", "#8a3fc4", "#0b7285", "#5d6777",
        "#4a5465", "#b3261e", "#08694a", "#7d4a00", "#1d43a8", "#7430a8", "#095c6b", "#14181f",
    ),
)  # fmt: skip

THEMES = {"dark": DARK, "light": LIGHT}
