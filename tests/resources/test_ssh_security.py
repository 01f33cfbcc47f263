"""What an attacker would try on the way to a host, beside what the tests of each part hold."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from rhresources.documents import parse_document
from rhresources.errors import DocumentError
from rhresources.reach.ssh.known_hosts import lookup


def blob(text: str) -> bytes:
    """Something of the form of a key."""
    return b"\0\0\0\x0bssh-ed25519" + text.encode()


def line(names: str, key: bytes) -> str:
    """A line of known_hosts."""
    return f"{names} ssh-ed25519 {base64.b64encode(key).decode()}\n"


def test_that_the_key_of_another_port_does_not_pass_for_a_known_one(tmp_path: Path) -> None:
    """As OpenSSH: the bare name counts for a port only where nothing is known of that port."""
    file = tmp_path / "known_hosts"
    host, container = blob("host"), blob("container")
    file.write_text(line("gpu1", host))
    assert lookup((str(file),), "gpu1", 2222).verdict(host)[0] == "known"
    assert lookup((str(file),), "gpu1", 2222).verdict(container)[0] == "unknown"
    file.write_text(line("gpu1", host) + line("[gpu1]:2222", container))
    assert lookup((str(file),), "gpu1", 2222).verdict(container)[0] == "known"
    assert lookup((str(file),), "gpu1", 2222).verdict(host)[0] == "changed"
    assert lookup((str(file),), "gpu1").verdict(container)[0] == "changed"


@pytest.mark.parametrize(
    "host",
    ["fe80::1%eth0;id", "fe80::1%$(id)", "fe80::1%a b", "::1%a\nb", "-oProxyCommand=id", "a;b", "a b", "*", "a,b"],
)
def test_that_a_host_in_a_document_is_nothing_but_a_host(host: str) -> None:
    """Hosts come into known_hosts, into commands of the configuration and onto command lines."""
    with pytest.raises(DocumentError, match="not the name or address of a host"):
        parse_document({"kind": "cluster", "type": "ssh", "ips": [host]})
    with pytest.raises(DocumentError):
        parse_document({"kind": "cluster", "type": "ssh", "ips": ["gpu1"], "ssh_creds": {"proxy_jump": f"a@[{host}]"}})


def test_that_zones_of_ipv6_are_hosts_all_the_same() -> None:
    document = parse_document({"kind": "cluster", "type": "ssh", "ips": ["fe80::1%eth0.100", "::1"]})
    assert document.ips == ["fe80::1%eth0.100", "::1"]  # type: ignore[union-attr]
