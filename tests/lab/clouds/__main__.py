"""A lab by hand: `python -m lab.clouds aws|slurm [--home FOLDER]`, from the folder of the tests; Ctrl-C ends it."""

from __future__ import annotations

import argparse
import signal
import tempfile
from pathlib import Path

from lab.clouds.aws import AwsLab
from lab.clouds.lab import CloudLab
from lab.clouds.slurm import SlurmLab

LABS: dict[str, type[CloudLab]] = {"aws": AwsLab, "slurm": SlurmLab}


def main() -> None:
    """Start it, say how to use it, wait."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lab", choices=list(LABS))
    parser.add_argument("--home", type=Path, help="of SkyPilot's state; default: a new folder")
    parser.add_argument("--no-server", action="store_true", help="without an API server of SkyPilot")
    options = parser.parse_args()
    home = options.home or Path(tempfile.mkdtemp(prefix="rhsky-"))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with LABS[options.lab]() as lab:
        print(f"folder        {lab.folder}")
        print(f"SkyPilot HOME {lab.write_home(home)}\npython        {lab.python(lab.folder / 'bin')}")
        print("variables     " + " ".join(f"{name}={value}" for name, value in lab.variables.items()), flush=True)
        server = None if options.no_server else lab.server(home)
        try:
            if server is not None:
                print(f"API server    {server.url}  (log: {server.log})", flush=True)
            signal.pause()
        except KeyboardInterrupt:
            pass
        finally:
            if server is not None:
                server.close()


if __name__ == "__main__":
    main()
