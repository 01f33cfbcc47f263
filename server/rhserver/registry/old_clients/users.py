"""Their calls about users: settings that are kept for them, secrets that are not, and news of clusters."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from rhresources.errors import BadName, RhError
from rhresources.runhouse.secrets import without_secrets
from rhserver.registry import documents, status
from rhserver.registry.documents import Content
from rhserver.registry.names import Name, document_name
from rhserver.registry.old_clients.reports import news, report_of
from rhserver.registry.old_clients.secrets import LOG_INS, NO_SECRETS, provider_of
from rhserver.registry.old_clients.wire import OldRoute, answer, answer_of, name_of, sent_bytes, sent_mapping
from rhserver.registry.problems import NoAccess, Unfit
from rhserver.registry.resource import OTHER
from rhserver.registry.room import Session, room_of

router = APIRouter(route_class=OldRoute, include_in_schema=False)

Body = Annotated[bytes, Depends(sent_bytes)]

_SETTINGS = "runhouse-config"

# ---------------------------------------------------------------- settings


@router.get("/user")
@router.get("/user/")
def load_user(request: Request) -> Response:
    """Who one is, and the settings that one uploaded."""
    with room_of(request).reading(request) as session:
        return _settings(session, session.caller.user.name)


@router.put("/user/config")
@router.put("/user//config")
def save_user(request: Request, body: Body) -> Response:
    """Keep one's settings."""
    room = room_of(request)
    user = room.caller(request).user.name
    return _keep_settings(request, user, sent_mapping(body))


@router.get("/group//{group}")
@router.get("/group/{group}")
def load_group(request: Request, group: str) -> Response:
    """The settings of a group."""
    with room_of(request).reading(request) as session:
        return _settings(session, group)


@router.put("/group//{group}/config")
@router.put("/group/{group}/config")
def save_group(request: Request, group: str, body: Body) -> Response:
    """Keep the settings of a group."""
    return _keep_settings(request, group, sent_mapping(body))


def _settings(session: Session, owner: str) -> Response:
    found = documents.peek(session.connection, session.rights, _settings_name(owner))
    kept = (found.legacy or {}).get("data", {}) if found else {}
    return answer({"username": session.caller.user.name, "config": kept})


def _keep_settings(request: Request, owner: str, sent: dict[str, Any]) -> Response:
    clean, _ = without_secrets(sent)
    name = _settings_name(owner)
    legacy = {"name": name.text, "resource_type": "config", "data": clean}
    with room_of(request).writing(request) as session:
        there = documents.peek(session.connection, session.rights, name)
        if there is not None and there.kind != OTHER:
            raise NoAccess(f"{name} is a document of rhdesk, so no settings are kept there.")
        documents.save(session.connection, session.rights, name, Content(OTHER, "", "", legacy))
    return answer({})


def _settings_name(owner: str) -> Name:
    return document_name(f"{owner}/{_SETTINGS}")


# ---------------------------------------------------------------- secrets: never read, never kept


@router.get("/user/secret")
@router.get("/user/secret/{uri}")
@router.get("/group/secret/{group}/{uri}")
def load_secrets(request: Request) -> Response:
    """There are none; the client uses the key that is on its computer."""
    room_of(request).caller(request)
    return answer({})


@router.put("/user/secret/{uri}")
def save_secret(request: Request, uri: str) -> Response:
    """Say yes to the log-in of a cluster and keep nothing, because the cluster cannot be saved else."""
    name = name_of(uri) if ":" in uri else None
    with room_of(request).reading(request) as session:
        found = documents.peek(session.connection, session.rights, name) if name else None
    kept = found.legacy if found else None
    if kept and isinstance(kept.get("data"), dict) and provider_of(kept) in LOG_INS:
        return answer({}, NO_SECRETS)
    raise NoAccess(NO_SECRETS)


@router.put("/user/secret")
@router.put("/group/secret/{group}/{uri}")
def save_secrets(request: Request) -> Response:
    """Refuse them."""
    room_of(request).caller(request)
    raise NoAccess(NO_SECRETS)


@router.delete("/user/secret/{uri}")
@router.delete("/group/secret/{group}/{uri}")
def delete_secrets(request: Request) -> Response:
    """There are none."""
    room_of(request).caller(request)
    return answer({})


# ---------------------------------------------------------------- news of clusters, and what their hosted service did


@router.post("/resource/{uri}/cluster/status")
def take_status(request: Request, uri: str, body: Body) -> Response:
    """Keep how a cluster is, where the report says that and its sender may; nod in any case."""
    room = room_of(request)
    room.caller(request)
    with suppress(Unfit, BadName):
        name, report = name_of(uri), report_of(sent_mapping(body))
        if report is None:
            return answer({})
        with room.reading(request) as session:
            told = news(session, name, report)
        if told is not None:
            with room.writing(request) as session:
                if (told := news(session, name, report)) is not None:
                    status.tell(session.connection, session.rights, name, told, 0.0)
    return answer({})


@router.post("/admin/logs")
@router.post("/resource/{uri}/logs")
def take_news(request: Request) -> Response:
    """Nod; nothing of it is read or kept."""
    room_of(request).caller(request)
    return answer({})


@router.get("/resource/{uri}/logs")
@router.get("/resource/{uri}/logs/file")
@router.get("/resource/{uri}/cluster/status")
@router.get("/auth/token/cluster/{uri}")
def load_news(request: Request) -> Response:
    """There is none."""
    room_of(request).caller(request)
    error = RhError("The registry keeps no logs and no tokens of clusters; a list of clusters says how they are.")
    return answer_of({"error": {"code": "not-found", "sentence": error.sentence, "remedy": "", "detail": ""}}, 404)


@router.post("/auth/token/cluster")
@router.post("/cluster/{what}")
def refuse_service(request: Request) -> Response:
    """What Runhouse's own service did: launch clusters, and make tokens for them."""
    room_of(request).caller(request)
    sentence = "This registry keeps documents; it launches no clusters and makes no tokens for them."
    said = {"code": "unsupported", "sentence": sentence, "remedy": "Use the launcher 'local'.", "detail": ""}
    return answer_of({"error": said}, 501)
