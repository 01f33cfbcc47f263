"""Functions of the registry whose code is in a folder of its author: others call what the cluster was sent of it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from rhresources.documents import FunctionDocument
from rhresources.errors import RhError
from rhresources.registry.caution import others_reach

if TYPE_CHECKING:
    from rhresources.code.pointer import Pointer
    from rhresources.connections import ClusterLike
    from rhresources.documents.function import FunctionCode
    from rhresources.reach import Progress
    from rhresources.stores.entry import Entry
    from rhresources.workspace import Workspace

_PATIENCE = 30.0  # for the cluster; whoever saves a name waits for that, not for this
log = logging.getLogger(__name__)


def may_lack_code(entry: Entry) -> bool:
    """Whether it is a function that others can call as soon as its cluster is sent a folder; looks at no file."""
    document = entry.document
    return (
        entry.address.place == "registry"
        and isinstance(document, FunctionDocument)
        and document.code.place == "folder"
        and others_reach(document.cluster)
        and not entry.read_only
        and not entry.waiting
    )


async def hand_over(workspace: Workspace, entry: Entry, progress: Progress | None = None) -> Entry:
    """Make a function that was put into the registry callable by all who may read it.

    If its code is in a folder here and its cluster is up, the code is sent there, and the document says what was sent.
    What the document says of code that was sent before is left alone, as long as it is of the same function: sending
    the code of today is for whoever wants that.

    Args:
        workspace: of whoever saved it.
        entry: what was saved; of anything else than such a function nothing happens.
        progress: gets a line for every step that takes long.

    Returns:
        What is there now. Where the code could not be sent, its `caution` says so, and what to do.
    """
    if not may_lack_code(entry):
        return entry
    from rhresources.code.specs import push_code

    document = entry.document
    assert isinstance(document, FunctionDocument)
    assert document.cluster is not None
    try:
        pointer = await workspace.locate(document)
        if pointer.only is not None or pointer.sent is not None or _is_sent(workspace, document.code, pointer):
            return entry
        async with asyncio.timeout(_PATIENCE):
            client = await workspace.connect(document.cluster, progress=progress)
            await push_code(client, workspace.trees, pointer, progress)
        code = workspace.sent_code(client, pointer)
        whole = document.model_copy(update={"code": code})
        return await asyncio.to_thread(workspace.names.save, entry.address, whole, modified=entry.modified)
    except (RhError, TimeoutError) as error:
        log.info("the code of %s was not sent to %s: %s", entry.name, document.cluster, error)
        return entry


async def hand_over_run(workspace: Workspace, name: str, cluster: ClusterLike) -> None:
    """The same for a function that was run: its code is on that cluster now."""
    if workspace.names.resolve(name).place != "registry":
        return
    with suppress(RhError):
        entry = await asyncio.to_thread(workspace.names.entry, name, "function")
        if may_lack_code(entry) and getattr(entry.document, "cluster", None) == cluster:
            await hand_over(workspace, entry)


def _is_sent(workspace: Workspace, code: FunctionCode, pointer: Pointer) -> bool:
    """Whether what is said to be sent is this function of this folder."""
    if (sent := code.sent) is None:
        return False
    project = workspace.trees.get(pointer.root).project
    # what follows the last dash tells computers apart, on which one folder may be as well
    folders = {each.rpartition("-")[0] for each in (sent.project, project)}
    return len(folders) == 1 and (sent.folder, sent.module, sent.gives) == (
        pointer.folder, pointer.module, pointer.kind,
    )  # fmt: skip
