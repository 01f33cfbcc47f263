"""Limits: by token and address, for guessers, for slow clients, for open feeds."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from lab.certificates import write_certificate
from lab.registry import RegistryServer

from rhresources.errors import UsageError
from rhserver.registry.limits import Buckets, Limits, network_of


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_holds_what_may_come_at_once_and_fills_again() -> None:
    clock = Clock()
    buckets = Buckets(2, 3, clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b") == 0  # another's is full
    clock.now += 0.5
    assert [buckets.take("a"), buckets.wait("a")] == [0, 0.5]
    clock.now += 3600
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert [Buckets(0, 0, clock).take("a") for _ in range(100)] == [0] * 100


def test_what_is_one_address() -> None:
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::")
    assert network_of("2001:db8:1:2::1") != network_of("2001:db8:1:3::1")
    assert network_of("::ffff:192.0.2.1") == "192.0.2.1"


def test_writing_limits() -> None:
    assert Limits().changed("token=7").changed("feeds-per-token=2") == Limits(token=7, feeds_per_token=2)
    for wrong in ("tokens=7", "token", "token=x", "token=-1", "token=nan", "token=inf"):
        with pytest.raises(UsageError):
            Limits().changed(wrong)


def test_that_connections_are_no_more_than_files_may_be_open() -> None:
    assert Limits().within(65536) == Limits()
    assert Limits().within(200) == Limits(connections=100, connections_per_address=50)
    assert Limits(connections=0, connections_per_address=5).within(64) == Limits(
        connections=32, connections_per_address=5
    )


def test_a_program_that_runs_wild_is_told_when_to_come_again(make_registry: Callable[..., RegistryServer]) -> None:
    registry = make_registry("", ["--limit", "token=0.5", "--limit", "feeds-per-token=1"])
    with registry.client("alice") as alice, registry.client("bob") as bob:
        answers = [alice.get("/v1/me")]
        while answers[-1].status_code == 200:
            answers.append(alice.get("/v1/me"))
        assert len(answers) > 5, "ten seconds' worth may come at once"
        refused = answers[-1]
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "too-many"
        assert 1 <= int(refused.headers["Retry-After"]) <= 2
        with bob.stream("GET", "/v1/changes") as feed:
            assert feed.status_code == 200
            second = bob.get("/v1/changes", params={"follow": False})
            assert (second.status_code, second.headers["Retry-After"]) == (429, "30")


def test_that_a_guesser_is_slowed_down_and_keeps_nobody_out(make_registry: Callable[..., RegistryServer]) -> None:
    registry = make_registry("", ["--limit", "guesses=0.2"])  # one, the next after five minutes

    alice, bob, carl = (registry.token(user) for user in ("alice", "bob", "carl"))
    http = httpx.Client(base_url=registry.url, trust_env=False)

    def asked(token: str) -> int:
        return http.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code

    assert asked(alice) == 200
    assert [asked(f"rhr_{number:043}") for number in range(3)] == [401, 429, 429]
    assert asked(alice) == 200  # the same address, but known
    assert [asked(f"rhr_{number}{'x' * 42}") for number in range(5)] == [429] * 5, "however they begin"
    assert asked(bob) == 200  # not known yet, but right
    near = f"{carl[:-4]}wron"  # by somebody who has seen in a list how it begins
    assert asked(near) == 429
    assert asked(carl) == 429, "else guessing at one token were as fast as asking"
    assert http.get("/v1/health").status_code == 200
    http.close()


def test_that_guesses_of_ever_other_beginnings_are_not_all_looked_up(
    make_registry: Callable[..., RegistryServer],
) -> None:
    registry = make_registry("", ["--limit", "guesses=0.2", "--limit", "unknown=0.003"])  # one, the next after minutes
    alice, bob, carl = (registry.token(user) for user in ("alice", "bob", "carl"))
    with httpx.Client(base_url=registry.url, trust_env=False) as http:

        def asked(token: str) -> int:
            return http.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code

        assert [asked(alice), asked(bob)] == [200, 200], "who has not guessed is not counted"
        assert [asked(f"rhr_{number}{'x' * 42}") for number in range(2)] == [401, 429]
        assert asked(carl) == 429, "right, but it would have to be looked up"
        assert [asked(alice), asked(bob)] == [200, 200], "known"


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_that_one_address_takes_only_so_many_connections(
    make_registry: Callable[..., RegistryServer], tmp_path: Path, tls: bool
) -> None:
    certificate, key = write_certificate(tmp_path, 1)
    files = ["--cert", str(certificate), "--key", str(key)] if tls else []
    registry = make_registry("", ["--limit", "connections-per-address=3", "--limit", "connections=4", *files])
    port = int(registry.url.rpartition(":")[2])
    trusting = ssl.create_default_context(cafile=certificate)
    request = b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n"

    def connect(address: str = "127.0.0.1") -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(address, 0))
        return trusting.wrap_socket(connection, server_hostname="localhost") if tls else connection

    def answer(connection: socket.socket) -> bytes:
        connection.sendall(request)
        return connection.recv(10_000)

    idle = [connect() for _ in range(3)]
    assert all(b" 200 OK" in answer(each) for each in idle)

    def assert_refused(address: str) -> None:
        with connect(address) as refused, refused.makefile("rb") as said:
            head, _, body = said.read().partition(b"\r\n\r\n")  # to its end
        assert head.startswith(b"HTTP/1.1 503 ")
        assert json.loads(body)["error"]["sentence"] == "Too many connections to the registry are open."

    assert_refused("127.0.0.1")
    with connect("127.0.0.2") as other:
        assert b" 200 OK" in answer(other)
        assert_refused("127.0.0.3")  # one too many in all
    idle.pop().close()
    deadline = time.monotonic() + 60
    served = b""
    while b" 200 OK" not in served:  # the server has to notice first
        assert time.monotonic() < deadline
        with connect() as again, contextlib.suppress(OSError):
            served = answer(again)
    for each in idle:
        each.close()


def test_that_who_never_speaks_tls_is_counted_and_given_up(
    make_registry: Callable[..., RegistryServer], tmp_path: Path
) -> None:
    certificate, key = write_certificate(tmp_path, 1)
    tls = ["--cert", str(certificate), "--key", str(key)]
    trusting = ssl.create_default_context(cafile=certificate)

    def silent(registry: RegistryServer) -> socket.socket:
        return socket.create_connection(("127.0.0.1", int(registry.url.rpartition(":")[2])), timeout=20)

    patient = make_registry("", [*tls, "--limit", "seconds=600", "--limit", "connections-per-address=2"])
    with (
        silent(patient),
        silent(patient),
        trusting.wrap_socket(silent(patient), server_hostname="localhost") as refused,
    ):
        assert refused.recv(10_000).startswith(b"HTTP/1.1 503 ")
    assert_served(patient, trusting)

    impatient = make_registry("", [*tls, "--limit", "seconds=3", "--limit", "connections-per-address=2"])
    with silent(impatient) as first, silent(impatient) as second:
        assert ended(first)
        assert ended(second)
        assert_served(impatient, trusting)


def assert_served(registry: RegistryServer, trusting: ssl.SSLContext) -> None:
    """Sooner or later: the server has to notice first that others are gone."""
    url = registry.url.replace("127.0.0.1", "localhost")
    deadline = time.monotonic() + 60
    status = 0
    with httpx.Client(base_url=url, verify=trusting, trust_env=False) as http:
        while status != 200:
            assert time.monotonic() < deadline
            with contextlib.suppress(httpx.TransportError):
                status = http.get("/v1/health").status_code


def ended(connection: socket.socket) -> bool:
    """Whether the server has ended it, without a word."""
    with contextlib.suppress(ConnectionError):
        return connection.recv(1) == b""
    return True


def test_that_behind_a_proxy_each_address_counts_for_itself(make_registry: Callable[..., RegistryServer]) -> None:
    registry = make_registry("", ["--proxy", "127.0.0.1", "--limit", "connections-per-address=2"])

    def status(client: httpx.Client, address: str) -> int:
        return client.get("/v1/me", headers={"X-Forwarded-For": address}).status_code

    with registry.client("alice") as alice, contextlib.ExitStack() as feeds:
        for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
            feed = alice.stream("GET", "/v1/changes", headers={"X-Forwarded-For": address})
            assert feeds.enter_context(feed).status_code == 200
        refused = alice.get("/v1/me", headers={"X-Forwarded-For": "192.0.2.1"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too-many")
        assert status(alice, "192.0.2.2") == 200
        feeds.close()
        deadline = time.monotonic() + 60
        while status(alice, "192.0.2.1") != 200:
            assert time.monotonic() < deadline


def test_that_slow_clients_are_given_up(make_registry: Callable[..., RegistryServer]) -> None:
    registry = make_registry("", ["--limit", "seconds=3"])
    host, port = registry.url.removeprefix("http://").split(":")

    def connect(sent: str) -> socket.socket:
        connection = socket.create_connection((host, int(port)), timeout=20)
        connection.sendall(sent.encode())
        return connection

    head = "PUT /v1/resources/alice/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
    token = f"Authorization: Bearer {registry.token('alice')}\r\n"  # a stranger's body is not waited for
    slow = [connect(""), connect(head), connect(f"{head}{token}\r\n123")]
    for connection in slow:
        with connection:
            assert ended(connection)
    with connect("GET /v1/health HTTP/1.1\r\n") as endless:
        with contextlib.suppress(ConnectionError):
            for number in range(100):
                endless.sendall(f"X-{number}: {'x' * 2000}\r\n".encode())
        assert ended(endless)
    with registry.client("alice") as alice:  # others are served
        assert alice.get("/v1/me").status_code == 200
        with alice.stream("GET", "/v1/changes") as feed:  # what takes long by its nature is not slow
            told = feed.iter_lines()
            assert next(told) == "event: hello"
            with registry.client("bob") as bob:
                for _ in range(3):
                    assert bob.get("/v1/health").status_code == 200
