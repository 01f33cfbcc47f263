"""What tests about environments share: the rooms that make them, and wheels in a folder in place of an index."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import uv
from lab.made_packages import make_wheel

from rhserver.code import BlobStore, Snapshots
from rhserver.environments import Environments


@pytest.fixture
def snapshots(tmp_path: Path) -> Iterator[Snapshots]:
    made = Snapshots(tmp_path / "code", BlobStore(tmp_path / "blobs"))
    yield made
    made.close()


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of wheels, which settings of uv name."""
    folder = tmp_path / "wheels"
    make_wheel(folder, "alpha", "1.0")
    make_wheel(folder, "beta", "1.0", ["alpha<3"])
    settings = tmp_path / "uv.toml"
    settings.write_text(f"no-index = true\nfind-links = [{str(folder)!r}]\n")
    monkeypatch.setenv("UV_CONFIG_FILE", str(settings))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return folder


@pytest.fixture
async def environments(tmp_path: Path, snapshots: Snapshots, wheels: Path) -> AsyncIterator[Environments]:
    made = Environments(tmp_path / "environments", snapshots, uv.find_uv_bin())
    yield made
    await made.close()
