"""Fixtures: hosts in namespaces of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from lab.rights import why_no_hosts

if TYPE_CHECKING:
    from lab.hosts import Network


@pytest.fixture
def lab_network() -> Iterator[Network]:
    """A network for hosts: `lab_network.host(1)`. Skips where the machine allows none."""
    if reason := why_no_hosts():
        pytest.skip(reason)
    from lab.hosts import Network

    with Network() as network:
        yield network
