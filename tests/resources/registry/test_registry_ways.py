"""The way to the registry: certificates of a team's own, connections that die without a word, answers that are none."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from lab.certificates import write_certificate
from lab.registry import RegistryServer
from lab.registry_users import Watched
from lab.silent_relay import SilentRelay

from rhresources.documents import ClusterDocument
from rhresources.errors import RhError
from rhresources.registry.problems import API, SERVICE
from rhresources.resource_names import ResourceNames

BOX = ClusterDocument(type="ssh", ips=["gpu1"])


def test_a_certificate_of_a_team_is_trusted_where_it_is_named(
    make_registry: Callable[..., RegistryServer],
    short_path: Path,
    tmp_path: Path,
    watch: Callable[[ResourceNames], Watched],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folders = [tmp_path / "team", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    (certificate, key), (other, _) = (write_certificate(folder, 1) for folder in folders)
    registry = make_registry("", ["--cert", str(certificate), "--key", str(key)])
    url, token = registry.url.replace("127.0.0.1", "localhost"), registry.token("alice")
    names = ResourceNames(short_path / "alice")
    for authority in (None, other):
        with pytest.raises(RhError) as refused:
            names.login(url, token, authority=authority)
        assert refused.value.sentence.startswith(f"The certificate of the registry at {url} is not trusted: ")
        assert refused.value.sentence.count(". ") == 0, "one sentence"
        assert f"rhdesk login {url} --authority" in refused.value.remedy
        assert names.registry is None
    with pytest.raises(RhError, match=r"The certificates in .* cannot be read"):
        names.login(url, token, authority=key)
    monkeypatch.setenv("RH_REGISTRY_URL", url)
    monkeypatch.setenv("RH_REGISTRY_TOKEN", token)
    with pytest.raises(RhError, match=r"is not trusted: .*\. If it is your team's own, set SSL_CERT_FILE"):
        names.list("@")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert names.list("@") == []
    for name in ("RH_REGISTRY_URL", "RH_REGISTRY_TOKEN", "SSL_CERT_FILE"):
        monkeypatch.delenv(name)
    names.login(url, token, authority=certificate)
    watched = watch(names)
    watched.until_online()
    names.save("@/box", BOX)
    elsewhere = ResourceNames(short_path / "elsewhere")
    elsewhere.login(url, token, authority=certificate)
    elsewhere.save("@/later", BOX)
    watched.until(lambda: names.exists("@/later"))


def test_a_connection_that_dies_without_a_word_is_noticed(
    make_registry: Callable[..., RegistryServer],
    short_path: Path,
    watch: Callable[[ResourceNames], Watched],
) -> None:
    registry = make_registry("", ["--keep-alive", "0.2"])
    token = registry.token("alice")
    with SilentRelay(registry.url) as relay:
        names = ResourceNames(short_path / "alice")
        names.login(relay.url, token)
        store = names._client.store()
        assert store is not None
        store.session.silence = 3.0
        watched = watch(names)
        watched.until_online()
        relay.forget()
        elsewhere = ResourceNames(short_path / "elsewhere")
        elsewhere.login(registry.url, token)
        elsewhere.save("@/box", BOX)
        watched.until(lambda: names.exists("@/box"))
        watched.until_online()


@contextmanager
def server_that_hangs_up(port: int) -> Iterator[str]:
    """The URL of a server that ends every connection at the first word."""
    with socket.create_server(("127.0.0.1", port)) as listening:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        connection.recv(1)
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(65536):  # else it would be reset
                            pass

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{port}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_that_the_address_is_doubted_only_where_it_never_worked(
    alice: ResourceNames, registry: RegistryServer, short_path: Path
) -> None:
    registry.stop()
    with server_that_hangs_up(int(registry.url.rpartition(":")[2])) as url:
        with pytest.raises(RhError, match=r"cannot be reached: it ended the connection\. .*begins with https://"):
            ResourceNames(short_path / "new").login(url, "token")
        with pytest.raises(RhError, match=r"cannot be reached: it ended the connection\. See that it runs"):
            alice.people()


@contextmanager
def server_that_talks_nonsense() -> Iterator[str]:
    """The URL of a server that begins as a registry does."""
    health = {"status": "ok", "service": SERVICE, "api": API, "version": "1", "registry": "r"}
    page = {"resources": [], "next": None, "cursor": 1}
    answers = {"/v1/health": health, "/v1/me": {"user": "alice", "groups": [], "registry": "r"}, "/v1/resources": page}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = answers.get(self.path.partition("?")[0])
            body = json.dumps(said) if said is not None else "event: saved\ndata: {what?\n\n"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_what_nobody_expected_of_the_feed_is_shown(
    short_path: Path, watch: Callable[[ResourceNames], Watched], allow_warnings: Callable[[str], None]
) -> None:
    """It is not only in a log: what is shown grows old, and whoever looks at it must know."""
    allow_warnings("cannot be followed")
    with server_that_talks_nonsense() as url:
        names = ResourceNames(short_path / "alice")
        names.login(url, "token")
        watched = watch(names)

        def is_said() -> bool:
            state = names.registry
            return state is not None and not state.online and "cannot be followed: JSONDecodeError" in state.problem

        watched.until(is_said)
        assert names.registry is not None
        assert "may be old" in names.registry.remedy
        watched.stop()
