"""Test connection in the dialog of a cluster: every step over real SSH servers, and the questions on the way."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.rights import has_many_users
from lab.secret_service import SecretService
from lab.ssh_fixtures import PASSPHRASE, PASSWORD, USER, SshHome, SshKeys
from lab.sshd import ME, Sshd, free_port
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.desktop.app import make_window, start
from rhdesk.desktop.dialogs.clusters import new_cluster
from rhdesk.desktop.dialogs.host_key import HostKeyDialog
from rhdesk.desktop.dialogs.new_cluster import ClusterDialog
from rhdesk.desktop.dialogs.secret import SecretDialog
from rhdesk.desktop.pages.credentials import CredentialsPage
from rhdesk.desktop.shell import Shell
from rhresources.reach.steps import Step

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


@pytest.fixture
def dialog(shell: Shell, qtbot: QtBot) -> ClusterDialog:
    new_cluster(shell.desk, shell)
    qtbot.waitUntil(lambda: any(one.isVisible() for one in shell.findChildren(ClusterDialog)), timeout=LONG)
    return shell.findChildren(ClusterDialog)[0]


def words(widget: QWidget) -> str:
    shown = (label.text() for label in widget.findChildren(QLabel) if label.isVisible())
    return "\n".join(shown).replace("\u200b", "")  # where a long word may break


def fill(dialog: ClusterDialog, *, hosts: str, **texts: str) -> None:
    """What a person would type."""
    dialog.form.hosts.setPlainText(hosts)
    for name, text in texts.items():
        dialog.form.lines[name].line.setText(text)
    dialog.form.changed.emit()


def question(shell: Shell, qtbot: QtBot, kind: type[Any]) -> Any:
    """The question that is asked now."""
    qtbot.waitUntil(lambda: isinstance(shell.asking.dialog, kind), timeout=LONG)
    return shell.asking.dialog


def steps_of(dialog: ClusterDialog) -> dict[str, Step]:
    return {step.name: step for step in dialog.test.steps.steps}


def tested(dialog: ClusterDialog, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not dialog.test.running, timeout=LONG)


def test_every_step_to_a_host_is_shown_with_its_time_and_the_unknown_key_is_asked_about(
    shell: Shell, dialog: ClusterDialog, qtbot: QtBot, sshd: Sshd, ssh_keys: SshKeys, ssh_home: SshHome
) -> None:
    fill(dialog, hosts="127.0.0.1", ssh_user=ME, ssh_port=str(sshd.port))
    dialog.form.key.line.setText(str(ssh_keys.plain))
    qtbot.mouseClick(dialog.test.test_button, Qt.MouseButton.LeftButton)
    asked = question(shell, qtbot, HostKeyDialog)
    assert asked.parentWidget() is dialog, "it can be answered"
    asked.trust_button.click()
    tested(dialog, qtbot)
    found = steps_of(dialog)
    assert {"resolve", "reach", "host key", "log in", "python", "disk"} <= set(found)
    assert not [step for step in found.values() if step.state in ("failed", "running")]
    assert "127.0.0.1 can be used" in dialog.test.verdict.text()
    assert sshd.known_hosts_lines().split()[1] in ssh_home.known_hosts.read_text()
    rows = [row.accessibleName() for group in dialog.test.steps._groups.values() for row in group.rows()]
    assert any(name.startswith("Log in: done.") for name in rows)
    dialog.form.user.line.setText("other")
    dialog.form.changed.emit()
    assert "changed since" in dialog.test.verdict.text()


def test_saying_no_to_the_key_stops_there_and_says_so(
    shell: Shell, dialog: ClusterDialog, qtbot: QtBot, sshd: Sshd, ssh_keys: SshKeys
) -> None:
    fill(dialog, hosts="127.0.0.1", ssh_user=ME, ssh_port=str(sshd.port))
    dialog.form.key.line.setText(str(ssh_keys.plain))
    dialog.test.test_button.click()
    question(shell, qtbot, HostKeyDialog).reject()
    tested(dialog, qtbot)
    failed = steps_of(dialog)["host key"]
    assert failed.state == "failed"
    qtbot.waitUntil(lambda: failed.sentence in words(dialog.test), timeout=LONG)
    assert "cannot be used yet" in dialog.test.verdict.text()
    assert dialog.test.test_button.text().strip() == "Test again"


def test_a_wrong_key_fails_at_its_step_with_a_remedy(
    dialog: ClusterDialog, qtbot: QtBot, sshd: Sshd, ssh_keys: SshKeys, ssh_home: SshHome
) -> None:
    ssh_home.knows(sshd)
    fill(dialog, hosts="127.0.0.1", ssh_user=ME, ssh_port=str(sshd.port))
    dialog.form.log_in.choose("key")
    dialog.form.key.line.setText(str(ssh_keys.stranger))
    dialog.test.test_button.click()
    tested(dialog, qtbot)
    failed = steps_of(dialog)["log in"]
    assert failed.state == "failed"
    assert failed.remedy
    qtbot.waitUntil(lambda: failed.remedy in words(dialog.test), timeout=LONG)


def test_a_passphrase_is_asked_for_until_it_is_right_and_kept_where_one_says_so(
    secret_service: SecretService, shell: Shell, dialog: ClusterDialog, qtbot: QtBot, sshd: Sshd, ssh_keys: SshKeys,
    ssh_home: SshHome,
) -> None:  # fmt: skip
    ssh_home.knows(sshd)
    fill(dialog, hosts="127.0.0.1", ssh_user=ME, ssh_port=str(sshd.port))
    dialog.form.log_in.choose("key")
    dialog.form.key.line.setText(str(ssh_keys.encrypted))
    dialog.test.test_button.click()
    for text, again in (("wrong", False), (PASSPHRASE, True)):
        asked = question(shell, qtbot, SecretDialog)
        assert bool(asked.field.error) is again
        assert asked.keep.text() == "Keep it in GNOME Keyring"
        asked.keep.setChecked(True)
        QTest.keyClicks(asked.field.line, text)
        asked.accept_button.click()
    tested(dialog, qtbot)
    assert steps_of(dialog)["log in"].state in ("done", "note")
    dialog.test.test_button.click()
    tested(dialog, qtbot)
    assert shell.asking.dialog is None, "it is not asked for again"
    dialog.done(0)
    shell.navigate("credentials")
    page = shell.page
    assert isinstance(page, CredentialsPage)
    qtbot.waitUntil(lambda: f"passphrase:keyring:{ssh_keys.encrypted}" in page.rows, timeout=LONG)


@pytest.mark.skipif(not has_many_users(), reason="needs users that log in by password")
def test_a_password_is_asked_for_and_a_refusal_ends_the_test(
    shell: Shell, dialog: ClusterDialog, qtbot: QtBot, sshd: Sshd, ssh_home: SshHome
) -> None:
    ssh_home.knows(sshd)
    fill(dialog, hosts="127.0.0.1", ssh_user=USER, ssh_port=str(sshd.port))
    dialog.form.log_in.choose("password")
    dialog.test.test_button.click()
    question(shell, qtbot, SecretDialog).reject()
    tested(dialog, qtbot)
    assert steps_of(dialog)["log in"].state == "failed"
    dialog.test.test_button.click()
    asked = question(shell, qtbot, SecretDialog)
    assert asked.keep.text() == "Keep it until rhdesk is closed"
    asked.field.line.insert(PASSWORD)  # QTest types ASCII only
    asked.accept_button.click()
    tested(dialog, qtbot)
    assert steps_of(dialog)["log in"].state in ("done", "note")


def test_cancelling_takes_the_question_away(
    shell: Shell, dialog: ClusterDialog, qtbot: QtBot, sshd: Sshd, ssh_keys: SshKeys
) -> None:
    fill(dialog, hosts="127.0.0.1", ssh_user=ME, ssh_port=str(sshd.port))
    dialog.test.test_button.click()
    question(shell, qtbot, HostKeyDialog)
    dialog.test.cancel()
    qtbot.waitUntil(lambda: shell.asking.dialog is None, timeout=LONG)
    assert not shell.desk.questions.waiting()


def test_a_closed_port_fails_at_once_and_the_rest_is_not_tried(dialog: ClusterDialog, qtbot: QtBot) -> None:
    fill(dialog, hosts="127.0.0.1", ssh_port=str(free_port()))
    dialog.test.test_button.click()
    tested(dialog, qtbot)
    found = steps_of(dialog)
    assert found["reach"].state == "failed"
    assert all(step.state != "done" for name, step in found.items() if name not in ("resolve", "reach"))


def test_a_test_is_cancelled_and_begun_again(dialog: ClusterDialog, qtbot: QtBot) -> None:
    with socket.socket() as silent:  # takes connections and never says a word
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        fill(dialog, hosts="127.0.0.1", ssh_port=str(silent.getsockname()[1]))
        dialog.test.test_button.click()
        qtbot.waitUntil(lambda: any(s.state == "running" for s in dialog.test.steps.steps), timeout=LONG)
        qtbot.mouseClick(dialog.test.cancel_button, Qt.MouseButton.LeftButton)
        assert dialog.test.verdict.text() == "The test was cancelled."
        assert not dialog.test.running
        dialog.test.test_button.click()
        assert dialog.test.running
        qtbot.waitUntil(lambda: any(s.state == "running" for s in dialog.test.steps.steps), timeout=LONG)
        dialog.done(0)
        assert not dialog.test.running, "closing the dialog ends the test"


def test_a_form_with_a_mistake_is_not_tested(dialog: ClusterDialog, qtbot: QtBot) -> None:
    fill(dialog, hosts="gpu1", ssh_port="0")
    dialog.test.test_button.click()
    assert not dialog.test.running
    assert dialog.form.errors["ssh_port"]


def test_two_hosts_are_tested_side_by_side_and_each_has_its_group(
    dialog: ClusterDialog, qtbot: QtBot, sshd: Sshd, ssh_keys: SshKeys, ssh_home: SshHome,
) -> None:  # fmt: skip
    ssh_home.config(
        f"Host one\n  HostName 127.0.0.1\n  User {ME}\n  Port {sshd.port}\n  IdentityFile {ssh_keys.plain}\n"
        f"Host three\n  HostName 127.0.0.1\n  Port {free_port()}\n"
    )
    ssh_home.knows(sshd)
    dialog.form.hosts.setPlainText("one\nthree")
    dialog.test.test_button.click()
    tested(dialog, qtbot)
    assert dialog.test.verdict.text() == "three cannot be used yet. 1 of 2 can."
    assert set(dialog.test.steps._groups) == {"one", "three"}
    assert "three" in words(dialog.test.steps)
