"""The hosts of the cluster as the head sees them: which are there, how loaded they are, which are lost.

THE API IS WHAT STANDS HERE; the bodies follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rhresources.wire import cluster_pb2 as pb
from rhserver.code.snapshots import Snapshots
from rhserver.runs.placing import Placed

if TYPE_CHECKING:
    from rhserver.engine.worker_spec import WorkerSpec

OnText = Callable[[str], None]


@dataclass(eq=False, slots=True)
class Host:
    """One host. Belongs to the server's loop; do not change it, except through `Hosts`."""

    given: str  # as the cluster's document names it
    address: str  # in the cluster's network
    is_head: bool
    name: str = ""  # what it calls itself
    cpus: int = 1
    actor: Any = None  # HostAgent; None on the head, and where the host is not there
    node: str = ""  # Ray's id of its node, in hex
    home: str = ""  # state directory of rhserver there
    workers: int = 0  # that run there, or are about to
    problem: str = ""  # why it is not there, as a sentence; empty: it is alive
    seen: float = 0.0  # time.time() of its last word
    status: pb.Host = field(default_factory=pb.Host)

    @property
    def alive(self) -> bool:
        return not self.problem


OnLost = Callable[[Host, str], None]
OnBack = Callable[[Host], None]


class Hosts:
    """All hosts of the cluster; on a cluster of one computer just the head, at no cost.

    Args:
        given: the hosts as the document names them, the head first; empty or one: a single host.
        address: of the head in the cluster's network.
        home: the server's state directory.
        snapshots: the code on the head, from which the others get theirs.

    `on_lost(host, sentence)` is called on the loop, once each time; all that ran there counts as dead from then on
    (when the host answers again, its agent first ends what it still runs). `on_back(host)` when it is usable again.
    """

    on_lost: OnLost | None = None
    on_back: OnBack | None = None

    def __init__(self, given: Sequence[str], address: str, home: Path, snapshots: Snapshots) -> None:
        self._head = Host(given[0] if given else "", address, True, home=str(home))

    @property
    def single(self) -> bool:
        """Whether there is no host beside the head."""
        return True

    @property
    def head(self) -> Host:
        return self._head

    def alive(self) -> list[Host]:
        """Those that workers can be started on, the head first."""
        return [self._head]

    async def start(self) -> None:
        """Find the hosts that are there (also agents that an earlier server made), then watch in the background.

        Call it when Ray is up, before `Launcher.find_again`. Takes a few seconds at most.
        """

    async def close(self) -> None:
        """Stop watching. The agents stay."""

    async def choose(self, spec: WorkerSpec) -> Host:
        """The least loaded alive host for a shared worker (workers for each processor; the head where equal).

        The worker counts as being there from now on: call `left(host)` when it ended or never started.
        """
        self._head.workers += 1
        return self._head

    def took(self, host: Host) -> None:
        """A worker runs there that `choose` did not place: a dedicated one, or one of an earlier server."""

    def left(self, host: Host) -> None:
        """A worker that `choose` or `took` counted is gone."""

    def host_of_node(self, node_id: str) -> Host | None:
        """The host with this node id of Ray (hex), as `ray.get_runtime_context().get_node_id()` tells an actor."""
        return self._head

    def host_named(self, given: str) -> Host | None:
        """The host that the document names so."""
        return self._head

    async def ensure(
        self,
        host: Host,
        spec: pb.FunctionSpec,
        on_output: OnText = lambda line: None,
        on_phase: OnText = lambda phase: None,
        *,
        worker: str = "",
    ) -> Placed:
        """Bring code and environment of a function to a host that is not the head; what its worker needs there.

        With `worker` (the name that the worker will have) trees and environment are kept there until that worker
        ends under the HostAgent, or until `release(host, worker)`.

        Raises:
            RhError: the host is lost, the code is not on the head, or the environment cannot be made there.
        """
        raise NotImplementedError

    async def release(self, host: Host, worker: str) -> None:
        """What `ensure` kept for this worker may go. Needed where the worker never started or ran under a supervisor
        of its own; harmless otherwise. Never raises."""

    async def keep_only(self, workers: set[str]) -> None:
        """After `find_again`: let go of what is kept on other hosts for workers that are not among these."""

    def status(self) -> list[pb.Host]:
        """All of them as last heard of, the lost ones too; the head without its own readings."""
        return []
