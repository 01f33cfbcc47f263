"""What is there before anybody saved anything."""

from __future__ import annotations

import pytest

from rhresources.documents import ClusterDocument, parse_document
from rhresources.errors import NotFound
from rhresources.names import Address
from rhresources.stores import builtin

RUNHOUSE = {
    "rh-cpu": "CPU:2+",
    "rh-8-cpu": "CPU:8+",
    "rh-32-cpu": "CPU:32+",
    "rh-gpu": "K80:1",
    "rh-4-gpu": "K80:4",
    "rh-8-gpu": "K80:8",
    "rh-v100": "V100:1",
    "rh-4-v100": "V100:4",
    "rh-8-v100": "V100:8",
}


def cluster(name: str) -> ClusterDocument:
    document = builtin.load(Address.parse(f"^{name}")).document
    assert isinstance(document, ClusterDocument)
    return document


def test_this_computer() -> None:
    assert cluster("local").type == "machine"
    assert builtin.entries()[0].name == "^local"


@pytest.mark.parametrize(("name", "instance"), RUNHOUSE.items())
def test_those_of_runhouse(name: str, instance: str) -> None:
    assert (cluster(name).type, cluster(name).instance_type) == ("cloud", instance)


@pytest.mark.parametrize("gpu", ["T4", "L4", "A10G", "L40S", "A100", "A100-80GB", "H100", "H200", "B200"])
def test_gpus_of_today_alone_and_eight_at_once(gpu: str) -> None:
    assert cluster(f"rh-{gpu.lower()}").instance_type == f"{gpu}:1"
    assert cluster(f"rh-8-{gpu.lower()}").instance_type == f"{gpu}:8"


def test_all_are_described_whole_and_read_only() -> None:
    for entry in builtin.entries():
        assert entry.require().description
        assert "\n" not in entry.require().description
        assert entry.read_only
        assert entry.modified == 0
        assert entry.path is None
        assert Address.parse(entry.name) == entry.address
        assert parse_document(entry.text) == entry.document
        assert builtin.exists(entry.address)


def test_none_of_that_name() -> None:
    with pytest.raises(NotFound, match=r"\^rh-tpu"):
        builtin.load(Address.parse("^rh-tpu"))
