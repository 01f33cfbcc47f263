"""The second step towards a cluster in a cloud: its name and the whole request, beside what it comes to."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from rhdesk.core.rows import Problem
from rhdesk.desktop.forms.cloud_form import CloudForm
from rhdesk.desktop.forms.request_review import RequestReview
from rhdesk.desktop.widgets.base import Label, column_of, row_of


class RequestStep(QWidget):
    """`renamed` is called when the person types a name. Widgets are made inside of what holds them: Qt styles all that
    is in a widget anew whenever that is moved."""

    def __init__(self, parent: QWidget, name: str, *, fixed: bool, renamed: Callable[[], object]) -> None:
        super().__init__(parent)
        row = row_of(spacing=16)
        self.setLayout(row)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setMinimumWidth(440)
        left = QWidget()
        area.setWidget(left)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 10, 0)
        column.setSpacing(14)
        self.name = QLineEdit(name)
        self.name.setAccessibleName("Name")
        self.name.setObjectName("cloud-name")
        self.name.setEnabled(not fixed)
        self.name.textEdited.connect(lambda text: renamed())
        self._name_error = Label("", "error", wrap=True)
        self._name_error.hide()
        column.addLayout(column_of(Label("Name", "strong"), self.name, self._name_error, spacing=4))
        self.form = CloudForm(left)
        column.addWidget(self.form, 1)
        row.addWidget(area, 5)
        self.review = RequestReview(self)
        self.review.setMinimumWidth(280)
        row.addWidget(self.review, 4)

    @property
    def address(self) -> str:
        """The name as it is typed."""
        return self.name.text().strip()

    def show_name_problem(self, problem: Problem | None) -> None:
        """Say under the name what is wrong with it; None: nothing."""
        self._name_error.setText(f"{problem.sentence} {problem.remedy}".strip() if problem else "")
        self._name_error.setVisible(problem is not None)
