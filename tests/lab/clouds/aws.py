"""A lab with an EC2 whose instances are hosts. The test reaches them at their addresses, 172.31.x.x."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.clouds.downloads import PROJECT, moto_environment, node_home
from lab.clouds.lab import CloudLab
from lab.clouds.offers import write_catalogs, write_images
from lab.namespaces import command, end, start_holder
from lab.rights import SYSTEM_PATH

EC2_ADDRESS, EC2_PORT = "172.31.255.1", 5555
TEST_ADDRESS = "172.31.255.254"
URL = f"http://{EC2_ADDRESS}:{EC2_PORT}"

_SECONDS = 180  # on a busy machine instances take long to end


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance as EC2 knows it, also one that is gone.

    Attributes:
        state: "running", "stopped" or "terminated".
        spans: when it ran, in seconds since the epoch; what a bill would be made of.
    """

    id: str
    region: str
    zone: str
    type: str
    spot: bool
    ip: str
    state: str
    tags: dict[str, str]
    spans: tuple[tuple[float, float | None], ...]

    @property
    def cluster(self) -> str:
        """SkyPilot's cluster that it belongs to, as it is called on the cloud: the name and a hash of the user."""
        return self.tags.get("skypilot-cluster-name", "") or self.tags.get("ray-cluster-name", "")


def why_no_network() -> str:
    """Why the emulated EC2 cannot be where moto has it; empty: it can."""
    if "172.31." in command("ip", "-4", "route", "show", "table", "all"):
        return "this network has 172.31.0.0/16 already, where the emulated EC2 has to be; `unshare --net` makes another"
    return ""


class AwsLab(CloudLab):
    """Use as a context; in the main thread."""

    def __init__(self) -> None:
        self._faults: list[dict[str, Any]] = []
        super().__init__(TEST_ADDRESS, EC2_ADDRESS, 16)
        try:
            write_images(self.folder / "images.json")
            python = str(moto_environment() / "bin" / "python")
            self._ec2 = start_holder(
                [
                    *(*self.enter_switch(), "unshare", "--mount", python, "-m", "lab.clouds.ec2_server"),
                    *(EC2_ADDRESS, str(EC2_PORT), str(self.folder), str(node_home())),
                ],
                self.log,
                environment={**os.environ, "PATH": SYSTEM_PATH, "PYTHONPATH": str(PROJECT / "tests")},
            )
        except BaseException:
            super().close()
            raise

    @property
    def log(self) -> Path:
        """What EC2 said that went wrong."""
        return self.folder / "ec2.log"

    def close(self) -> None:
        """End EC2, and every instance with it."""
        end(self._ec2)
        super().close()

    # ------------------------------------------------------------ EC2

    def instances(self, *states: str, cluster: str = "") -> list[Instance]:
        """Every instance there ever was, or those in these states, of one of SkyPilot's clusters."""
        rows = [
            Instance(**{**row, "spans": tuple((start, end) for start, end in row["spans"])})
            for row in self._ask("instances")
        ]
        return [
            row
            for row in rows
            if (not states or row.state in states) and (not cluster or row.cluster.startswith(cluster))
        ]

    def refuse(
        self,
        action: str = "RunInstances",
        code: str = "InsufficientInstanceCapacity",
        message: str = "We currently do not have sufficient capacity in the Availability Zone you requested.",
        *,
        region: str = "",
        type: str = "",
        times: int = -1,
        status: int = 500,
    ) -> None:
        """Have EC2 (or IAM, STS) refuse an action, in this region and of this instance type where they are given.

        Args:
            times: how often; -1: until `accept`.
            status: of HTTP; botocore tries again after 500.
        """
        fault = {"action": action, "code": code, "message": message, "region": region, "type": type, "times": times}
        self._faults.append({**fault, "status": status})
        self._ask("faults", self._faults)

    def accept(self) -> None:
        """Refuse nothing any more."""
        self._faults.clear()
        self._ask("faults", [])

    def terminate(self, *ids: str) -> None:
        """End instances behind SkyPilot's back."""
        self._ask("terminate", ids)

    def stop(self, *ids: str) -> None:
        """Stop instances behind SkyPilot's back."""
        self._ask("stop", ids)

    def start(self, *ids: str) -> None:
        """Start instances behind SkyPilot's back."""
        self._ask("start", ids)

    def crash(self, *ids: str) -> None:
        """Cut the power of instances that EC2 goes on calling running."""
        self._ask("crash", ids)

    def console(self, id: str) -> str:
        """What an instance said as it booted, and its SSH server."""
        return str(self._ask("console", id))

    def until(self, condition: Callable[[list[Instance]], bool], seconds: float = _SECONDS) -> list[Instance]:
        """Wait until it is true of all instances.

        Raises:
            AssertionError: it is not.
        """
        deadline = time.monotonic() + seconds
        while not condition(found := self.instances()):
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        return found

    def end_all(self) -> None:
        """Leave nothing running, for the next test."""
        self.accept()
        self.terminate(*(each.id for each in self.instances("running", "stopped")))

    # ------------------------------------------------------------ SkyPilot

    def write_home(self, home: Path) -> Path:
        """What a HOME needs for SkyPilot to know this cloud: credentials, prices, settings; the home."""
        for folder in (home / ".aws", home / ".sky"):
            folder.mkdir(parents=True, exist_ok=True)
        (home / ".aws" / "credentials").write_text(
            "[default]\naws_access_key_id = testing\naws_secret_access_key = testing\n"
        )
        (home / ".aws" / "config").write_text(f"[default]\nregion = us-east-1\nendpoint_url = {URL}\n")
        (home / ".sky" / "config.yaml").write_text(
            "aws:\n  use_internal_ips: true\n  use_ssm: false\n  remote_identity: LOCAL_CREDENTIALS\n"
        )
        write_catalogs(home)
        return home

    @property
    def variables(self) -> dict[str, str]:
        """The environment that SkyPilot needs beside a home."""
        return {**super().variables, "AWS_ENDPOINT_URL": URL, "AWS_EC2_METADATA_DISABLED": "true"}

    # ------------------------------------------------------------ inside

    def _ask(self, what: str, said: Any = None) -> Any:
        data = None if said is None else json.dumps(said).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(f"{URL}/lab/{what}", data), timeout=_SECONDS) as answer:
            return json.load(answer)
