"""How the registry is, in words."""

from __future__ import annotations

from rhdesk.core.entry_row import RegistryRow
from rhdesk.core.words import age_text, count_text


def state_text(registry: RegistryRow | None) -> str:
    """Who is logged in where, and whether it answers and its names are read."""
    if registry is None:
        return "No registry"
    who = f"{registry.user} at {registry.host}" if registry.user else registry.host
    if not registry.online:
        return f"{who}, offline"
    return who if registry.listed else f"{who}: reading its names…"


def age_of(registry: RegistryRow) -> str:
    """As of when it is shown while it does not answer: "as of 3 min ago"; "" where it never answered."""
    return f"as of {age_text(registry.seen)}" if registry.seen else ""


def left_text(registry: RegistryRow) -> str:
    """What waits for the registry or for the person: "2 edits wait, 1 to settle"; "" for nothing."""
    conflicts = len(registry.conflicts)
    waiting = registry.waiting
    parts = [
        f"{count_text(waiting, 'edit')} {'waits' if waiting == 1 else 'wait'}" if waiting else "",
        f"{conflicts} to settle" if conflicts else "",
    ]
    return ", ".join(part for part in parts if part)
