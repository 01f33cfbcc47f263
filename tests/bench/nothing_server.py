"""What a registry's loads are measured against: FastAPI on the same server, with a route that does nothing.

Argument: the file whose content each answer has.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import Response
from processes import READY


def main() -> None:
    """Serve until ended."""
    body = Path(sys.argv[1]).read_bytes()
    app = FastAPI(openapi_url=None)

    @app.get("/{path:path}")
    def nothing(path: str) -> Response:
        return Response(body, media_type="application/json")

    config = uvicorn.Config(app, port=0, loop="uvloop", http="httptools", log_config=None, access_log=False)

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            port = self.servers[0].sockets[0].getsockname()[1]
            print(f"http://127.0.0.1:{port}\n{READY.decode()}", flush=True)

    Server(config).run()


if __name__ == "__main__":
    main()
