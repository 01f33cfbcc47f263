"""Functions named by the web page of their file: GitHub, GitLab, Gitea and Forgejo, Bitbucket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from rhresources.errors import UsageError
from rhresources.packages import checked_git_url, checked_revision

_FILE = r"(?P<path>[^\s?#]+?\.py)(?:[?#][^\s:]*)?:(?P<name>[^\s:/?#]+)"


def _page(repository: str, between: str) -> re.Pattern[str]:
    return re.compile(rf"(?P<repository>https?://[^/\s?#]+{repository}){between}/(?P<revision>[^/\s?#]+)/{_FILE}")


_KIND = "/(?:(?:blob|tree)|(?:raw|src)(?:/(?:branch|tag|commit))?)"
_PAGES = (
    # GitLab says where the repository ends, however many groups it is in
    _page(r"/[^\s?#]+?", "/-/(?:blob|tree|raw)"),
    # elsewhere it has an owner and a name, either of which may be "tree" or "src"; more parts where a host has them
    _page(r"/[^/\s?#]+(?:/[^/\s?#]+)+?", _KIND),
    _page(r"/[^/\s?#]+", _KIND),
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
    found = next((match for page in _PAGES if (match := page.fullmatch(text.strip()))), None)
    name = found["name"] if found else ""
    if found is None or not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(
            f"{text!r} does not point to a function of a repository.",
            remedy="Write https://github.com/owner/repo/blob/branch/path/file.py:function",
        )
    path = unquote(found["path"])
    if ".." in path.split("/") or path.startswith("/") or "\0" in path or "\\" in path:
        raise UsageError(f"{path!r} does not lie inside the repository.", remedy="Write the path without '..'.")
    url = checked_git_url(f"{found['repository'].removesuffix('.git')}.git")
    return FunctionPage(url, checked_revision(unquote(found["revision"])), path, name)
