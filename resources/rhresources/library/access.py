"""What a cluster's hosts can do besides running functions: shells, files, ports, notebooks, and their own upkeep."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rhresources.errors import UsageError
from rhresources.library.portal import Portal, portal
from rhresources.library.progress import progress
from rhresources.library.resource import ClusterPart

if TYPE_CHECKING:
    from rhresources.reach.steps import Step
    from rhresources.transfer.transfer import Transferred


class Tunnel:
    """A forwarded port, until `close` or the end of the program. After a lost connection it comes back by itself.

    Attributes:
        local_port: the port here, at 127.0.0.1.
        remote_port: the port there.
    """

    def __init__(self, there: Portal, id: str, local_port: int, remote_port: int) -> None:
        self._there = there
        self._id: str | None = id
        self.local_port = local_port
        self.remote_port = remote_port

    def close(self) -> None:
        """End it; may be called twice."""
        id, self._id = self._id, None
        if id is not None and self._there.alive:
            self._there.run(self._there.workspace.forwards.stop, id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._id is None else "open"
        return f"<rh.Tunnel 127.0.0.1:{self.local_port} -> {self.remote_port} ({state})>"


class HostAccess(ClusterPart):
    """The part of `Cluster` that is about its hosts."""

    def _there(self) -> Portal:
        if self.dryrun:
            raise UsageError(f"{self!r} is only described (dryrun).", remedy="Make it without dryrun=True.")
        return portal()

    # ------------------------------------------------------------ shells and ports

    def ssh(self, command: str | None = None, host: str | None = None) -> int:
        """Open a shell there in this terminal; or run a command and print its output as it comes.

        Args:
            command: for the shell there; None: an interactive one, by the system's `ssh`.
            host: one of its hosts; default: the head.

        Returns:
            The exit code.

        Raises:
            RhError: the host cannot be reached, or there is no `ssh` here.
        """
        there = self._there()
        if command is not None:
            from rhresources.library.calls import print_output

            return there.run(there.workspace.run_command, self.target, command, host=host, on_output=print_output)
        line = there.run(there.workspace.ssh_command, self.target, host)
        try:
            return subprocess.call(line)
        except FileNotFoundError:
            raise UsageError(
                "There is no ssh program on this computer.", remedy="Install OpenSSH, or use `rhdesk ssh`."
            ) from None

    def ssh_command(self, host: str | None = None) -> list[str]:
        """The system's `ssh` with the options of this cluster, for `subprocess`."""
        there = self._there()
        return there.run(there.workspace.ssh_command, self.target, host)

    def ssh_tunnel(self, local_port: int, remote_port: int | None = None, num_ports_to_try: int = 0) -> Tunnel:
        """Forward a port of this computer to one of the head. Use it as a context, or close it.

        Args:
            local_port: the port here; 0: any that is free.
            remote_port: the port there; default: the same.
            num_ports_to_try: so many ports after `local_port` will do, too.

        Raises:
            RhError: the port here is taken, or the host cannot be reached or forbids forwarding.
        """
        there = self._there()
        forward = there.run(
            there.workspace.forwards.add,
            self.target,
            local_port if remote_port is None else remote_port,
            local_port,
            num_ports_to_try=num_ports_to_try,
        )
        return Tunnel(there, forward.id, forward.local_port, forward.remote_port)

    def notebook(
        self,
        persist: bool = False,
        sync_package_on_close: None = None,
        port_forward: int | None = None,
        open_browser: bool = True,
    ) -> str:
        """Start JupyterLab there, in an environment of its own, and forward a port to it; its URL, token included.

        Args:
            persist: let it run on when this program ends; else it ends with it.
            sync_package_on_close: not supported; `fetch` brings files back.
            port_forward: the port here; default: any that is free.
            open_browser: show it in the browser of this computer.

        Raises:
            InstallError: it cannot be installed there.
            RhError: it does not start, or cannot be reached.
        """
        if sync_package_on_close is not None:
            raise UsageError("Notebooks bring nothing back by themselves.", remedy="Use cluster.fetch afterwards.")
        there = self._there()
        started = there.run(there.workspace.notebook, self.target, port_forward or 0, progress, keep=persist)
        if open_browser:
            from rhresources.notebook import open_in_browser

            open_in_browser(started.url, there.home)
        return started.url

    # ------------------------------------------------------------ files

    def send(self, source: str | Path | Iterable[str | Path], dest: str) -> Transferred:
        """Send files and folders; what is there already is not sent again.

        Args:
            source: a folder goes with its name; one that ends in a slash as its contents only.
            dest: there; relative ones start from the home directory. A folder, unless one file gets this name.

        Raises:
            NotFound: there is no such source.
            RhError: something cannot be read or written.
        """
        there = self._there()
        sources = [source] if isinstance(source, str | Path) else list(source)
        return there.run(there.workspace.send, self.target, sources, dest, progress)

    def fetch(self, source: str | Iterable[str], dest: str | Path) -> Transferred:
        """Fetch files and folders: as `send`, the other way round."""
        there = self._there()
        sources = [source] if isinstance(source, str) else list(source)
        return there.run(there.workspace.fetch, self.target, sources, dest, progress)

    def rsync(self, source: str | Path, dest: str | Path, up: bool = True, contents: bool = False) -> Transferred:
        """Send (`up`) or fetch; with `contents` what is in a folder without the folder."""
        chosen = f"{str(source).rstrip('/')}/" if contents else str(source)
        return self.send(chosen, str(dest)) if up else self.fetch(chosen, dest)

    # ------------------------------------------------------------ upkeep

    def check(self) -> list[Step]:
        """Test the connection to every host, step by step, changing nothing; the steps as they ended.

        Raises:
            UsageError: the cluster has no hosts over SSH.
        """
        there = self._there()

        def tell(step: Step) -> None:
            if step.state != "running":
                progress(f"{step.host}: {step.name} {step.state} ({step.seconds:.2f} s) {step.sentence}".rstrip())

        return there.run(there.workspace.check, self.target, tell)

    def upgrade(self) -> Self:
        """Put this computer's rhdesk there and restart the server from it; its runs go on.

        Raises:
            RhError: it cannot be installed or started.
        """
        there = self._there()
        there.run(there.workspace.upgrade, self.target, progress)
        return self

    def repair(self, host: str | None = None) -> Self:
        """Bring lost hosts (or this one) back in place.

        Raises:
            RhError: a host cannot be brought back.
        """
        there = self._there()
        there.run(there.workspace.repair, self.target, host, progress)
        return self
