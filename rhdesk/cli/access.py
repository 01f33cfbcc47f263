"""Commands that lead into a cluster: ssh, forward, notebook."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from rhdesk.cli.options import Name, RhCommand, json_option
from rhdesk.cli.session import cluster_address, is_this_computer, run_async
from rhdesk.cli.terminal import Progress, note, print_json
from rhresources.errors import RhError, UsageError

if TYPE_CHECKING:
    from rhresources.forwards import PortForward
    from rhresources.notebook import Notebook
    from rhresources.workspace import Workspace

_PIECE = 65_536


# ---------------------------------------------------------------- ssh


@click.command("ssh", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
@click.option("--host", help="This host of it; by default the head.")
@click.option("-t", "--tty", is_flag=True, help="Give COMMAND a terminal, as `ssh -t` does.")
def ssh_command(cluster: str, command: tuple[str, ...], host: str | None, tty: bool) -> int:
    """Open a shell on a host of CLUSTER, or run COMMAND there. Its server need not be up.

    The shell is the system's `ssh`, with the user, port, key, jump hosts and known hosts of the cluster. COMMAND goes
    over rhdesk's own connection, its output comes as it is printed, and its exit code becomes this one's.
    """
    words = " ".join(command)

    async def way(workspace: Workspace) -> list[str]:
        address = cluster_address(workspace, cluster)
        if is_this_computer(workspace, address):
            if host is not None:
                raise UsageError(f"{address} has no other hosts.")
            return [os.environ.get("SHELL", "sh"), *(["-c", words] if words else [])]
        line = await workspace.ssh_command(address, host)
        if tty:
            line.insert(1, "-t")
        return [*line, *([words] if words else [])]

    async def run(workspace: Workspace) -> int:
        address = cluster_address(workspace, cluster)
        given = _copy_input if not sys.stdin.isatty() else b""
        return await workspace.run_command(
            address, words, host=host, input=given, on_output=_writer(sys.stdout), on_error=_writer(sys.stderr)
        )

    if words and not tty:
        return run_async(run, interrupted="The command was ended.")
    line = run_async(way)
    if shutil.which(line[0]) is None:
        return run_async(lambda workspace: _own_shell(workspace, cluster, host, words))
    sys.stdout.flush()
    if os.name == "posix":
        os.execvp(line[0], line)
    return subprocess.call(line)


async def _own_shell(workspace: Workspace, cluster: str, host: str | None, command: str) -> int:
    from rhdesk.cli.shell import interact

    async with workspace.ssh_connection_to(cluster_address(workspace, cluster), host) as connection:
        if connection is None:
            raise RhError("There is no shell on this computer that could be started.", remedy="Set SHELL.")
        return await interact(connection, command)


def _copy_input(write: Callable[[bytes], None]) -> None:
    """Standard input as it comes; in a thread of its own."""
    while data := os.read(sys.stdin.fileno(), _PIECE):
        write(data)


def _writer(stream: Any) -> Callable[[bytes], None]:
    def write(data: bytes) -> None:
        with suppress(BrokenPipeError):
            stream.buffer.write(data)
            stream.buffer.flush()

    return write


# ---------------------------------------------------------------- forward


@click.command("forward", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.argument("ports", metavar="[LOCAL:][HOST:]REMOTE")
@json_option
def forward_command(cluster: str, ports: str, as_json: bool) -> None:
    """Forward a port of this computer to one of CLUSTER until Ctrl-C; it comes back after a lost connection.

    \b
    rhdesk forward gpu 8888             127.0.0.1:8888 leads to port 8888 there
    rhdesk forward gpu 9000:8888        ... 127.0.0.1:9000 does
    rhdesk forward gpu 0:db:5432        ... any free port leads to port 5432 of db, as CLUSTER reaches it
    """
    local, remote_host, remote = parse_ports(ports)

    async def work(workspace: Workspace) -> None:
        with Progress() as progress:
            progress("Connecting")
            address = cluster_address(workspace, cluster)
            forward = await workspace.forwards.add(address, remote, local, remote_host)
        if as_json:
            print_json(forward_as_json(forward))
            sys.stdout.flush()
        else:
            click.echo(forward.local)
            note(f"{forward.local} leads to {forward.remote} of {forward.cluster} until Ctrl-C.")
        workspace.forwards.on_change(lambda: _say_state(workspace))
        await until_interrupted()

    run_async(work)


def forward_as_json(forward: PortForward) -> dict[str, Any]:
    """A forward as `--json` prints it: a stable contract."""
    return {
        "cluster": forward.cluster,
        "local": forward.local,
        "local_port": forward.local_port,
        "remote_host": forward.remote_host,
        "remote_port": forward.remote_port,
        "state": forward.state,
    }


def _say_state(workspace: Workspace) -> None:
    for forward in workspace.forwards.list():
        note(f"{forward.local}: {forward.sentence or 'open again.'}")


def parse_ports(text: str) -> tuple[int, str, int]:
    """(local port, host there, port there) of "8888", "9000:8888", "db:5432" or "9000:db:5432"; "[::1]:80" works too.

    Raises:
        UsageError: it is none of these.
    """
    bad = UsageError(f"{text!r} is no forward.", remedy="Write REMOTE, LOCAL:REMOTE or LOCAL:HOST:REMOTE.")
    rest, _, remote = text.rpartition(":")
    host, local = "127.0.0.1", remote
    if rest:
        first, colon, second = rest.partition(":")
        if rest.startswith("[") and rest.endswith("]"):
            host = rest[1:-1]
        elif not colon and rest.isdigit():
            local = rest
        elif not colon:
            host = rest
        elif first.isdigit():
            local, host = first, second.removeprefix("[").removesuffix("]")
        else:
            raise bad
    if not (remote.isdigit() and local.isdigit() and host and 0 < int(remote) <= 65_535 and int(local) <= 65_535):
        raise bad
    return int(local), host, int(remote)


async def until_interrupted() -> None:
    """Ends with the first Ctrl-C, or when the process is asked to end."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C ends the command
            loop.add_signal_handler(number, over.set)
    await over.wait()


# ---------------------------------------------------------------- notebook


@click.command("notebook", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="The port here; by default any that is free.")
@click.option("--keep", is_flag=True, help="Leave it running after Ctrl-C; `rhdesk cancel` ends it.")
@json_option
def notebook_command(cluster: str, no_browser: bool, port: int, keep: bool, as_json: bool) -> int:
    """Start JupyterLab on CLUSTER and open it in the browser of this computer. Ctrl-C ends it.

    It is a run like any other: `rhdesk runs` lists it, and the window can cancel it.
    """

    async def work(workspace: Workspace) -> int:
        from rhresources.notebook import open_in_browser

        address = cluster_address(workspace, cluster)
        with Progress() as progress:
            notebook = await workspace.notebook(address, port, progress, keep=keep)
        if as_json:
            print_json({"cluster": address, "run": notebook.run, "url": notebook.url})
            sys.stdout.flush()
        else:
            click.echo(notebook.url)
            note(f"JupyterLab runs on {address} as run {notebook.run}. Ctrl-C {'lets go of' if keep else 'ends'} it.")
        if not no_browser:
            await asyncio.to_thread(open_in_browser, notebook.url, workspace.home)
        return await _until_it_ends(workspace, address, notebook, keep)

    return run_async(work, interrupted="What was installed so far is kept for the next try.")


async def _until_it_ends(workspace: Workspace, cluster: str, notebook: Notebook, keep: bool) -> int:
    interrupted = asyncio.ensure_future(until_interrupted())
    ended = asyncio.ensure_future(_ended(workspace, cluster, notebook.run))
    try:
        await asyncio.wait({interrupted, ended}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            note(f"The notebook server has ended: {ended.result()}.")
            return 0
    finally:
        for task in (interrupted, ended):
            task.cancel()
        await asyncio.gather(interrupted, ended, return_exceptions=True)
    if keep:
        note(f"It goes on; `rhdesk cancel {notebook.run}` ends it.")
    else:
        with Progress() as progress:
            progress("Ending the notebook server")
            await workspace.end_notebook(notebook)
    return 0


async def _ended(workspace: Workspace, cluster: str, run: str) -> str:
    from rhdesk.cli.records import state_name

    client, state = await workspace.connect(cluster), ""
    async for event in client.watch(run, log=False):
        if event.HasField("run"):
            state = state_name(event.run.state)
    return state
