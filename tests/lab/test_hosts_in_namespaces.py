"""The hosts that other tests stand on: separate where hosts are, cut off where a fault says so, gone when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.hosts import Cable, Host, Network
from lab.rights import SYSTEM_PATH, root_only
from lab.ssh_fixtures import SshKeys


def ssh(host: Host, key: Path, *command: str, user: str = "", seconds: float = 10) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={host.network.known_hosts()}"),
            *("-o", f"ConnectTimeout={seconds:.0f}", "-i", str(key), f"{user or host.user}@{host.ip}", *command),
        ],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def answers(host: Host, key: Path) -> bool:
    return ssh(host, key, "true", seconds=1).returncode == 0


@pytest.fixture
def two_hosts(lab_network: Network, ssh_keys: SshKeys) -> tuple[Host, Host]:
    hosts = lab_network.host(1), lab_network.host(2, name="second")
    for host in hosts:
        host.sshd([ssh_keys.plain])
    return hosts


def test_hosts_have_their_own_names_homes_processes_and_directories(
    two_hosts: tuple[Host, Host], ssh_keys: SshKeys
) -> None:
    first, second = two_hosts
    for host in two_hosts:
        told = ssh(
            host, ssh_keys.plain, "hostname; echo $HOME; ps -e --no-headers | wc -l; touch ~/a /tmp/b /run/c /dev/shm/d"
        )
        name, home, processes = told.stdout.split()
        assert (name, home) == (host.name, str(host.home)), told
        assert int(processes) < 20
        assert (host.home / "a").exists()
    assert not Path("/tmp/b").exists()
    assert not Path("/run/c").exists()
    second.run("rm", "/tmp/b", "/run/c", "/dev/shm/d")
    assert first.run("ls", "/tmp/b", "/run/c", "/dev/shm/d").split() == ["/dev/shm/d", "/run/c", "/tmp/b"]
    assert first.run("bash", "-c", f"exec 3<>/dev/tcp/{second.ip}/22 && head -c 4 <&3") == "SSH-"


def test_a_pulled_cable_and_a_host_without_power_do_not_answer(two_hosts: tuple[Host, Host], ssh_keys: SshKeys) -> None:
    key = ssh_keys.plain
    first, second = two_hosts
    assert answers(first, key)
    first.unplug()
    assert not answers(first, key)
    assert answers(second, key)
    first.plug()
    assert answers(first, key)

    home = (first.home / "kept").write_text("on disk")
    assert home
    first.power_off()
    assert not answers(first, key)
    assert answers(second, key)
    first.power_on()
    first.sshd([key])
    assert answers(first, key), "the host key was kept, as the disk was"
    assert first.run("cat", str(first.home / "kept")) == "on disk"


def test_a_restarted_ssh_server_ends_its_connections_and_nothing_else(
    two_hosts: tuple[Host, Host], ssh_keys: SshKeys
) -> None:
    first, _ = two_hosts
    key = ssh_keys.plain
    ssh(first, key, "setsid sleep 1000 </dev/null >/dev/null 2>&1 &")
    connected = subprocess.Popen(
        [
            *("ssh", "-F", "none", "-o", f"UserKnownHostsFile={first.network.known_hosts()}", "-i", str(key)),
            *(f"{first.user}@{first.ip}", "echo there; sleep 1000"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert connected.stdout is not None
    with connected.stdout:
        assert connected.stdout.readline() == b"there\n"
        first.servers[0].restart()
        assert connected.wait(10) != 0
    assert answers(first, key)
    assert "sleep 1000" in first.run("ps", "-eo", "args=")


def test_a_bad_cable_delays_limits_and_can_be_cut(lab_network: Network, ssh_keys: SshKeys) -> None:
    host = lab_network.host(3, cable=Cable(delay_ms=25))
    host.sshd([ssh_keys.plain])
    start = time.monotonic()
    assert ssh(host, ssh_keys.plain, "true").returncode == 0
    delayed = time.monotonic() - start
    host.set_cable(delay_ms=0)
    start = time.monotonic()
    assert ssh(host, ssh_keys.plain, "true").returncode == 0
    assert delayed > time.monotonic() - start, "ten round trips of 50 ms took no time"
    host.cut()
    assert ssh(host, ssh_keys.plain, "true", seconds=1).returncode == 255
    host.join()
    assert ssh(host, ssh_keys.plain, "true").returncode == 0


@root_only
def test_made_up_users_log_in_and_the_machine_knows_nothing_of_them(lab_network: Network, ssh_keys: SshKeys) -> None:
    before = [Path("/etc", name).read_bytes() for name in ("passwd", "shadow", "group")]
    host = lab_network.host(4, users={"alice": "", "mallory": "pässword 1"})
    host.sshd({"alice": [ssh_keys.plain]})
    told = ssh(host, ssh_keys.plain, "id -un; id -u; pwd", user="alice")
    assert told.stdout.split() == ["alice", str(host.accounts["alice"].uid), str(host.accounts["alice"].home)], told
    assert "Permission denied" in ssh(host, ssh_keys.plain, "true", user="mallory").stderr
    runs_python = ssh(host, ssh_keys.plain, sys.executable, "-c", "'import rhserver, ray'", user="alice")
    assert runs_python.returncode == 0, runs_python
    assert host.run("id", "-un", user="mallory") == "mallory\n"
    assert [Path("/etc", name).read_bytes() for name in ("passwd", "shadow", "group")] == before


_FORGETFUL = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[1])
from lab.hosts import Cable, Network
network = Network()
hosts = [network.host(1), network.host(2, cable=Cable(delay_ms=1))]
detached = network.folder / "detached"
network.at_switch("setsid", "--fork", "sh", "-c", f"echo $$ >{detached}; exec sleep 1000 >/dev/null 2>&1")
while not detached.exists() or not (pid := detached.read_text().strip()):
    time.sleep(0.01)
print(network._card, network.folder, pid, *(pid for host in hosts for pid in host.processes()), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_stays_behind_when_the_tests_are_killed(lab_network: Network) -> None:
    tests = str(Path(__file__).parents[1])
    child = subprocess.run([sys.executable, "-c", _FORGETFUL, tests], capture_output=True, text=True)
    assert child.returncode == -signal.SIGKILL, child.stderr
    card, folder, *processes = child.stdout.split()
    assert len(processes) >= 5
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and (card_is_there(card) or any(map(lives, processes))):
        time.sleep(0.05)
    assert not card_is_there(card)
    assert not any(map(lives, processes))
    with Network():
        assert not Path(folder).exists(), "the next network clears away what a killed one left on disk"


def card_is_there(name: str) -> bool:
    found = subprocess.run(["ip", "link", "show", name], capture_output=True, env={"PATH": SYSTEM_PATH})
    return found.returncode == 0


def lives(process: str) -> bool:
    try:
        return Path("/proc", process, "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_hosts_that_are_closed_leave_no_card_and_no_process(lab_network: Network) -> None:
    with Network() as other:
        card = other._card
        processes = [str(process) for process in (other.host(1).processes())]
        assert card_is_there(card)
        assert other.net != lab_network.net, "two networks at once do not share an address"
    assert not card_is_there(card)
    assert not any(map(lives, processes))
    assert str(os.getpid()) not in processes
