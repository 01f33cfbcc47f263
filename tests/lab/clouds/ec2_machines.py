"""The instances of the emulated EC2: for each that runs, a host in namespaces of its own. Runs beside moto.

What EC2 says is followed: running: boot; stopped: the power goes, the disk stays; terminated: both go.
"""

from __future__ import annotations

import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance, InstanceState

from lab.clouds.machine import command, settings
from lab.clouds.offers import ZONES

ACCOUNT = "123456789012"
"""The one that moto takes everybody for."""

_start = Instance.start


def _start_anew(instance: Instance) -> InstanceState:
    """EC2's launch time is that of the last start; moto leaves it at the first."""
    ran = instance.state == "running"
    before = _start(instance)
    if not ran:
        instance.launch_time = utcnow()
    return before


Instance.start = _start_anew

_END_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")


def backends() -> Iterator[tuple[str, Any]]:
    """The regions that have hardware, each with its part of EC2."""
    for region in ZONES:
        yield region, ec2_backends[ACCOUNT][region]


@dataclass(slots=True)
class Machine:
    """One instance.

    Attributes:
        spans: when it ran: [from, to], to is None while it does. What a bill would be made of.
        process: the holder of its namespaces; None while its power is off.
    """

    id: str
    spans: list[list[float | None]] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    crashed: bool = False


class Machines:
    """All of them.

    Args:
        disks: a folder on another file system than /, for what they write.
        node_home: the home of the machine images' user.
        variables: of every session, beside those that lead to this EC2.
    """

    def __init__(self, disks: Path, node_home: Path, variables: dict[str, str]) -> None:
        self.machines: dict[str, Machine] = {}
        self._disks = disks
        self._node_home = node_home
        self._variables = variables
        self._changes: queue.SimpleQueue[float] = queue.SimpleQueue()
        # one thread that never ends: machines end with the thread that booted them
        threading.Thread(target=self._follow, daemon=True).start()

    def changed(self) -> None:
        """Something happened to instances, just now."""
        self._changes.put(time.time())

    def crash(self, id: str) -> None:
        """A machine loses its power, and EC2 does not notice."""
        self.machines[id].crashed = True
        self.changed()

    def list(self) -> list[dict[str, Any]]:
        """What EC2 knows of every instance there ever was, with when it ran."""
        return [
            {
                "id": instance.id,
                "region": region,
                "zone": instance.placement.zone,
                "type": instance.instance_type,
                "spot": instance.lifecycle == "spot",
                "ip": instance.private_ip or "",
                "state": instance.state,
                "tags": {tag["key"]: tag["value"] for tag in instance.get_tags()},
                "spans": self.machines[instance.id].spans if instance.id in self.machines else [],
            }
            for region, backend in backends()
            for instance in backend.all_instances()
        ]

    # ------------------------------------------------------------ following EC2

    def _follow(self) -> None:
        while True:
            when = self._changes.get()
            for _, backend in backends():
                for instance in backend.all_instances():
                    machine = self.machines.setdefault(instance.id, Machine(instance.id))
                    try:
                        self._bring(machine, instance, when)
                    except Exception as error:
                        print(f"{instance.id}: {error!r}", file=sys.stderr, flush=True)

    def _bring(self, machine: Machine, instance: Any, when: float) -> None:
        runs = instance.state == "running"
        billed = bool(machine.spans) and machine.spans[-1][1] is None
        if runs and not billed:
            machine.spans.append([when, None])
        elif billed and not runs:
            machine.spans[-1][1] = when
        if not runs:
            machine.crashed = False
        if runs and not machine.crashed:
            if machine.process is None:
                self._boot(machine, instance)
        elif machine.process is not None:
            machine.process.kill()
            machine.process.wait()
            machine.process = None
            subprocess.run(["ip", "link", "del", _port(machine.id)], capture_output=True)
        if instance.state == "terminated":
            shutil.rmtree(self._disks / machine.id, ignore_errors=True)

    def _boot(self, machine: Machine, instance: Any) -> None:
        disk = self._disks / machine.id
        said = yaml.safe_load(instance.user_data.decode() if instance.user_data else "") or {}
        user = (said.get("users") or [{"name": "ubuntu"}])[0]
        ip = instance.private_ip
        environment = settings(
            disk=disk,
            address=f"{ip}/16",
            name=f"ip-{ip.replace('.', '-')}",
            login=user["name"],
            keys="\n".join(user.get("ssh_authorized_keys", [])),
            node_home=self._node_home,
            variables=self._variables,
        )
        with (disk / "console.log").open("ab") as console:
            process = subprocess.Popen(
                [*_END_WITH_PARENT, *command()],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=console, text=True, env=environment,
                start_new_session=True,
            )  # fmt: skip
        machine.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise RuntimeError((disk / "console.log").read_text())
        port = _port(machine.id)
        for words in (
            ("add", port, "type", "veth", "peer", "name", "eth0", "netns", str(process.pid)),
            ("set", port, "master", "switch"),
            ("set", port, "up"),
        ):
            subprocess.run(["ip", "link", *words], check=True, capture_output=True, text=True)
        process.stdin.write("go\n")
        process.stdin.close()
        process.stdout.close()


def _port(id: str) -> str:
    return f"i{id[-12:]}"
