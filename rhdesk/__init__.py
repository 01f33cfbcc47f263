"""rhdesk: remote Python compute as a library, a command line and a desktop application.

    import rhdesk as rh

    f = rh.function(train, system="^local", reqs=["./"])
    f(1, 2)

Names are loaded when they are first used, so that importing this costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rhresources.errors import (
        ClusterDown,
        ConnectionLost,
        InstallError,
        NotFound,
        RemoteError,
        RhError,
        RunCancelled,
        RunLost,
    )
    from rhresources.library.cluster import Cluster, cluster
    from rhresources.library.function import Function, function
    from rhresources.library.on_demand import ondemand_cluster
    from rhresources.library.package import GitPackage, Package, git_package, package
    from rhresources.library.toplevel import (
        current_folder,
        exists,
        get,
        load,
        login,
        logout,
        resources,
        set_folder,
        unset_folder,
    )

    send = function
    __version__: str

_HOMES = {
    "cluster": ("Cluster", "cluster"),
    "function": ("Function", "function"),
    "on_demand": ("ondemand_cluster",),
    "package": ("GitPackage", "Package", "git_package", "package"),
    "toplevel": (
        "current_folder",
        "exists",
        "get",
        "load",
        "login",
        "logout",
        "resources",
        "set_folder",
        "unset_folder",
    ),
}
_PLACES = {name: (f"rhresources.library.{module}", name) for module, names in _HOMES.items() for name in names}
_PLACES |= {
    name: ("rhresources.errors", name)
    for name in (
        "ClusterDown",
        "ConnectionLost",
        "InstallError",
        "NotFound",
        "RemoteError",
        "RhError",
        "RunCancelled",
        "RunLost",
    )
}
_PLACES["send"] = ("rhresources.library.function", "function")

__all__ = [
    "Cluster",
    "ClusterDown",
    "ConnectionLost",
    "Function",
    "GitPackage",
    "InstallError",
    "NotFound",
    "Package",
    "RemoteError",
    "RhError",
    "RunCancelled",
    "RunLost",
    "__version__",
    "cluster",
    "current_folder",
    "exists",
    "function",
    "get",
    "git_package",
    "load",
    "login",
    "logout",
    "ondemand_cluster",
    "package",
    "resources",
    "send",
    "set_folder",
    "unset_folder",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from rhresources.version import version

        value: Any = version()
    elif name in _PLACES:
        module, attribute = _PLACES[name]
        value = getattr(import_module(module), attribute)
    else:
        raise AttributeError(f"module 'rhdesk' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
