"""Choosing files and folders. Dialogs are opened and call back; nothing waits for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget


def choose_save(parent: QWidget, title: str, name: str, act: Callable[[Path], object]) -> QFileDialog:
    """Ask where to save; `act` gets the path."""
    dialog = _dialog(parent, title)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setFileMode(QFileDialog.FileMode.AnyFile)
    dialog.selectFile(name)
    dialog.fileSelected.connect(lambda chosen: act(Path(chosen)))
    dialog.open()
    return dialog


def choose_file(
    parent: QWidget, title: str, act: Callable[[Path], object], *, filter: str = "", start: str = ""
) -> QFileDialog:
    """Ask for a file that is there."""
    dialog = _dialog(parent, title, start)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    if filter:
        dialog.setNameFilters([filter, "All files (*)"])
    dialog.fileSelected.connect(lambda chosen: act(Path(chosen)))
    dialog.open()
    return dialog


def choose_files(parent: QWidget, title: str, act: Callable[[list[Path]], object]) -> QFileDialog:
    """Ask for one or more files that are there."""
    dialog = _dialog(parent, title)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
    dialog.filesSelected.connect(lambda chosen: act([Path(one) for one in chosen]))
    dialog.open()
    return dialog


def choose_folder(parent: QWidget, title: str, act: Callable[[Path], object], *, start: str = "") -> QFileDialog:
    """Ask for a folder."""
    dialog = _dialog(parent, title, start)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly, True)
    dialog.fileSelected.connect(lambda chosen: act(Path(chosen)))
    dialog.open()
    return dialog


def _dialog(parent: QWidget, title: str, start: str = "") -> QFileDialog:
    dialog = QFileDialog(parent, title, start)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowModality(Qt.WindowModality.WindowModal)
    return dialog
