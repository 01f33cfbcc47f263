"""Which credentials lie in the keyring. A keyring cannot list its entries; this file can, and holds no secret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rhresources.credentials.entries import KINDS, Kind, escaped, unescaped
from rhresources.documents import yaml
from rhresources.errors import DocumentError, RhError
from rhresources.stores.files import disk_error, locked, read_text, write_text

_HEAD = "# What rhdesk keeps in the keyring of the operating system. The secrets themselves are there, not here.\n"

Key = tuple[Kind, str]


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the index: when the entry was made, and in which keyring."""

    created: float
    store: str


class Index:
    """The file `<home>/credentials.yaml`. Every method blocks; safe to use from several threads and processes.

    Args:
        path: the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[Key, Listed]:
        """All entries, in the order in which they were made.

        Raises:
            DocumentError: the file is broken; it names the line.
            RhError: it cannot be read.
        """
        try:
            text, _ = read_text(self.path, str(self.path))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise disk_error(f"{self.path} cannot be read", error) from None
        loaded = yaml.load(text, source=str(self.path))
        if loaded.value is None:
            return {}
        rows = loaded.value.get("entries") if isinstance(loaded.value, dict) else None
        if not isinstance(rows, list):
            raise yaml.problem("this is not a list of credentials", source=str(self.path), line=1)
        found: dict[Key, Listed] = {}
        for number, row in enumerate(rows):
            key, listed = self._entry(row, loaded.line(("entries", number)))
            found[key] = listed
        return found

    def add(self, key: Key, listed: Listed) -> None:
        """Put an entry in, in place of one of the same name.

        Raises:
            RhError: the file is broken or cannot be written; it is as it was.
        """
        self._change(lambda entries: entries | {key: listed})

    def remove(self, key: Key) -> None:
        """Take an entry out, if it is there.

        Raises:
            RhError: as `add`.
        """
        self._change(lambda entries: {each: listed for each, listed in entries.items() if each != key})

    def require_whole(self) -> None:
        """See that the file could be changed.

        Raises:
            RhError: it is broken, and would be left alone.
        """
        self._to_change()

    def _change(self, change: Callable[[dict[Key, Listed]], dict[Key, Listed]]) -> None:
        try:
            with locked(self.path.parent):
                before = self._to_change()
                after = change(before)
                if after != before:
                    rows = [_row(*each) for each in after.items()]
                    write_text(self.path, _HEAD + yaml.dump({"entries": rows}), private=True)
        except OSError as error:
            raise disk_error(f"{self.path} was not saved", error) from None

    def _to_change(self) -> dict[Key, Listed]:
        try:
            return self.read()
        except DocumentError as error:
            raise RhError(
                f"The list of credentials was not changed, because {error.sentence}",
                remedy=f"Mend {self.path}, or delete it and set the credentials again; it holds no secret.",
                detail=error.detail,
            ) from None

    def _entry(self, row: Any, line: int | None) -> tuple[Key, Listed]:
        def wrong(message: str) -> DocumentError:
            return yaml.problem(message, source=str(self.path), line=line)

        if not isinstance(row, dict):
            raise wrong("this is not a credential")
        kind, subject = row.get("kind"), row.get("subject")
        if kind not in KINDS:
            raise wrong(f"kind: {kind!r} is not one of {', '.join(KINDS)}")
        if not isinstance(subject, str) or not subject:
            raise wrong("subject: this is not text")
        created, store = row.get("created", ""), row.get("store", "")
        try:
            # YAML reads an unquoted time as one
            moment = datetime.fromisoformat(str(created)).timestamp() if created else 0.0
        except (ValueError, OverflowError, OSError):
            raise wrong(f"created: {created!r} is not a time") from None
        return (kind, unescaped(subject)), Listed(moment, str(store))


def _row(key: Key, listed: Listed) -> dict[str, str]:
    created = datetime.fromtimestamp(listed.created, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    # YAML cannot hold every character that a path may have
    return {"kind": key[0], "subject": escaped(key[1]), "store": listed.store, "created": created}
