"""Which failures of requests the audit log tells of: what was tried without the right to it."""

from __future__ import annotations

from fastapi import Request

from rhresources.errors import BadName, NotFound, RhError
from rhserver.registry import resource
from rhserver.registry.asked import asked_of
from rhserver.registry.names import folder_name
from rhserver.registry.problems import BadToken, NoAccess, TooMany
from rhserver.registry.rights import Level, rights_of
from rhserver.registry.room import Room

HIDDEN = "hidden"
"""Why somebody was told that a document is not there which is."""

_ACTIONS = {
    "load_resource": "load",
    "save_resource": "save",
    "delete_resource": "delete",
    "move_resource": "move",
    "change_access": "share",
}


def note(request: Request, error: RhError) -> None:
    """Have the audit log tell of `error`, if it is a refusal. Runs in a thread, after the transaction."""
    room: Room = request.app.state.room
    actor = asked_of(request.scope).actor
    code = error.code
    path = request.path_params.get("path") or request.path_params.get("uri", "").replace(":", "/")  # of old clients
    if isinstance(error, NotFound):
        if actor.token_id is None or not path or not _is_hidden(room, request, path):
            return
        code = HIDDEN
    elif not isinstance(error, (BadToken, NoAccess, TooMany)):
        return
    endpoint = getattr(request.scope.get("endpoint"), "__name__", "")
    room.recorder.refused(actor, _ACTIONS.get(endpoint, endpoint.replace("_", " ")), f"/{path}" if path else "", code)


def _is_hidden(room: Room, request: Request, path: str) -> bool:
    """Whether there is such a document, which this user may not read."""
    caller = asked_of(request.scope).caller
    try:
        key = folder_name(path).key
    except BadName:
        return False
    if caller is None:
        return False
    with room.database.reading() as connection:
        rights = rights_of(connection, caller.user)  # first: it is not to take longer where there is something
        row = resource.find(connection, key)
        return row is not None and rights.of(row.key, row.id) is Level.NONE
