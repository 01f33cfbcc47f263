"""`rhdesk credentials`: list, set, test, remove, unlock. No secret is ever an argument."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from rhdesk.cli.options import RhCommand, RhGroup, json_option
from rhdesk.cli.session import Interrupted
from rhdesk.cli.terminal import age, held_progress, moment, note, print_json, print_table
from rhresources import paths
from rhresources.credentials.checks import check_passphrase, log_in, passphrase_subject, password_account
from rhresources.errors import NotFound, RhError, UsageError

if TYPE_CHECKING:
    from rhresources.credentials import Credentials, Entry, Kind, StoreState
    from rhresources.credentials.terminal import TerminalAsker

T = TypeVar("T")

_TRIES = 3
_LONGEST_INPUT = 1 << 16

_KIND = click.Choice(["passphrase", "password", "token"])


@click.group("credentials", cls=RhGroup)
def credentials_command() -> None:
    """Keep passphrases of keys, passwords of accounts and tokens in the keyring of the operating system.

    \b
    rhdesk credentials set passphrase ~/.ssh/id_ed25519
    rhdesk credentials set password alice@gpu1
    rhdesk credentials list

    A secret is typed, or comes from standard input where that is not a terminal; it is never an argument. Private keys
    stay in their files.
    """


def _run(work: Callable[[Credentials], Awaitable[T]]) -> T:
    """The outcome of `work` on the credentials of this home."""
    from rhresources.credentials import Credentials

    async def main() -> T:
        credentials = Credentials(paths.home())
        credentials.on_waiting = lambda sentence: note(sentence) if sentence else None
        return await work(credentials)

    try:
        return asyncio.run(main())
    except KeyboardInterrupt:
        raise Interrupted("Interrupted.", remedy="Nothing was changed.") from None


# ---------------------------------------------------------------- list


@credentials_command.command("list", cls=RhCommand)
@json_option
def list_command(as_json: bool) -> None:
    """List what is kept: kind, of what, where, since when. Secrets are not shown, ever."""

    async def work(credentials: Credentials) -> tuple[StoreState, list[Entry]]:
        return await credentials.state(), await credentials.list()

    state, entries = _run(work)
    if as_json:
        print_json({"keyring": _state_as_json(state), "credentials": [_entry_as_json(entry) for entry in entries]})
        return
    if entries:
        rows = ((entry.kind, _short(entry), entry.store or "this session", age(entry.created)) for entry in entries)
        print_table(("KIND", "OF", "WHERE", "KEPT"), rows)
    for entry in entries:
        if entry.problem:
            note(f"{_short(entry)}: {entry.problem}")
    if not entries:
        note("No credential is kept yet. `rhdesk credentials set --help` tells how.")
    note(f"{state.sentence} {state.remedy}".strip())


def _short(entry: Entry) -> str:
    from rhresources.credentials.terminal import in_home

    return in_home(entry.subject) if entry.kind == "passphrase" else entry.subject


def _entry_as_json(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "subject": entry.subject,
        "where": entry.where,
        "keyring": entry.store or None,
        "created": moment(entry.created),
        "problem": entry.problem or None,
    }


def _state_as_json(state: StoreState) -> dict[str, Any]:
    return {
        "name": state.name or None,
        "usable": state.usable,
        "locked": state.locked,
        "sentence": state.sentence,
        "remedy": state.remedy or None,
    }


# ---------------------------------------------------------------- set


@credentials_command.command("set", cls=RhCommand)
@click.argument("kind", type=_KIND)
@click.argument("subject", metavar="KEY_FILE|USER@HOST[:PORT]|NAME")
@click.option("--no-test", is_flag=True, help="Do not log in with a password before it is kept.")
@json_option
def set_command(kind: Kind, subject: str, no_test: bool, as_json: bool) -> None:
    """Keep a secret, in place of an older one: the passphrase of a key file, the password of an account, or a token.

    A passphrase is tried on the key, and a password on the host if that can be reached; what is wrong is not kept.
    """

    async def work(credentials: Credentials) -> dict[str, Any]:
        asker = _asker()
        name, check = await _what(credentials, asker, kind, subject, no_test)
        state = await credentials.state()
        if not state.usable:
            raise RhError(f"Nothing can be kept. {state.reason}", remedy=state.remedy)
        secret, said = await _read_secret(asker, kind, name, check)
        kept = await credentials.put(kind, name, secret)
        if kept.where != "keyring":
            raise RhError(f"The {kind} of {name} was not kept. {kept.reason}", remedy=kept.remedy)
        return {"kind": kind, "subject": name, "keyring": kept.store, "tested": said}

    done = _run(work)
    if as_json:
        print_json({**done, "tested": bool(done["tested"])})
    else:
        note(f"{done['tested']} Kept in {done['keyring']}.".strip())


Check = Callable[[str], Awaitable[str]]
"""Tries a secret: what it found, "" if it could not be tried; raises WrongSecret."""


async def _what(
    credentials: Credentials, asker: TerminalAsker, kind: Kind, subject: str, no_test: bool
) -> tuple[str, Check]:
    """The whole name of a secret that is to be kept, and how it is tried."""
    if kind == "passphrase":
        path = await asyncio.to_thread(passphrase_subject, subject)
        return path, lambda secret: asyncio.to_thread(check_passphrase, path, secret)
    if kind == "password":
        target = await password_account(subject)

        async def check(secret: str) -> str:
            await credentials.put("password", target.account, secret, session_only=True)
            try:
                return await log_in(target, credentials, asker)
            except RhError as error:
                if error.code == "log-in-refused":
                    raise
                note(f"It was not tried: {error.sentence}")
                return ""

        return target.account, _untested if no_test else check
    if not subject.strip():
        raise UsageError("A token needs a name.")
    return subject.strip(), _untested


async def _untested(secret: str) -> str:
    return ""


async def _read_secret(asker: TerminalAsker, kind: Kind, name: str, check: Check) -> tuple[str, str]:
    """A secret that passed its check, and what the check said."""
    if not sys.stdin.isatty():
        secret = sys.stdin.buffer.read(_LONGEST_INPUT).decode(errors="replace")
        secret = secret.removesuffix("\n").removesuffix("\r")
        if not secret:
            raise UsageError(f"No {kind} came from standard input.", remedy="Run this in a terminal, or pipe it in.")
        return secret, await check(secret)
    from rhresources.credentials.terminal import in_home
    from rhresources.reach.questions import SecretQuestion

    shown = in_home(name) if kind == "passphrase" else name
    asked_as: Literal["passphrase", "password"] = "passphrase" if kind == "passphrase" else "password"
    for attempt in range(_TRIES):
        question = SecretQuestion(asked_as, name, f"{kind.capitalize()} of {shown}", again=attempt > 0)
        answer = await asker.ask_secret(question)
        if answer is None:
            raise UsageError("Nothing was typed, and nothing was changed.")
        try:
            return answer.text, await check(answer.text)
        except RhError as error:
            if attempt == _TRIES - 1 or error.code not in ("passphrase-wrong", "log-in-refused"):
                raise
    raise AssertionError


# ---------------------------------------------------------------- test, remove, unlock


@credentials_command.command("test", cls=RhCommand)
@click.argument("kind", type=_KIND)
@click.argument("subject", metavar="KEY_FILE|USER@HOST[:PORT]|NAME")
@json_option
def test_command(kind: Kind, subject: str, as_json: bool) -> None:
    """Try a secret that is kept: open the key with it, log in to the host with it, or see that it can be read."""

    async def work(credentials: Credentials) -> dict[str, Any]:
        name = await _kept_name(credentials, kind, subject)
        started = time.monotonic()
        secret = await credentials.get(kind, name, unlock=True)
        if secret is None:
            state = await credentials.state()
            raise NotFound(
                f"No {kind} of {name} is kept." if state.usable else state.sentence,
                remedy=f"Keep one with `rhdesk credentials set {kind} {subject}`." if state.usable else state.remedy,
            )
        if kind == "passphrase":
            sentence = await asyncio.to_thread(check_passphrase, name, secret)
        elif kind == "password":
            sentence = await log_in(await password_account(subject), credentials, _asker())
        else:
            sentence = "It can be read."
        return {"kind": kind, "subject": name, "sentence": sentence, "seconds": round(time.monotonic() - started, 3)}

    done = _run(work)
    if as_json:
        print_json(done)
    else:
        note(f"{done['sentence']}")


@credentials_command.command("remove", cls=RhCommand)
@click.argument("kind", type=_KIND)
@click.argument("subject", metavar="KEY_FILE|USER@HOST[:PORT]|NAME")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def remove_command(kind: Kind, subject: str, yes: bool, as_json: bool) -> None:
    """Forget a secret. Asks first."""
    name = _run(lambda credentials: _kept_name(credentials, kind, subject))
    if not yes:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError(f"The {kind} of {name} would be forgotten.", remedy="Add --yes to forget it.")
        if not click.confirm(f"Forget the {kind} of {name}?", err=True):
            raise UsageError("Nothing was changed.")
    if not _run(lambda credentials: credentials.remove(kind, name)):
        raise NotFound(f"No {kind} of {name} is kept.", remedy="`rhdesk credentials list` shows what is.")
    if as_json:
        print_json({"kind": kind, "subject": name, "removed": True})
    else:
        note(f"The {kind} of {name} is forgotten.")


async def _kept_name(credentials: Credentials, kind: Kind, subject: str) -> str:
    """The whole name of a secret that may be kept already."""
    from rhresources.credentials import key_subject

    if kind == "token":
        return subject.strip()
    if kind == "passphrase":
        return key_subject(subject)
    if any(entry.kind == kind and entry.subject == subject for entry in await credentials.list()):
        return subject
    return (await password_account(subject)).account


@credentials_command.command("unlock", cls=RhCommand)
@json_option
def unlock_command(as_json: bool) -> None:
    """Let the keyring ask for its own password, if it is locked."""
    state = _run(lambda credentials: credentials.unlock())
    if as_json:
        print_json(_state_as_json(state))
    elif state.usable and not state.locked:
        note(f"{state.title} is open.")
    if state.locked or not state.usable:
        raise RhError(state.sentence, remedy=state.remedy)


def _asker() -> TerminalAsker:
    from rhresources.credentials.terminal import TerminalAsker

    return TerminalAsker(held_progress)
