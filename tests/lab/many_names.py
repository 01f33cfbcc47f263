"""Very many names: on this computer, or to be put into a registry."""

from __future__ import annotations

from pathlib import Path

MANY = 10_000
_FOLDERS = 40


def package(number: int, description: str = "") -> str:
    """The text of one of them."""
    said = description or f"number {number}"
    return f"kind: package\ndescription: {said}\ninstall_method: pip\ntarget: numpy=={number}\n"


def many_packages() -> dict[str, str]:
    """The texts of all, by their names inside a place."""
    return {f"folder-{number % _FOLDERS}/name-{number}": package(number) for number in range(MANY)}


def make_names(home: Path) -> None:
    """Put them into an rhdesk directory."""
    for name, text in many_packages().items():
        path = home / "resources" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
