"""What tests of the window share: a desk on a home of its own, and a project with functions in it."""

from __future__ import annotations

import gc
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desktop.registry_parts import log_in
from lab.registry import RegistryServer
from lab.skypilot_stand_in import StandInSkyPilot
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from rhdesk.core.desk import Desk
from rhdesk.desktop import theme
from rhdesk.desktop.app import make_window, start
from rhdesk.desktop.dispatcher import Dispatcher
from rhdesk.desktop.pages.names import NamesPage
from rhdesk.desktop.pauses import collect_what_is_due
from rhdesk.desktop.shell import Shell
from rhresources import paths
from rhresources.resource_names import ResourceNames


@pytest.fixture(scope="package", autouse=True)
def _no_garbage_elsewhere() -> Iterator[None]:
    """As in the window, widgets are collected on the interface's thread only; the rest of the tests is as ever."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture(autouse=True)
def _collected(_no_garbage_elsewhere: None) -> Iterator[None]:
    yield
    collect_what_is_due()


@pytest.fixture
def themed(qapp: object) -> None:
    """The dark theme on the application."""
    theme.apply(qapp, "dark")  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Typing the name of a package asks no index, unless a test has one of its own."""
    monkeypatch.setattr("rhresources.package_index.index.configured_sources", list)


@pytest.fixture
def desk(qtbot: QtBot, themed: None) -> Iterator[Desk]:
    """A desk with its feeds running on an empty home; no cluster is up."""
    made = Desk(paths.home())
    dispatcher = Dispatcher(made.mailbox, made.notifier)
    made.start()
    yield made
    made.close()
    dispatcher.deleteLater()


@pytest.fixture
def save(desk: Desk) -> Callable[[str, str], Path]:
    """Writes a document as somebody with an editor would: `save("team/x", yaml)` makes ~/team/x."""

    def write(name: str, text: str) -> Path:
        path = desk.home / "resources" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with two functions in one file."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text(
        textwrap.dedent(
            '''
            from typing import Literal


            def train(epochs: int, lr: float = 2e-5, mode: Literal["fast", "exact"] = "fast") -> float:
                """Train a model.

                Args:
                    epochs: How often to go over the data.
                """
                return epochs * lr


            def evaluate(checkpoint: str) -> None:
                """Evaluate a checkpoint."""
            '''
        ),
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def function_yaml(project: Path) -> str:
    """The document of the function `train` of the project."""
    return f"# mine\nkind: function\ncode:\n  root: {project}\n  file: train.py\n  name: train\n"


@pytest.fixture
def sky(monkeypatch: pytest.MonkeyPatch) -> StandInSkyPilot:
    """What stands in for SkyPilot in every window of this test."""
    made = StandInSkyPilot()
    monkeypatch.setattr("rhresources.cloud.skypilot.open_skypilot", lambda *args, **options: made)
    return made


@pytest.fixture
def cloud_shell(qtbot: QtBot, qapp: QApplication, rh_home: Path, sky: StandInSkyPilot) -> Iterator[Shell]:
    """A window that is begun by the test, with `start(shell, settings=False)`, once its SkyPilot is as it shall be."""
    made = make_window(qapp, theme_name="dark")
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    yield made
    for gate in (*sky.gates.values(), *sky.lists.values()):  # what is held goes on, and comes to its end
        made.desk.loop.call_soon(gate.set)
    qtbot.waitUntil(lambda: all(task.state != "running" for task in made.desk.store.tasks.rows()), timeout=30_000)
    made._may_close = True
    made.close()
    made.desk.close()
    made.deleteLater()
    qtbot.waitUntil(lambda: not isValid(made))  # else the next window would lose the focus when this one goes


@pytest.fixture
def names_shell(qtbot: QtBot, qapp: QApplication, rh_home: Path) -> Iterator[Shell]:
    """The window of alice at her resource names, who is not logged in to a registry yet."""
    made = make_window(qapp, theme_name="dark")
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    start(made, settings=False)
    made.navigate("names")
    yield made
    qtbot.waitUntil(lambda: all(task.state != "running" for task in made.desk.store.tasks.rows()), timeout=30_000)
    made._may_close = True
    made.close()
    made.desk.close()
    made.deleteLater()
    qtbot.waitUntil(lambda: not isValid(made))


@pytest.fixture
def bob(registry: RegistryServer, short_path: Path) -> ResourceNames:
    """The names of somebody else, on a computer of his own."""
    names = ResourceNames(short_path / "bob")
    names.login(registry.url, registry.token("bob"))
    return names


@pytest.fixture
def names_page(qtbot: QtBot, names_shell: Shell, registry: RegistryServer) -> NamesPage:
    """The page Resource names, logged in as alice by the dialog."""
    return log_in(qtbot, names_shell, registry)
