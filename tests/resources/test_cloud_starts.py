"""Starting a cluster that is stopped while SkyPilot's list calls it up: SkyPilot starts nothing, and says it did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.skypilot_http import STATUS_ROW, SkyPilotHttp

from rhresources.cloud.client import ApiSkyPilot
from rhresources.cloud.problems import CloudProblem
from rhresources.settings import Settings

NAME = str(STATUS_ROW["name"])


class Sky:
    """A cluster as SkyPilot has it, and as it is.

    Attributes:
        row: its row in SkyPilot's list.
        truth: its status in the cloud.
        busy: so many looks at the cloud are not taken, as another one is not over yet.
    """

    def __init__(self) -> None:
        self.row = {**STATUS_ROW, "status": "UP"}
        self.truth = "STOPPED"
        self.busy = 0

    def status(self, body: dict[str, object]) -> list[dict[str, object]]:
        if body["refresh"] == "FORCE":
            if self.busy:
                self.busy -= 1
            else:
                self.row |= {"status": self.truth, "status_updated_at": int(str(self.row["status_updated_at"])) + 9}
        return [self.row]

    def start(self, _body: dict[str, object]) -> None:
        if self.row["status"] == "STOPPED":
            self.truth = "UP"
            self.row |= {"status": "UP", "launched_at": int(str(self.row["launched_at"])) + 500}


@pytest.fixture
def sky() -> Sky:
    return Sky()


@pytest.fixture
def server(sky: Sky, tmp_path: Path) -> Iterator[SkyPilotHttp]:
    running = SkyPilotHttp()
    running.answers |= {"/status": sky.status, "/start": sky.start, "/cost_report": []}
    Settings.change(tmp_path, skypilot_server=running.url)
    yield running
    running.close()


def starts(server: SkyPilotHttp) -> int:
    return sum(path == "/start" for path, _ in server.asked)


@pytest.mark.parametrize(("busy", "asked"), [(0, 2), (2, 4)])
async def test_that_it_is_looked_at_and_started(
    busy: int, asked: int, sky: Sky, server: SkyPilotHttp, tmp_path: Path
) -> None:
    sky.busy = busy
    skypilot = ApiSkyPilot(tmp_path)
    cluster = await skypilot.start(NAME, lambda _event: None)
    assert (cluster.state, sky.truth, starts(server)) == ("up", "UP", asked)
    await skypilot.close()


async def test_that_one_which_is_up_is_left_so(sky: Sky, server: SkyPilotHttp, tmp_path: Path) -> None:
    sky.truth = "UP"
    skypilot = ApiSkyPilot(tmp_path)
    assert (await skypilot.start(NAME, lambda _event: None)).state == "up"
    assert starts(server) == 1
    await skypilot.close()


async def test_that_a_skypilot_that_never_looks_is_told(sky: Sky, server: SkyPilotHttp, tmp_path: Path) -> None:
    sky.busy = 100
    skypilot = ApiSkyPilot(tmp_path)
    with pytest.raises(CloudProblem, match="did not start"):
        await skypilot.start(NAME, lambda _event: None)
    await skypilot.close()
