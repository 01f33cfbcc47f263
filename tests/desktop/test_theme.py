"""Colours that can be read, icons that exist, a Qt that does not abort."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor, QFontDatabase
from PySide6.QtWidgets import QApplication

import rhdesk.desktop
from rhdesk.core.rows import State
from rhdesk.desktop import app as app_module
from rhdesk.desktop import theme
from rhdesk.desktop.theme.tokens import DARK, LIGHT, Tokens
from rhresources.errors import RhError

SOURCES = Path(rhdesk.desktop.__file__).parent


def luminance(colour: str) -> float:
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in QColor(colour).getRgbF()[:3]]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=["dark", "light"])
def test_every_text_can_be_read_on_every_ground(tokens: Tokens) -> None:
    for text in ("text", "text_muted", "text_faint", "accent_text", "ok", "warn", "error", "info"):
        for ground in ("window", "sidebar", "surface", "raised", "selected", "console"):
            found = contrast(getattr(tokens, text), getattr(tokens, ground))
            assert found >= 4.3, f"{tokens.name}: {text} on {ground} has {found:.2f}"
    assert contrast(tokens.on_accent, tokens.accent) >= 4.4
    assert contrast("#ffffff", tokens.danger) >= 4.4


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=["dark", "light"])
def test_terminal_colours_can_be_read_on_the_console(tokens: Tokens) -> None:
    for number, colour in enumerate(tokens.ansi):
        least = 2.8 if number == 0 else 4.2
        assert contrast(colour, tokens.console) >= least, f"{tokens.name}: colour {number}"


def test_every_icon_that_the_code_names_is_bundled() -> None:
    named: set[str] = set()
    for path in SOURCES.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r"IconLabel\(\"([a-z0-9-]+)\"", text))
        named |= set(re.findall(r"ToolButton\(\"([a-z0-9-]+)\"", text))
        named |= set(re.findall(r"set_icon\(\"([a-z0-9-]+)\"", text))
    assert len(named) > 10
    assert [name for name in sorted(named) if not theme.icons.exists(name)] == []


def test_the_bundled_fonts_are_there_with_their_licences(themed: None) -> None:
    assert {"Inter", "JetBrains Mono"} <= set(QFontDatabase.families())
    folder = SOURCES / "theme" / "assets" / "licences"
    assert {path.stem for path in folder.iterdir()} >= {"inter", "jetbrains-mono", "lucide"}


@pytest.mark.usefixtures("themed")
def test_that_another_theme_destroys_no_style(qapp: QApplication) -> None:
    """What draws with it meanwhile would crash."""
    gone: list[bool] = []
    style = qapp.style()
    style.destroyed.connect(lambda: gone.append(True))
    for name in ("light", "dark"):
        theme.apply(qapp, name)
    assert gone == []
    assert qapp.style() == style


def test_no_widget_names_a_colour_of_its_own() -> None:
    allowed = {"tokens.py", "stylesheet.py", "icons.py", "ansi.py"}
    guilty = [
        f"{path.relative_to(SOURCES)}: {found}"
        for path in SOURCES.rglob("*.py")
        if path.name not in allowed
        for found in re.findall(r"[\"']#[0-9a-fA-F]{6}[\"']", path.read_text(encoding="utf-8"))
        if found.strip("\"'") != "#ffffff"
    ]
    assert guilty == []


def test_states_have_a_shape_and_a_colour() -> None:
    for state in State:
        assert state.shape in ("dot", "ring", "square", "cross", "check", "mark", "pause")
        assert getattr(DARK, state.role).startswith("#")
    assert State.UP is not State.RUNNING


def test_this_qt_keeps_its_references(qapp: object) -> None:
    class Sender(QObject):
        sent = Signal()

    sender, before = Sender(), sys.getrefcount(True)
    for _ in range(100):
        sender.sent.emit()
    assert sys.getrefcount(True) >= before - 10


def test_the_qt_that_aborts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "qt_version", "6.12.0")
    monkeypatch.setattr(app_module.sys, "version_info", (3, 11, 7, "final", 0))
    with pytest.raises(RhError, match=r"6\.12\.0 aborts on Python 3\.11"):
        app_module.require_sound_qt()
    monkeypatch.setattr(app_module.sys, "version_info", (3, 12, 1, "final", 0))
    app_module.require_sound_qt()
