"""Callers of a registry, on each of the two databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from lab.registry import RegistryServer
from lab.registry_caller import Caller


@pytest.fixture
def caller(any_registry: RegistryServer) -> Iterator[Callable[[str], Caller]]:
    """Makes callers, once on each database."""
    made: list[Caller] = []

    def make(user: str) -> Caller:
        made.append(Caller(any_registry, user))
        return made[-1]

    yield make
    for each in made:
        each.http.close()


@pytest.fixture
def alice(caller: Callable[[str], Caller]) -> Caller:
    """A user, with a registry to herself unless others are asked for."""
    return caller("alice")


@pytest.fixture
def bob(caller: Callable[[str], Caller]) -> Caller:
    """Another user."""
    return caller("bob")
