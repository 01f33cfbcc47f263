"""The smallest parts: cards, labels by role, buttons by kind, icons that follow the theme, the state pill."""

from __future__ import annotations

from collections.abc import Callable, Collection

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QBoxLayout,
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from rhdesk.core.rows import State
from rhdesk.desktop import theme

_KEYPAD = Qt.KeyboardModifier.KeypadModifier


class Card(QFrame):
    """A bordered surface with a vertical layout, `body`."""

    def __init__(self, parent: QWidget | None = None, *, margins: tuple[int, int, int, int] = (16, 12, 16, 12)) -> None:
        super().__init__(parent)
        self.setProperty("card", True)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(*margins)
        self.body.setSpacing(8)


class Label(QLabel):
    """Plain text in one of the roles of the style sheet: h1 h2 h3 strong muted faint figure unit good bad error
    mono kbd badge section. Text is never read as HTML."""

    def __init__(self, text: str = "", role: str = "", *, wrap: bool = False, select: bool = False) -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        if role:
            self.setProperty("role", role)
        if wrap:
            self.setWordWrap(True)
            self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        if select:
            self.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )

    def set_role(self, role: str) -> None:
        """Change the look; the style sheet is read again for this label only."""
        if self.property("role") != role:
            self.setProperty("role", role)
            self.style().unpolish(self)
            self.style().polish(self)


class ElidedLabel(Label):
    """One line that ends in "…" where there is no room; the whole text is its tool tip."""

    def __init__(self, text: str = "", role: str = "", *, middle: bool = False) -> None:
        super().__init__(text, role)
        self._mode = Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(40)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, super().minimumSizeHint().height())

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setToolTip(text)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(self.font())
        painter.setPen(self.palette().color(self.foregroundRole()))
        box = self.contentsRect()
        shown = self.fontMetrics().elidedText(self.text(), self._mode, box.width())
        painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), shown)


class IconLabel(QLabel):
    """An icon that stands by itself, in a colour of the theme."""

    def __init__(self, name: str, role: str = "text_muted", size: int = 16) -> None:
        super().__init__()
        self._icon, self._role, self._size = name, role, size
        self.setFixedSize(size, size)
        self.retheme()

    def set_icon(self, name: str, role: str | None = None) -> None:
        self._icon, self._role = name, role or self._role
        self.retheme()

    def retheme(self) -> None:
        self.setPixmap(theme.icons.pixmap(self._icon, self._role, self._size))


class Button(QPushButton):
    """A button of a kind: "" (outlined), "primary", "danger", "flat", "link", "chip", "tab"."""

    def __init__(
        self, text: str, kind: str = "", icon: str = "", on_click: Callable[[], object] | None = None, *, tip: str = ""
    ) -> None:
        super().__init__(f" {text}" if icon and text else text)
        self._icon_name, self._kind = icon, kind
        if kind:
            self.setProperty("kind", kind)
        if kind in ("chip", "tab"):
            self.setCheckable(True)
        self.setAccessibleName(text)
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        if tip:
            self.setToolTip(tip)
        if on_click is not None:
            self.clicked.connect(lambda checked=False: on_click())
        self.retheme()

    def set_text(self, text: str) -> None:
        self.setText(f" {text}" if self._icon_name and text else text)
        self.setAccessibleName(text)

    def set_icon(self, name: str) -> None:
        self._icon_name = name
        self.retheme()

    def allow(self, reason_against: str = "") -> None:
        """Enable the button, or disable it and say why in its tool tip."""
        if reason_against and self.hasFocus():
            self.window().setFocus()  # else Qt outlines the first control of the window
        self.setEnabled(not reason_against)
        self.setToolTip(reason_against)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        chosen = self.group() is not None and self.isChecked()  # Return is then for the default button of its dialog
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers() & ~_KEYPAD and not chosen:
            self.click()  # Qt has only Space do it
        else:
            super().keyPressEvent(event)

    def retheme(self) -> None:
        if self._icon_name:
            role = {"primary": "on_accent", "danger": "#ffffff", "link": "accent_text"}.get(self._kind, "text_muted")
            self.setIcon(theme.icons.icon(self._icon_name, role))
            self.setIconSize(QSize(16, 16))


class ToolButton(QToolButton):
    """A small square button that shows only an icon; `tip` names it."""

    def __init__(
        self,
        icon: str,
        tip: str,
        on_click: Callable[[], object] | None = None,
        *,
        checkable: bool = False,
        size: int = 16,
    ) -> None:
        super().__init__()
        self._icon_name, self._size = icon, size
        self.setToolTip(tip)
        self.setAccessibleName(tip)
        self.setCheckable(checkable)
        if on_click is not None:
            self.clicked.connect(lambda checked=False: on_click())
        self.retheme()

    def set_icon(self, name: str) -> None:
        self._icon_name = name
        self.retheme()

    def allow(self, reason_against: str = "", tip: str = "") -> None:
        self.setEnabled(not reason_against)
        self.setToolTip(reason_against or tip or self.accessibleName())

    def retheme(self) -> None:
        self.setIcon(theme.icons.icon(self._icon_name, "text_muted", on="text", size=self._size))
        self.setIconSize(QSize(self._size, self._size))


class ChipRow(QWidget):
    """Chips of which exactly one is on; `chosen` carries its key."""

    chosen = Signal(str)

    def __init__(self, kind: str = "chip") -> None:
        super().__init__()
        self._kind = kind
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(4 if kind == "chip" else 0)
        self._group = QButtonGroup(self)
        self._chips: dict[str, Button] = {}
        self._current = ""

    @property
    def current(self) -> str:
        return self._current

    def set_chips(self, chips: list[tuple[str, str]]) -> None:
        """Show these (key, text); the first is chosen when the present choice is gone."""
        if list(self._chips) != [key for key, _ in chips]:
            for old in self._chips.values():
                self._group.removeButton(old)
                self._row.removeWidget(old)
                old.deleteLater()
            self._chips = {}
            for key, text in chips:
                chip = Button(text, self._kind)
                chip.clicked.connect(lambda checked=False, key=key: self._click(key))
                self._group.addButton(chip)
                self._row.addWidget(chip)
                self._chips[key] = chip
        for key, text in chips:
            self._chips[key].set_text(text)
        if self._chips and self._current not in self._chips:
            self._current = next(iter(self._chips))
        if self._current:
            self._chips[self._current].setChecked(True)
            self.setFocusProxy(self._chips[self._current])
        self._row.invalidate()
        self.setMinimumWidth(self._row.sizeHint().width())

    def choose(self, key: str) -> None:
        """Choose a chip as if it were clicked."""
        if key in self._chips:
            self._chips[key].setChecked(True)
            self._click(key)

    def set_visible(self, key: str, visible: bool) -> None:
        self._chips[key].setVisible(visible)
        self._row.invalidate()
        self.setMinimumWidth(self._row.sizeHint().width())

    def width_of(self, keys: Collection[str]) -> int:
        """How wide it is with these chips alone."""
        widths = [self._chips[key].sizeHint().width() for key in keys]
        return sum(widths) + self._row.spacing() * max(0, len(widths) - 1)

    def chip(self, key: str) -> Button:
        return self._chips[key]

    def _click(self, key: str) -> None:
        for other, chip in self._chips.items():  # Tab stops at the one that is on, arrows go on from there
            chip.setFocusPolicy(Qt.FocusPolicy.StrongFocus if other == key else Qt.FocusPolicy.ClickFocus)
        self.setFocusProxy(self._chips[key])
        if key != self._current:
            self._current = key
            self.chosen.emit(key)


class Rule(QFrame):
    """A hairline across."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("rule", True)
        self.setFixedHeight(1)


class StatePill(QWidget):
    """A state by shape, colour and word."""

    def __init__(self, state: State | None = None) -> None:
        super().__init__()
        self._state = state
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._describe()

    def set_state(self, state: State) -> None:
        if state is not self._state:
            self._state = state
            self._describe()
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(pill_width(self._state) + 1 if self._state else 0, 24)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._state is not None:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            paint_pill(painter, 0.5, self.height() / 2, self._state)

    def _describe(self) -> None:
        self.setAccessibleName(f"State: {self._state.word}" if self._state else "")


def pill_width(state: State) -> int:
    """Logical pixels that the pill of a state takes."""
    return QFontMetrics(theme.ui_font(12, QFont.Weight.Medium)).horizontalAdvance(state.word) + 30


def paint_pill(painter: QPainter, left: float, middle: float, state: State) -> None:
    """Draw the pill of a state with its left edge at `left`, centred on the line `middle`."""
    colour = theme.colour(state.role)
    ground = QColor(colour)
    ground.setAlpha(30)
    pill = QRectF(left, middle - 11, pill_width(state), 22)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(pill, 11, 11)
    paint_mark(painter, QPointF(pill.left() + 12, pill.center().y()), state)
    painter.setFont(theme.ui_font(12, QFont.Weight.Medium))
    painter.setPen(colour)
    side = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    painter.drawText(pill.adjusted(21, 0, 0, 0), int(side), state.word)


def paint_mark(painter: QPainter, centre: QPointF, state: State) -> None:
    """Draw the shape that stands for a state."""
    colour = theme.colour(state.role)
    line = QPen(colour, 1.8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(line)
    if state.shape == "ring":
        painter.drawEllipse(centre, 3.4, 3.4)
    elif state.shape == "pause":
        painter.drawLines([centre + QPointF(x, y) for x in (-1.8, 1.8) for y in (-3, 3)])
    elif state.shape == "cross":
        painter.drawLine(centre + QPointF(-3, -3), centre + QPointF(3, 3))
        painter.drawLine(centre + QPointF(-3, 3), centre + QPointF(3, -3))
    elif state.shape == "mark":
        painter.drawLine(centre + QPointF(0, -3.8), centre + QPointF(0, 0.6))
        painter.drawLine(centre + QPointF(0, 3.7), centre + QPointF(0, 3.8))
    elif state.shape == "check":
        painter.drawPolyline([centre + QPointF(-3.6, 0.2), centre + QPointF(-1, 3), centre + QPointF(3.8, -3)])
    else:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        if state.shape == "square":
            painter.drawRoundedRect(QRectF(centre.x() - 3.2, centre.y() - 3.2, 6.4, 6.4), 1.5, 1.5)
        else:
            painter.drawEllipse(centre, 3.6, 3.6)


def row_of(*items: QWidget | QLayout | int | None, spacing: int = 8) -> QHBoxLayout:
    """A row of widgets and layouts; an int is a gap of that many pixels, None takes the rest."""
    box = QHBoxLayout()
    _fill(box, items, spacing)
    return box


def column_of(*items: QWidget | QLayout | int | None, spacing: int = 8) -> QVBoxLayout:
    """A column, as `row_of`."""
    box = QVBoxLayout()
    _fill(box, items, spacing)
    return box


def _fill(box: QBoxLayout, items: tuple[QWidget | QLayout | int | None, ...], spacing: int) -> None:
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(spacing)
    for item in items:
        if item is None:
            box.addStretch(1)
        elif isinstance(item, int):
            box.addSpacing(item)
        elif isinstance(item, QLayout):
            box.addLayout(item)
        else:
            box.addWidget(item)
