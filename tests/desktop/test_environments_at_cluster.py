"""Environments and the functions of a package in the window, against a real cluster server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.made_packages import make_wheel
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.core.tasks import Progress
from rhdesk.desktop.app import make_window, start
from rhdesk.desktop.dialogs.environment_details import EnvironmentDetails
from rhdesk.desktop.dialogs.make_functions import MakeFunctions
from rhdesk.desktop.dialogs.remove_environments import RemoveUnused
from rhdesk.desktop.pages.clusters import ClustersPage
from rhdesk.desktop.pages.environments_view import EnvironmentsView
from rhdesk.desktop.pages.package_functions import PackageFunctions
from rhdesk.desktop.shell import Shell
from rhresources.environments import EnvironmentRequest

pytestmark = [pytest.mark.ray, pytest.mark.slow]

FILES = {
    "madetool/__init__.py": "from ._core import fit\nfrom .extra import more as most\n",
    "madetool/_core.py": 'def fit(points: int, scale: float = 2.0) -> float:\n    """Fit a line."""\n'
    "    return points * scale\n",
    "madetool/unimportable.py": "import nothing_like_it\n\n\ndef rest() -> None: ...\n",
    "madetool/extra.py": 'def more() -> int:\n    """More of it."""\n',
}


@pytest.fixture
def shell(qtbot: QtBot, qapp: QApplication, at_server: Any) -> Iterator[Shell]:
    made = make_window(qapp, theme_name="dark")
    made.resize(1280, 800)
    made.show()
    start(made, settings=False)
    qtbot.waitUntil(lambda: made.desk.store.status.get("^local") is not None, timeout=60_000)
    yield made
    made.close()
    made.desk.close()


@pytest.fixture
def wheels(short_path: Path, shell: Shell) -> Iterator[Path]:
    """A folder with a wheel, and a package of it saved as ~/madetool."""
    folder = short_path / "wheels"
    make_wheel(folder, "madetool", "1.0", files=FILES)
    document = shell.desk.home / "resources" / "madetool.yaml"
    document.parent.mkdir(parents=True, exist_ok=True)
    options = f"[--no-index, --find-links={folder}]"
    document.write_text(f"kind: package\ninstall_method: pip\ntarget: madetool\noptions: {options}\n")
    yield folder
    for name in ("madetool", "fit", "most"):
        (shell.desk.home / "resources" / f"{name}.yaml").unlink(missing_ok=True)


def act(shell: Shell, qtbot: QtBot, make: Callable[[Any], Any]) -> Any:
    """The result of something on the background loop."""
    got: list[Any] = []
    wrong: list[BaseException] = []

    async def run(workspace: Any, progress: Progress) -> Any:
        return await make(workspace)

    shell.desk.act(f"test {id(make)}", run, on_done=got.append, on_error=wrong.append)
    qtbot.waitUntil(lambda: bool(got or wrong), timeout=120_000)
    if wrong:
        raise wrong[0]
    return got[0]


def words_of(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def environments_view(shell: Shell) -> EnvironmentsView:
    shell.navigate("clusters", "^local?tab=environments")
    assert isinstance(shell.page, ClustersPage)
    return shell.page.panel.findChildren(EnvironmentsView)[0]


def test_an_environment_is_looked_into_made_anew_and_removed(shell: Shell, qtbot: QtBot, wheels: Path) -> None:
    async def install(workspace: Any) -> str:
        environments = await workspace.environments("^local")
        packages = tuple(workspace.names.packages(["rh:~/madetool"]))
        return str(await environments.install(EnvironmentRequest(packages)))

    hash = act(shell, qtbot, install)
    view = environments_view(shell)
    qtbot.waitUntil(lambda: view.list.table.rows.place_of(hash) >= 0, timeout=20_000)
    row = next(row for row in view.list.table.rows.all_rows() if row.hash == hash)
    assert row.packages == ("rh:~/madetool",)
    view.list.select(hash)
    view.open_button.click()
    dialog = shell.findChildren(EnvironmentDetails)[0]
    qtbot.waitUntil(lambda: dialog.packages.table.rows.total >= 1, timeout=30_000)
    found = {one.name: one for one in dialog.packages.table.rows.all_rows()}["madetool"]
    assert (found.version, found.recorded, found.drift) == ("1.0", "1.0", "")
    dialog.copy_button.click()
    assert "madetool==1.0\n" in QGuiApplication.clipboard().text()

    make_wheel(wheels, "madetool", "1.1", files=FILES)
    qtbot.waitUntil(lambda: not dialog.packages.asking, timeout=30_000)
    dialog.update_button.click()
    qtbot.waitUntil(lambda: dialog.hash != hash, timeout=120_000)
    qtbot.waitUntil(lambda: "madetool 1.0 → 1.1" in words_of(dialog), timeout=30_000)
    new = dialog.hash
    qtbot.waitUntil(lambda: not dialog.packages.asking, timeout=30_000)
    dialog.reject()
    qtbot.waitUntil(lambda: view.list.table.rows.place_of(new) >= 0, timeout=20_000)

    view.prune_button.click()
    prune = shell.findChildren(RemoveUnused)[0]
    assert {hash, new} & {one.hash for one in prune.going} == set(), "they were used a moment ago"
    prune.days.setValue(0)
    assert {hash, new} <= {one.hash for one in prune.going}
    prune.accept_button.click()
    qtbot.waitUntil(lambda: view.list.table.rows.place_of(hash) < 0, timeout=30_000)
    qtbot.waitUntil(lambda: view.list.table.rows.place_of(new) < 0, timeout=30_000)


def test_a_function_of_an_installed_package_is_found_saved_and_run(shell: Shell, qtbot: QtBot, wheels: Path) -> None:
    store = shell.desk.store
    qtbot.waitUntil(lambda: "~/madetool" in store.packages, timeout=10_000)
    view = PackageFunctions(shell.desk)
    qtbot.addWidget(view)
    view.resize(460, 560)
    asked: list[str] = []
    view.install_asked.connect(asked.append)
    view.show_package(store.packages.get("~/madetool"))  # type: ignore[arg-type]
    view.show()
    qtbot.waitUntil(lambda: "Not installed on ^local yet" in words_of(view), timeout=20_000)

    async def install(workspace: Any) -> str:
        environments = await workspace.environments("^local")
        return str(await environments.install(EnvironmentRequest(tuple(workspace.names.packages(["rh:~/madetool"])))))

    act(shell, qtbot, install)
    view.refresh()
    qtbot.waitUntil(lambda: "madetool.extra" in view.tree.names, timeout=20_000)
    assert "madetool._core" not in view.tree.names
    view.tree.choose("madetool.unimportable")
    qtbot.waitUntil(lambda: view.functions.rows.place_of("madetool.unimportable:rest") >= 0, timeout=20_000)
    view.tree.choose("madetool")
    qtbot.waitUntil(lambda: view.functions.rows.total == 2, timeout=20_000)
    names = {one.found.name: one for one in view.functions.rows.all_rows()}
    assert names["fit"].defined_in == "madetool._core", "what the package passes on is found, and nothing is imported"
    assert names["most"].defined_in == "madetool.extra"
    view.functions.select("madetool:fit")
    view.make_functions()
    dialog = view.window().findChildren(MakeFunctions)[0]
    assert dialog.names[0].text() == "~/fit"
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: "~/fit" in store.functions, timeout=10_000)
    document = store.functions.get("~/fit").document  # type: ignore[union-attr]
    assert (document.code.module, document.code.name, document.packages) == ("madetool", "fit", ["rh:~/madetool"])

    async def run(workspace: Any) -> Any:
        client = await workspace.connect("^local")
        submitted = await workspace.submit("~/fit", [3], {"scale": 2.5})
        reply = await client.result(submitted.id, wait=True)
        return json.loads(await client.data(reply.value))

    assert act(shell, qtbot, run) == 7.5
