"""The honest states of a list or a page: loading, empty with the next step, failed with Retry, stale with its age."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QElapsedTimer, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QHideEvent, QPainter, QPaintEvent, QPen, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from rhdesk.core.rows import Problem
from rhdesk.core.store import Condition
from rhdesk.core.words import age_text
from rhdesk.desktop import theme
from rhdesk.desktop.widgets.base import Button, IconLabel, Label, row_of
from rhdesk.desktop.widgets.removal import clear_layout, let_go_of_focus
from rhdesk.desktop.widgets.wrapped import WrappedLabel


class Spinner(QWidget):
    """A quarter of a ring that turns while it can be seen."""

    def __init__(self, size: int = 20) -> None:
        super().__init__()
        self.setFixedSize(size, size)
        self._clock = QElapsedTimer()
        self._timer = QTimer(self, interval=40)
        self._timer.timeout.connect(self.update)

    def showEvent(self, event: QShowEvent) -> None:
        self._clock.start()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(2, 2, -2, -2)
        painter.setPen(QPen(theme.colour("border_strong"), 2))
        painter.drawEllipse(box)
        turn = self._clock.elapsed() % 900 / 900 if self._clock.isValid() else 0.0
        painter.setPen(QPen(theme.colour("accent"), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawArc(box, int(-turn * 360 * 16), 90 * 16)

    def sizeHint(self) -> QSize:
        return self.size()


_LINK_PADDING = 8
_UNDER_WORDS = 18
"""From where a link begins under an icon and its gap, so that its words stand under the words above."""


class DetailsFold(QWidget):
    """ "Details" that open to the raw text of an error, with Copy."""

    def __init__(self, text: str, *, opened: bool = False, indent: int = 0) -> None:
        super().__init__()
        self._copied = text
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self._toggle = Button("Details", "link", "chevron-right", self._switch)
        self._toggle.setProperty("flush", True)
        self._copy = Button("Copy", "link", "copy", self._put_on_clipboard)
        self.head = QWidget()  # may be put elsewhere
        self.head.setLayout(row_of(indent, self._toggle, self._copy, None, spacing=0))
        column.addWidget(self.head)
        self._column, self._raw = column, text
        self._text: QPlainTextEdit | None = None
        if opened:
            self._switch()

    def set_about(self, what: str) -> None:
        """What it is about, for those who cannot see where it stands."""
        self._toggle.setAccessibleName(f"Details of {what}")
        self._copy.setAccessibleName(f"Copy the details of {what}")

    def set_copied(self, text: str) -> None:
        """What Copy puts on the clipboard, if that is more than what is shown."""
        self._copied = text

    def _switch(self) -> None:
        if self._text is None:  # made when it is asked for: a page may have many of these
            self._text = QPlainTextEdit(self._raw)
            self._text.setReadOnly(True)
            self._text.setProperty("kind", "detail")
            self._text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
            self._text.setMinimumHeight(120)
            self._text.setMaximumHeight(260)
            self._text.hide()
            self._column.addWidget(self._text)
        opened = self._text.isHidden()
        self._text.setVisible(opened)
        self._toggle.set_icon("chevron-down" if opened else "chevron-right")

    def _put_on_clipboard(self) -> None:
        QGuiApplication.clipboard().setText(self._copied)
        self._copy.set_text("Copied")
        QTimer.singleShot(1500, self, lambda: self._copy.set_text("Copy"))


class ProblemBox(QFrame):
    """A problem in place: sentence, remedy, details fold, and buttons for what to do about it.

    `retry_at` is when that is done by itself; it is counted down. The buttons stand beside the words, or under them
    where there is little room.
    """

    def __init__(
        self,
        problem: Problem,
        actions: list[Button] | None = None,
        *,
        level: str = "error",
        opened: bool = False,
        retry_at: float = 0.0,
        beside: bool = True,
    ) -> None:
        super().__init__()
        self.setProperty("banner", level)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(4)
        icon = {"error": "circle-x", "warn": "triangle-alert", "info": "info"}[level]
        mark = IconLabel(icon, level)
        top = QHBoxLayout()
        top.setSpacing(10)
        top.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(WrappedLabel(problem.sentence, "strong"))
        if problem.remedy:
            words.addWidget(WrappedLabel(problem.remedy, "muted"))
        if retry_at:
            words.addWidget(Countdown(retry_at))
        top.addLayout(words, 1)
        buttons = actions or []
        if beside:
            for button in buttons:
                top.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(top)
        if buttons and not beside:
            column.addLayout(row_of(_UNDER_WORDS, *buttons, None, spacing=0))
        if problem.detail:
            fold = DetailsFold(problem.detail, opened=opened, indent=_UNDER_WORDS + _LINK_PADDING)
            fold.set_copied("\n".join(part for part in (problem.sentence, problem.remedy, problem.detail) if part))
            column.addWidget(fold)
        self.setAccessibleName(f"{problem.sentence} {problem.remedy}")


_WORDS_WIDTH = 560


class StateView(QWidget):
    """What stands where a list would: loading, empty, or failed."""

    retry = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[QWidget] = []
        self._spare: list[QWidget] = []  # of those, what goes first where there is no room for all of it
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, 8, 24, 8)
        outer.addStretch(2)
        self._column = QVBoxLayout()
        self._column.setSpacing(8)
        outer.addLayout(self._column)
        outer.addStretch(3)

    def show_loading(self, sentence: str = "Loading…") -> None:
        self._clear()
        spinner = Spinner()
        spinner.setAccessibleName(sentence)
        self._column.addWidget(spinner, 0, Qt.AlignmentFlag.AlignHCenter)
        self._middle(Label(sentence, "muted"))

    def show_empty(self, title: str, text: str = "", icon: str = "inbox", actions: list[Button] | None = None) -> None:
        """Nothing is there, and this is the next step. The buttons are taken over."""
        self._clear()
        self._mark(icon, "text_faint")
        self._middle(Label(title, "h2"))
        if text:
            self._spare.append(self._words(text, "muted"))
        self._buttons(actions or [])
        self._fit()

    def show_failed(self, problem: Problem, retry_at: float = 0.0, retry_text: str = "Retry now") -> None:
        """Nothing can be shown and this is why."""
        self._clear()
        self._mark("circle-alert", "error")
        self._words(problem.sentence, "h2")
        if problem.remedy:
            self._words(problem.remedy, "muted")
        self._buttons([Button(retry_text, "", "refresh-cw", self.retry.emit)])
        if retry_at:
            self._middle(Countdown(retry_at))
        if problem.detail:
            fold = DetailsFold(problem.detail)
            fold.setMaximumWidth(640)
            self._middle(fold)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        return QSize(super().minimumSizeHint().width(), 60)  # it leaves things out before it is cut

    def hasHeightForWidth(self) -> bool:
        return False  # else its layout would insist on room for all of it

    def _clear(self) -> None:
        self._spare, self._parts = [], []
        clear_layout(self._column)

    def _mark(self, icon: str, role: str) -> None:
        mark = IconLabel(icon, role, 28)
        self._middle(mark)
        self._spare.append(mark)

    def _fit(self) -> None:
        """Leave out the icon, then the words under the title, rather than squeeze all of them."""
        for widget in self._spare:
            widget.show()
        for widget in self._spare:
            if self._needed() <= self.height():
                return
            widget.hide()

    def _needed(self) -> int:
        # not asked of the layout: it learns only later what was hidden now
        width = min(_WORDS_WIDTH, self.width() - 48)
        shown = [part for part in self._parts if not part.isHidden()]
        heights = [
            part.heightForWidth(width) if part.hasHeightForWidth() else part.sizeHint().height() for part in shown
        ]
        return 16 + sum(heights) + self._column.spacing() * len(heights)

    def _words(self, text: str, role: str) -> Label:
        label = Label(text, role, wrap=True)
        label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        label.setMaximumWidth(_WORDS_WIDTH)
        self._parts.append(label)
        # between stretches, not aligned: an aligned label is not asked how high it is at its width, and is cut
        row = row_of(None, label, None, spacing=0)
        row.setStretch(1, 100)
        self._column.addLayout(row)
        return label

    def _buttons(self, buttons: list[Button]) -> None:
        if buttons:
            self._parts.append(buttons[0])
            self._column.addLayout(row_of(None, *buttons, None))

    def _middle(self, widget: QWidget) -> None:
        self._parts.append(widget)
        self._column.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)


class Countdown(Label):
    """ "Trying again in 4 s", counted down every second."""

    def __init__(self, until: float) -> None:
        super().__init__("", "faint")
        self._until = until
        self._timer = QTimer(self, interval=500)
        self._timer.timeout.connect(self._tick)
        self._timer.start()
        self._tick()

    def _tick(self) -> None:
        left = self._until - time.time()
        self.setText(f"Trying again in {left:.0f} s" if left > 0.5 else "Trying again…")


class StaleBanner(QFrame):
    """Above a list whose rows are old: since when, why, and Retry."""

    retry = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("banner", "warn")
        self._condition = Condition()
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 8, 6)
        row.setSpacing(10)
        row.addWidget(IconLabel("cloud-off", "warn"))
        self._text = Label("", "muted", wrap=True)
        self._text.setObjectName("stale-words")
        row.addWidget(self._text, 1)
        self._button = Button("Retry now", "link", on_click=self._pressed)
        row.addWidget(self._button)
        self._mend: Callable[[], object] | None = None
        self._timer = QTimer(self, interval=1000)
        self._timer.timeout.connect(self._tick)
        self.hide()

    def set_condition(self, condition: Condition) -> None:
        self._condition = condition
        self._tick()
        self._timer.start()
        self.show()

    def set_mend(self, text: str = "", act: Callable[[], object] | None = None) -> None:
        """What helps more than trying again, while it does; without `act` it is Retry."""
        self._mend = act
        self._button.set_text(text if act is not None else "Retry now")

    def clear(self) -> None:
        self._timer.stop()
        let_go_of_focus(self)
        self.hide()

    def _pressed(self) -> None:
        if self._mend is not None:
            self._mend()
        else:
            self.retry.emit()

    def _tick(self) -> None:
        at, problem = self._condition.retry_at, self._condition.problem
        sentence = problem.sentence if problem is not None else ""
        whose = " and ".join(name for name in self._condition.of if name not in sentence)
        age = age_text(self._condition.updated)
        words = [f"The rows of {whose} are as of {age}." if whose else f"As of {age}."]
        if not self._condition.updated:
            words = ["Not all are shown."]
        if problem is not None:
            words.append(problem.sentence)
        left = at - time.time()
        if at and not words[-1].endswith("Trying again."):
            words.append(f"Trying again in {left:.0f} s." if left > 0.5 else "Trying again…")
        self._text.setText(" ".join(words))


def problem_actions(*pairs: tuple[str, Callable[[], object]]) -> list[Button]:
    """Link buttons for a ProblemBox from (text, act)."""
    return [Button(text, "link", on_click=act) for text, act in pairs]
