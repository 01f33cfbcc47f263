"""SkyPilot's own environment: made once, by the real uv; what a failure or a cancel leaves does not count."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
from lab.clouds.downloads import skypilot_environment

from rhresources.cloud import environment
from rhresources.cloud.answers import LaunchEvent
from rhresources.cloud.environment import environment_folder, install, is_installed
from rhresources.cloud.problems import CloudProblem


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An index that nobody answers at, and nothing in uv's cache."""
    for name in ("UV_FIND_LINKS", "UV_OFFLINE", "UV_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")


async def test_that_an_index_out_of_reach_is_said_and_leaves_nothing(tmp_path: Path, nowhere: None) -> None:
    with pytest.raises(CloudProblem) as caught:
        await install(tmp_path)
    assert (caught.value.code, caught.value.sentence) == (
        "not-installed", "SkyPilot was not installed: the package index cannot be reached.",
    )  # fmt: skip
    assert "127.0.0.1:9" in caught.value.detail
    assert not environment_folder(tmp_path).exists()
    assert not is_installed(tmp_path)


async def test_that_no_room_is_said_before_anything_is_fetched(
    tmp_path: Path, nowhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "NEEDS", 10**18)
    with pytest.raises(CloudProblem) as caught:
        await install(tmp_path)
    assert "GB left" in caught.value.sentence
    assert not environment_folder(tmp_path).exists()


async def test_that_a_folder_without_its_mark_does_not_count(tmp_path: Path, nowhere: None) -> None:
    (environment_folder(tmp_path) / "bin").mkdir(parents=True)
    (environment_folder(tmp_path) / "bin" / "python").touch()
    assert not is_installed(tmp_path)
    with pytest.raises(CloudProblem):
        await install(tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_that_it_is_made_once_and_holds_skypilot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skypilot_environment()  # its packages are in uv's cache then
    monkeypatch.setenv("UV_OFFLINE", "1")
    told: list[LaunchEvent] = []
    one, other = await asyncio.gather(install(tmp_path, told.append), install(tmp_path, told.append))
    assert one == other
    assert "SkyPilot is installed" in [event.sentence for event in told]
    assert any("Another rhdesk is installing" in event.sentence for event in told)
    command = [one, "-c", "import sky; print(sky.__version__)"]
    said = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
    assert said.stdout.strip() == "0.14.1", said.stderr
    told.clear()
    assert await install(tmp_path, told.append) == one
    assert told == [], "it is there, and nothing is done"


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_that_a_cancel_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skypilot_environment()
    monkeypatch.setenv("UV_OFFLINE", "1")
    begun = asyncio.Event()
    making = asyncio.create_task(install(tmp_path, lambda _event: begun.set()))
    await begun.wait()
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert not environment_folder(tmp_path).exists()
    assert not shutil.which("python", path=str(environment_folder(tmp_path) / "bin"))
