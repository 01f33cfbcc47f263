"""How this computer reaches clusters whose documents were written elsewhere: its own log-in, in place of theirs.

A document says where a cluster is, and everybody brings their own credentials. What of `ssh_creds` is another person's,
such as the path of a key, is set here for one computer, in `<home>/reach.yaml`, and the shared document stays as it is.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from rhresources.documents import ClusterDocument, yaml
from rhresources.documents.base import Part, text_paths
from rhresources.documents.cluster import SshCredentials
from rhresources.documents.problems import validate
from rhresources.errors import DocumentError, RhError
from rhresources.people import registry_user
from rhresources.stores.files import disk_error, locked, read_text, write_text

FILE_NAME = "reach.yaml"
_HEAD = (
    "# How this computer logs in to clusters, in place of what their documents say under ssh_creds.\n"
    "# `rhdesk reach CLUSTER` shows and changes it.\n"
)


class _File(Part):
    clusters: dict[str, SshCredentials] = Field(default_factory=dict)


class OwnWays:
    """The file of a rhdesk directory. Its methods block; safe to use from several threads and processes."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE_NAME
        self._home = home
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int, int] | None, dict[str, SshCredentials]] = (None, {})

    def of(self, address: str) -> SshCredentials | None:
        """What is set for a cluster; None: nothing.

        Raises:
            RhError: the file is broken or cannot be read.
        """
        return self._all().get(self._key(address))

    def applied(self, address: str, document: ClusterDocument) -> ClusterDocument:
        """The document as this computer goes by it.

        Raises:
            RhError: the file is broken or cannot be read.
        """
        if document.type != "ssh" or (own := self.of(address)) is None:
            return document
        said = {name: getattr(own, name) for name in own.model_fields_set}
        return document.model_copy(update={"ssh_creds": document.ssh_creds.model_copy(update=said)})

    def change(self, address: str, said: Mapping[str, Any]) -> None:
        """Set fields of `ssh_creds` for a cluster, beside those that are set; None: as if the document did not say it.

        Raises:
            DocumentError: a value cannot be used.
            RhError: the file is broken or cannot be written; it is as it was.
        """
        key = self._key(address)

        def add(clusters: dict[str, dict[str, Any]]) -> None:
            clusters[key] = {**clusters.get(key, {}), **said}

        self._change(add)

    def replace(self, address: str, said: Mapping[str, Any]) -> None:
        """Set these fields of `ssh_creds` for a cluster and no others; errors as `change`."""
        key = self._key(address)

        def put(clusters: dict[str, dict[str, Any]]) -> None:
            clusters.pop(key, None)
            if said:
                clusters[key] = dict(said)

        self._change(put)

    def move(self, address: str, new: str) -> None:
        """Go by what is set for a cluster under its new name; errors as `forget`."""
        old, key = self._key(address), self._key(new)

        def rename(clusters: dict[str, dict[str, Any]]) -> None:
            if old in clusters:
                clusters[key] = clusters.pop(old)

        if self.of(address) is not None:
            self._change(rename)

    def forget(self, address: str) -> bool:
        """Go by the document alone again; whether anything was set.

        Raises:
            RhError: the file is broken or cannot be written; it is as it was.
        """
        there = self.of(address) is not None
        if there:
            self._change(lambda clusters: clusters.pop(self._key(address), None))
        return there

    # ------------------------------------------------------------ inside

    def _key(self, address: str) -> str:
        """`@/gpu` and `/alice/gpu` are one cluster for alice."""
        user = registry_user(self._home) if address.startswith("@/") else ""
        return f"/{user}/{address[2:]}" if user else address

    def _all(self) -> dict[str, SshCredentials]:
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise disk_error(f"{self.path} cannot be read", error) from None
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        with self._lock:
            if self._read[0] != stamp:
                self._read = stamp, self._load()
            return self._read[1]

    def _load(self) -> dict[str, SshCredentials]:
        source = str(self.path)
        try:
            text, _ = read_text(self.path, source)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise disk_error(f"{source} cannot be read", error) from None
        loaded = yaml.load(text, source=source, text_paths=text_paths(_File))
        return {} if loaded.value is None else dict(validate(_File, loaded, source=source).clusters)

    def _change(self, change: Callable[[dict[str, dict[str, Any]]], object]) -> None:
        try:
            with locked(self.path.parent):
                clusters = {
                    address: {name: getattr(own, name) for name in sorted(own.model_fields_set)}
                    for address, own in self._to_change().items()
                }
                change(clusters)
                text = yaml.dump({"clusters": clusters})
                validate(_File, yaml.load(text, text_paths=text_paths(_File)))
                write_text(self.path, _HEAD + text, private=True)
        except OSError as error:
            raise disk_error(f"{self.path} was not saved", error) from None

    def _to_change(self) -> dict[str, SshCredentials]:
        try:
            return self._load()
        except DocumentError as error:
            raise RhError(
                f"Nothing was changed, because {error.sentence}",
                remedy=f"Mend {self.path}, or delete it; it holds no secret.",
                detail=error.detail,
            ) from None


def missing_key(document: ClusterDocument) -> str:
    """The key that a document names and this computer does not have; empty if there is none such. Looks at the disk."""
    creds = document.ssh_creds
    if document.type != "ssh" or not creds.ssh_private_key or creds.log_in not in ("auto", "key"):
        return ""
    return "" if Path(creds.ssh_private_key).expanduser().exists() else creds.ssh_private_key
