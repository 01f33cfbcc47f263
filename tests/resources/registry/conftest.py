"""Users of a real registry, each with a rhdesk directory of their own, as on computers of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab.registry import RegistryServer
from lab.registry_users import Watched

from rhresources.resource_names import ResourceNames


@pytest.fixture
def log_in(registry: RegistryServer, short_path: Path) -> Callable[..., ResourceNames]:
    """Logs a user in on a computer of their own, or on the one of that name."""

    def log_in(user: str, computer: str = "") -> ResourceNames:
        names = ResourceNames(short_path / (computer or user))
        names.login(registry.url, registry.token(user))
        return names

    return log_in


@pytest.fixture
def alice(log_in: Callable[..., ResourceNames]) -> ResourceNames:
    """The names of alice."""
    return log_in("alice")


@pytest.fixture
def bob(log_in: Callable[..., ResourceNames]) -> ResourceNames:
    """The names of bob."""
    return log_in("bob")


@pytest.fixture
def watch() -> Iterator[Callable[[ResourceNames], Watched]]:
    """Follows the names of a user until the test ends."""
    watched: list[Watched] = []

    def begin(names: ResourceNames) -> Watched:
        watched.append(Watched(names))
        return watched[-1]

    yield begin
    for each in watched:
        each.stop()
