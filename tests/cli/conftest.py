"""How these tests run the real command."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.commands import RunCommand, run_command


@pytest.fixture
def rhdesk(tmp_path: Path) -> RunCommand:
    """Runs the command line in this test's home."""
    return run_command(tmp_path)
