"""Tries secrets where they belong: a passphrase on its key file, a password on its host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhresources.errors import UsageError

if TYPE_CHECKING:
    from rhresources.credentials import Credentials
    from rhresources.reach.questions import Asker, HostKeyQuestion, SecretAnswer, SecretQuestion
    from rhresources.reach.ssh.target import SshTarget


def passphrase_subject(path: str) -> str:
    """The absolute path of a key file that wants a passphrase.

    Raises:
        RhError: there is none, or it wants none.
    """
    from rhresources.credentials import key_subject
    from rhresources.reach.ssh.keys import is_encrypted, load_key

    subject = key_subject(path)
    if not is_encrypted(subject):
        load_key(subject)  # says what is wrong with it, if anything is
        raise UsageError(f"The key {path} has no passphrase.", remedy="It needs none to be kept.")
    return subject


def check_passphrase(path: str, passphrase: str) -> str:
    """Open the key; a sentence that says so.

    Raises:
        RhError: it does not open; of code "passphrase-wrong" where that is why.
    """
    from rhresources.reach.ssh.keys import load_key

    load_key(path, passphrase)
    return "It opens the key."


async def password_account(text: str) -> SshTarget:
    """Where a password of "alice@gpu1:2222" is used, by ~/.ssh/config too.

    Raises:
        RhError: it is no account on a host, or ~/.ssh/config cannot be understood.
    """
    from rhresources.credentials import account_subject
    from rhresources.documents import ClusterDocument
    from rhresources.documents.problems import validate
    from rhresources.documents.yaml import Loaded
    from rhresources.reach.ssh.target import target_of

    account = account_subject(text)
    user, _, place = account.rpartition("@")
    host, _, port = place.rpartition(":")
    # a port that was not said is what ~/.ssh/config says
    said = text.strip().endswith(f":{port}")
    log_in = {"ssh_user": user, "ssh_port": int(port) if said else None, "log_in": "password"}
    return await target_of(validate(ClusterDocument, Loaded({"type": "ssh", "ips": [host], "ssh_creds": log_in}, {})))


async def log_in(target: SshTarget, credentials: Credentials, asker: Asker | None) -> str:
    """Log in with the password that `credentials` has; a sentence that says so.

    Raises:
        RhError: it did not work; of code "log-in-refused" where the password is why.
    """
    from rhresources.reach.ssh.connection import SshConnection

    only_keys = _HostKeysOnly(asker) if asker is not None else None
    connection = await SshConnection.open(target, credentials=credentials, asker=only_keys)
    await connection.close()
    return f"{target.place} lets {target.user} in with it."


class _HostKeysOnly:
    """Asks about host keys, and for no other secret than the one that is tried."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    async def confirm_host_key(self, question: HostKeyQuestion) -> bool:
        return await self._asker.confirm_host_key(question)

    async def ask_secret(self, question: SecretQuestion) -> SecretAnswer | None:
        return None
