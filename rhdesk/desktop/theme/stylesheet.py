"""The one style sheet. Widgets choose a look by a property (`card`, `role`, `kind`), never by a colour."""

from __future__ import annotations

from pathlib import Path

from rhdesk.desktop.theme.tokens import CONTROL_HEIGHT, RADIUS, Tokens

_CONTROLS = (Path(__file__).parent / "assets" / "controls").as_posix()


def stylesheet(t: Tokens) -> str:
    """The style sheet of one theme."""
    return _surfaces(t) + _text(t) + _buttons(t) + _fields(t) + _lists(t)


def _surfaces(t: Tokens) -> str:
    return f"""
    QMainWindow, QDialog {{ background: {t.window}; }}
    QToolTip {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.border_strong}; padding: 4px 8px; }}
    #sidebar {{ background: {t.sidebar}; border-right: 1px solid {t.border}; }}
    #statusbar {{ background: {t.sidebar}; border-top: 1px solid {t.border}; }}
    QFrame[card="true"] {{ background: {t.surface}; border: 1px solid {t.border}; border-radius: {RADIUS}px; }}
    QFrame[card="raised"] {{ background: {t.raised}; border: 1px solid {t.border_strong};
        border-radius: {RADIUS}px; }}
    QFrame[rule="true"] {{ background: {t.border}; border: none; }}
    QFrame[banner="warn"], QFrame[banner="error"], QFrame[banner="info"] {{ background: {t.raised};
        border: 1px solid {t.border}; border-radius: 6px; }}
    QFrame[banner="warn"] {{ border-left: 3px solid {t.warn}; }}
    QFrame[banner="error"] {{ border-left: 3px solid {t.error}; }}
    QFrame[banner="info"] {{ border-left: 3px solid {t.info}; }}
    QSplitter::handle {{ background: transparent; }}
    QSplitter[line="true"]::handle {{ background: {t.border}; }}
    QFrame[line="plain"][chosen="true"] {{ background: {t.selected}; }}
    QFrame[pane="true"] {{ border: 1px solid {t.border}; border-radius: 6px; }}
    QFrame[pane="true"][chosen="true"] {{ background: {t.accent_soft}; border-color: {t.accent}; }}
    QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
    QScrollBar:vertical {{ background: transparent; width: 12px; margin: 2px; }}
    QScrollBar:horizontal {{ background: transparent; height: 12px; margin: 2px; }}
    QScrollBar::handle {{ background: {t.border_strong}; border-radius: 4px; }}
    QScrollBar::handle:hover {{ background: {t.text_faint}; }}
    QScrollBar::handle:vertical {{ min-height: 28px; }}
    QScrollBar::handle:horizontal {{ min-width: 28px; }}
    QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{
        background: none; height: 0; width: 0; }}
    QMenu {{ background: {t.raised}; border: 1px solid {t.border_strong}; border-radius: 6px; padding: 4px; }}
    QMenu::item {{ padding: 6px 24px 6px 8px; border-radius: 4px; }}
    QMenu::item:selected {{ background: {t.accent_soft}; color: {t.text}; }}
    QMenu::item:disabled {{ color: {t.text_faint}; }}
    QMenu::icon {{ padding-left: 8px; }}
    QMenu::separator {{ height: 1px; background: {t.border}; margin: 4px 6px; }}
    QProgressBar {{ background: {t.border_strong}; border: none; border-radius: 2px; max-height: 4px;
        min-height: 4px; }}
    QProgressBar::chunk {{ background: {t.accent}; border-radius: 2px; }}
    """


def _text(t: Tokens) -> str:
    return f"""
    QLabel {{ background: transparent; }}
    QLabel[role="brand"] {{ font-size: 15px; font-weight: 600; }}
    QLabel[role="section"] {{ color: {t.text_faint}; font-size: 11px; font-weight: 600; }}
    QLabel[role="h1"] {{ font-size: 20px; font-weight: 600; }}
    QLabel[role="h2"] {{ font-size: 14px; font-weight: 600; }}
    QLabel[role="h3"] {{ font-size: 13px; font-weight: 600; }}
    QLabel[role="strong"] {{ font-weight: 500; }}
    QLabel[role="muted"] {{ color: {t.text_muted}; }}
    QLabel[role="faint"] {{ color: {t.text_faint}; font-size: 12px; }}
    QLabel[role="figure"] {{ font-size: 24px; font-weight: 600; }}
    QLabel[role="unit"] {{ color: {t.text_faint}; font-size: 13px; }}
    QLabel[role="good"] {{ color: {t.ok}; font-size: 12px; font-weight: 500; }}
    QLabel[role="bad"] {{ color: {t.warn}; font-size: 12px; font-weight: 500; }}
    QLabel[role="error"] {{ color: {t.error}; font-size: 12px; }}
    QLabel[role="mono"] {{ font-family: "JetBrains Mono"; font-size: 12px; color: {t.text_muted}; }}
    QLabel[role="kbd"] {{ color: {t.text_faint}; border: 1px solid {t.border_strong}; border-radius: 4px;
        padding: 0 5px; font-size: 11px; }}
    QLabel[role="badge"] {{ background: {t.raised}; color: {t.text_muted}; border-radius: 8px; padding: 0 6px;
        font-size: 11px; font-weight: 600; }}
    """


def _buttons(t: Tokens) -> str:
    return f"""
    QPushButton {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.border}; border-radius: 6px;
        padding: 0 12px; min-height: {CONTROL_HEIGHT}px; font-weight: 500; }}
    QPushButton:hover {{ border-color: {t.border_strong}; background: {t.hover}; }}
    QPushButton:pressed {{ background: {t.selected}; }}
    QPushButton:focus {{ border-color: {t.accent}; }}
    QPushButton:disabled {{ color: {t.text_faint}; background: transparent; border-color: {t.border}; }}
    QPushButton[kind="primary"] {{ background: {t.accent}; border-color: {t.accent}; color: {t.on_accent}; }}
    QPushButton[kind="primary"]:hover {{ background: {t.accent_hover}; border-color: {t.accent_hover}; }}
    QPushButton[kind="primary"]:focus {{ border-color: {t.text}; }}
    QPushButton[kind="primary"]:disabled {{ background: {t.raised}; border-color: {t.border};
        color: {t.text_faint}; }}
    QPushButton[kind="danger"] {{ background: {t.danger}; border-color: {t.danger}; color: #ffffff; }}
    QPushButton[kind="danger"]:hover {{ background: {t.danger_hover}; border-color: {t.danger_hover}; }}
    QPushButton[kind="danger"]:focus {{ border-color: {t.text}; }}
    QPushButton[kind="danger"]:disabled {{ background: {t.raised}; border-color: {t.border};
        color: {t.text_faint}; }}
    QPushButton[kind="flat"] {{ background: transparent; border-color: transparent; color: {t.text_muted}; }}
    QPushButton[kind="flat"]:hover {{ background: {t.hover}; color: {t.text}; }}
    QPushButton[kind="flat"]:focus {{ border-color: {t.accent}; }}
    QPushButton[kind="link"] {{ background: transparent; border: 1px solid transparent; color: {t.accent_text};
        min-height: 24px; padding: 0 8px; }}
    QPushButton[kind="link"][flush="true"] {{ padding-left: 0; }}
    QPushButton[kind="link"]:hover {{ background: {t.hover}; }}
    QPushButton[kind="link"]:focus {{ border-color: {t.accent}; }}
    QPushButton[kind="chip"] {{ background: transparent; border: 1px solid transparent; color: {t.text_muted};
        min-height: 26px; padding: 0 10px; }}
    QPushButton[kind="chip"]:hover {{ background: {t.hover}; color: {t.text}; }}
    QPushButton[kind="chip"]:checked {{ background: {t.raised}; border-color: {t.border_strong};
        color: {t.text}; }}
    QPushButton[kind="chip"]:focus {{ border-color: {t.accent}; }}
    QPushButton[kind="tab"] {{ background: transparent; border: none; border-bottom: 2px solid transparent;
        border-radius: 0; color: {t.text_muted}; min-height: 34px; padding: 0 4px; margin-right: 12px; }}
    QPushButton[kind="tab"]:hover {{ color: {t.text}; }}
    QPushButton[kind="tab"]:checked {{ color: {t.text}; border-bottom-color: {t.accent}; }}
    QPushButton[kind="tab"]:focus {{ color: {t.accent_text}; }}
    QToolButton {{ background: transparent; border: 1px solid transparent; border-radius: 6px; padding: 5px; }}
    QToolButton:hover {{ background: {t.hover}; border-color: {t.border}; }}
    QToolButton:pressed {{ background: {t.selected}; }}
    QToolButton:checked {{ background: {t.raised}; border-color: {t.border_strong}; }}
    QToolButton:focus {{ border-color: {t.accent}; }}
    QToolButton::menu-indicator {{ image: none; }}
    QToolButton[kind="nav"] {{ border: 1px solid transparent; border-radius: 6px; padding: 0 9px; text-align: left;
        color: {t.text_muted}; font-weight: 500; }}
    QToolButton[kind="nav"]:hover {{ background: {t.hover}; color: {t.text}; }}
    QToolButton[kind="nav"]:checked {{ background: {t.accent_soft}; color: {t.text}; }}
    QToolButton[kind="nav"]:focus {{ border-color: {t.accent}; }}
    """


def _fields(t: Tokens) -> str:
    return f"""
    QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox {{ background: {t.surface}; color: {t.text};
        border: 1px solid {t.border_strong}; border-radius: 6px; padding: 0 8px; min-height: {CONTROL_HEIGHT}px;
        selection-background-color: {t.accent}; selection-color: {t.on_accent}; }}
    QLineEdit:hover, QSpinBox:hover, QDoubleSpinBox:hover, QComboBox:hover {{ border-color: {t.text_faint}; }}
    QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus, QComboBox:on {{
        border-color: {t.accent}; }}
    QLineEdit:disabled, QComboBox:disabled {{ color: {t.text_faint}; border-color: {t.border}; }}
    QLineEdit[invalid="true"], QComboBox[invalid="true"], QPlainTextEdit[invalid="true"] {{
        border-color: {t.error}; }}
    QLineEdit[kind="search"] {{ border-color: {t.border}; }}
    QLineEdit[kind="palette"] {{ background: transparent; border: none; min-height: 46px; font-size: 15px; }}
    QLineEdit[kind="bare"] {{ background: transparent; border: none; }}
    QComboBox::drop-down {{ border: none; width: 24px; }}
    QComboBox::down-arrow {{ image: url({_CONTROLS}/{t.name}-chevron-down.svg); width: 14px; height: 14px; }}
    QComboBox QAbstractItemView {{ background: {t.raised}; border: 1px solid {t.border_strong}; padding: 4px;
        outline: 0; selection-background-color: {t.accent_soft}; selection-color: {t.text}; }}
    QSpinBox::up-button, QDoubleSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::down-button {{
        border: none; width: 20px; background: transparent; }}
    QSpinBox::up-arrow, QDoubleSpinBox::up-arrow {{ image: url({_CONTROLS}/{t.name}-chevron-up.svg);
        width: 12px; height: 12px; }}
    QSpinBox::down-arrow, QDoubleSpinBox::down-arrow {{ image: url({_CONTROLS}/{t.name}-chevron-down.svg);
        width: 12px; height: 12px; }}
    QCheckBox {{ spacing: 8px; }}
    QCheckBox::indicator {{ width: 16px; height: 16px; border: 1px solid {t.border_strong}; border-radius: 4px;
        background: {t.surface}; }}
    QCheckBox::indicator:hover, QCheckBox::indicator:focus {{ border-color: {t.accent}; }}
    QCheckBox:focus {{ color: {t.accent_text}; }}
    QCheckBox::indicator:checked {{ background: {t.accent}; border-color: {t.accent};
        image: url({_CONTROLS}/{t.name}-check.svg); }}
    QCheckBox::indicator:disabled {{ background: {t.raised}; }}
    QRadioButton {{ spacing: 8px; }}
    QPlainTextEdit, QTextEdit, QTextBrowser {{ background: {t.surface}; color: {t.text};
        border: 1px solid {t.border_strong}; border-radius: 6px; padding: 4px;
        selection-background-color: {t.accent}; selection-color: {t.on_accent}; }}
    QPlainTextEdit:focus, QTextEdit:focus {{ border-color: {t.accent}; }}
    QPlainTextEdit[kind="code"], QPlainTextEdit[kind="detail"] {{ background: {t.console};
        font-family: "JetBrains Mono"; font-size: 12px; }}
    QPlainTextEdit[kind="code"][flush="true"] {{ border-color: transparent; border-radius: 0; }}
    QPlainTextEdit[kind="code"][flush="true"]:focus {{ border-color: {t.accent}; }}
    QPlainTextEdit[kind="detail"] {{ border-color: {t.border}; }}
    QPlainTextEdit[kind="bare"] {{ border: none; border-radius: 0; background: transparent; }}
    """


def _lists(t: Tokens) -> str:
    return f"""
    QTableView, QTreeView, QListView {{ background: transparent; border: none; gridline-color: transparent;
        outline: 0; color: {t.text}; }}
    QTableView[kind="data"]::item {{ padding: 0 12px; border-bottom: 1px solid {t.border}; }}
    QTableView[kind="data"]::item:selected {{ background: {t.selected}; color: {t.text}; }}
    QTreeView::item, QListView::item {{ min-height: 26px; padding: 0 4px; }}
    QTreeView::item:hover, QListView::item:hover {{ background: {t.hover}; }}
    QTreeView::item:selected, QListView::item:selected {{ background: {t.selected}; color: {t.text}; }}
    QListView[kind="popup"] {{ background: {t.raised}; border: 1px solid {t.border_strong}; }}
    QHeaderView {{ background: transparent; border: none; }}
    QHeaderView::section {{ background: transparent; color: {t.text_faint}; border: none;
        border-bottom: 1px solid {t.border}; padding: 0 12px; font-size: 12px; font-weight: 500; }}
    QHeaderView::section:first, QHeaderView::section:only-one {{ padding-left: 16px; }}
    QHeaderView::section:hover {{ color: {t.text}; }}
    QTableCornerButton::section {{ background: transparent; border: none; }}
    """
