"""JupyterLab on a cluster, as a run: visible, with a log, and cancelled like any other.

It listens on a unix socket in a directory that only its user may enter (on a loopback port where that is not possible),
and asks for a token that is made here and handed over in its environment. A forward leads there from 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import html
import json
import secrets
import time
import webbrowser
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rhresources.errors import NotFound, RhError
from rhresources.packages import PackageSpec
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import FINAL_STATES
from rhresources.wire.values import json_arguments

if TYPE_CHECKING:
    from rhresources.connections import ClusterLike
    from rhresources.forwards import PortForward
    from rhresources.reach import Progress
    from rhresources.wire.client import ClusterClient
    from rhresources.workspace import Workspace

PACKAGE = "jupyterlab"
NAME = "notebook"
MARK = "rhdesk notebook: "
"""The line of the log that says where it listens begins with this; JSON follows."""

_PAGE_SECONDS = 60.0

_PROGRAM = Path(__file__).with_name("notebook_there.py")


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook server that runs.

    Attributes:
        run: the id of its run; cancelling that ends it.
        url: for the browser of this computer, token included.
        forward: the port here that leads there.
        cluster: on which it runs.
    """

    run: str
    url: str = field(repr=False)
    forward: PortForward
    cluster: ClusterLike


async def start_notebook(
    workspace: Workspace, cluster: ClusterLike, local_port: int, progress: Progress | None
) -> Notebook:
    """Start one and forward a port to it; see `Workspace.notebook`."""
    client = await workspace.connect(cluster, up=True, progress=progress, ask=True)
    token = secrets.token_urlsafe(32)
    environment = await workspace.builtin_environment(client, [PackageSpec("pip", PACKAGE)], progress)
    program = await asyncio.to_thread(_PROGRAM.read_text)
    spec = pb.FunctionSpec(
        name=NAME,
        entry=pb.Entry(builtin="python"),
        environment=environment,
        variables={"JUPYTER_TOKEN": token, "RHDESK_NOTEBOOK": program},
    )
    # what is run shows in the list of runs, so it is short; and never has the token
    value = json_arguments([["import os; exec(os.environ.pop('RHDESK_NOTEBOOK'))"]], {})
    run = await client.submit(spec, await client.value(value.data, value.format))
    try:
        where = await _listening(client, run.id, progress)
        remote_host, remote_port = (where["socket"], 0) if where["socket"] else ("127.0.0.1", int(where["port"]))
        forward = await workspace.forwards.add(cluster, remote_port, local_port, remote_host)
        url = f"http://{forward.local}/lab?token={token}"
        await _answers(forward, token)
    except BaseException:
        await _cancel(client, run.id)
        raise
    return Notebook(run.id, url, forward, cluster)


async def find_notebook(
    workspace: Workspace, cluster: ClusterLike, local_port: int, running: list[Notebook]
) -> Notebook | None:
    """One of `running` that is on this cluster, at this port (0: any), and still there."""
    forwards = {forward.id: forward for forward in workspace.forwards.list()}
    for notebook in running:
        forward = forwards.get(notebook.forward.id)
        if notebook.cluster != cluster or forward is None or local_port not in (0, forward.local_port):
            continue
        client = await workspace.connect(cluster, ask=True)
        try:
            if (await client.result(notebook.run)).run.state not in FINAL_STATES:
                return notebook
        except NotFound:
            pass
        await workspace.forwards.stop(forward.id)
    return None


def open_in_browser(url: str, home: Path) -> bool:
    """Show a URL that holds a token; whether a browser could be started. May block for a moment.

    The browser is given a file that leads there: everybody on this computer can read what programs are started with.
    """
    folder = home / "cache"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in folder.glob("open-*.html"):
        if old.stat().st_mtime < time.time() - _PAGE_SECONDS:
            old.unlink(missing_ok=True)
    page = folder / f"open-{secrets.token_hex(4)}.html"
    page.touch(mode=0o600)
    target = html.escape(url, quote=True)
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={target}">'
        f'<title>JupyterLab</title><a href="{target}">JupyterLab</a>\n'
    )
    return webbrowser.open(page.as_uri())


async def _listening(client: ClusterClient, run: str, progress: Progress | None) -> dict[str, str]:
    """Where it listens, read from its log, once it does.

    Raises:
        RhError: it ended before that.
    """
    text, said = "", ""
    async for event in client.watch(run):
        what = event.WhichOneof("what")
        if what == "log":
            text += event.log.data.decode("utf-8", "replace")
            for line in text.splitlines(keepends=True):
                if line.startswith(MARK) and line.endswith("\n"):
                    return dict(json.loads(line.removeprefix(MARK)))
        elif what == "progress" and progress is not None:
            progress(event.progress)
        elif what == "run":
            if event.run.state in FINAL_STATES:
                problem = event.run.problem.sentence or event.run.reason
                detail = event.run.problem.detail or text
                raise RhError(f"The notebook server did not start. {problem}".rstrip(), detail=detail)
            if event.run.reason != said and progress is not None:
                said = event.run.reason
                progress(said or "Starting the notebook server")
    raise RhError("The notebook server ended before it listened.", detail=text)


async def _answers(forward: PortForward, token: str) -> None:
    """Wait until it answers through the forward, so that the browser does not meet a closed door."""
    request = f"GET /api/status HTTP/1.0\r\nHost: {forward.local}\r\nAuthorization: token {token}\r\n\r\n"
    for _ in range(100):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", forward.local_port)
            try:
                writer.write(request.encode())
                async with asyncio.timeout(5):
                    line = await reader.readline()
            finally:
                writer.close()
            if b" 200 " in line:
                return
        except (OSError, TimeoutError):
            pass
        await asyncio.sleep(0.2)
    raise RhError(
        "The notebook server runs, and does not answer through the forwarded port.",
        remedy="Its log says more; the SSH server may forbid forwarding.",
    )


async def _cancel(client: ClusterClient, run: str) -> None:
    try:
        async with asyncio.timeout(10):
            await client.cancel(run)
    except (RhError, TimeoutError):
        pass  # the first error says more than that the cluster could not be told
