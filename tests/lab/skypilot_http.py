"""SkyPilot's REST interface in one file: the shapes that a real API server 0.14.1 answered with, and its bad days.

For tests of our client alone; what SkyPilot does is tested against the real one. Run as a program it stands where
SkyPilot's server would be started by our keeper: `skypilot_http.py -m sky.server.server …`, and listens where our
plugin would have the real one listen.
"""

from __future__ import annotations

import json
import os
import socketserver
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

HEALTH = {
    "status": "healthy", "api_version": "62", "version": "0.14.1", "version_on_disk": "0.14.1",
    "commit": "7e595970a806dcc9eefadf459f399edf1733e962", "basic_auth_enabled": False, "user": None,
}  # fmt: skip

STATUS_ROW = {
    "name": "gpu-1a2b3c", "launched_at": 1796000000, "last_use": "rhdesk", "status": "UP", "autostop": 60,
    "to_down": False, "cluster_hash": "c1e8", "cluster_ever_up": True, "status_updated_at": 1796000300,
    "user_hash": "rh6d6826", "user_name": "ann", "workspace": "default", "is_managed": False, "nodes": 2,
    "cloud": "AWS", "region": "us-east-1", "cpus": "2", "memory": "8.0", "accelerators": None,
    "labels": {"rhdesk": "rh6d6826"}, "resources_str": "2x(cpus=2, mem=8, m6i.large, ...)",
    "resources_str_full": "2x(cpus=2, mem=8, m6i.large, disk=256)", "last_event": "Cluster successfully provisioned",
}  # fmt: skip

COST_ROW = {
    "name": "gpu-1a2b3c", "launched_at": 1796000000, "duration": 1800, "num_nodes": 2, "cluster_hash": "c1e8",
    "usage_intervals": [[1796000000, None]], "status": "UP", "user_hash": "rh6d6826", "user_name": "ann",
    "total_cost": 0.096, "cloud": "AWS", "region": "us-east-1", "cpus": "2", "memory": "8.0", "accelerators": "None",
    "resources_str_full": "2x(cpus=2, mem=8, m6i.large, disk=256)", "resources": "gASVpickle",
}  # fmt: skip


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """At a unix socket."""

    daemon_threads = True


Answer = Callable[[dict[str, Any]], Any]


class Refusal(Exception):
    """What a request fails with: SkyPilot's exception and its message."""


class SkyPilotHttp:
    """A server that answers like SkyPilot's, at a port of loopback, or at a unix socket.

    Attributes:
        answers: by path, what a request returns; a function gets the body, may raise `Refusal`.
        says: by path, the lines of the stream.
        holds: by path, an event until which a request goes on.
        asked: (path, body) of each request; `taken` is set with the first.
        cancelled: ids that were cancelled.
        under_way: what `/api/status` answers.
        headers: of each exchange.
        token: what `Authorization` must be; empty: nothing.
        unavailable: so many exchanges are answered with 503 first.
        silent: nothing is answered while this is not set.
        cut: so many waits for the end are cut off in the middle.
        keeps_on: it cancels nothing, as for somebody who may not.
        queries: of each exchange, what stood behind the "?".
        forgets: it knows of no request any more, as after a start.
    """

    def __init__(self, path: str = "") -> None:
        self.health: dict[str, Any] = dict(HEALTH)
        self.answers: dict[str, Any] = {}
        self.says: dict[str, list[str]] = {}
        self.holds: dict[str, threading.Event] = {}
        self.taken = threading.Event()
        self.under_way: Callable[[], Sequence[Mapping[str, Any]]] = list
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.cancelled: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.token = ""
        self.unavailable = 0
        self.silent = threading.Event()
        self.silent.set()
        self.cut = 0
        self.forgets = False
        self.keeps_on = False
        self.queries: list[dict[str, list[str]]] = []
        self.requests: dict[str, str] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.handle(self)

            def do_POST(self) -> None:
                outer.handle(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server: socketserver.BaseServer
        if path:
            self._server, self.url = UnixServer(path, Handler), ""
        else:
            self._server = port = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            self.url = f"http://127.0.0.1:{port.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.silent.set()
        for event in self.holds.values():
            event.set()
        self._server.shutdown()
        self._server.server_close()

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [path for path, _ in self.asked]

    # ------------------------------------------------------------ inside

    def handle(self, exchange: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(exchange.path)
        body = exchange.rfile.read(int(exchange.headers.get("Content-Length") or 0))
        self.headers.append({key.lower(): value for key, value in exchange.headers.items()})
        self.silent.wait()
        if self.token and exchange.headers.get("Authorization") != self.token:
            return send(exchange, 401, {"detail": "Authentication required"})
        if self.unavailable:
            self.unavailable -= 1
            return send(exchange, 503, {"detail": "Server is shutting down, please try again later."})
        self.queries.append(parse_qs(parts.query))
        query = {key: values[0] for key, values in self.queries[-1].items()}
        match parts.path:
            case "/api/health":
                return send(exchange, 200, self.health)
            case "/api/get":
                return self.finish(exchange, query["request_id"])
            case "/api/stream":
                return self.stream(exchange, query["request_id"])
            case "/api/status":
                return send(exchange, 200, self.under_way())
        said = json.loads(body) if body else {}
        request = str(uuid.uuid4())
        self.requests[request] = parts.path
        self.asked.append((parts.path, said))
        self.taken.set()
        if parts.path == "/api/cancel" and not self.keeps_on:
            self.cancelled += said["request_ids"]
            for each in said["request_ids"]:
                if hold := self.holds.get(self.requests.get(each, "")):
                    hold.set()
        send(exchange, 200, None, request)

    def finish(self, exchange: BaseHTTPRequestHandler, request: str) -> None:
        path = self.requests.get(request)
        if path is None or self.forgets:
            return send(exchange, 404, {"detail": f"Request {request!r} not found"})
        if self.cut:
            self.cut -= 1
            exchange.close_connection = True
            exchange.connection.close()
            return None
        if hold := self.holds.get(path):
            hold.wait()
        row = {"request_id": request, "name": path, "status": "SUCCEEDED", "return_value": "null", "error": "null"}
        try:
            answer = self.answers.get(path)
            body = next((said for asked, said in reversed(self.asked) if asked == path), {})
            row["return_value"] = json.dumps(answer(body) if callable(answer) else answer)
        except Refusal as refusal:
            type_name, message = refusal.args
            row |= {"status": "FAILED", "error": json.dumps({"object": "gASV", "type": type_name, "message": message})}
        if request in self.cancelled:
            error = {"object": "gASV", "type": "RequestCancelled", "message": f"Request {request} cancelled"}
            row |= {"status": "CANCELLED", "error": json.dumps(error)}
        if row["status"] == "SUCCEEDED":
            send(exchange, 200, row)
        else:
            send(exchange, 500, {"detail": row})

    def stream(self, exchange: BaseHTTPRequestHandler, request: str) -> None:
        lines = self.says.get(self.requests.get(request, ""), [])
        data = "".join(f"{line}\n" for line in lines).encode()
        exchange.send_response(200)
        exchange.send_header("Content-Type", "text/plain")
        exchange.send_header("Content-Length", str(len(data)))
        exchange.end_headers()
        exchange.wfile.write(data)


def send(exchange: BaseHTTPRequestHandler, code: int, value: Any, request: str = "") -> None:
    data = json.dumps(value).encode()
    exchange.send_response(code)
    exchange.send_header("Content-Type", "application/json")
    exchange.send_header("Content-Length", str(len(data)))
    if request:
        exchange.send_header("X-Skypilot-Request-ID", request)
    exchange.end_headers()
    exchange.wfile.write(data)


def under_way() -> list[dict[str, str]]:
    """A launch goes on while the file $STAND_IN_LAUNCH is there; a file beside it says that somebody asked."""
    launch = os.environ.get("STAND_IN_LAUNCH", "")
    if not launch or not os.path.exists(launch):
        return []
    open(f"{launch}.asked", "w").close()
    return [{"name": "sky.launch", "status": "RUNNING"}]


def main() -> None:
    """Be started in place of SkyPilot's server by our keeper, with its token."""
    with open(os.environ["SKYPILOT_SERVER_PLUGINS_CONFIG"]) as file:
        ours = json.load(file)["plugins"][-1]["parameters"]
    if os.environ.get("STAND_IN_FAILS"):
        sys.exit("Failed to start SkyPilot API server: the state is broken")
    server = SkyPilotHttp(ours["listen"])
    with open(ours["token_file"]) as file:
        server.token = f"Bearer {file.read()}"
    server.answers["/status"] = [STATUS_ROW]
    server.under_way = under_way
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
