"""The Slurm of the tests lives: SkyPilot itself, unchanged, runs a task on two nodes of it and takes them down."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.clouds import sdk
from lab.clouds.sdk import ask
from lab.clouds.skypilot_server import SkyPilotServer
from lab.clouds.slurm import NAME, SlurmLab

pytestmark = [pytest.mark.clouds, pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def server(slurm: SlurmLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SkyPilotServer]:
    with slurm.server(tmp_path_factory.mktemp("sky")) as running:
        yield running


def test_two_nodes_from_launch_to_down(slurm: SlurmLab, server: SkyPilotServer) -> None:
    code, said = ask(server, sdk.LAUNCH, infra=f"slurm/{NAME}", name="c", autostop=None, down=False)
    assert code == 0, said
    assert "rank 0 of 2" in said, said
    assert "rank 1 of 2" in said, said
    assert len(slurm.jobs()) == 1

    (row,), _ = ask(server, sdk.STATUS, name="c")
    assert row["status"] == "UP"

    ask(server, sdk.DOWN, name="c")
    assert slurm.jobs() == []
    rows, _ = ask(server, sdk.STATUS, name="c")
    assert rows == []
