"""`rhdesk run`: starts a run, shows its log as it comes, prints its result, and knows what Ctrl-C means."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from rhdesk.cli.options import Name, RhCommand, json_option, on_option
from rhdesk.cli.session import run_async
from rhdesk.cli.terminal import Progress, note, print_json
from rhdesk.cli.values import parse_arguments

if TYPE_CHECKING:
    from rhdesk.cli.records import FoundRun
    from rhresources.wire import cluster_pb2 as pb
    from rhresources.workspace import Workspace


class _RunCommand(RhCommand):
    """Lets `-1` through as a value, and everything after `--`; other options that it does not know are errors."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        after: list[str] = []
        if "--" in args:
            cut = args.index("--")
            args, after = args[:cut], args[cut + 1 :]
        rest = super().parse_args(ctx, args)
        for value in ctx.params.get("arguments", ()):
            if value.startswith("--"):
                raise click.NoSuchOption(value.partition("=")[0], ctx=ctx)
        if after and "function" in ctx.params:
            ctx.params["arguments"] = (*ctx.params["arguments"], *after)
        return rest


@click.command("run", cls=_RunCommand, context_settings={"ignore_unknown_options": True})
@click.argument("function", type=Name("function"))
@click.argument("arguments", nargs=-1, metavar="[VALUE | NAME=VALUE]...")
@on_option
@click.option(
    "--reqs",
    multiple=True,
    metavar="PACKAGE",
    help="What FILE.py:FUNCTION needs besides its own tree; may be repeated.",
)
@click.option("--detach", is_flag=True, help="Print the id of the run and do not wait for it.")
@json_option
def run_command(
    function: str, arguments: tuple[str, ...], on: str | None, reqs: tuple[str, ...], detach: bool, as_json: bool
) -> int:
    """Run FUNCTION, a saved name or FILE.py:FUNCTION, on its cluster, which is brought up if it is not.

    Log lines go to standard error as they come, the result to standard output; the exit code is 1 if the run failed.

    A VALUE is JSON if it reads as JSON, else text: 3, 2e-5, true, null, '[1, 2]', hello. Text that looks like JSON, or
    like NAME=VALUE, is written in JSON quotes: '"3"', '"a=b"'. What follows -- is a value whatever it looks like.

    Ctrl-C cancels the run; a second one leaves it to end by itself.
    """
    args, kwargs = parse_arguments(arguments)
    return run_async(
        lambda workspace: _Runner(workspace, as_json).run(function, args, kwargs, on, reqs, detach),
        interrupted="Nothing was started.",
    )


class _Runner:
    """One run from the command line, from sending the code to printing the result."""

    def __init__(self, workspace: Workspace, as_json: bool) -> None:
        self._workspace = workspace
        self._as_json = as_json
        self._progress = Progress()
        self._items: list[Any] = []
        self._item_task: asyncio.Task[None] | None = None
        self._interrupts = 0
        self._released = asyncio.Event()
        self._cancelling: asyncio.Task[Any] | None = None

    async def run(
        self,
        function: str,
        args: list[Any],
        kwargs: dict[str, Any],
        on: str | None,
        reqs: tuple[str, ...],
        detach: bool,
    ) -> int:
        """Start it and, unless `detach`, stay until it ends; the exit code."""
        from rhdesk.cli.functions import resolve_function, target_cluster
        from rhdesk.cli.records import FoundRun
        from rhdesk.cli.session import connect

        with self._progress:
            target = resolve_function(self._workspace, function, reqs)
            cluster = target_cluster(self._workspace, target, on)
            client = await connect(self._workspace, cluster, self._progress, launch=True)
            run = await self._workspace.submit(target, args, kwargs, on=cluster, progress=self._progress)
        found = FoundRun(run, cluster, client)
        if detach:
            self._say_detached(found)
            return 0
        with self._interruptible(found):
            ended = await self._follow(found)
        if ended is None:
            note(f"The run {run.id} goes on without this command; `rhdesk logs {run.id} -f` picks it up.")
            return 1
        return await self._finish(FoundRun(ended, cluster, client))

    def _say_detached(self, found: FoundRun) -> None:
        from rhdesk.cli.records import run_as_json

        if self._as_json:
            print_json(run_as_json(found.run, found.cluster))
        else:
            click.echo(found.run.id)
            if sys.stderr.isatty():
                note(f"`rhdesk logs {found.run.id} -f` follows it, `rhdesk cancel {found.run.id}` ends it.")

    # ------------------------------------------------------------ while it runs

    async def _follow(self, found: FoundRun) -> pb.Run | None:
        """Show what comes until the run ends, its record; None if a second Ctrl-C let go of it."""
        watching = asyncio.ensure_future(self._watch(found))
        released = asyncio.ensure_future(self._released.wait())
        try:
            await asyncio.wait({watching, released}, return_when=asyncio.FIRST_COMPLETED)
            return watching.result() if watching.done() else None
        finally:
            for task in (watching, released, self._item_task, self._cancelling):
                if task is not None and not task.done():
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task

    async def _watch(self, found: FoundRun) -> pb.Run:
        from rhdesk.cli.records import ACTIVE

        run = found.run
        with self._progress:
            async for event in found.client.watch(run.id):
                match event.WhichOneof("what"):
                    case "log":
                        self._progress.clear()
                        sys.stderr.buffer.write(event.log.data)
                        sys.stderr.buffer.flush()
                    case "progress":
                        self._progress(event.progress)
                    case "run":
                        run = event.run
                        self._show_state(found, run)
        if self._item_task is not None:
            await self._item_task
        assert run.state not in ACTIVE
        return run

    def _show_state(self, found: FoundRun, run: pb.Run) -> None:
        from rhresources.wire import cluster_pb2 as pb

        if run.state in (pb.QUEUED, pb.PREPARING):
            if run.reason:
                self._progress(run.reason)
        else:
            self._progress.clear()
        if run.items and self._item_task is None:
            self._item_task = asyncio.ensure_future(self._show_items(found))

    async def _show_items(self, found: FoundRun) -> None:
        from rhdesk.cli.records import item_text

        async for item in found.client.items(found.run.id):
            value, text = await item_text(found.client, item)
            if self._as_json:
                self._items.append(value)
            else:
                click.echo(text)

    # ------------------------------------------------------------ afterwards

    async def _finish(self, found: FoundRun) -> int:
        from rhdesk.cli.records import fetch_result, require_success, run_as_json
        from rhresources.wire import cluster_pb2 as pb

        run = found.run
        succeeded = run.state == pb.SUCCEEDED
        result = await fetch_result(found.client, run.id) if succeeded else None
        if self._as_json:
            answer = run_as_json(run, found.cluster) | {"result": None, "preview": None}
            if result is not None:
                answer |= result.as_json()
            if self._item_task is not None:
                answer["item_values"] = self._items
            print_json(answer)
        elif result is not None and (self._item_task is None or result.value is not None):
            click.echo(result.text)
            if result.shortened:
                note(f"This is the beginning; `rhdesk result {run.id} -o FILE.pkl` writes all of it.")
        if run.HasField("error"):
            note(run.error.traceback.rstrip("\n"))
        require_success(run)
        return 0

    # ------------------------------------------------------------ Ctrl-C

    @contextlib.contextmanager
    def _interruptible(self, found: FoundRun) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        try:
            loop.add_signal_handler(signal.SIGINT, self._on_interrupt, found)
        except NotImplementedError:  # Windows: Ctrl-C ends this command and the run goes on
            yield
            return
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    def _on_interrupt(self, found: FoundRun) -> None:
        self._interrupts += 1
        self._progress.clear()
        if self._interrupts == 1:
            note(f"\nCancelling the run {found.run.id}; Ctrl-C again leaves it to end by itself.")
            self._cancelling = asyncio.ensure_future(found.client.cancel(found.run.id))
        else:
            self._released.set()
