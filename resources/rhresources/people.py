"""Who works here, as it is said to clusters and kept with runs.

It is a statement, not a proof: whoever logs in to the account of a cluster can read the token of its server, and may
say any name. It tells people apart who trust each other, and nothing is ever allowed or refused by it.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections import Counter
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path

from rhresources import paths
from rhresources.errors import RhError

LONGEST = 128
"""Characters of a name that are kept."""


def person(home: Path | None = None) -> str:
    """The user of the registry that one is logged in to, else account and computer: "alice", "alice@laptop"."""
    return registry_user(home) or account_here()


def names_of_me(home: Path | None = None) -> frozenset[str]:
    """All names under which runs of this person may be known, before and after a log-in to a registry."""
    return frozenset({person(home), account_here()})


def registry_user(home: Path | None = None) -> str:
    """The user that this rhdesk directory is logged in to a registry as; empty if it is not, or that is not known
    without asking the registry. Reads a small file."""
    from rhresources.registry import login

    try:
        found = login.current(home or paths.home())
    except RhError:
        return ""
    return tidy(found.user) if found is not None else ""


@cache
def account_here() -> str:
    """The account and the computer: "alice@laptop"."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError, ImportError):  # an account without a name, as in some containers
        account = str(os.getuid()) if hasattr(os, "getuid") else "somebody"
    computer = socket.gethostname().partition(".")[0]
    return tidy(f"{account}@{computer}" if computer else account)


def tidy(name: str) -> str:
    """A name as it may be shown: one line, not long."""
    return "".join(letter for letter in name if letter.isprintable()).strip()[:LONGEST]


def whose_text(by: Iterable[str], me: Collection[str]) -> str:
    """Whose runs these are, `by` being who started each: "2 runs of bob", "3 runs (1 of yours, 2 of bob)"; just
    "2 runs" where they are all one's own."""
    starters = list(by)
    count = len(starters)
    many = f"{count} run" if count == 1 else f"{count} runs"
    owners = Counter("yours" if name in me else name for name in starters)
    unknown = owners.pop("", 0)
    if not owners or (not unknown and owners.keys() == {"yours"}):
        return many
    if len(owners) == 1 and not unknown:
        return f"{many} of {next(iter(owners))}"
    parts = [f"{number} of {name}" for name, number in sorted(owners.items(), key=lambda pair: pair[0] != "yours")]
    parts += [f"{unknown} of nobody knows whom"] if unknown else []
    return f"{many} ({', '.join(parts)})"
