"""Private keys of any format for paramiko, and the keys that an agent holds."""

from __future__ import annotations

import contextlib
import io
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from rhresources.reach.ssh.problems import key_missing, key_not_readable, passphrase_missing, passphrase_wrong

AGENT_SECONDS = 60.0
"""An agent may ask for a confirmation or a touch."""

_OURS = (
    (rsa.RSAPrivateKey, paramiko.RSAKey),
    (ec.EllipticCurvePrivateKey, paramiko.ECDSAKey),
    (ed25519.Ed25519PrivateKey, paramiko.Ed25519Key),
)


def load_key(path: str, passphrase: str | None = None, certificate: str | None = None) -> paramiko.PKey:
    """The private key in a file: OpenSSH's format, PEM or PKCS#8, encrypted or not.

    A user certificate beside it ("KEY-cert.pub"), or `certificate`, goes with it. Deriving the key from a passphrase
    takes up to a second: call it in a thread.

    Raises:
        SshProblem: there is no such file ("key-missing"), it holds no usable key ("key-not-readable"), it wants a
            passphrase ("passphrase-missing") or another one ("passphrase-wrong").
    """
    data = _read(path)
    ours = b"BEGIN OPENSSH PRIVATE KEY" in data
    load = serialization.load_ssh_private_key if ours else serialization.load_pem_private_key
    secret = passphrase.encode() if passphrase else None
    try:
        try:
            key = load(data, secret)
        except TypeError:  # a passphrase where none belongs, or the reverse
            if secret is None:
                raise passphrase_missing(path) from None
            key = load(data, None)
    except ValueError as error:
        if b"PuTTY-User-Key-File" in data:
            raise key_not_readable(path, "it is in PuTTY's format (puttygen -O private-openssh converts it)") from None
        if data.lstrip().startswith((b"ssh-", b"ecdsa-", b"sk-")):
            raise key_not_readable(path, "it is a public key; name the file without .pub") from None
        if secret is not None and is_encrypted(path):
            raise passphrase_wrong(path) from None
        raise key_not_readable(path, f"it is not a private key ({_first_line(error)})") from None
    except UnsupportedAlgorithm as error:
        raise key_not_readable(path, f"its type is not supported ({_first_line(error)})") from None
    for theirs, kind in _OURS:
        if isinstance(key, theirs):
            text = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
            ).decode()
            loaded = kind.from_private_key(io.StringIO(text))
            _add_certificate(loaded, certificate or f"{path}-cert.pub")
            return loaded
    raise key_not_readable(path, f"keys of type {type(key).__name__.removesuffix('PrivateKey')} are not supported")


def is_encrypted(path: str) -> bool:
    """Whether the key in the file wants a passphrase.

    Raises:
        SshProblem: there is no such file, or it cannot be read.
    """
    data = _read(path)
    if b"BEGIN OPENSSH PRIVATE KEY" not in data:
        return b"ENCRYPTED" in data
    try:
        serialization.load_ssh_private_key(data, None)
    except TypeError:
        return True
    except Exception:
        return False
    return False


def public_blob(path: str) -> bytes | None:
    """The public half of the key in a file, without its passphrase; None where it cannot be told.

    OpenSSH's format holds it in clear; beside other formats the .pub file is read.
    """
    try:
        if (blob := _blob_of_openssh(Path(path).read_bytes())) is not None:
            return blob
    except OSError:
        pass
    return blob_of_line(f"{path}.pub")


def blob_of_line(path: str) -> bytes | None:
    """The key in a .pub file; None without a usable one."""
    import base64
    import binascii

    try:
        return base64.b64decode(Path(path).read_text().split()[1], validate=True)
    except (OSError, IndexError, UnicodeError, binascii.Error):
        return None


def _blob_of_openssh(data: bytes) -> bytes | None:
    import base64
    import binascii

    head, tail = b"-----BEGIN OPENSSH PRIVATE KEY-----", b"-----END OPENSSH PRIVATE KEY-----"
    if head not in data or tail not in data:
        return None
    try:
        raw = base64.b64decode(b"".join(data.split(head)[1].split(tail)[0].split()))
    except binascii.Error:
        return None
    if not raw.startswith(b"openssh-key-v1\0"):
        return None
    message = paramiko.Message(raw[15:])
    for _ in range(3):  # cipher, key derivation, its options
        message.get_binary()
    return bytes(message.get_binary()) if message.get_int() == 1 else None


@dataclass(frozen=True, slots=True)
class PublicHalf:
    """Enough of a key to ask a server whether it would do."""

    blob: bytes
    public_blob: None = None

    def get_name(self) -> str:
        """ "ssh-ed25519"."""
        return str(paramiko.Message(self.blob).get_text())

    def asbytes(self) -> bytes:
        """The blob."""
        return self.blob


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise key_missing(path) from None
    except IsADirectoryError:
        raise key_not_readable(path, "it is a folder") from None
    except OSError as error:
        raise key_not_readable(path, (error.strerror or str(error)).lower()) from None


def _add_certificate(key: paramiko.PKey, path: str) -> None:
    if Path(path).exists():
        with contextlib.suppress(Exception):  # of another key, or damaged: the bare key may do
            key.load_certificate(path)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


class Agent(paramiko.agent.AgentSSH):  # type: ignore[misc]
    """An open connection to an SSH agent.

    Args:
        socket_path: where it listens; on Windows the system's agent is asked.

    Raises:
        OSError, SSHException: it does not answer, or not as an agent.
    """

    def __init__(self, socket_path: str) -> None:
        super().__init__()
        if sys.platform == "win32":
            connection = paramiko.agent.get_agent_connection()
            if connection is None:
                raise FileNotFoundError("neither Pageant nor the OpenSSH agent runs")
            self._connect(connection)
            return
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(AGENT_SECONDS)
            connection.connect(socket_path)
            self._connect(connection)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """End the connection; its keys sign no more."""
        self._close()
