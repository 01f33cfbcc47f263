"""The token of a login, for those who cannot await: from the environment or the keyring."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rhresources.errors import RhError
from rhresources.registry.login import TOKEN, Login, environment_token, token_subject

if TYPE_CHECKING:
    from rhresources.credentials import Credentials, Kept

T = TypeVar("T")


def read_token(home: Path, login: Login, *, person: bool) -> str:
    """The token of `login`.

    Args:
        home: the rhdesk directory.
        login: whose.
        person: somebody waits for this and may be asked to unlock the keyring.

    Raises:
        KeyringLocked: the keyring is locked.
        RhError: there is none.
    """
    if login.from_environment:
        return environment_token()
    subject = token_subject(login)
    token = _on_a_loop(home, lambda credentials: credentials.get("token", subject, unlock=person))
    if token is None:
        state = _on_a_loop(home, lambda credentials: credentials.state())
        why = "" if state.usable else f" {state.sentence}"
        raise RhError(
            f"The token of {login.user} for {login.url} is not in the keyring.{why}",
            remedy=f"Log in anew with `rhdesk login {login.url}`, or set {TOKEN}.",
        )
    return token


def keep_token(home: Path, login: Login, token: str) -> Kept:
    """Put a token into the keyring; the answer says where it went."""
    subject = token_subject(login)
    return _on_a_loop(home, lambda credentials: credentials.put("token", subject, token))


def forget_token(home: Path, login: Login) -> None:
    """Take a token out of the keyring.

    Raises:
        RhError: the keyring cannot be reached; it is still there.
    """
    subject = token_subject(login)
    _on_a_loop(home, lambda credentials: credentials.remove("token", subject))


def _on_a_loop(home: Path, work: Callable[[Credentials], Awaitable[T]]) -> T:
    """The outcome of `work` on a loop of its own, because the caller's thread may have one that runs."""
    from rhresources.credentials import Credentials

    outcome: list[T] = []
    failure: list[BaseException] = []

    async def main() -> None:
        outcome.append(await work(Credentials(home)))

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, name="registry-token", daemon=True)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
