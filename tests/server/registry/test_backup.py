"""Backups: made while writers go on, put back into either database, refused where they would do harm."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from lab.registry import RegistryServer

CLUSTER = "kind: cluster\nips: [gpu1]\ndescription: {}\n"


def save(client: httpx.Client, path: str, number: int) -> httpx.Response:
    return client.put(f"/v1/resources/{path}", json={"text": CLUSTER.format(number)})


def texts(client: httpx.Client) -> dict[str, str]:
    return {each["name"]: each["text"] for each in client.get("/v1/resources").json()["resources"]}


@pytest.fixture
def filled(registry: RegistryServer) -> RegistryServer:
    """With users, a group, documents with history and grants, one deleted."""
    registry.token("bob")
    registry.group("team", "bob")
    with registry.client("alice") as alice:
        for number in range(3):
            assert save(alice, "alice/gpu", number).status_code == 200
        save(alice, "alice/old", 1)
        assert alice.delete("/v1/resources/alice/old").status_code == 204
        alice.put("/v1/resources/alice/gpu:access", json={"grants": [{"who": "bob", "access": "read"}]})
    return registry


def events(answer: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    event = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield event, json.loads(line.removeprefix("data: "))


def test_writers_go_on_and_nothing_acknowledged_is_missing(filled: RegistryServer, tmp_path: Path) -> None:
    """The backup holds at least what was acknowledged before it, and of each writer no gap."""
    done = threading.Event()
    acknowledged = [0] * 4

    def write(which: int) -> None:
        with filled.client("alice") as client:
            while not done.is_set():
                number = acknowledged[which] + 1
                assert save(client, f"alice/{which}/{number}", number).status_code == 200
                acknowledged[which] = number

    filled.token("alice")
    writers = [threading.Thread(target=write, args=(which,)) for which in range(4)]
    for writer in writers:
        writer.start()
    try:
        while min(acknowledged) < 3:
            pass
        before = list(acknowledged)
        filled.command("backup", str(tmp_path / "b"))
    finally:
        done.set()
        for writer in writers:
            writer.join()
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "b"]  # nothing half-done beside it
    restored = RegistryServer(tmp_path / "new")
    restored.folder.mkdir()
    restored.command("restore", str(tmp_path / "b"))
    restored.use_token("alice", filled.token("alice"))
    restored.start()
    try:
        with restored.client("alice") as client:
            for which in range(4):
                page = client.get("/v1/resources", params={"under": f"/alice/{which}", "limit": 1000}).json()
                numbers = sorted(int(each["name"].rpartition("/")[2]) for each in page["resources"])
                assert numbers == list(range(1, len(numbers) + 1))
                assert before[which] <= len(numbers) <= acknowledged[which]
                for each in page["resources"]:
                    number = each["name"].rpartition("/")[2]
                    assert each["text"] == CLUSTER.format(number)
    finally:
        restored.stop()
    assert restored.said() == ""


@pytest.mark.parametrize("there", ["sqlite", "postgresql"])
@pytest.mark.parametrize("back", ["sqlite", "postgresql"])
def test_from_one_database_into_another(
    there: str, back: str, request: pytest.FixtureRequest, filled: RegistryServer, tmp_path: Path
) -> None:
    """All is as it was: documents, history, access, tokens, what was deleted; and it can be written to."""
    source = filled
    if there == "postgresql":
        source = _on_postgresql(request, tmp_path / "source")
        filled.command("backup", str(tmp_path / "first"))
        source.command("restore", str(tmp_path / "first"), "--moved")
    source.command("backup", str(tmp_path / "b"))
    target = RegistryServer(tmp_path / "target") if back == "sqlite" else _on_postgresql(request, tmp_path / "target")
    target.folder.mkdir(exist_ok=True)
    target.command("restore", str(tmp_path / "b"), "--moved")
    for user in ("alice", "bob"):
        target.use_token(user, filled.token(user))
    with filled.client("alice") as alice, filled.client("bob") as bob:
        paths = ["me", "resources", "folders", "users", "resources/alice/gpu:history", "resources/alice/gpu:access",
                 "resources/alice/gpu:history/2", "resources/alice/old:history"]  # fmt: skip
        wanted = [[_said(client, path) for path in paths] for client in (alice, bob)]
    target.start()
    try:
        with target.client("alice") as alice, target.client("bob") as bob:
            assert [[_said(client, path) for path in paths] for client in (alice, bob)] == wanted
            assert save(alice, "alice/gpu", 9).json()["version"] == 4
            assert save(alice, "alice/new", 1).status_code == 200
            target.command("user", "add", "carl")
            assert save(bob, "team/x", 1).status_code == 200
    finally:
        target.stop()
    assert target.said() == ""


def test_putting_back_while_it_serves(filled: RegistryServer, tmp_path: Path) -> None:
    """Clients notice: feeds end, the id is another, and a position in the old feed is none in the new one."""
    filled.command("backup", str(tmp_path / "b"))
    with filled.client("alice") as alice:
        before = alice.get("/v1/me").json()["registry"]
        save(alice, "alice/gpu", 7)
        with alice.stream("GET", "/v1/changes") as feed:
            told = events(feed)
            position = next(told)[1]["cursor"]
            refused = filled.command("restore", str(tmp_path / "b"), check=False)
            assert refused.returncode == 1
            assert "--replace" in refused.stderr
            assert texts(alice)["/alice/gpu"] == CLUSTER.format(7)
            filled.command("restore", str(tmp_path / "b"), "--replace")
            assert [event for event, _ in told] in (["caught-up"], [])  # and it ends
        assert texts(alice) == {"/alice/gpu": CLUSTER.format(2)}
        assert alice.get("/v1/me").json()["registry"] != before
        assert alice.get("/v1/health").json()["registry"] != before
        with alice.stream("GET", "/v1/changes", params={"after": position, "follow": False}) as feed:
            assert [event for event, _ in events(feed)] == ["hello", "reset", "caught-up"]
        with alice.stream("GET", "/v1/changes") as feed:
            told = events(feed)
            assert next(told)[1]["cursor"] > position + 100_000
            save(alice, "alice/gpu", 8)
            assert [next(told)[0], next(told)[0]] == ["caught-up", "saved"]
        after = alice.get("/v1/me").json()["registry"]
        filled.command("restore", str(tmp_path / "b"), "--replace", "--moved")
        assert alice.get("/v1/me").json()["registry"] == before != after
    audit = [json.loads(line) for line in filled.command("audit", "--json").stdout.splitlines()]
    assert [each["action"] for each in audit].count("restore") == 2
    assert "save" in [each["action"] for each in audit if each["detail"] == "version 4"]  # the log tells all of it


def test_what_is_refused(filled: RegistryServer, tmp_path: Path) -> None:
    def failed(*arguments: str) -> str:
        done = filled.command(*arguments, check=False)
        assert done.returncode == 1
        return done.stderr

    file, other = tmp_path / "b", tmp_path / "other"
    filled.command("backup", str(file))
    assert "already" in failed("backup", str(file))
    filled.command("backup", str(file), "--replace")
    assert "cannot be written" in failed("backup", str(tmp_path / "no" / "b"))
    assert "no registry" in failed("backup", str(other), "--db", f"sqlite:///{tmp_path}/none")
    assert not (tmp_path / "none").exists()
    whole = file.read_bytes()
    new = ("--db", f"sqlite:///{tmp_path}/new.sqlite")
    for damaged in (whole[:-20], whole[:1000], whole[:500] + bytes([whole[500] ^ 1]) + whole[501:]):
        other.write_bytes(damaged)
        assert "damaged" in failed("restore", str(other), *new)
    other.write_bytes(b"something else")
    assert "no backup" in failed("restore", str(other), *new)
    assert "no file" in failed("restore", str(tmp_path / "none"), *new)
    filled.command("restore", str(file), *new)  # nothing was half put back
    with filled.client("alice") as alice:
        assert texts(alice) == {"/alice/gpu": CLUSTER.format(2)}


def _said(client: httpx.Client, path: str) -> dict[str, Any]:
    body: dict[str, Any] = client.get(f"/v1/{path}").json()
    body.pop("cursor", None)
    return body


def _on_postgresql(request: pytest.FixtureRequest, folder: Path) -> RegistryServer:
    folder.mkdir()
    make: Callable[[], str] = request.getfixturevalue("postgres").database
    return RegistryServer(folder, make())
