"""Resources on this computer: one YAML file each, `<home>/resources/<folder>/<name>.yaml`.

The files belong to the user, who may edit them at any time: what cannot be read is listed as broken and left alone,
what is saved over keeps its comments, and a change that somebody else made in between is not lost.
"""

from __future__ import annotations

import builtins
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rhresources.documents import KINDS, Document, dump_document, parse_document, update_text
from rhresources.errors import AlreadyExists, DocumentError, NotFound, RhError
from rhresources.names import Address
from rhresources.stores.entry import Entry
from rhresources.stores.files import disk_error, locked, read_text, sync_directory, write_text
from rhresources.stores.watching import Signature, signature, watch_files

SUFFIX = ".yaml"

_SETTLED_SECONDS = 2.0
_KIND = re.compile(r"^kind:\s*['\"]?(\w+)", re.MULTILINE)


class LocalStore:
    """The `~/` resources under `<home>/resources`. Safe to use from several threads and processes.

    Args:
        home: the rhdesk directory; it need not exist yet.
    """

    def __init__(self, home: Path) -> None:
        self.root = home / "resources"
        self._read: dict[Path, tuple[Signature, Entry]] = {}
        self._read_lock = threading.Lock()

    def path(self, address: Address) -> Path:
        """The file of `address`."""
        return self.root.joinpath(*address.parts[:-1], f"{address.name}{SUFFIX}")

    def load(self, address: Address) -> Entry:
        """The resource, which may be broken.

        Raises:
            NotFound: there is none.
            RhError: the file cannot be reached.
        """
        entry = self._entry(self.path(address), address)
        if entry is None:
            raise NotFound(f"There is no resource {address}.")
        return entry

    def exists(self, address: Address) -> bool:
        """Whether there is a resource, broken or not."""
        return os.path.lexists(self.path(address))

    def list(self) -> builtins.list[Entry]:
        """All resources, broken ones too, by name."""
        paths = list(self._files())
        with self._read_lock:
            for gone in self._read.keys() - set(paths):
                del self._read[gone]
        entries = [self._entry(path, self._address(path)) for path in paths]
        return sorted((entry for entry in entries if entry), key=lambda entry: entry.address.parts)

    def saying(self, words: Sequence[str]) -> builtins.list[Entry]:
        """Those whose text has one of these words in it; texts that have none are not taken apart, which takes long."""
        paths = (path for path in self._files() if _says(path, words))
        return [entry for path in paths if (entry := self._entry(path, self._address(path))) is not None]

    def folders(self) -> builtins.list[str]:
        """Every folder in canonical form, `~` first."""
        found = {"~"}
        for directory, _, _ in self._walk():
            found.add("/".join(("~", *directory.relative_to(self.root).parts)))
        return sorted(found)

    def save(self, address: Address, document: Document, *, overwrite: bool = True) -> Entry:
        """Save a document; comments of the file it replaces are kept.

        Raises:
            AlreadyExists: the name is taken and may not be overwritten, or another one differs only in case.
            DocumentError: a broken file is there; it is left alone.
            RhError: the disk refused; the old document is still there.
        """

        def text(old: Entry | None) -> str:
            if old is None:
                return dump_document(document)
            if not overwrite:
                raise AlreadyExists(f"There is a resource {address} already.", remedy="Choose another name.")
            if old.problem is not None:
                raise DocumentError(
                    f"{address} was not saved, because its file is broken and holds what somebody wrote: {old.problem}",
                    problems=old.problem.problems,
                    remedy=f"Mend or delete {old.path} first.",
                    detail=old.problem.detail,
                )
            return update_text(old.text, document)

        return self._write(address, text)

    def save_text(self, address: Address, text: str, *, modified: float | None = None) -> Entry:
        """Save a document as YAML text, to the letter; this may replace a broken file.

        Args:
            address: its name.
            text: the YAML.
            modified: `Entry.modified` of what the text began as; 0 if there was nothing. None: whatever is there.

        Raises:
            DocumentError: the text is not a valid document; it names the field and the line.
            AlreadyExists: the file has been changed, made or deleted since `modified`, or a name differs only in case.
            RhError: the disk refused; the old document is still there.
        """
        parse_document(text, source=str(address))

        def unless_changed(old: Entry | None) -> str:
            there = old.modified if old else 0.0
            if modified is not None and modified != there:
                if not modified:
                    raise AlreadyExists(f"There is a resource {address} already.", remedy="Choose another name.")
                what = "deleted" if old is None else "changed"
                raise AlreadyExists(
                    f"{address} was not saved, because it has been {what} by something else in the meantime.",
                    remedy="Load it again and repeat your change, or save under another name.",
                )
            return text if text.endswith("\n") else f"{text}\n"

        return self._write(address, unless_changed)

    def delete(self, address: Address) -> None:
        """Delete a resource, broken or not; folders that become empty go too.

        Raises:
            NotFound: there is none.
            RhError: the disk refused.
        """
        path = self.path(address)
        try:
            with locked(self.root):
                path.unlink()
                sync_directory(path.parent)
                self._remove_empty(path.parent)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"There is no resource {address}.") from None
        except OSError as error:
            raise disk_error(f"{address} was not deleted", error) from None

    def rename(self, old: Address, new: Address) -> Entry:
        """Give a resource another name or folder; its text stays as it is, broken or not.

        Raises:
            NotFound: there is no `old`.
            AlreadyExists: `new` is taken, or differs from another name only in case.
            RhError: the disk refused.
        """
        before, after = self.path(old), self.path(new)
        try:
            with locked(self.root):
                if not self.exists(old):
                    raise NotFound(f"There is no resource {old}.")
                self._require_free(new, besides=old)
                after.parent.mkdir(parents=True, exist_ok=True)
                os.rename(before, after)
                sync_directory(after.parent)
                self._remove_empty(before.parent)
        except OSError as error:
            raise disk_error(f"{old} was not renamed", error) from None
        return self.load(new)

    def watch(self, callback: Callable[[frozenset[Address]], None]) -> Callable[[], None]:
        """Call `callback`, in a thread of its own, with the names that were made, changed or deleted by anybody.

        Returns:
            What ends the watch; it returns when `callback` will not be called again.
        """
        return watch_files(self.root, SUFFIX, lambda paths: callback(frozenset(map(self._address, paths))))

    def _write(self, address: Address, make: Callable[[Entry | None], str]) -> Entry:
        """Replace the file of `address` by what `make` says of the old one, under the lock."""
        path = self.path(address)
        try:
            with locked(self.root):
                old = self._entry(path, address)
                if old is None:
                    self._require_free(address)
                write_text(path, make(old))
        except OSError as error:
            raise disk_error(f"{address} was not saved", error) from None
        return self.load(address)

    def _require_free(self, address: Address, besides: Address | None = None) -> None:
        """Refuse a name that is taken, or that another computer's disk could not tell from one that is."""
        directory = self.root
        for depth, part in enumerate((*address.parts[:-1], f"{address.name}{SUFFIX}"), start=1):
            for found in self._names(directory):
                if found.lower() != part.lower():
                    continue
                is_name = depth == len(address.parts)
                there = "/".join(("~", *address.parts[: depth - 1], found.removesuffix(SUFFIX) if is_name else found))
                if besides is not None and there == str(besides):
                    continue
                if found == part and is_name:
                    raise AlreadyExists(f"There is a resource {address} already.", remedy="Choose another name.")
                if found != part:
                    raise AlreadyExists(
                        f"{address} and {there} differ only in upper and lower case.", remedy="Choose another name."
                    )
            directory /= part

    @staticmethod
    def _names(directory: Path) -> builtins.list[str]:
        try:
            return os.listdir(directory)
        except FileNotFoundError:
            return []

    def _remove_empty(self, directory: Path) -> None:
        while directory != self.root and self.root in directory.parents:
            try:
                directory.rmdir()
            except OSError:
                return
            directory = directory.parent

    def _walk(self) -> Iterator[tuple[Path, builtins.list[str], builtins.list[str]]]:
        for directory, folders, files in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield Path(directory), folders, files

    def _files(self) -> Iterator[Path]:
        for directory, _, files in self._walk():
            for name in files:
                if name.endswith((SUFFIX, ".yml")) and not name.startswith("."):
                    yield directory / name

    def _address(self, path: Path) -> Address:
        """The address of a file, even where its name cannot be one; such a file is listed as broken."""
        relative = path.relative_to(self.root)
        name = relative.name.removesuffix(SUFFIX)
        return Address("local", (*relative.parts[:-1], name))

    def _entry(self, path: Path, address: Address) -> Entry | None:
        """What is in a file, from memory if it has not changed; None if there is no file."""
        try:
            now = signature(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise disk_error(f"{address} cannot be read", error) from None
        with self._read_lock:
            if (known := self._read.get(path)) and known[0] == now:
                return known[1]
        entry = self._fresh_entry(path, address)
        # a file that changed just now may change again without another modification time
        if entry is not None and time.time() - entry.modified > _SETTLED_SECONDS:
            with self._read_lock:
                self._read[path] = (now, entry)
        return entry

    def _fresh_entry(self, path: Path, address: Address) -> Entry | None:
        source = str(path)
        text, modified = "", 0.0
        try:
            text, modified = read_text(path, source)
            _require_good_name(path, address)
            document = parse_document(text, source=source).in_folder(address.folder)
            return Entry(address, document, None, modified, path, document.kind, text)
        except DocumentError as error:
            found = _KIND.search(text)
            kind = found[1] if found and found[1] in KINDS else ""
            return Entry(address, None, error, modified or path.lstat().st_mtime, path, kind, text)
        except FileNotFoundError:
            if not path.is_symlink():
                return None
            problem = DocumentError(f"{source}: this is a link to a file that does not exist.")
        except OSError as error:
            problem = DocumentError(str(disk_error(f"{source} cannot be read", error)), detail=str(error))
        return Entry(address, None, problem, path.lstat().st_mtime, path, "", "")


def _says(path: Path, words: Sequence[str]) -> bool:
    try:
        text, _ = read_text(path, str(path))
    except (DocumentError, OSError):
        return False
    return any(word in text for word in words)


def _require_good_name(path: Path, address: Address) -> None:
    if path.suffix != SUFFIX:
        raise DocumentError(f"{path}: the name of a resource's file must end with {SUFFIX}.", remedy="Rename the file.")
    try:
        Address.parse(str(address))
    except RhError as error:
        raise DocumentError(
            f"{path}: its name cannot be the name of a resource. {error.sentence}", remedy="Rename the file."
        ) from None
