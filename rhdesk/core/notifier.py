"""What the user is told: toasts as they come, and a log of everything that was said in this session.

Called on the interface's thread. Views subscribe; nothing else shows messages.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from rhdesk.core.rows import Problem

log = logging.getLogger(__name__)


class Level(Enum):
    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Notice:
    """One message. `act` is what was being done; `action` a button for the next step."""

    id: int
    level: Level
    problem: Problem
    act: str = ""
    when: float = 0.0
    action_text: str = ""
    action: Callable[[], object] | None = field(default=None, compare=False)

    @property
    def sentence(self) -> str:
        return self.problem.sentence

    def as_text(self) -> str:
        """Everything in it, as Copy puts it on the clipboard."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.when))
        head = f"{stamp} {self.level.value}" + (f" ({self.act})" if self.act else "")
        parts = (head, self.problem.sentence, self.problem.remedy, self.problem.detail)
        return "\n".join(part for part in parts if part)


class Notifier:
    """Keeps the last 500 notices and hands each to every subscriber."""

    def __init__(self) -> None:
        self._notices: deque[Notice] = deque(maxlen=500)
        self._numbers = itertools.count(1)
        self._subscribers: list[Callable[[Notice | None], None]] = []
        self.unread = 0

    def notices(self) -> list[Notice]:
        """Newest first."""
        return list(reversed(self._notices))

    def subscribe(self, callback: Callable[[Notice | None], None]) -> Callable[[], None]:
        """Call `callback` with each new notice, and with None when the log was read or cleared."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback) if callback in self._subscribers else None

    def info(
        self, sentence: str, *, act: str = "", action_text: str = "", action: Callable[[], object] | None = None
    ) -> Notice:
        """Tell something. `act` is what was being done; `action_text` and `action` make a button for the next step."""
        return self._say(Level.INFO, Problem(sentence), act, action_text, action)

    def success(
        self, sentence: str, *, act: str = "", action_text: str = "", action: Callable[[], object] | None = None
    ) -> Notice:
        """Tell that something is done."""
        return self._say(Level.SUCCESS, Problem(sentence), act, action_text, action)

    def warning(
        self,
        sentence: str,
        remedy: str = "",
        *,
        act: str = "",
        action_text: str = "",
        action: Callable[[], object] | None = None,
    ) -> Notice:
        """Tell why something was not done, or should be looked at."""
        return self._say(Level.WARNING, Problem(sentence, remedy), act, action_text, action)

    def error(
        self,
        error: BaseException | Problem | str,
        *,
        act: str = "",
        action_text: str = "",
        action: Callable[[], object] | None = None,
    ) -> Notice:
        """Tell of a failure."""
        if isinstance(error, str):
            problem = Problem(error)
        elif isinstance(error, Problem):
            problem = error
        else:
            problem = Problem.of(error)
        log.info("%s %s", problem.sentence, problem.detail)
        return self._say(Level.ERROR, problem, act, action_text, action)

    def mark_read(self) -> None:
        self.unread = 0
        self._tell(None)

    def clear(self) -> None:
        self._notices.clear()
        self.mark_read()

    def _say(
        self, level: Level, problem: Problem, act: str, action_text: str, action: Callable[[], object] | None
    ) -> Notice:
        notice = Notice(next(self._numbers), level, problem, act, time.time(), action_text, action)
        self._notices.append(notice)
        self.unread += 1
        self._tell(notice)
        return notice

    def _tell(self, notice: Notice | None) -> None:
        for callback in list(self._subscribers):
            callback(notice)
