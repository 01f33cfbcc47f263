"""What activating a conda environment would set, found out once, for workers that are started without a shell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

from rhserver.environments.installer import Installer

_NOT_KEPT = frozenset({"PATH", "PWD", "OLDPWD", "SHLVL", "_", "CONDA_PREFIX", "CONDA_SHLVL", "CONDA_DEFAULT_ENV"})
_SOURCE = 'for script in "$CONDA_PREFIX"/etc/conda/activate.d/*.sh; do . "$script"; done >&2; exec env -0'


async def note_variables(prefix: Path, asked: Mapping[str, str], folder: Path, installer: Installer) -> None:
    """Write the variables of the environment at `prefix` into its `conda-meta/state`, where conda keeps such.

    Args:
        prefix: the whole environment.
        asked: what its environment file sets.
        folder: where scripts run.
        installer: of this environment.
    """
    found: dict[str, str] = {}
    if await asyncio.to_thread(_has_scripts, prefix):
        before, after = bytearray(), bytearray()  # a host's variables may hold secrets: never in files
        shell = "bash" if Path("/bin/bash").exists() else "sh"
        await installer.run("env", "-0", folder=folder, silent=True, output=before)
        if await installer.run(shell, "-c", _SOURCE, folder=folder, output=after) == 0:
            found = _difference(before, after)
    if found or asked:
        state = {"version": 1, "env_vars": {**found, **asked}}
        await asyncio.to_thread((prefix / "conda-meta" / "state").write_text, json.dumps(state), "utf-8")


def _has_scripts(prefix: Path) -> bool:
    return any((prefix / "etc" / "conda" / "activate.d").glob("*.sh"))


def _difference(before: bytearray, after: bytearray) -> dict[str, str]:
    old, new = _read(before), _read(after)
    return {name: value for name, value in new.items() if old.get(name) != value and name not in _NOT_KEPT}


def _read(said: bytearray) -> dict[str, str]:
    pairs = (entry.partition("=") for entry in said.decode("utf-8", "replace").split("\0") if entry)
    return {name: value for name, _, value in pairs}
