"""Very many names on this computer."""

from __future__ import annotations

from pathlib import Path

MANY = 10_000
_FOLDERS = 40


def package(number: int) -> str:
    """The text of one of them."""
    return f"kind: package\ndescription: number {number}\ninstall_method: pip\ntarget: numpy=={number}\n"


def make_names(home: Path) -> None:
    """Put them into an rhdesk directory."""
    for number in range(MANY):
        path = home / "resources" / f"folder-{number % _FOLDERS}" / f"name-{number}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(package(number), encoding="utf-8")
