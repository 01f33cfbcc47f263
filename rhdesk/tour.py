"""`rhdesk tour`: drives the real window through the main job, with mouse and keys, and takes pictures on the way.

It works in a temporary folder and an rhdesk directory of its own, so nothing of the user's is touched, and it returns
0 only if the results of both runs truly came back as the project's code makes them.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rhresources.errors import RhError

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from rhdesk.core.rows import RunRow
    from rhdesk.desktop.pages.run_panel import RunPanel
    from rhdesk.desktop.shell import Shell

_Widget = TypeVar("_Widget", bound="QWidget")

_UP_WITHIN = 240.0
_RUN_WITHIN = 240.0
_STEP_WITHIN = 30.0
_SIZE = (1280, 800)

_CODE = '''"""A model that is small enough to train while you look at it."""

import logging
import sys
import time

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s  %(levelname)-5s  %(message)s")
log = logging.getLogger("train")


def train(epochs: int = 3, learning_rate: float = 2e-5, pause: float = 0.3) -> dict:
    """Fit a line to points and say how the loss falls.

    Args:
        epochs: how many rounds over the points.
        learning_rate: size of a step.
        pause: seconds between two rounds, so that one can watch.
    """
    weight, points = 0.0, [(x, 3.0 * x) for x in range(1, 9)]
    losses = []
    for epoch in range(1, epochs + 1):
        slope = sum(2 * x * (weight * x - y) for x, y in points) / len(points)
        weight -= learning_rate * slope
        losses.append(sum((weight * x - y) ** 2 for x, y in points) / len(points))
        log.info("epoch %d/%d loss=%.4f weight=%.6f", epoch, epochs, losses[-1], weight)
        time.sleep(pause)
    if losses[-1] > 1:
        log.warning("loss=%.4f is still high; try a larger learning_rate", losses[-1])
    return {"epochs": epochs, "learning_rate": learning_rate, "weight": weight, "losses": losses}
'''


class TourFailed(RhError):
    """A step of the tour did not come to its end."""

    code = "tour-failed"


def run_tour(out: Path, theme: str) -> int:
    """Drive the window; pictures go to `out` as PNG.

    Returns:
        0 if both runs gave back what the code makes, 1 otherwise.
    """
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from rhdesk.desktop.app import make_application, make_window, run_on_qt, start

    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="rhdesk-tour-"))
    before = os.environ.get("RH_HOME")
    os.environ["RH_HOME"] = str(folder / "home")
    try:
        project = _make_project(folder / "line-fit")
        app = make_application(["rhdesk"])
        shell = make_window(app, theme_name=theme)
        shell.resize(*_SIZE)
        shell.show()
        start(shell, settings=False)
        tour = Tour(shell, out, project)
        try:
            return run_on_qt(app, tour.run())
        finally:
            shell.close()
            shell.desk.close()
            _take_down(folder / "home")
    finally:
        if before is None:
            del os.environ["RH_HOME"]
        else:
            os.environ["RH_HOME"] = before
        shutil.rmtree(folder, ignore_errors=True)


class Tour:
    """The steps, in order. Everything the user would do is done with mouse and keys."""

    def __init__(self, shell: Shell, out: Path, project: Path) -> None:
        self._shell = shell
        self._out = out
        self._project = project
        self._pictures = 0
        self._step = "start"

    async def run(self) -> int:
        """Make every step; on failure take a picture, and say what was waited for."""
        try:
            await self._overview()
            await self._bring_up()
            await self._add_function()
            first = await self._run_function({"epochs": "8", "learning_rate": "1e-2"}, "first")
            second = await self._run_again({"epochs": "4", "learning_rate": "0.004"})
            await self._look_around()
            await self._down()
        except RhError as error:
            self._picture(f"failed-{self._step}")
            print(f"The tour failed at {self._step!r}: {error}", file=sys.stderr)
            for notice in self._shell.desk.notifier.notices()[:5]:
                print(notice.as_text(), file=sys.stderr)
            return 1
        print(f"train(epochs=8, learning_rate=0.01) -> {json.dumps(first)}")
        print(f"train(epochs=4, learning_rate=0.004) -> {json.dumps(second)}")
        print(f"{self._pictures} pictures in {self._out}")
        return 0

    # ------------------------------------------------------------ the steps

    async def _overview(self) -> None:
        self._begin("overview")
        await self._until(lambda: self._shell.desk.store.clusters.get("^local") is not None, "the names to be read")
        await asyncio.sleep(0.5)
        self._picture("overview-empty")

    async def _bring_up(self) -> None:
        self._begin("bring up")
        await self._go("clusters")
        self._click(self._child("cluster-up"))
        await self._until(lambda: self._task_lines("cluster ^local") >= 1, "the first step of bringing it up")
        await asyncio.sleep(1.5)
        self._picture("cluster-starting")
        await self._until(lambda: self._cluster_state() in ("Running", "Failed"), "^local to be up", _UP_WITHIN)
        if self._cluster_state() == "Failed":
            raise TourFailed("^local could not be brought up.")
        await self._until(lambda: self._shell.desk.store.status.get("^local") is not None, "its load")
        await asyncio.sleep(4.5)
        self._picture("cluster-up")

    async def _add_function(self) -> None:
        from rhdesk.desktop.widgets.resource_table import ResourceTable

        self._begin("add function")
        await self._go("functions")
        self._click(self._child("function-add"))
        await self._until(lambda: self._find("function-folder") is not None, "the dialog")
        self._type(self._child("function-folder"), str(self._project))
        await self._until(lambda: self._find("function-candidates") is not None, "the functions of the folder")
        self._child("function-candidates", ResourceTable).selectRow(0)
        await asyncio.sleep(0.2)
        self._picture("add-function", self._child("function-accept").window())
        self._click(self._child("function-accept"))
        await self._until(lambda: "~/train" in self._shell.desk.store.functions, "~/train to be saved")
        await self._until(lambda: self._find("field-epochs") is not None, "the form")

    async def _run_function(self, arguments: dict[str, str], which: str) -> Any:
        self._begin(f"{which} run")
        await self._until(lambda: self._find("field-epochs") is not None, "the form")
        await asyncio.sleep(1.0)
        for name, text in arguments.items():
            self._type(self._child(f"field-{name}"), text)
        self._picture(f"{which}-form")
        known = set(self._shell.desk.store.runs.ids())
        self._click(self._child("run-button"))
        await self._until(lambda: self._shell.state.page == "runs", "the run to be submitted", _RUN_WITHIN)
        run = await self._new_run(known)
        panel = self._run_panel()
        await self._until(
            lambda: panel.log.panel.buffer.lines >= 2 or self._row(run).state.is_over, "lines of the log", _RUN_WITHIN
        )
        self._picture(f"{which}-log-live")
        await self._until(lambda: self._row(run).state.is_over, "the run to end", _RUN_WITHIN)
        if self._row(run).state.word != "Succeeded":
            raise TourFailed(f"The run {run} has {self._row(run).state.word.lower()}.", detail=self._row(run).traceback)
        lines = int(arguments["epochs"])
        await self._until(lambda: panel.log.panel.buffer.lines >= lines, f"all {lines} lines of the log")
        self._picture(f"{which}-log")
        self._click(panel.tabs.chip("result"))
        await self._until(lambda: panel.preview is not None, "the result")
        await asyncio.sleep(0.3)
        self._picture(f"{which}-result")
        return self._checked(panel, arguments)

    async def _run_again(self, arguments: dict[str, str]) -> Any:
        self._begin("run again")
        self._click(self._child("run-again"))
        await self._until(lambda: self._shell.state.page == "functions", "the form")
        return await self._run_function(arguments, "second")

    async def _look_around(self) -> None:
        self._begin("look around")
        await self._go("overview")
        await asyncio.sleep(1.5)
        self._picture("overview")
        self._shell.open_palette("train")
        await asyncio.sleep(0.3)
        if self._shell.palette_dialog is not None:
            self._picture("palette", self._shell.palette_dialog)
            self._shell.palette_dialog.close()
        await self._go("settings")
        await asyncio.sleep(1.0)
        self._picture("settings")

    async def _down(self) -> None:
        from rhdesk.desktop.widgets.base import Button

        self._begin("take down")
        await self._go("clusters")
        self._click(self._child("cluster-down"))
        await self._until(lambda: self._find("take-down") is not None, "the question")
        dialog = self._child("take-down")
        self._picture("take-down", dialog)
        accept = next(button for button in dialog.findChildren(Button) if button.property("kind") == "danger")
        self._click(accept)
        await self._until(lambda: self._cluster_state() == "Down", "^local to be down", _STEP_WITHIN * 2)

    # ------------------------------------------------------------ what is checked

    def _checked(self, panel: RunPanel, arguments: dict[str, str]) -> Any:
        """The result as it is shown, compared with what the code makes when it is run right here."""
        assert panel.preview is not None
        try:
            shown = json.loads(panel.preview.json)
        except ValueError:
            raise TourFailed(f"The result is shown as {panel.preview.kind}, not as a tree.") from None
        given = {"epochs": int(arguments["epochs"]), "learning_rate": float(arguments["learning_rate"]), "pause": 0.0}
        code = f"import json, train; print(json.dumps(train.train(**{given!r})))"
        direct = subprocess.run(
            [sys.executable, "-c", code], cwd=self._project, check=True, capture_output=True, text=True
        )
        expected = json.loads(direct.stdout.splitlines()[-1])
        if shown != expected:
            raise TourFailed(f"The result is {shown}, not {expected}.")
        return shown

    # ------------------------------------------------------------ hands and eyes

    def _begin(self, step: str) -> None:
        self._step = step
        print(step, flush=True)

    async def _until(self, reached: Callable[[], bool], what: str, within: float = _STEP_WITHIN) -> None:
        end = time.monotonic() + within
        while not reached():
            if time.monotonic() > end:
                raise TourFailed(f"{within:.0f} s passed, and {what} did not come.")
            await asyncio.sleep(0.03)
        await asyncio.sleep(0.05)

    async def _go(self, page: str) -> None:
        self._click(self._child(f"nav-{page}"))
        await self._until(lambda: self._shell.state.page == page, f"the page {page}")

    def _find(self, name: str) -> QWidget | None:
        from PySide6.QtWidgets import QApplication

        for widget in QApplication.allWidgets():
            if widget.objectName() == name and widget.isVisible():
                return widget
        return None

    def _child(self, name: str, kind: type[_Widget] | None = None) -> Any:
        found = self._find(name)
        if found is None or (kind is not None and not isinstance(found, kind)):
            raise TourFailed(f"There is no {name} in sight.")
        return found

    def _click(self, widget: QWidget) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        if not widget.isEnabled():
            raise TourFailed(f"{widget.accessibleName()} cannot be clicked: {widget.toolTip()}")
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)

    def _type(self, widget: QWidget, text: str) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        widget.setFocus()
        QTest.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClicks(widget, text)

    def _picture(self, name: str, widget: QWidget | None = None) -> None:
        self._pictures += 1
        path = self._out / f"{self._pictures:02d}-{name.replace(' ', '-')}.png"
        (widget or self._shell).grab().save(str(path))

    def _cluster_state(self) -> str:
        row = self._shell.desk.store.clusters.get("^local")
        return row.state.word if row is not None else ""

    def _task_lines(self, name: str) -> int:
        row = self._shell.desk.store.tasks.get(name)
        return len(row.lines) if row is not None else 0

    def _row(self, run: str) -> RunRow:
        row = self._shell.desk.store.runs.get(run)
        if row is None:
            raise TourFailed(f"The run {run} is not in the list.")
        return row

    async def _new_run(self, known: set[str]) -> str:
        store = self._shell.desk.store
        await self._until(lambda: bool(set(store.runs.ids()) - known), "the run in the list")
        return max(set(store.runs.ids()) - known)

    def _run_panel(self) -> RunPanel:
        from rhdesk.desktop.pages.runs import RunsPage

        page = self._shell.page
        if not isinstance(page, RunsPage):
            raise TourFailed("The page Runs is not in sight.")
        return page.panel


def _make_project(folder: Path) -> Path:
    """A git project with one function in it."""
    folder.mkdir(parents=True)
    (folder / "train.py").write_text(_CODE, encoding="utf-8")
    if shutil.which("git") is not None:
        author = ["-c", "user.name=rhdesk", "-c", "user.email=tour@localhost"]
        for arguments in (["init", "-q"], ["add", "."], [*author, "commit", "-q", "-m", "A line to fit"]):
            subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
    return folder


def _take_down(home: Path) -> None:
    """End the tour's cluster, whatever became of the tour."""
    from rhresources.reach.machine import MachineRoute

    async def down() -> None:
        route = MachineRoute(home)
        if await route.address() is not None:
            await route.down(stop_runs=True)

    try:
        asyncio.run(down())
    except RhError as error:
        print(f"The tour's cluster could not be ended: {error}", file=sys.stderr)
