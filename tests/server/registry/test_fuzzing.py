"""Requests that nobody would think of, made by schemathesis from the registry's own description of itself.

None may end as an unexpected failure, and each answer is one that the description announces. The same requests are
made each time.
"""

from __future__ import annotations

import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from lab.registry import RegistryServer
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi_checks

CLUSTER = "kind: cluster\nips: [gpu1]\n"
PATHS = ["alice/gpu", "alice/gpu", "alice/deep/gpu", "alice/old", "bob/gpu", "team/gpu", "alice", "alice/new", "carl/x"]
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.response_headers_conformance,
]


@pytest.fixture(scope="module")
def server(_registry_starter: None) -> Iterator[RegistryServer]:
    """A registry with documents of two users and a group, one shared, one deleted; it must not log anything."""
    options = ["--limit", "token=0", "--limit", "address=0", "--limit", "guesses=0"]
    registry = RegistryServer(Path(tempfile.mkdtemp(prefix="rhr-", dir="/tmp")), "", options)
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
    headers = {"Authorization": f"Bearer {server.token(user)}"} if user else {}
    count = 0
    with requests.Session() as session:
        session.trust_env = False
        for found in schemathesis.openapi.from_url(f"{server.url}/v1/openapi.json").get_all_operations():
            operation = found.ok()

            @settings(
                max_examples=12, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(case=operation.as_strategy(generation_mode=mode))
            def requests_of(case: schemathesis.Case) -> None:
                _aim(case)
                case.validate_response(case.call(session=session, headers=headers), checks=CHECKS)

            if user and operation.method in ("put", "post", "delete"):
                _put_in_place(server)  # what other requests have moved away or deleted
            try:
                requests_of()
                count += 1
            except Unsatisfiable:  # there is no invalid request of an operation that takes anything
                assert mode is GenerationMode.NEGATIVE
    assert count > 10


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
