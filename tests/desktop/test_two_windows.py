"""Two windows and a script on one registry of 10,000 resources: nobody's change is lost, and all come in order."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest
from lab import registry_script
from lab.many_names import MANY, many_packages, package
from lab.registry import RegistryServer
from lab.registry_filled import fill
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from rhdesk.core.store import REGISTRY, Change
from rhdesk.desktop.app import make_window, start
from rhdesk.desktop.pages.names import NamesPage
from rhdesk.desktop.shell import Shell
from rhresources.registry.feed import Event
from rhresources.registry.replica import Replica
from rhresources.resource_names import ResourceNames
from rhresources.workspace import Workspace
from rhserver.registry.database import Database

WRITERS, ROUNDS = 48, 3
"""Of the script; the two windows write as well."""
COUNTERS = [f"/team/counters/c{number}" for number in range(8)]
COUNTER = package(1, "0 by nobody")
SOON = 120_000

There = dict[str, tuple[int, str, str]]
"""Version, last author and description of every name."""


class Window:
    """A window of one user, and what came to it.

    Attributes:
        events: what its replica took over from the feed, in that order.
        rows: the versions that its table of names showed of each, in that order.
    """

    def __init__(self, qtbot: QtBot, shell: Shell, user: str) -> None:
        self.qtbot, self.shell, self.desk, self.user = qtbot, shell, shell.desk, user
        self.events: list[Event] = []
        self.rows: dict[str, list[int]] = defaultdict(list)
        self.desk.store.names.subscribe(self._changed)
        shell.navigate("names")
        assert isinstance(shell.page, NamesPage)
        self.page = shell.page

    def until(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=SOON)

    def do(self, call: Callable[[ResourceNames], object]) -> None:
        """Something with the names of this window."""
        done: list[object] = []

        async def act(workspace: Workspace, progress: object) -> object:
            return await asyncio.to_thread(call, workspace.names)

        self.desk.act("test", act, on_done=done.append)
        self.until(lambda: done)

    def log_in(self, registry: RegistryServer) -> None:
        token = registry.token(self.user)
        self.do(lambda names: names.login(registry.url, token))
        self.desk.read_names()

    def open(self, name: str) -> None:
        """Choose a name of the tree and see its text."""
        self.page.open(name)
        self.until(lambda: self.page.editor.address == name and self.text.startswith("kind"))

    @property
    def text(self) -> str:
        """What the editor shows."""
        return self.page.editor.editor.text if self.page.editor._entry is not None else ""

    def type(self, field: str, value: str) -> None:
        """Change a field in the editor."""
        changed = re.sub(rf"^{field}: .*$", f"{field}: {value}", self.text, flags=re.MULTILINE)
        assert changed != self.text
        self.page.editor.editor.edit.replace_text(changed)

    def save(self) -> None:
        """Save what is typed, and wait until the registry has it."""
        self.page.editor.save()
        self.until(lambda: not self.page.editor.is_dirty)

    def has_all(self, there: There) -> bool:
        """Whether its table says of every name what the registry says, and all of that came with the feed, too."""
        if any(there[name][0] > max((1, *self.came(name))) for name in COUNTERS):
            return False  # its own changes are in the table before
        rows = [row for row in self.desk.store.names.rows() if row.in_registry]
        return {row.address: (row.version, row.modified_by, row.description) for row in rows} == there

    def came(self, name: str) -> list[int]:
        """The versions of a name that came with the feed."""
        return [event.resource.version for event in self.events if event.name == name and event.resource is not None]

    def _changed(self, change: Change) -> None:
        for address in change.changed:
            row = self.desk.store.names.get(address)
            if row is not None and row.in_registry:
                self.rows[address].append(row.version)


@pytest.fixture
def many() -> int:
    """How many names there are besides those that are counted in."""
    return 0


@pytest.fixture
def registry(make_registry: Callable[..., RegistryServer], many: int) -> RegistryServer:
    """With names of a group, of which alice, bob and carol are."""
    made = make_registry(options=["--limit", "token=0"])
    made.group("team", "alice", "bob", "carol")
    database = Database(made.database)
    fill(database, "team", dict(islice(many_packages().items(), many)))
    database.close()
    with made.client("carol") as carol:
        for name in COUNTERS:
            carol.put(f"/v1/resources{name}", json={"text": COUNTER, "base": 0}).raise_for_status()
    return made


@pytest.fixture
def windows(
    qtbot: QtBot, qapp: QApplication, short_path: Path, monkeypatch: pytest.MonkeyPatch, registry: RegistryServer
) -> Iterator[tuple[Window, Window]]:
    """The windows of alice and bob, each on a computer of their own, which know all names."""
    made = []
    for user in ("alice", "bob"):
        monkeypatch.setenv("RH_HOME", str(short_path / user))
        shell = make_window(qapp, theme_name="dark")
        shell.show()
        start(shell, settings=False)
        made.append(Window(qtbot, shell, user))
    heard = {window.desk.home: window.events for window in made}

    def take(self: Replica, events: Iterable[Event]) -> set[str]:
        listed = list(events)
        home = next(home for home in heard if self.database.path.is_relative_to(home))
        heard[home] += [event for event in listed if event.name]
        return taken(self, listed)

    taken = Replica.take
    monkeypatch.setattr(Replica, "take", take)
    for window in made:
        window.log_in(registry)
    there = listed(registry, "alice")
    for window in made:
        window.until(lambda window=window: window.has_all(there) and state_of(window).online)
    yield made[0], made[1]
    for window in made:
        window.until(lambda window=window: all(each.state != "running" for each in window.desk.store.tasks.rows()))
        window.shell._may_close = True
        window.shell.close()
        window.desk.close()
        window.shell.deleteLater()
        window.until(lambda window=window: not isValid(window.shell))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("many", [MANY])
def test_that_two_windows_and_a_script_lose_nothing_of_each_other(
    qtbot: QtBot, windows: tuple[Window, Window], registry: RegistryServer, short_path: Path
) -> None:
    with script(registry, short_path / "carol", WRITERS, ROUNDS) as running:
        read_until(qtbot, running, "writing")
        for place, name in enumerate(COUNTERS):
            window = windows[place % 2]
            window.open(name)
            window.type("target", f"numpy=={place + 2}")
            window.save()
        done = json.loads(read_until(qtbot, running, "{"))
    assert sum(done.values()) == WRITERS * ROUNDS

    there = listed(registry, "alice")
    assert len(there) == MANY + len(COUNTERS)
    for place, name in enumerate(COUNTERS):
        texts = history(registry, name)
        assert len(texts) == 1 + done[name] + 1, "each change is a version: the first, what was counted, the window's"
        assert_that_each_follows(texts)
        assert registry_script.counted(texts[-1]) == done[name]
        assert f"target: numpy=={place + 2}\n" in texts[-1]
    for window in windows:
        window.until(lambda window=window: window.has_all(there))
        assert_that_all_came_in_order(window, there)


@pytest.mark.slow
def test_that_an_edit_in_the_window_takes_nothing_back(
    windows: tuple[Window, Window], registry: RegistryServer
) -> None:
    alice, bob = windows
    name = COUNTERS[0]
    for window in windows:
        window.open(name)

    alice.type("target", "numpy==2")
    put(registry, name, COUNTER.replace("0 by nobody", "1 by carol"))
    alice.save()
    assert stored(registry, name) == package(2, "1 by carol"), "both changes are in it"
    alice.until(lambda: "1 by carol" in alice.text)
    alice.type("target", "numpy==3")
    alice.save()
    assert stored(registry, name) == package(3, "1 by carol"), "an edit goes on from what was merged"

    bob.until(lambda: bob.text == package(3, "1 by carol"))
    bob.type("description", "2 by bob")
    alice.type("description", "2 by alice")
    alice.save()
    bob.page.editor.save()
    bob.until(lambda: state_of(bob).conflicts == (name,))
    bob.until(lambda: bob.page.editor.findChild(QPushButton, "document-settle") is not None)
    assert stored(registry, name) == package(3, "2 by alice"), "what was first is there"
    mine: list[str] = []
    bob.do(lambda names: mine.append(names.conflict(name).mine))
    assert mine == [package(3, "2 by bob")], "what does not fit is put to its user"
    bob.do(lambda names: names.settle(name, mine[0]))
    there = listed(registry, "bob")
    assert there[name][1:] == ("bob", "2 by bob")
    for window in windows:
        window.until(lambda window=window: window.has_all(there))
        assert_that_all_came_in_order(window, there)
    assert not state_of(bob).conflicts


# ---------------------------------------------------------------- what is asked of the registry


def script(registry: RegistryServer, home: Path, writers: int, rounds: int) -> subprocess.Popen[str]:
    program = Path(registry_script.__file__)
    words = [registry.url, registry.token("carol"), str(writers), str(rounds), *COUNTERS]
    env = _environment(home)
    return subprocess.Popen([sys.executable, program, *words], env=env, stdout=subprocess.PIPE, text=True)


def read_until(qtbot: QtBot, program: subprocess.Popen[str], begin: str) -> str:
    """The next line that begins so, while the windows go on."""
    found: list[str] = []

    def read() -> None:
        assert program.stdout is not None
        found.append(next((line for line in program.stdout if line.startswith(begin)), ""))

    reader = _started(read)
    qtbot.waitUntil(lambda: not reader.is_alive(), timeout=3 * SOON)
    assert found[0], f"the script ended with exit code {program.wait()}"
    return found[0]


def put(registry: RegistryServer, name: str, text: str) -> None:
    with registry.client("carol") as carol:
        carol.put(f"/v1/resources{name}", json={"text": text, "base": None}).raise_for_status()


def stored(registry: RegistryServer, name: str) -> str:
    with registry.client("carol") as carol:
        return str(carol.get(f"/v1/resources{name}").raise_for_status().json()["text"])


def listed(registry: RegistryServer, user: str) -> There:
    """What `user` may read."""
    found: There = {}
    after: dict[str, Any] = {}
    with registry.client(user) as client:
        while True:
            page = client.get("/v1/resources", params={"limit": 1000, "text": "false", **after}).json()
            for each in page["resources"]:
                found[each["name"]] = (each["version"], each["modified_by"], each["description"])
            if not page["next"]:
                return found
            after = {"after": page["next"]}


def history(registry: RegistryServer, name: str) -> list[str]:
    """The texts of all versions, which follow each other without a gap."""
    with registry.client("carol") as carol:
        versions = carol.get(f"/v1/resources{name}:history", params={"limit": 1000}).json()["versions"]
        numbers = [each["version"] for each in reversed(versions)]
        assert numbers == list(range(1, len(numbers) + 1))
        return [carol.get(f"/v1/resources{name}:history/{number}").json()["text"] for number in numbers]


def assert_that_each_follows(texts: list[str]) -> None:
    """Every version counts up by one, or is what a window changed and has what was counted before."""
    for before, after in pairwise(texts):
        target = "target" if before.split("target: ")[1] != after.split("target: ")[1] else ""
        step = registry_script.counted(after) - registry_script.counted(before)
        assert step == (0 if target else 1), (before, after)


def assert_that_all_came_in_order(window: Window, there: There) -> None:
    cursors = [event.cursor for event in window.events]
    assert cursors == sorted(set(cursors)), "each change once, in the order of the registry"
    for name in COUNTERS:
        assert window.came(name) == list(range(2, there[name][0] + 1)), "none is missing"
    for name, versions in window.rows.items():
        assert versions == sorted(versions), f"{name} went back"


def state_of(window: Window) -> Any:
    found = window.desk.store.registry.get(REGISTRY)
    assert found is not None
    return found


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "RH_HOME": str(home), "PYTHONPATH": str(Path(registry_script.__file__).parents[1])}


def _started(target: Callable[[], None]) -> Any:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread
