"""Serving: TLS by files that are renewed, refusal to be open to the network, the access log, a clean end."""

from __future__ import annotations

import ssl
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest
from cryptography import x509
from lab.certificates import write_certificate
from lab.registry import RegistryServer
from sqlalchemy import text

from rhserver.registry.database import Database


def shown_serial(registry: RegistryServer) -> int:
    port = int(registry.url.rpartition(":")[2])
    return x509.load_pem_x509_certificate(ssl.get_server_certificate(("localhost", port)).encode()).serial_number


def test_tls_with_a_certificate_that_is_renewed(make_registry: Callable[..., RegistryServer], tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path, 1001)
    registry = make_registry("", ["--cert", str(certificate), "--key", str(key)])
    assert registry.url.startswith("https://127.0.0.1:")
    address = registry.url.replace("127.0.0.1", "localhost")
    headers = {"Authorization": f"Bearer {registry.token('alice')}"}

    def user() -> str:
        trusting = ssl.create_default_context(cafile=certificate)
        with httpx.Client(base_url=address, headers=headers, verify=trusting, trust_env=False) as client:
            return str(client.get("/v1/me").json()["user"])

    assert user() == "alice"
    assert shown_serial(registry) == 1001
    write_certificate(tmp_path, 1002)
    deadline = time.monotonic() + 60
    while shown_serial(registry) != 1002:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert user() == "alice"


def test_what_it_refuses_to_do(registry: RegistryServer, tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path, 1)
    (tmp_path / "other").mkdir()
    _, other = write_certificate(tmp_path / "other", 2)

    def refused(*options: str) -> str:
        done = registry.command("serve", *options, check=False)
        assert done.returncode in (1, 2)
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "without TLS" in refused("--listen", "0.0.0.0:0")
    assert "KEY_VALUES_MISMATCH" in refused("--cert", str(certificate), "--key", str(other))
    assert "without --cert" in refused("--key", str(key))
    assert "is not a limit" in refused("--limit", "speed=9")
    not_made = refused("--db", f"sqlite:///{certificate / 'registry.sqlite'}")
    assert "a file stands where a directory belongs" in not_made
    assert "choose another file with --db" in not_made


def test_the_access_log(make_registry: Callable[..., RegistryServer], tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    registry = make_registry("", ["--access-log", str(file), "--proxy", "127.0.0.1"])
    with registry.client("alice") as alice:
        alice.put("/v1/resources/alice/gpu", json={"text": "kind: cluster\nips: [gpu1]\n"})
        alice.get("/v1/resources", params={"query": "secret words"}, headers={"X-Forwarded-For": "192.0.2.7"})
        alice.get("/v1/resources/alice/x%0ay")
    deadline = time.monotonic() + 30
    while file.read_text().count("\n") < 3 and time.monotonic() < deadline:  # a line comes after its answer
        time.sleep(0.01)
    lines = [line.split(" ", 2)[2] for line in file.read_text().splitlines()]
    assert [line.rsplit(" ", 2)[0] for line in lines] == [
        '127.0.0.1 alice "PUT /v1/resources/alice/gpu" 200',
        '192.0.2.7 alice "GET /v1/resources" 200',
        '127.0.0.1 - "GET /v1/resources/alice/x%0Ay" 404',
    ]
    database = registry.folder / "registry.sqlite"
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_that_health_tells_when_nothing_can_be_saved(registry: RegistryServer) -> None:
    def status() -> tuple[str, str]:
        said = httpx.get(f"{registry.url}/v1/health", trust_env=False).json()
        return said["status"], said["problem"]

    with registry.client("alice") as alice:
        text = "kind: cluster\nips: [gpu1]\n"
        assert alice.put("/v1/resources/alice/gpu", json={"text": text}).status_code == 200
        assert status() == ("ok", "")
        process = psutil.Process(registry.pid)
        before = process.rlimit(psutil.RLIMIT_FSIZE)
        process.rlimit(psutil.RLIMIT_FSIZE, (4096, before[1]))  # what a full disk is to it
        assert alice.put("/v1/resources/alice/other", json={"text": text}).status_code == 503
        assert status() == ("read-only", "The last save failed; the log of the registry says why.")
        assert alice.get("/v1/resources/alice/gpu").status_code == 200
        process.rlimit(psutil.RLIMIT_FSIZE, before)
        assert alice.put("/v1/resources/alice/other", json={"text": text}).status_code == 200
        assert status() == ("ok", "")
    assert "the database failed" in registry.said()
    registry.log.write_text("")  # what it said of that was expected


def test_that_the_log_tells_nothing_of_what_could_not_be_saved(registry: RegistryServer) -> None:
    database = Database(registry.database)
    with database.writing() as connection:
        refuse = "CREATE TRIGGER refuse BEFORE INSERT ON versions BEGIN SELECT RAISE(ABORT, 'refused'); END"
        connection.execute(text(refuse))
    database.close()
    with registry.client("alice") as alice:
        sent = {"text": "kind: cluster\nips: [gpu1]\ndescription: nobody's business\n"}
        assert alice.put("/v1/resources/alice/gpu", json=sent).status_code == 503
    assert "refused" in registry.said()
    assert "business" not in registry.said()
    registry.log.write_text("")  # what it said of that was expected


def test_that_it_ends_in_order(registry: RegistryServer) -> None:
    """Feeds end, and what was acknowledged until then is there."""
    heard, saved = [], []

    def follow() -> None:
        with registry.client("alice") as client, client.stream("GET", "/v1/changes") as feed:
            for line in feed.iter_lines():
                heard.append(line)
        heard.append("end")

    def write() -> None:
        with registry.client("alice") as client:
            for number in range(100_000):
                try:
                    answer = client.put(f"/v1/resources/alice/{number}", json={"text": "kind: cluster\nips: [gpu1]\n"})
                except httpx.TransportError:
                    return
                if answer.status_code == 200:
                    saved.append(number)

    registry.token("alice")
    threads = [threading.Thread(target=follow), threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    while len(saved) < 20 or not heard:
        time.sleep(0.01)
    registry.stop()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert heard[-1] == "end"
    registry.start()
    with registry.client("alice") as client:
        for number in saved:
            assert client.get(f"/v1/resources/alice/{number}").status_code == 200
