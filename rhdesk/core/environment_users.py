"""Which functions use an environment: those that ran in it, and those that ask for the same packages. No Qt."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rhdesk.core.entry_row import EntryRow
from rhdesk.core.environment_rows import EnvironmentRow
from rhdesk.core.package_lines import same_packages
from rhdesk.core.rows import RunRow
from rhresources.errors import RhError

if TYPE_CHECKING:
    from rhresources.workspace import Workspace


@dataclass(frozen=True)
class UserRow:
    """A function that uses an environment.

    Attributes:
        address: "~/train"; of a function that is not saved, what its runs are called ("train.py:main").
        last_run: when it ran in it last, seconds since the epoch; 0: never.
        asks: its document asks for the packages that the environment was made of.
        is_saved: there is a document of it.
    """

    address: str
    last_run: float
    asks: bool
    is_saved: bool
    description: str = ""


def ran_in(hash: str, cluster: str, runs: Iterable[RunRow]) -> dict[str, float]:
    """The names of what ran in an environment of a cluster, and when last."""
    found: dict[str, float] = {}
    for run in runs:
        if run.environment == hash and run.cluster == cluster:
            found[run.name] = max(found.get(run.name, 0.0), run.started or run.created)
    return found


async def users_of(
    workspace: Workspace,
    environment: EnvironmentRow,
    cluster: str,
    functions: Sequence[EntryRow],
    ran: Mapping[str, float],
) -> list[UserRow]:
    """The functions that use an environment, those that ran in it last first.

    Args:
        environment: the environment.
        cluster: the address of its cluster.
        functions: all that are saved.
        ran: as `ran_in` tells.
    """  # fmt: skip

    def look() -> list[UserRow]:
        found: list[UserRow] = []
        for row in functions:
            asks = _asks(workspace, environment, row)
            if asks or row.address in ran:
                found.append(UserRow(row.address, ran.get(row.address, 0.0), asks, True, row.description))
        saved = {row.address for row in functions}
        found += [UserRow(name, when, False, False) for name, when in ran.items() if name not in saved]
        return sorted(found, key=lambda row: (-row.last_run, row.address))

    return await asyncio.to_thread(look)


def _asks(workspace: Workspace, environment: EnvironmentRow, row: EntryRow) -> bool:
    document = row.document
    if document is None or not document.packages:
        return False
    if document.python and not f"{environment.python}.".startswith(f"{document.python}."):
        return False
    if tuple(document.setup_commands) != environment.setup_commands:
        return False
    try:
        specs = workspace.names.packages(document.in_folder(row.folder).packages)
    except RhError:  # names a package that is gone or broken
        return False
    return same_packages(environment.packages, specs)
