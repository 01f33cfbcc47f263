"""Clusters over SSH from the command line: steps, commands, files, ports, and who is asked."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from lab.ssh_cluster import SshCluster
from lab.ssh_fixtures import SshHome, SshKeys
from lab.sshd import Sshd
from lab.terminal import Terminal

from rhdesk.cli.access import parse_ports
from rhresources.errors import UsageError

pytestmark = pytest.mark.ray

PROGRAM = (sys.executable, "-m", "rhdesk")
CODE = """\
import time

def tick(count: int = 3) -> int:
    for number in range(count):
        print("tick", number, flush=True)
        time.sleep(0.1)
    return count
"""


# ---------------------------------------------------------------- check


def test_check_says_every_step(rhdesk: Any, ssh_cluster: SshCluster) -> None:
    answer = rhdesk("check", "lab")
    names = [line.split()[2] for line in answer.out.splitlines() if line.startswith("✓")]
    assert names[:3] == ["resolve", "reach", "host"]
    assert "All steps went well." in answer.err
    steps = rhdesk("check", "lab", "--json").json()
    assert {"log in", "forwarding", "python", "disk"} <= {step["name"] for step in steps}
    assert all(step["seconds"] >= 0 for step in steps)


def test_check_of_a_host_that_is_not_saved(rhdesk: Any, sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys) -> None:
    way = ("check", "--host", sshd.address, "--port", str(sshd.port), "--log-in", "key")
    unknown = rhdesk(*way, "--key", str(ssh_keys.plain), code=1)
    assert "is not known here" in unknown.out
    ssh_home.knows(sshd)
    rhdesk(*way, "--key", str(ssh_keys.plain))
    refused = rhdesk(*way, "--key", str(ssh_keys.stranger), code=1)
    line, remedy = refused.out.splitlines()[-2:]
    assert line.startswith("✗")
    assert "log in" in line
    assert remedy.startswith("    ")
    missing = rhdesk(*way, "--key", "/nowhere/key", "--json", code=1).json()
    assert missing[-1]["state"] == "failed"
    assert "/nowhere/key" in missing[-1]["sentence"]
    assert "Either a cluster or --host" in rhdesk("check", "lab", "--host", "gpu", code=2).err
    assert "--user belongs to --host" in rhdesk("check", "lab", "--user", "x", code=2).err
    assert "Only hosts over SSH" in rhdesk("check", "^local", code=2).err


# ---------------------------------------------------------------- runs on it


def test_runs_on_a_cluster_over_ssh(rhdesk: Any, ssh_cluster: SshCluster, make_project: Callable[..., Path]) -> None:
    project = make_project({"work.py": CODE})
    answer = rhdesk("run", "work.py:tick", "--on", "lab", cwd=project)
    assert answer.out == "3\n"
    assert "tick 2" in answer.err
    assert rhdesk("status", "lab", "--json").json()["state"] == "up"
    up = rhdesk("up", "lab")
    assert "was up already" in up.err
    assert "--upgrade` brings it up to date" in up.err  # the server of the tests is no build of a wheel


def test_that_a_host_that_is_off_is_one_sentence(rhdesk: Any, ssh_cluster: SshCluster) -> None:
    assert rhdesk("status", "lab", "--json").json()["state"] == "up"
    ssh_cluster.sshd.stop()
    failed = rhdesk("logs", "last", "--on", "lab", code=1)
    assert "no SSH server listens" in failed.err
    assert "Check the port" in failed.err
    runs = rhdesk("runs")
    assert "~/lab is left out" in runs.err
    assert "waiting for" not in runs.err, "nobody watches"
    refused = rhdesk("cancel", "last", code=1).err
    assert "Which run is your last cannot be said, since ~/lab could not be asked." in refused
    assert "--on CLUSTER" in refused
    row = rhdesk("status", "--json").json()[-1]
    assert (row["name"], row["state"]) == ("~/lab", "up"), "as it was seen last"
    assert re.search(r"no SSH server listens .* What is shown is from (just now|.* ago)\.$", row["problem"])


# ---------------------------------------------------------------- ssh


def test_a_command_there(rhdesk: Any, ssh_cluster: SshCluster) -> None:
    answer = rhdesk("ssh", "lab", "--", "echo $((6 * 7)); echo oops >&2; exit 3", code=3)
    assert (answer.out, answer.err) == ("42\n", "oops\n")
    assert rhdesk("ssh", "lab", "cat", given="from here").out == "from here"
    assert "no host elsewhere" in rhdesk("ssh", "lab", "--host", "elsewhere", "--", "true", code=2).err
    assert rhdesk("ssh", "^local", "--", "exit 4", code=4).out == ""


def test_that_ctrl_c_ends_the_command_there(ssh_cluster: SshCluster, short_path: Path) -> None:
    said = short_path / "pid"
    program = subprocess.Popen([*PROGRAM, "ssh", "lab", "--", f"echo $$ > {said}; exec sleep 300"])
    try:
        while not (said.exists() and said.read_text().strip()):
            assert program.poll() is None
            threading.Event().wait(0.05)
        program.send_signal(signal.SIGINT)
        assert program.wait(30) == 1
        remote = int(said.read_text())
        for _ in range(200):
            if not _runs(remote):
                break
            threading.Event().wait(0.05)
        assert not _runs(remote)
    finally:
        program.kill()


def _runs(process: int) -> bool:
    try:
        return "sleep" in Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return False


def test_a_shell_by_the_systems_ssh(ssh_cluster: SshCluster) -> None:
    with Terminal([*PROGRAM, "ssh", "lab"], env={"PS1": "$ "}) as terminal:
        terminal.type("echo shell $((40 + 2)) $RH_HOME; exit 7\n")
        terminal.expect(f"shell 42 {ssh_cluster.home}")
        terminal.ends(7)


def test_a_shell_of_our_own(ssh_cluster: SshCluster, short_path: Path) -> None:
    """Where there is no ssh client."""
    folder = short_path / "bin"
    folder.mkdir()
    (folder / "sh").symlink_to("/bin/sh")
    with Terminal([*PROGRAM, "ssh", "lab"], env={"PATH": str(folder)}) as terminal:
        terminal.type("echo own $((40 + 2)); exit 6\n")
        terminal.expect("own 42")
        terminal.ends(6)


def test_that_unknown_host_keys_are_asked_about_on_a_terminal(ssh_cluster: SshCluster, ssh_home: SshHome) -> None:
    ssh_home.known_hosts.unlink()
    with Terminal([*PROGRAM, "ssh", "lab", "--", "echo", "in"]) as terminal:
        terminal.expect("(yes/no/[fingerprint])? ")
        terminal.type("yes\n")
        terminal.expect("in\n")
        terminal.ends(0)
    assert ssh_home.known_hosts.exists()


# ---------------------------------------------------------------- files


def test_files(rhdesk: Any, ssh_cluster: SshCluster, short_path: Path) -> None:
    source = short_path / "data"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "a.txt").write_text("a")
    (source / "b.txt").write_text("b")
    (source / "away").symlink_to("/etc")
    there, back = short_path / "there", short_path / "back"
    sent = rhdesk("send", "lab", str(source), str(there))
    assert "Sent 2 files" in sent.err
    assert f"Left out: {source}/away" in sent.err
    assert (there / "data" / "deep" / "a.txt").read_text() == "a"
    answer = rhdesk("send", "lab", f"{source}/", str(there / "data"), "--json").json()
    assert (answer["files"], answer["unchanged"]) == (0, 2)
    assert rhdesk("fetch", "lab", str(there / "data"), str(back), "--json").json()["files"] == 2
    assert (back / "data" / "b.txt").read_text() == "b"
    assert "There is no /nowhere" in rhdesk("fetch", "lab", "/nowhere", str(back), code=1).err
    assert "There is no" in rhdesk("send", "lab", "/nowhere", "x", code=1).err
    assert "missing" in rhdesk("send", "lab", str(source), code=2).err
    assert "Nothing says where to" in rhdesk("send", "lab", code=2).err


# ---------------------------------------------------------------- ports


@contextmanager
def web_server() -> Iterator[int]:
    class Hello(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("cluster", ["lab", "^local"])
def test_a_forward_until_ctrl_c(cluster: str, ssh_cluster: SshCluster) -> None:
    with web_server() as port:
        command = [*PROGRAM, "forward", cluster, f"0:{port}", "--json"]
        program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert program.stdout is not None
            text = ""
            while not text.endswith("}\n"):
                text += program.stdout.readline()
            said = json.loads(text)
            assert said["state"] == "open"
            assert urllib.request.urlopen(f"http://{said['local']}/", timeout=20).read() == b"hello"
            program.send_signal(signal.SIGINT)
            assert program.wait(30) == 0
        finally:
            program.kill()
            program.communicate()


def test_a_forward_from_a_taken_port(rhdesk: Any, ssh_cluster: SshCluster) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = rhdesk("forward", "lab", f"{port}:80", code=1)
    assert f"Port {port} of this computer is taken." in refused.err
    assert "is no forward" in rhdesk("forward", "lab", "x:y:z", code=2).err


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("8888", (8888, "127.0.0.1", 8888)),
        ("9000:8888", (9000, "127.0.0.1", 8888)),
        ("db:5432", (5432, "db", 5432)),
        ("0:db:5432", (0, "db", 5432)),
        ("[fe80::1]:80", (80, "fe80::1", 80)),
        ("1:[fe80::1]:80", (1, "fe80::1", 80)),
    ],
)
def test_how_forwards_are_written(text: str, meant: tuple[int, str, int]) -> None:
    assert parse_ports(text) == meant


@pytest.mark.parametrize("text", ["", "x", ":", "1:", "a:b:1", "0", "70000", "1:2:3:4x", "-1", "db:"])
def test_what_is_no_forward(text: str) -> None:
    with pytest.raises(UsageError):
        parse_ports(text)


# ---------------------------------------------------------------- the whole life


@pytest.mark.slow
def test_the_life_of_a_cluster(rhdesk: Any, bare_cluster: SshCluster, make_project: Callable[..., Path]) -> None:
    project = make_project({"work.py": CODE})
    assert rhdesk("status", "bare", "--json").json()["state"] == "down"
    assert "is not up" in rhdesk("runs", "--on", "bare", code=1).err
    up = rhdesk("up", "bare")
    try:
        assert "Installed rhdesk" in up.err
        assert "~/bare is up." in up.err
        assert rhdesk("run", "work.py:tick", "--on", "bare", cwd=project).out == "3\n"
        assert "runs rhdesk" in rhdesk("upgrade", "bare").err
        assert "is part of the cluster" in rhdesk("repair", "bare").err
        run = rhdesk("run", "work.py:tick", "1000", "--on", "bare", "--detach", cwd=project).out.strip()
        assert "would be ended" in rhdesk("down", "bare", code=2).err
    finally:
        down = rhdesk("down", "bare", "--yes", "--json").json()
    assert down == {"name": "~/bare", "was_up": True, "ended_runs": [run]}
    assert "was not up" in rhdesk("down", "bare").err
    assert not [name for name in os.listdir(bare_cluster.home / "server") if name == "server.json"]
