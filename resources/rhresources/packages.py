"""What a function needs, as one line of text: the grammar of packages.

    ./  ../lib  ~/lib  /srv/lib        a folder: its requirements are installed, it goes onto sys.path    (reqs)
    requirements.txt  reqs:./dev.txt   a requirements file, or the one in a folder                         (reqs)
    local:../lib                       a folder that only goes onto sys.path                               (local)
    numpy==1.26 --no-deps              from the index; options follow the target                           (pip)
    pip:./                             a folder that is installed                                          (pip)
    conda:pytorch -c pytorch           by conda                                                            (conda)
    environment.yml  conda:./env.yml   all that a conda environment file lists                             (conda)
    https://github.com/o/r             a git repository: as a folder, its requirements are installed       (git)
    git:URL@revision                   the same at a branch, tag or commit                                 (git)
    pip:URL  local:URL                 a repository that is installed, or only goes onto sys.path          (git)
    git:URL@revision#subdirectory=lib  one folder of a repository                                          (git)
    rh:~/deps                          a package saved under a name                                        (saved)

Text decides what a line means, never what happens to lie in the current directory: a folder that is called `numpy`
does not change what `numpy` installs. A folder therefore begins with `.`, `/` or `~`, or ends with `/`.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import quote

from rhresources.errors import UsageError
from rhresources.package_options import checked_options
from rhresources.package_targets import (
    checked_git_url,
    checked_revision,
    checked_subdirectory,
    checked_target,
    is_archive,
    is_environment_file,
    looks_like_path,
    split_fragment,
    split_revision,
)
from rhresources.package_words import deceiving_character, shown

__all__ = [
    "METHODS",
    "Checkout",
    "Method",
    "PackageSpec",
    "checked_checkout",
    "checked_git_url",
    "checked_revision",
    "checked_subdirectory",
    "checked_target",
    "looks_like_path",
    "parse_package",
    "split_revision",
]

Method = Literal["local", "reqs", "pip", "conda", "git", "saved"]
"""How a package is installed; "saved" stands for a package document, to be looked up by its name."""

METHODS: tuple[Method, ...] = get_args(Method)

Checkout = Literal["reqs", "local", "pip"]
"""How the tree of a git package is used."""

_CHECKOUTS: tuple[Checkout, ...] = get_args(Checkout)
_PREFIXES: dict[str, Method] = {
    **{method: method for method in METHODS if method != "saved"},
    "rh": "saved",
}
_PREFIX = re.compile(r"([A-Za-z]+):(?!//)")
_SPEC_LIMIT = 2000
_NEEDS_QUOTES = r"[\s'\"]|(^|\s)-"
_REQUIREMENTS_FILE = re.compile(r"[^\s;=<>@]+\.txt|pyproject\.toml|setup\.(py|cfg)")
_TREE_PAGE = re.compile(
    r"(?P<url>https://(?:github\.com/[^/]+/[^/]+|[A-Za-z0-9.-]+/.+/-))/tree/(?P<revision>[^/]+)(?:/(?P<folder>.*))?"
)
_DOWNLOAD = re.compile(r"https://github\.com/[^/]+/[^/]+/(archive|releases|raw)/.*|\S+\.(whl|zip|tar\.gz|tgz)(#\S*)?")
_SCP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9_][A-Za-z0-9_.-]*:\S+")


@dataclass(frozen=True, slots=True)
class PackageSpec:
    """One package, taken apart.

    Attributes:
        method: how it is installed.
        target: what: "numpy==1.26", a path as it was written ("./", "../lib"), the address of a saved package;
            empty for git.
        options: of the installer, one a word and tidy, as `checked_options` has them; of a saved package the words
            as they were written, for they are checked when it is looked up.
        git_url: where the repository is; empty unless `method` is "git".
        revision: branch, tag or commit; empty: the default branch.
        text: what was written; not part of equality.
        checkout: what happens with the checked-out tree of a git package: its requirements are installed and it goes
            onto sys.path ("reqs"), it only goes there ("local"), or it is installed ("pip").
        subdirectory: the folder of the repository that is meant, "lib/core"; empty: all of it. Only of git packages.
    """

    method: Method
    target: str = ""
    options: tuple[str, ...] = ()
    git_url: str = ""
    revision: str = ""
    text: str = field(default="", compare=False)
    checkout: Checkout = field(default="reqs", kw_only=True)
    subdirectory: str = field(default="", kw_only=True)

    @property
    def is_path(self) -> bool:
        """Whether `target` is a file or folder on the client."""
        if self.method == "conda":
            return is_environment_file(self.target)
        return self.method in {"local", "reqs"} or (self.method == "pip" and looks_like_path(self.target))

    def __str__(self) -> str:
        """The line that parses to this value."""
        return " ".join((self._written(), *map(_option, self.options)))

    def _written(self) -> str:
        if self.method != "git":
            way = "rh" if self.method == "saved" else self.method
            quoted = self.is_path and re.search(_NEEDS_QUOTES, self.target)
            return f"{way}:{_quoted(self.target) if quoted else self.target}"
        url = f"{self.git_url}@{self.revision}" if self.revision else self.git_url
        # whether `pip:URL` means a repository depends on the address; what cannot be said that way follows the '#'
        said = self.checkout == "reqs" or _is_repository(self.checkout, url)
        prefix = "git" if self.checkout == "reqs" or not said else self.checkout
        more = [f"subdirectory={quote(self.subdirectory)}"] if self.subdirectory else []
        more += [] if said else [f"checkout={self.checkout}"]
        url += f"#{'&'.join(more)}" if more else ""
        return f"{prefix}:{_quoted(url) if re.search(_NEEDS_QUOTES, url) else url}"


def parse_package(spec: str) -> PackageSpec:
    """Take one package line apart.

    Raises:
        UsageError: the line is not a package; the sentence names the line.
    """
    if not isinstance(spec, str):
        raise UsageError(f"A package is written as text, not {type(spec).__name__}.", remedy='Write "numpy" or "./".')
    if len(spec) > _SPEC_LIMIT:
        raise UsageError(f"A package of {len(spec):,} characters is too long; {_SPEC_LIMIT:,} are allowed.")
    text = spec.strip()
    if not text:
        raise UsageError("A package may not be empty.", remedy='Write "numpy==1.26" or "./".')
    if character := deceiving_character(text):
        raise _bad(text, f"it has the character {character}", "Write one package a line, in plain text.")
    method, rest = _split_method(text)
    target, options = _split_options(rest, text)
    if not target:
        if options:
            raise _bad(text, f"{shown(options[0])} is an option where a package belongs", "Write the package first.")
        raise _bad(text, f"nothing follows {shown(text)}", "Write what to install.")
    if method == "git" or (method not in {"conda", "saved"} and _is_repository(method, target)):
        checkout: Checkout = "local" if method == "local" else "pip" if method == "pip" else "reqs"
        return _git_package(target, checkout, options, text)
    method = method or _guess_method(target)
    if target[0] in "'\"" or method in {"local", "reqs"} or looks_like_path(target) or is_environment_file(target):
        target = _unquoted(target)
    target = checked_target(method, target)
    return PackageSpec(method, target, options if method == "saved" else checked_options(method, options), text=text)


def checked_checkout(value: str) -> Checkout:
    """`value`, if the tree of a git package can be used that way.

    Raises:
        UsageError: it cannot.
    """
    for checkout in _CHECKOUTS:
        if value == checkout:
            return checkout
    raise UsageError(f"{shown(value)} is not a way to use a checkout.", remedy="Write reqs, local or pip.")


def _git_package(target: str, checkout: Checkout, options: tuple[str, ...], text: str) -> PackageSpec:
    before, values = split_fragment(_unquoted(target).removeprefix("git+"))
    page = _TREE_PAGE.fullmatch(before)
    if page:
        url, revision, folder = page["url"].removesuffix("/-"), page["revision"], page["folder"] or ""
    else:
        (url, revision), folder = split_revision(before), ""
    checkout = checked_checkout(values.get("checkout", checkout))
    return PackageSpec(
        "git",
        "",
        checked_options(checkout, options),
        checked_git_url(url),
        checked_revision(revision),
        text,
        checkout=checkout,
        subdirectory=checked_subdirectory(values.get("subdirectory", folder)),
    )


def _is_repository(method: str | None, target: str) -> bool:
    """Whether the target after `local:`, `reqs:`, `pip:` or nothing is the address of a git repository."""
    target = target.strip("'\"")
    if "://" not in target:
        return bool(_SCP.fullmatch(target))
    if method in {"local", "reqs"} or _TREE_PAGE.fullmatch(target):
        return True
    if target.startswith("https://github.com/"):
        return not _DOWNLOAD.fullmatch(target)
    return bool(target.startswith("ssh://") or re.match(r"https?://\S+\.git(@|#|$)", target))


def _split_method(text: str) -> tuple[Method | None, str]:
    found = _PREFIX.match(text)
    if not found or len(found[1]) == 1:  # C:\lib is a path
        return None, text
    method = _PREFIXES.get(found[1].lower())
    if method is None:
        known = ", ".join(f"{prefix}:" for prefix in _PREFIXES)
        raise _bad(text, f"{shown(found[1])} is not a way to install", f"Begin with one of {known}")
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
    bare = target.strip("'\"")
    if is_environment_file(bare):
        return "conda"
    if looks_like_path(bare):
        return "pip" if is_archive(bare) else "reqs"
    return "reqs" if _REQUIREMENTS_FILE.fullmatch(bare) else "pip"


def _option(word: str) -> str:
    """An option as a line has it: its dashes stand outside of quotes, because they end the target."""
    name, equals, value = word.partition("=")
    whole = equals and re.fullmatch(r"--?[A-Za-z0-9-]+", name)
    return f"{name}={shlex.quote(value)}" if whole else shlex.quote(word)


def _quoted(path: str) -> str:
    return f"'{path}'" if "\\" in path else shlex.quote(path)


def _unquoted(target: str) -> str:
    """A path or address without the quotes around it.

    Raises:
        UsageError: it is several words.
    """
    if "\\" in target:  # of Windows, where it is no sign of quoting
        whole = target[0] in "'\"" and target[0] == target[-1]
        words = [target[1:-1]] if whole else target.split()
    else:
        words = shlex.split(target)
    if len(words) != 1:
        raise UsageError(f"{shown(target)} is more than one path.", remedy="Put quotes around a path with spaces.")
    return words[0]


def _bad(text: str, why: str, remedy: str) -> UsageError:
    return UsageError(f"The package {shown(text)} cannot be used: {why}.", remedy=remedy)
