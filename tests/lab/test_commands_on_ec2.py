"""The whole life of a cluster of two hosts by the command line, on an EC2 whose instances are hosts.

Each command is a process of its own, as in a terminal; the first starts SkyPilot's server, which waits for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from lab.clouds.aws import AwsLab
from lab.clouds.offers import price
from lab.clouds.user import CloudUser
from lab.commands import RunCommand, run_command
from lab.own_wheels import make_wheels

pytestmark = [pytest.mark.clouds, pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]

JOBS = "def double(x: int) -> int:\n    return 2 * x\n"

DOCUMENT = """
kind: cluster
type: cloud
instance_type: m6i.large
num_instances: 2
provider: aws
autostop_mins: 45
wheels: {wheels}
"""


@pytest.fixture
def project(
    aws: AwsLab,
    make_project: Callable[[Mapping[str, str]], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """The git tree of somebody who has set up AWS, and the document of a cluster in it."""
    make_wheels(tmp_path / "wheels")
    with CloudUser(aws) as user:
        user.be(monkeypatch)
        yield make_project({"jobs.py": JOBS, "gpu.yaml": DOCUMENT.format(wheels=tmp_path / "wheels")})


@pytest.fixture
def rhdesk(project: Path) -> RunCommand:
    return run_command(project, seconds=900)


def test_the_whole_life(aws: AwsLab, rhdesk: RunCommand) -> None:
    checks = {row["cloud"]: row for row in rhdesk("check", "--json").json()}
    assert checks["aws"]["enabled"]
    assert not checks["gcp"]["enabled"]
    offers = rhdesk("offers", "m6i.large", "--json").json()
    assert {offer["region"]: offer["price"] for offer in offers if offer["enabled"]} == {
        region: pytest.approx(price("m6i.large", region)) for region in ("us-east-1", "us-west-2")
    }
    rhdesk("save", "gpu.yaml", "--as", "gpu")
    assert rhdesk("status", "gpu", "--json").json()["state"] == "down"
    assert "has no machines" in rhdesk("stop", "gpu", code=1).err

    aws.refuse(region="us-east-1")
    up = rhdesk("up", "gpu", "--json")
    aws.accept()
    assert (up.json()["state"], up.json()["already_up"]) == ("up", False)
    assert "us-east-1" in up.err, "where it was refused is told"
    assert [each.region for each in aws.instances("running")] == ["us-west-2", "us-west-2"]
    assert rhdesk("up", "gpu", "--json").json()["already_up"]

    row = rhdesk("status", "gpu", "--refresh", "--json").json()
    assert (row["state"], row["cloud"]["state"], row["cloud"]["region"]) == ("up", "up", "us-west-2")
    assert row["cloud"]["price_per_hour"] == pytest.approx(2 * price("m6i.large", "us-west-2"), rel=0.02)
    assert row["cloud"]["autostop_mins"] == 45
    assert len(row["hosts"]) == 2
    assert "2 × m6i.large" in rhdesk("status", "--refresh").out
    assert rhdesk("run", "jobs.py:double", "21", "--on", "gpu").out == "42\n"

    assert "stops after 30 idle minutes" in rhdesk("autostop", "gpu", "-i", "30").err
    assert rhdesk("status", "gpu", "--refresh", "--json").json()["cloud"]["autostop_mins"] == 30
    assert rhdesk("stop", "gpu", "--json").json() == {"name": "~/gpu", "state": "stopped", "ended_runs": []}
    assert len(aws.instances("stopped")) == 2
    assert rhdesk("status", "gpu", "--json").json()["state"] == "stopped"
    assert rhdesk("start", "gpu", "--json").json()["state"] == "up"
    assert len(aws.instances("running")) == 2
    assert rhdesk("run", "jobs.py:double", "4", "--on", "gpu").out == "8\n"

    cost = rhdesk("cost", "--refresh", "--json").json()
    (line,) = cost["lines"]
    assert (line["key"], line["estimated"]) == ("~/gpu", 0)
    assert line["dollars"] > 0
    assert cost["per_hour"] == pytest.approx(2 * price("m6i.large", "us-west-2"), rel=0.02)

    assert "would be ended for good" in rhdesk("down", "gpu", code=2).err
    assert len(aws.instances("running")) == 2
    assert rhdesk("down", "--all", "--yes", "--json").json() == [{"name": "~/gpu", "problem": None}]
    assert aws.instances("running", "stopped") == []
    assert rhdesk("down", "gpu", "--yes", "--json").json() == {"name": "~/gpu", "was_up": False, "ended_runs": []}
    assert "No cluster in a cloud is up." in rhdesk("down", "--all", "--yes").err
    assert rhdesk("cost", "--json").json()["per_hour"] == 0
