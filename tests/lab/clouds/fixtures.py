"""Fixtures: clouds, started once for all tests that use them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from lab.clouds.downloads import node_python
from lab.rights import has_many_users, program, why_no_hosts

if TYPE_CHECKING:
    from lab.clouds.aws import AwsLab


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
    return ""


@pytest.fixture(scope="session")
def aws_lab() -> Iterator[AwsLab]:
    """An EC2 whose instances run. Tests use `aws`."""
    if reason := why_no_clouds("sudo", "rsync", "pivot_root"):
        pytest.skip(reason)
    from lab.clouds.aws import AwsLab

    with AwsLab() as lab:
        yield lab


@pytest.fixture
def aws(aws_lab: AwsLab) -> Iterator[AwsLab]:
    """The same EC2 for every test, with nothing left running by the one before."""
    yield aws_lab
    aws_lab.end_all()
