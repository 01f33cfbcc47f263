"""What a store answers with: the address, and either the document or the problem of one that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rhresources.documents import Document
from rhresources.errors import DocumentError
from rhresources.names import Address
from rhresources.registry.answers import Level
from rhresources.registry.caution import caution_of
from rhresources.registry.told import Told


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource as a store has it.

    Attributes:
        address: its name.
        document: what it says; None where it is broken.
        problem: why it is broken; None where it is not.
        modified: seconds since the epoch of its last change, 0 for built-ins. Give it back to `save_text` to make
            sure that nothing else changed the file in between.
        path: the file; None for built-ins.
        kind: "cluster", "function" or "package"; of a broken one what its text seems to say, or nothing.
        text: the YAML as it stands in the file; of a built-in what it would be.
        version: how often it was changed in the registry; 0: it is not in one, or was not yet delivered.
        modified_by: who made the last change; empty outside the registry.
        access: what the one who is logged in may do with it: "read", "write" or "owner".
        seen: when the registry last confirmed it, in seconds since the epoch; 0: it is not from a registry.
        waiting: whether it says what is still to be delivered to the registry.
        conflict: whether a change of it waits for somebody to decide, see `ResourceNames.conflict`.
        told: how a cluster in a cloud is, as whoever's SkyPilot runs it told the registry; None: nobody did.
    """

    address: Address
    document: Document | None
    problem: DocumentError | None
    modified: float
    path: Path | None
    kind: str
    text: str
    version: int = 0
    modified_by: str = ""
    access: Level = "owner"
    seen: float = 0.0
    waiting: bool = False
    conflict: bool = False
    told: Told | None = None

    @property
    def name(self) -> str:
        """The canonical address as text: `~/train`."""
        return str(self.address)

    @property
    def broken(self) -> bool:
        """Whether its text cannot be read; it is never overwritten then, except on purpose."""
        return self.document is None

    @property
    def read_only(self) -> bool:
        """Whether it cannot be saved or deleted."""
        return self.address.place == "builtin" or self.access == "read"

    @property
    def caution(self) -> str:
        """What others who may load it cannot reach, as one sentence; empty: nothing, or it is on this computer only."""
        if self.address.place != "registry" or self.document is None:
            return ""
        return caution_of(self.document)

    def require(self) -> Document:
        """The document.

        Raises:
            DocumentError: it is broken.
        """
        if self.document is None:
            raise self.problem or DocumentError(f"{self.name} cannot be read.")
        return self.document
