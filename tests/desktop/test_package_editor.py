"""The editor of packages: form and YAML as one document, names from the index, what is said before saving."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from lab.package_pages import PACKAGE, Save, dialog_of, open_packages, press, retype, show, words, yaml_of
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.core.desk import Desk
from rhdesk.core.environment_rows import EnvironmentRow
from rhdesk.core.package_requests import PlannedRow, environments_of, holding
from rhdesk.core.rows import ClusterRow, State, TaskRow
from rhdesk.desktop.dialogs.new_package import NewPackage
from rhdesk.desktop.forms.diff_view import diff_lines
from rhdesk.desktop.forms.package_sync import read_values, written_into
from rhdesk.desktop.pages.package_install import install_task
from rhdesk.desktop.pages.packages import PackagesPage
from rhresources.documents import PackageDocument
from rhresources.errors import RhError


@pytest.fixture
def page(qtbot: QtBot, desk: Desk, save: Save) -> PackagesPage:
    return open_packages(qtbot, desk, save)


# ---------------------------------------------------------------- one document


def test_what_is_typed_in_the_form_stands_in_the_yaml_and_comments_stay(page: PackagesPage, qtbot: QtBot) -> None:
    line = page.editor.form.target.line
    line.clear()
    qtbot.keyClicks(line, "-x numpy")  # wrong on the way; it leaves no quotes behind
    line.clear()
    qtbot.keyClicks(line, "numpy==2.1.0")
    lines = yaml_of(page).splitlines()
    assert lines[0] == "# what training needs"
    assert lines[3].split() == ["target:", "numpy==2.1.0", "#", "pinned,", "see", "#12"]
    qtbot.keyClicks(page.editor.form.description.line, "Arrays")
    assert yaml_of(page).endswith("description: Arrays\n")


def test_options_with_an_open_quote_are_kept_and_not_saved(page: PackagesPage, qtbot: QtBot, desk: Desk) -> None:
    form = page.editor.form
    form.options.line.clear()
    qtbot.keyClicks(form.options.line, '--index-url "https://host/simple')
    qtbot.keyClicks(form.description.line, "Arrays")
    qtbot.waitUntil(lambda: "not closed" in form.options.error, timeout=5000)
    assert form.options.text == '--index-url "https://host/simple'
    assert any("not closed" in each for line in range(9) for each in page.editor.editor.edit.marks_at(line))
    assert not page.editor.check_button.isEnabled()
    page.editor.save()
    qtbot.waitUntil(lambda: "not saved" in words(page.editor), timeout=5000)
    assert (desk.home / "resources" / "deps.yaml").read_text() == PACKAGE
    qtbot.keyClicks(form.options.line, '"')
    qtbot.waitUntil(lambda: not form.options.error, timeout=5000)
    said = read_values(yaml_of(page))
    assert (said["options"], said["description"]) == (["--index-url", "https://host/simple"], "Arrays")


def test_a_failed_save_is_told_of_its_own_document(
    page: PackagesPage, qtbot: QtBot, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def refuse(*args: Any, **kwargs: Any) -> None:
        go_on.wait(10)
        raise RhError("The disk is full.", remedy="Make room.")

    monkeypatch.setattr("rhresources.resource_names.ResourceNames.save_text", refuse)
    retype(page, "1.26.4", "1.26.3")
    page.editor._save(None)
    page.open("~/other")
    qtbot.waitUntil(lambda: page.editor.form.target.text == "~/lib", timeout=5000)
    go_on.set()
    qtbot.waitUntil(lambda: bool(desk.notifier.notices()), timeout=5000)
    assert desk.notifier.notices()[0].sentence == "~/deps was not saved: The disk is full."
    assert "disk is full" not in words(page.editor)
    page.open("~/deps")
    qtbot.waitUntil(lambda: page.editor.form.target.text == "numpy==1.26.3", timeout=5000)


def test_another_method_and_back_is_no_change(page: PackagesPage, qtbot: QtBot) -> None:
    page.editor.form._method.choose("git")
    qtbot.keyClicks(page.editor.form.git_url.line, "https://host/o/r")
    assert read_values(yaml_of(page)) == {
        "kind": "package",
        "install_method": "git",
        "git_url": "https://host/o/r",
        "options": ["--no-deps"],
    }
    page.editor.form._method.choose("pip")
    assert yaml_of(page) == PACKAGE
    qtbot.waitUntil(lambda: not page.editor.is_dirty, timeout=5000)


def test_what_is_typed_in_the_yaml_stands_in_the_form(page: PackagesPage, qtbot: QtBot) -> None:
    retype(page, "[--no-deps]", "[--no-deps, '--index-url=https://host/simple']\ndescription: Arrays")
    form = page.editor.form
    qtbot.waitUntil(lambda: form.description.text == "Arrays", timeout=5000)
    assert form.options.text == "--no-deps --index-url=https://host/simple"


def test_the_form_waits_while_the_yaml_cannot_be_read(page: PackagesPage, qtbot: QtBot) -> None:
    retype(page, "[--no-deps]", "[[--no-deps]")
    qtbot.waitUntil(lambda: not page.editor.form.isEnabled(), timeout=5000)
    assert "The form waits" in words(page.editor)
    assert not page.editor.check_button.isEnabled()
    assert any(page.editor.editor.edit.has_mark(line) for line in range(7))
    retype(page, "[[--no-deps]", "[--no-deps]")
    qtbot.waitUntil(page.editor.form.isEnabled, timeout=5000)
    assert "The form waits" not in words(page.editor)


def test_what_is_wrong_stands_at_the_field_and_at_the_line(page: PackagesPage, qtbot: QtBot) -> None:
    retype(page, "--no-deps", "--nodeps")
    qtbot.waitUntil(lambda: bool(page.editor.form.options.error), timeout=5000)
    assert "--no-deps" in page.editor.form.options.error
    assert page.editor.editor.edit.marks_at(5)
    page.editor.save()
    qtbot.waitUntil(lambda: "not saved" in words(page.editor), timeout=5000)


def test_yaml_of_another_kind_is_refused(page: PackagesPage, qtbot: QtBot) -> None:
    page.editor.editor.edit.replace_text("kind: cluster\ntype: machine\n")
    qtbot.waitUntil(lambda: any("editor of packages" in each for each in page.editor.editor.edit.marks_at(1)))


def test_long_yaml_is_edited_as_text_alone(page: PackagesPage, qtbot: QtBot) -> None:
    page.editor.editor.edit.replace_text(PACKAGE + "# a comment\n" * 8_000)
    qtbot.waitUntil(lambda: not page.editor.form.isEnabled(), timeout=5000)
    assert "too long" in words(page.editor)


def test_what_was_typed_is_there_again(page: PackagesPage, qtbot: QtBot) -> None:
    retype(page, "1.26.4", "1.26.3")
    page.open("~/other")
    qtbot.waitUntil(lambda: page.editor.form.target.text == "~/lib", timeout=5000)
    page.open("~/deps")
    qtbot.waitUntil(lambda: page.editor.form.target.text == "numpy==1.26.3", timeout=5000)
    assert page.editor.is_dirty


def test_written_into_leaves_what_it_does_not_know() -> None:
    text = "kind: package\ninstall_method: pip\ntarget: a\nsomething: [1, 2]\n"
    made = written_into(text, {"kind": "package", "install_method": "pip", "target": "b"})
    assert made == text.replace("target: a", "target: b")


def test_keys_save_and_check_from_the_form_too(page: PackagesPage, qtbot: QtBot) -> None:
    line = page.editor.form.target.line
    line.setFocus()
    line.end(False)
    qtbot.keyClicks(line, "0")
    qtbot.keyClick(line, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    dialog_of(page).reject()
    qtbot.keyClick(page.editor.editor.edit, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    dialog_of(page).reject()
    asked: list[str] = []
    page.editor.check_asked.disconnect()
    page.editor.check_asked.connect(asked.append)
    qtbot.keyClick(line, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert ["numpy==1.26.40" in text for text in asked] == [True]
    page.panel.tabs.choose("install")
    assert "not saved" in words(page.install)


def test_tab_goes_through_the_panel_as_it_looks(page: PackagesPage, qtbot: QtBot) -> None:
    def stops(first: QWidget, count: int) -> list[str]:
        first.setFocus()
        found = []
        for _ in range(count):
            qtbot.keyClick(page.window(), Qt.Key.Key_Tab)
            focus = page.window().focusWidget()
            assert focus is not None
            found.append(focus.accessibleName())
        return found

    start = page.list.table
    head = ["Use the whole page", "Close the details"]
    form = ["pip", "Target", "Choose…", "Options", "Description", "YAML of the package"]
    assert stops(start, 10) == [*head, "Package", "Check", *form]
    page.panel.tabs.choose("check")
    checking = ["Cluster", "Python", "Check", "Environment to compare with"]
    assert stops(start, 7) == [*head, "Check", *checking]
    page.panel.tabs.choose("install")
    assert stops(start, 7) == [*head, "Install", "Python", "Install", "Install on ^local", "What is being done"]


# ---------------------------------------------------------------- before saving


def test_before_saving_one_sees_what_changes_and_for_whom(
    page: PackagesPage, qtbot: QtBot, desk: Desk, save: Save, function_yaml: str
) -> None:
    path = desk.home / "resources" / "deps.yaml"
    save("train", function_yaml + "packages:\n- rh:~/deps\n")
    qtbot.waitUntil(lambda: page.editor.users("~/deps") == ["~/train"], timeout=5000)
    retype(page, "1.26.4", "1.26.3")
    page.editor.save()
    dialog = dialog_of(page)
    assert "1 function uses it: ~/train" in words(dialog)
    shown = dialog.findChildren(QPlainTextEdit)[0].toPlainText()
    assert "-target: numpy==1.26.4" in shown
    assert "+target: numpy==1.26.3" in shown
    press(dialog, "Back")
    assert path.read_text() == PACKAGE
    page.editor.save()
    press(dialog_of(page), "Save")
    qtbot.waitUntil(lambda: "1.26.3" in path.read_text(), timeout=5000)
    assert path.read_text() == PACKAGE.replace("1.26.4", "1.26.3")


def test_the_list_says_what_is_wrong_with_a_broken_one(
    page: PackagesPage, qtbot: QtBot, desk: Desk, save: Save
) -> None:
    save("bad", "kind: package\ninstall_method: pip\n")
    qtbot.waitUntil(lambda: "~/bad" in desk.store.packages, timeout=5000)
    row = desk.store.packages.get("~/bad")
    assert row is not None
    assert row.problem == "Line 1: target: a package of method pip needs one."  # where it is says the row itself


def test_differences_are_told_line_by_line() -> None:
    assert diff_lines("a\nb\n", "a\nc\n") == [" a", "-b", "+c"]
    assert diff_lines("a\n", "a\n") == []


# ---------------------------------------------------------------- check, install, use


def test_a_plan_says_what_changes() -> None:
    def change(before: str, after: str, compared: bool = True) -> str:
        return PlannedRow("numpy", "pip", before, after, compared).change

    assert change("", "1.0") == "added"
    assert change("1.0", "") == "removed"
    assert change("1.9", "1.10") == "newer"
    assert change("1.10", "1.9") == "older"
    assert change("1.0", "1.0") == ""
    assert change("", "1.0", compared=False) == ""


def test_environments_of_a_package_are_known_by_its_name_and_its_line() -> None:
    document = PackageDocument(install_method="pip", target="numpy")

    def row(hash: str, *packages: str, used: float = 0.0) -> EnvironmentRow:
        return EnvironmentRow(hash, "3.11", packages, 1, 1.0, used, False, "ready")

    rows = [row("a", "rh:~/deps"), row("b", "pip:numpy", used=9.0), row("c", "rh:~/deps", "x"), row("d", "x")]
    assert [each.hash for each in environments_of("~/deps", document, rows)] == ["b", "a"]
    assert {each.hash for each in holding("~/deps", document, rows)} == {"a", "b", "c"}


def test_each_cluster_has_its_own_installation(page: PackagesPage, qtbot: QtBot, desk: Desk) -> None:
    clusters = {
        address: ClusterRow(address, address[2:], "ssh", state)
        for address, state in (("~/gpu1", State.UP), ("~/gpu2", State.DOWN))
    }
    desk.store.clusters.update(clusters)
    install = page.install
    page.panel.tabs.choose("install")
    qtbot.waitUntil(lambda: {"^local", "~/gpu1", "~/gpu2"} <= set(install._lines), timeout=5000)
    install.choose({"~/gpu1", "~/gpu2"})
    assert install.install_button.text().strip() == "Install on 2 clusters"
    failed, running = install_task("~/deps", "~/gpu1"), install_task("~/deps", "~/gpu2")
    desk.store.tasks.update(
        {
            failed: TaskRow(failed, "", "failed", "No such package.", started=1.0, ended=2.0, lines=("Resolving",)),
            running: TaskRow(running, "", "running", "Installing numpy", started=1.0, lines=("Installing numpy",)),
        }
    )
    assert install.line("~/gpu1").act_button.text() == "Retry"
    assert install.line("~/gpu2").act_button.text() == "Cancel"
    assert "Installing numpy" in words(install.line("~/gpu2"))
    qtbot.mouseClick(install.line("~/gpu2"), Qt.MouseButton.LeftButton)
    assert install.output("~/gpu2").text.toPlainText() == "Installing numpy"
    install.choose(set())
    assert not install.install_button.isEnabled()


def test_in_little_room_the_yaml_goes_under_the_form(page: PackagesPage, qtbot: QtBot) -> None:
    sides = page.editor._sides
    assert sides.orientation() is Qt.Orientation.Horizontal
    page.resize(760, 600)
    qtbot.waitUntil(lambda: sides.orientation() is Qt.Orientation.Vertical, timeout=5000)
    page._whole.click()
    qtbot.waitUntil(lambda: sides.orientation() is Qt.Orientation.Horizontal, timeout=5000)
    page.panel.close_panel()
    assert page.list.isVisible()


def test_a_new_package_does_not_complain_before_one_is_done(qtbot: QtBot, desk: Desk) -> None:
    page = PackagesPage(desk)
    show(qtbot, page)
    page.add()
    dialog = page.findChildren(NewPackage)[0]
    qtbot.keyClicks(dialog.form.description.line, "For all")
    qtbot.waitUntil(lambda: not dialog.yaml._timer.isActive(), timeout=5000)
    qtbot.wait(200)
    assert not dialog.form.target.error
    dialog.name.setText("~/deps")
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: "needs one" in dialog.form.target.error, timeout=5000)
    assert dialog.isVisible()
