"""An old folder of Runhouse: `rh/<name>/config.json`, and where its settings are. It is read and never changed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rhresources.errors import DocumentError, UsageError
from rhresources.stores.files import disk_error, read_text

_CONFIG = "config.json"
_SETTINGS = "config.yaml"


@dataclass(frozen=True, slots=True)
class OldResource:
    """One file of a resource.

    Attributes:
        path: the file.
        name: what Runhouse calls it, `clusters/gpu` without the `~/`.
        config: what it says; empty where it cannot be read.
        problem: why it cannot be read, as a sentence.
    """

    path: Path
    name: str
    config: Mapping[str, Any]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class OldFolder:
    """What was found.

    Attributes:
        project: what paths of the resources start from; None: not known.
        resources: by name.
        settings: Runhouse's config.yaml; None: there is none.
    """

    project: Path | None
    resources: tuple[OldResource, ...]
    settings: Path | None


def find(folder: Path) -> OldFolder:
    """What Runhouse left in a project, in its `rh` folder, in a copy of that, or in `~/.rh`.

    Raises:
        UsageError: `folder` is no folder.
    """
    folder = Path(os.path.normpath(folder.expanduser().absolute()))
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.", remedy="Name the folder that has `rh` in it, or `rh` itself.")
    inside = folder / "rh"
    is_runhouse_s = inside.is_dir() or folder.name == "rh"
    root = inside if inside.is_dir() else folder
    resources = tuple(_resources(root, is_runhouse_s))
    settings = next((file for file in (folder / _SETTINGS, Path.home() / ".rh" / _SETTINGS) if file.is_file()), None)
    return OldFolder(root.parent if is_runhouse_s else None, resources, settings)


def _resources(root: Path, is_runhouse_s: bool) -> list[OldResource]:
    found = []
    for directory, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "node_modules")
        at = Path(directory)
        if _CONFIG not in files or at == root:
            continue
        name = at.relative_to(root).as_posix()
        resource = _read(at / _CONFIG, name)
        # elsewhere many programs have a config.json
        if is_runhouse_s or "resource_type" in resource.config:
            found.append(resource)
    return found


def _read(path: Path, name: str) -> OldResource:
    try:
        text, _ = read_text(path, str(path))
        config = json.loads(text)
    except DocumentError as error:
        return OldResource(path, name, {}, error.sentence)
    except OSError as error:
        return OldResource(path, name, {}, str(disk_error(f"{path} cannot be read", error)))
    except json.JSONDecodeError as error:
        why = f"{error.msg[:1].lower()}{error.msg[1:]}".removesuffix(" at")
        return OldResource(path, name, {}, f"{path}, line {error.lineno}: this is not JSON: {why}.")
    except (ValueError, RecursionError):
        return OldResource(path, name, {}, f"{path}: this JSON is too deep or has too long a number.")
    if not isinstance(config, dict):
        return OldResource(path, name, {}, f"{path}: this is not a resource of Runhouse, but a list or a single value.")
    return OldResource(path, name, config)
