"""A package index on this machine: the simple API as JSON and as HTML, with what tests put there."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

JSON = "application/vnd.pypi.simple.v1+json"


@dataclass
class PackageHost:
    """A real HTTP server. Use it as a context.

    Attributes:
        projects: by normalised name the files of each, as PEP 691 has them ("filename", "requires-python", ...).
        names: more names for the list of all, without pages of their own.
        metadata: core metadata by file name.
        log_in: the header `Authorization` that has to come; empty: nobody has to log in.
        html: speak HTML instead of JSON.
        status: answer with this instead; 0: as usual.
        asked: "GET path status" of every request, in order.
    """

    projects: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    log_in: str = ""
    html: bool = False
    status: int = 0
    redirect: str = ""
    before_answer: Callable[[], object] = lambda: None
    asked: list[str] = field(default_factory=list)
    seen: list[Mapping[str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Of the simple API."""
        return f"http://127.0.0.1:{self._server.server_port}/simple"

    def body(self, path: str) -> tuple[bytes, str] | None:
        """The page at `path` and its type."""
        parts = [part for part in path.split("/") if part]
        if parts == ["simple"]:
            names = [*self.projects, *self.names]
            if self.html:
                return _html(f'<a href="/simple/{name}/">{name}</a>' for name in names), "text/html"
            listed = ",".join(f'{{"_last-serial":{n},"name":"{name}"}}' for n, name in enumerate(names))
            return f'{{"meta":{{"api-version":"1.1"}},"projects":[{listed}]}}'.encode(), JSON
        if len(parts) == 2 and parts[0] == "simple" and parts[1] in self.projects:
            files = self.projects[parts[1]]
            if self.html:
                return _html(map(_link, files)), "text/html; charset=utf-8"
            page = {"meta": {"api-version": "1.1"}, "name": parts[1], "files": files}
            return json.dumps(page).encode(), JSON
        if parts and parts[-1].endswith(".metadata") and parts[-1].removesuffix(".metadata") in self.metadata:
            return self.metadata[parts[-1].removesuffix(".metadata")].encode(), "application/octet-stream"
        return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.before_answer()
                host.seen.append(dict(self.headers.items()))
                status, body, headers = host._answer(self.path, self.headers)
                host.asked.append(f"GET {self.path} {status}")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        return Handler

    def _answer(self, path: str, headers: Mapping[str, str]) -> tuple[int, bytes, dict[str, str]]:
        if self.redirect:
            return 302, b"", {"Location": self.redirect}
        if self.status:
            return self.status, b"no", {}
        if self.log_in and headers.get("Authorization") != self.log_in:
            return 401, b"", {"WWW-Authenticate": "Basic"}
        found = self.body(path)
        if found is None:
            return 404, b"", {}
        body, kind = found
        etag = f'"{blake2b(body, digest_size=8).hexdigest()}"'
        if headers.get("If-None-Match") == etag:
            return 304, b"", {"ETag": etag}
        packed = gzip.compress(body, 1) if "gzip" in headers.get("Accept-Encoding", "") else body
        more = {"Content-Encoding": "gzip"} if packed is not body else {}
        return 200, packed, {"ETag": etag, "Content-Type": kind, **more}


def _html(links: Any) -> bytes:
    return f"<!DOCTYPE html><html><body>{'<br/>'.join(links)}</body></html>".encode()


def _link(file: Mapping[str, Any]) -> str:
    said = [f'href="{file["url"]}#sha256=0"']
    if wanted := file.get("requires-python"):
        said.append(f'data-requires-python="{wanted.replace(">", "&gt;").replace("<", "&lt;")}"')
    if "yanked" in file and file["yanked"] is not False:
        said.append(f'data-yanked="{file["yanked"]}"')
    return f"<a {' '.join(said)}>{file['filename']}</a>"


def file(filename: str, **more: Any) -> Mapping[str, Any]:
    """A file on a project's page; underscores of names in `more` stand for hyphens."""
    said = {name.replace("_", "-"): value for name, value in more.items()}
    return {"filename": filename, "url": f"/files/{filename}", "hashes": {}, **said}
