"""While one types in the editor of packages: what it complains about, for how long, and where the keys go then."""

from __future__ import annotations

import pytest
from lab.package_pages import Save, dialog_of, open_packages, press, retype, show, words
from pytestqt.qtbot import QtBot

from rhdesk.core.desk import Desk
from rhdesk.core.package_names import is_unfinished, project_of
from rhdesk.desktop.dialogs.new_package import NewPackage
from rhdesk.desktop.forms.package_form import PackageForm
from rhdesk.desktop.models.row_model import COLUMN_ROLE
from rhdesk.desktop.pages.packages import PackagesPage
from rhdesk.desktop.widgets.drawer import TaskDrawer

NOT_SAVED = "It was not saved, because it has problems"


@pytest.fixture
def page(qtbot: QtBot, desk: Desk, save: Save) -> PackagesPage:
    return open_packages(qtbot, desk, save)


@pytest.mark.parametrize("text", ["numpy==", "numpy >=1,<", "numpy[", "numpy[a,", "numpy!"])
def test_a_requirement_that_breaks_off_is_unfinished(text: str) -> None:
    assert is_unfinished(text)
    assert project_of(text) == "numpy"


@pytest.mark.parametrize("text", ["numpy", "numpy==1", "numpy[a]", "./lib=", "=="])
def test_other_texts_are_not(text: str) -> None:
    assert not is_unfinished(text)


def test_that_a_version_is_missing_as_yet_is_told_once_one_leaves_the_line(page: PackagesPage, qtbot: QtBot) -> None:
    form, yaml = page.editor.form, page.editor.editor
    form.target.line.setFocus()
    form.target.line.clear()
    qtbot.keyClicks(form.target.line, "numpy==")
    qtbot.waitUntil(lambda: any(each.field == "target" for each in yaml.problems), timeout=5000)
    assert form.target.error == ""
    form.options.line.setFocus()
    assert "'numpy=='" in form.target.error


def test_what_is_mended_is_not_complained_about_any_more(page: PackagesPage, qtbot: QtBot) -> None:
    retype(page, "[--no-deps]", "[no-deps]")
    page.editor.save()
    qtbot.waitUntil(lambda: NOT_SAVED in words(page.editor), timeout=5000)
    retype(page, "[no-deps]", "[--no-deps, --pre]")
    qtbot.waitUntil(lambda: NOT_SAVED not in words(page.editor), timeout=5000)


def test_a_field_that_is_not_known_is_named(page: PackagesPage, qtbot: QtBot) -> None:
    retype(page, "options:", "optionz:")
    qtbot.waitUntil(lambda: bool(page.editor.form.target.error), timeout=5000)
    assert page.editor.form.target.error == "'optionz': there is no such field; did you mean options?"


def test_a_form_that_waits_shows_no_mistakes_and_names_a_line_that_is_there(page: PackagesPage, qtbot: QtBot) -> None:
    retype(page, "options:", "optionz:")
    qtbot.waitUntil(lambda: bool(page.editor.form.target.error), timeout=5000)
    page.editor.editor.edit.replace_text("kind: package\ninstall_method: pip\ntarget: [a")
    qtbot.waitUntil(lambda: "The form waits" in words(page.editor), timeout=5000)
    assert "in line 3 of the YAML" in words(page.editor)
    assert page.editor.form.target.error == ""


def test_the_words_under_the_target_stay_while_one_types_elsewhere(qtbot: QtBot, themed: None) -> None:
    form = PackageForm()
    show(qtbot, form)
    form.set_values({"install_method": "pip", "target": "numpy==1.26"})
    form.target.show_note("Newest is 2.0")
    qtbot.keyClicks(form.description.line, "Arrays")
    form.target.line.end(False)
    qtbot.keyClicks(form.target.line, "5")
    assert "Newest is 2.0" in words(form)
    form.target.line.clear()
    qtbot.keyClicks(form.target.line, "rich")
    assert "Newest is 2.0" not in words(form)


def test_another_description_makes_no_other_environment(
    page: PackagesPage, qtbot: QtBot, save: Save, function_yaml: str
) -> None:
    save("train", function_yaml + "packages:\n- rh:~/deps\n")
    qtbot.waitUntil(lambda: page.editor.users("~/deps") == ["~/train"], timeout=5000)
    retype(page, "options:", "description: Arrays\noptions:")
    page.editor.save()
    assert "~/train. What is installed stays the same." in words(dialog_of(page))
    press(dialog_of(page), "Back")
    retype(page, "1.26.4", "1.26.5")
    page.editor.save()
    assert "~/train. It gets another environment at the next run." in words(dialog_of(page))
    dialog_of(page).reject()


def test_who_needs_it_is_told_how_to_name_it(page: PackagesPage) -> None:
    assert "has rh:~/deps among its packages" in words(page.used)


def test_check_by_key_leaves_the_keys_in_the_panel(page: PackagesPage) -> None:
    page.editor.form.target.line.setFocus()
    page._check("kind: package")  # refused before any cluster is brought up
    assert page.window().focusWidget() is page.check.cluster


def test_after_creating_one_the_keys_are_in_the_list(qtbot: QtBot, desk: Desk) -> None:
    page = PackagesPage(desk)
    show(qtbot, page)
    page.add()
    dialog = page.findChildren(NewPackage)[0]
    dialog.name.setText("~/made")
    qtbot.keyClicks(dialog.form.target.line, "numpy")
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: page.editor.address == "~/made", timeout=5000)
    assert page.window().focusWidget() is page.list.table


def test_a_task_centre_without_tasks_says_so(qtbot: QtBot, desk: Desk, page: PackagesPage) -> None:
    drawer = TaskDrawer(page, desk)
    drawer.toggle()
    assert "No tasks" in words(drawer)


def test_a_name_that_is_taken_is_asked_for_anew(page: PackagesPage, qtbot: QtBot) -> None:
    page.add()
    dialog = page.findChildren(NewPackage)[0]
    dialog.name.setText("~/other")
    qtbot.keyClicks(dialog.form.target.line, "numpy")
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: "There is a resource ~/other already." in words(dialog), timeout=5000)
    assert dialog.name.selectedText() == "~/other"
    assert page.window().isVisible()
    dialog.reject()


def test_packages_in_folders_are_told_apart_by_their_address(qtbot: QtBot, desk: Desk, save: Save) -> None:
    for name in ("torch", "team/torch"):
        save(name, "kind: package\ninstall_method: pip\ntarget: torch\ndescription: Ours\n")
    page = PackagesPage(desk)
    show(qtbot, page)
    model = page.list.table.model()
    assert model is not None
    qtbot.waitUntil(lambda: model.rowCount() == 2, timeout=5000)
    column = model.index(0, 0).data(COLUMN_ROLE)
    said = {row.address: column.second(row) for row in desk.store.packages.rows()}
    assert said == {"~/torch": "Ours", "~/team/torch": "~/team/torch  ·  Ours"}
