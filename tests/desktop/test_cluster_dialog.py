"""The dialog of a cluster of one's own hosts: the form, and what ~/.ssh/config adds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.ssh_fixtures import SshHome
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.core.ssh_words import config_words
from rhdesk.desktop.app import make_window, start
from rhdesk.desktop.dialogs.clusters import edit_cluster, new_cluster
from rhdesk.desktop.dialogs.new_cluster import ClusterDialog
from rhdesk.desktop.forms.host_list import split_accounts
from rhdesk.desktop.shell import Shell
from rhdesk.desktop.widgets.base import Button
from rhdesk.desktop.widgets.dialog import Dialog
from rhresources.documents import ClusterDocument, parse_document
from rhresources.reach.ssh.target import SshTarget

LONG = 30_000


@pytest.fixture
def shell(qtbot: QtBot, qapp: QApplication, rh_home: Path, ssh_home: SshHome) -> Iterator[Shell]:
    made = make_window(qapp, theme_name="dark")
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    start(made, settings=False)
    made.navigate("clusters")
    yield made
    made.close()
    made.desk.close()
    made.deleteLater()


def opened(shell: Shell, qtbot: QtBot) -> ClusterDialog:
    qtbot.waitUntil(lambda: bool(_dialogs(shell)), timeout=LONG)
    return _dialogs(shell)[0]


def _dialogs(shell: Shell) -> list[ClusterDialog]:
    return [dialog for dialog in shell.findChildren(ClusterDialog) if dialog.isVisible()]


@pytest.fixture
def dialog(shell: Shell, qtbot: QtBot) -> ClusterDialog:
    new_cluster(shell.desk, shell)
    return opened(shell, qtbot)


def words(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def saved(shell: Shell, name: str) -> str:
    return (shell.desk.home / "resources" / f"{name}.yaml").read_text()


def fill(dialog: ClusterDialog, **texts: str) -> None:
    """Type into fields, as a person does."""
    for name, text in texts.items():
        field = {"hosts": dialog.form.hosts, "name": dialog.name}.get(name)
        line: Any = field if field is not None else dialog.form.lines[name].line
        line.setFocus()
        QTest.keyClick(line, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClicks(line, text)


# ---------------------------------------------------------------- the form


def test_a_cluster_is_made_with_the_keyboard_and_saved_untested(
    shell: Shell, dialog: ClusterDialog, qtbot: QtBot
) -> None:
    assert dialog.name.hasFocus() or dialog.focusWidget() is dialog.name
    fill(dialog, name="~/lab", hosts="gpu1", ssh_user="alice", ssh_port="2222", proxy_jump="bob@gate:2200, inner")
    dialog.form.log_in.choose("key")
    fill(dialog, ssh_private_key="~/keys/lab")
    dialog.form._open_more()
    fill(dialog, wheels="~/wheels", python="3.12", conda="mamba", price_per_hour="1.5", description="The lab's")
    QTest.keyClick(dialog, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: "~/lab" in shell.desk.store.clusters, timeout=LONG)
    document = parse_document(saved(shell, "lab"))
    assert isinstance(document, ClusterDocument)
    assert document.ips == ["gpu1"]
    assert document.ssh_creds.model_dump(exclude_none=True) == {
        "ssh_user": "alice",
        "ssh_port": 2222,
        "proxy_jump": "bob@gate:2200,inner",
        "ssh_private_key": "~/keys/lab",
        "log_in": "key",
    }
    assert (document.wheels, document.python, document.conda) == ("~/wheels", "3.12", "mamba")
    assert document.price_per_hour == 1.5
    assert document.description == "The lab's"
    assert shell.page.title == "Clusters"


def test_only_what_is_filled_in_stands_in_the_document(shell: Shell, dialog: ClusterDialog, qtbot: QtBot) -> None:
    fill(dialog, name="~/lab", hosts="10.0.0.7")
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: (shell.desk.home / "resources" / "lab.yaml").exists(), timeout=LONG)
    lines = [line.strip() for line in saved(shell, "lab").splitlines()]
    assert lines == ["kind: cluster", "type: ssh", "ips:", "- 10.0.0.7"]


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("ssh_port", "70000", "at most 65,535"),
        ("ssh_port", "ssh", "a whole number"),
        ("ssh_user", "-oProxyCommand", "may not begin with '-'"),
        ("proxy_jump", "gate:99999", "has no such port"),
        ("python", "3.9", "needs Python 3.11 or newer"),
        ("price_per_hour", "a lot", "it must be a number"),
        ("price_per_hour", "-1", "at least 0"),
        ("ssh_private_key", "~/.ssh/id_ed25519.pub", "public half"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_while_one_types(
    dialog: ClusterDialog, qtbot: QtBot, field: str, text: str, message: str
) -> None:
    dialog.form._open_more()
    fill(dialog, name="~/lab", hosts="gpu1", **{field: text})
    line = dialog.form.lines[field]
    qtbot.waitUntil(lambda: message.casefold() in line.error.casefold(), timeout=LONG)
    dialog.accept_button.click()
    assert dialog.isVisible()
    line.line.clear()
    dialog.form.changed.emit()
    qtbot.waitUntil(lambda: not line.error, timeout=LONG)


def test_a_missing_host_is_told_only_when_one_is_done(dialog: ClusterDialog, qtbot: QtBot) -> None:
    fill(dialog, name="~/lab", ssh_user="alice")
    qtbot.wait(400)
    assert dialog.form.errors == {}
    dialog.accept_button.click()
    assert "at least one host" in dialog.form.errors["ips"]
    fill(dialog, hosts="gpu1 gpu1")
    qtbot.waitUntil(lambda: "stands twice" in dialog.form.errors.get("ips", ""), timeout=LONG)
    dialog.done(0)


def test_a_name_that_is_none_or_taken_is_refused(shell: Shell, dialog: ClusterDialog, qtbot: QtBot) -> None:
    fill(dialog, hosts="gpu1")
    dialog.accept_button.click()
    assert dialog._name_error.isVisible()
    fill(dialog, name="^local")
    assert "built in" in dialog._name_error.text()
    taken = shell.desk.home / "resources" / "lab.yaml"
    taken.parent.mkdir(parents=True, exist_ok=True)
    taken.write_text("kind: cluster\ntype: ssh\nips: [other]\n")
    fill(dialog, name="~/lab")
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: "already" in words(dialog), timeout=LONG)
    assert "other" in taken.read_text()


def test_an_account_that_is_pasted_as_a_host_goes_to_its_fields(dialog: ClusterDialog, qtbot: QtBot) -> None:
    dialog.form.hosts.setFocus()
    dialog.form.hosts.insertPlainText("ssh -p 2222 alice@gpu1\nalice@gpu2:2222")
    dialog.form.user.line.setFocus()
    qtbot.waitUntil(lambda: dialog.form.hosts.hosts == ["gpu1", "gpu2"], timeout=LONG)
    assert (dialog.form.user.text, dialog.form.port.text) == ("alice", "2222")
    assert split_accounts("alice@a\nbob@b") is None
    assert split_accounts("gpu1") is None


def test_a_cluster_is_edited_and_its_comments_stay(shell: Shell, qtbot: QtBot) -> None:
    path = shell.desk.home / "resources" / "lab.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "# ours\nkind: cluster\ntype: ssh\nips: [gpu1]  # the old one\nruns_kept: 7\n"
        "ssh_creds:\n  ssh_user: alice\n  log_in: agent\npython: '3.12'\n"
    )
    qtbot.waitUntil(lambda: "~/lab" in shell.desk.store.clusters, timeout=LONG)
    edit_cluster(shell.desk, shell, "~/lab")
    dialog = opened(shell, qtbot)
    assert not dialog.name.isEnabled()
    assert dialog.form.user.text == "alice"
    assert dialog.form.log_in.current == "agent"
    assert dialog.form.python.isVisible(), "what is set is in sight"
    fill(dialog, ssh_user="bob", python="")
    dialog.form.lines["python"].line.clear()
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: "bob" in path.read_text(), timeout=LONG)
    text = path.read_text()
    assert "# ours" in text
    assert "# the old one" in text
    assert "runs_kept: 7" in text
    assert "python" not in text
    assert "log_in: agent" in text


def test_a_cluster_that_was_changed_meanwhile_is_not_overwritten(shell: Shell, qtbot: QtBot) -> None:
    path = shell.desk.home / "resources" / "lab.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("kind: cluster\ntype: ssh\nips: [gpu1]\n")
    qtbot.waitUntil(lambda: "~/lab" in shell.desk.store.clusters, timeout=LONG)
    edit_cluster(shell.desk, shell, "~/lab")
    dialog = opened(shell, qtbot)
    path.write_text("kind: cluster\ntype: ssh\nips: [theirs]\n")
    fill(dialog, hosts="mine")
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: "was changed on disk" in words(dialog), timeout=LONG)
    assert "theirs" in path.read_text()


# ---------------------------------------------------------------- ~/.ssh/config


def test_entries_of_the_configuration_are_offered_and_what_they_add_is_shown(
    shell: Shell, ssh_home: SshHome, qtbot: QtBot
) -> None:
    ssh_home.config(
        "Host gpu1\n  HostName 192.0.2.7\n  User alice\n  Port 2222\n  ProxyJump bastion\n  IdentityFile ~/keys/lab\n"
        "Host gpu2 *.wild\n"
    )
    new_cluster(shell.desk, shell)
    dialog = opened(shell, qtbot)
    qtbot.waitUntil(lambda: dialog.form.hosts.known == ["gpu1", "gpu2"], timeout=LONG)
    hosts = dialog.form.hosts
    hosts.setFocus()
    QTest.keyClicks(hosts, "gp")
    qtbot.waitUntil(hosts._popup.isVisible, timeout=LONG)
    QTest.keyClick(hosts._popup, Qt.Key.Key_Down)
    QTest.keyClick(hosts._popup, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: hosts.hosts == ["gpu1"], timeout=LONG)
    note = "~/.ssh/config: is 192.0.2.7, user alice, port 2222, key ~/keys/lab, via bastion"
    qtbot.waitUntil(lambda: note in words(dialog), timeout=LONG)
    assert dialog.form.user.line.placeholderText() == "alice"
    assert dialog.form.port.line.placeholderText() == "2222"
    fill(dialog, ssh_user="bob")
    qtbot.waitUntil(lambda: "192.0.2.7, port 2222, key" in words(dialog), timeout=LONG)


def test_what_the_configuration_adds_in_words() -> None:
    document = parse_document("kind: cluster\nips: [gpu1]\n")
    assert isinstance(document, ClusterDocument)
    plain = SshTarget("gpu1", "gpu1", 22, "me")
    assert config_words(document.ssh_creds, plain, "me") == ""
    other = SshTarget("gpu1", "gpu1", 22, "alice", proxy_command="nc x y")
    assert config_words(document.ssh_creds, other, "me") == "~/.ssh/config: user alice, through a ProxyCommand"


def test_what_was_typed_is_not_given_up_without_a_question(shell: Shell, dialog: ClusterDialog, qtbot: QtBot) -> None:
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible(), "nothing was typed"
    new_cluster(shell.desk, shell)
    again = opened(shell, qtbot)
    fill(again, hosts="gpu1")
    QTest.keyClick(again, Qt.Key.Key_Escape)
    [question] = [one for one in again.findChildren(Dialog) if one.isVisible()]
    assert question.windowTitle() == "Discard what you typed?"
    press(question, "Keep editing")
    assert again.isVisible()
    QTest.keyClick(again, Qt.Key.Key_Escape)
    press(next(one for one in again.findChildren(Dialog) if one.isVisible()), "Discard")
    assert not again.isVisible()


def press(dialog: Dialog, text: str) -> None:
    next(button for button in dialog.findChildren(Button) if button.text().strip() == text).click()
