"""What these tests may do on this machine, and the marks that skip what they may not."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEM_PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
IN_A_USER_NAMESPACE = "unshare --user --map-current-user --keep-caps --net --mount .venv/bin/python -m pytest"
_CAP_NET_ADMIN, _CAP_SYS_ADMIN = 12, 21


def program(name: str) -> str | None:
    """Where a program is, also one that is only on root's PATH."""
    return shutil.which(name, path=SYSTEM_PATH)


def needs_programs(*names: str) -> pytest.MarkDecorator:
    """Skips where one of these programs is missing."""
    missing = [name for name in names if program(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


def has_many_users() -> bool:
    """Whether processes of other users can be started: root of the machine, not only of a user namespace."""
    if os.geteuid() != 0:
        return False
    _, _, count = Path("/proc/self/uid_map").read_text().split()[:3]
    return int(count) > 65536


@functools.cache
def why_no_hosts() -> str:
    """Why hosts in namespaces cannot be made here; empty: they can."""
    missing = [
        name
        for name in ("ip", "unshare", "nsenter", "setpriv", "sshd", "ssh-keygen", "mount", "bash")
        if not program(name)
    ]
    if missing:
        return f"hosts in namespaces need {', '.join(missing)}"
    if not all(_has_capability(number) for number in (_CAP_NET_ADMIN, _CAP_SYS_ADMIN)):
        return f"hosts in namespaces need root, or: {IN_A_USER_NAMESPACE}"
    if os.geteuid() == 0 and not has_many_users():
        return "an SSH server of root needs other users to drop its rights to; be an ordinary user in this namespace"
    tried = subprocess.run(
        ["unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--mount-proc", "true"],
        capture_output=True,
        text=True,
        env={"PATH": SYSTEM_PATH},
    )
    if tried.returncode:
        return f"this system makes no namespaces: {tried.stderr.strip()}"
    return ""


def _has_capability(number: int) -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False


root_only = pytest.mark.skipif(not has_many_users(), reason="needs root: it starts processes of other users")
"""Marks tests with users of their own on a host."""
