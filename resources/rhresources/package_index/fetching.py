"""One request to an index, in a thread: streamed, unpacked on the way, limited, ended when nobody waits any more."""

from __future__ import annotations

import http.client
import ssl
import threading
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from rhresources.errors import RhError
from rhresources.package_index.sources import IndexSource
from rhresources.version import version

JSON = "application/vnd.pypi.simple.v1+json"
ACCEPT = f"{JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"

_PIECE = 1 << 16
_TIMEOUT = 10.0  # of every wait for the network
_BROKEN = (OSError, EOFError, ValueError, http.client.HTTPException, zlib.error)


class NotThere(RhError):
    """The index has no such project."""

    code = "not-found"


class Ended(Exception):
    """Nobody waits for the rest."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an index said.

    Attributes:
        pieces: the unpacked body; empty if `unchanged`.
        unchanged: the page is as the ETag says.
        etag: to ask with next time; may be empty.
        content_type: of the body, in lower case, without parameters.
        url: where it came from after redirects.
    """

    pieces: Iterator[bytes]
    unchanged: bool
    etag: str
    content_type: str
    url: str


class Fetcher:
    """Asks indexes. Its methods block; trust, proxies and certificates are those of the environment, as for uv."""

    def __init__(self) -> None:
        self._opener: urllib.request.OpenerDirector | None = None
        self._lock = threading.Lock()

    @contextmanager
    def get(
        self, source: IndexSource, url: str, *, accept: str = ACCEPT, etag: str = "", limit: int, stop: threading.Event
    ) -> Iterator[Answer]:
        """Ask for `url`.

        Args:
            source: whose log-in is sent, if `url` is on the same host.
            url: http, https, or file for a folder of pages.
            accept: kinds of answers.
            etag: of what is known already.
            limit: bytes of the unpacked body.
            stop: set when nobody waits any more.

        Raises:
            NotThere: the index does not have it.
            RhError: the index cannot be reached, or its answer is too long.
            Ended: `stop` was set.
        """
        host = urlsplit(url).hostname or url
        answer, close = self._begin(source, url, accept, etag, limit, stop, host)
        try:
            yield answer
        finally:
            close()

    def _begin(
        self, source: IndexSource, url: str, accept: str, etag: str, limit: int, stop: threading.Event, host: str
    ) -> tuple[Answer, Callable[[], object]]:
        scheme, own = urlsplit(url).scheme, urlsplit(source.url).scheme
        if scheme not in {"file": ("file",), "https": ("https",)}.get(own, ("http", "https")):
            # a page of the index may name any address; not a file here, and not the open line after a closed one
            raise RhError(f"The index at {host} points to an address that is not followed.")
        try:
            if scheme == "file":
                file = _page(url).open("rb")
                return Answer(_limited(file.read, limit, stop, host), False, "", "text/html", url), file.close
            headers = {"Accept": accept, "Accept-Encoding": "gzip", "User-Agent": f"rhdesk/{version()}"}
            if etag:
                headers["If-None-Match"] = etag
            request = urllib.request.Request(url, headers=headers)
            if source.authorization and urlsplit(source.url)[:2] == urlsplit(url)[:2]:
                request.add_unredirected_header("Authorization", source.authorization)
            response = self._open(request)
            return _answer(response, response.headers, limit, stop, host), response.close
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 304:
                return Answer(iter(()), True, etag, "", url), error.close
            raise _refused(error, host) from None
        except FileNotFoundError:
            raise NotThere(f"{url} is not there.") from None
        except _BROKEN as error:
            raise _unreachable(error, host) from None

    def _open(self, request: urllib.request.Request) -> Any:
        with self._lock:
            if self._opener is None:
                self._opener = _new_opener()
            opener = self._opener
        return opener.open(request, timeout=_TIMEOUT)


def _refused(error: urllib.error.HTTPError, host: str) -> RhError:
    if error.code in (404, 410):
        return NotThere(f"{host} has no such package.")
    if error.code in (401, 403):
        return RhError(
            f"{host} refuses the log-in ({error.code}).",
            remedy="Put user and password of the index where uv finds them, such as ~/.netrc.",
        )
    return RhError(f"{host} answers with an error ({error.code} {error.reason}).")


def _unreachable(error: Exception, host: str) -> RhError:
    return RhError(f"{host} cannot be reached ({getattr(error, 'reason', None) or error}).", detail=repr(error))


def _new_opener() -> urllib.request.OpenerDirector:
    """Only http and https, also after a redirect: the usual opener would follow one to ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _page(url: str) -> Path:
    path = Path(urllib.request.url2pathname(urlsplit(url).path))
    return path / "index.html" if path.is_dir() else path


def _answer(response: IO[bytes], headers: Any, limit: int, stop: threading.Event, host: str) -> Answer:
    read: Callable[[int], bytes] = response.read
    if headers.get("Content-Encoding", "").lower() == "gzip":
        read = _unpacking(response)
    return Answer(
        _limited(read, limit, stop, host),
        False,
        headers.get("ETag", ""),
        headers.get("Content-Type", "").partition(";")[0].strip().lower(),
        getattr(response, "url", ""),
    )


def _unpacking(response: IO[bytes]) -> Callable[[int], bytes]:
    """A read function for a gzip body that never unpacks more than it is asked for."""
    unpacker = zlib.decompressobj(31)

    def read(count: int) -> bytes:
        while not unpacker.eof:
            packed = unpacker.unconsumed_tail or response.read(count)
            if not packed:
                raise EOFError("the answer ends in the middle")
            if data := unpacker.decompress(packed, count):
                return data
        return b""

    return read


def _limited(read: Callable[[int], bytes], limit: int, stop: threading.Event, host: str) -> Iterator[bytes]:
    total = 0
    while True:
        try:
            piece = read(_PIECE)
        except _BROKEN as error:
            raise _unreachable(error, host) from None
        if stop.is_set():
            raise Ended
        if not piece:
            return
        total += len(piece)
        if total > limit:
            raise RhError(f"The answer of {host} is longer than {limit:,} bytes.")
        yield piece
