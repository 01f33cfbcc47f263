"""A user of a registry in tests: what they ask for, in one line each."""

from __future__ import annotations

from typing import Any

import httpx

from lab.registry import RegistryServer

CLUSTER = "kind: cluster\ntype: ssh\nips: [gpu1]\n"


class Caller:
    """A user of a registry, who says what they want in one line; each call gives the answer as it came."""

    def __init__(self, registry: RegistryServer, user: str) -> None:
        self.registry = registry
        self.user = user
        self.http = registry.client(user)

    def save(self, path: str, text: str = CLUSTER, base: int | None = None, **more: Any) -> httpx.Response:
        return self.http.put(f"/v1/resources/{path}", json={"text": text, "base": base, **more})

    def load(self, path: str) -> httpx.Response:
        return self.http.get(f"/v1/resources/{path}")

    def delete(self, path: str, **params: Any) -> httpx.Response:
        return self.http.delete(f"/v1/resources/{path}", params=params)

    def move(self, path: str, to: str, base: int | None = None) -> httpx.Response:
        return self.http.post(f"/v1/resources/{path}:move", json={"to": to, "base": base})

    def history(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(f"/v1/resources/{path}:history", params=params)

    def version(self, path: str, number: int) -> httpx.Response:
        return self.http.get(f"/v1/resources/{path}:history/{number}")

    def restore(self, path: str, number: int, base: int | None = None) -> httpx.Response:
        return self.http.post(f"/v1/resources/{path}:restore", json={"version": number, "base": base})

    def access(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(f"/v1/resources/{path}:access", params=params)

    def tell(self, path: str, state: str = "up", **said: Any) -> httpx.Response:
        return self.http.put(f"/v1/resources/{path}:status", json={"state": state, **said})

    def status(self, path: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = ok(self.http.get(f"/v1/resources/{path}:status"))["status"]
        return found

    def share(self, path: str, **given: str) -> httpx.Response:
        """`team_` stands for "@team"."""
        grants = [{"who": f"@{who[:-1]}" if who.endswith("_") else who, "access": given[who]} for who in given]
        return self.http.put(f"/v1/resources/{path}:access", json={"grants": grants})

    def list(self, **params: Any) -> dict[str, Any]:
        answer = self.http.get("/v1/resources", params=params)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def names(self, **params: Any) -> list[str]:
        return [each["name"] for each in self.list(**params)["resources"]]

    def folders(self, **params: Any) -> list[str]:
        found: list[str] = self.http.get("/v1/folders", params=params).json()["folders"]
        return found


def code(answer: httpx.Response) -> tuple[int, str]:
    """The status and code of an error."""
    return answer.status_code, answer.json()["error"]["code"]


def ok(answer: httpx.Response) -> dict[str, Any]:
    """What a request that went well has answered."""
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
