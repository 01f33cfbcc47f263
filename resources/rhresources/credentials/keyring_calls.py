"""What is done with the keyring, as calls that block. They run in threads; whoever waits for them may give up."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from rhresources.credentials import secret_service
from rhresources.credentials.backends import Choice, choose
from rhresources.credentials.entries import KeyringLocked, service_name
from rhresources.credentials.index import Index, Key, Listed
from rhresources.errors import RhError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

log = logging.getLogger(__name__)


def look() -> tuple[Choice, secret_service.Lock]:
    """Which keyring there is now, and whether it is locked as far as that can be seen without a prompt."""
    choice = choose()
    if choice.backend is None or not choice.speaks_secret_service:
        return choice, "open"
    try:
        lock = secret_service.lock()
    except Exception as error:  # the bus or the daemon died just now; each library on the way has its own words for it
        return Choice(
            None,
            sentence="The keyring of the operating system does not answer.",
            remedy="Restart it, or log in to the desktop anew.",
            detail=f"{type(error).__name__}: {error}",
        ), "open"
    provider = secret_service.provider()
    name = f"{provider} (Secret Service)" if provider else choice.title
    return replace(choice, title=provider or choice.title, name=name), lock


def locked_error(title: str, *, dismissed: bool = False) -> KeyringLocked:
    """The error for a keyring that a person must unlock."""
    return KeyringLocked(
        f"{title} is locked{', and stayed so' if dismissed else ''}.",
        remedy="Unlock it in your desktop session, or with `rhdesk credentials unlock`.",
    )


def read(choice: Choice, key: Key) -> str | None:
    """The secret; None: it is not there, or the keyring failed.

    Raises:
        KeyringLocked: the keyring was locked, and its own prompt was not answered.
    """
    from keyring import errors

    try:
        return _backend(choice).get_password(service_name(*key), key[0])
    except errors.KeyringLocked:
        raise locked_error(choice.title, dismissed=True) from None
    except Exception as error:  # DBusErrorResponse, OSError, InitError, … : it died, and `look` will say so
        log.info("%s failed to read a %s: %s", choice.title, key[0], type(error).__name__)
        return None


def store(choice: Choice, index: Index, key: Key, secret: str) -> None:
    """Put a secret into the keyring, see that it is there, and list it.

    Raises:
        KeyringLocked: as `read`.
        RhError: the keyring did not take it, or the list could not be written; it is in neither.
    """
    from keyring import errors

    backend, service = _backend(choice), service_name(*key)
    try:
        backend.set_password(service, key[0], secret)
        same = backend.get_password(service, key[0]) == secret
    except errors.KeyringLocked:
        raise locked_error(choice.title, dismissed=True) from None
    except Exception as error:
        raise RhError(f"{choice.title} did not take it ({type(error).__name__}).", detail=_words(error)) from None
    if not same:
        _try_to_delete(backend, service, key[0])
        raise RhError(f"{choice.title} did not give back what was put into it.")
    try:
        index.add(key, Listed(time.time(), choice.title))
    except RhError:
        _try_to_delete(backend, service, key[0])  # nobody would ever find it
        raise


def delete(choice: Choice, index: Index, key: Key) -> bool:
    """Take a secret out of the keyring and the list; whether it was in the keyring.

    Raises:
        KeyringLocked: as `read`.
        RhError: the keyring failed, or the list could not be written.
    """
    from keyring import errors

    try:
        _backend(choice).delete_password(service_name(*key), key[0])
        there = True
    except errors.PasswordDeleteError:
        there = False
    except errors.KeyringLocked:
        raise locked_error(choice.title, dismissed=True) from None
    except Exception as error:
        sentence = f"{choice.title} did not remove the {key[0]} of {key[1]} ({type(error).__name__})."
        raise RhError(sentence, detail=_words(error)) from None
    index.remove(key)
    return there


def problem_of(choice: Choice, key: Key, listed: Listed) -> str:
    """What is wrong with an entry of the list; empty: nothing is known. Does not prompt, and reads no secret."""
    kind, subject = key
    if choice.backend is None:
        return f"It is in {listed.store or 'a keyring'}, which cannot be reached now."
    if choice.speaks_secret_service:
        try:
            if not secret_service.is_there(service_name(*key), kind):
                other = f"; it was kept in {listed.store}" if listed.store not in ("", choice.title) else ""
                return f"It is not in {choice.title} any more{other}."
        except Exception as error:
            return f"{choice.title} cannot be asked for it ({type(error).__name__})."
    if kind == "passphrase" and not os.path.exists(subject):
        return "There is no such key file any more."
    return ""


def _backend(choice: Choice) -> KeyringBackend:
    assert choice.backend is not None
    return choice.backend


def _try_to_delete(backend: KeyringBackend, service: str, user: str) -> None:
    try:
        backend.delete_password(service, user)
    except Exception as error:
        log.info("an entry of the keyring could not be taken back: %s", type(error).__name__)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
