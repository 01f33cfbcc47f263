"""Options of installers that a package may have: those that choose *what* is installed, never where, nor what runs.

Client and cluster check options here, each for itself: the client to say early what is wrong, the cluster because a
client may be anyone's. Every option that passed is one word, `--name` or `--name=value` with the long name, so that no
value can be read as another option:

    -i URL, --index-url URL, --default-index=URL        --index-url=URL
    -c pytorch, --channel pytorch                       --channel=pytorch     (conda)
    --no-binary a,b                                     --no-binary=a --no-binary=b
    --pre                                               --prerelease=allow

Options of pip packages are those of `uv pip install` (`-r ... -c file` in requirements files is not read here).
Paths in `--constraint` and `--override` start from the package's folder and stay inside it; absolute paths in
`--find-links` and `--channel` are the cluster's.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from rhresources.errors import UsageError
from rhresources.package_words import checked_text, checked_url, shown

OPTIONS_LIMIT = 50
"""Most options that one package may have."""

_WORD_LIMIT = 2000


class BadOption(UsageError):
    """An option that cannot be used; `index` is its place among the words."""

    def __init__(self, sentence: str, *, remedy: str = "", detail: str = "", index: int = 0) -> None:
        super().__init__(sentence, remedy=remedy, detail=detail)
        self.index = index


@dataclass(frozen=True, slots=True)
class _Option:
    """One allowed option.

    Attributes:
        name: the long name it gets.
        check: makes its value tidy, or several of it; None: it takes no value.
        also: other names of it.
        many: whether it may stand several times.
        becomes: the whole word where it is short for another option.
    """

    name: str
    check: Callable[[str], Sequence[str]] | None = None
    also: tuple[str, ...] = ()
    many: bool = False
    becomes: str = ""


def _index(value: str) -> Sequence[str]:
    named = re.fullmatch(r"[A-Za-z0-9_-]+=(.+)", value)  # uv's way to give an index a name
    return [checked_url(named[1] if named else value, ("https", "http", "file"))]


def _links(value: str) -> Sequence[str]:
    if "://" in value:
        return [checked_url(value, ("https", "http", "file"))]
    if value.startswith("/"):
        return [value]
    raise UsageError(f"{shown(value)} is neither an address nor an absolute path on the cluster.")


def _links_of_a_file(value: str) -> Sequence[str]:
    return _links(value) if "://" in value or value.startswith("/") else _inside(value)


def _inside(value: str) -> Sequence[str]:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or "\\" in value or str(path)[0] in "-~" or "://" in value:
        raise UsageError(f"{shown(value)} is not a path inside of the package's folder.")
    return [str(path)]


def _packages(value: str) -> Sequence[str]:
    names = [name.strip() for name in value.split(",")]
    for name in names:
        if name not in (":all:", ":none:") and not _NAME.fullmatch(name):
            raise UsageError(f"{shown(name)} is not the name of a package.")
    return names


def _one_of(*choices: str) -> Callable[[str], Sequence[str]]:
    def check(value: str) -> Sequence[str]:
        if value not in choices:
            near = difflib.get_close_matches(value, choices, 1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"{shown(value)} is none of {', '.join(choices)}.{meant}")
        return [value]

    return check


def _matching(pattern: str, what: str) -> Callable[[str], Sequence[str]]:
    compiled = re.compile(pattern)

    def check(value: str) -> Sequence[str]:
        if not compiled.fullmatch(value):
            raise UsageError(f"{shown(value)} is not {what}.")
        return [value]

    return check


def checked_channel(value: str) -> str:
    """A conda channel: a name, the address of one, or an absolute path on the cluster.

    Raises:
        UsageError: it is none, or has a token in it.
    """
    if "://" in value:
        if re.search(r"/t/[^/]+(/|$)", value):
            raise UsageError("The address of the channel has a token in it.", remedy=_TOKEN_REMEDY)
        return checked_url(value, ("https", "http", "file"))
    parts = PurePosixPath(value).parts
    if not _CHANNEL.fullmatch(value) or ".." in parts or parts[:1] == (".",):
        raise UsageError(f"{shown(value)} is not a conda channel.")
    return value


_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_CHANNEL = re.compile(r"/?[A-Za-z0-9_][A-Za-z0-9_./-]*")
_TOKEN_REMEDY = "Leave it out and log in to the channel on the cluster instead."
_DATE = r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?"
_DATE_WORDS = "a date such as 2024-05-01 or 2024-05-01T12:00:00Z"
_BACKEND = r"auto|cpu|cu\d{2,3}|rocm\d(\.\d+)*|xpu"
_HOST = r"[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?"
_KINDS_OF_PRERELEASE = ("disallow", "allow", "if-necessary", "explicit", "if-necessary-or-explicit")

_SHARED = (
    _Option("--index-url", _index, ("-i", "--default-index", "--pypi-url")),
    _Option("--extra-index-url", _index, ("--index",), many=True),
    _Option("--no-index"),
    _Option("--no-binary", _packages, many=True),
    _Option("--only-binary", _packages, many=True),
    _Option("--pre", becomes="--prerelease=allow"),
    _Option("--require-hashes"),
    _Option("--allow-insecure-host", _matching(_HOST, "a host"), ("--trusted-host",), many=True),
)
_PIP = (
    *_SHARED,
    _Option("--find-links", _links, ("-f",), many=True),
    _Option("--index-strategy", _one_of("first-index", "unsafe-first-match", "unsafe-best-match")),
    _Option("--no-deps", None, ("--no-dependencies",)),
    _Option("--prerelease", _one_of(*_KINDS_OF_PRERELEASE)),
    _Option("--no-build"),
    _Option("--no-build-isolation"),
    _Option("--no-build-isolation-package", _packages, many=True),
    _Option("--no-sources"),
    _Option("--upgrade", None, ("-U",)),
    _Option("--upgrade-package", _packages, ("-P",), many=True),
    _Option("--reinstall", None, ("--force-reinstall",)),
    _Option("--reinstall-package", _packages, many=True),
    _Option("--resolution", _one_of("highest", "lowest", "lowest-direct")),
    _Option("--exclude-newer", _matching(_DATE, _DATE_WORDS)),
    _Option(
        "--exclude-newer-package",
        _matching(rf"{_NAME.pattern}={_DATE}", "a package and a date, such as numpy=2024-05-01"),
        many=True,
    ),
    _Option(
        "--config-setting",
        _matching(r"[A-Za-z0-9_.-]+=.*", "a setting such as NAME=VALUE"),
        ("-C", "--config-settings"),
        many=True,
    ),
    _Option("--torch-backend", _matching(_BACKEND, "a backend of PyTorch such as auto, cpu or cu126")),
)
_REQS = (
    *_PIP,
    _Option("--constraint", _inside, ("-c", "--constraints"), many=True),
    _Option("--override", _inside, ("--overrides",), many=True),
    _Option("--build-constraint", _inside, ("-b", "--build-constraints"), many=True),
)
_CONDA = (
    _Option("--channel", lambda value: [checked_channel(value)], ("-c",), many=True),
    _Option("--override-channels"),
    _Option("--strict-channel-priority"),
    _Option("--no-channel-priority"),
)
_FILE = (
    *_SHARED,
    _Option("--find-links", _links_of_a_file, ("-f",), many=True),
    _Option("--prefer-binary"),
    _Option("--use-feature", _matching(r"[a-z0-9-]+", "a feature"), many=True),
)

COMMAND_OPTIONS = frozenset({"--prerelease", "--require-hashes", "--allow-insecure-host"})
"""What `checked_file_option` lets pass although uv heeds it on its command line only, not in requirements files."""

_IGNORED_IN_FILES = frozenset({"--prefer-binary", "--use-feature"})
_ELSEWHERE = "it would install somewhere else"
_REASONS = {
    **dict.fromkeys(("-r", "--requirement", "--requirements"), 'write the file as a package, "reqs:./dev.txt"'),
    **dict.fromkeys(("-e", "--editable"), 'write the folder as a package, "pip:./"'),
    **dict.fromkeys(
        ("-t", "--target", "--prefix", "--root", "--user", "--system", "--python", "-p", "--break-system-packages",
         "--directory", "--project", "-n", "--name"),
        _ELSEWHERE,
    ),
    **dict.fromkeys(("--dry-run", "--check"), "nothing would be installed"),
    **dict.fromkeys(("-y", "--yes", "-q", "--quiet", "-v", "--verbose", "--no-progress", "--no-cache",
                     "--no-cache-dir", "--cache-dir", "--no-input", "--compile-bytecode"), "leave it out"),
    **dict.fromkeys(("--config-file", "--global-option", "--install-option", "--build-option",
                     "--keyring-provider", "--cert", "--client-cert", "--proxy"), "it is for the cluster to decide"),
}  # fmt: skip

_ALLOWED: dict[str, tuple[_Option, ...]] = {"pip": _PIP, "reqs": _REQS, "git": _REQS, "conda": _CONDA, "local": ()}


def checked_options(method: str, options: Sequence[str]) -> tuple[str, ...]:
    """The options of a package, each as one word; those of conda with its channels first.

    Args:
        method: "pip", "reqs", "conda" or "local"; a git package's is its checkout ("git" counts as "reqs").
        options: words as a shell splits them: `-i URL` is two, `--index-url=URL` one. What this returned, it
            returns again.

    Raises:
        BadOption: one is not allowed, lacks its value, or has one that cannot be.
    """
    allowed = _ALLOWED.get(method)
    if allowed is None:
        raise UsageError(f"A package of method {method!r} is not known.")
    if options and not allowed:
        raise BadOption(
            f"A {method} package has no options: nothing is installed, it is only put onto sys.path.",
            remedy="Leave them out, or use reqs: or pip: instead.",
        )
    found = _read(options, allowed, f"a {method} package")
    if method == "conda":
        found.sort(key=lambda option: not option.startswith("--channel="))
    return tuple(found)


def checked_file_option(line: str) -> str:
    """An option line of a requirements file in its tidy form, quoted as for a shell; empty if it says nothing to uv.

    Files that a line names (`-r`, `-c`, `-e`) are the reader's own business and no options. A relative path of
    `--find-links` stays relative.

    Raises:
        BadOption: it is not allowed.
    """
    if len(line) > 4000:
        raise BadOption(f"An option line of {len(line)} characters is too long.")
    try:
        words = shlex.split(line, comments=False)
    except ValueError as error:
        raise BadOption(f"{shown(line)} cannot be read ({str(error).lower()}).") from None
    found = _read(words, _FILE, "a requirements file")
    return " ".join(map(shlex.quote, (word for word in found if word.partition("=")[0] not in _IGNORED_IN_FILES)))


def option_names(method: str) -> tuple[str, ...]:
    """Long names of the options that a package of `method` may have, for completion."""
    return tuple(option.name for option in _ALLOWED.get(method, ()))


def _read(words: Sequence[str], allowed: Sequence[_Option], of: str) -> list[str]:
    if len(words) > OPTIONS_LIMIT * 2:
        raise BadOption(f"{len(words)} words are too many options; {OPTIONS_LIMIT} are allowed.")
    known = {name: option for option in allowed for name in (option.name, *option.also)}
    found: dict[str, str] = {}
    index = 0
    while index < len(words):
        at, word = index, words[index]
        index += 1
        try:
            option, value = _taken_apart(word, known, of)
            if option.check is not None and value is None:
                if index >= len(words) or words[index].startswith("-"):
                    raise UsageError(f"The option {option.name} lacks its value.")
                value = words[index]
                index += 1
            new = _written(option, value)
            if not option.many and new[0] not in found:
                name = new[0].partition("=")[0]
                if any(other.partition("=")[0] == name for other in found):
                    raise UsageError(f"The option {name} stands twice.", remedy="Leave one of them.")
        except UsageError as error:
            raise BadOption(error.sentence, remedy=error.remedy, index=at) from None
        found |= dict.fromkeys(new, "")
    if len(found) > OPTIONS_LIMIT:
        raise BadOption(f"{len(found)} options are too many; {OPTIONS_LIMIT} are allowed.")
    return list(found)


def _taken_apart(word: str, known: dict[str, _Option], of: str) -> tuple[_Option, str | None]:
    """The option that `word` begins, and its value if the word holds it."""
    if len(word) > _WORD_LIMIT:
        raise UsageError(f"An option of {len(word):,} characters is too long; {_WORD_LIMIT:,} are allowed.")
    checked_text(word)
    if not word.startswith("-"):
        raise UsageError(
            f"{shown(word)} is not an option: it does not begin with '-'.", remedy="Write one package a line."
        )
    name, equals, value = word.partition("=")
    if name in known:
        return known[name], value if equals else None
    short = known.get(word[:2])
    if not word.startswith("--") and short is not None and short.check is not None:
        return short, word[2:].removeprefix("=")
    if (reason := _REASONS.get(name)) is not None:
        raise UsageError(f"The option {name} cannot be used for {of}: {reason}.")
    names = sorted(name for name in known if name.startswith("--"))
    near = difflib.get_close_matches(name, names, 1, 0.5)
    raise UsageError(
        f"The option {shown(name)} is not allowed for {of}.",
        remedy=f"Did you mean {near[0]}?" if near else f"Allowed are {', '.join(names)}." if len(names) < 8 else "",
    )


def _written(option: _Option, value: str | None) -> list[str]:
    if option.check is None:
        if value is not None:
            raise UsageError(f"The option {option.name} takes no value.")
        return [option.becomes or option.name]
    assert value is not None
    if len(value) > _WORD_LIMIT:
        raise UsageError(f"The value of {option.name} is too long: {len(value):,} characters.")
    checked_text(value)
    if not value or value.startswith("-"):
        raise UsageError(f"The option {option.name} lacks its value.")
    try:
        return [f"{option.name}={one}" for one in option.check(value)]
    except UsageError as error:
        raise UsageError(f"The option {option.name} cannot be used: {error.sentence}", remedy=error.remedy) from None
