"""Before a document is saved: what changes in it, and who is concerned."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QWidget

from rhdesk.core.words import count_text
from rhdesk.desktop.forms.diff_view import DiffView
from rhdesk.desktop.widgets.dialog import Dialog

_NAMED = 6


def review_changes(
    parent: QWidget,
    address: str,
    old: str,
    new: str,
    users: Sequence[str],
    save: Callable[[], object],
    *,
    concerned: bool = True,
) -> Dialog:
    """Show the changes of a document and save it if they are right.

    Args:
        users: the functions that name it.
        concerned: whether anything that they need is another.
    """
    dialog = Dialog(parent, f"Save {address}?", _words(users, concerned), width=620)
    dialog.setObjectName("review-changes")
    view = DiffView(old, new)
    view.setFixedHeight(min(420, max(160, 40 + 19 * view.document().blockCount())))
    dialog.body.addWidget(view)
    dialog.add_button("Back")

    def accept() -> None:
        dialog.accept()
        save()

    button = dialog.add_button("Save", "primary", accept)
    button.setObjectName("review-save")
    dialog.fit()
    dialog.open()
    button.setFocus()
    return dialog


def _words(users: Sequence[str], concerned: bool) -> str:
    if not users:
        return "No function uses it."
    named = ", ".join(users[:_NAMED]) + (f" and {len(users) - _NAMED} more" if len(users) > _NAMED else "")
    one = len(users) == 1
    then = f"{'It gets' if one else 'They get'} another environment at the next run."
    return (
        f"{count_text(len(users), 'function')} {'uses' if one else 'use'} it: {named}. "
        f"{then if concerned else 'What is installed stays the same.'}"
    )
