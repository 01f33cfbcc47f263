"""What a host in namespaces boots with: its start script, its users, and its own /etc."""

from __future__ import annotations

import os
import re
import shlex
import stat
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.rights import has_many_users
from lab.sshd import hashed_password

UNSHARE = ("--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc")
"""What a host has of its own, in words of `unshare`."""

INIT = """
set -e
mount --make-rprivate /
hostname "$1"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/sshd /run/user /run/lab
mount --bind "$2" /run/lab
for kept in "${@:4}"; do
    mkdir -p "/run/kept$kept"
    mount --rbind "$kept" "/run/kept$kept"
done
mount -t tmpfs -o mode=1777 tmpfs /tmp
mkdir -p "$2" /tmp/ray
mount --bind /run/lab "$2"
for kept in "${@:4}"; do
    mkdir -p "$kept"
    mount --rbind "/run/kept$kept" "$kept"
done
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
for file in hosts hostname passwd group shadow; do
    mount --bind "$2/etc/$file" "/etc/$file"
done
ip link set lo up
eval "$3"
echo ready
while :; do sleep 3600 & wait $!; done
"""
"""The first process of a host: NAME, FOLDER, further lines, directories of /tmp to keep. It stays to reap what others
leave behind."""

_NEEDED = (
    Path(sys.base_prefix),
    Path(sys.prefix),
    Path(__file__).resolve().parents[2],
    Path(os.environ.get("UV_CACHE_DIR", Path.home() / ".cache" / "uv")),
)
"""What a host's users work with: Python, what is installed for it, this project, the cache of downloads."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of a host."""

    name: str
    uid: int
    home: Path
    password: str


def write_disk(folder: Path, name: str, ip: str, accounts: Sequence[Account]) -> None:
    """The directories of a new host: homes, and what it has of its own in /etc."""
    etc = folder / "etc"
    etc.mkdir(parents=True)
    (etc / "hosts").write_text(f"127.0.0.1 localhost\n{ip} {name}\n")
    (etc / "hostname").write_text(f"{name}\n")
    passwd, group = Path("/etc/passwd").read_text(), Path("/etc/group").read_text()
    # an ordinary user cannot read the machine's, and may be locked in it, which an SSH server without PAM minds
    shadow = Path("/etc/shadow").read_text() if has_many_users() else f"{accounts[0].name}:*:19000:0:99999:7:::\n"
    for account in accounts:
        account.home.mkdir(mode=0o755)
        if account.uid == os.geteuid():
            entry = re.compile(rf"^({re.escape(account.name)}:(?:[^:]*:){{4}})[^:]*:[^:\n]*$", re.MULTILINE)
            passwd = entry.sub(rf"\g<1>{account.home}:/bin/bash", passwd)
            continue
        uid = account.uid
        os.chown(account.home, uid, uid)
        passwd += f"{account.name}:x:{uid}:{uid}::{account.home}:/bin/bash\n"
        group += f"{account.name}:x:{uid}:\n"
        # "*" and not "!": a locked account may not log in by key either
        password = hashed_password(account.password) if account.password else "*"
        shadow += f"{account.name}:{password}:19000:0:99999:7:::\n"
    (etc / "passwd").write_text(passwd)
    (etc / "group").write_text(group)
    (etc / "shadow").touch(mode=0o600)
    (etc / "shadow").write_text(shadow)


def way_for_all(paths: Iterable[Path] = _NEEDED) -> str:
    """Lines of a shell that let other users of a host reach these directories through closed ones, such as /root.

    A closed one becomes an empty one on that host, which holds nothing but the way to them.
    """
    behind = {path: closed for path in paths if path.is_dir() and (closed := _closed_above(path)) is not None}
    lines = [
        f"mkdir -p /run/open{_quote(path)} && mount --rbind {_quote(path)} /run/open{_quote(path)}" for path in behind
    ]
    lines += [f"mount -t tmpfs -o mode=755 tmpfs {_quote(closed)}" for closed in sorted(set(behind.values()))]
    lines += [f"mkdir -p {_quote(path)} && mount --rbind /run/open{_quote(path)} {_quote(path)}" for path in behind]
    return "\n".join(lines)


def kept_in_tmp() -> list[str]:
    """What a host works with and would not see in a /tmp of its own: this project may lie there."""
    inside = sorted({path.resolve() for path in _NEEDED if path.is_dir() and path.resolve().is_relative_to("/tmp")})
    return [str(path) for path in inside if not any(other in path.parents for other in inside)]


def _closed_above(path: Path) -> Path | None:
    for folder in [*reversed(path.parents), path]:
        if not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def _quote(path: Path) -> str:
    return shlex.quote(str(path))
