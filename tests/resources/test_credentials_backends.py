"""Which keyrings may hold secrets: those of operating systems, by class; everything else is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from lab.secret_service import SecretService

from rhresources.credentials import Credentials
from rhresources.credentials.backends import ALLOWED, SECRET_SERVICE, choose

PLAINTEXT = """
from keyring.backend import KeyringBackend

class PlaintextKeyring(KeyringBackend):
    priority = 20
    def get_password(self, service, username): raise AssertionError("asked")
    def set_password(self, service, username, password): raise AssertionError("given a secret")
    def delete_password(self, service, username): raise AssertionError("asked")
"""


@pytest.mark.parametrize(
    "name",
    [
        "keyring.backends.null.Keyring",
        "keyring.backends.fail.Keyring",
        "keyrings.alt.file.PlaintextKeyring",
        "keyrings.cryptfile.cryptfile.CryptFileKeyring",
        "no.such.module.Keyring",
        "nonsense",
        "keyring.backends.SecretService.Nothing",
    ],
)
async def test_that_other_keyrings_are_none(
    secret_service: SecretService, rh_home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", name)
    state = await Credentials(rh_home).state()
    assert not state.usable
    assert state.reason == f"PYTHON_KEYRING_BACKEND names {name}, which is not a keyring of the operating system."
    assert "PYTHON_KEYRING_BACKEND" in state.remedy
    credentials = Credentials(rh_home)
    assert (await credentials.put("token", "t", "1")).where == "session"
    assert await credentials.get("token", "t") == "1"


async def test_that_the_configuration_of_keyring_counts(secret_service: SecretService, rh_home: Path) -> None:
    folder = Path.home() / ".config" / "python_keyring"
    folder.mkdir(parents=True)
    file = folder / "keyringrc.cfg"
    file.write_text("[backend]\ndefault-keyring=keyring.backends.null.Keyring\n")
    state = await Credentials(rh_home).state()
    assert state.reason.startswith(f"{file} names keyring.backends.null.Keyring")
    file.write_text(f"[backend]\ndefault-keyring={SECRET_SERVICE}\n")
    assert (await Credentials(rh_home).state()).name == "GNOME Keyring (Secret Service)"
    file.write_text("no section\n")
    assert (await Credentials(rh_home).state()).reason == "The configuration of Python's keyring cannot be read."


def test_that_a_chain_is_unwrapped(secret_service: SecretService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.chainer.ChainerBackend")
    assert type(choose().backend).__module__ == "keyring.backends.SecretService"


def test_that_an_installed_backend_of_higher_priority_gets_nothing(
    secret_service: SecretService, rh_home: Path, tmp_path: Path
) -> None:
    """As a package that registers a backend does; `keyring.get_keyring()` takes it."""
    (tmp_path / "plain_keyring.py").write_text(PLAINTEXT)
    program = (
        "import asyncio, pathlib, sys\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "import keyring, plain_keyring\n"
        "assert 'Plaintext' in repr(keyring.get_keyring()), keyring.get_keyring()\n"
        "from rhresources.credentials import Credentials\n"
        "async def main():\n"
        f"    credentials = Credentials(pathlib.Path({str(rh_home)!r}))\n"
        "    print((await credentials.put('token', 't', 'x')).store, await credentials.get('token', 't'))\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "GNOME Keyring x\n", done.stderr


def test_that_the_keyrings_of_other_systems_are_allowed() -> None:
    assert {name.removeprefix("keyring.backends.") for name in ALLOWED} >= {
        "macOS.Keyring",
        "Windows.WinVaultKeyring",
        "kwallet.DBusKeyring",
        "libsecret.Keyring",
    }


def test_that_no_keyring_is_no_error() -> None:
    choice = choose()
    assert choice.backend is None
    assert choice.sentence == "No keyring of the operating system can be reached."
    assert SECRET_SERVICE in choice.detail
