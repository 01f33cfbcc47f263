"""Where an SSH connection goes, as whom, by what and on which way."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from rhresources.documents import ClusterDocument
from rhresources.reach.ssh.config import HostConfig, host_config
from rhresources.reach.ssh.problems import bad_config

LogIn = Literal["auto", "key", "agent", "password"]
_MOST_JUMPS = 8


@dataclass(frozen=True, slots=True)
class SshTarget:
    """All that is known of a host before anything is sent to it.

    Attributes:
        name: as the document says it.
        host, port, user: where to, as whom.
        key_files: whole paths, tried in this order; those that do not exist are left out unless `key_required`.
        key_required: the document names the key, so it must be there.
        certificate_files: user certificates beside those that lie next to their keys.
        use_agent, agent_socket: whether the agent's keys are tried, and where it is; "" without one.
        identities_only: of the agent's keys only those that `key_files` name too.
        known_hosts: files of host keys; the first is where new ones are remembered.
        hash_known_hosts: write names of hosts hashed.
        host_keys: what happens with an unknown host key: it is asked about, accepted, or refused.
        host_key_alias: the name under which its key is known; "" for its own.
        log_in: what is tried.
        jumps: hosts on the way, outermost first.
        proxy_command: a command that makes the connection, placeholders filled in; "" for none.
        inner: its address in the network that the hosts of its cluster share, where that is known.
        environment: variables that sessions there ask for, each as NAME=VALUE; the server may pass over them.
    """

    name: str
    host: str
    port: int = 22
    user: str = ""
    key_files: tuple[str, ...] = ()
    key_required: bool = False
    certificate_files: tuple[str, ...] = ()
    use_agent: bool = True
    agent_socket: str = ""
    identities_only: bool = False
    known_hosts: tuple[str, ...] = ()
    hash_known_hosts: bool = False
    host_keys: Literal["ask", "accept-new", "strict"] = "ask"
    host_key_alias: str = ""
    log_in: LogIn = "auto"
    jumps: tuple[SshTarget, ...] = field(default=())
    proxy_command: str = ""
    inner: str = ""
    environment: tuple[str, ...] = ()

    @property
    def account(self) -> str:
        """ "alice@gpu1:22": whom a password belongs to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}:{self.port}"

    @property
    def place(self) -> str:
        """ "gpu1", or "gpu1 (192.0.2.7, port 2222)": for sentences."""
        parts = [self.host] if self.host != self.name else []
        parts += [f"port {self.port}"] if self.port != 22 else []
        return f"{self.name} ({', '.join(parts)})" if parts else self.name

    @property
    def known_name(self) -> str:
        """As known_hosts calls it."""
        name = self.host_key_alias or self.host
        return name if self.port == 22 or self.host_key_alias else f"[{name}]:{self.port}"


FindTarget = Callable[[ClusterDocument, str], Awaitable[SshTarget]]
"""Where a host of a cluster is: by its document, or by what else is known of it."""


async def target_of(document: ClusterDocument, host: str | None = None) -> SshTarget:
    """Where a host of a cluster is, by its document and ~/.ssh/config.

    Args:
        document: of a cluster of type ssh.
        host: one of its `ips`; default: the head.

    Raises:
        SshProblem: ~/.ssh/config cannot be understood, or the jump hosts go in a circle.
    """
    return await asyncio.to_thread(_target_of, document, host or document.ips[0])


async def target_of_account(account: str) -> SshTarget:
    """Where "git@github.com" or "git@host:2222" is, by ~/.ssh/config.

    Raises:
        SshProblem: it names no host, or ~/.ssh/config cannot be understood.
    """
    return await asyncio.to_thread(_target_of_account, account)


def _target_of_account(account: str) -> SshTarget:
    user, host, port = parse_jump(account)
    config = host_config(host, user, port)
    target, jumps = _from_config(host, config), _jumps(config.proxy_jump, "", None)
    return replace(target, jumps=jumps, proxy_command="" if jumps else target.proxy_command)


def _target_of(document: ClusterDocument, host: str) -> SshTarget:
    asked = document.ssh_creds
    config = host_config(host, asked.ssh_user, asked.ssh_port)
    target = _from_config(host, config)
    key = str(Path(asked.ssh_private_key).expanduser().absolute()) if asked.ssh_private_key else ""
    if key:
        target = replace(target, key_files=(key,), key_required=True, identities_only=True)
    if asked.known_hosts:
        own = str(Path(asked.known_hosts).expanduser().absolute())
        target = replace(target, known_hosts=(own, *config.global_known_hosts))
    target = replace(
        target,
        log_in=asked.log_in,
        use_agent=asked.log_in in ("auto", "agent", "key") and target.use_agent,
        # by agent alone: all that it holds
        identities_only=target.identities_only and asked.log_in != "agent",
    )
    chain = config.proxy_jump if asked.proxy_jump is None else asked.proxy_jump
    jumps = _jumps(chain, key, known_hosts=target.known_hosts if asked.known_hosts else None)
    if jumps or asked.proxy_jump is not None:
        target = replace(target, proxy_command="")
    return replace(target, jumps=jumps)


def _from_config(name: str, config: HostConfig) -> SshTarget:
    filled = {"%": "%", "h": config.host, "p": str(config.port), "r": config.user, "n": name}
    return SshTarget(
        name=name,
        host=config.host,
        port=config.port,
        user=config.user,
        key_files=config.identity_files,
        certificate_files=config.certificate_files,
        use_agent=config.agent_socket != "none",
        agent_socket="" if config.agent_socket == "none" else config.agent_socket,
        identities_only=config.identities_only,
        known_hosts=(*config.user_known_hosts, *config.global_known_hosts),
        hash_known_hosts=config.hash_known_hosts,
        host_keys=config.host_keys,
        host_key_alias=config.host_key_alias,
        proxy_command=re.sub(r"%(.)", lambda found: filled.get(found[1], found[0]), config.proxy_command),
    )


def _jumps(chain: str, key: str, known_hosts: tuple[str, ...] | None, depth: int = 0) -> tuple[SshTarget, ...]:
    """The hosts of a chain like "a@j1:22,b@j2"; the first one's own way there comes before it, as ssh does it."""
    if not chain or chain.lower() == "none":
        return ()
    if depth >= _MOST_JUMPS:
        raise bad_config("The jump hosts of ~/.ssh/config lead to each other in a circle.")
    found: list[SshTarget] = []
    for part in chain.split(","):
        user, host, port = parse_jump(part)
        config = host_config(host, user, port)
        target = _from_config(host, config)
        # ssh offers jump hosts the keys of the configuration only; people who name a key mean it for the whole way
        target = replace(target, key_files=(*([key] if key else []), *target.key_files))
        if known_hosts is not None:
            target = replace(target, known_hosts=known_hosts)
        if not found:
            before = _jumps(config.proxy_jump, key, known_hosts, depth + 1)
            found += [*before, replace(target, jumps=before)]
        else:
            found.append(replace(target, proxy_command="", jumps=tuple(found)))
    return tuple(found)


def parse_jump(text: str) -> tuple[str | None, str, int | None]:
    """(user, host, port) of "alice@jump:2222", "ssh://…" or "[::1]:22".

    Raises:
        SshProblem: it says no host.
    """
    user, _, rest = text.strip().removeprefix("ssh://").rpartition("@")
    found = re.fullmatch(r"\[([^\]]+)\](?::(\d+))?|([^:]+)(?::(\d+))?|([0-9A-Fa-f:.]+)", rest)
    if found is None or rest.startswith("-"):
        raise bad_config(f"{text.strip()!r} is not a jump host.", "Write user@host:port.")
    port = found[2] or found[4]
    return user or None, found[1] or found[3] or found[5], int(port) if port else None
