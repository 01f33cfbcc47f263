"""The page Credentials over a real keyring, a locked one, and none at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.rights import has_many_users
from lab.secret_service import SecretService
from lab.ssh_fixtures import PASSPHRASE, PASSWORD, USER, SshHome, SshKeys
from lab.sshd import Sshd
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.core.credential_rows import CredentialRow, CredentialState
from rhdesk.core.store import Phase
from rhdesk.desktop.app import make_window, start
from rhdesk.desktop.dialogs.credential import CredentialDialog
from rhdesk.desktop.pages.credentials import CredentialsPage
from rhdesk.desktop.shell import Shell
from rhdesk.desktop.widgets.dialog import Dialog

LONG = 20_000


@pytest.fixture
def open_shell(qtbot: QtBot, qapp: QApplication, rh_home: Path) -> Iterator[Callable[[], Shell]]:
    made: list[Shell] = []

    def open_one() -> Shell:
        shell = make_window(qapp, theme_name="dark")
        shell.resize(1280, 800)
        shell.show()
        qtbot.waitExposed(shell)
        start(shell, settings=False)
        made.append(shell)
        shell.navigate("credentials")
        return shell

    yield open_one
    for shell in made:
        shell.close()
        shell.desk.close()
        shell.deleteLater()


@pytest.fixture
def page(secret_service: SecretService, open_shell: Callable[[], Shell], qtbot: QtBot) -> CredentialsPage:
    """The page, with GNOME Keyring open and empty."""
    return page_of(open_shell(), qtbot)


def page_of(shell: Shell, qtbot: QtBot) -> CredentialsPage:
    page = shell.page
    assert isinstance(page, CredentialsPage)
    qtbot.waitUntil(lambda: page._store is not None and page.rows.condition.phase is Phase.READY, timeout=LONG)
    return page


def words(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def press(page: CredentialsPage, text: str) -> None:
    for dialog in page.window().findChildren(Dialog):
        for button in dialog.findChildren(QPushButton):
            if dialog.isVisible() and button.text().strip() == text:
                button.click()
                return
    raise AssertionError(f"no button {text!r}")


def on_loop(page: CredentialsPage, work: Callable[[Any], Any]) -> Any:
    """Do something with the window's credentials, as a connection would."""

    async def run() -> Any:
        return await work((await page.desk.workspace()).credentials)

    return page.desk.loop.submit(run()).result(20)


def add(page: CredentialsPage) -> CredentialDialog:
    page.add()
    assert page._dialog is not None
    return page._dialog


def row(page: CredentialsPage, key: str) -> CredentialRow:
    found = page.rows.get(key)
    assert found is not None
    return found


def test_an_empty_keyring_is_told_and_says_what_to_do(page: CredentialsPage) -> None:
    assert page.card.title.text() == "GNOME Keyring (Secret Service), unlocked"
    assert "No credentials yet" in words(page)
    assert page.card.unlock_button.isHidden()


def test_a_passphrase_is_tried_on_its_key_before_it_is_kept(
    page: CredentialsPage, qtbot: QtBot, ssh_keys: SshKeys, secret_service: SecretService
) -> None:
    dialog = add(page)
    QTest.keyClicks(dialog.lines["passphrase"].line, str(ssh_keys.encrypted))
    QTest.keyClicks(dialog.secret.line, "wrong")
    QTest.keyClick(dialog.secret.line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.secret.error == "That passphrase does not open the key.", timeout=LONG)
    assert not page.rows.rows()
    dialog.secret.line.selectAll()
    QTest.keyClicks(dialog.secret.line, PASSPHRASE)
    dialog.accept_button.click()
    key = f"passphrase:keyring:{ssh_keys.encrypted}"
    qtbot.waitUntil(lambda: key in page.rows, timeout=LONG)
    assert row(page, key).state is CredentialState.WORKS
    assert row(page, key).kept == "GNOME Keyring"
    assert on_loop(page, lambda kept: kept.get("passphrase", str(ssh_keys.encrypted))) == PASSPHRASE
    told = [notice.as_text() for notice in page.desk.notifier.notices()]
    assert not any(PASSPHRASE in text for text in told)
    assert PASSPHRASE not in (page.desk.home / "credentials.yaml").read_text()


def test_a_key_without_a_passphrase_needs_none(page: CredentialsPage, qtbot: QtBot, ssh_keys: SshKeys) -> None:
    dialog = add(page)
    dialog.lines["passphrase"].line.setText(str(ssh_keys.plain))
    dialog.secret.line.setText("x")
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: "has no passphrase" in words(dialog), timeout=LONG)
    dialog.reject()


def test_nothing_is_saved_without_a_subject_or_a_secret(page: CredentialsPage, qtbot: QtBot) -> None:
    dialog = add(page)
    dialog.kinds.choose("token")
    dialog.accept_button.click()
    assert dialog.lines["token"].error == "It may not be empty."
    dialog.lines["token"].line.setText("registry")
    dialog.accept_button.click()
    assert dialog.secret.error == "Type the token."
    dialog.kinds.choose("password")
    dialog.lines["password"].line.setText("no account")
    dialog.secret.line.setText("x")
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: "is not an account on a host" in words(dialog), timeout=LONG)
    dialog.reject()
    assert not page.rows.rows()


def test_a_token_is_added_replaced_and_removed_by_the_keyboard(page: CredentialsPage, qtbot: QtBot) -> None:
    page.window().activateWindow()
    dialog = add(page)
    dialog.kinds.choose("token")
    QTest.keyClicks(dialog.lines["token"].line, "registry")
    QTest.keyClicks(dialog.secret.line, "first")
    QTest.keyClick(dialog.secret.line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "token:keyring:registry" in page.rows, timeout=LONG)
    page.list.select("token:keyring:registry")
    qtbot.mouseClick(page.window().findChild(QWidget, "credential-replace"), Qt.MouseButton.LeftButton)
    dialog = page._dialog  # type: ignore[assignment]
    assert dialog.windowTitle() == "Replace the token registry"
    QTest.keyClicks(dialog.secret.line, "second")
    QTest.keyClick(dialog.secret.line, Qt.Key.Key_Return)

    def replaced() -> bool:
        return bool(on_loop(page, lambda kept: kept.get("token", "registry")) == "second")

    qtbot.waitUntil(replaced, timeout=LONG)
    QTest.keyClick(page.list.table, Qt.Key.Key_Delete)
    press(page, "Remove")
    qtbot.waitUntil(lambda: "token:keyring:registry" not in page.rows, timeout=LONG)
    assert on_loop(page, lambda kept: kept.get("token", "registry")) is None


def test_what_is_kept_elsewhere_shows_when_one_looks_again(page: CredentialsPage, qtbot: QtBot) -> None:
    on_loop(page, lambda kept: kept.put("password", "alice@gpu1:22", "secret"))
    page.window().refresh()  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: len(page.rows) == 1, timeout=LONG)
    page.list.filter.setText("gpu2")
    assert page.list.table.rows.rowCount() == 0
    page.list.filter.setText("gpu1")
    assert page.list.table.rows.rowCount() == 1
    page.list.filter.clear()
    page.list.chips.choose("token")
    assert page.list.table.rows.rowCount() == 0


@pytest.mark.skipif(not has_many_users(), reason="needs users that log in by password")
def test_a_password_is_tested_by_logging_in(page: CredentialsPage, qtbot: QtBot, sshd: Sshd, ssh_home: SshHome) -> None:
    ssh_home.knows(sshd)
    account = f"{USER}@127.0.0.1:{sshd.port}"
    dialog = add(page)
    dialog.kinds.choose("password")
    dialog.lines["password"].line.setText(account)
    dialog.secret.line.setText(PASSWORD)
    dialog.accept_button.click()  # the test is ticked
    key = f"password:keyring:{account}"
    qtbot.waitUntil(lambda: key in page.rows and row(page, key).state is CredentialState.WORKS, timeout=LONG)
    on_loop(page, lambda kept: kept.put("password", account, "wrong"))
    page.list.select(key)
    qtbot.mouseClick(page.window().findChild(QWidget, "credential-test"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: row(page, key).state is CredentialState.WRONG, timeout=LONG)
    notice = page.desk.notifier.notices()[0]
    assert notice.action_text == "Replace…"
    sshd.remove()
    page.test(row(page, key))
    qtbot.waitUntil(lambda: row(page, key).state is CredentialState.UNTESTED, timeout=LONG)


def test_a_passphrase_that_opens_its_key_no_more_is_told(
    page: CredentialsPage, qtbot: QtBot, ssh_keys: SshKeys
) -> None:
    subject = str(ssh_keys.encrypted)
    on_loop(page, lambda kept: kept.put("passphrase", subject, "of long ago"))
    page.refresh()
    key = f"passphrase:keyring:{subject}"
    qtbot.waitUntil(lambda: key in page.rows, timeout=LONG)
    page.list.opened.emit(row(page, key))
    qtbot.waitUntil(lambda: row(page, key).state is CredentialState.WRONG, timeout=LONG)


# ---------------------------------------------------------------- locked


def test_a_locked_keyring_is_told_and_unlocked_elsewhere_it_is_seen(
    page: CredentialsPage, qtbot: QtBot, secret_service: SecretService
) -> None:
    on_loop(page, lambda kept: kept.put("token", "registry", "x"))
    secret_service.lock()
    page.refresh()
    qtbot.waitUntil(lambda: not page.card.unlock_button.isHidden(), timeout=LONG)
    assert page.card.title.text() == "GNOME Keyring (Secret Service), locked"
    qtbot.waitUntil(lambda: "token:keyring:registry" in page.rows, timeout=LONG)
    # nothing can prompt here, as on a host without a display: that is said, and the button is back
    qtbot.mouseClick(page.card.unlock_button, Qt.MouseButton.LeftButton)
    assert not page.card.cancel_button.isHidden()
    qtbot.waitUntil(lambda: bool(page.desk.notifier.notices()), timeout=LONG)
    qtbot.waitUntil(lambda: not page.card.unlock_button.isHidden(), timeout=LONG)
    secret_service.unlock()
    page.refresh()
    qtbot.waitUntil(lambda: page.card.title.text().endswith(", unlocked"), timeout=LONG)


def test_the_window_lives_while_the_keyring_does_not_answer(
    page: CredentialsPage, qtbot: QtBot, secret_service: SecretService, allow_warnings: Callable[..., None]
) -> None:
    secret_service.freeze_bus()
    try:
        page.refresh()
        beats: list[int] = []

        async def beat() -> None:
            beats.append(len(beats))

        for _ in range(20):  # the interface and the background loop both go on
            page.desk.loop.submit(beat()).result(1)
            qtbot.wait(20)
        assert len(beats) == 20
        page.window().navigate("settings")  # type: ignore[attr-defined]
        assert page.window().page.title == "Settings"  # type: ignore[attr-defined]
    finally:
        secret_service.thaw_bus()


# ---------------------------------------------------------------- none


def test_without_a_keyring_it_is_said_plainly_and_lasts_for_the_session(
    open_shell: Callable[[], Shell], qtbot: QtBot
) -> None:
    page = page_of(open_shell(), qtbot)
    assert page.card.title.text() == "Kept for this session only"
    dialog = add(page)
    assert "kept until rhdesk is closed" in words(dialog)
    assert dialog.session_only.isHidden()
    dialog.kinds.choose("token")
    dialog.lines["token"].line.setText("registry")
    dialog.secret.line.setText("secret")
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: "token:session:registry" in page.rows, timeout=LONG)
    assert row(page, "token:session:registry").kept == "This session only"
    assert not (page.desk.home / "credentials.yaml").exists()


def test_a_list_that_cannot_be_read_is_told_and_tried_again(
    open_shell: Callable[[], Shell], qtbot: QtBot, rh_home: Path
) -> None:
    rh_home.mkdir(parents=True, exist_ok=True)
    index = rh_home / "credentials.yaml"
    index.write_text("[not, a, list, of: credentials")
    index.chmod(0o600)
    shell = open_shell()
    page = shell.page
    assert isinstance(page, CredentialsPage)
    qtbot.waitUntil(lambda: page.rows.condition.phase is Phase.FAILED, timeout=LONG)
    qtbot.waitUntil(lambda: "credentials.yaml" in words(page), timeout=LONG)
    index.unlink()
    page.list.retry.emit()
    qtbot.waitUntil(lambda: page.rows.condition.phase is Phase.READY, timeout=LONG)


def test_the_palette_adds_a_credential(page: CredentialsPage, qtbot: QtBot) -> None:
    shell = page.window()
    shell.navigate("overview")  # type: ignore[attr-defined]
    assert page.desk.commands.run("credential.add") == ""
    assert page._dialog is not None
    assert page._dialog.isVisible()
    page._dialog.reject()


def test_a_dialog_that_is_closed_forgets_what_was_typed(page: CredentialsPage, qtbot: QtBot) -> None:
    dialog = add(page)
    dialog.secret.line.setText("typed")
    dialog.reject()
    assert dialog.secret.text == ""
