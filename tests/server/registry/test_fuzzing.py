"""Requests that nobody would think of, made by schemathesis from the registry's own description of itself.

None may end as an unexpected failure, and each answer is one that the description announces. The same requests are
made each time. The calls of old clients stand in no description, so one is made of them here.
"""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from hypothesis.errors import Unsatisfiable
from lab.registry import RegistryServer
from schemathesis import GenerationMode, checks
from schemathesis.core import NOT_SET
from schemathesis.specs.openapi import checks as openapi_checks

from rhserver.registry.old_clients import resources, users

CLUSTER = "kind: cluster\nips: [gpu1]\n"
PATHS = ["alice/gpu", "alice/gpu", "alice/deep/gpu", "alice/old", "bob/gpu", "team/gpu", "alice", "alice/new", "carl/x"]
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.response_headers_conformance,
]
REPEATED = settings(
    max_examples=12, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip

SENT_BY_OLD_CLIENTS: dict[str, Any] = {
    "properties": {
        "name": {"enum": ["/alice/gpu", "/alice/f", "/alice/deep/p", "/bob/gpu", "/team/x", "~/x", "/alice", 1, None]},
        "resource_type": {"enum": ["cluster", "function", "package", "secret", "folder", "", 1]},
        "visibility": {"enum": ["public", "private", 1]},
        "users": {"enum": ["bob", ["bob", "@team", "alice"], ["\u0000"], [1], {}]},
        "access_level": {"enum": ["read", "write", "denied", "proxy", ["read"]]},
        "data": {"properties": {each: {} for each in ("ips", "ssh_creds", "system", "reqs", "install_target")}},
    },
}
RAW_BODIES = some.sampled_from(
    [None] * 5 + [b"", b"\xff", b"[" * 5000, b'{"data": {"x": 1e999}}', b'{"users": ["\\ud800"], "name": "\\ud800"}']
)
UNSUPPORTED = 501, "unsupported"
"""What Runhouse's own service did is refused so."""


@pytest.fixture(scope="module", params=["sqlite"])
def server(request: pytest.FixtureRequest, _registry_starter: None) -> Iterator[RegistryServer]:
    """A registry with documents of two users and a group, one shared, one deleted; it must not log anything."""
    database = "" if request.param == "sqlite" else request.getfixturevalue("postgres").database()
    options = ["--limit", "token=0", "--limit", "address=0", "--limit", "guesses=0"]
    registry = RegistryServer(Path(tempfile.mkdtemp(prefix="rhr-", dir="/tmp")), database, options)
    registry.token("alice")
    registry.group("team", "alice", "bob")
    registry.start()
    with registry.client("bob") as bob:
        for path in ("bob/gpu", "bob/other"):
            bob.put(f"/v1/resources/{path}", json={"text": CLUSTER})
        bob.put("/v1/resources/bob/gpu:access", json={"grants": [{"who": "alice", "access": "read"}]})
    yield registry
    registry.stop()
    said = registry.said()
    shutil.rmtree(registry.folder, ignore_errors=True)
    assert said == ""


@pytest.mark.parametrize("user", ["alice", ""], ids=["user", "nobody"])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
def test_any_request(server: RegistryServer, user: str, mode: GenerationMode) -> None:
    count = 0
    with _session(server, user) as session:
        for found in schemathesis.openapi.from_url(f"{server.url}/v1/openapi.json").get_all_operations():
            operation = found.ok()

            @REPEATED
            @given(case=operation.as_strategy(generation_mode=mode))
            def requests_of(case: schemathesis.Case) -> None:
                _aim(case)
                case.validate_response(case.call(session=session), checks=CHECKS)

            if user and operation.method in ("put", "post", "delete"):
                _put_in_place(server)  # what other requests have moved away or deleted
            try:
                requests_of()
                count += 1
            except Unsatisfiable:  # there is no invalid request of an operation that takes anything
                assert mode is GenerationMode.NEGATIVE
    assert count > 10


@pytest.mark.parametrize(
    ("server", "user"), [("sqlite", ""), ("sqlite", "alice"), ("postgresql", "alice")], indirect=["server"]
)
def test_any_request_of_old_clients(server: RegistryServer, user: str) -> None:
    """None fails, all are answered by JSON, and no error looks like 422: "nothing has changed"."""
    count = 0
    with _session(server, user) as session:
        for found in schemathesis.openapi.from_dict(_calls_of_old_clients()).get_all_operations():
            operation = found.ok()

            @REPEATED
            @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE), raw=RAW_BODIES)
            def requests_of(case: schemathesis.Case, raw: bytes | None) -> None:
                _aim_old(case)
                body = None if case.body is NOT_SET else json.dumps(case.body).encode() if raw is None else raw
                url = f"{server.url}{case.formatted_path}"
                answer = session.request(case.method, url, params=case.query, data=body)  # bytes: no content type
                said = answer.json()
                where = f"{case.method} {answer.url} {body!r}: {answer.status_code} {said}"
                assert answer.status_code < 500 or (answer.status_code, said["error"]["code"]) == UNSUPPORTED, where
                assert answer.status_code != 422 or "error" not in said, where
                assert user or answer.status_code in (400, 401, 404), where
                assert ("error" in said) == (answer.status_code not in (200, 422)), where

            requests_of()
            count += 1
    assert count > 25


def _session(server: RegistryServer, user: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    if user:
        session.headers["Authorization"] = f"Bearer {server.token(user)}"
    return session


def _calls_of_old_clients() -> dict[str, Any]:
    """Their routes as a description: they send JSON, but do not say so."""
    routes = [copy.copy(route) for route in (*users.router.routes, *resources.router.routes)]
    for route in routes:
        assert isinstance(route, APIRoute)
        route.include_in_schema = True
    described = get_openapi(title="calls of old clients", version="1", routes=routes)
    for path in described["paths"].values():
        for method in path.keys() & {"put", "post"}:
            content = {"application/json": {"schema": {"anyOf": [SENT_BY_OLD_CLIENTS, {}]}}}
            path[method]["requestBody"] = {"content": content, "required": True}
    return described


def _aim_old(case: schemathesis.Case) -> None:
    """Have half of the names be of something that is there."""
    for key in ("uri", "group"):
        written = case.path_parameters.get(key)
        if isinstance(written, str) and (number := zlib.crc32(written.encode("utf-8", "replace"))) % 2:
            case.path_parameters[key] = "team" if key == "group" else PATHS[number // 2 % len(PATHS)].replace("/", ":")


def _aim(case: schemathesis.Case) -> None:
    """Have half of the paths be of something that is there, and no feed go on and on."""
    path = case.path_parameters.get("path")
    if isinstance(path, str) and (number := zlib.crc32(path.encode("utf-8", "replace"))) % 2:
        case.path_parameters["path"] = PATHS[number // 2 % len(PATHS)]
    if case.path == "/v1/changes":
        case.query["follow"] = "false"


def _put_in_place(server: RegistryServer) -> None:
    with server.client("alice") as alice:
        for path in PATHS[1:4]:
            alice.put(f"/v1/resources/{path}", json={"text": CLUSTER})
        alice.delete("/v1/resources/alice/old")
