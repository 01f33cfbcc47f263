"""Commands about who is logged in to a registry: login, logout, whoami. A token is never an argument."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from rhdesk.cli.options import RhCommand, json_option
from rhdesk.cli.session import Interrupted
from rhdesk.cli.terminal import age, moment, note, print_json
from rhresources.errors import NoRegistry, RhError, UsageError
from rhresources.registry.answers import RegistryState
from rhresources.registry.login import TOKEN
from rhresources.resource_names import ResourceNames

_LONGEST_INPUT = 1 << 16


@click.command("login", cls=RhCommand)
@click.argument("url", metavar="URL")
@click.option("--token-stdin", is_flag=True, help="Read the token from standard input.")
@click.option("--insecure", is_flag=True, help="Send it over an open network, to an address with http://.")
@click.option(
    "--authority",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Certificates (PEM) that the registry's own is checked with, where your team made it itself.",
)
@json_option
def login_command(url: str, token_stdin: bool, insecure: bool, authority: Path | None, as_json: bool) -> None:
    """Log in to the registry of a team; asks for your token, and keeps it in the keyring.

    Whoever runs the registry makes a token with `rhdesk registry user token NAME`. For programs without a keyring, set
    RH_REGISTRY_URL and RH_REGISTRY_TOKEN instead.
    """
    from rhresources.registry.login import Login, checked_url, require_private

    require_private(Login(checked_url(url), insecure=insecure))  # before anybody types a secret
    token = _piped() if token_stdin else _asked(checked_url(url))
    names = ResourceNames()
    state = names.login(url, token, insecure=insecure, authority=authority)
    if state.problem:  # it would be gone with this process
        names.logout()
        raise RhError(
            f"The token cannot be kept. {state.problem}",
            remedy=f"{state.remedy} Or set RH_REGISTRY_URL and {TOKEN} instead of logging in.",
        )
    if as_json:
        print_json(_state_as_json(names.registry))
    else:
        note(f"You are {state.user} at {state.url}. `rhdesk ls @` lists your names there.")


def _piped() -> str:
    token = sys.stdin.buffer.read(_LONGEST_INPUT).decode(errors="replace").strip()
    if not token:
        raise UsageError("No token came from standard input.", remedy="Pipe it in, or leave out --token-stdin.")
    return token


def _asked(url: str) -> str:
    from rhdesk.cli.terminal import held_progress
    from rhresources.credentials.terminal import TerminalAsker
    from rhresources.reach.questions import NeedsAnswer, SecretQuestion

    try:
        answer = asyncio.run(
            TerminalAsker(held_progress).ask_secret(SecretQuestion("token", url, f"Your token for {url}"))
        )
    except NeedsAnswer:
        raise UsageError(
            "Nobody is at a terminal to type the token.", remedy="Pipe it in with --token-stdin."
        ) from None
    except KeyboardInterrupt:
        raise Interrupted("Interrupted.", remedy="Nothing was changed.") from None
    if answer is None or not answer.text.strip():
        raise UsageError("Nothing was typed, and nothing was changed.")
    return answer.text.strip()


@click.command("logout", cls=RhCommand)
@json_option
def logout_command(as_json: bool) -> None:
    """Log out of the registry: forget the token and what is known of it here. Changes that wait are kept."""
    said = ResourceNames().logout()
    if as_json:
        print_json({"logged_out": True, "sentence": said})
    else:
        note(said)


@click.command("whoami", cls=RhCommand)
@json_option
def whoami_command(as_json: bool) -> None:
    """Say who is logged in to which registry, how it is, and what waits for it."""
    names = ResourceNames()
    state = names.refresh_registry()
    if state is None:
        raise NoRegistry("Nobody is logged in to a registry.", remedy="Log in with `rhdesk login URL`.")
    if as_json:
        print_json(_state_as_json(state))
        return
    click.echo(f"{state.user or 'somebody'} at {state.url}")
    if state.groups:
        click.echo(f"in {', '.join(f'@{group}' for group in state.groups)}")
    say_state(state)
    for name in state.conflicts:
        note(f"{name}: a change of yours is to be decided. `rhdesk settle {name}` shows why and ends it.")


def say_state(state: RegistryState | None) -> None:
    """Tell the person where what they see is not what the registry has now."""
    if state is None:
        return
    if state.problem:
        known = f"What is known of it is from {age(state.seen)}." if state.seen else ""
        note(f"{state.problem} {known if state.is_usable else state.remedy}".rstrip())
    if state.waiting:
        many = state.waiting > 1
        note(f"{state.waiting} change{'s' if many else ''} wait{'' if many else 's'} until the registry answers.")


def _state_as_json(state: RegistryState | None) -> dict[str, Any] | None:
    if state is None:
        return None
    return {
        "url": state.url,
        "user": state.user or None,
        "groups": list(state.groups),
        "online": state.online,
        "seen": moment(state.seen),
        "problem": state.problem or None,
        "waiting": state.waiting,
        "conflicts": list(state.conflicts),
    }
