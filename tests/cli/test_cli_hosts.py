"""Clusters of several hosts as the command line lists them: each host, the lost ones, and where runs were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rhdesk.cli import status
from rhdesk.cli.records import RunFailed, require_success
from rhdesk.cli.runs import _have_several_hosts
from rhresources.documents import parse_document
from rhresources.resource_names import ResourceNames
from rhresources.wire import cluster_pb2 as pb

_GIBIBYTE = 1024**3


def row_of_three() -> dict[str, Any]:
    """A cluster as `status` knows it: one host is up, one was lost, one never joined."""
    engine = pb.EngineState(phase=pb.EngineState.READY, sentence="Ray is up.")
    up = pb.Host(
        given="gpu1", name="node1", head=True, alive=True, cpu_percent=50, cpus=4, load=1.5, workers=3, seen=1e9,
        memory_used=_GIBIBYTE, memory_total=4 * _GIBIBYTE, disk_used=_GIBIBYTE, disk_total=8 * _GIBIBYTE,
    )  # fmt: skip
    lost = pb.Host(
        given="gpu2", name="node2", cpus=4, memory_total=4 * _GIBIBYTE, seen=1e9,
        problem="gpu2 (10.0.0.2) has not answered for 20 s.",
    )  # fmt: skip
    absent = pb.Host(given="gpu3", cpus=1, problem="gpu3 has not joined the cluster yet.")
    reply = pb.Status(engine=engine, runs_active=2, workers=3, hosts=[up, lost, absent])
    return status.status_row("~/gpus", pb.HelloReply(started=1e9), reply)


def test_status_of_several_hosts(rh_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = parse_document({"kind": "cluster", "type": "ssh", "ips": ["gpu1", "gpu2", "gpu3"]})
    ResourceNames(rh_home).save("~/gpus", document)

    async def ask(*_: object, **__: object) -> dict[str, Any]:
        return json.loads(json.dumps(row_of_three()))  # type: ignore[no-any-return]

    monkeypatch.setattr(status, "_ask", ask)
    said = CliRunner().invoke(status.status_command, ["gpus"])
    assert said.exit_code == 0, said.output
    total, *hosts = [line for line in said.stdout.splitlines() if line and not line.startswith(("CLUSTER", "HOST"))]
    assert "50 % of 4" in total  # what is not there is not counted
    assert [line.split()[:3] for line in hosts] == [["gpu1", "up", "3"], ["gpu2", "lost", "-"], ["gpu3", "absent", "-"]]
    assert hosts[0].split()[-1] == "node1"
    assert "gpu2 (10.0.0.2) has not answered for 20 s. `rhdesk repair ~/gpus` mends that." in said.stderr
    assert "gpu3 has not joined the cluster yet." in said.stderr


def test_the_host_of_runs_is_listed_where_it_tells_something() -> None:
    here, there, waits = (pb.Run(host=host) for host in ("gpu1", "gpu2", ""))
    assert _have_several_hosts([(here, "~/gpus"), (there, "~/gpus"), (waits, "~/gpus")])
    assert not _have_several_hosts([(here, "~/one"), (there, "~/other"), (waits, "~/one")])
    assert not _have_several_hosts([])


def test_why_a_run_has_no_result_is_said_once() -> None:
    with pytest.raises(RunFailed, match=r"^The run R was cancelled\.$"):
        require_success(pb.Run(id="R", state=pb.CANCELLED, reason="Cancelled."))
    with pytest.raises(RunFailed, match=r"^The run R was lost\. Its host was lost: gpu2 has not answered for 12 s\.$"):
        require_success(pb.Run(id="R", state=pb.LOST, reason="Its host was lost: gpu2 has not answered for 12 s."))
