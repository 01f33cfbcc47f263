"""Functions on names: load, exists, list, and the current folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rhresources.documents import ClusterDocument, FunctionDocument, plain_values
from rhresources.errors import UsageError
from rhresources.library.cluster import Cluster
from rhresources.library.function import from_document
from rhresources.library.package import Package
from rhresources.library.portal import portal
from rhresources.library.progress import progress
from rhresources.library.resource import names
from rhresources.reach.questions import SecretQuestion
from rhresources.registry.login import environment_token

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
        return Cluster(address, document, dryrun).began_from(entry)
    if isinstance(document, FunctionDocument):
        return from_document(address, document, dryrun).began_from(entry)
    return Package.from_document(address, document, dryrun).began_from(entry)


def login(
    url: str, token: str | None = None, *, insecure: bool = False, authority: str | os.PathLike[str] | None = None
) -> str:
    """Log in to the registry of a team; the token is kept in the keyring.

    Args:
        url: its address, https://registry.example.org.
        token: yours; default: RH_REGISTRY_TOKEN, else it is asked for without showing it.
        insecure: send it over an open network, to an address with http://.
        authority: a file with the certificates that the registry's own is checked with.

    Returns:
        Who you are there.

    Raises:
        RhError: the registry does not answer, or refuses the token.
    """
    given = token or environment_token() or _asked(url)
    file = Path(authority) if authority is not None else None
    state = names().login(url, given, insecure=insecure, authority=file)
    if state.problem:
        progress(f"The token is kept until this program ends. {state.problem}")
    return state.user


def logout() -> None:
    """Log out: forget the token and what is known of the registry here. Changes that wait are kept."""
    progress(names().logout())


def _asked(url: str) -> str:
    there = portal()
    asker = there.workspace.asker
    answer = asker and there.run(asker.ask_secret, SecretQuestion("token", url, f"Your token for {url}"))
    if not answer or not answer.text.strip():
        raise UsageError("No token was given.", remedy="Give token=, or type it.")
    return answer.text.strip()


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
