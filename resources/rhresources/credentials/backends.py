"""Which keyring: one of the operating system's own, by name, and never whatever happens to be installed.

`keyring.get_keyring()` would also take backends that write secrets into a file, ask for a password on the terminal, or
throw secrets away. It also remembers its choice for good, while a keyring may appear or die at any time.
"""

from __future__ import annotations

import configparser
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SECRET_SERVICE = "keyring.backends.SecretService.Keyring"
_LIBSECRET = "keyring.backends.libsecret.Keyring"
_CHAINER = "keyring.backends.chainer.ChainerBackend"

ALLOWED = {
    SECRET_SERVICE: "Secret Service",
    "keyring.backends.kwallet.DBusKeyring": "KWallet",
    "keyring.backends.kwallet.DBusKeyringKWallet4": "KWallet",
    _LIBSECRET: "Secret Service",
    "keyring.backends.macOS.Keyring": "macOS Keychain",
    "keyring.backends.Windows.WinVaultKeyring": "Windows Credential Manager",
}
"""The classes that may hold secrets, and what people call them."""

_VARIABLE = "PYTHON_KEYRING_BACKEND"


@dataclass(frozen=True, slots=True)
class Choice:
    """The keyring to use, or why there is none.

    Attributes:
        backend: None: there is none.
        title: what people call it, "GNOME Keyring".
        name: the same with the interface it has, "GNOME Keyring (Secret Service)".
        speaks_secret_service: whether its lock can be looked at over D-Bus.
        sentence: why there is none.
        remedy: what to do about that.
        detail: raw words.
    """

    backend: KeyringBackend | None
    title: str = ""
    name: str = ""
    speaks_secret_service: bool = False
    sentence: str = ""
    remedy: str = ""
    detail: str = ""


def choose() -> Choice:
    """The keyring that can be used now. Asks the system anew each time, does not prompt, and blocks."""
    try:
        named, by = _named()
    except (OSError, configparser.Error, UnicodeDecodeError) as error:
        return Choice(
            None,
            sentence="The configuration of Python's keyring cannot be read.",
            remedy="Mend or delete keyringrc.cfg.",
            detail=str(error),
        )
    if named and named != _CHAINER:
        if named not in ALLOWED:
            return Choice(
                None,
                sentence=f"{by} names {named}, which is not a keyring of the operating system.",
                remedy=f"Take {by} away, or let it name {SECRET_SERVICE}." if _on_linux() else f"Take {by} away.",
            )
        found = _load(named)
        return found if isinstance(found, Choice) else Choice(None, sentence=_nothing(), detail=found)
    reasons = []
    found_all: list[Choice] = []
    for name in _candidates():
        if name == _LIBSECRET and found_all:
            continue  # another way to the same service; its bindings are slow to load
        found = _load(name)
        if isinstance(found, Choice):
            found_all.append(found)
        else:
            reasons.append(found)
    if found_all:
        return max(found_all, key=_priority)
    return Choice(None, sentence=_nothing(), remedy=_remedy(), detail="\n".join(reasons))


def _named() -> tuple[str, str]:
    """The class that the environment or keyring's own configuration names, and which of them does."""
    if given := os.environ.get(_VARIABLE, "").strip():
        return given, _VARIABLE
    from keyring.util.platform_ import config_root

    path = os.path.join(config_root(), "keyringrc.cfg")
    config = configparser.RawConfigParser()
    config.read(path, encoding="utf-8")
    return config.get("backend", "default-keyring", fallback="").strip(), path


def _candidates() -> list[str]:
    match sys.platform:
        case "darwin":
            return ["keyring.backends.macOS.Keyring"]
        case "win32":
            return ["keyring.backends.Windows.WinVaultKeyring"]
        case _:
            return [name for name in ALLOWED if ".macOS." not in name and ".Windows." not in name]


def _load(name: str) -> Choice | str:
    """The backend of that class, or why it cannot be used here."""
    from keyring.core import load_keyring

    try:
        backend = load_keyring(name)
    except Exception as error:  # each backend fails in ways of its own where its system is not there
        return f"{name}: {type(error).__name__}: {error}"
    kind = type(backend)
    if f"{kind.__module__}.{kind.__qualname__}" != name:
        return f"{name} is {kind.__module__}.{kind.__qualname__}"
    return Choice(backend, ALLOWED[name], ALLOWED[name], name in (SECRET_SERVICE, _LIBSECRET))


def _priority(choice: Choice) -> float:
    try:
        return float(choice.backend.priority) if choice.backend is not None else -1.0
    except Exception:  # it died since it was loaded
        return -1.0


def _on_linux() -> bool:
    return sys.platform not in ("darwin", "win32")


def _nothing() -> str:
    return "No keyring of the operating system can be reached."


def _remedy() -> str:
    if _on_linux():
        return "Install and start one (gnome-keyring, KWallet or KeePassXC), in a desktop session or with its D-Bus."
    return ""
