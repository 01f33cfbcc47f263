"""Fixtures: clouds, started once for all tests that use them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from lab.clouds.downloads import node_python
from lab.clouds.machine import why_no_machines
from lab.rights import has_many_users, program, why_no_hosts

if TYPE_CHECKING:
    from lab.clouds.aws import AwsLab
    from lab.clouds.lab import CloudLab
    from lab.clouds.slurm import SlurmLab

Lab = TypeVar("Lab", bound="CloudLab")


def why_no_clouds(*programs: str) -> str:
    """Why there can be no lab with these programs here; empty: there can."""
    if reason := why_no_hosts():
        return reason
    if not has_many_users():
        return "clouds need root: their hosts have users of their own"
    if missing := [name for name in programs if program(name) is None]:
        return f"this cloud needs {', '.join(missing)}"
    try:
        node_python()
    except RuntimeError as error:
        return str(error)
    return why_no_machines()


@pytest.fixture(scope="session")
def aws_lab() -> Iterator[AwsLab]:
    """An EC2 whose instances run. Tests use `aws`."""
    reason = why_no_clouds("sudo", "rsync", "patch", "pivot_root")
    from lab.clouds.aws import AwsLab, why_no_network

    if reason := reason or why_no_network():
        pytest.skip(reason)
    with AwsLab() as lab:
        yield lab


@pytest.fixture
def aws(aws_lab: AwsLab) -> Iterator[AwsLab]:
    """The same EC2 for every test, with nothing left running by the one before."""
    yield aws_lab
    aws_lab.end_all()


@pytest.fixture
def at_aws(aws: AwsLab, rh_home: Path, short_path: Path, monkeypatch: pytest.MonkeyPatch) -> AwsLab:
    """This process as a user who has that cloud set up, and no server of SkyPilot yet."""
    return _live_at(aws, short_path, monkeypatch)


@pytest.fixture
def at_slurm(slurm: SlurmLab, rh_home: Path, short_path: Path, monkeypatch: pytest.MonkeyPatch) -> SlurmLab:
    """This process as a user who has that Slurm set up, and no server of SkyPilot yet."""
    return _live_at(slurm, short_path, monkeypatch)


def _live_at(lab: Lab, folder: Path, patch: pytest.MonkeyPatch) -> Lab:
    lab.write_home(Path.home())
    for name, value in lab.environment(folder / "skypilot").items():
        patch.setenv(name, value)
    return lab


@pytest.fixture(scope="session")
def slurm() -> Iterator[SlurmLab]:
    """A Slurm of two nodes."""
    if reason := why_no_clouds("slurmctld", "slurmd", "srun", "munged", "rsync", "curl", "pivot_root"):
        pytest.skip(reason)
    from lab.clouds.slurm import SlurmLab

    with SlurmLab() as lab:
        yield lab
