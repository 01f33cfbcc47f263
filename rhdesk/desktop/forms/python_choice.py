"""Choosing the Python of an environment that is checked or installed by hand."""

from __future__ import annotations

from rhdesk.desktop.forms.inputs import CalmCombo

_VERSIONS = ("3.14", "3.13", "3.12", "3.11", "3.10", "3.9")


class PythonChoice(CalmCombo):
    """The cluster's own Python until another is chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Python")
        self.setToolTip("A function that says python: in its document finds only an environment of that version")
        self.setMinimumContentsLength(9)
        self.addItem("its Python", "")
        for version in _VERSIONS:
            self.addItem(f"Python {version}", version)

    @property
    def chosen(self) -> str:
        """ "3.12", or empty for the cluster's own."""
        return str(self.currentData() or "")
