"""The Secret Service over D-Bus: whether it is locked, and unlocking it once for all who wait.

python-keyring unlocks by itself, and each call then waits without end for somebody to answer a prompt of its own. Here
the lock is looked at first, without a prompt, and there is one prompt at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from jeepney.io.blocking import DBusConnection  # type: ignore[import-untyped]

Lock = Literal["open", "locked", "new"]
"""`new`: there is no keyring yet; the first secret makes the service ask for a password for one."""

_NAME = "org.freedesktop.secrets"

_PROVIDERS = {
    "gnome-keyring-d": "GNOME Keyring",
    "keepassxc": "KeePassXC",
    "kwalletd5": "KWallet",
    "kwalletd6": "KWallet",
    "ksecretd": "KWallet",
    "oo7-daemon": "oo7",
}
"""By the first 15 characters of the program's name, which is what Linux keeps of it."""


@contextmanager
def _connection() -> Iterator[DBusConnection]:
    import secretstorage

    with closing(secretstorage.dbus_init()) as connection:
        yield connection


def lock() -> Lock:
    """Whether the default keyring is locked. Does not prompt.

    Raises:
        Exception: the service cannot be asked; of many kinds.
    """
    with _connection() as connection:
        return _lock_of(connection)


def _lock_of(connection: DBusConnection) -> Lock:
    import secretstorage

    try:
        return "locked" if secretstorage.Collection(connection).is_locked() else "open"
    except secretstorage.ItemNotFoundException:
        return "new"


def provider() -> str:
    """The program behind the service as people call it, "GNOME Keyring"; empty if that is not known."""
    from jeepney.bus_messages import message_bus  # type: ignore[import-untyped]
    from jeepney.io.blocking import Proxy

    try:
        with _connection() as connection:
            (process,) = Proxy(message_bus, connection).GetConnectionUnixProcessID(_NAME)
        with open(f"/proc/{process}/comm") as file:
            return _PROVIDERS.get(file.read().strip(), "")
    except Exception:  # a name is all that is lost
        return ""


def is_there(service: str, user: str) -> bool:
    """Whether the default keyring has such an entry. Works while it is locked, reads no secret, does not prompt.

    Raises:
        Exception: the service cannot be asked; of many kinds.
    """
    import secretstorage

    with _connection() as connection:
        try:
            collection = secretstorage.Collection(connection)
        except secretstorage.ItemNotFoundException:
            return False
        return any(True for _ in collection.search_items({"service": service, "username": user}))


class Unlocking:
    """One prompt of the keyring, in a thread of its own, for all who wait for it and beyond them.

    The prompt stays until somebody answers it, even if nobody waits any more: taking it away (`Prompt.Dismiss`) makes
    gnome-keyring 42 abort, and with it goes everybody's open keyring. Whoever waits next gets the prompt that is there.

    Attributes:
        outcome: True: it is open now; False: the prompt was dismissed, or could not be shown.
    """

    def __init__(self) -> None:
        self.outcome: Future[bool] = Future()
        self.outcome.set_running_or_notify_cancel()  # one who gives up must not cancel it for the others
        threading.Thread(target=self._run, name="keyring-unlock", daemon=True).start()

    def _run(self) -> None:
        try:
            with _connection() as connection:
                outcome = _unlock(connection)
        except BaseException as error:
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(outcome)


def _unlock(connection: DBusConnection) -> bool:
    import secretstorage

    match _lock_of(connection):
        case "locked":
            secretstorage.Collection(connection).unlock()
        case "new":
            try:
                secretstorage.create_collection(connection, "Default", "default")
            except secretstorage.PromptDismissedException:
                return False
    return _lock_of(connection) == "open"
