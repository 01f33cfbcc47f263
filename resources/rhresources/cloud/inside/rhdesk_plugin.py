"""Part of SkyPilot's API server, loaded by it as an official server plugin. It runs in SkyPilot's Python, not in
ours.

SkyPilot listens on a port of loopback, which is open to every user of this computer, and lets every request from there
pass without a log-in, even with its basic auth switched on (`BasicAuthMiddleware` returns early for them). So here it
listens on a unix socket that only our user can reach, and each request must carry the token that only our user can
read. And the server ends when the keeper that started it ends, however that happened.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import signal
import sys
import threading
from typing import Any

import rhdesk_instances
import rhdesk_made
import rhdesk_orphans
from rhdesk_apart import keep_apart
from rhdesk_sealing import seal_requests
from sky.server.plugins import BasePlugin, PluginContext
from sky.server.requests.queues.base import LocalQueueFactory

_watching = threading.Lock()


class RhdeskPlugin(BasePlugin):  # type: ignore[misc]  # SkyPilot is not in our environment
    """What rhdesk adds to the SkyPilot API server that it owns."""

    def __init__(self, token_file: str, folder: str, watch: int, listen: str) -> None:
        with open(token_file, encoding="ascii") as file:
            self._token = file.read().strip()
        self._token_file = token_file
        self._folder = folder
        self._watch = watch
        self._listen = listen

    @property
    def name(self) -> str:
        """For SkyPilot's lists."""
        return "rhdesk"

    @property
    def hidden_from_display(self) -> bool:
        """Users need not see it."""
        return True

    def install(self, extension_context: Any) -> None:
        """Called by SkyPilot in each of its processes."""
        keep_apart(self._folder)
        seal_requests(self._token)
        if extension_context.context is PluginContext.MAIN:
            _end_with_keeper(self._watch, self._token_file)
            _listen_at(self._listen)
            # in place of one at a port, which every user of this computer can put pickles into
            extension_context.register_queue_backend_factory(LocalQueueFactory())
        if extension_context.context is PluginContext.EXECUTOR:
            rhdesk_instances.watch(self._folder)
            rhdesk_made.write_down(self._folder)
        if extension_context.app is not None:
            rhdesk_orphans.add_routes(extension_context.app)
            extension_context.app.add_middleware(RequireToken, token=self._token)


class RequireToken:
    """Nobody without the token gets further, whatever is asked for; added last, so it is asked first."""

    def __init__(self, app: Any, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif self._is_known(scope):
            # SkyPilot would take our token for one of its service accounts, of which it has none
            kept = [each for each in scope["headers"] if each[0] not in (b"authorization", b"x-skypilot-auth-mode")]
            # and a unix socket has no address, so that it would not take us for somebody on this computer
            await self._app({**scope, "headers": kept, "client": ("127.0.0.1", 0)}, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4401})
        else:
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": b'{"detail":"rhdesk: the token is missing or wrong"}'})

    def _is_known(self, scope: Any) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        return len(given) == 1 and hmac.compare_digest(given[0], self._expected)


def _listen_at(path: str) -> None:
    """Before SkyPilot's server listens: at a unix socket, in place of a port."""
    import uvicorn

    class Config(uvicorn.Config):  # type: ignore[misc]  # nor is that
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "uds": path})

    uvicorn.Config = Config


def _end_with_keeper(descriptor: int, token_file: str) -> None:
    """The keeper holds the other end of a pipe: when it is gone, so are we, with every process of our group."""
    if not _watching.acquire(blocking=False):
        return

    def watch() -> None:
        while os.read(descriptor, 1):
            pass
        with contextlib.suppress(OSError):
            os.unlink(token_file)
        # the executors ignore SIGTERM, so there is nothing gentler that reaches all of them
        print("rhdesk: the keeper is gone; ending", file=sys.stderr, flush=True)
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=watch, name="rhdesk-keeper", daemon=True).start()
