"""The functions of a package: modules of a folder, names that a package passes on, and documents made of them."""

from __future__ import annotations

import ast
import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from rhdesk.core.desk import Desk
from rhdesk.core.package_modules import FolderModules, imported_names, why_none
from rhdesk.core.package_sources import distributions, is_here
from rhdesk.core.rows import State
from rhdesk.desktop.dialogs.make_functions import MakeFunctions
from rhdesk.desktop.pages.package_functions import PackageFunctions
from rhdesk.desktop.widgets.base import Button
from rhresources.documents import parse_document
from rhresources.errors import RhError

Save = Callable[[str, str], Path]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder with a package, a script and tests."""
    folder = tmp_path / "library"
    for file, text in {
        "tool/__init__.py": "from .core import fit\n",
        "tool/core.py": 'def fit(points: list[float], steps: int = 3) -> float:\n    """Fit a line."""\n'
        '\n\nasync def load(path: str) -> bytes:\n    """Load points."""\n\n\ndef _hidden(): ...\n',
        "tool/broken.py": "def broken(:\n",
        "run.py": "def run() -> None: ...\n",
        "tests/test_tool.py": "def test_it(): ...\n",
        "data.csv": "1,2\n",
    }.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_modules_of_a_folder_have_folders_first_and_tests_last(library: Path) -> None:
    async def read() -> None:
        modules = FolderModules(library)
        assert [row.name for row in await modules.modules("")] == ["tool", "run.py", "tests"]
        inside = [row.name for row in await modules.modules("tool")]
        assert inside == ["tool/__init__.py", "tool/broken.py", "tool/core.py"]
        found = await modules.functions("tool/core.py")
        assert [(one.found.name, one.found.kind, one.code) for one in found.functions] == [
            ("fit", "plain", {"root": str(library), "file": "tool/core.py", "name": "fit"}),
            ("load", "coroutine", {"root": str(library), "file": "tool/core.py", "name": "load"}),
        ]
        assert (await modules.functions("tool/__init__.py")).note
        with pytest.raises(RhError, match="line 1"):
            await modules.functions("tool/broken.py")
        with pytest.raises(RhError, match="no folder"):
            await FolderModules(library / "gone").modules("")

    asyncio.run(read())


def test_in_a_git_tree_the_whole_tree_travels(library: Path) -> None:
    subprocess.run(["git", "init", "-q", str(library)], check=True)

    async def read() -> dict[str, str]:
        modules = FolderModules(library / "tool")
        assert [row.name for row in await modules.modules("")] == ["__init__.py", "broken.py", "core.py"]
        return (await modules.functions("core.py")).functions[0].code

    assert asyncio.run(read()) == {"root": str(library), "file": "tool/core.py", "name": "fit"}


def test_of_a_checkout_the_repository_stands_in_the_document(library: Path) -> None:
    async def read() -> dict[str, str]:
        code = {"git_url": "https://host/o/r", "revision": "main"}
        modules = FolderModules(library, code, within="tool")
        assert [row.name for row in await modules.modules("")] == ["__init__.py", "broken.py", "core.py"]
        return (await modules.functions("core.py")).functions[0].code

    code = asyncio.run(read())
    assert code == {"git_url": "https://host/o/r", "revision": "main", "file": "tool/core.py", "name": "fit"}
    parse_document({"kind": "function", "code": code})


@pytest.mark.parametrize(
    ("source", "module", "is_package", "found"),
    [
        ("from .api import get, _x", "requests", True, [("get", "requests.api", "get")]),
        ("from . import api", "requests", True, []),
        ("from .._b import f as g", "a.c", True, [("g", "a._b", "f")]),
        ("from .b import f", "a.c", False, []),
        ("from .b import f\n__all__ = ['f']", "a.c", False, [("f", "a.b", "f")]),
        ("from a.b import f, g\n__all__ = ['g']", "a", True, [("g", "a.b", "g")]),
        ("from other import f\nfrom .b import *\nimport a.b", "a", True, []),
        ("from ....x import f", "a", True, []),
    ],
)
def test_names_that_a_module_passes_on(
    source: str, module: str, is_package: bool, found: list[tuple[str, str, str]]
) -> None:
    assert imported_names(ast.parse(source), module, is_package=is_package) == found


@pytest.mark.parametrize(
    ("document", "here", "names"),
    [
        ({"install_method": "pip", "target": "Scikit_Learn[x]>=1,<2"}, False, ("scikit-learn",)),
        ({"install_method": "conda", "target": "conda-forge::numpy=1.26"}, False, ("numpy",)),
        ({"install_method": "reqs", "target": "/srv/requirements.txt"}, False, ()),
        ({"install_method": "reqs", "target": "/srv/project"}, True, ()),
        ({"install_method": "pip", "target": "/srv/tool-1.0.whl"}, False, ()),
        ({"install_method": "pip", "target": "/srv/tool"}, True, ()),
        ({"install_method": "git", "git_url": "https://host/o/r"}, True, ()),
    ],
)
def test_where_the_modules_of_a_package_are_read(document: dict[str, str], here: bool, names: tuple[str, ...]) -> None:
    parsed = parse_document({"kind": "package", **document})
    assert is_here(parsed) is here
    if not here:
        assert distributions(parsed) == names


@pytest.fixture
def view(qtbot: QtBot, desk: Desk, save: Save, library: Path) -> PackageFunctions:
    save("tool", f"kind: package\ninstall_method: local\ntarget: {library}\n")
    save("fit", "kind: package\ninstall_method: pip\ntarget: numpy\n")
    qtbot.waitUntil(lambda: {"~/tool", "~/fit"} <= set(desk.store.names.ids()), timeout=5000)
    made = PackageFunctions(desk)
    qtbot.addWidget(made)
    made.resize(460, 560)
    made.show_package(desk.store.packages.get("~/tool"))  # type: ignore[arg-type]
    made.show()
    qtbot.waitUntil(lambda: "run.py" in made.tree.names, timeout=5000)
    return made


def test_chosen_functions_become_documents_with_the_package_filled_in(
    qtbot: QtBot, desk: Desk, view: PackageFunctions
) -> None:
    gone: list[tuple[str, str]] = []
    desk.navigate = lambda page, target: gone.append((page, target))
    view.tree.open_module("tool")
    qtbot.waitUntil(lambda: "tool/core.py" in view.tree.names, timeout=5000)
    view.tree.choose("tool/core.py")
    qtbot.waitUntil(lambda: view.functions.rows.total == 2, timeout=5000)
    assert not view.make_button.isEnabled()
    view.functions.selectRow(0)
    assert "Fit a line." in view.words.toPlainText()
    view.functions.selectAll()
    view.make_button.click()
    dialog = view.window().findChildren(MakeFunctions)[0]
    assert [name.text() for name in dialog.names] == ["~/fit-2", "~/load"], "what is taken is not offered"
    for bad in ("~/fit", "~/load", "", "bad name!"):
        dialog.names[0].setText(bad)
        assert not dialog.accept_button.isEnabled(), bad
    dialog.names[0].setText("~/team/fit")
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: bool(gone), timeout=5000)
    assert gone == [("functions", "~/load")]
    qtbot.waitUntil(lambda: "~/team/fit" in desk.store.functions, timeout=5000)
    row = desk.store.functions.get("~/team/fit")
    assert row is not None
    assert row.document.packages == ["rh:~/tool"]
    assert row.document.code.file == "tool/core.py"
    assert row.description == "Fit a line."
    undo = next(notice for notice in desk.notifier.notices() if notice.action_text == "Undo")
    assert undo.action is not None
    undo.action()
    qtbot.waitUntil(lambda: not {"~/team/fit", "~/load"} & set(desk.store.functions.ids()), timeout=20000)


def test_undo_leaves_a_function_that_was_edited_since(qtbot: QtBot, desk: Desk, view: PackageFunctions) -> None:
    choose_all(qtbot, view)
    view.make_functions()
    dialog = view.window().findChildren(MakeFunctions)[0]
    dialog.accept_button.click()
    fit, load = (desk.home / "resources" / f"{name}.yaml" for name in ("fit-2", "load"))
    qtbot.waitUntil(lambda: any(each.action_text == "Undo" for each in desk.notifier.notices()), timeout=5000)
    fit.write_text(fit.read_text() + "python: '3.12'\n")
    undo = next(notice for notice in desk.notifier.notices() if notice.action_text == "Undo")
    assert undo.action is not None
    undo.action()
    qtbot.waitUntil(lambda: not load.exists(), timeout=5000)
    qtbot.waitUntil(lambda: any("~/fit-2 stayed" in each.sentence for each in desk.notifier.notices()), timeout=5000)
    assert "3.12" in fit.read_text()


def test_making_functions_goes_on_when_the_dialog_is_closed(qtbot: QtBot, desk: Desk, view: PackageFunctions) -> None:
    choose_all(qtbot, view)
    view.make_functions()
    dialog = view.window().findChildren(MakeFunctions)[0]
    dialog.accept_button.click()
    dialog.reject()
    qtbot.waitUntil(lambda: any("Made 2 functions" in each.sentence for each in desk.notifier.notices()), timeout=5000)


def choose_all(qtbot: QtBot, view: PackageFunctions) -> None:
    view.tree.open_module("tool")
    qtbot.waitUntil(lambda: "tool/core.py" in view.tree.names, timeout=5000)
    view.tree.choose("tool/core.py")
    qtbot.waitUntil(lambda: view.functions.rows.total == 2, timeout=5000)
    view.functions.selectAll()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("class Model:\n    def fit(self): ...\n", "It has classes (Model); methods cannot be run as functions."),
        ("def _fit(): ...\n", "All its functions are private."),
        ("X = 1\n", "It has neither functions nor classes."),
    ],
)
def test_a_module_without_functions_says_why(source: str, words: str) -> None:
    assert why_none(ast.parse(source)) == words


def test_a_name_that_is_taken_meanwhile_leaves_nothing_half_done(
    qtbot: QtBot, desk: Desk, view: PackageFunctions, save: Save
) -> None:
    choose_all(qtbot, view)
    view.make_functions()
    dialog = view.window().findChildren(MakeFunctions)[0]
    save("load", "kind: package\ninstall_method: pip\ntarget: numpy\n")
    # the window has not seen it yet
    dialog._make()
    qtbot.waitUntil(lambda: not desk.tasks.busy("functions.make"), timeout=5000)
    assert dialog.isVisible()
    assert not (desk.home / "resources" / "fit-2.yaml").exists()
    assert (desk.home / "resources" / "load.yaml").exists()
    dialog.reject()


def test_a_file_that_is_no_python_is_told_in_place(qtbot: QtBot, view: PackageFunctions) -> None:
    view.tree.open_module("tool")
    qtbot.waitUntil(lambda: "tool/broken.py" in view.tree.names, timeout=5000)
    view.tree.choose("tool/broken.py")
    qtbot.waitUntil(lambda: "line 1" in words_of(view), timeout=5000)
    view.tree.set_filter("core")
    assert not view.tree.topLevelItem(0).isHidden()  # type: ignore[union-attr]
    assert view.tree.topLevelItem(1).isHidden()  # type: ignore[union-attr]


def test_the_modules_of_a_repository_are_those_of_its_checkout(
    qtbot: QtBot, desk: Desk, view: PackageFunctions, save: Save, make_project: Callable[..., Path]
) -> None:
    repository = make_project({"lib/deep.py": "def dig(): ...\n", "top.py": "def rise(): ...\n"}, "repository")
    save("repo", f"kind: package\ninstall_method: git\ngit_url: file://{repository}\nsubdirectory: lib\n")
    qtbot.waitUntil(lambda: "~/repo" in desk.store.packages, timeout=5000)
    view.show_package(desk.store.packages.get("~/repo"))  # type: ignore[arg-type]
    qtbot.waitUntil(lambda: view.tree.names == ["deep.py"], timeout=10_000)
    qtbot.waitUntil(lambda: view.functions.rows.total == 1, timeout=5000)
    code = view.functions.rows.all_rows()[0].code
    assert code["git_url"] == f"file://{repository}"
    assert code["file"] == "lib/deep.py"
    parse_document({"kind": "function", "code": code})


def test_of_an_installed_package_the_cluster_is_asked(qtbot: QtBot, desk: Desk, view: PackageFunctions) -> None:
    qtbot.waitUntil(
        lambda: (row := desk.store.clusters.get("^local")) is not None and row.state is State.DOWN, timeout=8000
    )
    view.show_package(desk.store.packages.get("~/fit"))  # type: ignore[arg-type]
    qtbot.waitUntil(lambda: "^local is down" in words_of(view), timeout=5000)
    assert any(button.text().strip() == "Bring up" and button.isVisible() for button in view.findChildren(Button))


def words_of(view: PackageFunctions) -> str:
    from PySide6.QtWidgets import QLabel

    return "\n".join(label.text() for label in view.findChildren(QLabel) if label.isVisible())
