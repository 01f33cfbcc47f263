"""The emulated EC2 by itself; that SkyPilot lives on it, unchanged, the tests of clusters on demand show."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.clouds.aws import AwsLab

pytestmark = [pytest.mark.clouds, pytest.mark.slow, pytest.mark.timeout(1200)]

CALL_OUT = """
import socket
for address in ("192.0.2.1", "169.254.169.254"):
    try:
        socket.create_connection((address, 80), 3)
    except OSError as error:
        print(error)
"""


def test_no_way_leads_out_of_the_lab(aws: AwsLab, tmp_path: Path) -> None:
    python = aws.python(tmp_path / "bin")
    done = subprocess.run([str(python), "-c", CALL_OUT], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.stdout.count("unreachable") == 2, done
    assert "default" not in aws.at_switch("ip", "route")
