"""The certificate that the registry shows, loaded anew when its files are renewed."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from rhresources.errors import RhError

log = logging.getLogger(__name__)

_Stamp = tuple[tuple[int, int, int], ...]


class Certificate:
    """A certificate with its chain, and its private key, as PEM files.

    Raises:
        RhError: they cannot be read, or do not belong together.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self.context = _context()
        self._stamp = self._look()
        self._load(self.context)

    def reload_if_renewed(self) -> None:
        """Show the certificate that is in the files now; the one from before where they are not a whole pair."""
        try:
            stamp = self._look()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._load(_context())  # tried first: half of a pair must not be shown
            self._load(self.context)
        except RhError as error:
            log.warning("the renewed certificate is not used: %s", error)

    def _look(self) -> _Stamp:
        try:
            found = [file.stat() for file in self._files]
        except OSError as error:
            raise RhError(f"{error.filename} cannot be read: {error.strerror}.") from None
        return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in found)

    def _load(self, context: ssl.SSLContext) -> None:
        certificate, key = self._files
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except (OSError, ValueError) as error:  # SSLError is an OSError
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
            raise RhError(
                f"The certificate {certificate} and the key {key} cannot be used: {reason}.",
                remedy="Both are PEM files; the certificate comes first in its file, the key has no passphrase.",
                detail=str(error),
            ) from None


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    return context


def _no_password() -> str:
    raise ValueError("the key has a passphrase")
