"""Those who use a registry in tests: hearing what changes, and waiting for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

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


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until `condition` holds, where nobody tells."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
