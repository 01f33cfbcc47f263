"""`rhdesk environments`: what is installed on a cluster, beside what was asked for; update, remove, look inside."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from rhdesk.cli.options import Name, RhCommand, RhGroup, json_option
from rhdesk.cli.session import cluster_address, environments_of, run_async
from rhdesk.cli.terminal import Progress, age, moment, note, print_json, print_table, printable, size
from rhresources.errors import NotFound, RhError, UsageError

if TYPE_CHECKING:
    from rhresources.wire import cluster_pb2 as pb
    from rhresources.workspace import Workspace

_DAY = 86_400.0
_SHORT = 12


@click.group("environments", cls=RhGroup)
def environments_command() -> None:
    """What is installed on clusters. ENVIRONMENT is the beginning of a hash that `list` prints.

    \b
    rhdesk environments list ^local
    rhdesk environments show ^local 3f2a --newest
    rhdesk environments prune ^local --days 30
    """


def _short(hash: str) -> str:
    return hash[:_SHORT]


def _state(environment: pb.Environment) -> str:
    from rhresources.wire import cluster_pb2 as pb

    if environment.state == pb.Environment.READY:
        return "in use" if environment.in_use else "ready"
    return str(pb.Environment.State.Name(environment.state)).lower()


def _asked(environment: pb.Environment) -> str:
    """The packages, and what else tells it from others of the same."""
    commands = len(environment.spec.setup_commands)
    more = [f"{commands} set-up {'command' if commands == 1 else 'commands'}"] if commands else []
    more += ["updated"] if environment.spec.renewed else []
    packages = [_with_folder(each) for each in environment.spec.packages] or environment.packages
    return ", ".join(packages) + (f" ({', '.join(more)})" if more else "")


def _with_folder(package: pb.PackageSpec) -> str:
    """Its line, and the name of the folder that was sent where the line (`./`) does not say it."""
    line, folder = package.spec or package.target, package.tree.project.rpartition("-")[0]
    return f"{line} in {folder}" if folder and not package.revision and folder not in line else line


def environment_as_json(environment: pb.Environment) -> dict[str, Any]:
    """An environment as `--json` prints it: a stable contract."""
    return {
        "environment": environment.hash,
        "host": environment.host or None,
        "state": _state(environment).replace("in use", "ready"),
        "in_use": environment.in_use,
        "python": environment.python,
        "packages": list(environment.packages),
        "setup_commands": list(environment.spec.setup_commands),
        "bytes": environment.bytes,
        "created": moment(environment.created),
        "used": moment(environment.used),
    }


# ---------------------------------------------------------------- list


@environments_command.command("list", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@json_option
def list_command(cluster: str, as_json: bool) -> None:
    """List the environments of CLUSTER, newest first."""

    async def work(workspace: Workspace) -> Sequence[pb.Environment]:
        with Progress() as progress:
            return await (await environments_of(workspace, cluster_address(workspace, cluster), progress)).list()

    found = run_async(work)
    if as_json:
        print_json([environment_as_json(each) for each in found])
        return
    if not found:
        note(f"Nothing is installed on {cluster} yet.")
        return
    several = any(each.host for each in found)
    print_table(
        ("ENVIRONMENT", *(("HOST",) if several else ()), "STATE", "PYTHON", "SIZE", "USED", "PACKAGES"),
        (
            (
                _short(each.hash), *((printable(each.host),) if several else ()), _state(each), each.python,
                size(each.bytes), age(each.used), printable(_asked(each)),
            )
            for each in found
        ),
    )  # fmt: skip
    note(f"{len(found)} on {cluster}, {size(sum(each.bytes for each in found))}.")


# ---------------------------------------------------------------- show


@environments_command.command("show", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.argument("environment", metavar="ENVIRONMENT")
@click.option("--newest", is_flag=True, help="Ask the index too what the same packages would bring today.")
@click.option("--requirements", is_flag=True, help="Print it as a requirements file.")
@json_option
def show_command(cluster: str, environment: str, newest: bool, requirements: bool, as_json: bool) -> None:
    """Show what ENVIRONMENT of CLUSTER holds: what is there, what was when it was made, and what was asked for.

    What has changed since, or does not fit what was asked for, is marked with !.
    """
    if requirements and (newest or as_json):
        raise UsageError("--requirements goes with neither --newest nor --json.")

    async def work(workspace: Workspace) -> pb.InspectEnvironmentReply:
        with Progress() as progress:
            environments = await environments_of(workspace, cluster_address(workspace, cluster), progress)
            found = await environments.find(environment)
            progress("Asking the index" if newest else "Looking inside")
            return await environments.contents(found.hash, newest)

    reply = run_async(work)
    if as_json:
        print_json(_contents_as_json(reply))
    elif requirements:
        _print_requirements(reply)
    else:
        _print_contents(reply, newest)


def _print_contents(reply: pb.InspectEnvironmentReply, newest: bool) -> None:
    shown = reply.environment
    note(f"Environment {shown.hash} with Python {shown.python}, {size(shown.bytes)}, used {age(shown.used)}.")
    for command in shown.spec.setup_commands:
        note(printable(f"  $ {command}"))
    titles = ("", "NAME", "VERSION", "MADE WITH", *(("NEWEST",) if newest else ()), "ASKED FOR")
    rows = []
    for each in reply.packages:
        made = each.recorded if each.recorded != each.version else ""
        today = ((each.newest if each.newest != each.version else "") if each.newest else "-",) if newest else ()
        mark = "" if each.fits else "!"
        rows.append((mark, each.name, each.version or "missing", made, *today, each.wanted))
    print_table(titles, [tuple(map(printable, row)) for row in rows])
    drifted = sum(not each.fits for each in reply.packages)
    if drifted:
        note(f"{drifted} of {len(rows)} differ from what was asked for or installed.")
    if reply.unknown:
        note(printable(reply.unknown))


def _print_requirements(reply: pb.InspectEnvironmentReply) -> None:
    left_out = [each.name for each in reply.packages if each.kind != "pip"]
    for each in reply.packages:
        if each.kind == "pip" and each.version:
            click.echo(printable(f"{each.name}=={each.version}"))
    if left_out:
        note(f"Left out, because conda installed them: {', '.join(left_out)}.")


def _contents_as_json(reply: pb.InspectEnvironmentReply) -> dict[str, Any]:
    return {
        **environment_as_json(reply.environment),
        "unknown": reply.unknown or None,
        "installed": [
            {
                "name": each.name,
                "kind": each.kind,
                "version": each.version or None,
                "recorded": each.recorded or None,
                "wanted": each.wanted or None,
                "newest": each.newest or None,
                "fits": each.fits,
            }
            for each in reply.packages
        ],
    }


# ---------------------------------------------------------------- modules


@environments_command.command("modules", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.argument("environment", metavar="ENVIRONMENT")
@click.argument("module", required=False)
@click.option("--source", is_flag=True, help="Print the source of MODULE.")
@json_option
def modules_command(cluster: str, environment: str, module: str | None, source: bool, as_json: bool) -> None:
    """List the modules of ENVIRONMENT, or those inside MODULE. Nothing is imported."""
    if source and not module:
        raise UsageError("--source needs a MODULE.")

    async def work(workspace: Workspace) -> pb.BrowseEnvironmentReply:
        with Progress() as progress:
            environments = await environments_of(workspace, cluster_address(workspace, cluster), progress)
            return await environments.browse((await environments.find(environment)).hash, module or "")

    reply = run_async(work)
    if as_json:
        modules = [
            {"name": each.name, "is_package": each.is_package, "distribution": each.distribution or None}
            for each in reply.modules
        ]
        print_json({"modules": modules, "source": reply.source or None})
    elif source:
        if not reply.source:
            raise NotFound(f"{module} has no source: it is compiled, or a folder without code.")
        click.echo(reply.source.rstrip("\n"))
    else:
        rows = ((each.name + ("." if each.is_package else ""), each.distribution) for each in reply.modules)
        print_table(("MODULE", "FROM"), (tuple(map(printable, row)) for row in rows))


# ---------------------------------------------------------------- update


@environments_command.command("update", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.argument("environment", metavar="ENVIRONMENT")
@json_option
def update_command(cluster: str, environment: str, as_json: bool) -> None:
    """Make ENVIRONMENT anew with the newest versions that its packages allow.

    Functions get the new one from their next run on; what runs stays in the old one, which goes when it is unused.
    """

    async def work(workspace: Workspace) -> dict[str, str]:
        with Progress() as progress:
            environments = await environments_of(workspace, cluster_address(workspace, cluster), progress)
            old = (await environments.find(environment)).hash
            return {"old": old, "environment": await environments.update(old, progress)}

    done = run_async(work, interrupted="The environment is as it was.")
    if as_json:
        print_json(done)
    else:
        note(f"{_short(done['old'])} is followed by {_short(done['environment'])}.")


# ---------------------------------------------------------------- remove, prune


@environments_command.command("remove", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.argument("environments", metavar="ENVIRONMENT...", nargs=-1, required=True)
@click.option("--host", default="", metavar="HOST", help="Only from this host of the cluster.")
@json_option
def remove_command(cluster: str, environments: tuple[str, ...], host: str, as_json: bool) -> None:
    """Remove environments from CLUSTER. One that something uses stays; a run that needs one makes it again."""

    async def work(workspace: Workspace) -> list[dict[str, Any]]:
        with Progress() as progress:
            there = await environments_of(workspace, cluster_address(workspace, cluster), progress)
            # all or none: one that is not there stops here
            hashes = dict.fromkeys([(await there.find(each)).hash for each in environments])
            return [{"environment": hash, "bytes": await there.remove(hash, host)} for hash in hashes]

    _say_removed(run_async(work), [], as_json)


@environments_command.command("prune", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.option("--days", type=click.FloatRange(0), help="Those that were not used for so long.")
@click.option("--keep", metavar="SIZE", help='The longest unused, until all others have at most this: "20 GiB".')
@click.option("--dry-run", is_flag=True, help="Only say which.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def prune_command(cluster: str, days: float | None, keep: str | None, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Remove environments of CLUSTER that are not used, after showing which. What is in use stays."""
    if days is None and keep is None:
        raise UsageError("Nothing says what is to go.", remedy="Add --days 30, or --keep 20GiB.")
    limit = _bytes(keep) if keep is not None else None

    async def work(workspace: Workspace) -> tuple[list[dict[str, Any]], list[RhError]]:
        from rhresources.environments import unused

        with Progress() as progress:
            there = await environments_of(workspace, cluster_address(workspace, cluster), progress)
            listed = await there.list()
        seconds = None if days is None else days * _DAY
        going = unused(listed, time.time(), seconds=seconds, max_bytes=limit)
        if dry_run:
            return [_removed(each, each.bytes) for each in going], []
        if going and not yes:
            _ask_about(going, cluster)
        removed, problems = [], []
        for each in going:
            try:
                removed.append(_removed(each, await there.remove(each.hash, each.host)))
            except RhError as error:  # a run may have begun to use it meanwhile
                problems.append(error)
        return removed, problems

    removed, problems = run_async(work, interrupted="What was removed so far is gone; the others are as they were.")
    _say_removed(removed, problems, as_json, would=dry_run)
    return 1 if problems else 0


def _removed(environment: pb.Environment, freed: int) -> dict[str, Any]:
    on = {"host": environment.host} if environment.host else {}
    return {"environment": environment.hash, **on, "bytes": freed}


def _ask_about(going: Sequence[pb.Environment], cluster: str) -> None:
    count = f"{len(going)} {'environment' if len(going) == 1 else 'environments'} of {cluster}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{count} would be removed.", remedy="Add --yes to remove them, or --dry-run to see which.")
    note(f"{count} will be removed, {size(sum(each.bytes for each in going))}:")
    for each in going:
        where = f"on {each.host}, " if each.host else ""
        facts = f"{where}used {age(each.used)}, {size(each.bytes)}"
        note(printable(f"  {_short(each.hash)}  {facts}: {', '.join(each.packages)}"))
    if not click.confirm("Remove them?", err=True):
        raise UsageError("Nothing was changed.")


def _say_removed(removed: list[dict[str, Any]], problems: list[RhError], as_json: bool, *, would: bool = False) -> None:
    if as_json:
        print_json(removed)
    else:
        for each in removed if would else ():
            click.echo(f"{each['environment']} {each.get('host', '')}".rstrip())
        freed = size(sum(each["bytes"] for each in removed))
        count = f"{len(removed)} {'environment' if len(removed) == 1 else 'environments'}"
        note(f"{count} {'would be removed' if would else 'removed'}, {freed} {'to come ' if would else ''}free.")
    for problem in problems:
        note(problem.sentence)


def _bytes(text: str) -> int:
    from rhresources.documents.base import parse_bytes

    try:
        return int(str(parse_bytes(text)))
    except ValueError as error:
        raise UsageError(f"--keep: {error}.") from None
