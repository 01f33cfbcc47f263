"""A conda environment is made active in the process that runs there, as `conda activate` does in a shell.

Only the standard library is used here: the worker runs in the environment of the user's function.
"""

from __future__ import annotations

import json
import os
import sys


def activate() -> None:
    """Set the variables of the environment that this Python belongs to; none if it is not one of conda's."""
    prefix = sys.prefix
    records = os.path.join(prefix, "conda-meta")
    if not os.path.isdir(records):
        return
    os.environ["CONDA_PREFIX"] = prefix
    os.environ["CONDA_DEFAULT_ENV"] = prefix
    os.environ.pop("VIRTUAL_ENV", None)
    try:
        with open(os.path.join(records, "state"), encoding="utf-8") as file:
            variables = json.load(file)["env_vars"]
    except (OSError, ValueError, KeyError):
        return
    for name, value in variables.items():
        os.environ.setdefault(name, value)  # what the function or its host says counts more
