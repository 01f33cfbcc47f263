"""What a cluster server keeps, and how many workers it may start."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds, by the names that the settings have. Sizes are bytes; `max_workers` 0 means by the host's processors."""

    max_workers: int = 0
    worker_idle_seconds: int = 300
    runs_kept: int = 1000
    runs_kept_days: int = 30
    run_storage_limit: int = 5 * 1024**3
    code_storage_limit: int = 5 * 1024**3
    environment_kept_days: int = 30
    environment_storage_limit: int = 50 * 1024**3
    upload_kept_seconds: int = 3600

    def workers(self) -> int:
        """How many workers there may be at once."""
        return self.max_workers or max(16, 8 * (os.cpu_count() or 2))
