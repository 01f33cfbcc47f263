"""What tests of clouds in the window share: a window over a SkyPilot that stands in, offers, and clusters."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.skypilot_stand_in import StandInSkyPilot
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from rhdesk.core.rows import RunRow, State
from rhdesk.desktop.app import make_window, start
from rhdesk.desktop.pages.functions import FunctionsPage
from rhdesk.desktop.shell import Shell
from rhdesk.desktop.widgets.base import Button
from rhresources.cloud.answers import CloudCheck, CloudCluster, Offer
from rhresources.cloud.task import sky_name

LONG = 30_000

CHECKS = [
    CloudCheck("aws", "AWS", True),
    CloudCheck(
        "azure", "Azure", False, "Its command line is not logged in.", "Run az login.", "az: not authenticated (code 7)"
    ),
    CloudCheck("slurm", "Slurm", True),
]

OFFERS = [
    Offer("aws", "us-east-1", "p4d.24xlarge", "A100", 8, 96, 1152, 32.77, 9.83),
    Offer("aws", "us-west-2", "p4d.24xlarge", "A100", 8, 96, 1152, 32.77, 11.2),
    Offer("gcp", "us-central1", "a2-highgpu-8g", "A100", 8, 96, 680, 29.39, None, enabled=False),
    Offer("gcp", "us-central1", "a2-highgpu-1g", "A100", 1, 12, 85, 3.67, 1.1, enabled=False),
    Offer("aws", "us-east-1", "g6.xlarge", "L4", 1, 4, 16, 0.8, 0.24),
    Offer("slurm", "lab", "-", "H100", 8, 16, 64, 20.0, None),
    Offer("aws", "us-east-1", "m6i.large", "", 0, 2, 8, 0.096, 0.03),
    Offer("aws", "us-east-1", "m6i.2xlarge", "", 0, 8, 32, 0.384, 0.11),
]


def used(home: Path) -> None:
    """Somebody has used a cloud from here before."""
    (home / "clouds").mkdir(parents=True, exist_ok=True)


def write(home: Path, name: str, *lines: str) -> Path:
    """The document of a cluster in a cloud, as somebody with an editor would write it."""
    path = home / "resources" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("kind: cluster", "type: cloud", *lines)) + "\n")
    return path


def known(sky: StandInSkyPilot, home: Path, address: str, state: Any = "up", **fields: Any) -> str:
    """Have SkyPilot know a cluster of that document; returns SkyPilot's name of it."""
    name = sky_name(address, home)
    values: dict[str, Any] = {
        "hash": f"{name}-1",
        "hosts": 2,
        "cloud": "aws",
        "region": "us-east-1",
        "hardware": "p4d.24xlarge, A100:8",
        "instance_type": "p4d.24xlarge",
        "autostop_mins": 60,
        "launched": time.time() - 2 * 3600,
        "price_per_hour": 65.54,
    }
    sky.known[name] = CloudCluster(name, state, **(values | fields))
    return name


def found(sky: StandInSkyPilot, name: str, **fields: Any) -> None:
    """Have SkyPilot know a cluster that no document names."""
    values: dict[str, Any] = {"hash": "f1", "cloud": "aws", "region": "us-east-1", "instance_type": "g6.xlarge",
                              "hardware": "g6.xlarge", "price_per_hour": 0.8, "launched": time.time() - 7200,
                              "owner": "ada"}  # fmt: skip
    sky.known[name] = CloudCluster(name, fields.pop("state", "up"), **(values | fields))


def words(widget: QWidget) -> str:
    """All that is written on a widget now."""
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def opened(shell: Shell, name: str) -> QDialog | None:
    """The dialog of that name that is open."""
    return next((each for each in shell.findChildren(QDialog) if each.isVisible() and each.objectName() == name), None)


def click(shell: Shell, name: str, qtbot: QtBot) -> None:
    """Click the button of that name as soon as it is in sight and can be clicked."""

    def button() -> Button | None:
        found = [each for each in shell.findChildren(Button) if each.objectName() == name and each.isVisible()]
        return found[-1] if found and found[-1].isEnabled() else None

    qtbot.waitUntil(lambda: button() is not None, timeout=LONG)
    there = button()
    assert there is not None
    there.click()


def press(dialog: QDialog, text: str) -> None:
    """Click the button with this text."""
    button = next(each for each in dialog.findChildren(Button) if each.text().strip() == text)
    assert button.isEnabled(), button.toolTip()
    button.click()


def state_word(shell: Shell, address: str) -> str:
    """The state of a cluster in its row."""
    row = shell.desk.store.clusters.get(address)
    return row.state.word if row is not None else ""


@contextmanager
def real_window(qtbot: QtBot, application: QApplication) -> Iterator[Shell]:
    """The window of whoever the environment names, over SkyPilot itself."""
    shell = make_window(application, theme_name="dark")
    shell.resize(1280, 800)
    shell.show()
    qtbot.waitExposed(shell)
    start(shell, settings=False)
    yield shell
    shell._may_close = True
    shell.close()
    shell.desk.close()
    shell.deleteLater()
    qtbot.waitUntil(lambda: not isValid(shell))


def write_doze(home: Path, folder: Path, cluster: str) -> None:
    """The function ~/doze of that cluster, which takes a few seconds."""
    (folder / "jobs.py").write_text(
        "import time\n\n\ndef doze(seconds: int = 6) -> int:\n    time.sleep(seconds)\n    return 42\n"
    )
    path = home / "resources" / "doze.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"kind: function\ncode: {{root: {folder}, file: jobs.py, name: doze}}\ncluster: {cluster}\n")


def run_doze(shell: Shell, hosts: int, qtbot: QtBot, timeout: int) -> list[RunRow]:
    """Press Run on the page of ~/doze until it ran on so many hosts; all those runs."""
    desk = shell.desk
    ids: list[str] = []
    deadline = time.monotonic() + timeout / 1000

    def rows() -> list[RunRow]:
        return [row for each in ids if (row := desk.store.runs.get(each)) is not None]

    at_once = 0
    while len({row.host for row in rows() if row.state is State.SUCCEEDED}) < hosts:
        assert time.monotonic() < deadline, [(row.host, row.state) for row in rows()]
        at_once += 2 * hosts  # more than there are workers that wait for more: a new one starts where there is room
        for _ in range(at_once):
            shell.navigate("functions", "~/doze")
            page = shell.page
            assert isinstance(page, FunctionsPage)
            view = page.run_view
            qtbot.waitUntil(lambda view=view: bool(view.form.fields) and view.run_button.isEnabled(), timeout=timeout)
            with qtbot.waitSignal(view.submitted, timeout=timeout) as started:
                view.run_button.click()
            ids.append(started.args[0])
        qtbot.waitUntil(lambda: len(rows()) == len(ids) and all(row.state.is_over for row in rows()), timeout=timeout)
        assert {row.state for row in rows()} == {State.SUCCEEDED}, rows()
    return rows()


def on_loop(shell: Shell, act: Callable[[], object]) -> None:
    """Do something on the background loop, where gates are waited for."""
    shell.desk.loop.call_soon(act)
