"""The library with a cluster over SSH: made from parameters, brought up by its first use, hosts, files and ports."""

from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.ssh_cluster import SshCluster
from lab.ssh_fixtures import SshHome

import rhdesk as rh
from rhresources.errors import DocumentError, NotFound, UsageError
from rhresources.library import portal

pytestmark = pytest.mark.ray


@pytest.fixture(autouse=True)
def _own_portal() -> Iterator[None]:
    yield
    portal.close()


@pytest.fixture
def lab(ssh_cluster: SshCluster) -> rh.Cluster:
    creds = ssh_cluster.document.ssh_creds
    return rh.cluster(
        "~/made",
        ips=ssh_cluster.document.ips,
        ssh_creds={"ssh_port": creds.ssh_port, "ssh_private_key": creds.ssh_private_key},
        log_in="key",
        price_per_hour=1.5,
    )


def test_what_parameters_say(rh_home: Path) -> None:
    made = rh.cluster(
        "~/x", ips=["gpu1"], ssh_creds={"ssh_user": "alice"}, log_in="agent", python="3.12", wheels="/w", dryrun=True
    )
    document = made.document()
    assert (document.type, document.ips, document.ssh_creds.ssh_user) == ("ssh", ["gpu1"], "alice")
    assert (document.ssh_creds.log_in, document.python, document.wheels) == ("agent", "3.12", "/w")
    made.save()
    again = rh.cluster("~/x", log_in="password", dryrun=True)
    assert again.document().ssh_creds.log_in == "password"
    assert again.document().ssh_creds.ssh_user == "alice"
    with pytest.raises(DocumentError, match="keyring"):
        rh.cluster("~/y", ips=["gpu1"], ssh_creds={"password": "x"}, dryrun=True)
    with pytest.raises(UsageError, match="only described"):
        made.ssh("true")


def test_that_it_is_a_cluster_like_any_other(lab: rh.Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab.is_up()
    assert lab.run("echo $((40 + 2))", stream_logs=False) == [(0, "42\n", "")]
    assert lab.run_python("print(6 * 7)", stream_logs=False)[0][1] == "42\n"
    lab.put("ssh-key", {"a": 1})
    assert lab.get("ssh-key") == {"a": 1}
    assert lab.delete("ssh-key") == ["ssh-key"]
    assert lab.status()["state"] == "up"
    shout = rh.function(lambda text: text.upper(), system=lab)
    assert shout("hello") == "HELLO"
    steps = lab.check()
    assert {"done"} >= {step.state for step in steps if step.name in ("reach", "log in", "forwarding")}
    assert "log in done" in capsys.readouterr().err


def test_commands_and_files(lab: rh.Cluster, short_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab.ssh("echo there; exit 3") == 3
    assert capsys.readouterr().out == "there\n"
    assert lab.ssh_command()[0] == "ssh"
    source = short_path / "data"
    source.mkdir()
    (source / "a.txt").write_text("a")
    assert lab.send(source, str(short_path / "there")).files == 1
    assert lab.rsync(source, str(short_path / "there" / "data"), contents=True).unchanged == 1
    assert lab.rsync(str(short_path / "there" / "data"), short_path / "back", up=False).files == 1
    assert (short_path / "back" / "data" / "a.txt").read_text() == "a"
    with pytest.raises(NotFound):
        lab.fetch("/nowhere", short_path)


def test_tunnels(lab: rh.Cluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=_greet, args=(server,), daemon=True).start()
        with lab.ssh_tunnel(0, port) as tunnel:
            assert tunnel.remote_port == port
            with socket.create_connection(("127.0.0.1", tunnel.local_port), 20) as connection:
                assert connection.recv(100) == b"hello"
            with pytest.raises(rh.RhError, match="is taken"):
                lab.ssh_tunnel(tunnel.local_port, port)
            other = lab.ssh_tunnel(tunnel.local_port, port, num_ports_to_try=20)
            assert tunnel.local_port < other.local_port <= tunnel.local_port + 20
            other.close()
            other.close()
        with pytest.raises(OSError):  # noqa: PT011 - refused or reset, as the system has it
            socket.create_connection(("127.0.0.1", tunnel.local_port), 5).close()


def _greet(server: socket.socket) -> None:
    try:
        while True:
            connection, _ = server.accept()
            connection.sendall(b"hello")
            connection.close()
    except OSError:
        pass


def test_that_nobody_is_asked_without_a_terminal(lab: rh.Cluster, ssh_home: SshHome) -> None:
    ssh_home.known_hosts.unlink()
    with pytest.raises(rh.RhError, match="is not known here") as error:
        lab.is_up()
    assert error.value.code == "needs-answer"


@pytest.mark.slow
def test_that_the_first_use_brings_it_up(bare_cluster: SshCluster) -> None:
    bare = rh.load("~/bare")
    assert not bare.is_up()
    try:
        assert bare.run("echo up", stream_logs=False) == [(0, "up\n", "")]
        assert bare.is_up()
        assert bare.upgrade() is bare
    finally:
        bare.down(stop_runs=True)
    assert not bare.is_up()


@pytest.mark.slow
def test_a_notebook_over_ssh(lab: rh.Cluster) -> None:
    lab.save("~/notebooks")
    _try_notebook("~/notebooks")


@pytest.mark.slow
def test_a_notebook_here(at_server: Any) -> None:
    _try_notebook("^local")


def _try_notebook(name: str) -> None:
    """JupyterLab, from the package index."""
    there = rh.load(name)
    url = there.notebook(open_browser=False)
    base, _, token = url.partition("/lab?token=")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{base}/api/status", timeout=30)
    assert refused.value.code == 403
    request = urllib.request.Request(f"{base}/api/status", headers={"Authorization": f"token {token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200
    (run,) = [run for run in there.runs() if run.name == "notebook" and run.state == "running"]
    assert token not in "".join(there.logs(run.id))
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert token.encode() not in line.read_bytes()
        except OSError:
            continue
    portal.close()  # the program ends, and the notebook with it
    again = rh.load(name)
    list(again.logs(run.id, follow=True))
    assert again.runs()[0].state == "cancelled"
