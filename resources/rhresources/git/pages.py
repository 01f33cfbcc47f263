"""Functions named by the web page of their file: GitHub, GitLab, Gitea and Forgejo, Bitbucket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from rhresources.errors import UsageError
from rhresources.packages import checked_git_url, checked_revision

_PAGE = re.compile(
    r"(?P<repository>https?://[^/\s?#]+/[^\s?#]+?)(?:\.git)?"
    r"/(?:(?:-/)?(?:blob|tree)/|raw/|src/(?:branch/|tag/|commit/)?)"
    r"(?P<revision>[^/\s?#]+)/(?P<path>[^\s?#]+?\.py)(?:[?#][^\s:]*)?:(?P<name>[^\s:/?#]+)"
)


@dataclass(frozen=True, slots=True)
class FunctionPage:
    """A function in a repository.

    Attributes:
        git_url: of the repository.
        revision: branch, tag or commit.
        file: inside the repository.
        name: of the function, "main" or "Trainer.fit".
    """

    git_url: str
    revision: str
    file: str
    name: str


def is_page(text: str) -> bool:
    """Whether this is meant to be the page of a function."""
    return text.strip().startswith(("https://", "http://"))


def parse_page(text: str) -> FunctionPage:
    """The function behind `https://github.com/owner/repo/blob/branch/path.py:function`, and other hosts' addresses.

    A branch with a slash in its name is written with %2F.

    Raises:
        UsageError: it is not such an address.
    """
    found = _PAGE.fullmatch(text.strip())
    name = found["name"] if found else ""
    if found is None or not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(
            f"{text!r} does not point to a function of a repository.",
            remedy="Write https://github.com/owner/repo/blob/branch/path/file.py:function",
        )
    path = unquote(found["path"])
    if ".." in path.split("/") or path.startswith("/") or "\0" in path or "\\" in path:
        raise UsageError(f"{path!r} does not lie inside the repository.", remedy="Write the path without '..'.")
    url = checked_git_url(f"{found['repository']}.git")
    return FunctionPage(url, checked_revision(unquote(found["revision"])), path, name)
