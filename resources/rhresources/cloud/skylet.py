"""What SkyPilot's own daemon on a host, the skylet, is told: that the cluster is not idle. It cannot see our runs.

The program runs on the head host, by the Python that SkyPilot installed there, and marks activity for every line that
it gets. It is kept while there is something to mark, because it takes seconds of processor time to start.
"""

from __future__ import annotations

import shlex

PYTHON_FILE = ".sky/python_path"
"""Where SkyPilot writes down its Python; below $SKY_RUNTIME_DIR, else the home directory."""

MARK_SECONDS = 20.0
"""Between marks. The skylet counts whole minutes and looks every minute, so one a minute would be one too few."""

PROGRAM = """
import sys
from sky.skylet import autostop_lib
for line in sys.stdin:
    autostop_lib.set_last_active_time_to_now()
"""

SHELL_COMMAND = (
    f'p="${{SKY_RUNTIME_DIR:-$HOME}}/{PYTHON_FILE}"; [ -s "$p" ] || '
    '{ echo "There is no SkyPilot." >&2; exit 3; }; '
    f'cd && unset PYTHONPATH && exec nice -n 5 "$(cat "$p")" -c {shlex.quote(PROGRAM)}'
)
"""The program, for a shell on the head; code 3 where there is no SkyPilot."""
