"""How a host is, read from the real one; GPUs from what nvidia-smi prints."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from rhresources.wire import cluster_pb2 as pb
from rhserver.service.status import StatusService
from rhserver.status.gpus import Gpus, parse

PRINTED = """NVIDIA A100-SXM4-80GB, 87, 71234, 81920
Tesla V100, with, commas, [N/A], [Not Supported], 16384
a line of another form
"""


def test_gpus_are_parsed_tolerantly() -> None:
    first, second = parse(PRINTED)
    assert (first.name, first.load_percent, first.memory_total) == ("NVIDIA A100-SXM4-80GB", 87.0, 81920 * 1024**2)
    assert (second.name, second.load_percent, second.memory_used) == ("Tesla V100, with, commas", 0.0, 0)
    assert parse("") == []


def program(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_nvidia_smi_is_asked_not_more_often_than_every_two_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, f"echo asked >> {tmp_path}/log\necho 'A100, 5, 1, 2'", monkeypatch)
    gpus = Gpus()
    assert [gpu.name for gpu in gpus.read()] == ["A100"]
    assert gpus.read() == gpus.read()
    assert (tmp_path / "log").read_text() == "asked\n"


@pytest.mark.parametrize("script", ["exit 9", "exec sleep 30", "printf '\\377\\n'"])
def test_a_broken_nvidia_smi_means_no_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr("rhserver.status.gpus._TIMEOUT_SECONDS", 0.3)
    program(tmp_path, script, monkeypatch)
    assert Gpus().read() == []


async def test_the_stream_tells_host_engine_and_counts(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 5000)
    service = StatusService(
        tmp_path,
        engine=lambda: pb.EngineState(phase=pb.EngineState.READY, sentence="Ray is up"),
        counts=lambda: {"runs_active": 2, "calls": 7},
    )
    statuses = []
    async for status in service.WatchStatus(pb.WatchStatusRequest(interval=0.2), None):
        statuses.append(status)
        if len(statuses) == 4:
            break
    service.close()
    host = statuses[-1].hosts[0]
    assert host.head
    assert host.alive
    assert 0 < host.memory_used < host.memory_total
    assert 0 < host.disk_used <= host.disk_total
    assert host.cpus == os.cpu_count()
    assert 0 <= host.cpu_percent <= 100
    assert host.uptime > 0
    assert (statuses[-1].engine.phase, statuses[-1].runs_active, statuses[-1].calls) == (pb.EngineState.READY, 2, 7)
    assert statuses[-1].state_bytes == 5000
    assert statuses[1].time - statuses[0].time >= 0.15


async def test_many_watchers_share_one_reading(tmp_path: Path) -> None:
    service = StatusService(tmp_path, engine=pb.EngineState, counts=dict)
    statuses = await asyncio.gather(*(service.read() for _ in range(20)))
    service.close()
    assert len({status.hosts[0].uptime for status in statuses}) == 1
