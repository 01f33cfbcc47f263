"""The window on a real registry that two people use: logging in, sharing, what others change, history, conflicts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from desktop.registry_parts import (
    PACKAGE,
    SOON,
    click,
    do,
    has,
    keys,
    log_in,
    login_dialog,
    opened,
    save,
    share,
    state,
    undo,
    words,
)
from lab.registry import RegistryServer
from lab.secret_service import SecretService
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from rhdesk.desktop.dialogs.conflict import ConflictDialog
from rhdesk.desktop.dialogs.login import LoginDialog
from rhdesk.desktop.dialogs.share import ShareDialog
from rhdesk.desktop.forms.cluster_choice import ClusterChoice
from rhdesk.desktop.forms.diff_view import DiffView
from rhdesk.desktop.forms.offering_text import PackageLines
from rhdesk.desktop.models.name_delegate import LINE_HEIGHT
from rhdesk.desktop.models.name_lines import FRESH_ROLE
from rhdesk.desktop.name_moves import into_folder
from rhdesk.desktop.pages.names import NamesPage
from rhdesk.desktop.shell import Shell
from rhdesk.desktop.widgets.dialog import Dialog
from rhresources.resource_names import ResourceNames


@pytest.fixture
def shell(names_shell: Shell) -> Shell:
    return names_shell


@pytest.fixture
def page(names_page: NamesPage) -> NamesPage:
    return names_page


# ---------------------------------------------------------------- logging in and out


def test_a_wrong_token_is_said_at_its_field_and_a_right_one_logs_in(
    qtbot: QtBot, secret_service: SecretService, shell: Shell, registry: RegistryServer, rh_home: Path
) -> None:
    token = registry.token("alice")
    dialog = login_dialog(shell)
    QTest.keyClicks(dialog.url.line, registry.url)
    QTest.keyClicks(dialog.token.line, "wrong")
    click(dialog, "login-accept")
    qtbot.waitUntil(lambda: "does not accept" in dialog.token.error, timeout=SOON)
    dialog.token.line.selectAll()
    QTest.keyClicks(dialog.token.line, token)
    click(dialog, "login-accept")
    qtbot.waitUntil(lambda: state(shell) is not None, timeout=SOON)
    page = shell.page
    assert isinstance(page, NamesPage)
    qtbot.waitUntil(lambda: "/alice/" in keys(page), timeout=SOON)
    assert page.registry_line._words.text().startswith("alice at 127.0.0.1")
    assert shell.status.findChild(QPushButton, "registry-mark").text() == "alice"  # type: ignore[union-attr]
    kept = [file for file in (rh_home / "registry").rglob("*") if file.is_file()]
    assert not [file for file in kept if token.encode() in file.read_bytes()], "the token is in no file"


def test_a_registry_that_does_not_answer_is_said_in_the_dialog(qtbot: QtBot, shell: Shell) -> None:
    dialog = login_dialog(shell)
    QTest.keyClicks(dialog.url.line, "http://127.0.0.1:9")
    QTest.keyClicks(dialog.token.line, "secret")
    click(dialog, "login-accept")
    qtbot.waitUntil(lambda: "127.0.0.1:9" in words(dialog) and dialog.accept_button.isEnabled(), timeout=SOON)
    dialog.reject()


def test_logging_out_takes_the_registry_away(qtbot: QtBot, shell: Shell, page: NamesPage) -> None:
    save(page, qtbot, "/alice/x")
    assert shell.desk.commands.run("registry.logout") == ""
    dialog = next(each for each in shell.findChildren(Dialog) if each.windowTitle() == "Log out alice?")
    next(each for each in dialog.findChildren(QPushButton) if each.text() == "Log out").click()
    qtbot.waitUntil(lambda: state(shell) is None and "/alice/x" not in shell.desk.store.names, timeout=SOON)
    assert page.registry_line._in.isVisible()


def test_a_revoked_token_is_said_and_another_one_is_asked_for(
    qtbot: QtBot, shell: Shell, page: NamesPage, registry: RegistryServer
) -> None:
    save(page, qtbot, "/alice/x")
    registry.command("token", "revoke", "--user", "alice")
    registry.stop()
    registry.start()
    shell.desk.retry_now()
    qtbot.waitUntil(lambda: (now := state(shell)) is not None and now.is_refused, timeout=60_000)
    qtbot.waitUntil(page.registry_line._in.isVisible, timeout=SOON)
    assert has(page, "/alice/x")(), "what is known is still there"
    token = registry.command("user", "token", "alice").stdout.splitlines()[-1]
    click(page.registry_line, "registry-login")
    dialog = opened(shell, LoginDialog)
    assert dialog.url.text == registry.url
    QTest.keyClicks(dialog.token.line, token)
    click(dialog, "login-accept")
    qtbot.waitUntil(lambda: (now := state(shell)) is not None and now.online, timeout=SOON)


# ---------------------------------------------------------------- with others


def test_what_others_change_comes_by_itself_and_is_marked(qtbot: QtBot, page: NamesPage, bob: ResourceNames) -> None:
    bob.save_text("@/lent", PACKAGE)
    bob.share("@/lent", {"alice": "read"})
    qtbot.waitUntil(has(page, "/bob/lent"), timeout=SOON)
    page.open("/bob/lent")
    qtbot.waitUntil(lambda: page.editor.editor.text == PACKAGE, timeout=SOON)
    assert page.editor.editor.edit.isReadOnly()
    assert "bob can let you write" in page.editor._mark.text()
    assert "bob can let you write" in page.desk.commands.run("name.delete")
    bob.save_text("@/lent", PACKAGE.replace("old", "new"))
    qtbot.waitUntil(lambda: "new" in page.editor.editor.text, timeout=SOON)
    place = page.tree.lines.place_of("/bob/lent")
    assert page.tree.lines.index(place, 0).data(FRESH_ROLE)
    assert page.tree.lines.index(place, 2).data().endswith("bob")
    bob.share("@/lent", {"alice": "write"})
    qtbot.waitUntil(lambda: not page.editor.editor.edit.isReadOnly(), timeout=SOON)
    bob.delete("@/lent")
    qtbot.waitUntil(lambda: not has(page, "/bob/lent")(), timeout=SOON)


def test_what_is_listed_for_the_first_time_is_not_marked_as_changed(
    qtbot: QtBot, shell: Shell, registry: RegistryServer, bob: ResourceNames
) -> None:
    registry.token("alice")
    bob.save_text("@/shared/one", PACKAGE)
    bob.save_text("@/shared/two", PACKAGE)
    bob.share("/bob/shared", {"alice": "read"})
    page = log_in(qtbot, shell, registry)
    qtbot.waitUntil(has(page, "/bob/shared/two"), timeout=SOON)
    assert not page.tree.lines._fresh
    qtbot.waitUntil(lambda: (now := state(shell)) is not None and now.listed, timeout=SOON)
    bob.save_text("@/shared/one", PACKAGE.replace("old", "new"))
    qtbot.waitUntil(lambda: set(page.tree.lines._fresh) == {"/bob/shared/one"}, timeout=SOON)


def test_the_chosen_line_stays_in_sight_when_there_is_less_room(
    qtbot: QtBot, shell: Shell, page: NamesPage, registry: RegistryServer
) -> None:
    shell.resize(1000, 700)
    do(page, qtbot, lambda names: [names.save_text(f"~/lib{number:02}", PACKAGE) for number in range(40)])
    qtbot.waitUntil(has(page, "~/lib39"), timeout=SOON)
    page.tree.setFocus()
    page.tree.choose("~/lib00")
    while page.tree.visualRect(page.tree.currentIndex()).bottom() + 2 * LINE_HEIGHT < page.tree.viewport().height():
        QTest.keyClick(page.tree, Qt.Key.Key_Down)
    before = page.tree.viewport().height()
    registry.stop()
    qtbot.waitUntil(lambda: page.tree.viewport().height() < before - LINE_HEIGHT, timeout=SOON)
    line = page.tree.visualRect(page.tree.currentIndex())
    assert page.tree.viewport().rect().contains(line)


def test_a_name_is_shared_from_the_dialog(
    qtbot: QtBot, shell: Shell, page: NamesPage, bob: ResourceNames, registry: RegistryServer
) -> None:
    registry.group("crew", "bob")
    save(page, qtbot, "/alice/team/x")
    page.open("/alice/team/x")
    click(page.panel, "name-share")
    dialog = opened(shell, ShareDialog)
    qtbot.waitUntil(lambda: "Nobody else may see it." in words(dialog), timeout=SOON)
    dialog.who.setFocus()
    QTest.keyClicks(dialog.who, "bo")
    qtbot.waitUntil(lambda: dialog._completion.popup.isVisible(), timeout=SOON)
    QTest.keyClick(dialog._completion.popup, Qt.Key.Key_Down)
    QTest.keyClick(dialog._completion.popup, Qt.Key.Key_Return)
    assert dialog.who.text() == "bob"
    click(dialog, "share-add")
    dialog.who.setText("@crew")
    dialog.level.setCurrentIndex(1)
    click(dialog, "share-add")
    click(dialog, "share-accept")
    qtbot.waitUntil(lambda: not isValid(dialog), timeout=SOON)
    assert {(grant.who, grant.access) for grant in bob.access("/alice/team/x").grants} >= {("bob", "read")}
    assert bob.load("/alice/team/x").access == "write", "through the group"
    shell.desk.commands.run("name.share")
    again = opened(shell, ShareDialog)
    qtbot.waitUntil(lambda: "@crew" in words(again), timeout=SOON)
    again.who.setText("nobody-like-that")
    click(again, "share-accept")
    qtbot.waitUntil(lambda: "nobody-like-that" in words(again) and again.accept_button.isEnabled(), timeout=SOON)
    again.reject()


def test_what_a_folder_gives_is_shown_with_where_it_comes_from(
    qtbot: QtBot, shell: Shell, page: NamesPage, bob: ResourceNames
) -> None:
    save(page, qtbot, "/alice/team/x")
    page.open("/alice/team/")
    click(page.panel, "name-share")
    dialog = opened(shell, ShareDialog)
    qtbot.waitUntil(lambda: "Nobody else" in words(dialog), timeout=SOON)
    QTest.keyClicks(dialog.who, "bob")
    click(dialog, "share-accept")
    qtbot.waitUntil(lambda: not isValid(dialog), timeout=SOON)
    assert bob.load("/alice/team/x").access == "read"
    page.acts.share("/alice/team/x")
    again = opened(shell, ShareDialog)
    qtbot.waitUntil(lambda: "through /alice/team" in words(again), timeout=SOON)
    again.reject()


def test_what_they_may_not_read_yet_is_told_and_shared_too(
    qtbot: QtBot, shell: Shell, page: NamesPage, bob: ResourceNames
) -> None:
    save(page, qtbot, "/alice/x")
    code = "{git_url: https://example.org/a.git, file: a.py, name: f}"
    uses_x = f"kind: function\ncode: {code}\npackages: ['rh:/alice/x']\n"
    do(page, qtbot, lambda names: names.save_text("/alice/f", uses_x))
    qtbot.waitUntil(has(page, "/alice/f"), timeout=SOON)
    page.acts.share("/alice/f")
    dialog = opened(shell, ShareDialog)
    qtbot.waitUntil(lambda: "Nobody else" in words(dialog), timeout=SOON)
    QTest.keyClicks(dialog.who, "bob")
    click(dialog, "share-accept")
    undo(qtbot, page, "/alice/f names /alice/x, which bob may not read.")
    also = opened(shell, ShareDialog)
    qtbot.waitUntil(lambda: "bob" in words(also) and also.accept_button.isEnabled(), timeout=SOON)
    click(also, "share-accept")
    qtbot.waitUntil(lambda: bob.exists("/alice/x"), timeout=SOON)


# ---------------------------------------------------------------- places and history


def test_names_are_copied_and_moved_between_this_computer_and_the_registry(qtbot: QtBot, page: NamesPage) -> None:
    path = page.desk.home / "resources" / "deps.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PACKAGE)
    qtbot.waitUntil(has(page, "~/deps"), timeout=SOON)
    into_folder(page.desk, ["~/deps"], "/alice")
    qtbot.waitUntil(has(page, "/alice/deps"), timeout=SOON)
    assert has(page, "~/deps")(), "between places they are copied unless somebody says otherwise"
    page.open("@/deps")
    assert page.tree.current() is page.desk.store.index.find("/alice/deps")
    into_folder(page.desk, ["/alice/deps"], "/alice/lib", copy=False)
    qtbot.waitUntil(lambda: has(page, "/alice/lib/deps")() and not has(page, "/alice/deps")(), timeout=SOON)
    undo(qtbot, page, "Moved /alice/deps to /alice/lib/deps")
    qtbot.waitUntil(lambda: has(page, "/alice/deps")() and not has(page, "/alice/lib/deps")(), timeout=SOON)


def test_history_shows_who_changed_what_and_an_old_version_comes_back(
    qtbot: QtBot, page: NamesPage, bob: ResourceNames
) -> None:
    save(page, qtbot, "/alice/x")
    share(page, qtbot, "/alice/x", "bob")
    bob.save_text("/alice/x", PACKAGE.replace("old", "new"))
    page.open("/alice/x?tab=history")
    view = page.panel.history
    qtbot.waitUntil(lambda: len(view.table.rows.all_rows()) == 2, timeout=SOON)
    newest, oldest = view.table.rows.all_rows()
    assert [newest.by, oldest.by] == ["bob", "alice"]
    qtbot.waitUntil(lambda: "+description: new" in shown_diff(page), timeout=SOON)
    assert "-description: old" in shown_diff(page)
    assert not view.restore_button.isEnabled(), "it is the newest"
    view.table.select(str(oldest.number))
    click(view, "restore-version")
    qtbot.waitUntil(lambda: bob.load("/alice/x").text == PACKAGE, timeout=SOON)
    qtbot.waitUntil(lambda: len(view.table.rows.all_rows()) == 3, timeout=SOON)


def test_a_deleted_name_comes_back_with_its_history(qtbot: QtBot, shell: Shell, page: NamesPage) -> None:
    save(page, qtbot, "/alice/x")
    row = page.desk.store.names.get("/alice/x")
    assert row is not None
    page.acts.delete([row])
    next(each for each in shell.findChildren(QPushButton) if each.text() == "Delete" and each.isVisible()).click()
    qtbot.waitUntil(lambda: not has(page, "/alice/x")(), timeout=SOON)
    undo(qtbot, page, "Deleted /alice/x")
    qtbot.waitUntil(has(page, "/alice/x"), timeout=SOON)
    page.open("/alice/x?tab=history")
    qtbot.waitUntil(lambda: len(page.panel.history.table.rows.all_rows()) == 3, timeout=SOON)


# ---------------------------------------------------------------- offline and conflicts


def test_offline_it_says_so_edits_wait_and_what_does_not_fit_is_settled_by_field(
    qtbot: QtBot, shell: Shell, page: NamesPage, bob: ResourceNames,
    registry: RegistryServer, make_registry: Callable[..., RegistryServer],
) -> None:  # fmt: skip
    save(page, qtbot, "/alice/x")
    share(page, qtbot, "/alice/x", "bob")
    page.open("/alice/x")
    qtbot.waitUntil(lambda: page.editor.editor.text == PACKAGE, timeout=SOON)
    registry.stop()
    qtbot.waitUntil(lambda: (now := state(shell)) is not None and not now.online, timeout=SOON)
    assert "offline" in page.registry_line._words.text()
    place = page.tree.lines.place_of("/alice/x")
    assert page.tree.lines.index(place, 2).data().startswith("as of")
    page.editor.editor.edit.replace_text(PACKAGE.replace("old", "mine").replace("numpy", "scipy"))
    page.editor.save()
    qtbot.waitUntil(lambda: (now := state(shell)) is not None and now.waiting == 1, timeout=SOON)
    assert "1 edit of yours waits." in words(page.registry_line)
    elsewhere = make_registry(registry.database)  # where the window does not look
    headers = {"Authorization": f"Bearer {registry.token('bob')}"}
    put = {"text": PACKAGE.replace("old", "theirs"), "base": None}
    httpx.put(f"{elsewhere.url}/v1/resources/alice/x", json=put, headers=headers).raise_for_status()
    registry.start()
    shell.desk.retry_now()
    qtbot.waitUntil(lambda: (now := state(shell)) is not None and now.conflicts == ("/alice/x",), timeout=60_000)
    qtbot.waitUntil(lambda: "not taken by the registry" in words(page.registry_line), timeout=SOON)
    click(page.registry_line, "registry-settle")
    dialog = opened(shell, ConflictDialog)
    qtbot.waitUntil(lambda: "1 field was changed by both of you" in words(dialog), timeout=SOON)
    assert not dialog.accept_button.isEnabled(), "nothing is chosen for the person"
    chips = dialog.fields.fields[("description",)].chips
    chips.choose("theirs")
    assert "description: theirs" in dialog.editor.text
    assert "target: scipy" in dialog.editor.text, "what only one side changed is in it"
    click(dialog, "conflict-merged")
    qtbot.waitUntil(lambda: (now := state(shell)) is not None and not now.conflicts, timeout=SOON)
    qtbot.waitUntil(lambda: "scipy" in bob.load("/alice/x").text, timeout=SOON)
    assert "theirs" in bob.load("/alice/x").text


def shown_diff(page: NamesPage) -> str:
    return "\n".join(view.toPlainText() for view in page.panel.history.findChildren(DiffView) if view.isVisible())


def test_names_of_the_registry_are_offered_where_a_name_is_chosen(
    qtbot: QtBot, shell: Shell, page: NamesPage, bob: ResourceNames
) -> None:
    bob.save_text("@/gpu", "kind: cluster\ntype: ssh\nips: [192.0.2.1]\n")
    bob.save_text("@/lib", PACKAGE)
    bob.share("/bob", {"alice": "read"})
    save(page, qtbot, "/alice/deps")
    qtbot.waitUntil(lambda: has(page, "/bob/gpu")() and has(page, "/bob/lib")(), timeout=SOON)
    choice = ClusterChoice(shell.desk)
    qtbot.addWidget(choice)
    assert "/bob/gpu" in [choice.itemData(place) for place in range(choice.count())]
    choice.choose("@/own")
    assert choice.chosen == "/alice/own"
    lines = PackageLines(shell.desk)
    qtbot.addWidget(lines)
    assert {"rh:/alice/deps", "rh:/bob/lib"} <= set(lines.known)
    shell.navigate("clusters", "/bob/gpu")
    row = shell.desk.store.clusters.get("/bob/gpu")
    menu = {entry[1]: entry[3] for entry in shell.page._menu(row) if entry is not None}  # type: ignore[attr-defined]
    assert "bob can let you write" in menu["Delete…"]
    assert "bob can let you write" in menu["Edit, test connection…"]
    shell.navigate("packages", "/bob/lib")
    editor = shell.page.editor  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: editor.editor.text == PACKAGE, timeout=SOON)
    assert not editor.form.isEnabled()
    assert not editor.save_button.isVisible()
