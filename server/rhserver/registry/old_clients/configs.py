"""From what an old client sends to what is kept, and from what is kept to what it gets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rhresources.documents import Document, dump_document, parse_document, update_text
from rhresources.errors import DocumentError
from rhresources.runhouse import flat, from_document, to_document
from rhresources.runhouse.merging import merged
from rhresources.runhouse.secrets import without_secrets
from rhresources.runhouse.versions import completed
from rhserver.registry.documents import Content
from rhserver.registry.names import Name
from rhserver.registry.problems import Unfit
from rhserver.registry.resource import OTHER, Resource

_AT_THE_TOP = ("name", "resource_type", "folder", "visibility", "users", "groups")
"""What is not under `data`."""


def content_of(name: Name, sent: Mapping[str, Any], current: Resource | None, reader: str) -> Content:
    """What is kept of a config that a client sends: itself without secrets, and the document that it means.

    Args:
        name: what it is called.
        sent: the config.
        current: what is there.
        reader: the user who sends it.

    Raises:
        Unfit: it would take the place of a document that only clients of today can write.
    """
    legacy, _ = without_secrets(dict(sent))
    try:
        document, left = to_document(legacy)
        text = _text(document, left)
    except DocumentError as error:
        if current is not None and current.kind != OTHER and current.legacy is None:
            raise Unfit(f"{name} is a document of rhdesk, which this cannot replace. {error.sentence}") from None
        return Content(OTHER, "", "", legacy)
    if current is not None and current.kind == document.kind:
        document = merged(_document(current), _given(current, reader), document)
        text = update_text(current.text, document)
    return Content(document.kind, text, document.description, legacy)


def config_of(resource: Resource, reader: str) -> dict[str, Any]:
    """What a client of the user `reader` gets for a document: what a client saved, else what it can load of it."""
    if resource.legacy is not None:
        return completed(resource.legacy | {"name": resource.name}, reader)
    config = from_document(resource.name, parse_document(resource.text), reader)
    top = {key: value for key, value in config.items() if key in _AT_THE_TOP}
    return top | {"data": {key: value for key, value in config.items() if key not in _AT_THE_TOP}}


def is_same(resource: Resource, sent: Mapping[str, Any]) -> bool:
    """Whether a client saved just that already."""
    if resource.legacy is None:
        return False
    kept, _ = without_secrets(dict(sent))
    return json.dumps(resource.legacy, sort_keys=True) == json.dumps(kept, sort_keys=True)


def type_of(resource: Resource) -> str:
    """What Runhouse calls the kind of a document."""
    return str((resource.legacy or {}).get("resource_type", "")) if resource.kind == OTHER else resource.kind


def _text(document: Document, left: list[str]) -> str:
    remarks = "".join(f"# {' '.join(sentence.split())}\n" for sentence in left)
    text = f"# Saved by a client of Runhouse.\n{remarks}{dump_document(document)}"
    parse_document(text)  # it may be too long
    return text


def _document(resource: Resource) -> Document:
    return parse_document(resource.text)


def _given(resource: Resource, reader: str) -> Document:
    """What a client could see of a document when it loaded it."""
    document, _ = to_document(flat(config_of(resource, reader)))
    return document
