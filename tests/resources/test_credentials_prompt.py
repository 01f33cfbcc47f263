"""The keyring's own prompt, on a display: nobody answers it, somebody does, several wait for it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lab import display, secret_service
from lab.display import Display
from lab.secret_service import SecretService

from rhresources.credentials import Credentials, KeyringLocked

KEY = "/home/alice/.ssh/id_ed25519"

pytestmark = pytest.mark.skipif(
    bool(display.missing() or not secret_service.prompter() or not shutil.which("gnome-keyring-daemon")),
    reason="needs gnome-keyring with gcr-prompter, Xvfb and xdotool",
)


class Prompting:
    """A locked keyring that prompts where the test can see and answer it."""

    def __init__(self, screen: Display, service: SecretService, credentials: Credentials) -> None:
        self.screen, self.service, self.credentials = screen, service, credentials
        self.told: list[str] = []
        self.was_told = asyncio.Event()
        credentials.on_waiting = self._hear

    def _hear(self, sentence: str) -> None:
        self.told.append(sentence)
        self.was_told.set()

    async def window(self) -> str:
        """The prompt, when it is there."""
        windows: list[str] = []
        while not windows:
            windows = await asyncio.to_thread(self.screen.windows, "Unlock")
        return windows[0]

    async def answer(self, keys: str) -> None:
        """Type into the prompt until it goes away: it takes a moment to listen."""
        window = await self.window()
        while window in await asyncio.to_thread(self.screen.windows, "Unlock"):
            await asyncio.to_thread(self.screen.type, window, keys)
            await asyncio.sleep(0.5)


@pytest.fixture
async def prompting(rh_home: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Prompting]:
    """A keyring with one entry, locked."""
    with Display() as screen, SecretService(display=screen.name) as service:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", service.address)
        credentials = Credentials(rh_home)
        assert (await credentials.put("passphrase", KEY, "kept")).where == "keyring"
        await asyncio.to_thread(service.lock)
        yield Prompting(screen, service, credentials)


async def test_that_nobody_is_held_by_a_prompt_that_nobody_answers(prompting: Prompting) -> None:
    credentials = prompting.credentials
    waiting = asyncio.create_task(credentials.get("passphrase", KEY, unlock=True))
    await prompting.window()
    state = await credentials.state()
    assert (state.usable, state.locked, state.waiting) == (True, True, True)
    assert state.sentence == "GNOME Keyring waits for an answer to its own prompt."
    for _ in range(20):
        with pytest.raises(KeyringLocked, match="waits for an answer"):
            await credentials.get("passphrase", KEY)
    assert len(await credentials.list()) == 1
    await prompting.was_told.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert prompting.told == ["GNOME Keyring waits for an answer to its own prompt.", ""]
    # the keyring lives, and who comes next waits for the same prompt
    again = asyncio.create_task(credentials.get("passphrase", KEY, unlock=True))
    await asyncio.sleep(0.3)
    assert len(await asyncio.to_thread(prompting.screen.windows, "Unlock")) == 1
    await prompting.answer(prompting.service.password)
    assert await again == "kept"
    assert not (await credentials.state()).locked


async def test_that_all_who_wait_share_one_prompt(prompting: Prompting) -> None:
    credentials = prompting.credentials
    waiting = [asyncio.create_task(credentials.get("passphrase", KEY, unlock=True)) for _ in range(3)]
    new = asyncio.create_task(credentials.put("token", "t", "new"))
    await prompting.window()
    assert await credentials.get("token", "t") == "new", "at hand while the keyring prompts"
    await prompting.answer(prompting.service.password)
    assert await asyncio.gather(*waiting) == ["kept"] * 3
    assert (await new).where == "keyring"


async def test_that_a_prompt_may_be_dismissed(prompting: Prompting) -> None:
    unlocking = asyncio.create_task(prompting.credentials.unlock())
    window = await prompting.window()
    while window in await asyncio.to_thread(prompting.screen.windows, "Unlock"):
        await asyncio.to_thread(prompting.screen.press, window, "Escape")
        await asyncio.sleep(0.2)
    state = await unlocking
    assert (state.usable, state.locked, state.waiting) == (True, True, False)
