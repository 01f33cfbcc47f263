"""The system's own `ssh` for a host: the command that goes just where our connection goes, by the same keys."""

from __future__ import annotations

import asyncio
import shlex

from rhresources.documents import ClusterDocument
from rhresources.reach.ssh.config import config_file, home_is_own
from rhresources.reach.ssh.target import SshTarget, target_of


async def ssh_command(document: ClusterDocument, host: str | None = None) -> list[str]:
    """`ssh` with what the document says beyond ~/.ssh/config.

    Args:
        document: of a cluster of type ssh.
        host: one of its hosts; default: the head.

    Raises:
        SshProblem: ~/.ssh/config cannot be understood.
    """
    host = host or document.ips[0]
    target = await target_of(document, host)
    known = None
    if await asyncio.to_thread(home_is_own):
        # what a bare `ssh HOST` does anyhow need not be said
        jump = document.ssh_creds.proxy_jump
        plain = {"type": "ssh", "ips": [host], "ssh_creds": {"proxy_jump": jump} if jump else {}}
        known = await target_of(ClusterDocument.model_validate(plain), host)
    return ["ssh", *_options(target, known, document.ssh_creds.proxy_jump or ""), "--", target.name]


def ssh_command_to(target: SshTarget) -> list[str]:
    """`ssh` for a host that ~/.ssh/config says nothing of, or nothing that counts."""
    options = _options(target, None, "")
    return ["ssh", "-F", "none", *options[2:], "--", target.name]


def _options(target: SshTarget, known: SshTarget | None, chain: str) -> list[str]:
    """The options that `known`, what ssh would do by itself, lacks."""
    options: list[str] = []

    def say(*words: str) -> None:
        options.extend(words)

    def differs(*fields: str) -> bool:
        return known is None or any(getattr(target, field) != getattr(known, field) for field in fields)

    if known is None:
        say("-F", str(config_file()) if config_file().exists() else "none")
    if target.host != target.name and differs("host"):
        say("-o", f"HostName={target.host}")
    if target.user and differs("user"):
        say("-l", target.user)
    if differs("port"):
        say("-p", str(target.port))
    if differs("key_files", "identities_only"):
        for key in target.key_files:
            say("-i", _literal(key))
        if target.identities_only:
            say("-o", "IdentitiesOnly=yes")
    if differs("use_agent", "agent_socket") and not target.use_agent:
        say("-o", "IdentityAgent=none")
    if target.log_in != "auto":
        methods = "password,keyboard-interactive" if target.log_in == "password" else "publickey"
        say("-o", f"PreferredAuthentications={methods}")
    if target.known_hosts and differs("known_hosts"):
        say("-o", "UserKnownHostsFile=" + " ".join(_quoted(_literal(file)) for file in target.known_hosts))
    if target.host_key_alias and differs("host_key_alias"):
        say("-o", f"HostKeyAlias={target.host_key_alias}")
    if target.environment and differs("environment"):
        say("-o", "SetEnv=" + " ".join(_quoted(_literal(each)) for each in target.environment))
    if target.jumps and known is not None and target.jumps == known.jumps:
        if chain:
            say("-J", chain)
    elif target.jumps:
        say("-o", f"ProxyCommand={_through(target.jumps)}")
    elif target.proxy_command and differs("proxy_command"):
        say("-o", f"ProxyCommand={_literal(target.proxy_command)}")
    elif known is not None and known.jumps:
        say("-o", "ProxyJump=none")
    return options


def _through(jumps: tuple[SshTarget, ...]) -> str:
    """A ProxyCommand over jump hosts that are not logged in to as ssh itself would: with our keys and known hosts."""
    last = jumps[-1]
    options = _options(last, None, "")
    if "-F" in options:
        options = options[2:] if home_is_own() else options
    command = shlex.join(["ssh", *options])
    # ssh replaces %h and %p; whatever else has a % is meant as it stands
    return f"{_literal(command)} -W [%h]:%p -- {shlex.quote(_literal(last.name))}"


def _literal(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(path: str) -> str:
    return f'"{path}"' if " " in path else path
