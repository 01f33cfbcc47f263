"""What goes wrong on the way to a host: one sentence, one remedy and a code for each."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rhresources.errors import ConnectionLost, RhError
from rhresources.reach.steps import StepName

if TYPE_CHECKING:
    from rhresources.reach.ssh.target import SshTarget


class SshProblem(RhError):
    """A host cannot be reached, verified or logged in to, or refuses something.

    Args:
        sentence, remedy, detail: as of every `RhError`.
        code: stable name of what is wrong: "host-key-changed", "log-in-refused", ….
        step: at which step.
    """

    def __init__(
        self, sentence: str, *, code: str = "ssh", step: StepName = "reach", remedy: str = "", detail: str = ""
    ) -> None:
        super().__init__(sentence, remedy=remedy, detail=detail)
        self.code = code
        self.step: StepName = step


class SshUnreachable(SshProblem, ConnectionLost):
    """A problem that time may heal: it is worth trying again."""


# ---------------------------------------------------------------- on the way


def bad_config(sentence: str, remedy: str = "", detail: str = "") -> SshProblem:
    """The configuration of ssh does not say where to go."""
    return SshProblem(
        sentence, code="bad-config", step="resolve", remedy=remedy or "Correct ~/.ssh/config.", detail=detail
    )


def unknown_name(target: SshTarget, detail: str) -> SshUnreachable:
    """No address belongs to the name."""
    return SshUnreachable(
        f"There is no host named {target.host}" + (f" (for {target.name})." if target.name != target.host else "."),
        code="unknown-name",
        step="resolve",
        remedy="Check the name, and that this computer is on the network (or VPN) that knows it.",
        detail=detail,
    )


def unreachable(target: SshTarget, why: str, detail: str) -> SshUnreachable:
    """No answer, or no way there."""
    return SshUnreachable(
        f"{target.place} cannot be reached: {why}.",
        code="unreachable",
        remedy="Check that the host is on, and that this computer is on a network (or VPN) that reaches it.",
        detail=detail,
    )


def port_closed(target: SshTarget, detail: str) -> SshUnreachable:
    """The host is there; nothing listens on the port."""
    return SshUnreachable(
        f"{target.host} is on, but no SSH server listens on its port {target.port}.",
        code="port-closed",
        remedy="Check the port, and that sshd runs on the host.",
        detail=detail,
    )


def not_ssh(target: SshTarget, why: str, detail: str) -> SshUnreachable:
    """Something answers that does not speak SSH."""
    return SshUnreachable(
        f"What listens on port {target.port} of {target.host} {why}.",
        code="not-ssh",
        remedy="Check the port; if it is right, see the log of sshd on the host.",
        detail=detail,
    )


def no_common_algorithm(target: SshTarget, detail: str) -> SshProblem:
    """The server only knows algorithms that are not safe (or newer than ours)."""
    return SshProblem(
        f"The SSH server of {target.place} and rhdesk have no safe algorithm in common.",
        code="no-common-algorithm",
        step="host key",
        remedy="Update the SSH server on the host.",
        detail=detail,
    )


def proxy_command_failed(target: SshTarget, command: str, detail: str) -> SshUnreachable:
    """The ProxyCommand ended."""
    return SshUnreachable(
        f"The ProxyCommand for {target.name} ended before the SSH server answered.",
        code="proxy-command-failed",
        remedy=f"Try it in a terminal: {command}",
        detail=detail,
    )


def jump_failed(target: SshTarget, jump: SshTarget, why: str, detail: str) -> SshUnreachable:
    """The jump host was logged in to, and does not get further."""
    return SshUnreachable(
        f"The jump host {jump.account} cannot reach {target.place}: {why}.",
        code="jump-failed",
        remedy=f"Check that {target.host} is on and that {jump.host} may connect to its port {target.port}.",
        detail=detail,
    )


def jump_forbids(target: SshTarget, jump: SshTarget, detail: str) -> SshProblem:
    """The jump host forwards nothing."""
    return SshProblem(
        f"The jump host {jump.account} forbids going on to {target.place}.",
        code="jump-failed",
        remedy="Ask its administrator for AllowTcpForwarding yes (or a PermitOpen for this host) in sshd_config.",
        detail=detail,
    )


# ---------------------------------------------------------------- host keys


def host_key_unknown(target: SshTarget, key_type: str, fingerprint: str, strict: bool) -> SshProblem:
    """Nobody said yes to the key."""
    why = "and StrictHostKeyChecking forbids new ones" if strict else "and was not accepted"
    return SshProblem(
        f"The host key of {target.place} is not known here {why}.",
        code="host-key-unknown",
        step="host key",
        remedy=f"Compare it with what the host itself prints: {key_type} {fingerprint}.",
        detail=f"{key_type} {fingerprint}",
    )


def host_key_changed(
    target: SshTarget, key_type: str, fingerprint: str, known: tuple[str, int], name: str
) -> SshProblem:
    """The key differs from the one that is remembered."""
    file, line = known
    command = f"ssh-keygen -f {_word(file)} -R '{name}'"
    return SshProblem(
        f"The host key of {target.place} is not the one in {file}, line {line}: the host was installed anew, or "
        "somebody stands between you and it.",
        code="host-key-changed",
        step="host key",
        remedy=f"If you know why it changed, forget the old key ({command}) and try again.",
        detail=f"It shows {key_type} {fingerprint}.",
    )


def _word(path: str) -> str:
    """A path for a shell, which must still see a ~ in front."""
    return f"~/{shlex.quote(path[2:])}" if path.startswith("~/") else shlex.quote(path)


def host_key_revoked(target: SshTarget, fingerprint: str, known: tuple[str, int]) -> SshProblem:
    """The key is marked @revoked."""
    file, line = known
    return SshProblem(
        f"The host key of {target.place} is revoked ({file}, line {line}).",
        code="host-key-revoked",
        step="host key",
        remedy="Do not log in. Ask the administrator of the host for its new key.",
        detail=fingerprint,
    )


# ---------------------------------------------------------------- keys and log-in


def key_missing(path: str) -> SshProblem:
    """No such key file."""
    return SshProblem(
        f"There is no key file {path}.",
        code="key-missing",
        step="log in",
        remedy="Correct the path under Log-in, Private key; or make a key with ssh-keygen.",
    )


def key_not_readable(path: str, why: str) -> SshProblem:
    """The file is there, and no key can be read from it."""
    return SshProblem(
        f"The key file {path} cannot be used: {why}.",
        code="key-not-readable",
        step="log in",
        remedy="Name a private key of type ed25519, ecdsa or rsa; or hand it to an agent (ssh-add) and log in by that.",
    )


def passphrase_missing(path: str) -> SshProblem:
    """The key is encrypted and nobody gave the passphrase."""
    return SshProblem(
        f"The key {path} has a passphrase, and none was given.",
        code="passphrase-missing",
        step="log in",
        remedy="Connect again and type it, or set it on the Credentials page (rhdesk credentials set passphrase).",
    )


def passphrase_wrong(path: str) -> SshProblem:
    """The passphrase does not open the key."""
    return SshProblem(
        f"The passphrase given for the key {path} is wrong.",
        code="passphrase-wrong",
        step="log in",
        remedy="Connect again and type it, or set it on the Credentials page (rhdesk credentials set passphrase).",
    )


def agent_missing(socket_path: str, detail: str) -> SshProblem:
    """Log-in by agent was asked for and no agent answers."""
    where = f" at {socket_path}" if socket_path else ": SSH_AUTH_SOCK is not set"
    return SshProblem(
        f"No SSH agent answers{where}.",
        code="agent-missing",
        step="log in",
        remedy="Start one (eval $(ssh-agent); ssh-add) and rhdesk from the same shell, or log in by key or password.",
        detail=detail,
    )


def agent_empty(socket_path: str) -> SshProblem:
    """The agent holds nothing."""
    return SshProblem(
        f"The SSH agent at {socket_path} holds no key.",
        code="agent-empty",
        step="log in",
        remedy="Add one: ssh-add ~/.ssh/id_ed25519.",
    )


def log_in_refused(target: SshTarget, tried: list[str], allowed: list[str], extra: str = "") -> SshProblem:
    """The server let nobody in."""
    said = f"It refused {', '.join(tried)}" if tried else "There was nothing to log in with"
    if allowed:
        said += f"; it allows {', '.join(allowed)}"
    return SshProblem(
        f"{target.place} does not let {target.user} in. {said}." + (f" {extra}" if extra else ""),
        code="log-in-refused",
        step="log in",
        remedy=f"Check the user name and the key: its public half belongs in ~{target.user}/.ssh/authorized_keys "
        "on the host.",
    )


# ---------------------------------------------------------------- afterwards


def forwarding_forbidden(target: SshTarget, detail: str) -> SshProblem:
    """The server opens no forwarded connection."""
    return SshProblem(
        f"The SSH server of {target.place} forbids forwarding.",
        code="forwarding-forbidden",
        step="forwarding",
        remedy="Ask its administrator for AllowStreamLocalForwarding yes and AllowTcpForwarding yes in sshd_config.",
        detail=detail,
    )


def connection_lost(target: SshTarget, why: str, detail: str = "") -> SshUnreachable:
    """A connection that was up is gone."""
    sentence = f"The SSH connection to {target.place} was lost: {why}."
    return SshUnreachable(sentence, code="connection-lost", detail=detail)
