"""Two ends of a connection between hosts of one cluster prove to each other that they hold the cluster's token.

TLS with a certificate that the listening end made for itself keeps others from reading along; it proves nothing about
who made it. So both ends answer a challenge with a key derived from the token, over the certificate as each end sees
it: whoever sits in between shows another certificate, and the answers do not fit.

    listener → caller   nonce A (32 bytes)
    caller   → listener nonce B (32 bytes), HMAC-SHA256(key, "caller" A B certificate)
    listener → caller   HMAC-SHA256(key, "listener" A B certificate)
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import os
import secrets
import ssl
import tempfile
from pathlib import Path

NONCE = 32
DIGEST = 32

_PURPOSE = b"rhdesk: frames of workers on other hosts, 1"


def key_of(token: str) -> bytes:
    """The key of these connections, from the token of the cluster's Ray."""
    return hmac.digest(token.strip().encode(), _PURPOSE, "sha256")


def proof(key: bytes, role: bytes, nonce_a: bytes, nonce_b: bytes, certificate: bytes) -> bytes:
    """What the end with this role answers."""
    return hmac.digest(key, b"\0".join((role, nonce_a, nonce_b, hashlib.sha256(certificate).digest())), "sha256")


def caller_context() -> ssl.SSLContext:
    """TLS for the calling end; the challenge is what checks the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def listener_context() -> tuple[ssl.SSLContext, bytes]:
    """TLS for the listening end with a new certificate, and that certificate (DER)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "rhdesk")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(secrets.randbits(128)).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650)).sign(key, hashes.SHA256())
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    descriptor, file = tempfile.mkstemp(prefix="rhdesk-")  # 0600; the ssl module reads keys from files only
    try:
        with os.fdopen(descriptor, "wb") as written:
            written.write(pem)
        context.load_cert_chain(file)
    finally:
        Path(file).unlink()
    return context, certificate.public_bytes(serialization.Encoding.DER)
