"""One kept credential as a list shows it. The secret itself is never here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rhresources.credentials import Entry

KINDS = {
    "passphrase": "Passphrase of a key file",
    "password": "Password of an account",
    "token": "Token",
}
"""What each kind is called."""


class CredentialState(Enum):
    """What is known of a credential: its word, its role among the colours, its shape."""

    KEPT = ("Kept", "text_faint", "dot")
    TESTING = ("Testing", "warn", "ring")
    WORKS = ("Works", "ok", "check")
    WRONG = ("Wrong", "error", "cross")
    UNTESTED = ("Not tested", "warn", "square")
    BROKEN = ("Not usable", "error", "cross")

    @property
    def word(self) -> str:
        return self.value[0]

    @property
    def role(self) -> str:
        return self.value[1]

    @property
    def shape(self) -> str:
        return self.value[2]


@dataclass(frozen=True)
class CredentialRow:
    """`sentence` says why it is in this state; `kept` where it is."""

    kind: str
    subject: str
    where: str  # "keyring" or "session"
    created: float = 0.0
    kept: str = ""
    state: CredentialState = CredentialState.KEPT
    sentence: str = ""

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.where}:{self.subject}"

    @property
    def title(self) -> str:
        """The subject, with ~ for the home of the user."""
        path, home = Path(self.subject), Path.home()
        own = self.kind == "passphrase" and path.is_relative_to(home) and path != home
        return f"~/{path.relative_to(home).as_posix()}" if own else self.subject

    @property
    def words(self) -> str:
        """ "the passphrase of ~/.ssh/id_ed25519"."""
        return f"the token {self.title}" if self.kind == "token" else f"the {self.kind} of {self.title}"


def credential_row(entry: Entry, tested: tuple[CredentialState, str] | None = None) -> CredentialRow:
    """An entry as it is listed.

    Args:
        tested: what the last test in this session found.
    """
    state, sentence = tested or (CredentialState.KEPT, "")
    if entry.problem:
        state, sentence = CredentialState.BROKEN, entry.problem
    kept = "This session only" if entry.where == "session" else entry.store or "Keyring"
    return CredentialRow(entry.kind, entry.subject, entry.where, entry.created, kept, state, sentence)
