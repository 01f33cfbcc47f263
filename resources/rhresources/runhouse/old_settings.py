"""Runhouse's settings. Its `~/.rh/config.yaml` is rhdesk's file of settings too, unless `$RH_HOME` says otherwise.

Both programs read one flat mapping and leave keys alone that are not theirs, and the four that both know mean the same.
So in the usual place there is nothing to copy, only to say.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rhresources.documents import yaml
from rhresources.errors import DocumentError, RhError
from rhresources.settings import Settings, settings_file
from rhresources.stores.files import disk_error, read_text

_OF_BOTH = ("default_provider", "default_autostop", "use_spot")
_ITS_SERVER = "https://api.run.house"
_ITS_OWN = (
    "api_server_url", "dashboard_url", "use_local_configs", "use_rns", "disable_data_collection", "autosave",
    "disable_observability", "launcher", "default_pool", "default_ssh_key",
)  # fmt: skip


@dataclass(slots=True)
class SettingsImport:
    """What became of the settings.

    Attributes:
        path: Runhouse's file.
        is_ours: whether it is rhdesk's file as well.
        taken: what was (or would be) set here.
        left: sentences about what was not.
    """

    path: Path
    is_ours: bool = False
    taken: dict[str, Any] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def import_settings(
    path: Path, home: Path | None = None, *, overwrite: bool = False, dry_run: bool = False
) -> SettingsImport:
    """Take over the settings that both know. Secrets never are; the old file is not changed.

    Args:
        path: Runhouse's config.yaml.
        home: the rhdesk directory.
        overwrite: also those that are set here already.
        dry_run: write nothing.
    """
    ours = settings_file(home)
    found = SettingsImport(path, _is_same(path, ours))
    try:
        old = _values(path)
    except DocumentError as error:
        found.left.append(error.sentence)
        return found
    if not found.is_ours:
        _take(found, old, ours, home, overwrite, dry_run)
    _say(found, old)
    return found


def _take(
    found: SettingsImport, old: Mapping[str, Any], ours: Path, home: Path | None, overwrite: bool, dry_run: bool
) -> None:
    try:
        present = _values(ours) if ours.is_file() else {}
    except DocumentError as error:
        found.left.append(f"The settings were not carried over: {error.sentence}")
        return
    for name in _OF_BOTH:
        if old.get(name) is None or present.get(name) == old[name]:
            continue
        if name in present and not overwrite:
            found.left.append(f"{name} was not carried over: it is set here already, to {present[name]}.")
            continue
        try:
            if dry_run:
                Settings.model_validate({name: old[name]})
            else:
                Settings.change(home, **{name: old[name]})
        except RhError as error:
            found.left.append(f"{name} was not carried over: {error.sentence}")
        except ValueError:
            found.left.append(f"{name} was not carried over: it is not a value for this setting.")
        else:
            found.taken[name] = old[name]


def _say(found: SettingsImport, old: Mapping[str, Any]) -> None:
    folder = old.get("default_folder")
    if isinstance(folder, str) and folder.startswith(("/", "@")):
        if found.is_ours:
            found.left.append(
                f"default_folder is {folder[:60]}, so names without a folder are in a registry: log in to one with "
                "`rhdesk login`, or set default_folder to '~'."
            )
        else:
            found.left.append(f"default_folder was not carried over: {folder[:60]} is a folder of Runhouse's server.")
    secrets = [name for name in ("token", "secrets") if old.get(name)]
    if secrets:
        said = " and ".join(secrets)
        found.left.append(
            f"{said} in it is Runhouse's: rhdesk leaves it there and does not use it."
            if found.is_ours
            else f"{said} was not carried over: `rhdesk login` and `rhdesk credentials` keep those in the keyring."
        )
    own = [name for name in _ITS_OWN if old.get(name) not in (None, "", False, _ITS_SERVER)]
    if own and not found.is_ours:
        found.left.append(f"{', '.join(own)} was not carried over: only Runhouse has use for it.")


def _values(path: Path) -> Mapping[str, Any]:
    try:
        text, _ = read_text(path, str(path))
    except OSError as error:
        raise DocumentError(str(disk_error(f"{path} cannot be read", error))) from None
    value = yaml.load(text, source=str(path)).value
    if value is not None and not isinstance(value, Mapping):
        raise DocumentError(f"{path}: this is not a mapping of settings.")
    return value or {}


def _is_same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
