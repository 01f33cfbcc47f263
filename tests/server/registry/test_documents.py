"""Documents in a registry, as clients save, load, list, move and delete them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from lab.registry import RegistryServer

CLUSTER = "kind: cluster\nips: [gpu1]\n"


@pytest.fixture
def alice(registry: RegistryServer) -> Iterator[httpx.Client]:
    with registry.client("alice") as client:
        yield client


def save(client: httpx.Client, path: str, text: str = CLUSTER, base: int | None = None) -> httpx.Response:
    return client.put(f"/v1/resources/{path}", json={"text": text, "base": base})


def test_a_document_from_its_first_save_to_its_deletion(alice: httpx.Client) -> None:
    saved = save(alice, "alice/team/gpu", base=0)
    assert saved.status_code == 200, saved.text
    assert saved.headers["ETag"] == '"1"'
    body = saved.json()
    assert {**body, "modified": 0} == {
        "name": "/alice/team/gpu", "kind": "cluster", "version": 1, "text": CLUSTER, "description": "", "modified": 0,
        "modified_by": "alice", "access": "owner",
    }  # fmt: skip
    assert alice.get("/v1/resources/alice/team/gpu").json() == body
    assert alice.get("/v1/resources/alice/team/gpu", headers={"If-None-Match": '"1"'}).status_code == 304
    page = alice.get("/v1/resources").json()
    assert page == {"resources": [body], "next": None, "cursor": 1}
    assert alice.get("/v1/folders").json() == {"folders": ["/alice", "/alice/team"]}
    assert alice.delete("/v1/resources/alice/team/gpu", params={"base": 1}).status_code == 204
    assert alice.get("/v1/resources/alice/team/gpu").status_code == 404
    assert alice.get("/v1/resources").json()["resources"] == []
