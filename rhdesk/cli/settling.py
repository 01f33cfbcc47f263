"""`rhdesk settle`: what waits for the registry, and what could not be delivered and is to be decided."""

from __future__ import annotations

from typing import Any

import click

from rhdesk.cli.login import say_state
from rhdesk.cli.names import read_document
from rhdesk.cli.options import Name, RhCommand, json_option
from rhdesk.cli.terminal import age, moment, note, print_json, print_table, unified_diff
from rhresources.errors import NoRegistry, UsageError
from rhresources.registry.answers import Act, Conflict
from rhresources.resource_names import ResourceNames

_DOES: dict[Act, str] = {"save": "save", "delete": "remove", "move": "rename"}


@click.command("settle", cls=RhCommand)
@click.argument("name", type=Name(), required=False)
@click.option("--mine", is_flag=True, help="Do it my way: save my text, and try a new name that was refused again.")
@click.option("--theirs", is_flag=True, help="Give my change up.")
@click.option(
    "--with", "file", type=click.Path(dir_okay=False, allow_dash=True), metavar="FILE", help="Save this instead."
)
@json_option
def settle_command(name: str | None, mine: bool, theirs: bool, file: str | None, as_json: bool) -> None:
    """Decide on a change of NAME that the registry did not take, or that could not be merged with another's.

    Without an option: show both. Without NAME: list what waits for the registry, and what is to be decided.
    """
    if mine + theirs + (file is not None) > 1:
        raise UsageError("Only one of --mine, --theirs and --with can be meant.")
    names = ResourceNames()
    if name is None:
        if mine or theirs or file is not None:
            raise UsageError("Which name is meant?", remedy="`rhdesk settle` lists those that are to be decided.")
        _list(names, as_json)
        return
    conflict = names.conflict(name)
    if not (mine or theirs or file is not None):
        _show(conflict, as_json)
        return
    said = _settled(names, conflict, theirs, None if file is None else read_document(file))
    if as_json:
        print_json({"name": conflict.name, "settled": True})
    else:
        note(said)
    say_state(names.registry)


def _settled(names: ResourceNames, conflict: Conflict, theirs: bool, text: str | None) -> str:
    """End it with `text`, None: with mine; a sentence about it."""
    name = conflict.name
    if theirs:
        names.discard(name)
        return f"Your change of {name} is given up."
    if text is None and conflict.mine == conflict.theirs and not conflict.target:
        names.discard(name)
        return f"{name} is as you want it already." if conflict.mine else f"{name} is gone already."
    entry = names.settle(name, conflict.mine if text is None else text)
    if entry is None:
        return f"Removed {name}."
    if entry.waiting:
        return f"Your change of {name} waits now."
    return f"{name} is called {entry.name} now." if conflict.target else f"Saved {entry.name}."


# ---------------------------------------------------------------- all of them


def _list(names: ResourceNames, as_json: bool) -> None:
    state = names.refresh_registry()  # what can be delivered is
    if state is None:
        raise NoRegistry("Nobody is logged in to a registry.", remedy="Log in with `rhdesk login URL`.")
    waiting = names.waiting()
    conflicts = [names.conflict(name) for name in state.conflicts]
    if as_json:
        print_json(
            {
                "waiting": [
                    {"name": each.name, "act": each.act, "target": each.target or None, "at": moment(each.at)}
                    for each in waiting
                ],
                "conflicts": [_as_json(each) for each in conflicts],
            }
        )
        return
    rows = [(each.name, _what(_DOES[each.act], each.target), f"waits, made {age(each.at)}") for each in waiting]
    rows += [(each.name, _what(_mine(each), each.target), f"to be decided: {each.problem}") for each in conflicts]
    if rows:
        print_table(("NAME", "CHANGE", "STATE"), rows)
    else:
        note("Nothing waits, and nothing is to be decided.")
    say_state(state)
    if conflicts:
        one = conflicts[0].name
        note(f"Look at one and decide: rhdesk settle {one}, then again with --mine, --theirs or --with FILE.")


def _mine(conflict: Conflict) -> str:
    if conflict.is_only_a_name:
        return "rename"
    return "save" if conflict.mine else "remove"


def _what(does: str, target: str) -> str:
    return f"{does} as {target}" if target else does


# ---------------------------------------------------------------- one


def _show(conflict: Conflict, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(conflict))
        return
    name, target = conflict.name, conflict.target
    note(f"{name} was not {f'renamed to {target}' if target else 'changed'}. {conflict.problem}")
    who = f"theirs, {conflict.by}, {age(conflict.at)}" if conflict.by else "theirs"
    if not conflict.is_only_a_name:
        click.echo(unified_diff(conflict.base, conflict.mine, "before", "mine") or "mine: as before\n", nl=False)
    if not conflict.is_only_a_name or not conflict.theirs:
        click.echo(unified_diff(conflict.base, conflict.theirs, "before", who) or "theirs: as before\n", nl=False)
    if conflict.is_only_a_name:
        note(f"Try it again: rhdesk settle {name} --mine. Give it up: --theirs.")
    else:
        note(f"Decide: rhdesk settle {name} --mine, --theirs or --with FILE.")


def _as_json(conflict: Conflict) -> dict[str, Any]:
    return {
        "name": conflict.name,
        "problem": conflict.problem,
        "base": conflict.base or None,
        "mine": conflict.mine or None,
        "theirs": conflict.theirs or None,
        "target": conflict.target or None,
        "by": conflict.by or None,
        "at": moment(conflict.at),
    }
