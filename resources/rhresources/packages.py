"""What a function needs, as one line of text: the grammar of packages.

    ./  ../lib  ~/lib  /srv/lib        a folder: its requirements are installed, it goes onto sys.path    (reqs)
    requirements.txt  reqs:./dev.txt   a requirements file, or the one in a folder                         (reqs)
    local:../lib                       a folder that only goes onto sys.path                               (local)
    numpy==1.26 --no-deps              from the index; options follow the target                           (pip)
    pip:./                             a folder that is installed                                          (pip)
    conda:pytorch -c pytorch           by conda                                                            (conda)
    https://github.com/o/r             a git repository                                                    (git)
    git:URL@revision                   the same at a branch, tag or commit                                 (git)
    rh:~/deps                          a package saved under a name                                        (saved)

Text decides what a line means, never what happens to lie in the current directory: a folder that is called `numpy`
does not change what `numpy` installs. A folder therefore begins with `.`, `/` or `~`, or ends with `/`.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import Literal, get_args

from rhresources.errors import BadName, UsageError
from rhresources.names import Address

Method = Literal["local", "reqs", "pip", "conda", "git", "saved"]
"""How a package is installed; "saved" stands for a package document, to be looked up by its name."""

METHODS: tuple[Method, ...] = get_args(Method)

_PREFIXES: dict[str, Method] = {
    **{method: method for method in METHODS if method != "saved"},
    "rh": "saved",
}
_PREFIX = re.compile(r"([A-Za-z]+):(?!//)")
_SPEC_LIMIT = 2000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PATH = re.compile(r"(\.{1,2}|~)(/|$)|/|[A-Za-z]:[\\/]|\.{1,2}\\")
_ARCHIVE = re.compile(r"[\w./~\\+-]+\.(whl|zip|tar\.gz|tgz|tar\.bz2)")
_REQUIREMENTS_FILE = re.compile(r"[^\s;=<>@]+\.txt")
_PIP = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"  # the name
    r"(\s*\[[A-Za-z0-9._,\s-]*\])?"  # extras
    r"(\s*@\s*\S+|\s*\(?\s*(===|==|~=|!=|<=|>=|<|>)[A-Za-z0-9.*+!_\s,<>=~-]+\)?)?"  # an address, or versions
    r"(\s*;.+)?"  # when it is wanted
)
_PIP_URL = re.compile(r"(git\+(https?|ssh|git|file)|https?|file)://\S+")
_CONDA = re.compile(
    r"([A-Za-z0-9_./-]+::)?[A-Za-z0-9_][A-Za-z0-9_.-]*"  # channel::name
    r"(\[[^\]]*\]|\s*[=<>!~][A-Za-z0-9.*+!_=<>~,|\s-]*)?"  # versions
)
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]*")
_GITHUB_PAGE = re.compile(r"(https://github\.com/[\w.-]+/[\w.-]+?)(\.git)?/?")
_GIT_URL = re.compile(r"(https|http|ssh|git|file)://(?P<host>[^/]*)/\S+")
_GIT_SCP = re.compile(r"[A-Za-z0-9_][\w.-]*@[A-Za-z0-9_][\w.-]*:[^\s-]\S*")


@dataclass(frozen=True, slots=True)
class PackageSpec:
    """One package, taken apart.

    Attributes:
        method: how it is installed.
        target: what: "numpy==1.26", a path as it was written ("./", "../lib"), the address of a saved package;
            empty for git.
        options: of the installer, one item a word, quotes resolved.
        git_url: where the repository is; empty unless `method` is "git".
        revision: branch, tag or commit; empty: the default branch.
        text: what was written; not part of equality.
    """

    method: Method
    target: str = ""
    options: tuple[str, ...] = ()
    git_url: str = ""
    revision: str = ""
    text: str = field(default="", compare=False)

    @property
    def is_path(self) -> bool:
        """Whether `target` is a file or folder on the client."""
        return self.method in {"local", "reqs"} or (self.method == "pip" and looks_like_path(self.target))

    def __str__(self) -> str:
        """The line that parses to this value."""
        if self.method == "git":
            target = f"{self.git_url}@{self.revision}" if self.revision else self.git_url
        else:
            target = shlex.quote(self.target) if self.is_path and re.search(r"[\s'\"]", self.target) else self.target
        prefix = "rh" if self.method == "saved" else self.method
        return " ".join((f"{prefix}:{target}", *map(shlex.quote, self.options)))


def parse_package(spec: str) -> PackageSpec:
    """Take one package line apart.

    Raises:
        UsageError: the line is not a package; the sentence names the line.
    """
    if not isinstance(spec, str):
        raise UsageError(f"A package is written as text, not {type(spec).__name__}.", remedy='Write "numpy" or "./".')
    text = spec.strip()
    if not text:
        raise UsageError("A package may not be empty.", remedy='Write "numpy==1.26" or "./".')
    if len(text) > _SPEC_LIMIT:
        raise UsageError(f"A package of {len(text)} characters is too long; {_SPEC_LIMIT} are allowed.")
    if found := _CONTROL.search(text):
        raise _bad(text, f"it has the character {found.group()!r}", "Write one package a line.")
    method, rest = _split_method(text)
    target, options = _split_options(rest, text)
    if not target:
        if options:
            raise _bad(text, f"{options[0]!r} is an option where a package belongs", "Write the package first.")
        raise _bad(text, f"nothing follows '{text}'", "Write what to install.")
    method = method or _guess_method(target)
    if method == "git":
        url, revision = split_revision(target)
        return PackageSpec("git", "", options, checked_git_url(url), checked_revision(revision), text)
    return PackageSpec(method, checked_target(method, target), options, text=text)


def checked_target(method: Method, target: str) -> str:
    """`target` in its tidy form, if `method` can install it.

    Raises:
        UsageError: it cannot.
    """
    if target.startswith("-"):
        raise UsageError(f"{target!r} begins with '-', which an installer would read as an option.")
    if _CONTROL.search(target):
        raise UsageError(f"{target!r} has a control character.")
    if method == "saved":
        try:
            Address.parse(target)
        except BadName as error:
            message = f"'rh:' takes the name of a saved package. {error.sentence}"
            raise UsageError(message, remedy=error.remedy) from None
        return target
    if method in {"local", "reqs"}:
        return _checked_path(method, target)
    if method == "conda":
        if not _CONDA.fullmatch(target):
            raise UsageError(
                f"{target!r} is not a conda package.", remedy='Write "conda:pytorch" or "conda:pytorch=2.1 -c pytorch".'
            )
        return target
    if looks_like_path(target):
        return _unquoted(target)
    if "://-" in target:
        raise UsageError(f"{target!r} is not an address: its host begins with '-'.")
    url, revision = split_revision(target)
    if page := _GITHUB_PAGE.fullmatch(url):
        # pip cannot install the page of a repository, but the repository behind it
        return f"git+{page[1]}.git@{checked_revision(revision)}" if revision else f"git+{page[1]}.git"
    if not (_PIP.fullmatch(target) or _PIP_URL.fullmatch(target)):
        raise UsageError(
            f"{target!r} is not a requirement that pip understands.",
            remedy='Write one package, such as "numpy", "numpy==1.26" or "numpy>=1.26,<2"; a folder begins with "./".',
        )
    return target


def checked_git_url(url: str) -> str:
    """`url`, if git may be given it; a GitHub page address gets its `.git`.

    Raises:
        UsageError: it is not an address of a repository, or one that would make git run programs.
    """
    if "\\" in url or _CONTROL.search(url):
        raise UsageError(f"{url!r} is not the address of a git repository.")
    found = _GIT_URL.fullmatch(url)
    if found:
        host = found["host"].rpartition("@")[2]
        # ssh would read a host that begins with '-' as an option
        if host.startswith("-") or found["host"].startswith("-") or (not host and not url.startswith("file:")):
            raise UsageError(f"{url!r} is not the address of a git repository: the host is wrong.")
        page = _GITHUB_PAGE.fullmatch(url)
        return f"{page[1]}.git" if page else url
    if _GIT_SCP.fullmatch(url) or url.startswith(("/", "~/")):
        return url
    raise UsageError(
        f"{url!r} is not the address of a git repository.",
        remedy="Write https://host/owner/repository, ssh://…, git@host:path or an absolute path.",
    )


def checked_revision(revision: str) -> str:
    """`revision`, if git may be given it; empty stands for the default branch.

    Raises:
        UsageError: it is not a branch, tag or commit.
    """
    if revision and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise UsageError(f"{revision!r} is not a branch, tag or commit.")
    return revision


def split_revision(target: str) -> tuple[str, str]:
    """`URL@revision` as (URL, revision); the `@` of `git@host:path` and of `user@host` does not count."""
    # an authority cannot follow the path, so the revision's '@' is one after the last ':' or the first '/' of the path
    start = target.find("/", target.find("://") + 3) if "://" in target else target.find(":") + 1
    at = target.find("@", max(start, 0))
    return (target[:at], target[at + 1 :]) if at >= 0 else (target, "")


def looks_like_path(target: str) -> bool:
    """Whether a pip target is a file or folder rather than the name of a package."""
    target = target.strip("'\"")
    if "://" in target:
        return False
    return bool(_PATH.match(target) or target.endswith("/") or _ARCHIVE.fullmatch(target))


def _split_method(text: str) -> tuple[Method | None, str]:
    found = _PREFIX.match(text)
    if not found or len(found[1]) == 1:  # C:\lib is a path
        return None, text
    method = _PREFIXES.get(found[1].lower())
    if method is None:
        known = ", ".join(f"{prefix}:" for prefix in _PREFIXES)
        raise _bad(text, f"{found[1]!r} is not a way to install", f"Begin with one of {known}")
    return method, text[found.end() :].lstrip()


def _split_options(rest: str, text: str) -> tuple[str, tuple[str, ...]]:
    """The target, and the words from the first one on that begins with '-' outside quotes."""
    quote = ""
    end = len(rest)
    for index, letter in enumerate(rest):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "-" and (index == 0 or rest[index - 1].isspace()):
            end = index
            break
    if quote:
        raise _bad(text, f"the quote {quote} is not closed", "Close it.")
    try:
        options = tuple(shlex.split(rest[end:]))
    except ValueError as error:
        raise _bad(text, f"its options cannot be read ({str(error).lower()})", "Quote them as a shell does.") from None
    return rest[:end].strip(), options


def _guess_method(target: str) -> Method:
    if looks_like_path(target):
        return "pip" if _ARCHIVE.fullmatch(_unquoted(target)) else "reqs"
    if _REQUIREMENTS_FILE.fullmatch(target):
        return "reqs"
    if target.startswith(("https://github.com/", "git@", "ssh://git@")):
        return "git"
    if re.match(r"https?://\S+\.git(@|$)", target):
        return "git"
    return "pip"


def _checked_path(method: Method, target: str) -> str:
    path = _unquoted(target)
    if "://" in path:
        raise UsageError(
            f"'{method}:' takes a folder on this computer, not the address {path!r}.", remedy=f"Write git:{path}"
        )
    return path


def _unquoted(target: str) -> str:
    """A path without the quotes around it.

    Raises:
        UsageError: it is several words.
    """
    words = shlex.split(target) if "\\" not in target else [target]
    if len(words) != 1:
        raise UsageError(f"{target!r} is more than one path.", remedy="Put quotes around a path with spaces.")
    if words[0].startswith("-") or not words[0]:
        raise UsageError(f"{target!r} begins with '-', which an installer would read as an option.")
    return words[0]


def _bad(text: str, why: str, remedy: str) -> UsageError:
    shown = text if len(text) <= 80 else f"{text[:77]}..."
    return UsageError(f"The package {shown!r} cannot be used: {why}.", remedy=remedy)
