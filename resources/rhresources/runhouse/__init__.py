"""What Runhouse wrote, and today's documents: one made of the other.

Runhouse (0.0.5 and 0.0.42 are what is known here) keeps a resource as a mapping, a "config": in a file
`rh/<name>/config.json`, or on a server that its clients speak to. `to_document` makes today's document of one and says
what was left behind; `from_document` makes what both versions of the client can load.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rhresources.documents import ClusterDocument, Document, FunctionDocument
from rhresources.errors import DocumentError
from rhresources.names import Address
from rhresources.runhouse import clusters, functions, packages
from rhresources.runhouse.values import Surroundings, flat, text

__all__ = ["Surroundings", "flat", "from_document", "to_document"]

_WITHOUT_COUNTERPART = {
    "secret": "secrets belong into the keyring, see `rhdesk credentials`",
    "folder": "files are sent with `rhdesk send`",
    "blob": "files are sent with `rhdesk send`",
    "table": "files are sent with `rhdesk send`",
    "module": "name a function of it instead",
    "env": "the packages stand with the functions that need them",
}


def to_document(config: Mapping[str, Any], surroundings: Surroundings | None = None) -> tuple[Document, list[str]]:
    """Today's document of what Runhouse wrote, and sentences about what was not carried over.

    Args:
        config: of version 0.0.5 or 0.0.42, from a file or as its server answers.
        surroundings: what is known about where it was found.

    Raises:
        DocumentError: it says too little, or is something that rhdesk has no document for.
    """
    config, notes = flat(config), list[str]()
    around = surroundings or Surroundings()
    kind = text(config.get("resource_type"))
    if kind == "cluster":
        return clusters.to_document(config, notes), notes
    if kind == "function":
        return functions.to_document(config, notes, around), notes
    if kind == "package":
        return packages.to_document(config, notes, around), notes
    if not kind:
        raise DocumentError("This is no resource of Runhouse: it does not say its resource_type.")
    why = _WITHOUT_COUNTERPART.get(kind, "it stays as it is")
    raise DocumentError(f"rhdesk has no document for a {kind[:40]!r} of Runhouse: {why}.")


def from_document(name: str | Address, document: Document, reader: str = "") -> dict[str, Any]:
    """What clients of Runhouse, of both versions, load in place of a document of today.

    What Runhouse has no words for (labels, prices, limits, ...) is left out.

    Args:
        name: the address of the document: `/owner/name`, `~/name`.
        document: what it says.
        reader: the user for whom it is; by default its owner.
    """
    address = str(name)
    if isinstance(document, ClusterDocument):
        return clusters.from_document(address, document, reader)
    if isinstance(document, FunctionDocument):
        return functions.from_document(address, document)
    return packages.from_document(address, document)
