"""Which clusters a command is about where it names none: those of a folder, or of every place that the person knows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rhdesk.cli.login import say_state
from rhdesk.cli.session import LOCAL
from rhresources.documents import ClusterDocument

if TYPE_CHECKING:
    from rhresources.workspace import Workspace


def is_folder(text: str | None) -> bool:
    """Whether somebody typed a folder: "@/", "/alice/", "~"."""
    return text is not None and (text.endswith("/") or text in ("~", "@"))


async def clusters_in(workspace: Workspace, folder: str | None = None) -> list[str]:
    """The whole names of the clusters in a folder; None: this computer's, then all that are saved here and in the
    registry, as far as it is known where it does not answer.

    Raises:
        BadName: it is no folder.
        NoRegistry: it is one of a registry, and nobody is logged in.
    """

    def read() -> list[str]:
        everywhere, usable = folder is None or folder == "/", True
        if everywhere and (state := workspace.names.refresh_registry()) is not None and not state.is_usable:
            usable = False  # those of this computer have nothing to do with it
            say_state(state)
        entries = workspace.names.list(folder.rstrip("/") if folder and not everywhere else None, kind="cluster")
        return [
            str(workspace.names.resolve(entry.address))
            for entry in entries
            if isinstance(entry.document, ClusterDocument)
            and entry.address.place != "builtin"
            and (usable if entry.address.place == "registry" else folder != "/")
        ]

    saved = await asyncio.to_thread(read)
    return saved if folder is not None else [LOCAL, *saved]
