"""Commands about names and their documents: ls, show, save."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rhdesk.cli.login import say_state
from rhdesk.cli.options import Name, RhCommand, json_option
from rhdesk.cli.terminal import Progress, age, moment, note, print_json, print_table
from rhresources.documents import parse_document, plain_values
from rhresources.documents.yaml import SIZE_LIMIT
from rhresources.errors import AlreadyExists, BadName, NotFound, RhError, UsageError
from rhresources.mentions import Hidden, hidden_from
from rhresources.names import meant_by, parse_folder
from rhresources.resource_names import ResourceNames

if TYPE_CHECKING:
    from rhresources.names import Address
    from rhresources.stores.entry import Entry
    from rhresources.workspace import Workspace


class _Folder(Name):
    """A folder of names."""

    name = "folder"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        names = [item.value for item in super().shell_complete(ctx, param, "")]
        folders = {name.rpartition("/")[0] for name in names if "/" in name}
        return [CompletionItem(folder) for folder in sorted({*folders, "/", "^"}) if folder.startswith(incomplete)]


@click.command("ls", cls=RhCommand)
@click.argument("folder", type=_Folder(), required=False)
@click.option("--kind", type=click.Choice(["cluster", "function", "package"]), help="Only these.")
@click.option("--deleted", is_flag=True, help="What was deleted in the registry and can be brought back.")
@json_option
def ls_command(folder: str | None, kind: str | None, deleted: bool, as_json: bool) -> None:
    """List saved clusters, functions and packages.

    FOLDER is `~` (this computer), `@` (yours in the registry), `/OWNER` (another's, or a group's), a folder in one of
    these such as `~/team`, or `^` (built in); by default the current folder. `/` lists all of these places, with the
    owners who share something with you.
    """
    names = ResourceNames()
    if folder == "/" and not deleted:
        _list_places(names, kind, as_json)
        return
    if deleted:
        _list_deleted(names, folder, kind, as_json)
        return
    folder = folder or names.current_folder
    entries = names.list(folder, kind=kind) or _itself(names, folder, kind)
    shared = folder.startswith(("@", "/"))
    if shared:
        say_state(names.registry)
    if as_json:
        print_json([entry_as_json(entry) for entry in entries])
        return
    if not entries:
        what = f"No {kind}" if kind else "Nothing"
        folder = parse_folder(folder, names.current_folder)
        where = f"in {folder}, as far as you may see" if folder.startswith("/") else f"in {folder} yet"
        meant = f" Did you mean {near}?" if (near := _meant(names, folder)) else ""
        note(f"{what} is saved {where}.{meant} `rhdesk ls /` lists the places, `rhdesk ls ^` what is built in.")
        return
    titles = ("NAME", "KIND", "CHANGED", "BY", "DESCRIPTION") if shared else ("NAME", "KIND", "CHANGED", "DESCRIPTION")
    print_table(titles, (_row(entry, shared) for entry in entries))


def _meant(names: ResourceNames, folder: str) -> str:
    """The folder that somebody may have meant who names one with nothing in it; empty: there is none like it."""
    if names.folders(folder):
        return ""
    return meant_by(folder, names.folders())


def _itself(names: ResourceNames, name: str, kind: str | None) -> list[Entry]:
    """The resource that was named where a folder might be."""
    try:
        return [entry for entry in (names.load(name),) if kind in (None, entry.kind)]
    except (BadName, NotFound):
        return []


def _list_places(names: ResourceNames, kind: str | None, as_json: bool) -> None:
    state = names.refresh_registry()
    places = {"~": "this computer"}
    if state is not None and state.user:
        owners = [folder for folder in names.folders() if folder.rfind("/") == 0]
        places |= {f"/{state.user}": "yours in the registry, also called @"}
        places |= {f"/{group}": "your group's" for group in sorted(state.groups)}
        places |= {owner: "shared with you" for owner in owners if owner not in places}
    places["^"] = "built in"
    many = Counter(_place_of(entry.address) for entry in names.list(kind=kind))
    if as_json:
        print_json([{"folder": place, "what": what, "names": many[place]} for place, what in places.items()])
        return
    print_table(("FOLDER", "NAMES", "WHAT"), ((place, str(many[place]), what) for place, what in places.items()))
    if state is None:
        note("No registry of a team is logged in to: `rhdesk login URL`.")
    say_state(state)


def _place_of(address: Address) -> str:
    return {"local": "~", "builtin": "^"}.get(address.place) or f"/{address.parts[0]}"


def _list_deleted(names: ResourceNames, folder: str | None, kind: str | None, as_json: bool) -> None:
    found = [each for each in names.deleted(folder) if kind in (None, each.kind)]
    if as_json:
        print_json(
            [
                {
                    "name": each.name,
                    "kind": each.kind,
                    "description": each.description,
                    "version": each.version,
                    "by": each.by,
                    "at": moment(each.at),
                    "access": each.access,
                }
                for each in found
            ]
        )
        return
    if not found:
        note("Nothing was deleted there, as far as you may see.")
        return
    rows = ((each.name, each.kind, age(each.at), each.by, each.description) for each in found)
    print_table(("NAME", "KIND", "DELETED", "BY", "DESCRIPTION"), rows)
    note(f"Bring one back: rhdesk restore {found[0].name} {found[0].version}")


def _row(entry: Entry, shared: bool) -> tuple[str, ...]:
    name, kind, changed, summary = _cells(entry)
    return (name, kind, changed, entry.modified_by or "-", summary) if shared else (name, kind, changed, summary)


def _cells(entry: Entry) -> tuple[str, str, str, str]:
    changed = age(entry.modified) if entry.modified else "-"
    if entry.waiting:
        changed += " (waits)"
    if entry.conflict:
        changed += " (conflict)"
    if entry.problem is not None:
        return entry.name, f"{entry.kind} (broken)".strip(), changed, entry.problem.sentence
    return entry.name, entry.kind, changed, _summary(entry.document)


def _summary(document: Any) -> str:
    """The description, else the one thing that tells this document from others; of a package always what it is."""
    if document is None:
        return ""
    if document.kind == "package":
        return " · ".join(part for part in (str(document.spec()), document.description) if part)
    if document.description:
        return str(document.description)
    match document.kind:
        case "function":
            where = f" on {document.cluster}" if document.cluster else ""
            return f"{document.code.pointer}{where}" if document.code else where.strip()
        case _:
            return ", ".join(document.ips or []) or document.instance_type or document.type


def entry_as_json(entry: Entry) -> dict[str, Any]:
    """One resource; what a registry knows of it only where it is from one."""
    said: dict[str, Any] = {
        "name": entry.name,
        "kind": entry.kind or None,
        "changed": moment(entry.modified),
        "path": str(entry.path) if entry.path else None,
        "problem": entry.problem.sentence if entry.problem else None,
        "document": plain_values(entry.document) if entry.document else None,
    }
    if entry.address.place == "registry":
        said |= {
            "version": entry.version or None,
            "changed_by": entry.modified_by or None,
            "access": entry.access,
            "seen": moment(entry.seen),
            "waiting": entry.waiting,
            "conflict": entry.conflict,
            "caution": entry.caution or None,
        }
    return said


@click.command("show", cls=RhCommand)
@click.argument("name", type=Name())
@json_option
def show_command(name: str, as_json: bool) -> None:
    """Print the document of NAME, as YAML with its comments."""
    names = ResourceNames()
    entry = names.load(name)
    say_of(names, entry, saved=False)
    if as_json:
        print_json(entry_as_json(entry))
    else:
        click.echo(entry.text.rstrip("\n"))
    if entry.problem is not None:
        raise entry.problem


@click.command("save", cls=RhCommand)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--as", "name", type=Name(), metavar="NAME", help="The name; by default that of the file.")
@json_option
def save_command(file: str, name: str | None, as_json: bool) -> None:
    """Save the document in the YAML file FILE (`-`: standard input). What is saved under that name is replaced."""
    if file == "-" and name is None:
        raise UsageError("A document from standard input needs a name.", remedy="Add --as NAME.")
    text = read_document(file)
    if file != "-":
        parse_document(text, source=file)  # what is wrong stands in there, whatever it is to be called
    name = name or Path(file).stem
    names = ResourceNames()
    if names.exists(name) and (old := names.load(name)).broken:
        raise AlreadyExists(
            f"{old.name} holds a document that cannot be read, and is not overwritten.",
            remedy=f"Mend {old.path or 'it'}, or give it up with `rhdesk rm {old.name}`.",
        )
    entry = handed_over(names.save_text(name, text))
    if as_json:
        print_json(entry_as_json(entry))
    else:
        note(f"Saved {entry.name}.")
    say_of(names, entry)


def read_document(file: str) -> str:
    """The text of a file, or of standard input for `-`.

    Raises:
        RhError: it cannot be read.
    """
    if file == "-":
        return sys.stdin.read(SIZE_LIMIT + 1)  # a longer one is refused
    try:
        with open(file, encoding="utf-8") as opened:
            return opened.read(SIZE_LIMIT + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise RhError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def handed_over(entry: Entry) -> Entry:
    """What was put into the registry, made callable for others if it is a function."""
    from rhresources.shared_code import hand_over, may_lack_code

    if not may_lack_code(entry):
        return entry
    from rhdesk.cli.session import run_async

    async def work(workspace: Workspace) -> Entry:
        with Progress() as progress:
            return await hand_over(workspace, entry, progress)

    return run_async(work, interrupted=f"{entry.name} is saved; its code was not sent.")


def say_of(names: ResourceNames, entry: Entry, *, saved: bool = True) -> None:
    """What a person should know of a resource of the registry besides what it says.

    Where it was `saved`, that is also what others who may read it lack then.
    """
    if entry.address.place != "registry":
        return
    say_state(names.registry)
    if entry.caution:
        note(entry.caution)
    if saved:
        say_hidden(hidden_from(names, [entry]))


def say_hidden(found: Iterable[Hidden]) -> None:
    """What others may not read, though a document that they may read names it."""
    for each in found:
        note(f"{each} To share it, too: rhdesk share {each.name} {' '.join(each.who)}")
