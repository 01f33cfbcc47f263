"""This computer behind a real SSH server, as the cluster ~/lab; with the cluster server of the other tests, or bare."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.ssh_fixtures import SshHome, SshKeys
from lab.sshd import Sshd
from rhresources.documents import ClusterDocument, parse_document
from rhresources.resource_names import ResourceNames

INSTALLING = ("UV_", "PIP_", "SSL_CERT_", "REQUESTS_CA")
"""Variables (or how they begin) that installing needs on some machines; a log-in starts without them."""


@dataclass(frozen=True)
class SshCluster:
    """A cluster over SSH.

    Attributes:
        sshd: its only host.
        name: under which it is saved.
        document: what is saved.
        home: the RH_HOME there.
    """

    sshd: Sshd
    name: str
    document: ClusterDocument
    home: Path


def document_at(sshd: Sshd, key: Path, **fields: Any) -> ClusterDocument:
    """The document of a cluster of this one host, logged in to by this key."""
    said = {
        "kind": "cluster",
        "type": "ssh",
        "ips": [sshd.address],
        "ssh_creds": {"ssh_port": sshd.port, "ssh_private_key": str(key), "log_in": "key"},
        **fields,
    }
    document = parse_document(said)
    assert isinstance(document, ClusterDocument)
    return document


@pytest.fixture
def ssh_cluster(
    server: Any, make_sshd: Callable[..., Sshd], ssh_home: SshHome, ssh_keys: SshKeys, rh_home: Path
) -> SshCluster:
    """~/lab: a host whose key is known, on which the session's cluster server runs."""
    sshd = make_sshd(set_env={"RH_HOME": str(server.home)})
    ssh_home.knows(sshd)
    document = document_at(sshd, ssh_keys.plain)
    ResourceNames(rh_home).save("~/lab", document)
    return SshCluster(sshd, "~/lab", document, server.home)


@pytest.fixture
def bare_cluster(
    make_sshd: Callable[..., Sshd], ssh_home: SshHome, ssh_keys: SshKeys, rh_home: Path, short_path: Path
) -> Iterator[SshCluster]:
    """~/bare: a host on which nothing is installed and nothing runs."""
    needed = {name: value for name, value in os.environ.items() if name.startswith(INSTALLING)}
    home = short_path / "bare"
    sshd = make_sshd(set_env={**needed, "RH_HOME": str(home)})
    ssh_home.knows(sshd)
    document = document_at(sshd, ssh_keys.plain)
    ResourceNames(rh_home).save("~/bare", document)
    yield SshCluster(sshd, "~/bare", document, home)
    shutil.rmtree(home, ignore_errors=True)
