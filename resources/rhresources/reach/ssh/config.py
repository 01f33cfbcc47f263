"""What ~/.ssh/config says of a host: as `ssh -G` tells it, else as paramiko reads it.

Only the ssh client itself follows Include and every kind of Match. Without one, a file that uses them is refused rather
than misread. Both run the commands of `Match exec`.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rhresources.reach.ssh.problems import SshProblem, bad_config

_SECONDS = 10.0
_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_READ_BY_PARAMIKO = {"host", "originalhost", "user", "localuser", "exec", "all", "final", "canonical"}


@dataclass(frozen=True, slots=True)
class HostConfig:
    """What the configuration says of one host. Paths are whole."""

    host: str
    port: int
    user: str
    identity_files: tuple[str, ...]
    certificate_files: tuple[str, ...]
    identities_only: bool
    agent_socket: str
    user_known_hosts: tuple[str, ...]
    global_known_hosts: tuple[str, ...]
    hash_known_hosts: bool
    host_keys: Literal["ask", "accept-new", "strict"]
    host_key_alias: str
    proxy_jump: str
    proxy_command: str


def host_config(name: str, user: str | None = None, port: int | None = None) -> HostConfig:
    """What applies to the host `name`, with a user and a port that go before the configuration's.

    Raises:
        SshProblem: the configuration cannot be understood.
    """
    ssh = shutil.which("ssh")
    if name.startswith("-"):
        raise bad_config(f"{name!r} is not the name of a host.", "A name begins with a letter or a digit.")
    found = _by_ssh(ssh, name, user, port) if ssh else _by_paramiko(name)
    if user:
        found["user"] = [user]
    if port:
        found["port"] = [str(port)]
    return _host_config(name, found)


def config_file() -> Path:
    """The user's own configuration."""
    return Path.home() / ".ssh" / "config"


def _by_ssh(ssh: str, name: str, user: str | None, port: int | None) -> dict[str, list[str]]:
    command, given = [ssh, "-G"], b""
    if not home_is_own():
        # ssh looks into the home of the user database, not into $HOME; standard input stands for both of its files
        command += ["-F", "/dev/stdin"]
        files = [file for file in (config_file(), Path("/etc/ssh/ssh_config")) if file.exists()]
        given = "\n".join(f'Include "{file}"\nMatch all' for file in files).encode()
    command += ["-l", user] if user else []
    command += ["-p", str(port)] if port else []
    try:
        done = subprocess.run([*command, "--", name], input=given, capture_output=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise bad_config(f"The ssh client did not tell what it knows of {name}.", detail=str(error)) from None
    if done.returncode:
        detail = done.stderr.decode(errors="replace").strip()
        first = detail.splitlines()[0] if detail else f"ssh -G ended with code {done.returncode}"
        raise bad_config(f"The configuration of ssh for {name} cannot be read: {first.rstrip('.')}.", detail=detail)
    found: dict[str, list[str]] = {}
    for line in done.stdout.decode(errors="replace").splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key.lower(), []).append(value)
    return found


def _by_paramiko(name: str) -> dict[str, list[str]]:
    import paramiko

    file = config_file()
    if not file.exists():
        return {}
    text = file.read_text(errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        words = line.replace("=", " ", 1).lower().split()
        foreign = words[:1] == ["include"]
        if words[:1] == ["match"]:
            foreign = not _READ_BY_PARAMIKO.issuperset(word.lstrip("!") for word in words[1::2])
        if foreign:
            raise bad_config(
                f"{file}, line {number}: {words[0]} can only be read with an ssh client, and none is installed.",
                "Install OpenSSH, or write the host, user and key into the cluster's document.",
            )
    try:
        found = paramiko.SSHConfig.from_text(text).lookup(name)
    except paramiko.ConfigParseError as error:
        raise bad_config(f"{file} cannot be read: {error}.") from None
    return {
        key.lower(): value if isinstance(value, list) else [value] for key, value in found.items() if value is not None
    }


def _host_config(name: str, found: dict[str, list[str]]) -> HostConfig:
    def one(key: str, default: str = "") -> str:
        return found.get(key, [default])[0]

    def none_is_empty(text: str) -> str:
        return "" if text.lower() == "none" else text

    host, user = one("hostname", name), one("user") or getpass.getuser()
    port = int(one("port", "22"))
    whole = _expander(host, user, port)
    keys = found.get("identityfile") or [str(Path.home() / ".ssh" / key) for key in _DEFAULT_KEYS]
    known = [whole(file) for file in _words(one("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2"))]
    # where nothing can be remembered every connection would ask again
    known = [file for file in known if file not in ("none", os.devnull)] or [whole("~/.ssh/known_hosts")]
    everyones = _words(one("globalknownhostsfile", "/etc/ssh/ssh_known_hosts"))
    agent = one("identityagent", "SSH_AUTH_SOCK")
    if agent == "SSH_AUTH_SOCK":
        agent = os.environ.get("SSH_AUTH_SOCK", "")
    elif agent.startswith("$"):
        agent = os.environ.get(agent[1:].strip("{}"), "")
    strict = one("stricthostkeychecking", "ask").lower()
    return HostConfig(
        host=host,
        port=port,
        user=user,
        identity_files=tuple(dict.fromkeys(whole(key) for key in keys if none_is_empty(key))),
        certificate_files=tuple(whole(file) for file in found.get("certificatefile", []) if none_is_empty(file)),
        identities_only=one("identitiesonly", "no").lower() in ("yes", "true"),
        agent_socket=whole(agent) if agent not in ("", "none") else agent,
        user_known_hosts=tuple(known),
        global_known_hosts=tuple(whole(file) for file in everyones if none_is_empty(file)),
        hash_known_hosts=one("hashknownhosts", "no").lower() in ("yes", "true"),
        host_keys="strict" if strict in ("yes", "true") else "accept-new" if strict == "accept-new" else "ask",
        host_key_alias=none_is_empty(one("hostkeyalias")),
        proxy_jump=none_is_empty(one("proxyjump")),
        proxy_command=none_is_empty(one("proxycommand")),
    )


def _expander(host: str, user: str, port: int) -> Callable[[str], str]:
    """Makes paths of the configuration whole: ~ and the placeholders that ssh allows in them."""
    values = {"%": "%", "d": str(Path.home()), "h": host, "r": user, "p": str(port), "u": getpass.getuser()}
    real_home = _home_in_database()

    def whole(path: str) -> str:
        path = re.sub(r"%(.)", lambda found: values.get(found[1], found[0]), path)
        if real_home and not home_is_own() and path.startswith(f"{real_home}/.ssh/"):
            path = f"~{path.removeprefix(real_home)}"
        return str(Path(path).expanduser())

    return whole


def _words(text: str) -> list[str]:
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', text)]


def _home_in_database() -> str:
    if sys.platform == "win32":
        return ""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir.rstrip("/")
    except KeyError:
        return ""


def home_is_own() -> bool:
    """Whether $HOME is the home of the user database, into which ssh looks."""
    return sys.platform == "win32" or str(Path.home()) == _home_in_database()


# ---------------------------------------------------------------- for the dialog


def hosts_of_config() -> list[str]:
    """The hosts that ~/.ssh/config names without wildcards, in its order. Files that cannot be read are passed over."""
    found: dict[str, None] = {}
    for line in _lines(config_file(), 0):
        words = _words(re.sub(r"^(\w+)\s*=\s*", r"\1 ", line))
        if words[:1] and words[0].lower() == "host":
            found.update(dict.fromkeys(word for word in words[1:] if not re.search(r"[*?!]", word)))
    return list(found)


def _lines(file: Path, depth: int) -> Iterator[str]:
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        line = line.strip()
        words = _words(re.sub(r"^(\w+)\s*=\s*", r"\1 ", line))
        if words[:1] and words[0].lower() == "include" and depth < 16:
            for pattern in words[1:]:
                for included in _matching(pattern):
                    yield from _lines(included, depth + 1)
        elif not line.startswith("#"):
            yield line


def _matching(pattern: str) -> list[Path]:
    path = Path(pattern).expanduser()
    path = path if path.is_absolute() else Path.home() / ".ssh" / path
    try:
        return sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    except (ValueError, OSError):
        return []


__all__ = ["HostConfig", "SshProblem", "config_file", "host_config", "hosts_of_config"]
