"""The hosts and SSH servers of the tests need no root: a plain user in a user namespace can have them all."""

from __future__ import annotations

import functools
import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lab.namespaces import end_with_parent
from lab.rights import SYSTEM_PATH, needs_programs, root_only

PROJECT = Path(__file__).parents[2]
USER = "nobody"
MODULES = ["tests/lab/test_hosts_in_namespaces.py"]
"""What is run as that user."""

pytestmark = [pytest.mark.slow, root_only, needs_programs("setpriv", "unshare", "ip", "sshd")]


def environment(home: Path) -> dict[str, str]:
    packages = [path for path in sys.path if path.endswith("-packages")]
    return {
        "PATH": SYSTEM_PATH,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join([*packages, *(str(PROJECT / name) for name in (".", "resources", "server"))]),
        "PYTHONDONTWRITEBYTECODE": "1",  # this project is not theirs to write to
        **{name: value for name, value in os.environ.items() if name.startswith("RHDESK_TEST")},
    }


def as_user(*command: str) -> list[str]:
    account = pwd.getpwnam(USER)
    return [
        *("setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"),
        *("unshare", "--user", "--map-current-user", "--keep-caps", "--net", "--mount", *command),
    ]


@functools.cache
def python_for_everybody() -> str:
    """A Python of our version that other users may run too, with what we have installed; empty: there is none."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        tried = subprocess.run(
            as_user(candidate, "-c", "import grpc, paramiko, pytest, rhresources"),
            capture_output=True,
            env=environment(Path("/")),
            cwd="/",
        )
        if tried.returncode == 0:
            return candidate
    return ""


@pytest.mark.timeout(300)
def test_hosts_and_ssh_work_for_a_plain_user_in_a_user_namespace() -> None:
    python = python_for_everybody()
    if not python:
        pytest.skip(f"no Python here, or no user namespace, is open to the user {USER}")
    with tempfile.TemporaryDirectory(prefix="rhp-", dir="/tmp") as folder:
        os.chown(folder, pwd.getpwnam(USER).pw_uid, -1)
        command = [python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", f"--basetemp={folder}/t"]
        done = subprocess.run(
            as_user(*command, "-m", "not slow", *MODULES),
            cwd=PROJECT,
            env=environment(Path(folder)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            preexec_fn=end_with_parent,
        )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout.splitlines()[-1], done.stdout
