"""What each way to install can be given: requirements, paths, conda packages, addresses and revisions of git."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import unquote

from rhresources.errors import BadName, UsageError
from rhresources.names import Address
from rhresources.package_options import checked_channel
from rhresources.package_words import checked_text, checked_url, shown

GIT_SCHEMES = ("https", "http", "ssh", "file")
_PIP_SCHEMES = ("https", "http", "file", "git+https", "git+http", "git+ssh", "git+file")

_PATH = re.compile(r"(\.{1,2}|~)(/|$)|/|[A-Za-z]:[\\/]|\.{1,2}\\")
_ARCHIVE = re.compile(r"[^\s:;=<>@]+\.(whl|zip|tar\.gz|tgz|tar\.bz2|tar\.xz)")
_PIP = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"  # the name
    r"(?: *\[[A-Za-z0-9._, -]*\])?"  # extras
    r"(?P<rest>.*)"
)
_CLAUSE = r"(?:===|==|~=|!=|<=|>=|<|>) *[A-Za-z0-9_.*+!-]+"
_VERSIONS = re.compile(rf"(?P<open>\( *)?{_CLAUSE}(?: *, *{_CLAUSE})*(?(open) *\))")
_VARIABLES = (
    "python_full_version|python_version|os_name|sys_platform|platform_release|platform_system|platform_version"
    "|platform_machine|platform_python_implementation|implementation_name|implementation_version|extra"
)
_MARKER = re.compile(  # words one after the other, never taken back: trying all ways to part "=====" takes for ever
    rf"""(?: *+(?>[()]|(?:and|or|not +in|in|{_VARIABLES})\b|===|[=~!<>]=|[<>]|'[^']*'|"[^"]*"))++ *"""
)
_CONDA_CLAUSE = r"(?:===?|~=|!=|<=|>=|<|>|=) *[A-Za-z0-9_.*+!-]+"
_CONDA = re.compile(
    r"(?:(?P<channel>[^\s:\[\]]+)::)?[A-Za-z0-9_][A-Za-z0-9_.-]*"  # channel::name
    rf"(?: *{_CONDA_CLAUSE}(?: *[,|] *(?:{_CONDA_CLAUSE}|[A-Za-z0-9_.*+!-]+))*"  # versions
    r"(?:=[A-Za-z0-9_.*+-]+)?)?"  # build
    r"(?P<more>\[[^\[\]]*\])?"  # [key=value, …]
)
_CONDA_MORE = re.compile(
    r"""(version|build|build_number|channel|subdir|md5|sha256) *= *(?:'([^'"]*)'|"([^'"]*)"|([^'", ]+))"""
)
_ENVIRONMENT_FILE = re.compile(r".*\.ya?ml", re.IGNORECASE)
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]*")
_GITHUB_PAGE = re.compile(r"(https://github\.com/[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+?)(\.git)?/?")
_GITHUB_OTHER = re.compile(r"https://github\.com(/[^/]*)?/?|https://github\.com/[^/]+/[^/]+/.+")
_GIT_SCP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9_][A-Za-z0-9_.-]*:[^\s-]\S*")


def looks_like_path(target: str) -> bool:
    """Whether a target of pip is a file or folder rather than the name of a package."""
    if "://" in target:
        return False
    return bool(_PATH.match(target) or target.endswith("/") or _ARCHIVE.fullmatch(target))


def is_archive(target: str) -> bool:
    """Whether a path names a wheel or an archive by its ending."""
    return bool(_ARCHIVE.fullmatch(target))


def is_environment_file(target: str) -> bool:
    """Whether a target of conda is a file (environment.yml) rather than a package."""
    return "://" not in target and "::" not in target and bool(_ENVIRONMENT_FILE.fullmatch(target))


def checked_target(method: str, target: str) -> str:
    """`target` in its tidy form, if `method` ("local", "reqs", "pip", "conda" or "saved") can install it.

    Raises:
        UsageError: it cannot.
    """
    checked_text(target)
    if target.startswith("-"):
        raise UsageError(f"{shown(target)} begins with '-', which an installer would read as an option.")
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
        return _checked_path(method, target) if is_environment_file(target) else _checked_conda(target)
    return _checked_path(method, target) if looks_like_path(target) else _checked_requirement(target)


def checked_git_url(url: str) -> str:
    """`url`, if git may be given it; the page of a repository on GitHub gets its `.git`.

    Raises:
        UsageError: it is not an address of a repository, would make git run programs, or has a secret in it.
    """
    checked_text(url)
    if "#" in url:
        raise UsageError(f"{shown(url)} is not the address of a git repository: it has a '#'.")
    if "://" in url:
        if page := _GITHUB_PAGE.fullmatch(url):
            url = f"{page[1]}.git"
        elif _GITHUB_OTHER.fullmatch(url):
            raise UsageError(
                f"{shown(url)} is not the address of a repository, but of something else on GitHub.",
                remedy="Write https://github.com/owner/repository.",
            )
        checked_url(url, GIT_SCHEMES)
        is_right = bool(re.search(r"://[^/]*/[^/]", url))
    else:
        is_right = bool(_GIT_SCP.fullmatch(url)) or (url.startswith(("/", "~/")) and not url.startswith("//"))
    if not is_right or "\\" in url:
        raise UsageError(
            f"{shown(url)} is not the address of a git repository.",
            remedy="Write https://host/owner/repository, ssh://…, git@host:path or an absolute path.",
        )
    if split_revision(url) != (url, ""):
        raise UsageError(
            f"{shown(url)} is not the address of a git repository: it has an '@' in its path.",
            remedy="A branch, tag or commit is said as the revision.",
        )
    return url


def checked_revision(revision: str) -> str:
    """`revision`, if git may be given it; empty stands for the default branch.

    Raises:
        UsageError: it is not a branch, tag or commit.
    """
    checked_text(revision)
    if revision and (
        not _REVISION.fullmatch(revision) or ".." in revision or "//" in revision or revision.endswith(("/", ".lock"))
    ):
        raise UsageError(f"{shown(revision)} is not a branch, tag or commit.")
    return revision


def checked_subdirectory(folder: str) -> str:
    """`folder` of a repository in its tidy form ("lib/core"); empty is the whole repository.

    Raises:
        UsageError: it leads out of the repository, or is no relative path.
    """
    checked_text(folder)
    path = PurePosixPath(folder)
    tidy = "" if str(path) == "." else str(path)
    if path.is_absolute() or "\\" in tidy or re.match(r"[A-Za-z]:", tidy) or tidy.startswith(("-", "~")):
        raise UsageError(f"The subdirectory {shown(folder)} is not a path inside of the repository.")
    if ".." in path.parts:
        raise UsageError(f"The subdirectory {shown(folder)} leads out of the repository.")
    if any(part.lower().rstrip(". ") == ".git" for part in path.parts):
        raise UsageError(f"The subdirectory {shown(folder)} is git's own.")
    if tidy != tidy.strip():
        raise UsageError(f"The subdirectory {shown(folder)} begins or ends with a space.")
    return tidy


def split_revision(target: str) -> tuple[str, str]:
    """`URL@revision` as (URL, revision); the `@` of `git@host:path` and of `user@host` does not count."""
    # an authority cannot follow the path, so the revision's '@' is one after the last ':' or the first '/' of the path
    start = target.find("/", target.find("://") + 3) if "://" in target else target.find(":") + 1
    at = target.find("@", max(start, 0))
    return (target[:at], target[at + 1 :]) if at >= 0 else (target, "")


def split_fragment(target: str) -> tuple[str, dict[str, str]]:
    """`URL#subdirectory=lib&checkout=pip` as the part before '#' and the values after it.

    Raises:
        UsageError: something else stands there.
    """
    before, _, fragment = target.partition("#")
    values: dict[str, str] = {}
    for part in fragment.split("&") if fragment else ():
        key, equals, value = part.partition("=")
        if key not in ("subdirectory", "checkout") or not equals or key in values:
            raise UsageError(
                f"{shown(part)} cannot follow the '#' of a repository.", remedy="Write #subdirectory=path/inside"
            )
        try:
            values[key] = unquote(value, errors="strict")
        except UnicodeDecodeError:
            raise UsageError(f"{shown(value)} is not text.") from None
    return before, values


def _checked_path(method: str, target: str) -> str:
    if "://" in target:
        raise UsageError(
            f"'{method}:' takes a folder on this computer, not the address {shown(target)}.",
            remedy="A git repository is written as git:https://host/owner/repository.",
        )
    if target[:1] in "'\"" and target[:1] == target[-1:]:
        raise UsageError(f"The path {shown(target)} has quotes around it.", remedy="Leave them out.")
    if target != target.strip():
        raise UsageError(f"The path {shown(target)} begins or ends with a space.")
    if target.startswith("~") and not target.startswith("~/") and target != "~":
        raise UsageError(f"{shown(target)} is in somebody's home folder.", remedy="Write the whole path.")
    if target.startswith(("//", "\\\\")):
        raise UsageError(f"{shown(target)} is on another computer.", remedy="Name a folder of this computer.")
    if "\\" in target and re.search(r"['\"]", target):
        raise UsageError(f"{shown(target)} has both a quote and a backslash.", remedy="Write its slashes as '/'.")
    return target


def _checked_conda(target: str) -> str:
    found = _CONDA.fullmatch(target)
    if not found:
        raise UsageError(
            f"{shown(target)} is not a conda package.",
            remedy='Write "conda:pytorch", "conda:pytorch=2.1 -c pytorch" or "conda:./environment.yml".',
        )
    if found["channel"]:
        checked_channel(found["channel"])
    inside = (found["more"] or "[]")[1:-1].strip()
    while inside:
        key = _CONDA_MORE.match(inside)
        rest = inside[key.end() :].lstrip() if key else ""
        if not key or (rest and not rest.startswith(",")):
            raise UsageError(f"{shown(target)} is not a conda package: {shown(inside)} may not stand in brackets.")
        if key[1] == "channel":
            checked_channel(key[2] or key[3] or key[4] or "")
        inside = rest.removeprefix(",").lstrip()
    return target


def _checked_requirement(target: str) -> str:
    url, revision = split_revision(target)
    if page := _GITHUB_PAGE.fullmatch(url):
        # pip cannot install the page of a repository, but the repository behind it
        return f"git+{page[1]}.git@{checked_revision(revision)}" if revision else f"git+{page[1]}.git"
    wrong = UsageError(
        f"{shown(target)} is not a requirement that pip understands.",
        remedy='Write one package, such as "numpy", "numpy==1.26" or "numpy>=1.26,<2"; a folder begins with "./".',
    )
    if re.match(r"[A-Za-z0-9+.-]+://", target):
        checked_url(target, _PIP_SCHEMES)
        return target
    found = _PIP.fullmatch(target)
    if not found:
        raise wrong
    rest = found["rest"].strip(" ")
    if rest.startswith("@"):
        address, _, marker = rest[1:].strip(" ").partition(" ")
        checked_url(address, _PIP_SCHEMES)
        marker = marker.strip(" ")
        if marker and not marker.startswith(";"):
            raise wrong
        semicolon, marker = marker[:1], marker[1:]
    else:
        versions, semicolon, marker = rest.partition(";")
        if versions.strip(" ") and not _VERSIONS.fullmatch(versions.strip(" ")):
            raise wrong
    if semicolon and not _MARKER.fullmatch(marker):
        raise UsageError(
            f"{shown(target)} is not a requirement that pip understands: what follows ';' is no condition.",
            remedy="Write \"numpy; python_version < '3.12'\", for example.",
        )
    return target
