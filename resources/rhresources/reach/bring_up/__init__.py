"""From a bare host one can log in to, to a cluster server that runs there: Python, uv, the wheel, the process."""
