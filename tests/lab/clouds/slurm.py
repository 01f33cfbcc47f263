"""A lab with a real Slurm of two nodes, on one host. SkyPilot logs in to it by SSH."""

from __future__ import annotations

import time
from pathlib import Path

from lab.clouds.downloads import node_home, node_python, node_wheels
from lab.clouds.lab import CloudLab
from lab.clouds.machine import command, settings
from lab.hosts import free_network
from lab.namespaces import end, start_holder
from lab.sshd import make_key

NAME = "lab"
"""Of the Slurm cluster, as SkyPilot knows it: `infra: slurm/lab`."""

NODES = ("sky0", "sky1")
LOGIN = "skyuser"
PRICES = {"cpu": 0.04, "memory": 0.005, "H100": 2.5}
"""Of a processor, a GB and a GPU for an hour."""

_SECONDS_TO_START = 60.0


class SlurmLab(CloudLab):
    """Use as a context; in the main thread.

    Attributes:
        ip: of the host that all of it is on.
        key: the private key that logs in.
    """

    def __init__(self) -> None:
        network = free_network()
        self.ip = f"{network}.1"
        super().__init__(f"{network}.254", f"{network}.253", 24)
        try:
            self.key = make_key(self.folder / "key")
            self._host = start_holder(command(), self.log, environment=self._environment())
            try:
                self._plug_in()
                self._wait()
            except BaseException:
                end(self._host)
                raise
        except BaseException:
            super().close()
            raise

    @property
    def log(self) -> Path:
        """What the host said as it booted, and its SSH server."""
        return self.folder / "slurm.log"

    def close(self) -> None:
        """Switch the host off, and with it Slurm and all its jobs."""
        end(self._host)
        super().close()

    def run(self, *words: str) -> str:
        """Run a program on the host as root, `squeue` for instance; what it printed."""
        return self.at_switch("nsenter", "-t", str(self._init), "-a", *words)

    def jobs(self) -> list[str]:
        """The names of all jobs that wait or run."""
        return self.run("squeue", "--noheader", "--format=%j").split()

    def end_all(self) -> None:
        """Leave nothing running, for the next test."""
        self.run("scancel", "--user", LOGIN)

    def write_home(self, home: Path) -> Path:
        """What a HOME needs for SkyPilot to know this Slurm; the home."""
        catalog = home / ".sky" / "catalogs" / "v8" / "common"
        for folder in (home / ".slurm", catalog):
            folder.mkdir(parents=True, exist_ok=True)
        config = home / ".slurm" / "config"
        config.write_text(
            f"Host {NAME}\n    HostName {self.ip}\n    User {LOGIN}\n    IdentityFile {self.key}\n"
            "    IdentitiesOnly yes\n    StrictHostKeyChecking no\n    UserKnownHostsFile /dev/null\n"
        )
        config.chmod(0o600)
        (home / ".sky" / "config.yaml").write_text(
            f"slurm:\n  pricing:\n    cpu: {PRICES['cpu']}\n    memory: {PRICES['memory']}\n"
            f"    accelerators:\n      H100: {PRICES['H100']}\n"
        )
        (catalog / "accelerators.csv").write_text("AcceleratorName,Clouds\nH100,['AWS']\n")
        return home

    # ------------------------------------------------------------ how it is made

    @property
    def _init(self) -> int:
        holder = self._host.pid
        return int(Path(f"/proc/{holder}/task/{holder}/children").read_text().split()[0])

    def _environment(self) -> dict[str, str]:
        home, wheels = node_home(), node_wheels()
        return {
            **settings(
                disk=self.folder / "disk",
                address=f"{self.ip}/24",
                name="slurm",
                login=LOGIN,
                keys=self.key.with_suffix(".pub").read_text().strip(),
                node_home=home,
                variables={"UV_CONSTRAINT": str(wheels / "constraints.txt")},
                start=Path(__file__).with_name("slurm.sh"),
            ),
            "NODES": " ".join(NODES),
            "UV": f"/home/{LOGIN}/.local/bin/uv",
            "UV_CACHE": str(wheels),
            "PYTHON": str(node_python()),
        }

    def _plug_in(self) -> None:
        self.add_port("slurm", "name", "eth0", "netns", str(self._host.pid))
        assert self._host.stdin is not None
        self._host.stdin.write("go\n")
        self._host.stdin.flush()

    def _wait(self) -> None:
        deadline = time.monotonic() + _SECONDS_TO_START
        said = ""
        while said.split() != ["idle"]:
            if time.monotonic() > deadline or self._host.poll() is not None:
                raise RuntimeError(f"Slurm does not start: {said}\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)
            try:
                said = self.run("sinfo", "--noheader", "--format=%T")
            except (RuntimeError, IndexError) as error:
                said = str(error)
