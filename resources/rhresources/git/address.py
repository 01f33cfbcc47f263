"""Addresses of repositories: which protocols git may speak for them, and whose token they want."""

from __future__ import annotations

import hashlib
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rhresources.errors import UsageError
from rhresources.packages import checked_git_url

_SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[^@/:]+):(?!//)(?P<path>.*)")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository that git may be asked for.

    Attributes:
        url: as git gets it; a path is absolute.
        scheme: "https", "http", "ssh" or "file".
        host: with the port where one was written; empty for "file".
    """

    url: str
    scheme: str
    host: str

    @property
    def name(self) -> str:
        """What the folder of a checkout is called."""
        last = re.split(r"[/:]", self.url.rstrip("/"))[-1].removesuffix(".git")
        return re.sub(r"[^A-Za-z0-9._-]+", "-", unquote(last)).strip("-.")[:60] or "repository"

    @property
    def key(self) -> str:
        """A name for the cache of this repository."""
        digest = hashlib.blake2b(self.url.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
        return f"{self.name}-{digest}"

    @property
    def takes_token(self) -> bool:
        """Whether a token may be sent there: encrypted, or without leaving this computer."""
        bare = urlsplit(self.url).hostname if self.scheme in {"https", "http"} else ""
        return self.scheme == "https" or (self.scheme == "http" and bare in _LOOPBACK)

    @property
    def account(self) -> str:
        """Whom ssh logs in as and where: "git@github.com", "git@host:2222"; only for "ssh"."""
        if "://" in self.url:
            return self.url.partition("://")[2].partition("/")[0]
        return self.url[: self.url.index(f"{self.host}:") + len(self.host)]

    @property
    def base(self) -> str:
        """Scheme and host, "https://github.com": what a token is good for."""
        return f"{self.scheme}://{self.host}"


def remote_of(url: str) -> Remote:
    """The repository at `url`.

    Raises:
        UsageError: it is no address of one, has a password in it, or a protocol that nobody could trust.
    """
    url = checked_git_url(url)
    if url.startswith(("/", "~")):
        return Remote(str(Path(url).expanduser().absolute()), "file", "")
    if "://" not in url:
        found = _SCP.fullmatch(url)
        if found is None or found["host"].startswith("-"):
            raise UsageError(f"{url!r} is not the address of a git repository.")
        return Remote(url, "ssh", found["host"])
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  raises where it is no number
    except ValueError as error:
        raise UsageError(f"{url!r} is not the address of a git repository: {error}.") from None
    user, at, host = parts.netloc.rpartition("@")
    if (parts.scheme in {"https", "http"} and at) or ":" in user:
        raise UsageError(
            f"The address of a repository at {host} has a user or a password in it.",
            remedy=f"Write it without, and keep the token: rhdesk credentials set token {host}",
        )
    if parts.scheme == "file":
        if host not in {"", "localhost"} or not parts.path.startswith("/"):
            raise UsageError(f"{url!r} is not a repository on this computer.", remedy="Write its absolute path.")
        return Remote(url, "file", "")
    if parts.scheme not in {"https", "http", "ssh"}:
        raise UsageError(
            f"{parts.scheme}:// is not used: nothing proves who sends the code.",
            remedy="Write the https:// or ssh:// address of the repository.",
        )
    return Remote(url, parts.scheme, host)


def submodule_of(parent: Remote, url: str, path: str) -> Remote:
    """The repository of the submodule at `path` whose address in .gitmodules is `url`.

    Raises:
        UsageError: it is not one that `parent` may name: no address, or a folder of this computer.
    """
    if url.startswith(("./", "../")):
        url = _joined(parent.url, url)
    try:
        remote = remote_of(url)
    except UsageError as error:
        raise UsageError(f"The submodule {path} of {parent.url}: {error.sentence}", remedy=error.remedy) from None
    if remote.scheme == "file" and parent.scheme != "file":
        raise UsageError(
            f"The submodule {path} of {parent.url} names a folder of this computer, which is not read.",
            remedy="Its .gitmodules must name an https:// or ssh:// address.",
        )
    return remote


def _joined(base: str, relative: str) -> str:
    """Git's rule: `../` takes one part off the parent's address."""
    if "://" in base:
        head, _, path = base.partition("://")
        host, _, rest = path.partition("/")
        whole = posixpath.normpath(posixpath.join("/" + rest.rstrip("/"), relative))
        return f"{head}://{host}{whole}"
    if found := _SCP.fullmatch(base):
        head = base[: found.start("path")]
        rest = found["path"].rstrip("/")
        joined = posixpath.normpath(posixpath.join(f"/{rest.lstrip('/')}", relative))
        return head + (joined if rest.startswith("/") else joined.lstrip("/"))
    return posixpath.normpath(posixpath.join(base, relative))
