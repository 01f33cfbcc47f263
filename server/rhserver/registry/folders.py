"""How folders are written: two that differ in case only would be one on the disks of many computers."""

from __future__ import annotations

from sqlalchemy import Connection, false, select

from rhserver.registry.names import below
from rhserver.registry.problems import CaseClash
from rhserver.registry.schema import grants, resources


def require_same_case(connection: Connection, folder: str, besides: int = 0) -> None:
    """Refuse a folder that is there in other case: something is in it besides that document, or it was shared.

    Raises:
        CaseClash: with how it is written.
    """
    written = _written(connection, folder.lower(), besides)
    if written is not None and written != folder:
        raise CaseClash(f"{folder} and {written} differ only in upper and lower case.", remedy="Choose another name.")


def _written(connection: Connection, key: str, besides: int) -> str | None:
    first, end = below(key)
    inside = select(resources.c.name).where(
        resources.c.key >= first, resources.c.key < end, resources.c.deleted == false(), resources.c.id != besides
    )
    shared = select(grants.c.folder).where(
        (grants.c.folder_key == key) | ((grants.c.folder_key >= first) & (grants.c.folder_key < end))
    )
    for query in (inside, shared):
        found = connection.execute(query.limit(1)).scalar()
        if found is not None:
            return str(found)[: len(key)]
    return None
