"""A client of Runhouse saves over a document of today: what it changed is changed, what it cannot say stays."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel

from rhresources.documents import Document, parse_document, plain_values
from rhresources.errors import DocumentError

_Part = TypeVar("_Part", bound=BaseModel)


def merged(current: Document, began_from: Document, wanted: Document) -> Document:
    """`current` with what differs between `began_from` and `wanted`.

    Args:
        current: the document as it is.
        began_from: what of it the client was given.
        wanted: what the client made of that.
    """
    if not type(current) is type(began_from) is type(wanted):
        return wanted
    try:
        return parse_document(plain_values(_changed(current, began_from, wanted)))
    except DocumentError:  # another type of cluster, say
        return wanted


def _changed(current: _Part, began_from: _Part, wanted: _Part) -> _Part:
    changes = {}
    for name in type(current).model_fields:
        now, before, after = (getattr(each, name) for each in (current, began_from, wanted))
        if before == after:
            continue
        is_part = isinstance(now, BaseModel) and type(now) is type(before) is type(after)
        changes[name] = _changed(now, before, after) if is_part else after
    return current.model_copy(update=changes)
