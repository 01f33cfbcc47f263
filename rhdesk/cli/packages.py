"""`rhdesk packages`: check what would be installed, and show what the index knows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rhdesk.cli.install import environment_request, request_options
from rhdesk.cli.options import Name, RhCommand, RhGroup, json_option
from rhdesk.cli.session import Interrupted, cluster_address, environments_of, run_async
from rhdesk.cli.terminal import Progress, note, print_json, print_table, printable, size
from rhresources import paths
from rhresources.errors import NotFound, RhError, UsageError
from rhresources.packages import parse_package

if TYPE_CHECKING:
    from rhresources.package_index import PackageIndex, ProjectSummary, VersionInfo
    from rhresources.wire import cluster_pb2 as pb
    from rhresources.workspace import Workspace

T = TypeVar("T")

_MARKS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow"), "same": (" ", "")}
_SHOWN_VERSIONS = 10
_PROJECT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?!\S*://)")


@click.group("packages", cls=RhGroup)
def packages_command() -> None:
    """Check what packages would bring before they are installed, and ask the package index.

    \b
    rhdesk packages check gpu "numpy>=2" ./lib
    rhdesk packages search scikit
    rhdesk packages show numpy
    """


# ---------------------------------------------------------------- check


@packages_command.command("check", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.argument("packages", nargs=-1, required=True, metavar="PACKAGE...")
@click.option("--against", default="", metavar="ENVIRONMENT", help="Compare with this environment of the cluster.")
@request_options
@json_option
def check_command(
    cluster: str, packages: tuple[str, ...], against: str, python: str, setup: tuple[str, ...], as_json: bool
) -> None:
    """Resolve packages on CLUSTER without installing them: which versions they would bring.

    Beside each stands the version of the environment that is there for them already, or of --against. The exit code
    is 1 if they do not go together.
    """

    async def work(workspace: Workspace) -> pb.EnvironmentPlan:
        address = cluster_address(workspace, cluster)
        request = environment_request(workspace, packages, python, setup)
        with Progress() as progress:
            environments = await environments_of(workspace, address, progress)
            compared = (await environments.find(against)).hash if against else ""
            return await environments.check(request, compared, progress)

    plan = run_async(work, interrupted="Nothing was changed.")
    rows = [(each, change_of(each)) for each in plan.packages]
    if as_json:
        print_json(plan_as_json(plan))
        return
    for each, change in rows:
        mark, colour = _MARKS[change]
        line = f"{mark} {each.name} {_versions(each)}{' (conda)' if each.kind == 'conda' else ''}"
        click.echo(click.style(printable(line), fg=colour) if colour else printable(line))
    note(_in_words(plan, [change for _, change in rows]))


def change_of(package: pb.PlannedPackage) -> str:
    """What a plan does to a package: "added", "removed", "changed" or "same"."""
    if package.before == package.after:
        return "same"
    return "added" if not package.before else "changed" if package.after else "removed"


def _versions(package: pb.PlannedPackage) -> str:
    if package.before and package.after and package.before != package.after:
        return f"{package.before} -> {package.after}"
    return package.after or package.before


def _in_words(plan: pb.EnvironmentPlan, changes: list[str]) -> str:
    count = f"{len(changes)} {'package' if len(changes) == 1 else 'packages'}"
    if plan.ready and (not plan.compared_with or plan.compared_with == plan.hash):
        there = "These are installed already"
        return f"{there}: {count} (environment {plan.hash[:12]})." if "same" in changes else f"{there}."
    if not plan.compared_with:
        return f"{count} would be installed."
    said = ", ".join(f"{changes.count(each)} {each}" for each in ("added", "changed", "removed") if each in changes)
    return f"{count}, {said or 'all as they are'} (compared with environment {plan.compared_with[:12]})."


def plan_as_json(plan: pb.EnvironmentPlan) -> dict[str, Any]:
    """A plan as `--json` prints it: a stable contract."""
    return {
        "environment": plan.hash,
        "ready": plan.ready,
        "compared_with": plan.compared_with or None,
        "packages": [
            {
                "name": each.name,
                "kind": each.kind,
                "before": each.before or None,
                "after": each.after or None,
                "change": change_of(each),
            }
            for each in plan.packages
        ],
    }


# ---------------------------------------------------------------- search


@packages_command.command("search", cls=RhCommand)
@click.argument("prefix", metavar="PREFIX")
@click.option("--limit", type=click.IntRange(1, 100), default=10, show_default=True, help="Most names to show.")
@json_option
def search_command(prefix: str, limit: int, as_json: bool) -> None:
    """List packages of the index whose names begin with PREFIX, well-known ones first."""

    async def ask(index: PackageIndex, progress: Progress) -> list[tuple[str, str, str]]:
        progress("Reading the list of all names")
        await index.refresh()
        names = await index.names(prefix, limit)
        progress("Asking for the newest versions")
        versions = await asyncio.gather(*map(index.versions, names))
        summaries = await asyncio.gather(*map(index.summary, names))
        newest = (next((each.version for each in of if not each.prerelease and not each.yanked), "") for of in versions)
        said = (summary.summary if summary is not None else "" for summary in summaries)
        return list(zip(names, newest, said, strict=True))

    found, problem = _with_index(ask)
    if not found:
        if problem:
            raise RhError(f"Nothing can be searched: {problem}")
        raise NotFound(f"The package index has nothing that begins with {prefix!r}.")
    if as_json:
        print_json(
            [{"name": name, "version": version or None, "summary": said or None} for name, version, said in found]
        )
        return
    print_table(("NAME", "NEWEST", "SUMMARY"), ((name, version or "-", said) for name, version, said in found))
    if problem:
        note(f"From what is kept here: {problem}")


# ---------------------------------------------------------------- show


@packages_command.command("show", cls=RhCommand)
@click.argument("name", metavar="NAME")
@click.option("--all", "all_versions", is_flag=True, help="Every version, not only the newest.")
@json_option
def show_command(name: str, all_versions: bool, as_json: bool) -> None:
    """Show what the package index knows of NAME: versions, newest first, and what it says of itself.

    It is the index that uv is configured for on this computer.
    """
    spec = parse_package(name)
    found = _PROJECT.match(spec.target)
    if spec.method != "pip" or spec.is_path or found is None:
        raise UsageError(f"{name} is nothing that a package index has.", remedy="`rhdesk show NAME` shows a document.")
    project = found[1]

    async def ask(index: PackageIndex, progress: Progress) -> tuple[list[VersionInfo], ProjectSummary | None]:
        progress(f"Asking the index for {project}")
        versions = await index.versions(project)
        return versions, await index.summary(project) if versions else None

    (versions, summary), problem = _with_index(ask)
    if not versions:
        if problem:
            raise RhError(f"Nothing is known of {project}: {problem}")
        raise NotFound(
            f"The package index has no {project}.", remedy=f"`rhdesk packages search {project[:4]}` lists names."
        )
    if as_json:
        print_json(_project_as_json(project, versions, summary))
        return
    if summary is not None:
        _print_summary(summary)
    shown = versions if all_versions else [each for each in versions if not each.prerelease][:_SHOWN_VERSIONS]
    rows = ((each.version, _uploaded(each), size(each.size) if each.size else "-", _remarks(each)) for each in shown)
    print_table(("VERSION", "FROM", "SIZE", "REMARKS"), rows)
    if len(shown) < len(versions):
        note(f"{len(versions) - len(shown)} more with --all.")
    if problem:
        note(f"From what is kept here: {problem}")


def _with_index(ask: Callable[[PackageIndex, Progress], Awaitable[T]]) -> tuple[T, str]:
    """What `ask` learns from the package index, and why the index could not be asked; empty: it could."""
    from rhresources.package_index import PackageIndex

    async def work() -> tuple[T, str]:
        index = PackageIndex(paths.home())
        try:
            with Progress() as progress:
                return await ask(index, progress), index.problem
        finally:
            await index.close()

    try:
        return asyncio.run(work())
    except KeyboardInterrupt:
        raise Interrupted("Interrupted.") from None


def _print_summary(summary: ProjectSummary) -> None:
    click.echo(printable(f"{summary.name} {summary.version}  {summary.summary}".rstrip()))
    extras = ", ".join(summary.extras)
    for title, text in (
        ("page", summary.home_page),
        ("licence", summary.license),
        ("python", summary.requires_python),
        ("extras", extras),
    ):
        if text:
            click.echo(printable(f"  {title:<8} {text}"))
    click.echo()


def _uploaded(version: VersionInfo) -> str:
    return version.uploaded[:10] or "-"


def _remarks(version: VersionInfo) -> str:
    said = [f"Python {version.requires_python}"] if version.requires_python else []
    said += ["yanked"] if version.yanked else []
    return ", ".join([*said, *(["pre-release"] if version.prerelease else [])])


def _project_as_json(project: str, versions: list[VersionInfo], summary: ProjectSummary | None) -> dict[str, Any]:
    listed = [asdict(each) for each in versions]
    for each in listed:
        del each["metadata_url"]
    return {"name": project, "summary": asdict(summary) if summary is not None else None, "versions": listed}
