"""The audit log: who did what, from where, to which name; what was refused; never a token or what a document says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from lab.registry import RegistryServer

SECRET = "not for the log"
CLUSTER = f"kind: cluster\nips: [gpu1]\ndescription: {SECRET}\n"


def log(registry: RegistryServer, *arguments: str) -> list[dict[str, Any]]:
    said = registry.command("audit", "--json", *arguments).stdout
    return [json.loads(line) for line in said.splitlines()]


def lines(registry: RegistryServer, *arguments: str) -> list[tuple[str, str, str, str, str]]:
    found = log(registry, *arguments)
    return [(each["by"], each["action"], each["name"], each["outcome"], each["detail"]) for each in found]


def until(registry: RegistryServer, wanted: Callable[[list[tuple[str, str, str, str, str]]], bool]) -> None:
    """What is no part of a transaction is written a little later."""
    deadline = time.monotonic() + 20
    while not wanted(found := lines(registry)):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_what_was_done_stands_in_the_log_at_once(registry: RegistryServer) -> None:
    with registry.client("alice") as alice:
        registry.token("bob")
        path = "/v1/resources/alice/gpu"
        assert alice.put(path, json={"text": CLUSTER, "note": SECRET}).status_code == 200
        assert alice.put(path, json={"text": CLUSTER}).status_code == 200  # nothing new: nothing to tell
        assert alice.put(f"{path}:access", json={"grants": [{"who": "bob", "access": "read"}]}).status_code == 200
        assert alice.post(f"{path}:move", json={"to": "/alice/gpu2"}).status_code == 200
        assert alice.delete("/v1/resources/alice/gpu2").status_code == 204
    assert [line for line in lines(registry, "--user", "alice") if line[1] != "use token"] == [
        ("alice", "save", "/alice/gpu", "done", "version 1"),
        ("alice", "share", "/alice/gpu", "done", "bob: read"),
        ("alice", "move", "/alice/gpu2", "done", "version 2"),
        ("alice", "move away", "/alice/gpu", "done", "to /alice/gpu2"),
        ("alice", "delete", "/alice/gpu2", "done", "version 3"),
    ]
    saved = next(each for each in log(registry) if each["action"] == "save")
    assert saved["address"] == "127.0.0.1"
    assert saved["token_id"] == 1
    assert [line[2] for line in lines(registry, "--name", "/alice/gpu")] == ["/alice/gpu"] * 3
    assert {line[1] for line in lines(registry, "--name", "/alice")} == {"save", "share", "move", "move away", "delete"}
    said = registry.command("audit").stdout
    titles, first, *_ = said.splitlines()
    assert titles.split() == ["WHEN", "WHO", "FROM", "TOKEN", "DID", "NAME", "OUTCOME", "DETAIL"]
    assert first[titles.index("NAME") :].split()[0] == log(registry)[0]["name"], "each under its title"
    assert "/alice/gpu2" in said
    assert SECRET not in said + json.dumps(log(registry))


def test_commands_of_whoever_runs_it_stand_there_too(registry: RegistryServer) -> None:
    registry.command("user", "add", "bob")
    registry.command("user", "token", "bob", "--label", SECRET)
    registry.command("group", "add", "team")
    registry.command("group", "member", "team", "bob")
    registry.command("token", "revoke", "--user", "bob")
    registry.command("user", "remove", "bob")
    found = log(registry)
    assert [(each["action"], each["name"], each["detail"].partition("rhr_")[0]) for each in found] == [
        ("add user", "bob", ""),
        ("add token", "bob", "token 1, "),
        ("add group", "team", ""),
        ("set member", "@team", "bob: member"),
        ("revoke token", "bob", "token 1, "),
        ("remove user", "bob", ""),
    ]
    assert {each["address"] for each in found} == {"command line"}
    assert all(each["by"].startswith("(") for each in found)  # no name of a user


def test_refusals(registry: RegistryServer) -> None:
    with registry.client("alice") as alice, registry.client("bob") as bob:
        path = "/v1/resources/alice/gpu"
        alice.put(path, json={"text": CLUSTER})
        assert bob.put(path, json={"text": CLUSTER}).status_code == 403
        for _ in range(3):
            assert bob.get(path).status_code == 404
        assert bob.get("/v1/resources/alice/nothing").status_code == 404
        assert alice.get(f"{path}:history/7").status_code == 404
        bob.get("/v1/me", headers={"Authorization": "Bearer rhr_wrong-token-of-somebody"})
        until(registry, lambda found: sum(line[3] == "hidden" for line in found) > 0)
    registry.stop()  # what strangers do is written once a minute, and at the end
    refused = lines(registry, "--refused")
    assert ("bob", "save", "/alice/gpu", "no-access", "") in refused
    assert sum(int((line[4] or "1 times").split()[0]) for line in refused if line[3] == "hidden") == 3
    assert {line[2] for line in refused if line[3] == "hidden"} == {"/alice/gpu"}
    assert ("", "load me", "", "bad-token", "") in refused
    assert len({line[:4] for line in refused}) == 3


def test_where_tokens_are_used_from(registry: RegistryServer) -> None:
    with registry.client("alice") as alice:
        for _ in range(5):
            alice.get("/v1/me")
        until(registry, lambda found: ("alice", "use token", "", "done", "") in found)
        alice.get("/v1/me")
    registry.stop()
    assert lines(registry).count(("alice", "use token", "", "done", "")) == 1
    token = json.loads(registry.command("token", "list", "alice", "--json").stdout)
    assert time.time() - 60 < token["used"] <= time.time()


def test_that_it_does_not_grow_without_end(make_registry: Callable[..., RegistryServer]) -> None:
    registry = make_registry("", ["--audit-rows", "5"])
    for number in range(5):
        registry.command("user", "add", f"user{number}")
    registry.stop()
    registry.command("user", "add", "user5")
    registry.command("user", "add", "user6")
    assert len(log(registry)) == 7
    registry.start()
    until(registry, lambda found: len(found) == 5)
    assert [line[2] for line in lines(registry)] == [f"user{number}" for number in range(2, 7)]
    since = log(registry)[3]["at"]
    assert len(log(registry, "--since", str(since))) == 2
    assert len(log(registry, "--since", "1h")) == 5
    assert [line[2] for line in lines(registry, "--limit", "1")] == ["user6"]
