"""What was done to names and can be taken back, each once: by Undo of its notice, or the last of all by a key.

Called on the interface's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rhdesk.core.notifier import Notifier

_MOST = 100


class Undoing:
    """The acts of this session, the newest last."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._done: list[tuple[str, Callable[[], object]]] = []

    def tell(self, sentence: str, undo: Callable[[], object]) -> None:
        """Say what was done, with Undo."""
        act = (sentence, undo)
        self._done = [*self._done, act][-_MOST:]
        self._notifier.success(sentence, action_text="Undo", action=partial(self._take_back, act))

    @property
    def why_not(self) -> str:
        """Why there is nothing to take back, as a sentence; "" when there is."""
        return "" if self._done else "No change of names was made here that could be taken back."

    def take_back(self) -> None:
        """Undo the last act; then the one before it is the last."""
        if self._done:
            self._take_back(self._done[-1])
        else:
            self._notifier.info(self.why_not)

    def _take_back(self, act: tuple[str, Callable[[], object]]) -> None:
        if act not in self._done:
            self._notifier.info(f"That was taken back already: {act[0]}.")
            return
        self._done.remove(act)
        act[1]()
