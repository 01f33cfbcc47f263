"""What SkyPilot's own daemon on a host, the skylet, is told: that the cluster is not idle. It cannot see our runs.

The program runs on the head host, by the Python that SkyPilot installed there, and marks activity for every line that
it gets. It is kept while there is something to mark, because it takes seconds of processor time to start.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

PYTHON_FILE = ".sky/python_path"
"""Where SkyPilot writes down its Python; below its directory on the host."""


def directory_on_host() -> Path:
    """SkyPilot's directory on this host, found as SkyPilot finds it. In a job of Slurm it is on the node's own disk."""
    given, job = os.environ.get("SKY_RUNTIME_DIR"), os.environ.get("SKY_CLUSTER_NAME")
    return Path(given).expanduser() if given else Path("/tmp", job) if job else Path.home()


MARK_SECONDS = 20.0
"""Between marks. The skylet counts whole minutes and looks every minute, so one a minute would be one too few."""

PROGRAM = """
import sys
from sky.skylet import autostop_lib
for line in sys.stdin:
    autostop_lib.set_last_active_time_to_now()
"""

SHELL_COMMAND = (
    'd="${SKY_RUNTIME_DIR:-${SKY_CLUSTER_NAME:+/tmp/$SKY_CLUSTER_NAME}}"; export SKY_RUNTIME_DIR="${d:-$HOME}"; '
    f'p="$SKY_RUNTIME_DIR/{PYTHON_FILE}"; [ -s "$p" ] || '
    '{ echo "There is no SkyPilot." >&2; exit 3; }; '
    f'cd && unset PYTHONPATH && exec nice -n 5 "$(cat "$p")" -c {shlex.quote(PROGRAM)}'
)
"""The program, for a shell on the head; code 3 where there is no SkyPilot."""
