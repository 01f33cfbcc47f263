"""What is kept of checkouts on this computer: the notes beside them, and who goes when nobody asks any more."""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rhresources.file_locks import remove_if_free
from rhresources.git.address import Remote

KEPT_DAYS = 30
"""For how long a checkout that nobody asks for is kept."""

LOCK = "lock"
"""In the folder of every repository: whoever changes that holds it."""

_DAY = 86_400
_FORMAT = 2


@dataclass(frozen=True, slots=True)
class Checkout:
    """A repository at a commit, as files of this computer that nobody changes.

    Attributes:
        url: of the repository, as git gets it.
        revision: what was asked for: a branch, tag or commit; empty: the default branch.
        commit: the whole name of the commit that it was.
        folder: where its files are.
        pointers: files that Git LFS keeps elsewhere; what is here are pointers to their content.
        files, size: how many, and their bytes; those of its submodules among them.
    """

    url: str
    revision: str
    commit: str
    folder: Path
    pointers: tuple[str, ...] = ()
    files: int = 0
    size: int = 0

    @property
    def title(self) -> str:
        """For people: `https://host/o/r.git@main (3f2a9c1)`."""
        short = self.commit[:7]
        if not self.revision:
            return f"{self.url} ({short})"
        same = self.commit.startswith(self.revision)
        return f"{self.url}@{short if same else self.revision}" + ("" if same else f" ({short})")


def find(base: Path, remote: Remote, commit: str) -> Checkout | None:
    """The checkout of a commit that is here, now in use; None: there is none. Reads files."""
    about = base / remote.key / "trees" / f"{commit}.json"
    folder = about.with_suffix("") / remote.name
    try:
        said = json.loads(about.read_bytes())
        if said["format"] != _FORMAT or said["url"] != remote.url or not folder.is_dir():
            return None
        os.utime(about)
        pointers, files, size = tuple(said["pointers"]), int(said["files"]), int(said["size"])
        return Checkout(remote.url, "", commit, folder, pointers, files, size)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def put(draft: Path, place: Path, checkout: Checkout) -> Checkout:
    """Move a checkout that was made in `draft` to its place.

    Raises:
        OSError: it cannot be moved.
    """
    remove(place)
    draft.rename(place)
    checkout = replace(checkout, folder=place / checkout.folder.name)
    # written last: a checkout without it was not finished
    note = place.with_name(f"{place.name}.json")
    half = note.with_name(f".{note.name}.{os.getpid()}")
    half.write_text(json.dumps({"format": _FORMAT, **asdict(checkout), "folder": str(checkout.folder)}))
    half.replace(note)
    return checkout


def remembered(folder: Path) -> dict[str, str]:
    """{branch or tag: commit} of a repository, as they were when they were last asked for."""
    try:
        said = json.loads((folder / "revisions.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in said.items()} if isinstance(said, dict) else {}


def remember(folder: Path, revision: str, commit: str) -> None:
    """Keep what a branch was when it was last asked for. Of no use to anybody if it cannot be written."""
    known = remembered(folder)
    if known.get(revision) == commit:
        return
    half = folder / f".revisions.{os.getpid()}"
    with suppress(OSError):
        half.write_text(json.dumps(known | {revision: commit}))
        half.replace(folder / "revisions.json")


def remove(folder: Path) -> None:
    """Remove a folder, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_old_checkouts(home: Path, but: str) -> None:
    """Of one repository, whose lock is held: what nobody asked for in a while, and drafts of processes that died."""
    oldest = time.time() - KEPT_DAYS * _DAY
    for note in home.glob("trees/*.json"):
        if note.stem != but and _time_of(note) < oldest:
            note.unlink(missing_ok=True)
            remove(note.with_suffix(""))
            remove(home / "repository.git")  # nobody knows which of its objects are still of use
    for draft in home.glob("trees/.*"):
        if draft.is_dir() and _time_of(draft) < time.time() - _DAY:
            remove(draft)


def remove_old_repositories(base: Path) -> None:
    """Those of which nobody asked for any checkout in a while; looked for once a day. Blocks."""
    mark = base / ".swept"
    if _time_of(mark) > time.time() - _DAY:
        return
    with suppress(OSError):
        mark.touch()
        oldest = time.time() - KEPT_DAYS * _DAY
        for home in base.iterdir():
            if home.is_dir() and max(map(_time_of, (home, *home.glob("*"), *home.glob("trees/*.json")))) < oldest:
                remove_if_free(home, LOCK)


def _time_of(file: Path) -> float:
    try:
        return file.lstat().st_mtime
    except OSError:
        return 0.0
