"""A git server over HTTP: git's own `http-backend`, with a token where one is asked for; and repositories."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


def git(folder: Path, *arguments: str) -> str:
    """The output of git in a folder."""
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=folder, check=True, capture_output=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.stdout.decode().strip()


def commit(folder: Path, files: Mapping[str, str | bytes] | None = None, message: str = "more") -> str:
    """Write files, commit all of the folder, and say which commit that is."""
    for name, content in (files or {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def large_file(content: bytes) -> bytes:
    """What a commit holds in place of a file that Git LFS keeps."""
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n".encode()


@dataclass
class GitHost:
    """Serves the repositories of `folder` under http://127.0.0.1:PORT/.

    Attributes:
        folder: of repositories; each of them is `NAME/.git` or bare.
        token: who may read; empty: everybody.
        seen: paths and Authorization headers of the requests.
        says: {path: (status, headers, body)} that is answered in place of git.
        large: {oid: content} of Git LFS, the same for all repositories; made by `keep`.
        large_at: where it says that these are; empty: here.
    """

    folder: Path
    token: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)
    says: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    large_at: str = ""
    server: ThreadingHTTPServer = field(init=False)

    @property
    def host(self) -> str:
        """Address and port."""
        return f"127.0.0.1:{self.server.server_address[1]}"

    def url(self, name: str) -> str:
        """The address of a repository."""
        return f"http://{self.host}/{name}"

    def keep(self, content: bytes) -> bytes:
        """Keep a file in Git LFS; what a commit holds in its place."""
        self.large[hashlib.sha256(content).hexdigest()] = content
        return large_file(content)

    def batch(self, asked: bytes) -> bytes:
        """The answer of its Git LFS to a batch request."""
        base = self.large_at or f"http://{self.host}"
        objects = []
        for each in json.loads(asked)["objects"]:
            if each["oid"] in self.large:
                answer = {"actions": {"download": {"href": f"{base}/large/{each['oid']}"}}}
            else:
                answer = {"error": {"code": 404, "message": "Object does not exist"}}
            objects.append({**each, **answer})
        return json.dumps({"transfer": "basic", "objects": objects}).encode()

    def start(self) -> GitHost:
        """Listen on a free port."""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Listen no more."""
        self.server.shutdown()
        self.server.server_close()


def _handler(host: GitHost) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            self._serve(b"")

        def do_POST(self) -> None:
            self._serve(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def _serve(self, body: bytes) -> None:
            path, _, query = self.path.partition("?")
            given = self.headers.get("Authorization", "")
            host.seen.append((path, given))
            for start, (status, headers, content) in host.says.items():
                if path.startswith(start):
                    self._answer(status, headers, content)
                    return
            if host.token and not _is_right(given, host.token):
                self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
                return
            if path.endswith("/info/lfs/objects/batch"):
                self._answer(200, {"Content-Type": "application/vnd.git-lfs+json"}, host.batch(body))
                return
            if path.startswith("/large/"):
                content = host.large.get(path.rpartition("/")[2])
                self._answer(404 if content is None else 200, {}, content or b"")
                return
            environment = os.environ | {
                "GIT_PROJECT_ROOT": str(host.folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_USER": "git",
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
            }
            done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=environment)
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
            status = int(headers.pop("Status", "200").split()[0])
            self._answer(status, headers, content)

        def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler


def _is_right(given: str, token: str) -> bool:
    kind, _, value = given.partition(" ")
    return kind == "Basic" and base64.b64decode(value).decode().endswith(f":{token}")


@pytest.fixture
def make_repository(short_path: Path) -> Callable[..., Path]:
    """Makes a git repository out of {path: content}, all of it committed on `main`; its folder."""

    def make(files: Mapping[str, str | bytes], name: str = "repo", **options: str) -> Path:
        folder = short_path / "repositories" / name
        folder.mkdir(parents=True)
        git(folder, "init", "-q", "-b", "main", *(f"--{key}={value}" for key, value in options.items()))
        commit(folder, files, "first")
        return folder

    return make


@pytest.fixture
def git_host(short_path: Path) -> Iterator[GitHost]:
    """A server of the repositories that `make_repository` makes: `git_host.url("repo/.git")`."""
    (short_path / "repositories").mkdir(exist_ok=True)
    host = GitHost(short_path / "repositories").start()
    yield host
    host.stop()
