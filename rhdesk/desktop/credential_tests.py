"""Tries a kept secret where it belongs: a passphrase on its key, a password on its host, a token in the keyring."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from rhdesk.core.credential_rows import CredentialRow, CredentialState
from rhresources.errors import NotFound, RhError

if TYPE_CHECKING:
    from rhresources.credentials import Kind
    from rhresources.reach.ssh.target import SshTarget
    from rhresources.workspace import Workspace

_WRONG = ("passphrase-wrong", "log-in-refused")


async def try_credential(workspace: Workspace, row: CredentialRow) -> tuple[CredentialState, str]:
    """How it stands with a credential, and a sentence about it.

    Raises:
        RhError: it could not be tried, whatever it is worth.
    """
    secret = await workspace.credentials.get(cast("Kind", row.kind), row.subject, unlock=True)
    if secret is None:
        raise NotFound(f"There is no {row.words.removeprefix('the ')} any more.", remedy="Add it again, or remove it.")
    try:
        if row.kind == "passphrase":
            from rhresources.credentials.checks import check_passphrase

            return CredentialState.WORKS, await asyncio.to_thread(check_passphrase, row.subject, secret)
        if row.kind == "password":
            from rhresources.credentials.checks import log_in

            target, asker = await _target(workspace, row.subject), workspace.asker
            return CredentialState.WORKS, await log_in(target, workspace.credentials, asker)
    except RhError as error:
        if error.code in _WRONG:
            return CredentialState.WRONG, error.sentence
        raise
    return CredentialState.WORKS, "It can be read."


async def _target(workspace: Workspace, account: str) -> SshTarget:
    """Where the password of an account is used: on the way that a cluster with this account goes, if there is one."""
    from dataclasses import replace

    from rhresources.credentials.checks import password_account
    from rhresources.documents import ClusterDocument
    from rhresources.reach.ssh.target import target_of

    for entry in await asyncio.to_thread(workspace.names.list):
        document = entry.document
        if isinstance(document, ClusterDocument) and document.type == "ssh":
            for host in document.ips:
                try:
                    target = await target_of(document, host)
                except RhError:
                    break
                if target.account == account:
                    return replace(target, log_in="password")
    return await password_account(account)
