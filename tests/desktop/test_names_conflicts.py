"""What two people changed at the same time and does not fit together is settled field by field, item by item."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import httpx
from desktop.registry_parts import SOON, click, do, opened, share, words
from hypothesis import given
from hypothesis import strategies as st
from lab.registry import RegistryServer
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from rhdesk.core.field_choices import MISSING, differences
from rhdesk.core.list_choices import list_choice
from rhdesk.core.store import REGISTRY
from rhdesk.desktop.dialogs.conflict import ConflictDialog
from rhdesk.desktop.pages.names import NamesPage
from rhresources.documents import FunctionDocument
from rhresources.errors import AlreadyExists
from rhresources.registry.merging_lists import merge_list
from rhresources.resource_names import ResourceNames

NAME = "/alice/train"


def function(description: str, packages: str) -> str:
    lines = "".join(f"- {package}\n" for package in packages.split())
    code = "code: {root: /srv/project, file: train.py, name: main}\n"
    return f"kind: function\n# why\ndescription: {description}\n{code}packages:\n{lines}"


BASE = function("fit", "numpy==1 torch pandas")
MINE = function("fit well", "numpy==2 torch pandas wandb")
THEIRS = function("fit fast", "numpy==3 pandas scipy")


def conflict(
    page: NamesPage, qtbot: QtBot, bob: ResourceNames, mine: str = MINE, theirs: str = THEIRS
) -> ConflictDialog:
    """Alice's edit that was refused, and the dialog in which she settles it."""
    do(page, qtbot, lambda names: names.save_text(NAME, BASE))
    share(page, qtbot, NAME, "bob")

    def both(names: ResourceNames) -> None:
        began = names.load(NAME).modified
        bob.save_text(NAME, theirs)
        with suppress(AlreadyExists):
            names.save_text(NAME, mine, modified=began)

    do(page, qtbot, both)
    ConflictDialog(page.desk, page.window(), NAME).open()
    dialog = opened(page.window(), ConflictDialog)
    qtbot.waitUntil(lambda: "while you did" in words(dialog), timeout=SOON)
    return dialog


def packages(names: ResourceNames) -> list[str]:
    document = names.load(NAME).document
    assert isinstance(document, FunctionDocument)
    return document.packages


def test_a_list_is_settled_item_by_item(qtbot: QtBot, names_page: NamesPage, bob: ResourceNames) -> None:
    dialog = conflict(names_page, qtbot, bob)
    assert "2 fields were changed by both of you" in words(dialog)
    assert dialog.accept_button.toolTip() == "Choose description and packages first."
    said = {box.accessibleName() for box in dialog.findChildren(QCheckBox)}
    assert said == {
        "Keep numpy==3: bob's version",
        "Keep numpy==2: your version",
        "Keep torch: bob took it out",
        "Keep scipy: bob added it",
        "Keep wandb: you added it",
    }
    dialog.fields.fields[("description",)].chips.choose("theirs")
    dialog.fields.fields[("packages",)].chips.choose("both")
    assert dialog.accept_button.toolTip() == "Choose numpy==3 or numpy==2 first.", "nobody can have both versions"
    click(dialog, "keep-packages-numpy==3")
    assert dialog.accept_button.isEnabled()
    click(dialog, "keep-packages-numpy==2")
    assert not dialog.findChild(QCheckBox, "keep-packages-numpy==3").isChecked()
    click(dialog, "keep-packages-torch")
    click(dialog, "conflict-merged")
    qtbot.waitUntil(lambda: bob.load(NAME).version == 3, timeout=SOON)
    assert packages(bob) == ["numpy==2", "torch", "pandas", "scipy", "wandb"]
    assert "description: fit fast" in bob.load(NAME).text
    assert "# why" in bob.load(NAME).text


def test_what_fits_together_is_joined_without_a_question(
    qtbot: QtBot, names_page: NamesPage, bob: ResourceNames
) -> None:
    mine, theirs = function("mine", "numpy==1 torch pandas wandb"), function("theirs", "numpy==1 torch pandas scipy")
    dialog = conflict(names_page, qtbot, bob, mine, theirs)
    assert dialog.accept_button.toolTip() == "Choose description first."
    assert "you and bob both changed it; it fits together" in words(dialog)
    dialog.fields.fields[("description",)].chips.choose("mine")
    click(dialog, "conflict-merged")
    qtbot.waitUntil(lambda: bob.load(NAME).version == 3, timeout=SOON)
    assert set(packages(bob)) == {"numpy==1", "torch", "pandas", "wandb", "scipy"}


def test_by_keys_nothing_is_lost_by_accident_and_all_can_be_chosen(
    qtbot: QtBot, names_page: NamesPage, bob: ResourceNames
) -> None:
    dialog = conflict(names_page, qtbot, bob)
    dialog.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is dialog, timeout=SOON)
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert dialog.isVisible(), "what is not chosen yet cannot be saved"

    def tab_to(name: str) -> None:
        for _ in range(30):
            focus = QApplication.focusWidget()
            if focus is not None and name in (focus.objectName(), focus.accessibleName()):
                return
            QTest.keyClick(focus or dialog, Qt.Key.Key_Tab)
        raise AssertionError(f"no way by Tab to {name}")

    tab_to("Mine")
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Space)
    tab_to("keep-packages-numpy==3")
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Space)
    tab_to("keep-packages-wandb")
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Space)
    assert dialog.accept_button.isEnabled(), dialog.accept_button.toolTip()
    tab_to("conflict-merged")
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bob.load(NAME).version == 3, timeout=SOON)
    assert packages(bob) == ["numpy==3", "pandas", "wandb"]
    assert "description: fit well" in bob.load(NAME).text


def test_what_is_given_up_can_still_be_copied(qtbot: QtBot, names_page: NamesPage, bob: ResourceNames) -> None:
    dialog = conflict(names_page, qtbot, bob)
    click(dialog, "conflict-theirs")
    qtbot.waitUntil(lambda: not isValid(dialog), timeout=SOON)
    notice = names_page.desk.notifier.notices()[0]
    assert notice.sentence == f"{NAME} stays as it is in the registry"
    assert notice.action_text == "Copy my version"
    assert notice.action is not None
    notice.action()
    assert QApplication.clipboard().text() == MINE
    assert packages(bob) == ["numpy==3", "pandas", "scipy"]


def test_what_waits_for_the_registry_is_not_said_to_be_done(
    qtbot: QtBot, names_page: NamesPage, bob: ResourceNames, registry: RegistryServer
) -> None:
    window = names_page.desk
    dialog = conflict(names_page, qtbot, bob)
    registry.stop()
    qtbot.waitUntil(lambda: not window.store.registry.get(REGISTRY).online, timeout=SOON)
    click(dialog, "conflict-mine")
    told = f"{NAME} is as you made it, once the registry answers"
    qtbot.waitUntil(lambda: window.notifier.notices()[0].sentence == told, timeout=SOON)


def test_a_new_name_that_was_taken_meanwhile_is_tried_again_or_given_up(
    qtbot: QtBot, names_page: NamesPage, registry: RegistryServer, make_registry: Callable[..., RegistryServer]
) -> None:
    do(names_page, qtbot, lambda names: names.save_text(NAME, BASE))
    shell, window = names_page.window(), names_page.desk
    registry.stop()
    qtbot.waitUntil(lambda: not window.store.registry.get(REGISTRY).online, timeout=SOON)
    do(names_page, qtbot, lambda names: names.rename(NAME, "/alice/fit"))
    elsewhere = make_registry(registry.database)  # where the window does not look
    headers = {"Authorization": f"Bearer {registry.token('alice')}"}
    fit = f"{elsewhere.url}/v1/resources/alice/fit"
    httpx.put(fit, json={"text": BASE, "base": None}, headers=headers).raise_for_status()
    registry.start()
    window.retry_now()
    qtbot.waitUntil(
        lambda: window.store.registry.get(REGISTRY).conflicts == (NAME,),
        timeout=60_000,
    )
    ConflictDialog(window, shell, NAME).open()
    dialog = opened(shell, ConflictDialog)
    qtbot.waitUntil(lambda: "You wanted to call it /alice/fit." in words(dialog), timeout=SOON)
    assert not dialog.accept_button.isVisible(), "there is nothing to merge"
    assert dialog.later_button.isDefault()
    click(dialog, "conflict-mine")
    qtbot.waitUntil(lambda: "Repeat this once that name is free" in words(dialog), timeout=SOON)
    httpx.delete(fit, headers=headers).raise_for_status()
    qtbot.waitUntil(lambda: "/alice/fit" not in window.store.names, timeout=SOON)
    click(dialog, "conflict-mine")
    qtbot.waitUntil(lambda: "/alice/fit" in window.store.names and NAME not in window.store.names, timeout=SOON)
    told = f"{NAME} is called /alice/fit now"
    qtbot.waitUntil(lambda: window.notifier.notices()[0].sentence == told, timeout=SOON)


_LISTS = st.lists(st.sampled_from("abcdef"), max_size=6)


@given(_LISTS, _LISTS, _LISTS)
def test_each_side_can_be_had_whole_and_both_is_of_both(base: list[str], mine: list[str], theirs: list[str]) -> None:
    merged = merge_list("setup_commands", base, mine, theirs)
    choice = list_choice("setup_commands", base, mine, theirs, merged)
    if choice is None:
        return
    assert choice.values(choice.of_side("mine")) == mine
    assert choice.values(choice.of_side("theirs")) == theirs
    if choice.joined is not None:
        joined = choice.values(choice.joined)
        assert all(item in joined for item in (*mine, *theirs) if item not in base)
        assert set(joined) <= {*mine, *theirs}


def test_who_is_the_head_is_not_decided_by_joining() -> None:
    cluster = "kind: cluster\ntype: ssh\nips: [{}]\n"
    found = differences(cluster.format("a"), cluster.format("b, a"), cluster.format("c, a"))
    (ips,) = found
    assert (ips.usual, ips.joined) == (None, MISSING)
    assert ips.listed is not None
