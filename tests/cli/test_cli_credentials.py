"""`rhdesk credentials` with a real keyring, real keys, and a real SSH server for passwords."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from lab.rights import has_many_users
from lab.secret_service import SecretService
from lab.ssh_fixtures import PASSPHRASE, PASSWORD, USER, SshHome, SshKeys
from lab.sshd import Sshd
from lab.terminal import Terminal


def at_terminal(*words: str) -> Terminal:
    """`rhdesk WORDS` at a terminal."""
    return Terminal([sys.executable, "-m", "rhdesk", *words])


# ---------------------------------------------------------------- passphrases


def test_that_a_passphrase_is_kept_tried_listed_and_forgotten(
    rhdesk: Any, secret_service: SecretService, ssh_keys: SshKeys
) -> None:
    key = str(ssh_keys.encrypted)
    kept = rhdesk("credentials", "set", "passphrase", key, "--json", given=f"{PASSPHRASE}\n").json()
    assert kept == {"kind": "passphrase", "subject": key, "keyring": "GNOME Keyring", "tested": True}
    listed = rhdesk("credentials", "list", "--json").json()
    assert listed["keyring"]["name"] == "GNOME Keyring (Secret Service)"
    (entry,) = listed["credentials"]
    assert (entry["kind"], entry["subject"], entry["where"], entry["problem"]) == ("passphrase", key, "keyring", None)
    shown = rhdesk("credentials", "list")
    assert key in shown.out
    assert "GNOME Keyring" in shown.out
    assert PASSPHRASE not in shown.out + shown.err
    assert "It opens the key." in rhdesk("credentials", "test", "passphrase", key).err
    refused = rhdesk("credentials", "remove", "passphrase", key, code=2)
    assert "Add --yes" in refused.err
    assert rhdesk("credentials", "remove", "passphrase", key, "--yes", "--json").json()["removed"]
    assert "No passphrase" in rhdesk("credentials", "remove", "passphrase", key, "--yes", code=1).err
    assert "credentials set passphrase" in rhdesk("credentials", "test", "passphrase", key, code=1).err


def test_that_a_wrong_passphrase_is_not_kept(rhdesk: Any, secret_service: SecretService, ssh_keys: SshKeys) -> None:
    key = str(ssh_keys.encrypted)
    assert "is wrong" in rhdesk("credentials", "set", "passphrase", key, given="other\n", code=1).err
    assert "came from standard input" in rhdesk("credentials", "set", "passphrase", key, code=2).err
    assert "has no passphrase" in rhdesk("credentials", "set", "passphrase", str(ssh_keys.plain), given="x", code=2).err
    assert "no key file" in rhdesk("credentials", "set", "passphrase", "~/nothing", given="x", code=1).err
    public = rhdesk("credentials", "set", "passphrase", f"{ssh_keys.plain}.pub", given="x", code=1)
    assert "public key" in public.err
    assert rhdesk("credentials", "list", "--json").json()["credentials"] == []


def test_that_a_passphrase_is_typed_hidden(secret_service: SecretService, ssh_keys: SshKeys, rh_home: Path) -> None:
    folder = Path.home() / ".ssh"
    folder.mkdir(mode=0o700)
    key = folder / "id_ed25519"
    key.write_bytes(ssh_keys.encrypted.read_bytes())
    key.chmod(0o600)
    with at_terminal("credentials", "set", "passphrase", "~/.ssh/id_ed25519") as terminal:
        terminal.expect("Passphrase of ~/.ssh/id_ed25519: ")
        assert not terminal.echoes
        terminal.type("wrong one\n")
        terminal.expect("That was wrong, please try again.")
        terminal.expect("Passphrase of ~/.ssh/id_ed25519: ")
        terminal.type(f"{PASSPHRASE}\n")
        assert "It opens the key. Kept in GNOME Keyring." in terminal.ends()
        assert PASSPHRASE not in terminal.shown
        assert "wrong one" not in terminal.shown
    with at_terminal("credentials", "list") as terminal:
        assert "passphrase  ~/.ssh/id_ed25519  GNOME Keyring" in terminal.ends()
    with at_terminal("credentials", "remove", "passphrase", "~/.ssh/id_ed25519") as terminal:
        terminal.expect("[y/N]")
        terminal.type("\n")
        assert "Nothing was changed" in terminal.ends(2)
    with at_terminal("credentials", "remove", "passphrase", "~/.ssh/id_ed25519") as terminal:
        terminal.expect("[y/N]")
        terminal.type("y\n")
        assert "is forgotten" in terminal.ends()


def test_that_three_wrong_ones_are_enough(secret_service: SecretService, ssh_keys: SshKeys) -> None:
    with at_terminal("credentials", "set", "passphrase", str(ssh_keys.encrypted)) as terminal:
        for _ in range(3):
            terminal.expect(": ")
            terminal.type("no\n")
        assert "is wrong" in terminal.ends(1)


def test_that_ctrl_c_changes_nothing(rhdesk: Any, secret_service: SecretService) -> None:
    with at_terminal("credentials", "set", "token", "hub") as terminal:
        terminal.expect("Token of hub: ")
        terminal.type("half\x03")
        assert "Interrupted. Nothing was changed." in " ".join(terminal.ends(1).replace("Error:", "").split())
        assert terminal.echoes
        assert "half" not in terminal.shown
    assert rhdesk("credentials", "list", "--json").json()["credentials"] == []


# ---------------------------------------------------------------- tokens


def test_that_a_token_is_kept_as_it_came(rhdesk: Any, secret_service: SecretService) -> None:
    rhdesk("credentials", "set", "token", "hub", given=" a token with ends \r\n")
    assert "can be read" in rhdesk("credentials", "test", "token", "hub").err
    from keyring.backends.SecretService import Keyring

    assert Keyring().get_password("rhdesk:token:hub", "token") == " a token with ends "
    too_long = rhdesk("credentials", "set", "token", "hub", given="x" * 1281, code=1).err
    assert "too long to keep: it has 1,281 characters" in too_long
    assert Keyring().get_password("rhdesk:token:hub", "token") == " a token with ends "


def test_that_a_secret_is_no_argument(rhdesk: Any, secret_service: SecretService) -> None:
    rhdesk("credentials", "set", "token", "hub", "s3cret", code=2)
    rhdesk("credentials", "set", "secret", "hub", given="x", code=2)
    rhdesk("credentials", "set", "token", " ", given="x", code=2)


# ---------------------------------------------------------------- no keyring, locked


def test_that_without_a_keyring_nothing_is_pretended(rhdesk: Any) -> None:
    refused = rhdesk("credentials", "set", "token", "hub", given="x", code=1).err
    assert "Nothing can be kept. No keyring of the operating system can be reached." in refused
    assert "gnome-keyring" in refused
    listed = rhdesk("credentials", "list")
    assert "kept until rhdesk is closed" in listed.err
    assert not rhdesk("credentials", "list", "--json").json()["keyring"]["usable"]
    assert "can be reached" in rhdesk("credentials", "unlock", code=1).err


def test_that_a_locked_keyring_is_named(rhdesk: Any, secret_service: SecretService) -> None:
    assert "GNOME Keyring is open" in rhdesk("credentials", "unlock").err
    rhdesk("credentials", "set", "token", "hub", given="x")
    secret_service.lock()
    assert rhdesk("credentials", "list", "--json").json()["keyring"]["locked"]
    assert "is locked" in rhdesk("credentials", "unlock", code=1).err
    assert "is locked" in rhdesk("credentials", "test", "token", "hub", code=1).err
    refused = rhdesk("credentials", "set", "token", "hub2", given="x", code=1).err
    assert "The token of hub2 was not kept. GNOME Keyring is locked, and stayed so." in refused
    secret_service.unlock()
    assert [entry["subject"] for entry in rhdesk("credentials", "list", "--json").json()["credentials"]] == ["hub"]


def test_that_a_broken_list_is_named(rhdesk: Any, secret_service: SecretService, rh_home: Path) -> None:
    rh_home.mkdir(exist_ok=True)
    (rh_home / "credentials.yaml").write_text("entries: 3\n")
    assert "line 1" in rhdesk("credentials", "list", code=1).err
    assert "was not kept" in rhdesk("credentials", "set", "token", "hub", given="x", code=1).err
    assert (rh_home / "credentials.yaml").read_text() == "entries: 3\n"


# ---------------------------------------------------------------- passwords

needs_passwords = pytest.mark.skipif(not has_many_users(), reason="an account with a made-up password needs root")


@needs_passwords
def test_that_a_password_is_tried_on_the_host(
    rhdesk: Any, secret_service: SecretService, sshd: Sshd, ssh_home: SshHome
) -> None:
    ssh_home.knows(sshd)
    account = f"{USER}@{sshd.address}:{sshd.port}"
    refused = rhdesk("credentials", "set", "password", account, given="wrong\n", code=1).err
    assert "does not let rhuser in" in refused
    assert rhdesk("credentials", "list", "--json").json()["credentials"] == []
    kept = rhdesk("credentials", "set", "password", account, "--json", given=f"{PASSWORD}\n").json()
    assert kept == {"kind": "password", "subject": account, "keyring": "GNOME Keyring", "tested": True}
    assert "lets rhuser in" in rhdesk("credentials", "test", "password", account).err
    # an entry of ~/.ssh/config leads to the same account
    ssh_home.config(f"Host gpu1\n  HostName {sshd.address}\n  Port {sshd.port}\n")
    assert "lets rhuser in" in rhdesk("credentials", "test", "password", f"{USER}@gpu1").err
    assert rhdesk("credentials", "remove", "password", f"{USER}@gpu1", "--yes", "--json").json()["subject"] == account


@needs_passwords
def test_that_a_host_key_is_confirmed_at_the_terminal(
    secret_service: SecretService, sshd: Sshd, ssh_home: SshHome
) -> None:
    account = f"{USER}@{sshd.address}:{sshd.port}"
    with at_terminal("credentials", "set", "password", account) as terminal:
        terminal.expect(f"Password of {account}: ")
        terminal.type(f"{PASSWORD}\n")
        terminal.expect("(yes/no/[fingerprint])? ")
        terminal.type("yes\n")
        assert "Kept in GNOME Keyring" in terminal.ends()
    assert "ssh-ed25519" in ssh_home.known_hosts.read_text()


def test_that_a_password_of_a_host_that_is_off_is_kept_untried(
    rhdesk: Any, secret_service: SecretService, ssh_home: SshHome
) -> None:
    kept = rhdesk("credentials", "set", "password", "alice@127.0.0.1:1", "--json", given="x\n")
    assert kept.json() == {
        "kind": "password",
        "subject": "alice@127.0.0.1:1",
        "keyring": "GNOME Keyring",
        "tested": False,
    }
    assert "It was not tried" in kept.err
    untried = rhdesk("credentials", "set", "password", "bob@127.0.0.1:1", "--no-test", given="x\n").err
    assert "not tried" not in untried
    assert rhdesk("credentials", "set", "password", "gpu1", given="x\n", code=2).err.count("alice@gpu1") == 2


def test_that_words_of_a_host_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from rhdesk.cli.main import print_error
    from rhresources.errors import RhError

    print_error(RhError("The host said \x1b[2Jno\x07.", remedy="Ask \x9bit."))
    assert capsys.readouterr().err == "Error: The host said \ufffd[2Jno\ufffd.\n       Ask \ufffdit.\n"
