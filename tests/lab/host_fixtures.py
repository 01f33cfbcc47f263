"""Fixtures: hosts in namespaces of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from lab.rights import SYSTEM_PATH, has_many_users, program, why_no_hosts

if TYPE_CHECKING:
    from lab.hosts import Network


@pytest.fixture(scope="session", autouse=True)
def _loopback_is_up() -> None:
    """A network namespace of its own, which `unshare --net` makes for a plain user, begins with loopback down."""
    if program("ip") and not has_many_users():
        subprocess.run(["ip", "link", "set", "lo", "up"], capture_output=True, env={"PATH": SYSTEM_PATH})


@pytest.fixture
def lab_network() -> Iterator[Network]:
    """A network for hosts: `lab_network.host(1)`. Skips where the machine allows none."""
    if reason := why_no_hosts():
        pytest.skip(reason)
    from lab.hosts import Network

    with Network() as network:
        yield network
