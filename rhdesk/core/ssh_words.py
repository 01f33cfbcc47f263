"""What ~/.ssh/config adds to what a cluster's document says, in one line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rhresources.documents.cluster import SshCredentials
    from rhresources.reach.ssh.target import SshTarget

_USUAL_KEYS = {"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa"}


def config_words(asked: SshCredentials, target: SshTarget, own_name: str) -> str:
    """ "~/.ssh/config: is 192.0.2.7, user alice, port 2222, via bastion"; "" where it adds nothing.

    Args:
        asked: what the document says.
        target: what comes of both.
        own_name: the account of whoever is at this computer, which a host without a user is logged in to as.
    """
    parts = []
    if target.host != target.name:
        parts.append(f"is {target.host}")
    if not asked.ssh_user and target.user != own_name:
        parts.append(f"user {target.user}")
    if asked.ssh_port is None and target.port != 22:
        parts.append(f"port {target.port}")
    if not asked.ssh_private_key and (key := _unusual_key(target.key_files)):
        parts.append(f"key {key}")
    if asked.proxy_jump is None and target.jumps:
        parts.append("via " + ", then ".join(jump.name for jump in target.jumps))
    if target.proxy_command:
        parts.append("through a ProxyCommand")
    return f"~/.ssh/config: {', '.join(parts)}" if parts else ""


def _unusual_key(files: tuple[str, ...]) -> str:
    home = Path.home()
    for file in map(Path, files):
        if file.parent != home / ".ssh" or file.name not in _USUAL_KEYS:
            return f"~/{file.relative_to(home).as_posix()}" if file.is_relative_to(home) else str(file)
    return ""
