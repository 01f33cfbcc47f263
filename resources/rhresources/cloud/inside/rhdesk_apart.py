"""Part of SkyPilot's API server: the user's own `sky` and ours do not get into each other's way.

SKY_RUNTIME_DIR moves SkyPilot's databases, and little else. The rest of ~/.sky and all of ~/sky_logs would be shared: a
server that starts removes the logs of requests in there, another version's wheels and logs that are a month old, and
writes its own identity over the user's. So both are kept in a directory of ours, but for what the user writes for
SkyPilot to read: that counts for ours too. The clouds' own files (~/.aws, ~/.config/gcloud, ~/.kube, …) are shared.
"""

from __future__ import annotations

import os
import pathlib
import sys
from typing import Any

_MOVED = ("~/.sky", "~/sky_logs")
_OF_USER = (
    "~/.sky/config.yaml", "~/.sky/ssh_node_pools.yaml", "~/.sky/ssh_node_pools_info", "~/.sky/ssh_keys",
    "~/.sky/remote_plugins.yaml", "~/.sky/plugins", "~/.sky/huggingface",
)  # fmt: skip

_expanduser = os.path.expanduser


def keep_apart(folder: str) -> None:
    """In a process of SkyPilot's, before it does anything; what it imported already is mended.

    Args:
        folder: where everything of SkyPilot's that is ours is kept; SKY_RUNTIME_DIR is its "state".
    """
    if getattr(os.path.expanduser, "of_rhdesk", False):
        return
    home, state = _expanduser("~"), os.path.join(folder, "state")

    def moved(path: str) -> str | None:
        """Where a path that begins with a tilde is in our directory; None: it is the user's."""
        if not any(_is_in(path, each) for each in _MOVED) or any(_is_in(path, each) for each in _OF_USER):
            return None
        return os.path.join(state, path[2:])

    def expanduser(path: Any) -> Any:
        found = moved(os.fspath(path)) if isinstance(path, str | os.PathLike) else None
        return _expanduser(path) if found is None else found

    expanduser.of_rhdesk = True  # type: ignore[attr-defined]
    os.path.expanduser = expanduser
    path_expanduser = pathlib.Path.expanduser

    def expanduser_of_path(self: pathlib.Path) -> pathlib.Path:
        found = moved(str(self))
        return path_expanduser(self) if found is None else type(self)(found)

    pathlib.Path.expanduser = expanduser_of_path  # type: ignore[method-assign,assignment]

    def mend(owner: Any) -> None:
        for name, value in list(vars(owner).items()):
            if isinstance(value, str | pathlib.Path) and _is_in(str(value), home):
                found = moved(f"~{str(value)[len(home) :]}")
                if found is not None:
                    setattr(owner, name, type(value)(found))

    from sky.utils import auth_utils, cluster_utils, common_utils

    helper = cluster_utils.SSHConfigHelper
    for module in [module for name, module in sys.modules.items() if name.partition(".")[0] == "sky"]:
        mend(module)
    mend(helper)
    common_utils.USER_HASH_FILE = os.path.join(folder, "user_hash")
    auth_utils._SSH_KEY_PATH_PREFIX = os.path.join(folder, "keys", "{user_hash}")
    # of every cluster it adds a line to ~/.ssh/config, and we have no need of that
    helper.ssh_conf_path = os.path.join(folder, "ssh", "config")
    helper.ssh_cluster_path = os.path.join(folder, "ssh", "{}")
    helper.ssh_cluster_key_path = os.path.join(folder, "ssh", "{}.key")


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
