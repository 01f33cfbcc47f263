"""Sets the clock of every Python program that has this folder on its PYTHONPATH, and of those that it starts.

Only the clock that people set: the steady ones go on as ever, as they do on a computer whose clock is set. (libfaketime
would reach all programs; but with the steady clocks left alone it breaks `time.sleep`.)
"""

from __future__ import annotations

import os
import time

wrong_by = int(os.environ.get("RHDESK_CLOCK_WRONG_BY", "0"))
true_time, true_time_ns = time.time, time.time_ns

if wrong_by:
    time.time = lambda: true_time() + wrong_by
    time.time_ns = lambda: true_time_ns() + wrong_by * 1_000_000_000
