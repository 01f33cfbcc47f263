"""What the labs of clouds have in common: SkyPilot runs inside their network, and nothing in it reaches further.

The port of SkyPilot's API server is brought out to the loopback of the test.
"""

from __future__ import annotations

from pathlib import Path

from lab.clouds.skypilot_server import SkyPilotServer, python_at, server_at
from lab.switch import Switch


class CloudLab(Switch):
    """Use as a context; in the main thread.

    Args:
        address: of the test on its network.
        inside: of what runs at the switch itself, such as SkyPilot.
        prefix: length of the network's prefix.
    """

    def __init__(self, address: str, inside: str, prefix: int) -> None:
        super().__init__(address, prefix)
        self.at_switch("ip", "addr", "add", f"{inside}/{prefix}", "dev", "switch")
        self.at_switch("ip", "link", "set", "lo", "up")

    def write_home(self, home: Path) -> Path:
        """What a HOME needs for SkyPilot to know this cloud: how to get in, prices, settings; the home."""
        raise NotImplementedError

    @property
    def variables(self) -> dict[str, str]:
        """The environment that SkyPilot needs beside a home."""
        return {
            "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
            # SkyPilot packs itself for its nodes: with what its environment has, rather than what an index would
            "PIP_NO_BUILD_ISOLATION": "0",
            "PIP_NO_INDEX": "1",
        }

    def python(self, folder: Path) -> Path:
        """A `python` in `folder`: SkyPilot's own, inside the lab. A server that it runs is reached at its port here."""
        return python_at(self, folder)

    def environment(self, folder: Path) -> dict[str, str]:
        """What a process needs in its environment for its rhdesk to start SkyPilot's server in the lab."""
        self.python(folder / "bin")
        return {**self.variables, "RH_SKYPILOT_ENVIRONMENT": str(folder)}

    def server(self, home: Path) -> SkyPilotServer:
        """Start SkyPilot's API server in the lab, with `home` prepared for it; to the test it is a team's server."""
        return SkyPilotServer(server_at(self, self.folder / "bin"), self.write_home(home), self.variables)
