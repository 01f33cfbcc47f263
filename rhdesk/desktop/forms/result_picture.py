"""A picture: fitted into the view, or at its own size and beyond, dragged with the mouse."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QGuiApplication,
    QImage,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from rhdesk.desktop import theme

_LARGEST = 16.0
_MARGIN = 12


class PictureView(QWidget):
    """Zooms with the wheel around the pointer; a double click changes between fitted and 100 %."""

    zoom_changed = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self._image = QImage()
        self._scale = 1.0
        self._fitted = True
        self._centre = QPointF()  # of the view, in pixels of the picture
        self._grabbed: QPointF | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(120, 80)
        self.setAccessibleName("Result as a picture")

    @property
    def image(self) -> QImage:
        return self._image

    @property
    def zoom(self) -> float:
        """Pixels of the screen to a pixel of the picture; 1 is 100 %."""
        return self._scale

    @property
    def fitted(self) -> bool:
        return self._fitted

    def show_png(self, data: bytes) -> bool:
        """Show an encoded picture, fitted. False: it cannot be decoded."""
        self._image = QImage.fromData(data)
        self.setAccessibleDescription(f"{self._image.width()} by {self._image.height()} pixels")
        self.fit()
        return not self._image.isNull()

    def fit(self) -> None:
        """As large as the view allows, never larger than it is."""
        self._fitted = True
        self._centre = QPointF(self._image.width() / 2, self._image.height() / 2)
        if not self._image.isNull():
            room = QSizeF(max(1, self.width() - 2 * _MARGIN), max(1, self.height() - 2 * _MARGIN))
            ratio = self.devicePixelRatioF()
            self._scale = min(
                1.0, room.width() * ratio / self._image.width(), room.height() * ratio / self._image.height()
            )
        self.zoom_changed.emit(self._scale)
        self.update()

    def set_zoom(self, scale: float, around: QPointF | None = None) -> None:
        """Zoom so that what is at `around` (of this widget; default: its middle) stays there."""
        if self._image.isNull():
            return
        scale = min(_LARGEST, max(0.02, scale))
        middle = QPointF(self.width() / 2, self.height() / 2)
        offset = (around or middle) - middle
        ratio = self.devicePixelRatioF()
        self._centre += offset * ratio / self._scale - offset * ratio / scale
        self._scale, self._fitted = scale, False
        self._keep_inside()
        self.zoom_changed.emit(scale)
        self.update()

    def copy(self) -> None:
        """Put the picture on the clipboard."""
        QGuiApplication.clipboard().setImage(self._image)

    def _target(self) -> QRectF:
        scale = self._scale / self.devicePixelRatioF()
        corner = QPointF(self.width() / 2, self.height() / 2) - self._centre * scale
        return QRectF(corner, QSizeF(self._image.width() * scale, self._image.height() * scale))

    def _keep_inside(self) -> None:
        """What fits stands in the middle; what does not fit cannot be pushed out of sight."""
        ratio = self.devicePixelRatioF()
        seen = QSizeF(self.width() * ratio / self._scale, self.height() * ratio / self._scale)

        def clamp(value: float, whole: float, part: float) -> float:
            return whole / 2 if part >= whole else min(max(value, part / 2), whole - part / 2)

        self._centre = QPointF(
            clamp(self._centre.x(), self._image.width(), seen.width()),
            clamp(self._centre.y(), self._image.height(), seen.height()),
        )

    # ------------------------------------------------------------ events

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._image.isNull():
            painter.setPen(theme.colour("text_faint"))
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), "This picture cannot be shown.")
            return
        target = self._target()
        # enlarged pixels stay sharp: people zoom in to see them
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._scale < 2)
        painter.drawImage(target, self._image)
        painter.setPen(theme.colour("border"))
        painter.drawRect(target.adjusted(-0.5, -0.5, 0.5, 0.5))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._fitted:
            self.fit()
        else:
            self._keep_inside()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.set_zoom(self._scale * 1.0015 ** event.angleDelta().y(), event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._grabbed = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grabbed is not None:
            self._centre -= (event.position() - self._grabbed) * self.devicePixelRatioF() / self._scale
            self._grabbed = event.position()
            self._keep_inside()
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._grabbed = None
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._fitted:
            self.set_zoom(1.0, event.position())
        else:
            self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.key() in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.set_zoom(self._scale * 1.25)
        elif event.key() == Qt.Key.Key_Minus:
            self.set_zoom(self._scale / 1.25)
        elif event.key() == Qt.Key.Key_0:
            self.fit()
        elif event.key() == Qt.Key.Key_1:
            self.set_zoom(1.0)
        else:
            super().keyPressEvent(event)
