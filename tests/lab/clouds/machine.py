"""How a host of a cloud is started: machine.sh in namespaces of its own. Also read by EC2, in moto's environment."""

from __future__ import annotations

import functools
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from lab.clouds.downloads import HOME

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin"

_TRIAL = """
mount -t tmpfs tmpfs /tmp && mkdir /tmp/root /tmp/upper /tmp/work &&
mount -t overlay overlay -o lowerdir=/,upperdir=/tmp/upper,workdir=/tmp/work /tmp/root &&
mount -t proc proc /tmp/root/proc && ip link add name a type veth peer name b && ip link add name c type bridge
"""


@functools.cache
def why_no_machines() -> str:
    """Why hosts of clouds cannot be made here; empty: they can. What machine.sh does is tried, and leaves no trace."""
    words = [*command()[:-2], "sh", "-c", _TRIAL]
    tried = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, env={"PATH": _PATH})
    return f"this system makes no hosts of clouds: {tried.stderr.strip()}" if tried.returncode else ""


def command() -> list[str]:
    """What says "ready", waits for a line once it has its network card, and is the host then.

    It was booted just now, as it says: by that SkyPilot's daemon tells that a machine which stopped was started again.
    """
    since = str(-int(time.clock_gettime(time.CLOCK_BOOTTIME)))
    own = ("--net", "--mount", "--uts", "--ipc", "--pid", "--time", "--boottime", since)
    return ["unshare", *own, "--fork", "--kill-child=KILL", "bash", str(Path(__file__).with_name("machine.sh"))]


OFFLINE = {"UV_OFFLINE": "1", "UV_PYTHON_DOWNLOADS": "never", "PIP_NO_INDEX": "1"}
"""Variables of sessions: nothing looks for what cannot be reached."""


def marks() -> dict[str, str]:
    """By which the tests find processes that they left behind."""
    return {name: value for name, value in os.environ.items() if name.startswith("RHDESK_TEST")}


def settings(
    *,
    disk: Path,
    address: str,
    name: str,
    login: str,
    keys: str,
    node_home: Path,
    variables: Mapping[str, str],
    start: Path | None = None,
) -> dict[str, str]:
    """The environment of `command`; machine.sh says what each of them is.

    Args:
        disk: made here.
        node_home: the home of `login`, as `downloads.node_home` makes it.
    """
    disk.mkdir(exist_ok=True)
    everything = {**OFFLINE, **variables, **marks()}
    return {
        **marks(),
        "PATH": _PATH,
        "DISK": str(disk),
        "IP": address,
        "NAME": name,
        "LOGIN": login,
        "KEYS": keys,
        "NODE_HOME": str(node_home),
        "NODE_UID": str(node_home.stat().st_uid),
        "OPEN": str(HOME),
        "VARIABLES": " ".join(f'"{name}={value}"' for name, value in everything.items()),
        "START": str(start) if start else "",
    }
