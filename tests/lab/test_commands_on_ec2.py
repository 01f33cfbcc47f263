"""The whole life of a cluster of two hosts by the command line, on an EC2 whose instances are hosts; and what others
see of it, and do with it, who have its name from a registry and a key of their own.

Each command is a process of its own, as in a terminal; the first starts SkyPilot's server, which waits for the others.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.clouds.aws import AwsLab
from lab.clouds.offers import price
from lab.clouds.user import CloudUser
from lab.commands import Answer, RunCommand, run_command
from lab.own_wheels import make_wheels
from lab.registry import RegistryServer

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
    registry: RegistryServer,
    make_project: Callable[[Mapping[str, str]], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """The git tree of alice, who has set up AWS, and the document of a cluster in it."""
    make_wheels(tmp_path / "wheels")
    with CloudUser(aws) as user:
        user.be(monkeypatch)
        monkeypatch.setenv("RH_REGISTRY_URL", registry.url)
        monkeypatch.setenv("RH_REGISTRY_TOKEN", registry.token("alice"))
        yield make_project({"jobs.py": JOBS, "gpu.yaml": DOCUMENT.format(wheels=tmp_path / "wheels")})


@pytest.fixture
def rhdesk(project: Path) -> RunCommand:
    return run_command(project, seconds=900)


class Bob:
    """Somebody at another computer, with a key of his own and no SkyPilot.

    Attributes:
        key: the public half.
    """

    def __init__(self, home: Path, registry: RegistryServer, rhdesk: RunCommand) -> None:
        key = home / ".ssh" / "id_ed25519"
        for folder in (key.parent, home / "run"):
            folder.mkdir(parents=True, mode=0o700)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bob", "-f", key], check=True)
        self.key = key.with_suffix(".pub").read_text().strip()
        self._environment = {
            "HOME": str(home),
            "RH_HOME": str(home / ".rh"),
            "XDG_RUNTIME_DIR": str(home / "run"),
            "RH_REGISTRY_TOKEN": registry.token("bob"),
            "RH_SKYPILOT_ENVIRONMENT": str(home / "none"),
        }
        self._rhdesk = rhdesk

    def __call__(self, *arguments: str, code: int = 0) -> Answer:
        """A command of his."""
        return self._rhdesk(*arguments, env=self._environment, code=code)

    def sees(self, state: str, **machines: object) -> dict[str, Any]:
        """What he sees of alice's cluster, once that is so of it: what she tells may take a moment."""
        deadline = time.monotonic() + 120
        while True:
            (row,) = self("status", "/alice/", "--json").json()
            if row["state"] == state and machines.items() <= (row["cloud"] or {}).items():
                return row
            assert time.monotonic() < deadline, row
            self._rhdesk("ls", "@/")  # what waits to be told is told by whatever she does next


@pytest.fixture
def bob(short_path: Path, registry: RegistryServer, rhdesk: RunCommand) -> Bob:
    return Bob(short_path / "bob", registry, rhdesk)


def test_the_whole_life(aws: AwsLab, rhdesk: RunCommand, bob: Bob) -> None:
    checks = {row["cloud"]: row for row in rhdesk("check", "--json").json()}
    assert checks["aws"]["enabled"]
    assert not checks["gcp"]["enabled"]
    offers = rhdesk("offers", "m6i.large", "--json").json()
    assert {offer["region"]: offer["price"] for offer in offers if offer["enabled"]} == {
        region: pytest.approx(price("m6i.large", region)) for region in ("us-east-1", "us-west-2")
    }
    rhdesk("save", "gpu.yaml", "--as", "@/gpu")
    rhdesk("share", "@/gpu", "bob", "--access", "write")
    assert rhdesk("status", "@/gpu", "--json").json()["state"] == "down"
    assert "has no machines" in rhdesk("stop", "@/gpu", code=1).err

    aws.refuse(region="us-east-1")
    up = rhdesk("up", "@/gpu", "--json")
    aws.accept()
    assert (up.json()["state"], up.json()["already_up"]) == ("up", False)
    assert "us-east-1" in up.err, "where it was refused is told"
    assert [each.region for each in aws.instances("running")] == ["us-west-2", "us-west-2"]
    assert rhdesk("up", "@/gpu", "--json").json()["already_up"]

    row = rhdesk("status", "@/gpu", "--refresh", "--json").json()
    assert (row["state"], row["cloud"]["state"], row["cloud"]["region"]) == ("up", "up", "us-west-2")
    assert row["cloud"]["price_per_hour"] == pytest.approx(2 * price("m6i.large", "us-west-2"), rel=0.02)
    assert row["cloud"]["autostop_mins"] == 45
    assert len(row["hosts"]) == 2
    assert "2 × m6i.large" in rhdesk("status", "--refresh").out
    assert rhdesk("run", "jobs.py:double", "21", "--on", "@/gpu").out == "42\n"

    told = ("hosts", "region", "hardware", "price_per_hour", "autostop_mins")
    assert bob.sees("up", **{key: row["cloud"][key] for key in told})["told"]["by"] == "alice"
    refused = bob("run", "jobs.py:double", "5", "--on", "/alice/gpu", code=1).err
    assert "Ask alice to add your public key to ~/.ssh/authorized_keys there" in refused
    rhdesk("ssh", "@/gpu", "--", f"echo '{bob.key}' >> ~/.ssh/authorized_keys")
    assert bob("run", "jobs.py:double", "5", "--on", "/alice/gpu").out == "10\n"
    assert [run["by"] for run in rhdesk("runs", "--on", "@/gpu", "--json").json()] == ["bob", "alice"]
    assert len(bob("status", "/alice/gpu", "--json").json()["hosts"]) == 2
    refused = bob("down", "/alice/gpu", "--yes", code=1).err
    assert "/alice/gpu is started, stopped and ended only through the SkyPilot of alice" in refused

    assert "stops after 30 idle minutes" in rhdesk("autostop", "@/gpu", "-i", "30").err
    assert rhdesk("status", "@/gpu", "--refresh", "--json").json()["cloud"]["autostop_mins"] == 30
    assert rhdesk("stop", "@/gpu", "--json").json() == {"name": "/alice/gpu", "state": "stopped", "ended_runs": []}
    assert len(aws.instances("stopped")) == 2
    bob.sees("stopped", autostop_mins=30)
    assert "that /alice/gpu is stopped" in bob("up", "/alice/gpu", code=1).err
    row = rhdesk("status", "@/gpu", "--json").json()
    assert (row["state"], row["problem"]) == ("stopped", None)
    assert rhdesk("start", "@/gpu", "--json").json()["state"] == "up"
    assert len(aws.instances("running")) == 2
    assert rhdesk("run", "jobs.py:double", "4", "--on", "@/gpu").out == "8\n"
    assert bob("run", "jobs.py:double", "6", "--on", "/alice/gpu").out == "12\n"

    cost = rhdesk("cost", "--refresh", "--json").json()
    (line,) = cost["lines"]
    assert (line["key"], line["estimated"]) == ("/alice/gpu", 0)
    assert line["dollars"] > 0
    assert cost["per_hour"] == pytest.approx(2 * price("m6i.large", "us-west-2"), rel=0.02)

    assert "would be ended for good" in rhdesk("down", "@/gpu", code=2).err
    assert len(aws.instances("running")) == 2
    assert rhdesk("down", "--all", "--yes", "--json").json() == [{"name": "/alice/gpu", "problem": None}]
    assert aws.instances("running", "stopped") == []
    bob.sees("down")
    assert rhdesk("down", "@/gpu", "--yes", "--json").json() == {
        "name": "/alice/gpu",
        "was_up": False,
        "ended_runs": [],
    }
    assert "No cluster in a cloud is up." in rhdesk("down", "--all", "--yes").err
    assert rhdesk("cost", "--json").json()["per_hour"] == 0
