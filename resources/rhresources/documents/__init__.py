"""What resources say: documents of clusters, functions and packages, and the YAML they are kept in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from rhresources.documents import problems, yaml
from rhresources.documents.base import text_paths
from rhresources.documents.cluster import ClusterDocument, SshCredentials
from rhresources.documents.function import FunctionCode, FunctionDocument, FunctionResources
from rhresources.documents.package import PackageDocument
from rhresources.documents.yaml import Loaded
from rhresources.errors import DocumentError

Document: TypeAlias = ClusterDocument | FunctionDocument | PackageDocument
"""Any document; its `kind` says which."""

KINDS: dict[str, type[ClusterDocument] | type[FunctionDocument] | type[PackageDocument]] = {
    "cluster": ClusterDocument,
    "function": FunctionDocument,
    "package": PackageDocument,
}
"""The class of each kind of document."""

__all__ = [
    "KINDS",
    "ClusterDocument",
    "Document",
    "FunctionCode",
    "FunctionDocument",
    "FunctionResources",
    "PackageDocument",
    "SshCredentials",
    "dump_document",
    "parse_document",
    "plain_values",
    "update_text",
]

_TEXT_PATHS = frozenset[str]().union(*map(text_paths, KINDS.values()))


def parse_document(text_or_mapping: str | Mapping[str, Any], *, source: str | None = None) -> Document:
    """The document that YAML text, or plain values, stand for.

    Args:
        text_or_mapping: at most 1 MB of YAML, or what it would hold.
        source: what messages call it, a name or a path.

    Raises:
        DocumentError: it names the field and, of text, the line; `problems` has all of them.
    """
    if isinstance(text_or_mapping, str):
        loaded = yaml.load(text_or_mapping, source=source, text_paths=_TEXT_PATHS)
    else:
        loaded = Loaded(dict(text_or_mapping), {})
    if not isinstance(loaded.value, Mapping):
        return problems.validate(ClusterDocument, loaded, source=source)  # raises: no kind has another shape
    kind = loaded.value.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        listed = ", ".join(KINDS)
        if "kind" not in loaded.value:
            message = f"this field is missing; it says what the document is: {listed}"
        else:
            meant = problems.suggest(str(kind), KINDS)
            message = f"it is {kind!r}; allowed are {listed}" + (f" (did you mean {meant}?)" if meant else "")
        raise yaml.problem(message, source=source, path="kind", line=loaded.line(("kind",)) if loaded.lines else None)
    return problems.validate(KINDS[kind], loaded, source=source)


def plain_values(document: Document) -> dict[str, Any]:
    """What a document says, as dicts, lists and scalars, without what goes without saying."""
    said = document.model_dump(mode="json", exclude_defaults=True)
    head: dict[str, Any] = {"kind": document.kind}
    if isinstance(document, ClusterDocument):
        head["type"] = document.type
    return head | ({"description": said["description"]} if "description" in said else {}) | said


def dump_document(document: Document) -> str:
    """Tidy YAML of a document, without what goes without saying; `parse_document` gives the same document back."""
    return yaml.dump(plain_values(document))


def update_text(text: str, document: Document) -> str:
    """`text` changed to say what `document` says; comments, order and unchanged fields stay as they were written.

    Args:
        text: YAML of a valid document.
        document: what it shall say.

    Raises:
        DocumentError: `text` is not a valid document.
    """
    old = parse_document(text)
    if old == document:
        return text
    if type(old) is not type(document):
        return dump_document(document)
    before, after = plain_values(old), plain_values(document)
    changes = {key: value for key, value in after.items() if before.get(key) != value}
    edited = yaml.edit(text, changes, frozenset(before.keys() - after.keys()))
    # an edit that does not read back (aliases, odd quoting) gives way to plain text
    return edited if _says(edited, document) else dump_document(document)


def _says(text: str, document: Document) -> bool:
    try:
        return parse_document(text) == document
    except DocumentError:
        return False
