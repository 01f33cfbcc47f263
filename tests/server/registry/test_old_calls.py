"""The REST calls of Runhouse's clients, one by one: what they may not be mistaken for, and what is in no answer."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from lab.registry import RegistryServer

from rhserver.registry import accounts, documents
from rhserver.registry.database import Database
from rhserver.registry.names import document_name
from rhserver.registry.rights import rights_of

CLUSTER = {
    "name": "/alice/gpu",
    "resource_type": "cluster",
    "data": {"resource_subtype": "Cluster", "ips": ["10.0.0.7"]},
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def registry(request: pytest.FixtureRequest, _registry_starter: None) -> Iterator[RegistryServer]:
    """One registry on each database for all tests here: to start it takes longer than most of them."""
    database = "" if request.param == "sqlite" else request.getfixturevalue("postgres").database()
    with tempfile.TemporaryDirectory(prefix="rhr-", dir="/tmp") as folder:
        registry = RegistryServer(Path(folder), database).start()
        yield registry
        registry.stop()
        said = registry.said()
    assert said == "", "the registry logged warnings"


@pytest.fixture
def alice(registry: RegistryServer) -> Iterator[httpx.Client]:
    """The user alice, who has nothing when a test begins."""
    with registry.client("alice") as client:
        for each in client.get("/resource").json()["data"]:
            uri = each["name"][1:].replace("/", ":")
            assert client.delete(f"/resource/{uri}?delete_creds=false").status_code == 200
        yield client


def send(client: httpx.Client, method: str, path: str, said: Any) -> httpx.Response:
    """A request as those clients make it: JSON without a content type."""
    return client.request(method, path, content=said if isinstance(said, bytes) else json.dumps(said))


def test_the_order_of_a_first_save_and_the_next_ones(alice: httpx.Client) -> None:
    assert send(alice, "PUT", "/resource/alice:gpu", CLUSTER).status_code == 404
    assert send(alice, "POST", "/resource", CLUSTER).status_code == 200
    assert send(alice, "PUT", "/resource/alice:gpu", CLUSTER).status_code == 422
    changed = {**CLUSTER, "data": {**CLUSTER["data"], "ips": ["10.0.0.8"], "server_port": 32301}}  # type: ignore[dict-item]
    assert send(alice, "PUT", "/resource/alice:gpu", changed).status_code == 200
    assert alice.get("/resource/alice:gpu").json()["data"] == changed
    assert alice.get("/resource/history/alice:gpu").json()["data"][0]["data"]["server_port"] == 32301


def test_that_a_renamed_resource_says_its_new_name(alice: httpx.Client) -> None:
    send(alice, "POST", "/resource", CLUSTER)
    assert alice.post("/v1/resources/alice/gpu:move", json={"to": "/alice/lab/gpu"}).status_code == 200
    assert alice.get("/resource/alice:gpu").status_code == 404
    assert alice.get("/resource/alice:lab:gpu").json()["data"] == {**CLUSTER, "name": "/alice/lab/gpu"}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/resource/~:clusters:gpu", CLUSTER),
        ("/resource/alice", CLUSTER),
        ("/resource/alice:a b", CLUSTER),
        ("/resource/alice:gpu", b'{"name": '),
        ("/resource/alice:gpu", b"[1]"),
        ("/resource/alice:gpu", b'{"data": {"x": NaN}}'),
        ("/resource/alice:gpu", b'{"data": {"x": 1e999}}'),
        ("/resource/alice:gpu", b'{"data": ' + b"[" * 100_000),
        ("/resource/alice:gpu/users/access", {"users": ["bob"], "access_type": "proxy"}),
        ("/resource/alice:gpu/users/access", {"users": {"bob": 1}, "access_type": "read"}),
    ],
)
def test_that_no_mistake_is_answered_as_unchanged(alice: httpx.Client, path: str, said: Any) -> None:
    send(alice, "POST", "/resource", CLUSTER)
    answer = send(alice, "PUT", path, said)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["sentence"]
    assert alice.get("/resource/alice:gpu").json()["data"] == CLUSTER


@pytest.mark.parametrize("path", ["/resource/history/alice:gpu?limit=x", "/resource?resource_type=%00"])
def test_that_a_question_that_makes_no_sense_is_not_answered_as_unchanged(alice: httpx.Client, path: str) -> None:
    answer = alice.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad-request")


def test_that_a_document_of_today_is_not_replaced_by_what_only_old_clients_read(alice: httpx.Client) -> None:
    text = "kind: cluster\nips: [gpu1]\n"
    alice.put("/v1/resources/alice/gpu", json={"text": text})
    answer = send(alice, "PUT", "/resource/alice:gpu", {"name": "/alice/gpu", "resource_type": "folder", "data": {}})
    assert answer.status_code == 400
    assert "is a document of rhdesk" in answer.json()["error"]["sentence"]
    assert alice.get("/v1/resources/alice/gpu").json()["text"] == text


def test_that_what_has_no_document_is_kept_for_old_clients_alone(alice: httpx.Client) -> None:
    folder = {"name": "/alice/data", "resource_type": "folder", "data": {"path": "s3://b/x", "system": "s3"}}
    assert send(alice, "POST", "/resource", folder).status_code == 200
    assert alice.get("/resource/alice:data").json()["data"] == folder
    assert alice.get("/v1/resources/alice/data").status_code == 404
    assert alice.get("/v1/resources").json()["resources"] == []
    assert [each["name"] for each in alice.get("/resource?resource_type=folder").json()["data"]] == ["/alice/data"]
    assert alice.get("/resource?resource_type=cluster&owned=True").json()["data"] == []


def test_that_secrets_are_in_no_answer_no_file_and_no_log(alice: httpx.Client, registry: RegistryServer) -> None:
    data = {
        "ips": ["10.0.0.7"],
        "ssh_properties": {"ssh_user": "a", "password": "HUNTER2"},
        "creds": {"resource_type": "secret", "name": None, "values": {"private_key": "HUNTER2"}},
        "note": "-----BEGIN OPENSSH PRIVATE KEY-----\nHUNTER2",
    }
    assert send(alice, "POST", "/resource", {**CLUSTER, "data": data}).status_code == 200
    secret = {"provider": "ssh", "path": "~/.ssh/id", "values": "HUNTER2"}
    send(alice, "POST", "/resource", {"name": "/alice/ssh-id", "resource_type": "secret", "data": secret})
    put = send(alice, "PUT", "/user/secret/alice:ssh-id", {"data": {"values": {"private_key": "HUNTER2"}}})
    assert (put.status_code, put.json()["data"]) == (200, {})
    assert send(alice, "PUT", "/user/secret/alice:ssh-id", b"HUNTER2 is no JSON").status_code == 200
    assert send(alice, "PUT", "/user//config", {"token": "HUNTER2", "default_autostop": 5}).status_code == 200
    assert send(alice, "PUT", "/resource/alice:gpu", b"HUNTER2 is no JSON").status_code == 400
    assert send(alice, "POST", "/admin/logs", b"HUNTER2").status_code == 200
    said = [
        alice.get("/resource/alice:gpu"), alice.get("/resource/history/alice:gpu"), alice.get("/user/"), put,
        alice.get("/resource/alice:ssh-id"), alice.get("/user/secret/alice:ssh-id?shared=true"),
        alice.get("/v1/resources/alice/gpu"), alice.get("/user/secret"),
    ]  # fmt: skip
    assert [answer.status_code for answer in said] == [200] * len(said)
    assert "HUNTER2" not in "".join(answer.text for answer in said) + registry.said()
    assert not [file for file in registry.folder.rglob("*") if file.is_file() and b"HUNTER2" in file.read_bytes()]


@pytest.mark.parametrize(
    "path", ["/user/secret", "/user/secret/aws", "/user/secret/alice:aws", "/group/secret/team/aws"]
)
def test_that_other_secrets_are_refused(alice: httpx.Client, path: str) -> None:
    secret = {"name": "/alice/aws", "resource_type": "secret", "data": {"provider": "aws"}}
    for answer in (send(alice, "POST", "/resource", secret), send(alice, "PUT", path, {"aws": {"access_key": "x"}})):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "no-access")
    assert alice.get("/resource/alice:aws").status_code == 404


def test_that_news_of_clusters_are_taken_without_being_kept(alice: httpx.Client) -> None:
    for path in (
        "/admin/logs",
        "/resource/alice:gpu/cluster/status",
        "/resource/a/cluster/status",
        "/resource/a:b/logs",
    ):
        assert alice.post(path, content=b"anything \xff").json() == {"data": {}}
    assert alice.get("/resource/alice:gpu/logs/file?minutes=5").status_code == 404
    assert alice.post("/cluster/up", content=b"{}").status_code == 501
    assert alice.get("/resource").json()["data"] == []


MADE = {"ips": ["10.0.0.7", "10.0.0.8"], "cloud": "aws", "region": "us-east-1", "instance_type": "m6i.large",
        "cost_per_hour": "0.096"}  # fmt: skip
RUNS = {
    "daemon_status": "running",
    "resource_type": "cluster",
    "resource_info": {
        "cluster_config": {"autostop_mins": 30, "compute_properties": MADE, "ssh_properties": {"password": "HUNTER2"}},
        "runhouse_version": "0.0.42",
    },
    "processes": {},
}
GONE = {"daemon_status": "terminated", "resource_type": "cluster", "data": {}}


def told(client: httpx.Client) -> Any:
    return client.get("/v1/resources/alice/gpu:status").json()["status"]


def report(client: httpx.Client, said: dict[str, Any]) -> Any:
    """What is told of the cluster after a report, which is never refused."""
    assert send(client, "POST", "/resource/alice:gpu/cluster/status", said).json() == {"data": {}}
    with contextlib.suppress(KeyError):
        return told(client)


def test_that_what_a_cluster_reports_of_itself_is_told(alice: httpx.Client, registry: RegistryServer) -> None:
    assert report(alice, RUNS) is None  # no such cluster was saved
    send(alice, "POST", "/resource", CLUSTER)
    assert report(alice, GONE) is None, "of what nobody knew to run"
    before = time.time()
    first = report(alice, RUNS)
    assert before <= first.pop("since") <= first.pop("seen") <= first.pop("at") <= time.time()
    assert first == {
        "state": "up", "by": "alice", "computer": "Runhouse 0.0.42", "source": "runhouse", "cloud": "aws",
        "region": "us-east-1", "hardware": "m6i.large", "hosts": 2, "price_per_hour": 0.192, "autostop_mins": 30,
    }  # fmt: skip
    heard = told(alice)
    assert report(alice, RUNS) == heard, "what is the same each minute is no news"
    with registry.client("bob") as bob:
        assert send(bob, "POST", "/resource/alice:gpu/cluster/status", GONE).json() == {"data": {}}
    assert told(alice) == heard, "who may not write tells nothing"
    for word in ("unauthorized", "running!", None, ["running"], {}):
        assert report(alice, {**RUNS, "daemon_status": word}) == heard
    assert report(alice, GONE)["state"] == "down"
    odd = {"daemon_status": "running", "resource_info": {"cluster_config": {"autostop_mins": "soon", "ips": 7}}}
    again = report(alice, odd)
    assert (again["state"], again["computer"], "autostop_mins" in again) == ("up", "Runhouse", False)


def test_that_a_report_says_nothing_against_a_skypilot_of_rhdesk(alice: httpx.Client) -> None:
    send(alice, "POST", "/resource", CLUSTER)
    alice.put("/v1/resources/alice/gpu:status", json={"state": "stopped", "source": "rh1", "computer": "alice@laptop"})
    known = told(alice)
    assert report(alice, RUNS) == known
    assert report(alice, GONE) == known
    alice.put("/v1/resources/alice/gpu:status", json={"state": "down", "source": "rh1"})
    assert report(alice, RUNS)["state"] == "up"


def test_that_lists_say_how_clusters_are_if_anybody_told(alice: httpx.Client) -> None:
    for name, state in (("up", "up"), ("off", "stopped"), ("new", "launching"), ("silent", "")):
        text = "kind: cluster\nips: [gpu1]\n"
        assert alice.put(f"/v1/resources/alice/{name}", json={"text": text}).status_code == 200
        if state:
            told = {"state": state, "age": 600.0}
            assert alice.put(f"/v1/resources/alice/{name}:status", json=told).status_code == 200

    def listed(**words: str) -> dict[str, str | None]:
        found = alice.get("/resource", params={"resource_type": "cluster", "owned": "True", **words}).json()["data"]
        assert all(("cluster_status" in each) == ("cluster_status_last_checked" in each) for each in found)
        return {each["name"]: each.get("cluster_status") for each in found}

    states = {"/alice/new": "initializing", "/alice/off": "terminated", "/alice/silent": None, "/alice/up": "running"}
    assert listed() == states
    assert listed(cluster_status="running", daemon_status="running", since="86400") == {"/alice/up": "running"}
    assert listed(cluster_status="running", since="60") == {}
    assert listed(cluster_status="unknown") == {"/alice/silent": None}


def test_that_a_list_finds_what_comes_after_many_long_documents(alice: httpx.Client, registry: RegistryServer) -> None:
    database = Database(registry.database)
    with database.writing() as connection:
        rights = rights_of(connection, accounts.find(connection, "alice"))
        for number in range(10, 20):
            text = f"kind: cluster\nips: [gpu1]\n# {'x' * 900_000}\n"
            content = documents.Content("cluster", text)
            documents.save(connection, rights, document_name(f"alice/{number}"), content)
    database.close()
    assert alice.put("/v1/resources/alice/19:status", json={"state": "up"}).status_code == 200
    for words, names in (({}, range(10, 20)), ({"cluster_status": "running"}, [19])):
        found = alice.get("/resource", params={"resource_type": "cluster", **words}).json()["data"]
        assert [each["name"] for each in found] == [f"/alice/{number}" for number in names]


def test_the_settings_of_a_group(registry: RegistryServer) -> None:
    registry.token("alice")
    registry.token("bob")
    registry.group("team", "alice")
    with registry.client("alice") as alice, registry.client("bob") as bob:
        assert send(alice, "PUT", "/group//team/config", {"default_provider": "gcp"}).status_code == 200
        assert alice.get("/group//team").json()["data"]["config"] == {"default_provider": "gcp"}
        assert bob.get("/group//team").json()["data"]["config"] == {}
        assert send(bob, "PUT", "/group//team/config", {"default_provider": "aws"}).status_code == 403


anything = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**70), 2**70) | some.floats() | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
sent = some.fixed_dictionaries(
    {},
    optional={
        "name": some.sampled_from(["/alice/gpu", "/alice/f", "/bob/x", "~/x", "/alice"]) | anything,
        "resource_type": some.sampled_from(["cluster", "function", "package", "secret"]) | anything,
        "visibility": some.sampled_from(["public", "private"]) | anything,
        "users": some.lists(some.sampled_from(["bob", "alice", "@everyone", "x@y"])) | anything,
        "daemon_status": some.sampled_from(["running", "terminated"]) | anything,
        "resource_info": some.fixed_dictionaries({"cluster_config": anything, "runhouse_version": anything}) | anything,
        "access_level": some.sampled_from(["read", "write", "denied"]) | anything,
        "data": some.dictionaries(
            some.sampled_from(
                ["ips", "instance_type", "fn_pointers", "reqs", "install_method", "install_target", "values"]
            ),
            anything,
        )
        | anything,
    },
)
calls = some.sampled_from(
    [("PUT", "/resource/alice:gpu"), ("POST", "/resource"), ("PUT", "/resource/alice:gpu/users/access"),
     ("PUT", "/user/config"), ("PUT", "/resource/alice:f"), ("PUT", "/user/secret/alice:gpu"), ("POST", "/admin/logs"),
     ("POST", "/resource/alice:gpu/cluster/status")]
)  # fmt: skip


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(call=calls, said=sent | anything)
def test_that_nothing_makes_it_fail(alice: httpx.Client, call: tuple[str, str], said: Any) -> None:
    answer = send(alice, *call, json.dumps(said).encode())
    assert answer.status_code in {200, 400, 403, 404, 409, 422}, answer.text
    answer.json()
    for path in ("/resource", "/resource/history/alice:gpu", "/v1/resources"):
        assert alice.get(path).status_code in {200, 404}, path


def test_that_the_audit_log_tells_of_old_clients_too(alice: httpx.Client, registry: RegistryServer) -> None:
    send(alice, "POST", "/resource", {**CLUSTER, "name": "/alice/audited"})
    with registry.client("bob") as bob:
        assert bob.get("/resource/alice:audited").status_code == 404
    alice.delete("/resource/alice:audited")
    told: list[tuple[str, str, str]] = []
    for _ in range(60):  # refusals are written a little later
        lines = registry.command("audit", "--name", "/alice/audited", "--json").stdout.splitlines()
        told = sorted((each["by"], each["action"], each["outcome"]) for each in map(json.loads, lines))
        if len(told) == 3:
            break
        time.sleep(0.5)
    assert told == [("alice", "delete", "done"), ("alice", "save", "done"), ("bob", "load", "hidden")]
