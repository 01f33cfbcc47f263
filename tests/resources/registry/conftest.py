"""Users of a real registry, each with a rhdesk directory of their own, as on computers of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab.registry import RegistryServer

from rhresources.names import Address
from rhresources.resource_names import ResourceNames

PATIENCE = 20.0


class Watched:
    """Hears what changes, and waits for it."""

    def __init__(self, names: ResourceNames) -> None:
        self._heard = threading.Condition()
        self.told: list[frozenset[Address]] = []
        self.names = names
        self.stop = names.watch(self._hear)

    def _hear(self, changed: frozenset[Address]) -> None:
        with self._heard:
            self.told.append(changed)
            self._heard.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is looked at whenever something is heard."""
        deadline = time.monotonic() + PATIENCE
        with self._heard:
            while not condition():
                assert self._heard.wait(deadline - time.monotonic()), f"heard only {self.told}"

    def until_online(self) -> None:
        """Wait until the registry is followed."""
        self.until(lambda: (state := self.names.registry) is not None and state.online and not state.waiting)


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
