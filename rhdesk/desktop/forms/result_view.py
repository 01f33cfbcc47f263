"""What a run gave back: as table, tree, picture or text, with Copy and Save; or why it gave nothing back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from rhdesk.core.results import ErrorReport, ResultPreview, TableData, delimited, write_whole
from rhdesk.core.rows import Problem
from rhdesk.core.words import bytes_text
from rhdesk.desktop.forms.error_view import ErrorView
from rhdesk.desktop.forms.file_choice import choose_save
from rhdesk.desktop.forms.result_picture import PictureView
from rhdesk.desktop.forms.result_table import TableView
from rhdesk.desktop.forms.result_text import TextView
from rhdesk.desktop.forms.result_tree import TreeView
from rhdesk.desktop.widgets.base import Button, ChipRow, ElidedLabel, Rule, ToolButton
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import ProblemBox, StateView

Download = Callable[[Path], object]


class ResultView(QWidget):
    """Embeds anywhere. `show_preview`, `show_error`, `show_loading` and `clear` are all that a page needs.

    Attributes:
        on_download: set by whoever can fetch the whole value; gets the file to write. The button is hidden without it.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.on_download: Download | None = None
        self._preview: ResultPreview | None = None
        self._table = TableData((), (), 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._bar = QWidget()
        bar = QHBoxLayout(self._bar)
        bar.setContentsMargins(12, 6, 8, 6)
        bar.setSpacing(4)
        self._ways = ChipRow()
        self._ways.chosen.connect(self._show_way)
        bar.addWidget(self._ways)
        bar.addSpacing(8)
        self._facts = ElidedLabel("", "faint")
        bar.addWidget(self._facts, 1)
        self._wrap = ToolButton("wrap-text", "Wrap lines", checkable=True)
        self._wrap.toggled.connect(self._set_wrap)
        self._zoom = Button("100 %", "flat", on_click=self._change_zoom)
        self._download = Button("Save the whole value…", "flat", "download", self._ask_download)
        for widget in (
            self._wrap,
            self._zoom,
            ToolButton("copy", "Copy", self.copy),
            ToolButton("save", "Save what is shown…", self._ask_save),
            self._download,
        ):
            bar.addWidget(widget)
        column.addWidget(self._bar)
        self._rule = Rule()
        column.addWidget(self._rule)
        self._notes = QVBoxLayout()
        column.addLayout(self._notes)
        self._stack = QStackedWidget()
        self._text, self._tree, self._rows = TextView(), TreeView(), TableView()
        self._picture, self._error, self._state = PictureView(), ErrorView(), StateView()
        self._picture.zoom_changed.connect(self._zoom_changed)
        for view in (self._text, self._tree, self._rows, self._picture, self._error, self._state):
            self._stack.addWidget(view)
        column.addWidget(self._stack, 1)
        self.clear()

    # ------------------------------------------------------------ what is shown

    def show_preview(self, preview: ResultPreview) -> None:
        """Show a result in the best way; the others are one click away."""
        self._drop_notes()
        self._preview = preview
        ways = self._fill(preview)
        self._facts.setText(self._describe(preview))
        self._ways.setVisible(len(ways) > 1)
        self._set_bar(True)
        self._download.setVisible(self.on_download is not None)
        self._ways.set_chips(ways)
        self._ways.choose(ways[0][0])
        self._show_way(ways[0][0])

    def show_error(self, report: ErrorReport) -> None:
        """Show why there is no result."""
        self._drop_notes()
        self._preview = None
        self._set_bar(False)
        self._error.show_error(report)
        self._stack.setCurrentWidget(self._error)

    def show_loading(self, sentence: str = "Fetching the result…") -> None:
        """Say that the result is on its way."""
        self._blank()
        self._state.show_loading(sentence)

    def show_note(self, title: str, text: str = "", icon: str = "inbox") -> None:
        """Say why nothing is shown: the run goes on, it was cancelled, ..."""
        self._blank()
        self._state.show_empty(title, text, icon)

    def show_problem(self, problem: Problem, retry: Callable[[], object] | None = None) -> None:
        """Say why the result could not be fetched."""
        self._blank()
        self._state.show_empty("The result could not be fetched", icon="circle-alert")
        buttons = [Button("Retry", "link", "refresh-cw", retry)] if retry is not None else []
        self._notes.addWidget(ProblemBox(problem, buttons))

    def clear(self) -> None:
        """Show nothing."""
        self.show_note("No result", "A run that has ended shows here what it gave back.")

    @property
    def way(self) -> str:
        """How the result is shown: "table", "tree", "picture" or "text"; empty while none is."""
        return self._ways.current if self._preview is not None else ""

    # ------------------------------------------------------------ acts

    def copy(self) -> None:
        """Put what is shown on the clipboard."""
        match self.way:
            case "table":
                self._rows.copy("\t", names=True)
            case "tree":
                self._tree.copy_value()
            case "picture":
                self._picture.copy()
            case _:
                cursor = self._text.textCursor()
                if not cursor.hasSelection():
                    self._text.selectAll()
                self._text.copy()
                self._text.setTextCursor(cursor)

    def save(self, path: Path) -> None:
        """Write what is shown to a file: CSV, JSON, PNG or text.

        Raises:
            OSError: it cannot be written.
        """
        assert self._preview is not None
        match self.way:
            case "table":
                data = delimited(self._table.columns, self._rows.rows.rows()).encode()
            case "tree":
                data = json.dumps(json.loads(self._preview.json), ensure_ascii=False, indent=2).encode()
            case "picture":
                data = self._preview.image
            case _:
                data = self._text.toPlainText().encode()
        write_whole(path, data)

    def _ask_save(self) -> None:
        ending = {"table": "csv", "tree": "json", "picture": "png"}.get(self.way, "txt")
        choose_save(self, "Save what is shown", f"result.{ending}", self._save_to)

    def _save_to(self, path: Path) -> None:
        self._drop_notes()
        try:
            self.save(path)
        except OSError as error:
            problem = Problem(f"{path} could not be written: {error.strerror or error}.", "Choose another place.")
            self._notes.addWidget(ProblemBox(problem))
        else:
            before = self._facts.text()
            self._facts.setText(f"Saved to {path}")
            QTimer.singleShot(4000, self._facts, lambda: self._facts.setText(before))

    def _ask_download(self) -> None:
        if self.on_download is not None:
            choose_save(self, "Save the whole value", "result.pkl", self.on_download)

    # ------------------------------------------------------------ inside

    def _fill(self, preview: ResultPreview) -> list[tuple[str, str]]:
        """Give each view its part; the ways that work, best first. What cannot be read is left to the text."""
        ways: list[tuple[str, str]] = []
        try:
            if preview.kind == "table":
                self._table = TableData.parse(preview.json)
                self._rows.show_table(self._table)
                ways.append(("table", "Table"))
            elif preview.kind == "tree":
                self._tree.show_value(json.loads(preview.json))
                ways.append(("tree", "Tree"))
            elif preview.kind == "image" and self._picture.show_png(preview.image):
                ways.append(("picture", "Picture"))
        except (ValueError, TypeError):
            ways = []
        self._text.setPlainText(preview.text)
        return [*ways, ("text", "Text")]

    def _describe(self, preview: ResultPreview) -> str:
        facts = [preview.type.removeprefix("builtins.")]
        if preview.kind == "table" and self._table.columns:
            shown, total = len(self._table.rows), self._table.total
            rows = f"first {shown:,} of {total:,} rows" if shown < total else f"{total:,} rows"
            facts.append(f"{rows} × {len(self._table.columns):,} columns")
        elif preview.kind == "image" and not self._picture.image.isNull():
            facts.append(f"{self._picture.image.width()} × {self._picture.image.height()} pixels")
        elif preview.shortened:
            facts.append("shortened")
        if preview.size:
            facts.append(bytes_text(preview.size))
        return "  ·  ".join(fact for fact in facts if fact)

    def _show_way(self, way: str) -> None:
        view = {"table": self._rows, "tree": self._tree, "picture": self._picture}.get(way, self._text)
        self._stack.setCurrentWidget(view)
        self._wrap.setVisible(view is self._text)
        self._zoom.setVisible(view is self._picture)

    def _set_wrap(self, on: bool) -> None:
        self._text.set_wrap(on)

    def _change_zoom(self) -> None:
        if self._picture.fitted and self._picture.zoom < 1:
            self._picture.set_zoom(1.0)
        else:
            self._picture.fit()

    def _zoom_changed(self, scale: float) -> None:
        self._zoom.set_text("100 %" if self._picture.fitted and scale < 1 else "Fit")
        self._zoom.setToolTip(f"Now {scale * 100:.0f} %. The wheel zooms, dragging moves.")

    def _blank(self) -> None:
        self._drop_notes()
        self._preview = None
        self._set_bar(False)
        self._stack.setCurrentWidget(self._state)

    def _set_bar(self, shown: bool) -> None:
        self._bar.setVisible(shown)
        self._rule.setVisible(shown)

    def _drop_notes(self) -> None:
        clear_layout(self._notes)
