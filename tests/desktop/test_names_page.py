"""The page Resource names: a tree of all places that is searched, moved about in, and follows what changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from weakref import ref

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import EntryRow, RegistryRow
from rhdesk.core.name_index import NameIndex
from rhdesk.desktop.dialogs.new_resource import NewFolder
from rhdesk.desktop.dialogs.resource_acts import AskAddress, AskFolder
from rhdesk.desktop.models.name_lines import FRESH_ROLE, addresses_in, leave_as_text, mime_of
from rhdesk.desktop.name_moves import transfer
from rhdesk.desktop.pages.names import NamesPage
from rhdesk.desktop.widgets.dialog import Dialog

Save = Callable[[str, str], Path]
PACKAGE = "# mine\nkind: package\ninstall_method: pip\ntarget: numpy\n"


def press(parent: QWidget, text: str) -> None:
    """Click the button of an open dialog."""
    for dialog in parent.window().findChildren(Dialog):
        for button in dialog.findChildren(QPushButton):
            if button.text().strip() == text and dialog.isVisible():
                button.click()
                return
    raise AssertionError(f"no button {text!r}")


def words(widget: QWidget) -> str:
    """Every word of the labels inside, as a reader hears them."""
    return "\n".join(label.text() for label in widget.findChildren(QLabel))


def keys(page: NamesPage) -> list[str]:
    """The lines in sight."""
    return [node.key for node in page.tree.lines.shown()]


def chosen(page: NamesPage) -> str:
    """The line under the cursor."""
    node = page.tree.current()
    return node.key if node is not None else ""


def open_dialog(page: NamesPage, kind: type[Dialog]) -> Dialog:
    return next(dialog for dialog in page.window().findChildren(kind) if dialog.isVisible())


@pytest.fixture
def names(qtbot: QtBot, desk: Desk, save: Save) -> NamesPage:
    save("deps", PACKAGE)
    save("team/lib", PACKAGE)
    qtbot.waitUntil(lambda: "~/team/lib" in desk.store.names, timeout=5000)
    page = NamesPage(desk)
    qtbot.addWidget(page)
    page.resize(1000, 640)
    page.show()
    qtbot.waitUntil(lambda: "~/deps" in keys(page), timeout=5000)
    return page


@pytest.fixture
def train(qtbot: QtBot, desk: Desk, names: NamesPage, save: Save, function_yaml: str) -> Path:
    """The file of ~/train, a function that needs both packages."""
    path = save("train", f"{function_yaml}packages: [rh:~/team/lib, rh:~/deps]  # ours\n")
    qtbot.waitUntil(lambda: "~/train" in desk.store.functions, timeout=5000)
    return path


# ---------------------------------------------------------------- the tree


def test_places_folders_and_names_are_in_order() -> None:
    rows = [
        EntryRow("~/b", "package", "b", "~"),
        EntryRow("~/team/x", "package", "x", "~/team"),
        EntryRow("/me/mine", "package", "mine", "/me"),
        EntryRow("/bob/lent", "package", "lent", "/bob"),
        EntryRow("/crew/ours", "package", "ours", "/crew"),
        EntryRow("^local", "cluster", "local", "^"),
    ]
    index = NameIndex(rows, {"~", "~/empty"}, RegistryRow("https://r", "me", ("crew",)))
    opened = {"~/", "/me/", "/crew/", "//", "/bob/", "^/"}
    assert [node.key for node in index.lines(opened)] == [
        "~/", "~/empty/", "~/team/", "~/b", "/me/", "/me/mine", "/crew/", "/crew/ours", "//", "/bob/", "/bob/lent",
        "^/", "^local",
    ]  # fmt: skip
    assert index.find("@/mine") is index.find("/me/mine"), "@ is the user's own folder"
    found, count = index.search("LENT")
    assert ([node.key for node in found], count) == (["//", "/bob/", "/bob/lent"], 1)
    assert index.search("nothing like it") == ([], 0)


def test_a_folder_and_a_name_may_be_called_the_same() -> None:
    rows = [EntryRow("~/x", "package", "x", "~"), EntryRow("~/x/y", "package", "y", "~/x")]
    index = NameIndex(rows)
    assert [node.key for node in index.lines({"~/", "~/x/"})][:4] == ["~/", "~/x/", "~/x/y", "~/x"]
    name, folder = index.find("~/x"), index.find("~/x/")
    assert name is not None
    assert not name.is_folder
    assert folder is not None
    assert folder.is_folder


def test_that_names_that_were_read_anew_need_no_collector() -> None:
    """With ten thousands of them and a team at work it would have much to do, or they would never go."""
    index = NameIndex([EntryRow("~/team/x", "package", "x", "~/team")])
    lines = [*index.lines({"~/", "~/team/"}), *index.search("x")[0]]
    assert lines[2].above[1] is lines[1]
    nodes = [ref(node) for node in lines]
    del lines, index
    assert [node() for node in nodes] == [None] * len(nodes)


def test_a_name_is_found_and_shown(qtbot: QtBot, names: NamesPage) -> None:
    names.open("~/team/lib")
    qtbot.waitUntil(lambda: names.editor.editor.text == PACKAGE, timeout=5000)
    names.focus_filter()
    qtbot.keyClicks(names._search, "lib")
    assert keys(names) == ["~/", "~/team/", "~/team/lib"]
    assert names._found.text() == "1 found"
    qtbot.keyClick(names._search, Qt.Key.Key_Down)
    assert names.tree.current() is names.desk.store.index.find("~/team/lib")
    names._search.setText("nothing like that")
    assert names._stack.currentWidget() is not names.tree
    qtbot.keyClick(names._search, Qt.Key.Key_Escape)
    assert "~/deps" in keys(names)


def test_a_search_chooses_nothing_that_nobody_chose(qtbot: QtBot, names: NamesPage) -> None:
    names.open("~/deps")
    qtbot.keyClicks(names._search, "lib")
    assert "~/deps" not in keys(names)
    assert names.chosen_rows() == [], "Del, say, would be of what is not shown beside the list"
    assert names.editor.address == "~/deps"
    names._search.clear()
    assert [row.address for row in names.chosen_rows()] == ["~/deps"]
    names.open("~/team/lib")
    qtbot.keyClicks(names._search, "lib")
    assert [row.address for row in names.chosen_rows()] == ["~/team/lib"], "it was found"


def test_folders_open_and_close_by_keys(qtbot: QtBot, names: NamesPage) -> None:
    names.tree.choose("~/")
    qtbot.keyClick(names.tree, Qt.Key.Key_Down)
    assert names.tree.current() is names.desk.store.index.find("~/team/")
    assert "~/team/lib" not in keys(names)
    qtbot.keyClick(names.tree, Qt.Key.Key_Right)
    assert "~/team/lib" in keys(names)
    qtbot.keyClick(names.tree, Qt.Key.Key_Right)
    assert names.tree.current() is names.desk.store.index.find("~/team/lib")
    qtbot.keyClick(names.tree, Qt.Key.Key_Left)
    qtbot.keyClick(names.tree, Qt.Key.Key_Left)
    assert "~/team/lib" not in keys(names)
    qtbot.keyClick(names.tree, Qt.Key.Key_End)
    assert names.tree.current() is names.tree.lines.shown()[-1]
    qtbot.keyClick(names.tree, Qt.Key.Key_Home)
    assert names.tree.current() is names.desk.store.index.find("~/")


def test_crumbs_lead_back_to_the_folders_around(qtbot: QtBot, names: NamesPage) -> None:
    names.open("~/team/lib")
    row = names._crumbs.row
    places = [row.itemAt(place).widget() for place in range(row.count() - 1)]
    assert [widget.text() for widget in places] == ["This computer", "/", "team", "/", "lib"]  # type: ignore[union-attr]
    places[2].click()  # type: ignore[union-attr]
    assert names.tree.current() is names.desk.store.index.find("~/team/")


def test_what_changes_is_shown_by_itself_and_marked(qtbot: QtBot, names: NamesPage, save: Save) -> None:
    def marked(key: str) -> bool:
        place = names.tree.lines.place_of(key)
        return place >= 0 and bool(names.tree.lines.index(place, 0).data(FRESH_ROLE))

    assert not marked("~/deps"), "what was there when the page was opened is not new"
    save("new", PACKAGE)
    qtbot.waitUntil(lambda: marked("~/new"), timeout=2000)
    assert not marked("~/deps")
    save("deps", PACKAGE.replace("numpy", "scipy"))
    qtbot.waitUntil(lambda: marked("~/deps"), timeout=2000)
    (names.desk.home / "resources" / "new.yaml").unlink()
    qtbot.waitUntil(lambda: "~/new" not in keys(names), timeout=2000)


def test_the_registry_explains_itself(qtbot: QtBot, names: NamesPage) -> None:
    names.open("@")
    qtbot.waitUntil(lambda: "No registry is connected" in words(names.panel), timeout=5000)
    assert names.registry_line._words.text() == "No registry"
    assert names.registry_line._in.isVisible()


# ---------------------------------------------------------------- rename, move, copy


def test_a_folder_is_made_and_a_resource_moved_into_it(qtbot: QtBot, desk: Desk, names: NamesPage) -> None:
    names.new_folder()
    dialog = names.findChildren(NewFolder)[0]
    dialog.name.setText("~/lab")
    press(names, "Create")
    qtbot.waitUntil(lambda: "~/lab/" in keys(names), timeout=5000)
    names.open("~/deps")
    qtbot.keyClick(names.tree, Qt.Key.Key_F2)
    ask = open_dialog(names, AskAddress)
    assert isinstance(ask, AskAddress)
    ask.field.setText("~/team/lib")
    press(names, "Rename")
    qtbot.waitUntil(ask._accept.isEnabled, timeout=5000)
    assert "already" in words(ask)
    ask.field.setText("~/lab/deps")
    press(names, "Rename")
    qtbot.waitUntil(lambda: "~/lab/deps" in keys(names), timeout=5000)
    assert (desk.home / "resources" / "lab" / "deps.yaml").read_text() == PACKAGE


def test_a_folder_is_renamed_with_what_is_in_it_and_back(qtbot: QtBot, desk: Desk, names: NamesPage) -> None:
    names.tree.choose("~/team/")
    qtbot.keyClick(names.tree, Qt.Key.Key_F2)
    ask = open_dialog(names, AskFolder)
    assert isinstance(ask, AskFolder)
    ask.field.setText("~/team/inside")
    press(names, "Move")
    assert "is inside" in words(ask)
    ask.field.setText("~/crew")
    press(names, "Move")
    qtbot.waitUntil(lambda: "~/crew/lib" in desk.store.names and "~/team/lib" not in desk.store.names, timeout=5000)
    undo(qtbot, desk, "Moved ~/team/lib to ~/crew/lib")
    qtbot.waitUntil(lambda: "~/team/lib" in desk.store.names and "~/crew/lib" not in desk.store.names, timeout=5000)


def test_a_name_is_dropped_on_a_folder_and_undone(qtbot: QtBot, desk: Desk, names: NamesPage) -> None:
    drop(names, ["~/deps"], "~/team/")
    qtbot.waitUntil(lambda: "~/team/deps" in desk.store.names and "~/deps" not in desk.store.names, timeout=5000)
    undo(qtbot, desk, "Moved ~/deps to ~/team/deps")
    qtbot.waitUntil(lambda: "~/deps" in desk.store.names and "~/team/deps" not in desk.store.names, timeout=5000)


def test_what_names_a_moved_name_gets_the_new_one_and_the_old_one_back(
    qtbot: QtBot, desk: Desk, names: NamesPage, train: Path
) -> None:
    text = train.read_text()
    drop(names, ["~/deps"], "~/team/")
    press_in_notice(qtbot, desk, "~/train names ~/deps, which is ~/team/deps now.")
    qtbot.waitUntil(lambda: told(desk, "~/train names ~/team/deps now"), timeout=5000)
    assert train.read_text() == text.replace("rh:~/deps", "rh:~/team/deps")
    undo(qtbot, desk, "~/train names ~/team/deps now")
    qtbot.waitUntil(lambda: train.read_text() == text, timeout=5000)
    undo(qtbot, desk, "Moved ~/deps to ~/team/deps")
    qtbot.waitUntil(lambda: told(desk, "Moved back ~/deps"), timeout=5000)


def test_that_no_name_is_written_that_was_taken_back(qtbot: QtBot, desk: Desk, names: NamesPage, train: Path) -> None:
    text = train.read_text()
    drop(names, ["~/deps"], "~/team/")
    qtbot.waitUntil(lambda: told(desk, "~/train names ~/deps, which is ~/team/deps now."), timeout=5000)
    undo(qtbot, desk, "Moved ~/deps to ~/team/deps")
    qtbot.waitUntil(lambda: told(desk, "Moved back ~/deps"), timeout=5000)
    press_in_notice(qtbot, desk, "~/train names ~/deps, which is ~/team/deps now.")
    qtbot.waitUntil(lambda: told(desk, "There is no new name to be written any more for ~/deps."), timeout=5000)
    assert train.read_text() == text


def test_that_a_move_is_taken_back_where_the_new_name_was_written(
    qtbot: QtBot, desk: Desk, names: NamesPage, train: Path
) -> None:
    text = train.read_text()
    transfer(desk, [("~/team/lib", "~/crew/lib"), ("~/deps", "~/crew/deps")], copied=False)
    press_in_notice(qtbot, desk, "~/train names what was moved.")
    qtbot.waitUntil(lambda: told(desk, "~/train names the new names now"), timeout=5000)
    assert train.read_text() == text.replace("~/team/lib", "~/crew/lib").replace("~/deps", "~/crew/deps")
    undo(qtbot, desk, "Moved 2 names to ~/crew")
    qtbot.waitUntil(lambda: told(desk, "~/train names what was moved.", 2), timeout=5000)
    press_in_notice(qtbot, desk, "~/train names what was moved.")
    qtbot.waitUntil(lambda: train.read_text() == text, timeout=5000)


def test_dropped_with_control_it_is_a_copy(qtbot: QtBot, desk: Desk, names: NamesPage) -> None:
    drop(names, ["~/deps"], "~/team/", Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: "~/team/deps" in desk.store.names, timeout=5000)
    assert "~/deps" in desk.store.names
    undo(qtbot, desk, "Copied ~/deps to ~/team/deps")
    qtbot.waitUntil(lambda: "~/team/deps" not in desk.store.names, timeout=5000)


def test_what_is_built_in_is_copied_out_and_nothing_goes_in(qtbot: QtBot, desk: Desk, names: NamesPage) -> None:
    drop(names, ["^local"], "~/team/")
    qtbot.waitUntil(lambda: "~/team/local" in desk.store.names, timeout=5000)
    drop(names, ["~/deps"], "^/")
    assert "built in stays" in desk.notifier.notices()[0].sentence


def test_names_are_cut_copied_and_pasted(qtbot: QtBot, desk: Desk, names: NamesPage) -> None:
    names.tree.choose("~/deps")
    qtbot.keyClick(names.tree, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(names.tree, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: "~/deps-copy" in desk.store.names, timeout=5000)
    names.tree.choose("~/deps")
    qtbot.keyClick(names.tree, Qt.Key.Key_X, Qt.KeyboardModifier.ControlModifier)
    names.tree.choose("~/team/")
    qtbot.keyClick(names.tree, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: "~/team/deps" in desk.store.names and "~/deps" not in desk.store.names, timeout=5000)
    leave_as_text()
    clipboard = QGuiApplication.clipboard()
    assert (clipboard.text(), addresses_in(clipboard.mimeData())) == ("~/deps", [])


def test_the_last_changes_are_taken_back_one_by_one_by_a_key(qtbot: QtBot, desk: Desk, names: NamesPage) -> None:
    def back() -> None:
        qtbot.keyClick(names.tree, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    back()
    assert "No change of names" in desk.notifier.notices()[0].sentence
    names.tree.choose("~/deps")
    qtbot.keyClick(names.tree, Qt.Key.Key_F2)
    ask = open_dialog(names, AskAddress)
    assert isinstance(ask, AskAddress)
    ask.field.setText("~/needs")
    press(names, "Rename")
    qtbot.waitUntil(lambda: chosen(names) == "~/needs", timeout=5000)
    qtbot.keyClick(names.tree, Qt.Key.Key_Delete)
    press(names, "Delete")
    qtbot.waitUntil(lambda: "~/needs" not in keys(names) and told(desk, "Deleted ~/needs"), timeout=5000)
    assert chosen(names) == "~/team/", "keys go on from beside where it was"
    assert [label.text() for label in names._crumbs.findChildren(QLabel)][-1] == "team"
    back()
    qtbot.waitUntil(lambda: "~/needs" in desk.store.names, timeout=5000)
    back()
    qtbot.waitUntil(lambda: "~/deps" in desk.store.names and "~/needs" not in desk.store.names, timeout=5000)
    undo(qtbot, desk, "Moved ~/deps to ~/needs")
    assert "taken back already" in desk.notifier.notices()[0].sentence


def told(desk: Desk, sentence: str, times: int = 1) -> bool:
    return sum(notice.sentence == sentence for notice in desk.notifier.notices()) >= times


def undo(qtbot: QtBot, desk: Desk, told: str) -> None:
    """Press Undo of what was told."""
    press_in_notice(qtbot, desk, told)


def press_in_notice(qtbot: QtBot, desk: Desk, sentence: str) -> None:
    """Wait for a notice and press its button; the newest of several."""
    qtbot.waitUntil(lambda: told(desk, sentence), timeout=5000)
    notice = next(notice for notice in desk.notifier.notices() if notice.sentence == sentence)
    assert notice.action is not None
    notice.action()


def drop(
    page: NamesPage,
    addresses: list[str],
    key: str,
    held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    """What Qt sends when something is dragged onto a line and let go."""
    tree = page.tree
    where = QPointF(tree.visualRect(tree.lines.index(tree.lines.place_of(key), 0)).center())
    data: QMimeData = mime_of(addresses)
    actions, button = Qt.DropAction.CopyAction | Qt.DropAction.MoveAction, Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(where.toPoint(), actions, data, button, held)
    tree.dragEnterEvent(enter)
    assert enter.isAccepted()
    tree.dropEvent(QDropEvent(where, actions, data, button, held))
