"""A switch: a process with a network namespace of its own, and the card of the test on it.

Nothing stays behind even when the tests are killed: the holder ends with the thread that made it, and with the holder
all that runs in the network. Make switches in the main thread for that reason. Neither /etc nor /run/netns of the
machine are touched.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

from lab.namespaces import command, end, start_holder
from lab.rights import SYSTEM_PATH


class Switch:
    """Nothing on it reaches further than the switch.

    Args:
        address: of the test on it.
        prefix: length of its network's prefix.

    Attributes:
        folder: for all that hangs on it; removed with it.
    """

    def __init__(self, address: str, prefix: int = 24) -> None:
        _remove_old_folders()
        self.folder = Path(tempfile.mkdtemp(prefix=f"rhlab-{os.getpid()}-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.address = address
        self._card = f"rh{self.folder.name.rsplit('-', 1)[1]}"[:15]
        self._switch = start_holder(
            ["unshare", "--net", sys.executable, "-IS", str(Path(__file__).with_name("switch_holder.py"))],
            self.folder / "switch.log",
            parting="TERM",
        )
        try:
            self.at_switch("ip", "link", "set", "switch", "up")
            self.add_port("uplink", "name", self._card)
            command("ip", "addr", "add", f"{self.address}/{prefix}", "dev", self._card)
            command("ip", "link", "set", self._card, "up")
        except BaseException:
            self.close()
            raise

    def at_switch(self, *words: str) -> str:
        """Run a program in the switch's network."""
        return command(*self.enter_switch(), *words)

    def enter_switch(self) -> list[str]:
        """The words before a command that runs in the switch's network."""
        return ["nsenter", "-t", str(self._switch.pid), "-n"]

    def add_port(self, port: str, *other_end: str) -> None:
        """A port of the switch with a cable to `other_end`, in words of `ip link`."""
        switch = str(self._switch.pid)
        command("ip", "link", "add", port, "netns", switch, "type", "veth", "peer", *other_end)
        self.at_switch("ip", "link", "set", port, "master", "switch")
        self.at_switch("ip", "link", "set", port, "up")

    def close(self) -> None:
        """Take it away, with its folder."""
        # at once: the kernel takes its time to clear a namespace that nobody holds any more
        subprocess.run(["ip", "link", "del", self._card], capture_output=True, env={"PATH": SYSTEM_PATH})
        end(self._switch, parting=signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _remove_old_folders() -> None:
    """Folders of tests that were killed; of them, nothing else stays."""
    for folder in Path("/tmp").glob("rhlab-*-*"):
        owner = folder.name.split("-")[1]
        if owner.isdigit() and not Path("/proc", owner).exists() and folder.stat().st_uid == os.geteuid():
            shutil.rmtree(folder, ignore_errors=True)
