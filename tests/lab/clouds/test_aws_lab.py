"""The emulated EC2 lives: SkyPilot itself, unchanged, launches, fails over, stops, and notices what it was not told."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from lab.clouds import sdk
from lab.clouds.aws import AwsLab
from lab.clouds.sdk import ask
from lab.clouds.skypilot_server import SkyPilotServer

pytestmark = [pytest.mark.clouds, pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def server(aws_lab: AwsLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SkyPilotServer]:
    with aws_lab.server(tmp_path_factory.mktemp("sky")) as running:
        yield running


def test_the_life_of_two_nodes(aws: AwsLab, server: SkyPilotServer) -> None:
    aws.refuse(region="us-east-1")
    code, said = ask(server, sdk.LAUNCH, infra="aws", name="c", autostop=1, down=False)
    assert code == 0, said
    assert "rank 0 of 2" in said, said
    assert "rank 1 of 2" in said, said
    both = aws.instances("running", cluster="c")
    assert [each.region for each in both] == ["us-west-2", "us-west-2"], said
    assert "us-east-1" in said, "what was refused first is told"
    for each in both:
        assert reads(each.ip, 22).startswith(b"SSH-"), "the test reaches it"

    aws.until(lambda rows: all(row.state == "stopped" for row in rows), 600)  # its own daemon did that
    (row,), _ = ask(server, sdk.STATUS, name="c")
    assert row["status"] == "STOPPED"

    aws.terminate(both[1].id)
    (row,), _ = ask(server, sdk.STATUS, name="c")
    assert row["status"] == "INIT", row
    assert "terminated" in row["event"]

    ask(server, sdk.DOWN, name="c")
    rows = aws.instances(cluster="c")
    assert [row.state for row in rows] == ["terminated", "terminated"]
    for row in rows:
        ((start, end),) = row.spans
        assert end is not None
        assert 60 < end - start < time.time() - start


def test_no_way_leads_out_of_the_lab(aws: AwsLab, server: SkyPilotServer) -> None:
    assert server.health()["status"] == "healthy"
    program = "import socket\ntry: socket.create_connection(('192.0.2.1', 80), 3)\nexcept OSError as no: print(no)"
    assert "unreachable" in server.run(program)
    assert "default" not in aws.at_switch("ip", "route")


def reads(address: str, port: int) -> bytes:
    """The first bytes that a server there says."""
    with socket.create_connection((address, port), 10) as connection:
        return connection.recv(64)
