"""Commands that take names away or give new ones: rm, mv, cp; with what becomes of the documents that name them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from rhdesk.cli.login import say_state
from rhdesk.cli.names import entry_as_json, handed_over, say_of
from rhdesk.cli.options import Name, RhCommand, json_option
from rhdesk.cli.places import is_folder
from rhdesk.cli.terminal import note, print_json
from rhresources.errors import RhError
from rhresources.mentions import Renaming, give_new_name, listed, naming_text, who_names
from rhresources.resource_names import ResourceNames

if TYPE_CHECKING:
    from rhresources.stores.entry import Entry


@click.command("rm", cls=RhCommand)
@click.argument("names", type=Name(), nargs=-1, required=True, metavar="NAME...")
@json_option
def rm_command(names: tuple[str, ...], as_json: bool) -> None:
    """Remove names. Clusters, runs and environments stay as they are, and so do documents that name them."""
    store = ResourceNames()
    removed = [store.load(name).name for name in names]  # all or none: a name that is not there stops here
    for address in removed:
        store.delete(address)
    if not as_json:
        note(f"Removed {', '.join(removed)}.")
    found = _who_names(store, *removed)  # all at once: it looks through everything
    naming = {name: _who_names(store, name) if found and len(removed) > 1 else found for name in removed}
    if as_json:
        print_json({"removed": removed, "named_by": {name: _addresses(found) for name, found in naming.items()}})
    for name, found in naming.items():
        if found and not as_json:
            note(naming_text(found, f"{name}, which is gone"))
    if any(address.startswith("/") for address in removed):
        say_state(store.registry)


@click.command("mv", cls=RhCommand)
@click.argument("old", type=Name())
@click.argument("new", type=Name())
@click.option("--update", is_flag=True, help="Write NEW into the documents that name OLD, without asking.")
@json_option
def mv_command(old: str, new: str, update: bool, as_json: bool) -> None:
    """Give OLD the name NEW, also in another place.

    Into a folder that is there, or a NEW that ends with `/`, it keeps its name: `rhdesk mv train ~/team/` makes it
    ~/team/train. Documents that name OLD are listed; with --update, those that you may write say NEW then. That also
    works afterwards, when there is no OLD any more.
    """
    names = ResourceNames()
    new = _in_folder(names, old, new)
    before = str(names.resolve(old))
    if update and not names.exists(old) and names.exists(new):
        entry, said = names.load(new), ""
    else:
        entry = handed_over(names.rename(old, new))
        said = f"{old} is called {entry.name} now."
    if said and not as_json:
        note(said)
    found = _who_names(names, before)
    if found and not (update or as_json):
        note(naming_text(found, before))
    done = Renaming()
    if found and (update or (not as_json and _agreed(entry.name))):
        done = give_new_name(names, before, entry.name, found)
    updated = {each.name for each in done.updated}
    left = [each for each in found if each.name not in updated]
    if as_json:
        print_json(entry_as_json(entry) | {"updated": sorted(updated), "named_by": _addresses(left)})
    elif done != Renaming():
        _say_what_became(before, entry.name, done)
    elif found:
        there = "there" if len(found) == 1 else "into them"
        note(f"To write the new name {there}: rhdesk mv {before} {entry.name} --update")
    elif update:
        note(f"No document that is known here names {before}.")
    say_of(names, entry)


def _who_names(names: ResourceNames, *gone: str) -> list[Entry]:
    """Who names what is done with already; where that cannot be said, what was done is no failure."""
    try:
        return who_names(names, *gone)
    except RhError as error:
        note(f"Which documents name {' or '.join(gone)} cannot be said: {error.sentence}")
        return []


def _agreed(new: str) -> bool:
    """Whether the person wants the new name in what names the old one; nobody else is asked."""
    return sys.stdin.isatty() and sys.stderr.isatty() and click.confirm(f"Write {new} there?", err=True)


def _say_what_became(old: str, new: str, done: Renaming) -> None:
    if done.updated:
        note(f"{listed(done.updated)} {'name' if len(done.updated) > 1 else 'names'} {new} now.")
    for entry, reason in done.left:
        note(f"{entry.name} still names {old}: {reason}.")
    for entry in done.updated:
        if entry.caution:
            note(f"{entry.name}: {entry.caution}")


@click.command("cp", cls=RhCommand)
@click.argument("old", type=Name())
@click.argument("new", type=Name())
@json_option
def cp_command(old: str, new: str, as_json: bool) -> None:
    """Save what OLD says as NEW, also in another place: `rhdesk cp ~/train @/` puts it into the registry.

    Into a folder, as for `mv`, it keeps its name.
    """
    names = ResourceNames()
    entry = handed_over(names.copy(old, _in_folder(names, old, new)))
    if as_json:
        print_json(entry_as_json(entry))
    else:
        note(f"{old} is saved as {entry.name}, too.")
    say_of(names, entry)


def _in_folder(names: ResourceNames, old: str, new: str) -> str:
    """The name that is meant by `new`, where that may be a folder: the last part of `old` in it."""
    if not is_folder(new):
        address = names.resolve(new)
        if str(address) not in names.folders() or names.exists(address):
            return new
    return f"{new.rstrip('/')}/{names.resolve(old).name}"


def _addresses(entries: Sequence[Entry]) -> list[str]:
    return [entry.name for entry in entries]
