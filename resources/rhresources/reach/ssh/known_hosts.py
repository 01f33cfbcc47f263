"""Files of known host keys as OpenSSH reads and writes them: wildcards, negation, hashed names, @revoked, and junk
lines that spoil nothing. paramiko's own reader loses a whole file over one such line."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class KnownKey:
    """One key of one line."""

    key_type: str
    blob: bytes
    file: str
    line: int

    @property
    def place(self) -> tuple[str, int]:
        """File and line."""
        return self.file, self.line


@dataclass(slots=True)
class Known:
    """What the files say of one host.

    Attributes:
        keys: that are the host's.
        elsewhere: keys under its bare name where it was looked up with a port. Where nothing is known of the port they
            may agree, but forbid nothing.
        revoked: keys that nobody may show.
        authorities: lines that trust a certificate authority for the host. Certificates of hosts are not supported;
            who has nothing but these is asked about its key.
    """

    keys: list[KnownKey] = field(default_factory=list)
    elsewhere: list[KnownKey] = field(default_factory=list)
    revoked: list[KnownKey] = field(default_factory=list)
    authorities: list[tuple[str, int]] = field(default_factory=list)

    @property
    def key_types(self) -> list[str]:
        """The types to ask the host for, names of RSA signatures among them."""
        types = [key.key_type for key in self.keys or self.elsewhere]
        return types + (["rsa-sha2-512", "rsa-sha2-256"] if "ssh-rsa" in types else [])

    def verdict(self, blob: bytes) -> tuple[str, tuple[str, int] | None]:
        """("known" | "unknown" | "changed" | "revoked", the place that says so)."""
        for key in self.revoked:
            if key.blob == blob:
                return "revoked", key.place
        # another server of the same machine must not pass for the one that is known by its port
        for key in self.keys or self.elsewhere:
            if key.blob == blob:
                return "known", key.place
        # the host was asked for the types it is known by, so another type means that it has lost those keys
        own_type = type_of(blob)
        for key in sorted(self.keys, key=lambda key: key.key_type != own_type):
            return "changed", key.place
        return "unknown", None


def lookup(files: tuple[str, ...], host: str, port: int = 22) -> Known:
    """What the files say of a host. Files and lines that cannot be read are passed over. Blocks."""
    name, found = known_name(host, port), Known()
    for file in files:
        try:
            text = Path(file).read_text(errors="replace")
        except OSError:
            continue
        for number, marker, patterns, key_type, encoded in _lines(text):
            direct = matches(patterns, name)
            if not direct and (port == 22 or not matches(patterns, host)):
                continue
            if marker == "@cert-authority":
                found.authorities.append((file, number))
                continue
            try:
                key = KnownKey(key_type, base64.b64decode(encoded, validate=True), file, number)
            except (ValueError, binascii.Error):
                continue
            if marker == "@revoked":
                found.revoked.append(key)
            elif not marker:
                (found.keys if direct else found.elsewhere).append(key)
    return found


def known_name(host: str, port: int) -> str:
    """A host as known_hosts names it: "gpu1", or "[gpu1]:2222"."""
    return host if port == 22 else f"[{host}]:{port}"


def remember(file: str, host: str, port: int, blob: bytes, hashed: bool) -> None:
    """Append a line for a host's key. Blocks.

    Raises:
        OSError: the file cannot be written.
    """
    name = known_name(host, port).lower()
    path = Path(file)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = f"{_hashed(name) if hashed else name} {type_of(blob)} {base64.b64encode(blob).decode()}\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as stream:
        size = stream.seek(0, os.SEEK_END)
        if size:
            stream.seek(size - 1)
            if stream.read(1) != b"\n":
                line = "\n" + line
        stream.write(line.encode())


def text_of(key: KnownKey) -> str:
    """A key as a line has it: "ssh-ed25519 AAAA…"."""
    return f"{key.key_type} {base64.b64encode(key.blob).decode()}"


def type_of(blob: bytes) -> str:
    """ "ssh-ed25519", out of the key itself."""
    length = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + length].decode("ascii", errors="replace")


def fingerprint(blob: bytes) -> str:
    """ "SHA256:…", as `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def matches(patterns: str, name: str) -> bool:
    """Whether the first field of a line means this host."""
    name = name.lower()
    if patterns.startswith("|1|"):
        try:
            _, _, salt, digest = patterns.split("|")
            return hmac.compare_digest(base64.b64decode(digest), _digest(base64.b64decode(salt), name))
        except (ValueError, binascii.Error):
            return False
    found = False
    for pattern in patterns.lower().split(","):
        if _fits(pattern.removeprefix("!"), name):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _fits(pattern: str, name: str) -> bool:
    if "*" not in pattern and "?" not in pattern:
        return pattern == name
    # brackets belong to the name here, so fnmatch cannot be used
    expression = "".join(".*" if each == "*" else "." if each == "?" else re.escape(each) for each in pattern)
    return re.fullmatch(expression, name) is not None


def _lines(text: str) -> Iterator[tuple[int, str, str, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else ""
        if len(words) >= 3:
            yield number, marker, words[0], words[1], words[2]


def _digest(salt: bytes, name: str) -> bytes:
    return hmac.new(salt, name.encode(), hashlib.sha1).digest()


def _hashed(name: str) -> str:
    salt = os.urandom(20)
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(_digest(salt, name)).decode()}"
