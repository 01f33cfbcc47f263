"""Credentials in a real keyring: kept, found, forgotten; and while the keyring is dead, locked or hangs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from lab.secret_service import SecretService

from rhresources.credentials import Credentials, KeyringLocked, StoreState, account_subject, key_subject
from rhresources.credentials.entries import escaped, service_name, unescaped
from rhresources.errors import RhError, UsageError

SECRET = "c0rrect hörse ☃"
KEY = "/home/alice/.ssh/id_ed25519"


@pytest.fixture
def credentials(secret_service: SecretService, rh_home: Path) -> Credentials:
    """Those of this test's home, with a keyring."""
    return Credentials(rh_home)


async def locked(secret_service: SecretService, credentials: Credentials) -> None:
    """One passphrase is in the keyring, and the keyring is locked."""
    await credentials.put("passphrase", KEY, SECRET)
    await asyncio.to_thread(secret_service.lock)


# ---------------------------------------------------------------- kept and found


async def test_that_a_secret_is_kept_in_the_keyring(credentials: Credentials, rh_home: Path) -> None:
    kept = await credentials.put("passphrase", KEY, SECRET)
    assert (kept.where, kept.store, kept.sentence) == ("keyring", "GNOME Keyring", "Kept in GNOME Keyring.")
    assert credentials.keeping == "in GNOME Keyring"
    # another process, later
    assert await Credentials(rh_home).get("passphrase", KEY) == SECRET
    (entry,) = await Credentials(rh_home).list()
    assert (entry.kind, entry.subject, entry.where, entry.store) == ("passphrase", KEY, "keyring", "GNOME Keyring")


async def test_that_a_removal_while_it_is_being_kept_has_the_last_word(credentials: Credentials, rh_home: Path) -> None:
    for wait in (0.0, 0.002, 0.005, 0.01, 0.02, 0.05) * 3:  # seconds into it
        keeping = asyncio.ensure_future(credentials.put("token", "registry", SECRET))
        await asyncio.sleep(wait)
        assert await credentials.remove("token", "registry")
        await keeping
        assert await credentials.list() == []
        assert await Credentials(rh_home).get("token", "registry") is None


async def test_that_entries_do_not_mix(credentials: Credentials) -> None:
    subjects = [
        KEY,
        f"{KEY} ",
        "/ä ö/☃😀",
        "/a:b@c",
        "/%41",
        "/A",
        "a\nb",
        "/\udcff",
        "x" * 4000,
        'it\'s "so"',
        "/a\x00b",
    ]
    for number, subject in enumerate(subjects):
        for kind in ("passphrase", "password", "token"):
            kept = await credentials.put(kind, subject, f"{kind} {number}")  # type: ignore[arg-type]
            assert kept.where == "keyring", kept
    for number, subject in enumerate(subjects):
        for kind in ("passphrase", "password", "token"):
            assert await credentials.get(kind, subject) == f"{kind} {number}"  # type: ignore[arg-type]
    assert {entry.subject for entry in await credentials.list()} == set(subjects)


def test_that_names_in_the_keyring_are_unique_and_lead_back() -> None:
    subjects = [KEY, "/%41", "/A", "/\udcff", "a\u2028b", "a%0Ab", "a\nb", ""]
    assert [unescaped(escaped(subject)) for subject in subjects] == subjects
    names = [service_name(kind, subject) for kind in ("passphrase", "password") for subject in subjects]  # type: ignore[arg-type]
    assert len(set(names)) == len(names)
    assert service_name("passphrase", KEY) == f"rhdesk:passphrase:{KEY}"
    assert all(name.isprintable() for name in names)


async def test_that_a_secret_is_replaced_and_forgotten(credentials: Credentials, rh_home: Path) -> None:
    await credentials.put("password", "alice@gpu1:22", "old")
    await credentials.put("password", "alice@gpu1:22", "new")
    assert await credentials.get("password", "alice@gpu1:22") == "new"
    assert len(await credentials.list()) == 1
    assert await credentials.remove("password", "alice@gpu1:22")
    assert not await credentials.remove("password", "alice@gpu1:22")
    assert await credentials.get("password", "alice@gpu1:22") is None
    assert await credentials.list() == []
    assert not await Credentials(rh_home).remove("token", "never was")


async def test_that_a_secret_of_the_session_is_nowhere_else(credentials: Credentials, rh_home: Path) -> None:
    assert (await credentials.put("token", "t", SECRET, session_only=True)).where == "session"
    assert await credentials.get("token", "t") == SECRET
    assert [entry.where for entry in await credentials.list()] == ["session"]
    assert await Credentials(rh_home).get("token", "t") is None
    assert not (rh_home / "credentials.yaml").exists()
    assert await credentials.remove("token", "t")
    assert await credentials.get("token", "t") is None


async def test_that_what_does_not_fit_every_keyring_is_not_kept(credentials: Credentials) -> None:
    assert (await credentials.put("token", "fits", "x" * 1280)).where == "keyring"
    kept = await credentials.put("token", "long", "☃" * 1281)
    assert kept.where == "session"
    assert "has 1,281 characters, and keyrings take 1,280" in kept.reason
    assert (await credentials.put("token", "wide", "😀" * 641)).where == "session"
    assert await credentials.get("token", "long") == "☃" * 1281
    with pytest.raises(UsageError, match="empty"):
        await credentials.put("token", "none", "")


async def test_that_many_calls_at_once_are_answered(credentials: Credentials) -> None:
    await asyncio.gather(*(credentials.put("token", f"t{each}", f"secret {each}") for each in range(12)))
    found = await asyncio.gather(*(credentials.get("token", f"t{each}") for each in range(12)))
    assert found == [f"secret {each}" for each in range(12)]
    assert len(await credentials.list()) == 12


async def test_that_no_secret_is_written_or_shown(
    credentials: Credentials, secret_service: SecretService, rh_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "Zk4-never-seen-9Q"
    await credentials.put("passphrase", KEY, secret)
    await credentials.put("token", "session", secret, session_only=True)
    shown = [repr(await credentials.list()), repr(await credentials.state()), repr(credentials), caplog.text]
    secret_service.kill_daemon()
    shown.append(repr(await credentials.put("passphrase", KEY, secret)))
    assert not [text for text in shown if secret in text]
    files = [path for folder in (rh_home, secret_service.folder) for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".keyring" for path in files)
    assert not [path for path in files if secret.encode() in path.read_bytes()]


# ---------------------------------------------------------------- no keyring, or a dead one


def is_none(state: StoreState) -> bool:
    """Whether it says that there is no keyring, and what that means."""
    return not state.usable and not state.locked and "kept until rhdesk is closed" in state.sentence


async def test_that_without_a_keyring_secrets_last_for_the_session(rh_home: Path) -> None:
    credentials = Credentials(rh_home)
    assert is_none(await credentials.state())
    assert credentials.keeping == "until rhdesk is closed"
    kept = await credentials.put("passphrase", KEY, SECRET)
    assert kept.where == "session"
    assert kept.sentence == ("Kept until rhdesk is closed only. No keyring of the operating system can be reached.")
    assert await credentials.get("passphrase", KEY) == SECRET
    assert not (rh_home / "credentials.yaml").exists()


async def test_that_the_keyring_may_die_and_come_back(credentials: Credentials, secret_service: SecretService) -> None:
    await credentials.put("passphrase", KEY, SECRET)
    secret_service.kill_daemon()
    assert is_none(await credentials.state())
    assert await credentials.get("passphrase", KEY) is None
    assert (await credentials.put("token", "t", SECRET)).where == "session"
    with pytest.raises(RhError, match="was not removed"):
        await credentials.remove("passphrase", KEY)
    (entry,) = [each for each in await credentials.list() if each.where == "keyring"]
    assert entry.problem == "It is in GNOME Keyring, which cannot be reached now."
    await asyncio.to_thread(secret_service.start_daemon)
    assert (await credentials.state()).usable
    assert await credentials.get("passphrase", KEY) == SECRET


async def test_that_the_bus_may_die(credentials: Credentials, secret_service: SecretService) -> None:
    await credentials.put("passphrase", KEY, SECRET)
    secret_service.kill_bus()
    assert is_none(await credentials.state())
    assert await credentials.get("passphrase", KEY) is None
    assert (await credentials.put("token", "t", SECRET)).where == "session"


async def test_that_an_entry_that_somebody_else_removed_is_named(credentials: Credentials, rh_home: Path) -> None:
    key = rh_home / "key"
    rh_home.mkdir(exist_ok=True)
    key.touch()
    await credentials.put("passphrase", str(key), SECRET)
    assert [entry.problem for entry in await credentials.list()] == [""]
    key.unlink()
    assert [entry.problem for entry in await credentials.list()] == ["There is no such key file any more."]
    import keyring.backends.SecretService

    backend = keyring.backends.SecretService.Keyring()
    backend.delete_password(service_name("passphrase", str(key)), "passphrase")
    assert [entry.problem for entry in await credentials.list()] == ["It is not in GNOME Keyring any more."]
    assert await credentials.get("passphrase", str(key)) is None
    assert await credentials.remove("passphrase", str(key))
    assert await credentials.list() == []


# ---------------------------------------------------------------- locked


async def test_that_a_locked_keyring_is_told_at_once(credentials: Credentials, secret_service: SecretService) -> None:
    await locked(secret_service, credentials)
    state = await credentials.state()
    assert (state.usable, state.locked, state.waiting) == (True, True, False)
    assert state.sentence == "GNOME Keyring is locked."
    with pytest.raises(KeyringLocked, match="is locked"):
        await credentials.get("passphrase", KEY)
    assert await credentials.get("passphrase", "/not/listed") is None  # no reason to disturb anybody
    assert [entry.problem for entry in await credentials.list()] == ["There is no such key file any more."]


async def test_that_a_locked_keyring_without_a_prompter_stays_locked(
    credentials: Credentials, secret_service: SecretService
) -> None:
    await locked(secret_service, credentials)
    with pytest.raises(KeyringLocked, match="stayed so"):
        await credentials.get("passphrase", KEY, unlock=True)
    kept = await credentials.put("token", "t", "x")
    assert (kept.where, kept.reason) == ("session", "GNOME Keyring is locked, and stayed so.")
    with pytest.raises(KeyringLocked):
        await credentials.remove("passphrase", KEY)
    assert (await credentials.unlock()).locked
    assert await asyncio.to_thread(secret_service.unlock)
    assert not (await credentials.unlock()).locked
    assert await credentials.get("passphrase", KEY) == SECRET


async def test_that_a_bus_that_hangs_holds_nobody(
    credentials: Credentials, secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhresources.credentials.credentials._ANSWER_WITHIN", 0.5)
    monkeypatch.setattr("rhresources.credentials.credentials._PATIENCE", 0.2)
    await credentials.put("passphrase", KEY, SECRET)
    secret_service.freeze_bus()
    try:
        for _ in range(8):
            assert not (await credentials.state()).usable
            assert await credentials.get("passphrase", KEY) is None
        with contextlib.suppress(TimeoutError):  # it can be cancelled, if it has not given up by itself
            async with asyncio.timeout(0.1):
                assert await credentials.get("passphrase", KEY) is None
    finally:
        secret_service.thaw_bus()
    while not (await credentials.state()).usable:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.05)
    assert await credentials.get("passphrase", KEY) == SECRET


def test_that_the_program_ends_while_the_keyring_hangs(secret_service: SecretService, rh_home: Path) -> None:
    secret_service.freeze_bus()
    program = (
        "import asyncio, pathlib, sys\n"
        "from rhresources.credentials import Credentials\n"
        "async def main():\n"
        "    asking = asyncio.create_task(Credentials(pathlib.Path(sys.argv[1])).state())\n"
        "    await asyncio.sleep(0.5)\n"
        "    asking.cancel()\n"
        "asyncio.run(main())\n"
    )
    try:
        subprocess.run([sys.executable, "-c", program, str(rh_home)], check=True, timeout=60)
    finally:
        secret_service.thaw_bus()


# ---------------------------------------------------------------- subjects


def test_how_subjects_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    assert key_subject("~/.ssh/../.ssh/id_ed25519") == KEY
    for text, subject in {
        "alice@gpu1": "alice@gpu1:22",
        " alice@gpu1:2222 ": "alice@gpu1:2222",
        "a@b.c@gpu1:022": "a@b.c@gpu1:22",
        "DOMAIN\\alice@10.0.0.7": "DOMAIN\\alice@10.0.0.7:22",
        "alice@[::1]:2222": "alice@::1:2222",
        "alice@[fe80::1]": "alice@fe80::1:22",
        "alice@fe80::1:22": "alice@fe80::1:22",
        "alice@::1": "alice@::1:22",
    }.items():
        assert account_subject(text) == subject
        assert account_subject(subject) == subject
    for text in (
        "gpu1",
        "@gpu1",
        "alice@",
        "alice@gpu1:0",
        "alice@gpu1:x",
        "alice@gpu1:70000",
        "a@-oProxyCommand=x",
        "a@b c",
    ):
        with pytest.raises(UsageError, match="not an account"):
            account_subject(text)
