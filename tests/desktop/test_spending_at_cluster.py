"""What a machine of one's own and a run on it cost, with a real cluster server."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from rhdesk.core.store import SPENDING
from rhdesk.core.tasks import Progress
from rhdesk.desktop.app import make_window, start
from rhresources.costs.export import write_csv

pytestmark = [pytest.mark.ray, pytest.mark.slow]

CODE = {"work.py": "import time\n\ndef wait(seconds: float) -> float:\n    time.sleep(seconds)\n    return seconds\n"}


@pytest.fixture
def priced(at_server: Any) -> Iterator[None]:
    """This computer as a cluster for which one pays; gone again for the tests that share its server."""
    document: Path = at_server.home / "resources" / "desk.yaml"
    document.parent.mkdir(parents=True, exist_ok=True)
    document.write_text("kind: cluster\ntype: machine\nprice_per_hour: 36\n")
    yield
    document.unlink()
    for path in at_server.home.glob("costs.sqlite*"):
        path.unlink()


def test_a_priced_machine_and_its_run(
    qtbot: QtBot, qapp: QApplication, priced: None, make_project: Callable[[Mapping[str, str]], Path]
) -> None:
    project = make_project(CODE)
    shell = make_window(qapp, theme_name="dark")
    shell.show()
    start(shell, settings=False)
    desk = shell.desk
    try:
        qtbot.waitUntil(lambda: desk.store.status.get("~/desk") is not None, timeout=60_000)
        got: list[str] = []

        async def submit(workspace: Any, progress: Progress) -> str:
            return str((await workspace.submit(f"{project / 'work.py'}:wait", [2.0], on="~/desk")).id)

        desk.act("submit", submit, on_done=got.append)
        qtbot.waitUntil(lambda: bool(got), timeout=120_000)

        def cost() -> float:
            desk.retry_now()
            summary = desk.store.spending.get(SPENDING)
            line = summary.runs.get(got[0]) if summary is not None else None
            return line.amount if line is not None else 0.0

        def is_over() -> bool:
            row = desk.store.runs.get(got[0])
            return row is not None and row.state.is_over

        qtbot.waitUntil(is_over, timeout=120_000)
        qtbot.waitUntil(lambda: cost() >= 0.02, timeout=60_000)  # a cent a second
        row = desk.store.runs.get(got[0])
        assert row is not None
        assert abs(cost() - (row.ended - row.started) / 100) < 0.001
        known = desk.store.costs.get("~/desk")
        assert known is not None
        assert known.price == 36
        assert known.spent >= cost()
        assert time.time() - known.up_since < 3600
        rows: list[list[dict[str, str]]] = []

        async def export(workspace: Any, progress: Progress) -> list[dict[str, str]]:
            text = io.StringIO()
            write_csv((await workspace.costs.charges())[0], text)
            text.seek(0)
            return list(csv.DictReader(text))

        desk.act("export", export, on_done=rows.append)
        qtbot.waitUntil(lambda: bool(rows), timeout=20_000)
        # with those that other tests have left on the server
        assert {"idle", got[0]} <= {each["run"] for each in rows[0]}
    finally:
        shell.close()
        desk.close()
