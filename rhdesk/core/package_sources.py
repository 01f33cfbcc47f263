"""Where the modules of a saved package are read: in its folder, its checkout, or on a cluster that has it. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rhdesk.core.entry_row import EntryRow
from rhdesk.core.environment_rows import EnvironmentRow
from rhdesk.core.package_modules import FolderModules, InstalledModules, ModuleRow, ModuleSource
from rhdesk.core.package_requests import from_home, holding
from rhresources.errors import RhError

if TYPE_CHECKING:
    from rhresources.workspace import Workspace

_FILES = frozenset({".txt", ".toml", ".lock", ".cfg", ".yml", ".yaml", ".whl", ".zip", ".gz", ".tgz", ".bz2"})


@dataclass(frozen=True)
class OpenedPackage:
    """Where the modules of a package are read, and what is at the top.

    Attributes:
        source: None: it is installed in no environment of the cluster.
        environments: that have it, and `chosen`, the hash of the one that is read; empty for what is read here.
        place: the folder or repository, for people.
    """

    source: ModuleSource | None
    modules: tuple[ModuleRow, ...] = ()
    environments: tuple[EnvironmentRow, ...] = ()
    chosen: str = ""
    place: str = ""


def is_here(document: Any) -> bool:
    """Whether the modules of a package are read on this computer: a folder of it, or a repository.

    Told from the document alone; whether the folder is there shows when it is read.
    """
    if document is None or document.install_method == "git":
        return document is not None
    spec = document.spec()
    return bool(spec.is_path) and Path(spec.target).suffix not in _FILES


async def open_package(workspace: Workspace, row: EntryRow, cluster: str, hash: str) -> OpenedPackage:
    """Find where the modules of a package can be read, and read the top."""
    document = row.document
    if document.install_method == "git":
        checkout = await workspace.trees.checkouts.get(document.git_url, document.revision)
        folder = checkout.folder / document.subdirectory
        if not folder.is_dir():
            raise RhError(
                f"{checkout.title} has no folder {document.subdirectory}.", remedy="Correct the subdirectory."
            )
        code = {"git_url": str(document.git_url), "revision": str(document.revision or checkout.commit)}
        modules = FolderModules(checkout.folder, code, within=str(document.subdirectory))
        return OpenedPackage(modules, tuple(await modules.modules("")), place=checkout.title)
    if is_here(document):
        path = Path(from_home(document.spec()).target)
        modules = FolderModules(path)
        return OpenedPackage(modules, tuple(await modules.modules("")), place=str(path))
    environments = await workspace.environments(cluster)
    rows = [EnvironmentRow.of(one) for one in await environments.list()]
    having = [one for one in holding(row.address, document, rows) if one.state == "ready"]
    having.sort(key=lambda one: (one.packages != (f"rh:{row.address}",), -one.renewed, -one.last_use))
    if not having:
        return OpenedPackage(None)
    chosen = hash if hash in {one.hash for one in having} else having[0].hash
    installed = InstalledModules(workspace, cluster, chosen, distributions(document))
    found = await installed.modules("")
    if not found:  # what it installs is called something else
        installed = InstalledModules(workspace, cluster, chosen)
        found = await installed.modules("")
    return OpenedPackage(installed, tuple(found), tuple(having), chosen)


def distributions(document: Any) -> tuple[str, ...]:
    """What a package installs, where its own line says so; empty: it installs several things."""
    target = str(document.target)
    if document.install_method not in ("pip", "conda") or document.spec().is_path or "://" in target:
        return ()
    from rhresources.package_words import normal_name

    name = target.rpartition("::")[2]
    for mark in "[ ;=<>!~@(":
        name = name.partition(mark)[0]
    return (normal_name(name),) if name else ()
