"""Every act of the user, declared once: menus, the palette and keys all read this registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Command:
    """One act.

    Attributes:
        id: stable name, e.g. "cluster.up:^local".
        keys: key sequence in Qt's portable spelling ("Ctrl+K"), or "".
        why_not: returns why it cannot be done now, as one sentence; "" when it can.
        words: more words that the palette finds it by.
        group: heading in the palette and the list of keys.
    """

    id: str
    title: str
    run: Callable[[], object] = field(compare=False)
    icon: str = ""
    keys: str = ""
    why_not: Callable[[], str] = field(default=lambda: "", compare=False)
    words: str = ""
    group: str = ""
    hidden: bool = False  # only by key, never in the palette

    @property
    def enabled(self) -> bool:
        return not self.why_not()


class Registry:
    """Commands by id, with the few that were used last."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}
        self._recent: list[str] = []
        self._sources: list[Callable[[], list[Command]]] = []
        self._finders: list[Callable[[str, list[str]], list[Command]]] = []
        self._subscribers: list[Callable[[], None]] = []

    def add(self, *commands: Command) -> None:
        """Add commands; one of the same id is replaced."""
        for command in commands:
            self._commands[command.id] = command
        for callback in list(self._subscribers):
            callback()

    def add_source(self, source: Callable[[], list[Command]]) -> None:
        """Add commands that depend on what is there now (one per resource); asked whenever the palette opens."""
        self._sources.append(source)

    def add_finder(self, finder: Callable[[str, list[str]], list[Command]]) -> None:
        """Add commands of which there may be very many: `finder` is given what is typed and the ids that were used
        last, and gives back those that may be meant."""
        self._finders.append(finder)

    def subscribe(self, callback: Callable[[], None]) -> None:
        self._subscribers.append(callback)

    def get(self, id: str) -> Command | None:
        return self._commands.get(id)

    def all(self) -> list[Command]:
        """The declared commands and those of the sources."""
        found = list(self._commands.values())
        for source in self._sources:
            found.extend(source())
        return found

    def run(self, command: Command | str) -> str:
        """Do it. Returns why it was refused, or ""."""
        if isinstance(command, str):
            known = self._commands.get(command)
            if known is None:
                return f"There is no command {command}."
            command = known
        reason = command.why_not()
        if reason:
            return reason
        self._recent = [command.id, *(id for id in self._recent if id != command.id)][:12]
        command.run()
        return ""

    def search(self, query: str) -> list[Command]:
        """What fits `query`, best first; with nothing asked the recent ones, then the rest as declared."""
        found = [command for finder in self._finders for command in finder(query, list(self._recent))]
        visible = [command for command in (*self.all(), *found) if not command.hidden]
        recent = {id: len(self._recent) - place for place, id in enumerate(self._recent)}
        if not query.strip():
            return sorted(visible, key=lambda command: -recent.get(command.id, 0))
        scored: list[tuple[float, int, Command]] = []
        for place, command in enumerate(visible):
            score = max(fuzzy(query, command.title), fuzzy(query, f"{command.title} {command.words}") - 4)
            if score > 0:
                bonus = 3.0 if command.id in recent else 0.0
                scored.append((-(score + bonus + (0 if command.enabled else -6)), place, command))
        return [command for _, _, command in sorted(scored, key=lambda item: item[:2])]


def fuzzy(query: str, text: str) -> float:
    """How well the letters of `query`, in order, are found in `text`; 0: not at all.

    Whole words and starts of words count most, letters in a row more than scattered ones, short texts more than long.
    """
    wanted, inside = query.lower().strip(), text.lower()
    if not wanted:
        return 1.0
    at = inside.find(wanted)
    if at >= 0:
        start = at == 0 or not inside[at - 1].isalnum()
        return 100.0 + (20.0 if start else 0.0) - len(inside) * 0.05 - at * 0.1
    words = wanted.split()
    if len(words) > 1 and all(word in inside for word in words):
        return 80.0 - len(inside) * 0.05
    score, place, streak = 0.0, 0, 0
    for letter in wanted.replace(" ", ""):
        found = inside.find(letter, place)
        if found < 0:
            return 0.0
        streak = streak + 1 if found == place else 0
        boundary = found == 0 or not inside[found - 1].isalnum()
        score += 1.0 + streak * 2.0 + (3.0 if boundary else 0.0) - min(found - place, 10) * 0.15
        place = found + 1
    return max(0.1, score - len(inside) * 0.02)
