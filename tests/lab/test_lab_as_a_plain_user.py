"""The hosts and SSH servers of the tests need no root: a plain user in a user namespace can have them all."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lab.namespaces import END_WITH_PARENT
from lab.rights import SYSTEM_PATH, needs_programs, root_only

PROJECT = Path(__file__).parents[2]
USER, UID = "plain", 20_900
WHAT_RUNS = (
    "tests/lab/test_hosts_in_namespaces.py",
    "tests/lab/test_connections_on_bad_networks.py::test_a_restarted_server_ends_the_connection_and_welcomes_the_next",
    "tests/lab/test_connections_on_bad_networks.py::test_everything_arrives_over_a_slow_cable_with_losses",
    "tests/resources/test_ssh_connection.py",
    "tests/resources/test_ssh_log_in.py",
    "tests/resources/test_ssh_ways.py",
)

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
    """The command as a user of no rights, who is root of nothing but the namespaces around it."""
    return [
        *("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"),
        *("unshare", "--user", "--map-current-user", "--keep-caps", "--net", "--mount", *command),
    ]


def as_account(folder: Path, *command: str) -> list[str]:
    """The same with an account that only those namespaces know; its home is `folder`."""
    folder.chmod(0o755)
    os.chown(folder, UID, UID)
    for name, line in (
        ("passwd", f"{USER}:x:{UID}:{UID}::{folder}:/bin/bash\n"),
        ("group", f"{USER}:x:{UID}:\n"),
        ("shadow", f"{USER}:*:19000:0:99999:7:::\n"),
    ):
        known = "" if name == "shadow" else Path("/etc", name).read_text()
        (folder / name).write_text(known + line)
        os.chown(folder / name, UID, UID)
    # root is nobody in there, and ssh reads no configuration that is neither root's nor the user's own
    (folder / "ssh").mkdir()
    os.chown(folder / "ssh", UID, UID)
    binds = "; ".join(f"mount --bind {folder / name} /etc/{name}" for name in ("passwd", "group", "shadow", "ssh"))
    # last: new rights clear what was said before of the parent's end
    return as_user(*END_WITH_PARENT, "sh", "-c", f'set -e; {binds}; exec "$@"', "sh", *command)


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
        options = ("-q", "-rs", "--reruns=2", "-p", "no:cacheprovider", f"--basetemp={folder}/t")
        command = [python, "-m", "pytest", *options, *WHAT_RUNS]
        done = subprocess.run(
            as_account(Path(folder), *command),
            cwd=PROJECT,
            env=environment(Path(folder)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout.splitlines()[-1]
