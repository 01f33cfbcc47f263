"""Options and arguments that commands share, with completion of names by the shell."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_verbose = False


def is_verbose() -> bool:
    """Whether the details of errors are wanted: `--verbose`, or RH_DEBUG in the environment."""
    return _verbose or os.environ.get("RH_DEBUG", "") not in ("", "0")


def _set_verbose(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    global _verbose
    _verbose = _verbose or value


class RhCommand(click.Command):
    """A command that knows `--verbose`, wherever on the line it stands."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--verbose"], is_flag=True, expose_value=False, callback=_set_verbose, help="Show details of errors."
            )
        )

    def invoke(self, ctx: click.Context) -> Any:
        """Do it; where a name that nobody has is a file here, say that."""
        from rhresources.errors import BadName, NoRegistry, NotFound

        try:
            return super().invoke(ctx)
        except (BadName, NoRegistry, NotFound) as error:
            for given in self.params:
                if isinstance(given.type, Name):
                    _refuse_file(ctx.params.get(given.name or ""), error.sentence)
            raise


def _refuse_file(name: Any, sentence: str) -> None:
    """Say that `name`, which an error is about, is a file, if it is."""
    from rhresources.errors import UsageError

    path = Path(name) if isinstance(name, str) else Path()
    if path.suffix not in (".py", ".yaml", ".yml") or path.name not in sentence or not _is_file(path):
        return
    shown = shlex.quote(name) if not name.startswith("~/") else name
    if path.suffix == ".py":
        remedy = f"Write {shown}:FUNCTION, where a function is meant; `rhdesk inspect {shown}` lists them."
    else:
        remedy = f"Save it under a name first: rhdesk save {shown} --as NAME"
    raise UsageError(f"{name} is a file, not a name.", remedy=remedy)


def _is_file(path: Path) -> bool:
    try:
        return path.expanduser().is_file()
    except (OSError, RuntimeError):  # "~somebody/x", of whom this computer knows nothing
        return False


class RhGroup(click.Group, RhCommand):
    """A command of several commands."""


class Name(click.ParamType[str]):
    """A resource name, completed from what is saved. A `~` that the shell replaced comes back."""

    name = "name"

    def __init__(self, kind: str | None = None) -> None:
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from rhresources.names import from_shell

        return from_shell(str(value))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in _saved_names(self._kind) if name.startswith(incomplete)]


def _saved_names(kind: str | None) -> list[str]:
    """Every name in its short form, where that leads to the same resource, and in its whole form."""
    from rhresources.resource_names import ResourceNames

    try:
        names = ResourceNames()
        current = names.current_folder
        mine = f"{folder}/" if (folder := str(names.resolve("@/x").folder)) != "@" else ""
        found = set()
        for whole in names.known_names(kind):
            found.add(whole)
            short = f"@/{whole.removeprefix(mine)}" if mine and whole.startswith(mine) else whole
            found.add(short)
            found.update(each.removeprefix(f"{current}/") for each in (whole, short))
        return sorted(found)
    except Exception:  # completion must never print a traceback into somebody's prompt
        return []


_F = TypeVar("_F", bound=Callable[..., Any])


def json_option(function: _F) -> _F:
    """`--json`, as the parameter `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON to standard output.")(function)


def on_option(function: _F) -> _F:
    """`--on CLUSTER`, as the parameter `on`."""
    return click.option("--on", type=Name("cluster"), metavar="CLUSTER", help="The cluster.")(function)


def reqs_option(function: _F) -> _F:
    """`--reqs PACKAGE...`, as the parameter `reqs`; the command's class must spread it with `spread_reqs`."""
    return click.option(
        "--reqs", multiple=True, metavar="PACKAGE...", help="What FILE.py:FUNCTION needs besides its own git tree."
    )(function)


def spread_reqs(args: list[str]) -> list[str]:
    """`--reqs a b c` as `--reqs a --reqs b --reqs c`; a FILE.py:FUNCTION or an option ends the list.

    Raises:
        click.UsageError: nothing follows `--reqs`.
    """
    rewritten: list[str] = []
    index = 0
    while index < len(args):
        word = args[index]
        index += 1
        if word != "--reqs":
            rewritten.append(word)
            continue
        first = index
        while index < len(args) and not args[index].startswith("-") and ".py:" not in args[index]:
            rewritten += ["--reqs", args[index]]
            index += 1
        if index == first:
            raise click.UsageError("Nothing follows --reqs; write --reqs numpy ./")
    return rewritten
