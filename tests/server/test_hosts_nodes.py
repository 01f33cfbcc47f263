"""The program of a host that is not the head: what it says where it cannot join, and how it ends."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.hosts import Network
from lab.server_hosts import ServerHosts, server_hosts

from rhserver.engine import ray_tls

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture
def hosts(lab_network: Network) -> Iterator[ServerHosts]:
    """A head that runs, and one host that has not joined."""
    with server_hosts(lab_network, 2) as found:
        found.start_head()
        yield found


def heard_from(ip: str, port: str, certificates: Path | None) -> bytes:
    """What a gRPC port says first to a client with, or without, a certificate of the cluster."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if certificates is not None:
        context.load_cert_chain(certificates / "host.pem", certificates / "host.key")
    try:
        with socket.create_connection((ip, int(port)), 5) as plain, context.wrap_socket(plain) as wrapped:
            wrapped.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\4" + bytes(5))
            return wrapped.recv(1000)
    except OSError:
        return b""


def test_every_open_port_asks_for_a_certificate_of_the_cluster(hosts: ServerHosts, tmp_path: Path) -> None:
    hosts.join(2)
    token = (hosts.home(1) / "ray-token").read_text()
    own, others = tmp_path / "own", tmp_path / "others"
    for folder, of in ((own, token), (others, "ab" * 32)):
        folder.mkdir()
        ray_tls.write_certificates(folder, of, hosts.network.address)
    for host in hosts.hosts:
        listening = [line.split()[3] for line in host.run("ss", "-ltnH").splitlines()]
        ports = [port for address, _, port in (each.rpartition(":") for each in listening) if address != host.ip]
        assert len(ports) >= 2  # Ray's; its runtime environment agent listens at the address alone
        for port in ports:
            assert ray_tls.is_of_cluster(f"{host.ip}:{port}", token, 5)
            assert not ray_tls.is_of_cluster(f"{host.ip}:{port}", "ab" * 32, 5)
            assert heard_from(host.ip, port, own)
            assert not heard_from(host.ip, port, others)
            assert not heard_from(host.ip, port, None)


def test_a_node_that_cannot_join_says_why(hosts: ServerHosts) -> None:
    head = hosts.hosts[0].ip
    said = hosts.join(2, head=f"{head}:1")
    assert (said["state"], said["sentence"]) == (
        "failed", f"node2 cannot reach the head at {head}:1: nothing listens there.",
    )  # fmt: skip
    said = hosts.join(2, token="ab" * 32)
    address = json.loads((hosts.home(1) / "ray.json").read_text())["address"]
    assert (said["state"], said["sentence"]) == (
        "failed", f"The token that node2 was given is not that of the cluster at {address}.",
    )  # fmt: skip
    hosts.until_nothing_runs(2)


def test_a_killed_node_program_leaves_its_ray_to_the_next_one(hosts: ServerHosts) -> None:
    assert hosts.join(2)["state"] == "joined"
    record = hosts.home(2) / "ray-node.json"
    before = json.loads(record.read_text())
    hosts.kill(2, "node.json")
    assert hosts.join(2)["state"] == "joined"
    assert json.loads(record.read_text()) == before
    hosts.kill(2, "node.json", "TERM")
    hosts.until_nothing_runs(2)
    assert not (hosts.home(2) / "node.json").exists()


def test_a_second_node_program_of_the_same_home_is_refused(hosts: ServerHosts) -> None:
    hosts.join(2)
    pid = hosts.node(2, "joined")["pid"]  # type: ignore[index]
    hosts.join(2, wait=False)
    deadline = time.monotonic() + 30
    while f"A part of a cluster already runs on {hosts.home(2)} (process {pid})." not in hosts.log(2):
        assert time.monotonic() < deadline, hosts.log(2)
        time.sleep(0.1)


def test_a_node_whose_head_is_gone_ends_and_says_so(hosts: ServerHosts) -> None:
    hosts.join(2, RAY_gcs_rpc_server_reconnect_timeout_s="3")
    head = f"{hosts.hosts[0].ip}:"
    hosts.hosts[0].power_off()
    deadline = time.monotonic() + 90
    while (said := hosts.node(2, "failed")) is None:
        assert time.monotonic() < deadline, hosts.log(2)
        time.sleep(0.2)
    assert said["sentence"].startswith(f"The head {head}")
    assert " is gone: " in said["sentence"]
    assert said["detail"]
    hosts.until_nothing_runs(2)
