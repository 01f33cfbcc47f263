"""Questions on the way to a host: asked in dialogs of the window, one at a time, from the background loop."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.desktop.app import make_window, start
from rhdesk.desktop.dialogs.host_key import HostKeyDialog
from rhdesk.desktop.dialogs.secret import SecretDialog
from rhdesk.desktop.shell import Shell
from rhdesk.desktop.widgets.dialog import Dialog
from rhresources.reach.questions import HostKeyQuestion, SecretAnswer, SecretQuestion

FINGERPRINT = "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDkkTYf9nWf7k1Hk1U"


@pytest.fixture
def shell(qtbot: QtBot, qapp: QApplication, rh_home: Path) -> Iterator[Shell]:
    made = make_window(qapp, theme_name="dark")
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    start(made, settings=False)
    yield made
    made.close()
    made.desk.close()
    made.deleteLater()


def host_key(host: str = "gpu1", port: int = 22) -> HostKeyQuestion:
    return HostKeyQuestion(host, port, "ssh-ed25519", FINGERPRINT, "~/.ssh/known_hosts")


def passphrase(**more: Any) -> SecretQuestion:
    return SecretQuestion("passphrase", "~/.ssh/id_ed25519", "Passphrase of ~/.ssh/id_ed25519", **more)


def ask(shell: Shell, question: HostKeyQuestion | SecretQuestion) -> concurrent.futures.Future[Any]:
    """As a connection asks, on the background loop."""
    questions = shell.desk.questions
    if isinstance(question, HostKeyQuestion):
        return shell.desk.loop.submit(questions.confirm_host_key(question))
    return shell.desk.loop.submit(questions.ask_secret(question))


def shown(shell: Shell, qtbot: QtBot) -> Any:
    qtbot.waitUntil(lambda: shell.asking.dialog is not None and shell.asking.dialog.isVisible())
    return shell.asking.dialog


def words(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if not label.isHidden())


# ---------------------------------------------------------------- host keys


def test_a_host_key_is_shown_with_its_fingerprint_and_return_does_not_trust_it(shell: Shell, qtbot: QtBot) -> None:
    answer = ask(shell, host_key("gpu1", 2222))
    dialog = shown(shell, qtbot)
    assert isinstance(dialog, HostKeyDialog)
    assert FINGERPRINT in words(dialog)
    assert "gpu1, port 2222" in words(dialog)
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in words(dialog)
    metrics = dialog.fingerprint.fontMetrics()
    assert metrics.horizontalAdvance(FINGERPRINT) <= dialog.fingerprint.width(), "it can be read whole"
    QTest.keyClick(dialog.focusWidget() or dialog, Qt.Key.Key_Return)
    assert answer.result(5) is False
    qtbot.waitUntil(lambda: shell.asking.dialog is None)


def test_a_host_key_is_trusted_by_its_button(shell: Shell, qtbot: QtBot) -> None:
    answer = ask(shell, host_key())
    qtbot.mouseClick(shown(shell, qtbot).trust_button, Qt.MouseButton.LeftButton)
    assert answer.result(5) is True


def test_a_fingerprint_that_was_given_is_compared(shell: Shell, qtbot: QtBot) -> None:
    answer = ask(shell, host_key())
    dialog = shown(shell, qtbot)
    QTest.keyClicks(dialog.given, FINGERPRINT[:-1] + "X")
    assert "It is not the same." in words(dialog)
    assert not dialog.trust_button.isEnabled()
    dialog.given.setText(f"256 {FINGERPRINT} root@gpu1 (ED25519)")  # the line of ssh-keygen
    assert "It is the same." in words(dialog)
    dialog.trust_button.click()
    assert answer.result(5) is True


# ---------------------------------------------------------------- secrets


def test_a_passphrase_is_typed_unseen_and_kept_only_where_one_says_so(shell: Shell, qtbot: QtBot) -> None:
    first = ask(shell, passphrase(keeping="in GNOME Keyring"))
    dialog = shown(shell, qtbot)
    assert isinstance(dialog, SecretDialog)
    field = dialog.field.line
    assert field.echoMode() is QLineEdit.EchoMode.Password
    assert dialog.field._eye.isHidden(), "it is never shown"
    assert dialog.keep.text() == "Keep it in GNOME Keyring"
    assert not dialog.keep.isChecked()
    QTest.keyClicks(field, "correct horse")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert first.result(5) == SecretAnswer("correct horse", False)
    second = ask(shell, passphrase(keeping="in GNOME Keyring", again=True))
    dialog = shown(shell, qtbot)
    assert "does not open the key" in words(dialog)
    dialog.keep.setChecked(True)
    QTest.keyClicks(dialog.field.line, "correct horse")
    dialog.accept_button.click()
    assert second.result(5) == SecretAnswer("correct horse", True)
    third = ask(shell, passphrase(keeping="in GNOME Keyring"))
    dialog = shown(shell, qtbot)
    assert dialog.keep.isChecked(), "the last choice"
    assert dialog.field.text == ""
    dialog.reject()
    assert third.result(5) is None


def test_what_lasts_for_the_session_is_kept_unless_one_says_else(shell: Shell, qtbot: QtBot) -> None:
    answer = ask(shell, passphrase(keeping="until rhdesk is closed"))
    dialog = shown(shell, qtbot)
    assert dialog.keep.isChecked()
    dialog.close()  # by the window manager
    assert answer.result(5) is None


def test_an_empty_passphrase_is_not_sent_but_an_empty_answer_may_be(shell: Shell, qtbot: QtBot) -> None:
    secret = ask(shell, passphrase())
    dialog = shown(shell, qtbot)
    assert dialog.keep.isHidden()
    dialog.accept_button.click()
    assert dialog.isVisible()
    assert dialog.field.error
    dialog.reject()
    assert secret.result(5) is None
    prompt = SecretQuestion("answer", "alice@gpu1:22", "Passcode or option: ", "1. Push to phone\n2. Call", echo=True)
    answer = ask(shell, prompt)
    dialog = shown(shell, qtbot)
    assert "1. Push to phone\n2. Call" in words(dialog)
    assert "Passcode or option" in words(dialog)
    assert dialog.field.line.echoMode() is QLineEdit.EchoMode.Normal
    qtbot.mouseClick(dialog.field._eye, Qt.MouseButton.LeftButton)
    assert dialog.field.line.echoMode() is QLineEdit.EchoMode.Password
    dialog.accept_button.click()
    assert answer.result(5) == SecretAnswer("")


def test_caps_lock_is_noticed_by_what_is_typed(shell: Shell, qtbot: QtBot) -> None:
    ask(shell, passphrase())
    dialog = shown(shell, qtbot)
    QTest.keyClick(dialog.field.line, "A", Qt.KeyboardModifier.NoModifier)
    assert "Caps Lock is on." in words(dialog)
    QTest.keyClick(dialog.field.line, "A", Qt.KeyboardModifier.ShiftModifier)
    assert "Caps Lock is on." not in words(dialog)


# ---------------------------------------------------------------- several, and their end


def test_several_questions_come_one_after_the_other_and_equal_ones_once(shell: Shell, qtbot: QtBot) -> None:
    answers = [ask(shell, question) for question in (host_key("a"), host_key("b"), host_key("a"), passphrase())]
    dialog = shown(shell, qtbot)
    qtbot.waitUntil(lambda: "2 more to answer" in words(dialog))
    dialog.trust_button.click()
    assert answers[0].result(5) is True
    assert answers[2].result(5) is True
    dialog = shown(shell, qtbot)
    assert "Is this b?" in words(dialog)
    dialog.refuse_button.click()
    assert answers[1].result(5) is False
    dialog = shown(shell, qtbot)
    assert isinstance(dialog, SecretDialog)
    assert "more to answer" not in words(dialog)
    dialog.reject()
    assert answers[3].result(5) is None
    assert len([one for one in shell.findChildren(Dialog) if one.isVisible()]) == 0


def test_two_codes_are_two_questions(shell: Shell, qtbot: QtBot) -> None:
    prompt = SecretQuestion("answer", "alice@gpu1:22", "Code")
    answers = [ask(shell, prompt), ask(shell, prompt)]
    for answer, code in zip(answers, ("111", "222"), strict=True):
        dialog = shown(shell, qtbot)
        dialog.field.line.setText(code)
        dialog.accept_button.click()
        assert answer.result(5) == SecretAnswer(code)


def test_a_question_whose_connection_has_gone_closes_itself(shell: Shell, qtbot: QtBot) -> None:
    gone, stays = ask(shell, host_key("gone")), ask(shell, host_key("stays"))
    dialog = shown(shell, qtbot)
    assert "Is this gone?" in words(dialog)
    gone.cancel()
    qtbot.waitUntil(lambda: shell.asking.dialog is not dialog)
    dialog = shown(shell, qtbot)
    assert "Is this stays?" in words(dialog)
    waiting = ask(shell, host_key("waiting"))
    qtbot.waitUntil(lambda: len(shell.desk.questions.waiting()) == 2)
    waiting.cancel()
    qtbot.waitUntil(lambda: len(shell.desk.questions.waiting()) == 1)
    dialog.trust_button.click()
    assert stays.result(5) is True


def test_a_minimised_window_asks_when_it_is_back(shell: Shell, qtbot: QtBot) -> None:
    shell.showMinimized()
    qtbot.waitUntil(shell.isMinimized)
    answer = ask(shell, host_key())
    qtbot.waitUntil(lambda: shell.windowTitle().startswith("● Question"))
    assert shell.asking.dialog is None
    shell.showNormal()
    dialog = shown(shell, qtbot)
    assert not shell.windowTitle().startswith("●")
    dialog.trust_button.click()
    assert answer.result(5) is True


def test_a_question_stands_on_the_dialog_that_is_open_and_outlives_it(shell: Shell, qtbot: QtBot) -> None:
    below = Dialog(shell, "Something else")
    below.open()
    answer = ask(shell, host_key())
    dialog = shown(shell, qtbot)
    assert dialog.parentWidget() is below
    below.accept()
    qtbot.waitUntil(lambda: shell.asking.dialog is not None and shell.asking.dialog.parentWidget() is shell)
    shown(shell, qtbot).trust_button.click()
    assert answer.result(5) is True


def test_closing_the_window_answers_no(shell: Shell, qtbot: QtBot) -> None:
    answers = [ask(shell, host_key()), ask(shell, passphrase())]
    shown(shell, qtbot)
    qtbot.waitUntil(lambda: len(shell.desk.questions.waiting()) == 2)
    shell.desk.questions.close()
    assert [answer.result(5) for answer in answers] == [False, None]
    assert ask(shell, host_key("late")).result(5) is False


def test_the_window_is_whom_its_connections_ask(shell: Shell, qtbot: QtBot) -> None:
    workspace = shell.desk.loop.submit(shell.desk.workspace()).result(20)
    assert workspace.asker is shell.desk.questions
