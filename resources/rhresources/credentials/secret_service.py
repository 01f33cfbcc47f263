"""The Secret Service over D-Bus: whether it is locked, and unlocking it in a way that can be given up.

python-keyring unlocks by itself and then waits for ever for somebody to answer the prompt. Here the lock is looked at
first, without a prompt, and the prompt belongs to a connection of our own: closing it takes the prompt away.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from jeepney.io.blocking import DBusConnection  # type: ignore[import-untyped]

Lock = Literal["open", "locked", "new"]
"""`new`: there is no keyring yet; the first secret makes the service ask for a password for one."""

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
    import secretstorage

    with _connection() as connection:
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
            (process,) = Proxy(message_bus, connection).GetConnectionUnixProcessID("org.freedesktop.secrets")
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
    """One prompt of the keyring, in a thread of its own, shared by all who wait for it.

    Attributes:
        outcome: True: it is open now; False: the prompt was dismissed, or could not be shown.
    """

    def __init__(self) -> None:
        self.outcome: Future[bool] = Future()
        self.outcome.set_running_or_notify_cancel()  # one who gives up must not cancel it for the others
        self._guard = threading.Lock()
        self._waiters = 0
        self._given_up = False
        self._connection: DBusConnection | None = None
        threading.Thread(target=self._run, name="keyring-unlock", daemon=True).start()

    def join(self) -> bool:
        """Wait for this too; False: it is being given up."""
        with self._guard:
            self._waiters += 0 if self._given_up else 1
            return not self._given_up

    def leave(self) -> None:
        """Wait no longer. When the last one leaves, the prompt goes away."""
        with self._guard:
            self._waiters -= 1
            if self._waiters or self.outcome.done():
                return
            self._given_up = True
            if self._connection is not None:
                try:
                    self._connection.sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _run(self) -> None:
        try:
            outcome = self._unlock()
        except BaseException as error:
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(outcome)

    def _unlock(self) -> bool:
        import secretstorage

        with _connection() as connection:
            with self._guard:
                if self._given_up:
                    return False
                self._connection = connection
            try:
                try:
                    collection = secretstorage.Collection(connection)
                except secretstorage.ItemNotFoundException:
                    try:
                        secretstorage.create_collection(connection, "Default", "default")
                    except secretstorage.PromptDismissedException:
                        return False
                    return True
                if collection.is_locked():
                    collection.unlock()
                return not collection.is_locked()
            finally:
                with self._guard:  # the descriptor may be somebody else's as soon as it is closed
                    self._connection = None
