"""The command import: what Runhouse saved, taken over."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from rhdesk.cli.options import Name, RhCommand, json_option
from rhdesk.cli.terminal import note, print_json, printable
from rhresources.documents import plain_values
from rhresources.errors import UsageError
from rhresources.resource_names import ResourceNames
from rhresources.runhouse.folders import find
from rhresources.runhouse.importing import Import, carry_out, plan
from rhresources.runhouse.old_settings import SettingsImport, import_settings


@click.command("import", cls=RhCommand)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--into", type=Name(), default="~", metavar="FOLDER", help="Where the names go; by default ~.")
@click.option("--overwrite", is_flag=True, help="Replace what has their names, without asking.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@json_option
def import_command(folder: Path, into: str, overwrite: bool, dry_run: bool, as_json: bool) -> int:
    """Take over what Runhouse saved: FOLDER is a project with `rh` in it, `rh` itself, or ~/.rh.

    Clusters, functions and packages become documents of the same names; what could not be carried over is said.
    The old files stay as they are. Secrets are never copied.
    """
    old = find(folder)
    if not old.resources and old.settings is None:
        raise UsageError(
            f"Runhouse left nothing in {folder}.", remedy="Name the folder that has `rh` in it, or `rh` itself."
        )
    asks = sys.stdin.isatty() and not as_json
    names, imports = ResourceNames(), []
    for each in carry_out(
        plan(old, names, into), names, may_replace=lambda each: overwrite or (asks and _ask(each)), dry_run=dry_run
    ):
        imports.append(each)
        if not as_json:
            _print(each, dry_run)
    settings = import_settings(old.settings, overwrite=overwrite, dry_run=dry_run) if old.settings else None
    if as_json:
        print_json({"resources": [_as_json(each) for each in imports], "settings": _settings_as_json(settings)})
    else:
        _print_settings(settings, dry_run)
        _print_sum(imports, dry_run)
    return 1 if any(each.outcome in {"failed", "taken"} for each in imports) else 0


def _ask(each: Import) -> bool:
    return click.confirm(f"{each.name} is there already and says something else. Replace it?", err=True)


def _print(each: Import, dry_run: bool) -> None:
    if each.outcome == "failed":
        click.echo(printable(f"not imported: {each.problem}"))
        return
    kind = each.document.kind if each.document else ""
    outcome = f"would be {each.outcome}" if dry_run and each.outcome in {"made", "replaced"} else each.outcome
    click.echo(printable(f"{each.name}  {kind}, {outcome}"))
    for sentence in [*([each.problem] if each.problem else []), *each.left]:
        click.echo(printable(f"    {sentence}"))


def _print_settings(settings: SettingsImport | None, dry_run: bool) -> None:
    if settings is None:
        return
    said = ", ".join(f"{name}: {value}" for name, value in settings.taken.items())
    if settings.is_ours:
        outcome = "rhdesk reads this file too, so what both know counts already"
    elif said:
        outcome = f"would be set: {said}" if dry_run else f"set: {said}"
    else:
        outcome = "nothing to take over"
    click.echo(printable(f"{settings.path}  settings, {outcome}"))
    for sentence in settings.left:
        click.echo(printable(f"    {sentence}"))


def _print_sum(imports: list[Import], dry_run: bool) -> None:
    done = sum(each.outcome in {"made", "replaced"} for each in imports)
    others = [
        f"{count} {words}"
        for outcome, words in (("unchanged", "unchanged"), ("taken", "left as they were"), ("failed", "not imported"))
        if (count := sum(each.outcome == outcome for each in imports))
    ]
    verb = "Would import" if dry_run else "Imported"
    note(f"{verb} {done} of {len(imports)} resources" + (f"; {', '.join(others)}" if others else "") + ".")
    if any(each.outcome == "taken" for each in imports):
        note("--overwrite replaces what has their names; --into FOLDER puts them somewhere else.")


def _as_json(each: Import) -> dict[str, Any]:
    return {
        "file": str(each.path),
        "name": each.name or None,
        "kind": each.document.kind if each.document else None,
        "outcome": each.outcome,
        "document": plain_values(each.document) if each.document else None,
        "not_carried_over": each.left,
        "problem": each.problem or None,
    }


def _settings_as_json(settings: SettingsImport | None) -> dict[str, Any] | None:
    if settings is None:
        return None
    return {
        "file": str(settings.path),
        "read_by_both": settings.is_ours,
        "set": settings.taken,
        "not_carried_over": settings.left,
    }
