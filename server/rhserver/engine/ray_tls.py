"""TLS between the Ray processes of a cluster's hosts: each shows a certificate of the cluster, and asks for one.

Ray binds its ports to every interface of a host and speaks plainly there, the token included. With mutual TLS nobody
reads along, and a stranger's connection ends before Ray looks at what it says. The authority that signs the
certificates is derived from the cluster's token, which every host has anyway, so nothing else must be brought there.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import os
import secrets
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

FILES = ("ca.pem", "host.pem", "host.key")

_PURPOSE = b"rhdesk: the authority of a cluster's Ray, 1"
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
# clocks of hosts differ; the token is what expires, with the cluster
_BEGIN = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_END = datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC)


def write_certificates(directory: Path, token: str, address: str) -> None:
    """Put the authority, and a new certificate of this host with its key, into `directory` (as `FILES`).

    Raises:
        OSError: the disk is full, for one.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    host_key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    names += [x509.IPAddress(ipaddress.ip_address(each)) for each in dict.fromkeys((address, "127.0.0.1"))]
    names_of_host = x509.SubjectAlternativeName(names)
    host = _signed(token, "rhdesk host", host_key.public_key(), secrets.randbits(120) + 2, names_of_host)
    pem = serialization.Encoding.PEM
    key = host_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for name, data in zip(FILES, (_authority(token), host.public_bytes(pem), key), strict=True):
        with open(directory / name, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(data)


def variables(directory: Path) -> dict[str, str]:
    """What Ray reads from the environment, if certificates are there."""
    files = [directory / name for name in FILES]
    if not all(file.exists() for file in files):
        return {}
    names = ("RAY_TLS_CA_CERT", "RAY_TLS_SERVER_CERT", "RAY_TLS_SERVER_KEY")
    return {"RAY_USE_TLS": "1", **{name: str(file) for name, file in zip(names, files, strict=True)}}


def is_of_cluster(address: str, token: str, seconds: float) -> bool:
    """Whether what listens at "host:port" has a certificate of the cluster with this token. Blocks.

    Raises:
        OSError: nothing answers there.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # hosts behind address translation have other addresses outside
    context.load_verify_locations(cadata=_authority(token).decode())
    context.set_alpn_protocols(["h2"])
    host, _, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), seconds) as plain:
        try:
            context.wrap_socket(plain).close()
        except ssl.SSLError:
            return False
    return True


def _authority(token: str) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    constraints = x509.BasicConstraints(ca=True, path_length=0)
    key = _authority_key(token).public_key()
    return _signed(token, "rhdesk cluster", key, 1, constraints).public_bytes(serialization.Encoding.PEM)


def _authority_key(token: str) -> ec.EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    digest = hashlib.blake2b(token.strip().encode(), digest_size=48, key=_PURPOSE).digest()
    return ec.derive_private_key(int.from_bytes(digest) % (_ORDER - 1) + 1, ec.SECP256R1())


def _signed(
    token: str, subject: str, key: ec.EllipticCurvePublicKey, serial: int, extension: x509.ExtensionType
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name("rhdesk cluster"))
    builder = builder.public_key(key).serial_number(serial).not_valid_before(_BEGIN).not_valid_after(_END)
    builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(_authority_key(token), hashes.SHA256())
