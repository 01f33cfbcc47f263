"""Nothing that a stranger sends is read: the token, which stands in the headers, is judged before."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

from fastapi.routing import APIRoute
from lab.registry import RegistryServer

from rhserver.registry.old_clients import resources as old_resources
from rhserver.registry.old_clients import users as old_users
from rhserver.registry.routes import changes, deleted, history, resources, sharing, status


def calls() -> list[str]:
    """Every call that changes something: `PUT /v1/resources/alice/x`."""
    found = []
    for module in (history, sharing, status, resources, changes, deleted, old_users, old_resources):
        for route in module.router.routes:
            assert isinstance(route, APIRoute)
            path = re.sub(r"{\w+}", "alice:x", route.path.replace("{path:path}", "alice/x"))
            found += [f"{method} {path}" for method in sorted(route.methods - {"GET"})]
    return found


def test_that_strangers_are_refused_before_they_have_sent_anything(
    make_registry: Callable[..., RegistryServer],
) -> None:
    registry = make_registry("", ["--limit", "guesses=0"])
    address = ("127.0.0.1", int(registry.url.rpartition(":")[2]))
    for call in calls():
        for header in ("", f"Authorization: Bearer rhr_{'x' * 43}\r\n"):
            with socket.create_connection(address, timeout=20) as connection:
                connection.sendall(f"{call} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n{header}\r\n".encode())
                with connection.makefile("rb") as answer:
                    assert answer.readline().startswith(b"HTTP/1.1 401 "), call


def test_what_is_said_of_requests_that_cannot_be_understood(registry: RegistryServer) -> None:
    with registry.client("alice") as alice, registry.client("bob") as bob:
        wrong = {"json": {"text": 1}}
        assert alice.get("/v1/me").status_code == 200
        assert alice.put("/v1/resources/alice/x", **wrong).status_code == 422  # her token is known
        assert bob.put("/v1/resources/bob/x", **wrong).status_code == 422  # his is not yet
        registry.command("token", "revoke", "--user", "alice")
        assert alice.put("/v1/resources/alice/x", **wrong).status_code == 401
        assert alice.post("/resource", content=b"no JSON").status_code == 401
        assert bob.post("/resource", content=b"no JSON").status_code == 400
