"""What the editor of packages suggests while one types, from an index, and what it says about what was typed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from lab.package_pages import Save, open_packages, show, words, yaml_of
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from rhdesk.core.desk import Desk
from rhdesk.core.package_names import matching_options
from rhdesk.core.package_requests import from_home, path_words
from rhdesk.desktop.dialogs.new_package import NewPackage
from rhdesk.desktop.pages.packages import PackagesPage
from rhresources.documents import PackageDocument
from rhresources.package_index.sources import IndexSource


@pytest.fixture
def page(qtbot: QtBot, desk: Desk, save: Save) -> PackagesPage:
    return open_packages(qtbot, desk, save)


class _Index(BaseHTTPRequestHandler):
    """A package index with two projects (PEP 691)."""

    may_answer = threading.Event()  # about versions
    may_answer.set()

    def do_GET(self) -> None:
        if self.path.endswith("/json"):
            self._answer({"info": {"name": "zebra", "version": "2.0", "provides_extra": ["fast", "fur"]}})
            return
        if self.path.rstrip("/").endswith("simple"):
            told: dict[str, Any] = {"projects": [{"name": "zebra"}, {"name": "zebra-crossing"}]}
        else:
            self.may_answer.wait(20)
            files = [
                {
                    "filename": f"zebra-{version}-py3-none-any.whl",
                    "url": f"zebra-{version}-py3-none-any.whl",
                    "hashes": {},
                    "size": 2048,
                    "requires-python": ">=3.9",
                    "yanked": version == "1.5",
                }
                for version in ("1.0", "1.5", "1.10", "2.0", "3.0rc1")
            ]
            told = {"name": "zebra", "files": files, "versions": []}
        self._answer({"meta": {"api-version": "1.1"}, **told})

    def _answer(self, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, no_index: None) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Index)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    source = IndexSource(f"http://127.0.0.1:{server.server_port}/simple")
    monkeypatch.setattr("rhresources.package_index.index.configured_sources", lambda: [source])
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def slow() -> Iterator[threading.Event]:
    """The index tells of no versions until this is set."""
    _Index.may_answer.clear()
    yield _Index.may_answer
    _Index.may_answer.set()


def shown_suggestions(page: PackagesPage) -> list[str]:
    popup = page.editor.form._completion.popup
    model = popup.model()
    return [str(model.index(row, 0).data()) for row in range(model.rowCount())] if popup.isVisible() else []


def test_names_and_versions_are_suggested(index: None, page: PackagesPage, qtbot: QtBot) -> None:
    line = page.editor.form.target.line
    line.setFocus()
    line.clear()
    qtbot.keyClicks(line, "zeb")
    # the list of all names is read meanwhile
    qtbot.waitUntil(lambda: shown_suggestions(page) == ["zebra", "zebra-crossing"], timeout=10_000)
    assert "Reading the list" not in words(page.editor.form)
    popup = page.editor.form._completion.popup
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert line.text() == "zebra"
    assert "target: zebra" in yaml_of(page)
    qtbot.keyClicks(line, "[")
    qtbot.waitUntil(lambda: shown_suggestions(page) == ["zebra[fast]", "zebra[fur]"], timeout=10_000)
    qtbot.keyClicks(line, "fast,f")
    qtbot.waitUntil(lambda: shown_suggestions(page) == ["zebra[fast,fur]"], timeout=10_000)
    for _ in "[fast,f":
        qtbot.keyClick(line, Qt.Key.Key_Backspace)
    qtbot.keyClicks(line, "==")
    qtbot.waitUntil(lambda: shown_suggestions(page) == ["zebra==2.0", "zebra==1.10", "zebra==1.0"], timeout=10_000)
    qtbot.keyClicks(line, "3")
    qtbot.waitUntil(lambda: shown_suggestions(page) == ["zebra==3.0rc1"], timeout=10_000)
    qtbot.keyClick(popup, Qt.Key.Key_Escape)
    assert page.panel.isVisible(), "the first Escape only closes the list"


def test_options_are_completed_by_name(page: PackagesPage, qtbot: QtBot) -> None:
    line = page.editor.form.options.line
    line.setFocus()
    line.clear()
    qtbot.keyClicks(line, "--no-deps --extra-i")
    popup = page.editor.form._option_names.popup
    qtbot.waitUntil(popup.isVisible, timeout=5000)
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert line.text() == "--no-deps --extra-index-url"
    assert not matching_options("--no-deps", "local")
    assert not matching_options("--index-url=http", "pip")
    assert not matching_options("word", "pip")


def test_a_new_package_may_be_closed_while_the_index_answers(
    index: None, qtbot: QtBot, desk: Desk, slow: threading.Event
) -> None:
    page = PackagesPage(desk)
    show(qtbot, page)
    page.add()
    dialog = page.findChildren(NewPackage)[0]
    dialog.form.target.line.setFocus()
    qtbot.keyClicks(dialog.form.target.line, "zebra==")
    qtbot.waitUntil(lambda: desk.tasks.busy("package.suggest"), timeout=5000)
    dialog.reject()
    assert not desk.tasks.busy("package.suggest")
    slow.set()
    qtbot.wait(50)  # nobody is left to be told


def test_relative_paths_say_where_they_start(page: PackagesPage, qtbot: QtBot, desk: Desk) -> None:
    spec = PackageDocument(install_method="local", target="./lib").spec()
    assert from_home(spec).target == str(Path.home() / "lib")
    assert "it is ~/lib;" in path_words("local", "./lib")
    assert "it is ~/../lib;" in path_words("pip", "../lib")
    for method, target in (("pip", "numpy"), ("local", "/srv"), ("local", "~/lib"), ("local", ""), ("conda", "x")):
        assert not path_words(method, target)
    page.editor.form._method.choose("local")
    line = page.editor.form.target.line
    line.clear()
    qtbot.keyClicks(line, "./lib")
    assert "it is ~/lib;" in words(page.editor.form)


def test_nothing_is_asked_about_a_path(index: None, page: PackagesPage, qtbot: QtBot) -> None:
    line = page.editor.form.target.line
    line.setFocus()
    line.clear()
    qtbot.keyClicks(line, "./zebra")
    qtbot.wait(250)
    assert not shown_suggestions(page)
    assert not page.editor._desk.tasks.busy("package.suggest")
