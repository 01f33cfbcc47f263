"""Tokens: listed by their beginning, revoked, expiring; and nowhere to be found but where they were printed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from lab.registry import RegistryServer


def me(registry: RegistryServer, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{registry.url}/v1/me", headers=headers, trust_env=False).status_code


def new_token(registry: RegistryServer, name: str, *options: str) -> str:
    return registry.command("user", "token", name, *options).stdout.splitlines()[-1]


def test_the_list_tells_tokens_apart(registry: RegistryServer) -> None:
    registry.command("user", "add", "alice")
    first, second = new_token(registry, "alice", "--label", "laptop"), new_token(registry, "alice", "--days", "30")
    assert me(registry, first) == 200
    registry.stop()  # writes down who was there
    titles, *lines = registry.command("token", "list").stdout.splitlines()
    places = [titles.index(title) for title in ("NUMBER", "BEGINS", "USER", "MADE", "LAST USED", "ENDS", "FOR")]
    cells = [[line[a:b].strip() for a, b in pairwise([*places, None])] for line in lines]
    assert [line[:3] for line in cells] == [["1", f"{first[:10]}…", "alice"], ["2", f"{second[:10]}…", "alice"]]
    assert cells[0][4].startswith("20")
    assert cells[0][5:] == ["never", "laptop"]
    assert cells[1][4] == "never"
    assert cells[1][5].startswith("20")
    assert cells[1][6] == "-"
    said = json.loads(registry.command("token", "list", "--json").stdout.splitlines()[1])
    assert 29.9 < (said["expires"] - time.time()) / 86400 < 30
    assert registry.command("token", "list", "nobody", check=False).returncode == 1


@pytest.mark.parametrize("which", ["number", "beginning", "user"])
def test_revoking(registry: RegistryServer, which: str) -> None:
    registry.command("user", "add", "alice")
    first, second = new_token(registry, "alice"), new_token(registry, "alice")
    words = {"number": ["1"], "beginning": [first[:10]], "user": ["--user", "alice"]}
    registry.command("token", "revoke", *words[which])
    assert me(registry, first) == 401
    assert me(registry, second) == (401 if which == "user" else 200)
    again = registry.command("token", "revoke", "1", check=False)
    assert again.returncode == 1
    assert "no token 1" in again.stderr
    assert registry.command("token", "revoke", check=False).returncode == 2


def test_that_a_token_expires_also_for_an_open_feed(registry: RegistryServer) -> None:
    registry.command("user", "add", "alice")
    headers = {"Authorization": f"Bearer {new_token(registry, 'alice', '--days', str(3 / 86400))}"}
    with httpx.Client(base_url=registry.url, headers=headers, trust_env=False, timeout=30) as client:
        with client.stream("GET", "/v1/changes") as feed:
            assert feed.status_code == 200
            feed.read()  # to its end
        answer = client.get("/v1/me")
    assert answer.status_code == 401
    assert answer.json()["error"]["sentence"] == "This token has expired."


def test_that_tokens_are_nowhere(make_registry: Callable[..., RegistryServer]) -> None:
    registry = make_registry("", ["--access-log", "-"])
    registry.command("user", "add", "alice")
    token, other = new_token(registry, "alice"), new_token(registry, "alice")
    wrong = f"rhr_{'w' * 43}"
    said = []
    with httpx.Client(base_url=registry.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
        text = "kind: cluster\nips: [gpu1]\n"
        assert client.put("/v1/resources/alice/gpu", json={"text": text}).status_code == 200
        # tokens in places where they do not belong
        for secret in (token, other, wrong):
            said += [
                client.get(f"/v1/resources/alice/{secret}"),
                client.get(f"/v1/{secret}"),
                client.get(f"/v1/resources/{secret}/../{secret}"),
                client.get("/v1/resources", params={"query": secret, "after": secret, "under": secret}),
                client.put("/v1/resources/alice/x", json={"text": f"kind: {secret}\n{secret}: {secret}"}),
                client.put("/v1/resources/alice/x", json={secret: secret}),
                client.put(f"/v1/resources/nobody/{secret}", json={"text": text}),
                client.post("/v1/resources/alice/gpu:move", json={"to": f"//{secret}"}),
                client.put("/v1/resources/alice/gpu:access", json={"grants": [{"who": secret, "access": "read"}]}),
                client.get("/v1/me", headers={"Authorization": f"Bearer {secret[:-1]}x"}),
                client.get("/v1/me", headers={"Authorization": secret}),
            ]
        for path in ("me", "users", "resources", "folders", "resources/alice/gpu:history", "openapi.json"):
            said.append(client.get(f"/v1/{path}"))
    arguments = "".join(Path(f"/proc/{registry.pid}/{name}").read_text() for name in ("cmdline", "environ"))
    registry.stop()
    access_log = registry.output
    assert '"GET /v1/me" 401' in access_log
    everything = [arguments, access_log, registry.said(), *(answer.text for answer in said)]
    for command in (["audit"], ["audit", "--json"], ["token", "list"], ["token", "list", "--json"], ["user", "list"]):
        done = registry.command(*command)
        everything.append(done.stdout + done.stderr)
    for file in registry.folder.rglob("*"):
        if file.is_file():
            everything.append(file.read_bytes().decode("latin-1"))
    for secret in (token, other):
        for place in everything:
            assert secret[10:] not in place  # what follows the beginning that lists show
