"""Functions on names: load, exists, list, and the current folder."""

from __future__ import annotations

from typing import Any

from rhresources.documents import ClusterDocument, FunctionDocument, plain_values
from rhresources.library.cluster import Cluster
from rhresources.library.function import from_document
from rhresources.library.package import Package
from rhresources.library.resource import names

_MISSING: Any = object()


def load(name: str, instantiate: bool = True, dryrun: bool = False) -> Any:
    """The saved resource of that name: a Cluster, a Function or a Package.

    Args:
        name: as people write it.
        instantiate: without it, what the document says as plain values.
        dryrun: only describe it; touch no cluster.

    Raises:
        NotFound: there is none.
        DocumentError: its document is broken.
    """
    entry = names().load(name)
    document, address = entry.require(), entry.name
    if not instantiate:
        return {"name": address, **plain_values(document)}
    if isinstance(document, ClusterDocument):
        return Cluster(address, document, dryrun)
    if isinstance(document, FunctionDocument):
        return from_document(address, document, dryrun)
    return Package.from_document(address, document, dryrun)


def exists(name: str, resource_type: str | None = None) -> bool:
    """Whether a resource of that name (and kind: cluster, function, package) is saved."""
    return names().exists(name, resource_type)


def resources(path: str | None = None, full_paths: bool = False) -> list[str]:
    """The names in a folder, default the current one; with `full_paths` as whole addresses."""
    listed = names().list(path if path is not None else names().current_folder)
    return [entry.name if full_paths else entry.address.name for entry in listed]


def set_folder(path: str, create: bool = False) -> str:
    """Make a folder the one that bare names are in. Folders need not be made; `create` is for code that names it."""
    return names().set_folder(path)


def unset_folder() -> str:
    """Go back to the folder before the last `set_folder`."""
    return names().unset_folder()


def current_folder() -> str:
    """The folder that bare names are in."""
    return names().current_folder


def get(key: str, cluster: str | Cluster | None = None, default: Any = _MISSING) -> Any:
    """The object kept under a key, or the result of a run, on a cluster (default: this computer).

    Raises:
        NotFound: there is neither, and no default.
    """
    where = (
        cluster if isinstance(cluster, Cluster) else Cluster(cluster or "^local", names().cluster(cluster or "^local"))
    )
    return where.get(key) if default is _MISSING else where.get(key, default)
