"""The processes of `ray start`, of a head or of another node: started, found again, ended, with what they log.

They are a process group of their own, so that they outlive a killed server. Never `ray stop`: that ends every Ray on
the machine.

On 127.0.0.1 Ray listens there and nowhere else. With another address, Ray 2.60 binds its gRPC ports (GCS, raylet,
object manager, workers) to every interface of the host, and no option or variable changes that; what keeps others out
is mutual TLS (`ray_tls`), and the token. The runtime environment agent is bound to the address.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

from rhresources.errors import RhError
from rhserver.engine import ray_tls
from rhserver.single_instance import write_private

LOOPBACK = "127.0.0.1"
START_SECONDS = 90
OBJECT_STORE_BYTES = 128 * 1024 * 1024

# Ray Client is another door that nobody here uses, on a port that clusters of several users would fight over; it has
# no switch, but is left out where its dependencies seem to be missing
_PROGRAM = (
    "import ray.scripts.scripts as scripts; "
    "scripts.get_ray_client_dependency_error = lambda: 'unused'; "
    "scripts.main()"
)
_HEALTH = {
    # a host that does not answer is dead to Ray after about 20 s; its own values take more than a minute
    "RAY_health_check_initial_delay_ms": "5000",
    "RAY_health_check_period_ms": "2000",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_grpc_client_keepalive_time_ms": "10000",
    "RAY_grpc_client_keepalive_timeout_ms": "10000",
}


class RayProcesses:
    """One Ray of this host.

    Args:
        record: file that says which processes they are: {"pid", "process_started", "address"}.
        log: file for what `ray start` says.
        token: file with the cluster's token.
        directory: Ray's temporary directory; removed when Ray ends. Its path must be short.
        address: of this host in the cluster's network.
    """

    def __init__(self, record: Path, log: Path, token: Path, directory: Path, address: str = LOOPBACK) -> None:
        self._record = record
        self._log = log
        self._token = token
        self._directory = directory
        self._address = address

    def variables(self) -> dict[str, str]:
        """What Ray reads from the environment, here and in its processes."""
        alone = self._address == LOOPBACK
        return {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self._token),
            # "0" keeps it on loopback alone, and refuses other hosts
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0" if alone else "1",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_DEDUP_LOGS": "0",
            "RAY_worker_niceness": "0",  # Ray's own 15 starves users' functions on a busy host, and quick calls first
            "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
            # hosts may have Pythons that differ in the last number
            "RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL": "minor",
            **({} if alone else {**_HEALTH, **ray_tls.variables(self._directory)}),
        }

    def start(self, *options: str, address: str = "", **variables: str) -> str:
        """Run `ray start` with these options and wait until it runs; Ray's address.

        Args:
            options: for `ray start`, beside those that every node has.
            address: of the head to record, where this is not one.
            variables: for the processes, beside those that every node has.

        Raises:
            RhError: it ended, or took too long; `log_tail` has Ray's words.
        """
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory.mkdir(mode=0o700, parents=True)
        if self._address != LOOPBACK:
            ray_tls.write_certificates(self._directory, self._token.read_text(), self._address)
        with open(self._log, "wb") as output:
            process = subprocess.Popen(
                [
                    sys.executable, "-c", _PROGRAM, "start", "--block", f"--node-ip-address={self._address}",
                    "--disable-usage-stats", "--include-log-monitor=false", f"--temp-dir={self._directory}",
                    f"--object-store-memory={OBJECT_STORE_BYTES}", *options,
                ],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                cwd=self._directory, env={**os.environ, **self.variables(), **variables},
            )  # fmt: skip
        self._write(process.pid, "")
        deadline = time.monotonic() + START_SECONDS
        while b"Ray runtime started" not in self._log.read_bytes():
            if process.poll() is not None:
                raise RhError(f"`ray start` ended with exit code {process.returncode}.")
            if time.monotonic() > deadline:
                raise RhError(f"`ray start` took longer than {START_SECONDS} s.")
            time.sleep(0.05)
        address = address or (self._directory / "ray_current_cluster").read_text().strip()
        self._write(process.pid, address)
        return address

    def running(self) -> str | None:
        """The address of the Ray that the record names, if it runs."""
        if self._process() is None:
            return None
        return str(json.loads(self._record.read_text())["address"])

    def is_whole(self) -> bool:
        """Whether the processes run, the raylet among them: `ray start --block` stays when that ended "in order"."""
        process = self._process()
        try:
            return process is not None and any(child.name() == "raylet" for child in process.children())
        except psutil.NoSuchProcess:
            return False

    def left_behind(self) -> bool:
        """Whether there is a record of processes that are gone."""
        return self._record.exists() and self._process() is None

    def stop(self) -> None:
        """End the processes that the record names with all that they started; blocks for some seconds at most."""
        tree = self._all()
        for one in tree:  # nothing of Ray's has to be kept, so nobody gets long to tidy up
            _signal(one, signal.SIGTERM)
        _, alive = psutil.wait_procs(tree, timeout=1)
        for straggler in alive:
            _signal(straggler, signal.SIGKILL)
        psutil.wait_procs(alive, timeout=3)
        self._record.unlink(missing_ok=True)
        shutil.rmtree(self._directory, ignore_errors=True)

    def log_tail(self) -> str:
        """What `ray start` said last."""
        try:
            return self._log.read_bytes()[-4000:].decode(errors="replace")
        except OSError:
            return ""

    def _process(self) -> psutil.Process | None:
        try:
            record = json.loads(self._record.read_text())
            process = psutil.Process(record["pid"])
            same = abs(process.create_time() - record["process_started"]) < 1
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, ValueError, KeyError, psutil.NoSuchProcess):
            return None

    def _all(self) -> list[psutil.Process]:
        """Ray's processes and what they started; also those that a dead raylet left behind, which are in its session.

        A session's number is not given away while somebody is in it.
        """
        try:
            record = json.loads(self._record.read_text())
            leader = int(record["pid"])
            if abs(psutil.Process(leader).create_time() - record["process_started"]) >= 1:
                return []  # somebody else has the number now
        except (OSError, ValueError, KeyError, TypeError):
            return []
        except psutil.NoSuchProcess:
            pass
        everyone = {process.pid: process for process in psutil.process_iter(["ppid"])}
        found = {pid for pid in everyone if _session(pid) == leader}
        found |= {leader} & everyone.keys()
        more = found
        while more:
            more = {pid for pid, process in everyone.items() if process.info["ppid"] in more and pid not in found}
            found |= more
        return [everyone[pid] for pid in found]

    def _write(self, process_id: int, address: str) -> None:
        started = psutil.Process(process_id).create_time()
        write_private(self._record, json.dumps({"pid": process_id, "process_started": started, "address": address}))


def host_of(address: str) -> str:
    """The host in "host:port"."""
    return address.rpartition(":")[0].strip("[]")


def can_reach(address: str, seconds: float) -> str:
    """Why nothing answers at "host:port", as the end of a sentence; empty if something does. Blocks."""
    try:
        host, _, port = address.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), seconds).close()
    except (OSError, ValueError) as error:
        return why_unreachable(error, seconds)
    return ""


def why_unreachable(error: Exception, seconds: float) -> str:
    """What an error of connecting means, as the end of a sentence."""
    if isinstance(error, TimeoutError):
        return f"nothing answered within {seconds:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    return str(getattr(error, "strerror", None) or error)


def _session(pid: int) -> int:
    if sys.platform == "win32":
        return 0
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        pass
