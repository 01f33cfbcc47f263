"""`rhdesk install`: the same packages on one cluster or several at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rhdesk.cli.options import Name, RhCommand, json_option
from rhdesk.cli.session import cluster_address, environments_of, run_async
from rhdesk.cli.terminal import Progress, note, print_json
from rhresources.errors import RhError

if TYPE_CHECKING:
    from rhresources.environments import EnvironmentRequest
    from rhresources.workspace import Workspace

_F = TypeVar("_F", bound=Callable[..., Any])


def request_options(function: _F) -> _F:
    """`--python` and `--setup` of an environment, as the parameters `python` and `setup`."""
    function = click.option(
        "--setup", multiple=True, metavar="COMMAND", help="A shell command to run after installing; may be repeated."
    )(function)
    return click.option("--python", default="", metavar="VERSION", help="3.12, say; by default the cluster's own.")(
        function
    )


def environment_request(
    workspace: Workspace, packages: tuple[str, ...], python: str, setup: tuple[str, ...]
) -> EnvironmentRequest:
    """What was asked for on the command line, saved packages looked up.

    Raises:
        UsageError: one of `packages` is no package.
    """
    from rhresources.environments import EnvironmentRequest

    return EnvironmentRequest(tuple(workspace.names.packages(packages)), python, setup)


@click.command("install", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.argument("packages", nargs=-1, required=True, metavar="PACKAGE...")
@click.option(
    "--also", type=Name("cluster"), multiple=True, metavar="CLUSTER", help="Another cluster; may be repeated."
)
@request_options
@json_option
def install_command(
    cluster: str, packages: tuple[str, ...], also: tuple[str, ...], python: str, setup: tuple[str, ...], as_json: bool
) -> int:
    """Install packages on CLUSTER, as an environment that functions with just these packages then find ready.

    PACKAGE is what `pip` would take (numpy==1.26), a folder (./lib), conda:NAME, or a git address. With --also they
    are installed on several clusters at once; one that fails does not stop the others.
    """

    async def work(workspace: Workspace) -> list[dict[str, Any] | RhError]:
        addresses = list(dict.fromkeys(cluster_address(workspace, name) for name in (cluster, *also)))
        request = environment_request(workspace, packages, python, setup)
        with Progress() as progress:
            tasks = [_install(workspace, address, request, progress, len(addresses) > 1) for address in addresses]
            done = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in done:
            if isinstance(outcome, BaseException) and not (isinstance(outcome, RhError) and also):
                raise outcome
        return [
            outcome if isinstance(outcome, RhError) else {"cluster": address, "packages": list(packages), **outcome}
            for address, outcome in zip(addresses, done, strict=True)
            if isinstance(outcome, RhError | dict)
        ]

    done = run_async(work, interrupted="Nothing was changed; what was downloaded is kept for the next try.")
    good = [each for each in done if isinstance(each, dict)]
    if as_json:
        print_json(good if also else good[0])
    for each in good if not as_json else ():
        note(f"Installed {', '.join(packages)} on {each['cluster']} (environment {each['environment'][:12]}).")
    for problem in done:
        if isinstance(problem, RhError):
            from rhdesk.cli.main import print_error

            print_error(problem)
    return 0 if len(good) == len(done) else 1


async def _install(
    workspace: Workspace, cluster: str, request: EnvironmentRequest, progress: Progress, several: bool
) -> dict[str, str]:
    prefix = f"{cluster}: " if several else ""

    def say(text: str) -> None:
        progress("\n".join(f"{prefix}{line}" for line in text.splitlines()))

    try:
        environments = await environments_of(workspace, cluster, say)
        return {"environment": await environments.install(request, say)}
    except RhError as error:
        if several:
            error.sentence = f"{cluster}: {error.sentence}"
        raise
