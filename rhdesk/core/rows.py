"""The rows of the store: plain frozen values, so that a view can keep one and compare it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from rhresources.cloud.told_words import standing

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudCluster
    from rhresources.cloud.life import Notice
    from rhresources.registry.told import Told


class State(Enum):
    """The life of a cluster or a run, in the words that the user reads."""

    # clusters
    UP = "Running"
    STARTING = "Starting"
    STOPPING = "Stopping"
    DOWN = "Down"
    CONNECTING = "Connecting"  # nobody knows yet whether it is up
    UNREACHABLE = "Unreachable"
    NEEDS_YOU = "Needs you"  # only a person can answer what is asked on the way to it
    # clusters in a cloud
    LAUNCHING = "Launching"
    STOPPED = "Stopped"  # its disks are kept
    STOPS_ITSELF = "Stops itself"
    UNHEALTHY = "Unhealthy"
    NO_SERVER = "No server"  # its hosts are rented and up; a cluster server does not run there
    # runs (FAILED serves both)
    QUEUED = "Waiting"
    PREPARING = "Preparing"
    RUNNING = "Running "  # a trailing space keeps it from being an alias of UP; shown stripped
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    LOST = "Lost"
    # forwarded ports
    OPEN = "Open"
    # documents
    BROKEN = "Broken"
    READY = "Ready"

    @property
    def word(self) -> str:
        return self.value.strip()

    @property
    def role(self) -> str:
        """The role of its colour in the tokens of the theme."""
        return _ROLES[self]

    @property
    def shape(self) -> str:
        """The shape of its mark: state never rests on colour alone. `paint_mark` draws them."""
        return _SHAPES[self]

    @property
    def is_over(self) -> bool:
        """Whether a run in this state has ended."""
        return self in (State.SUCCEEDED, State.FAILED, State.CANCELLED, State.LOST)


_ROLES = {
    State.UP: "ok",
    State.STARTING: "warn",
    State.STOPPING: "warn",
    State.DOWN: "text_faint",
    State.CONNECTING: "text_faint",
    State.UNREACHABLE: "error",
    State.NEEDS_YOU: "warn",
    State.LAUNCHING: "warn",
    State.STOPPED: "text_faint",
    State.STOPS_ITSELF: "warn",
    State.UNHEALTHY: "error",
    State.NO_SERVER: "warn",
    State.QUEUED: "text_faint",
    State.PREPARING: "warn",
    State.RUNNING: "info",
    State.SUCCEEDED: "ok",
    State.FAILED: "error",
    State.CANCELLED: "text_faint",
    State.LOST: "error",
    State.OPEN: "ok",
    State.BROKEN: "error",
    State.READY: "ok",
}
_SHAPES = {
    State.UP: "dot",
    State.STARTING: "ring",
    State.STOPPING: "ring",
    State.DOWN: "square",
    State.CONNECTING: "ring",
    State.UNREACHABLE: "cross",
    State.NEEDS_YOU: "mark",
    State.LAUNCHING: "ring",
    State.STOPPED: "pause",
    State.STOPS_ITSELF: "pause",
    State.UNHEALTHY: "mark",
    State.NO_SERVER: "ring",
    State.QUEUED: "ring",
    State.PREPARING: "ring",
    State.RUNNING: "dot",
    State.SUCCEEDED: "check",
    State.FAILED: "cross",
    State.CANCELLED: "square",
    State.LOST: "cross",
    State.OPEN: "dot",
    State.BROKEN: "cross",
    State.READY: "dot",
}
ON_THE_WAY = (State.LAUNCHING, State.STARTING, State.STOPPING, State.STOPS_ITSELF)
_BILLED = (State.UP, State.STARTING, State.STOPPING, State.LAUNCHING)


@dataclass(frozen=True)
class HostLoad:
    """One host of a cluster. Bytes, seconds, percent.

    Attributes:
        given: what the cluster's document calls it; empty on a cluster of one computer.
        problem: why it is not alive, as a sentence.
        seen: when it was last heard of, seconds since the epoch.
        workers: worker processes that run there now.
    """

    name: str
    address: str = ""
    head: bool = True
    alive: bool = True
    cpu_percent: float = 0.0
    cpus: int = 0
    memory_used: int = 0
    memory_total: int = 0
    disk_used: int = 0
    disk_total: int = 0
    gpus: tuple[GpuLoad, ...] = ()
    uptime: float = 0.0
    load: float = 0.0
    given: str = ""
    problem: str = ""
    seen: float = 0.0
    workers: int = 0


@dataclass(frozen=True)
class GpuLoad:
    name: str
    load_percent: float
    memory_used: int
    memory_total: int


@dataclass(frozen=True)
class Sample:
    """One point of a cluster's recent past, all in percent of the whole cluster. `gpu` is None without one."""

    time: float
    cpu: float
    memory: float
    gpu: float | None = None


@dataclass(frozen=True)
class ClusterStatus:
    """The newest status of a cluster with its recent past, oldest first."""

    address: str
    time: float
    engine: str  # "starting", "ready", "failed", "stopped"
    engine_sentence: str = ""
    hosts: tuple[HostLoad, ...] = ()
    runs_active: int = 0
    runs_queued: int = 0
    workers: int = 0
    calls: int = 0
    state_bytes: int = 0
    past: tuple[Sample, ...] = ()


@dataclass(frozen=True)
class ClusterRow:
    """One cluster: what its document says and what is known of its life.

    Attributes:
        sentence: what it is doing or why it is in this state.
        price_per_hour: US dollars while it is up; None where nobody has set a price.
        since: when it entered this state, seconds since the epoch; 0: unknown.
        reach: how its head is reached, as its document says it: "alice@gpu1:22 via jump".
        hosts: its hosts as the document names them; empty on this computer and in a cloud.
        lost_hosts: those of them that do not answer.
        retry_at: when it is tried again by itself, seconds since the epoch; 0: it is not.
        differs: what to know where its server is another build of rhdesk; else empty.
        cloud: what SkyPilot says of one in a cloud; None where it knows none of that name.
        notice: what happened to one in a cloud without us.
        told: what is told of one in a cloud that a SkyPilot of somebody else, or on another computer, runs; `cloud` is
            the same in other words then.
        run_by: who runs that one: "alice (alice@laptop)".
    """

    address: str
    name: str
    kind: str  # "machine", "ssh", "cloud"
    state: State
    sentence: str = ""
    hardware: str = ""
    location: str = ""
    price_per_hour: float | None = None
    autostop_mins: int | None = None
    since: float = 0.0
    cpu: float | None = None
    memory: float | None = None
    gpu: float | None = None
    runs_active: int = 0
    description: str = ""
    problem: Problem | None = None
    server_version: str = ""
    user: str = ""
    superuser: bool = False
    reach: str = ""
    hosts: tuple[str, ...] = ()
    lost_hosts: tuple[str, ...] = ()
    retry_at: float = 0.0
    differs: str = ""
    cloud: CloudCluster | None = None
    notice: Notice | None = None
    told: Told | None = None
    run_by: str = ""

    @property
    def standing(self) -> str:
        """Who runs a cluster that is told of, and how old that is by now; "" where it is ours."""
        return standing(self.told, self.run_by, time.time()) if self.told is not None else ""

    @property
    def why_not_ours(self) -> str:
        """Why its machines are left alone here, as a sentence; "" where they are ours."""
        if self.told is None:
            return ""
        return f"{self.address} is left to the SkyPilot that runs it. {self.standing}."

    @property
    def is_builtin(self) -> bool:
        return self.address.startswith("^")

    @property
    def is_up(self) -> bool:
        """Whether it is up, not on the way to it or down; in a cloud by the word of whoever runs it."""
        if self.cloud is not None:
            return self.cloud.state == "up" and self.state not in ON_THE_WAY
        return self.state is State.UP

    @property
    def is_billed(self) -> bool:
        """Whether it has hosts that cost what they cost: what SkyPilot says counts more than whether it is reached."""
        if self.cloud is not None:
            return self.cloud.state != "stopped"
        return self.state in _BILLED

    @property
    def is_template(self) -> bool:
        """A built-in that only says what could be rented."""
        return self.is_builtin and self.kind == "cloud"


@dataclass(frozen=True)
class RunRow:
    """One run. Times are seconds since the epoch, 0 for "not yet". `by` and `cancelled_by` are what people's programs
    said of them, and no proof."""

    id: str
    name: str
    cluster: str
    state: State
    reason: str = ""
    created: float = 0.0
    started: float = 0.0
    ended: float = 0.0
    arguments: str = ""
    client: str = ""
    by: str = ""
    cancelled_by: str = ""
    user: str = ""
    environment: str = ""
    log_bytes: int = 0
    result_bytes: int = 0
    result_type: str = ""
    error_type: str = ""
    error_message: str = ""
    traceback: str = ""
    problem: Problem | None = None
    items: int = 0
    host: str = ""
    pid: int = 0
    project: str = ""
    tree: str = ""
    function: str = ""
    revision: int = 0

    def duration(self, now: float) -> float | None:
        """Seconds that it ran so far, or None when it has not started."""
        if not self.started:
            return None
        return max(0.0, (self.ended or now) - self.started)


@dataclass(frozen=True)
class TaskRow:
    """One long act of the window, as the task centre shows it. `fraction` is 0 to 1, None when unknown.

    Attributes:
        lines: what it said so far, and `times` when each of them came.
        assumes: the state that a cluster is shown in while this is being done to it.
        problem: why it failed.
        giving_up: the person has cancelled it, and what it had begun is taken back.
    """

    name: str
    title: str
    state: str = "running"  # "running", "done", "failed", "cancelled"
    sentence: str = ""
    fraction: float | None = None
    started: float = 0.0
    ended: float = 0.0
    go_to: tuple[str, str] | None = None
    lines: tuple[str, ...] = ()
    times: tuple[float, ...] = ()
    assumes: State | None = None
    problem: Problem | None = None
    giving_up: bool = False


@dataclass(frozen=True)
class ForwardRow:
    """A port of this computer that leads to a port of a cluster; `remote_port` 0: to the socket `remote_host`.

    `sentence` says why it is not open; it is tried again by itself.
    """

    id: str
    cluster: str
    local_port: int
    remote_host: str
    remote_port: int
    state: State
    sentence: str = ""

    @property
    def local(self) -> str:
        return f"127.0.0.1:{self.local_port}"

    @property
    def remote(self) -> str:
        """The port there; with its host where that is not the cluster's head itself."""
        if not self.remote_port:
            return self.remote_host
        own = self.remote_host in ("127.0.0.1", "localhost", "::1")
        return f"port {self.remote_port}" if own else f"{self.remote_host}:{self.remote_port}"


@dataclass(frozen=True)
class Problem:
    """An error in the three layers that the user reads: sentence, remedy, raw detail.

    Attributes:
        field: the field of a cluster's document that it is about, where a cloud said so.
        code: what kind it is, for programs.
    """

    sentence: str
    remedy: str = ""
    detail: str = ""
    field: str = ""
    code: str = ""

    @classmethod
    def of(cls, error: BaseException) -> Problem:
        """The three layers of an exception; one that is no RhError keeps its type and traceback in the detail."""
        sentence = getattr(error, "sentence", None)
        if isinstance(sentence, str):
            words = (str(getattr(error, name, "")) for name in ("remedy", "detail", "field", "code"))
            return cls(sentence, *words)
        import traceback

        text = str(error).strip()
        return cls(
            f"Something went wrong inside rhdesk ({type(error).__name__}{': ' + text if text else ''}).",
            "Try again; if it stays, the details show where it happened.",
            "".join(traceback.format_exception(error)),
        )
