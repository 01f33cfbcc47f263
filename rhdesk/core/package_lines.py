"""Whether a line of an environment, as a cluster shows it, stands for a package. No Qt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rhresources.errors import RhError

if TYPE_CHECKING:
    from rhresources.packages import PackageSpec

_OWN_FOLDER = "./"


def stands_for(line: str, spec: PackageSpec) -> bool:
    """Whether a line of an environment is of a package.

    A git package is shown with the commit that its revision was: "git:https://host/o/r.git@main (3f2a9c1) in lib".
    """
    if spec.method != "git":
        return line in (spec.text, str(spec))
    from rhresources.git.address import remote_of

    try:
        remote = remote_of(spec.git_url)
    except RhError:  # one that git is never given
        return False
    address = f"{'git' if spec.checkout == 'reqs' else spec.checkout}:{remote.url}"
    inside = f" in {spec.subdirectory}" if spec.subdirectory else ""
    if not line.startswith(address) or not line.endswith(inside):
        return False
    said = re.fullmatch(r"(?:@(\S+))?(?: \(([0-9a-f]+)\))?", line[len(address) : len(line) - len(inside)])
    if said is None:
        return False
    revision, commit = said[1] or "", said[2] or ""
    # asked for by its commit, it is shown by the beginning of that alone
    by_commit = bool(revision) and not commit and bool(re.fullmatch("[0-9a-f]{4,40}", spec.revision))
    alike = spec.revision.startswith(revision) or revision.startswith(spec.revision)
    return revision == spec.revision or (by_commit and alike)


def same_packages(lines: Sequence[str], specs: Iterable[PackageSpec]) -> bool:
    """Whether a function that asks for just these packages asks for what an environment was made of.

    The function's own folder, which is one of the packages of its environment, tells nothing and is passed over.
    """
    made_of = [line for line in lines if line != _OWN_FOLDER]
    asked = [spec for spec in specs if (spec.text or str(spec)) != _OWN_FOLDER]
    return (
        bool(asked)
        and all(any(stands_for(line, spec) for line in made_of) for spec in asked)
        and all(any(stands_for(line, spec) for spec in asked) for line in made_of)
    )
