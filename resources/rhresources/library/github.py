"""Functions named by their page on GitHub: the repository becomes a package, the file a module of it."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from rhresources.code.listing import find_root
from rhresources.code.pointer import Pointer
from rhresources.errors import UsageError
from rhresources.packages import PackageSpec, parse_package

_PAGE = re.compile(
    r"(?P<repository>https://github\.com/[\w.-]+/[\w.-]+)/blob/(?P<branch>[^/\s]+)/(?P<path>\S+\.py):(?P<name>\w+)"
)


def pointer_of_github(url: str) -> tuple[Pointer, PackageSpec]:
    """The function behind `https://github.com/owner/repo/blob/branch/path.py:function`, and its repository.

    Raises:
        UsageError: it is not such an address.
    """
    found = _PAGE.fullmatch(url.strip())
    if found is None:
        raise UsageError(
            f"{url!r} does not point to a function on GitHub.",
            remedy="Write https://github.com/owner/repo/blob/branch/path/file.py:function",
        )
    path = PurePosixPath(found["path"])
    module = ".".join(path.with_suffix("").parts)
    repository = parse_package(f"git:{found['repository']}@{found['branch']}")
    return Pointer(f"{path}:{found['name']}", find_root(Path.cwd()), "", module, found["name"]), repository
