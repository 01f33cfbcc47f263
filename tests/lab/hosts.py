"""Several hosts on this machine, each with an address, processes, /run, /tmp, /dev/shm, users and homes of its own.

A host is one process that holds its namespaces; everything on the host runs inside. Ending that process is a power
cut: the kernel ends the rest and takes the network cards away. All hosts hang on a switch, and nothing stays behind
even when the tests are killed: every holder ends with the thread that made it. Make networks and hosts in the main
thread for that reason.

The test itself is on the network at `Network.address`.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from lab.host_disk import INIT, UNSHARE, Account, kept_in_tmp, way_for_all, write_disk
from lab.host_sshd import HostSshd
from lab.namespaces import SECONDS_TO_END, command, end, start_holder
from lab.rights import SYSTEM_PATH, has_many_users
from lab.switch import Switch

FIRST_USER_ID = 20_000

_WIRE = Path(__file__).with_name("wire.py")


@dataclass(frozen=True, slots=True)
class Cable:
    """What a bad cable does to frames, in each direction."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    rate_mbit: float = 0.0


class Network(Switch):
    """A switch, the card of the test on it, and the hosts that were made."""

    def __init__(self) -> None:
        self.net = free_network()
        self.hosts: list[Host] = []
        super().__init__(f"{self.net}.254")

    def host(
        self, number: int, *, name: str = "", users: Mapping[str, str] | None = None, cable: Cable | None = None
    ) -> Host:
        """Switch a host on.

        Args:
            number: the last part of its address.
            name: its host name; default "node<number>".
            users: made-up users and their passwords ("": keys only); root of the machine only.
            cable: its cable, if it is not a good one.
        """
        host = Host(self, number, name or f"node{number}", dict(users or {}), cable)
        self.hosts.append(host)
        host.power_on()
        return host

    def known_hosts(self) -> Path:
        """A file with the keys of all SSH servers that run here now."""
        file = self.folder / "known_hosts"
        file.write_text("".join(server.known_host for host in self.hosts for server in host.servers))
        return file

    def close(self) -> None:
        """Switch everything off and forget it."""
        for host in self.hosts:
            host.power_off()
        super().close()


class Host:
    """One host. Made by `Network.host`.

    Attributes:
        ip, name: its address and host name.
        accounts: who can log in, by name; the user of the tests is among them, with a home of their own here.
        user: the name of the user of the tests.
        home: that user's home directory, as seen from the tests and from the host alike.
    """

    def __init__(self, network: Network, number: int, name: str, users: Mapping[str, str], cable: Cable | None) -> None:
        if users and not has_many_users():
            raise RuntimeError("made-up users need root of the machine; mark the test with lab.rights.root_only")
        self.network = network
        self.number = number
        self.name = name
        self.ip = f"{network.net}.{number}"
        self.folder = network.folder / name
        self.servers: list[HostSshd] = []
        self._cable = cable
        self._holder: subprocess.Popen[str] | None = None
        self._wire: subprocess.Popen[str] | None = None
        self._started: list[subprocess.Popen[bytes]] = []
        me = pwd.getpwuid(os.geteuid())
        self.user = me.pw_name
        self.accounts = {me.pw_name: Account(me.pw_name, me.pw_uid, self.folder / me.pw_name, "")}
        for uid, (user, password) in enumerate(users.items(), FIRST_USER_ID):
            self.accounts[user] = Account(user, uid, self.folder / user, password)
        self.home = self.accounts[self.user].home
        write_disk(self.folder, name, self.ip, list(self.accounts.values()))

    # ------------------------------------------------------------ power

    def power_on(self) -> None:
        """Boot: namespaces and network card are new, the disk is as it was."""
        if self._holder is not None:
            raise RuntimeError(f"{self.name} is on")
        opening = way_for_all() if len(self.accounts) > 1 else ""
        script = ["bash", "-c", INIT, "init", self.name, str(self.folder), opening, *kept_in_tmp()]
        init = ["unshare", *UNSHARE, *script]
        self._holder = start_holder(init, self.folder / "init.log", environment=self._environment())
        try:
            eth0 = ("name", "eth0", "netns", str(self.init))
            if self._cable is None:
                self.network.add_port(self._port, *eth0)
            else:
                self._lay_wire(self._cable, eth0)
            # the card is the same one after a power cut: the others remember its address for a while
            self.run("ip", "link", "set", "eth0", "address", f"02:99:00:00:00:{self.number:02x}")
            self.run("ip", "addr", "add", f"{self.ip}/24", "dev", "eth0")
            self.run("ip", "link", "set", "eth0", "up")
        except BaseException:
            self.power_off()
            raise

    def power_off(self) -> None:
        """Cut the power: no process there ends in order, and nobody is told."""
        if self._holder is None:
            return
        with suppress(RuntimeError):
            self.unplug()  # first: the kernel would say goodbye on behalf of every socket of the dying processes
        end(self._holder)  # the init of the host dies with it, and everything on the host with that
        self._holder = None
        if self._wire is not None:
            end(self._wire)
            self._wire = None
        with suppress(RuntimeError):  # it is gone with the host already
            self.network.at_switch("ip", "link", "del", self._port)
        for process in self._started:
            process.wait(SECONDS_TO_END)
        self._started.clear()
        self.servers.clear()

    @property
    def is_on(self) -> bool:
        return self._holder is not None

    @property
    def init(self) -> int:
        """The process id, on this machine, of the host's first process."""
        assert self._holder is not None, f"{self.name} is off"
        holder = self._holder.pid
        return int(Path(f"/proc/{holder}/task/{holder}/children").read_text().split()[0])

    # ------------------------------------------------------------ network

    def unplug(self) -> None:
        """Pull the cable: packets vanish, nothing is answered."""
        self.network.at_switch("ip", "link", "set", self._port, "down")

    def plug(self) -> None:
        """Put the cable back."""
        self.network.at_switch("ip", "link", "set", self._port, "up")

    def set_cable(self, **changed: float) -> None:
        """Make the bad cable better or worse: fields of `Cable`. Only for hosts that were made with one."""
        assert self._cable is not None, f"{self.name} has a good cable"
        self._cable = replace(self._cable, **changed)
        for field, word in (("delay_ms", "delay"), ("jitter_ms", "jitter"), ("loss", "loss"), ("rate_mbit", "rate")):
            self._tell_wire(f"{word} {getattr(self._cable, field)}")

    def cut(self) -> None:
        """Break the bad cable where nobody sees it: both ends still have a carrier."""
        self._tell_wire("cut")

    def join(self) -> None:
        """Mend what `cut` broke."""
        self._tell_wire("join")

    # ------------------------------------------------------------ programs

    @property
    def enter(self) -> list[str]:
        """The words before a command that runs on the host."""
        return ["nsenter", "-t", str(self.init), "-n", "-m", "-u", "-i", "-p"]

    def run(self, *words: str, user: str = "") -> str:
        """Run a program on the host and wait for it; what it printed.

        Raises:
            RuntimeError: it failed.
        """
        return command(*self.enter, *self._as(user), *words, environment=self._environment(user))

    def start(
        self, *words: str, user: str = "", output: IO[bytes] | int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Start a program on the host; it ends with the host at the latest."""
        process = subprocess.Popen(
            [*self.enter, *self._as(user), *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=self._environment(user),
        )
        self._started.append(process)
        return process

    def sshd(
        self,
        authorized: Iterable[Path] | Mapping[str, Iterable[Path]] = (),
        *,
        port: int = 22,
        extra: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> HostSshd:
        """Start an SSH server; it logs in the host's `accounts`.

        Args:
            authorized: public key files, for every account or by account.
            port: where it listens, on the host's own address and on its loopback.
            extra: more lines of its configuration, which go first (the first value counts).
            environment: variables of every session, `UV_CACHE_DIR` for instance.
        """
        server = HostSshd(self, authorized, port, extra, dict(environment or {}))
        server.start()
        self.servers.append(server)
        return server

    def processes(self) -> list[int]:
        """The ids, on this machine, of all processes on the host."""
        if not self.is_on:
            return []
        space = os.readlink(f"/proc/{self.init}/ns/pid")
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(entry / "ns" / "pid") == space:
                    found.append(int(entry.name))
            except OSError:
                continue  # ended meanwhile
        return found

    # ------------------------------------------------------------ how it is made

    @property
    def _port(self) -> str:
        return f"port{self.number}"

    def _environment(self, user: str = "") -> dict[str, str]:
        """As after a log-in: nothing of the tests but the mark by which their processes are found."""
        account = self.accounts[user or self.user]
        marks = {name: value for name, value in os.environ.items() if name.startswith("RHDESK_TEST")}
        return {"PATH": SYSTEM_PATH, "HOME": str(account.home), "USER": account.name, "LANG": "C.UTF-8", **marks}

    def _as(self, user: str) -> list[str]:
        if not user or user == self.user:
            return []
        uid = str(self.accounts[user].uid)
        return ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "--"]

    def _lay_wire(self, cable: Cable, eth0: Sequence[str]) -> None:
        """eth0 of the host <-> left [the wire's own network] right <-> port of the switch"""
        options = [
            f"--{name}={value}"
            for name, value in (
                ("delay-ms", cable.delay_ms),
                ("jitter-ms", cable.jitter_ms),
                ("loss", cable.loss),
                ("rate-mbit", cable.rate_mbit),
            )
        ]
        self._wire = start_holder(
            ["unshare", "--net", sys.executable, "-I", str(_WIRE), "left", "right", *options],
            self.folder / "wire.log",
            ready="up",
        )
        wire = str(self._wire.pid)
        command("ip", "link", "add", "left", "netns", wire, "type", "veth", "peer", *eth0)
        self.network.add_port(self._port, "name", "right", "netns", wire)
        for side in ("left", "right"):
            command("nsenter", "-t", wire, "-n", "ip", "link", "set", side, "up")
        finish = f"import runpy; runpy.run_path({str(_WIRE)!r})['finish_frames']"
        for enter, interface in ((self.enter, "eth0"), (self.network.enter_switch(), self._port)):
            command(*enter, sys.executable, "-I", "-c", f"{finish}({interface!r})")
        self._tell_wire("go")
        assert self._wire.stdout is not None
        if (said := self._wire.stdout.readline().strip()) != "ready":
            raise RuntimeError(f"the cable of {self.name} said {said!r}: {(self.folder / 'wire.log').read_text()}")

    def _tell_wire(self, line: str) -> None:
        assert self._wire is not None, f"{self.name} has a good cable, or is off"
        assert self._wire.stdin is not None
        self._wire.stdin.write(f"{line}\n")
        self._wire.stdin.flush()


def free_network() -> str:
    """The first three parts of a network that this machine is not on."""
    taken = command("ip", "-4", "route", "show", "table", "all")
    for offset in range(200):
        net = f"10.99.{(os.getpid() + offset) % 200 + 1}"
        if f"{net}." not in taken:
            return net
    raise RuntimeError("every network from 10.99.1.0 to 10.99.200.0 is in use")
