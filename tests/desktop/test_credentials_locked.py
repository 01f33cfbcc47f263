"""The window while the keyring waits for a person at its own, real prompt."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import display, secret_service
from lab.display import Display
from lab.secret_service import SecretService
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from rhdesk.desktop.app import make_window, start
from rhdesk.desktop.pages.credentials import CredentialsPage
from rhdesk.desktop.shell import Shell

pytestmark = pytest.mark.skipif(
    bool(display.missing() or not secret_service.prompter() or not shutil.which("gnome-keyring-daemon")),
    reason="needs gnome-keyring with its prompter, Xvfb and xdotool",
)

LONG = 30_000
PROMPT = "Unlock"


@pytest.fixture
def screen() -> Iterator[Display]:
    with Display() as made:
        yield made


@pytest.fixture
def keyring(screen: Display, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretService]:
    """An open keyring that can prompt on `screen`."""
    with SecretService(display=screen.name) as service:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", service.address)
        yield service


@pytest.fixture
def page(keyring: SecretService, qtbot: QtBot, qapp: QApplication, rh_home: Path) -> Iterator[CredentialsPage]:
    """The page with one token in a keyring that was locked then."""
    shell: Shell = make_window(qapp, theme_name="dark")
    shell.show()
    start(shell, settings=False)
    shell.navigate("credentials")
    page = shell.page
    assert isinstance(page, CredentialsPage)

    async def keep() -> None:
        workspace = await shell.desk.workspace()
        await workspace.credentials.put("token", "registry", "secret")

    shell.desk.loop.submit(keep()).result(20)
    keyring.lock()
    page.refresh()
    qtbot.waitUntil(lambda: not page.card.unlock_button.isHidden(), timeout=LONG)
    yield page
    shell.close()
    shell.desk.close()
    shell.deleteLater()


def prompts(screen: Display) -> list[str]:
    return screen.windows(PROMPT)


def answer(screen: Display, qtbot: QtBot, password: str = "") -> None:
    """Type into the prompt, or dismiss it, until it goes away: it takes a moment to listen."""
    qtbot.waitUntil(lambda: bool(prompts(screen)), timeout=LONG)
    while windows := prompts(screen):
        if password:
            screen.type(windows[0], password)
        else:
            screen.press(windows[0], "Escape")
        qtbot.wait(400)


def test_unlock_waits_for_the_prompt_and_the_window_goes_on(
    page: CredentialsPage, qtbot: QtBot, screen: Display, keyring: SecretService
) -> None:
    qtbot.mouseClick(page.card.unlock_button, Qt.MouseButton.LeftButton)
    assert "prompt of its own" in page.card.sentence.text()
    qtbot.waitUntil(lambda: bool(prompts(screen)), timeout=LONG)
    qtbot.wait(500)  # somebody thinks of the password
    assert not page.card.cancel_button.isHidden()
    page.window().navigate("settings")  # type: ignore[attr-defined]
    page.window().navigate("credentials")  # type: ignore[attr-defined]
    answer(screen, qtbot, keyring.password)
    qtbot.waitUntil(lambda: page.card.title.text().endswith(", unlocked"), timeout=LONG)
    assert any(notice.sentence == "GNOME Keyring is unlocked." for notice in page.desk.notifier.notices())


def test_one_need_not_wait_for_the_prompt_and_it_may_be_answered_later(
    page: CredentialsPage, qtbot: QtBot, screen: Display, keyring: SecretService
) -> None:
    page.card.unlock_button.click()
    qtbot.waitUntil(lambda: bool(prompts(screen)), timeout=LONG)
    qtbot.mouseClick(page.card.cancel_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not page.card.retry_button.isHidden(), timeout=LONG)
    assert page.card.cancel_button.isHidden()
    answer(screen, qtbot, keyring.password)
    qtbot.mouseClick(page.card.retry_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.card.title.text().endswith(", unlocked"), timeout=LONG)


def test_a_prompt_that_is_dismissed_leaves_it_locked_and_says_so(
    page: CredentialsPage, qtbot: QtBot, screen: Display
) -> None:
    page.card.unlock_button.click()
    answer(screen, qtbot)
    qtbot.waitUntil(lambda: bool(page.desk.notifier.notices()), timeout=LONG)
    qtbot.waitUntil(lambda: not page.card.unlock_button.isHidden(), timeout=LONG)
    assert page.card.title.text().endswith(", locked")


def test_whoever_waits_for_a_kept_secret_is_told_of_the_prompt(
    page: CredentialsPage, qtbot: QtBot, screen: Display, keyring: SecretService
) -> None:
    async def get() -> str | None:
        workspace = await page.desk.workspace()
        return await workspace.credentials.get("token", "registry", unlock=True)

    waiting = page.desk.loop.submit(get())
    qtbot.waitUntil(lambda: bool(prompts(screen)), timeout=LONG)
    qtbot.waitUntil(
        lambda: any("its own prompt" in notice.sentence for notice in page.desk.notifier.notices()), timeout=LONG
    )
    answer(screen, qtbot, keyring.password)
    assert waiting.result(20) == "secret"
