"""From what the wire and the stores say to the rows of the store. Imported on the background loop only."""

from __future__ import annotations

from rhdesk.core.entry_row import EntryRow, RegistryRow
from rhdesk.core.rows import (
    ClusterRow,
    ClusterStatus,
    ForwardRow,
    GpuLoad,
    HostLoad,
    Problem,
    RunRow,
    Sample,
    State,
)
from rhdesk.core.words import bytes_text
from rhresources.cloud.limits import place
from rhresources.documents import ClusterDocument
from rhresources.forwards import PortForward
from rhresources.registry.answers import RegistryState
from rhresources.stores.entry import Entry
from rhresources.wire import cluster_pb2 as pb

_RUN_STATES = {
    pb.QUEUED: State.QUEUED,
    pb.PREPARING: State.PREPARING,
    pb.RUNNING: State.RUNNING,
    pb.SUCCEEDED: State.SUCCEEDED,
    pb.FAILED: State.FAILED,
    pb.CANCELLED: State.CANCELLED,
    pb.LOST: State.LOST,
}
_ENGINE = {
    pb.EngineState.STARTING: "starting",
    pb.EngineState.READY: "ready",
    pb.EngineState.FAILED: "failed",
    pb.EngineState.STOPPED: "stopped",
}


def entry_row(entry: Entry) -> EntryRow:
    """A resource as the lists show it."""
    path, problem = str(entry.path or ""), str(entry.problem or "")
    if path and problem.startswith(path):  # a column has little room, and the row says where it is
        problem = problem.removeprefix(path).lstrip(",: ")
        problem = problem[:1].upper() + problem[1:]
    return EntryRow(
        address=entry.name,
        kind=entry.kind,
        name=entry.address.name,
        folder=entry.address.folder,
        description=str(getattr(entry.document, "description", "") or ""),
        modified=entry.modified,
        path=path,
        problem=problem,
        document=entry.document,
        version=entry.version,
        modified_by=entry.modified_by,
        access=entry.access,
        seen=entry.seen,
        waiting=entry.waiting,
        conflict=entry.conflict,
        caution=entry.caution,
    )


def registry_row(state: RegistryState) -> RegistryRow:
    """How the registry is that somebody is logged in to."""
    return RegistryRow(
        url=state.url,
        user=state.user,
        groups=state.groups,
        online=state.online,
        seen=state.seen,
        listed=bool(state.seen),
        problem=Problem(state.problem, state.remedy) if state.problem else None,
        waiting=state.waiting,
        conflicts=state.conflicts,
    )


def cluster_row(entry: EntryRow) -> ClusterRow:
    """A cluster by its document alone; its state is what can be known without asking it."""
    document = entry.document
    if not isinstance(document, ClusterDocument):
        problem = Problem(entry.problem or f"{entry.address} cannot be read.", "Mend its document on Resource names.")
        return ClusterRow(entry.address, entry.name, "", State.BROKEN, problem.sentence, problem=problem)
    hardware, location = _place(document)
    return ClusterRow(
        address=entry.address,
        name=entry.name,
        kind=document.type,
        # hosts of one's own may well be up; that of a cloud is known when somebody asks it
        state=State.CONNECTING if document.type == "ssh" else State.DOWN,
        hardware=hardware,
        location=location,
        price_per_hour=document.price_per_hour,
        autostop_mins=document.autostop_mins,
        description=entry.description,
        reach=reach_text(document),
        hosts=tuple(document.ips),
    )


def reach_text(document: ClusterDocument) -> str:
    """How the head is reached, as far as the document says it: "alice@gpu1:22 via jump"."""
    if document.type != "ssh":
        return ""
    creds, head = document.ssh_creds, document.ips[0]
    if ":" in head:
        head = f"[{head}]"
    user = f"{creds.ssh_user}@" if creds.ssh_user else ""
    port = f":{creds.ssh_port}" if creds.ssh_port else ""
    jump = f" via {creds.proxy_jump}" if creds.proxy_jump not in (None, "", "none") else ""
    return f"{user}{head}{port}{jump}"


def _place(document: ClusterDocument) -> tuple[str, str]:
    if document.type == "machine":
        return "", "This computer"
    if document.type == "ssh":
        more = f" and {len(document.ips) - 1} more" if len(document.ips) > 1 else ""
        return "", document.ips[0] + more
    instance = (document.instance_type or "").rstrip("+")
    name, _, count = instance.partition(":")
    hardware = f"{count} × {name}" if count else instance
    if name == "CPU":
        hardware = f"{count} vCPU" + (" or more" if (document.instance_type or "").endswith("+") else "")
    if (document.num_instances or 1) > 1:
        hardware = f"{document.num_instances} hosts, {hardware}"
    cloud = document.provider if document.provider not in (None, "cheapest") else ""
    return hardware, place(cloud or "", document.region or "") or "Any cloud"


def run_row(run: pb.Run, cluster: str) -> RunRow:
    """A run's record."""
    failed = run.HasField("error")
    return RunRow(
        id=run.id,
        name=run.name,
        cluster=cluster,
        state=_RUN_STATES.get(run.state, State.QUEUED),
        reason=run.reason,
        created=run.created,
        started=run.started,
        ended=run.ended,
        arguments=run.arguments,
        client=run.client,
        by=run.by,
        cancelled_by=run.cancelled_by,
        user=run.user,
        environment=run.environment,
        log_bytes=run.log_bytes,
        result_bytes=run.result_bytes,
        result_type=run.result_type,
        error_type=run.error.type if failed else "",
        error_message=run.error.message if failed else "",
        traceback=run.error.traceback if failed else "",
        problem=problem_of(run.problem) if run.HasField("problem") else None,
        items=run.items,
        host=run.host,
        pid=run.pid,
        project=run.code.project,
        tree=run.code.root,
        function=run.function,
        revision=run.revision,
    )


def problem_of(problem: pb.Problem) -> Problem:
    return Problem(problem.sentence, problem.remedy, problem.detail)


def forward_row(forward: PortForward) -> ForwardRow:
    """A forwarded port. One that waits for its connection is shown as connecting."""
    state = {"open": State.OPEN, "waiting": State.CONNECTING, "failed": State.FAILED}[forward.state]
    return ForwardRow(
        id=forward.id,
        cluster=forward.cluster,
        local_port=forward.local_port,
        remote_host=forward.remote_host,
        remote_port=forward.remote_port,
        state=state,
        sentence=forward.sentence,
    )


def status_row(address: str, status: pb.Status, past: tuple[Sample, ...]) -> ClusterStatus:
    """The load of a cluster; `past` are the samples so far, the new one is added."""
    hosts = tuple(
        HostLoad(
            name=host.name,
            address=host.address,
            head=host.head,
            alive=host.alive,
            cpu_percent=host.cpu_percent,
            cpus=host.cpus,
            memory_used=host.memory_used,
            memory_total=host.memory_total,
            disk_used=host.disk_used,
            disk_total=host.disk_total,
            gpus=tuple(GpuLoad(gpu.name, gpu.load_percent, gpu.memory_used, gpu.memory_total) for gpu in host.gpus),
            uptime=host.uptime,
            load=host.load,
            given=host.given,
            problem=host.problem,
            seen=host.seen,
            workers=host.workers,
        )
        for host in status.hosts
    )
    sample = sample_of(status.time, hosts)
    return ClusterStatus(
        address=address,
        time=status.time,
        engine=_ENGINE.get(status.engine.phase, "starting"),
        engine_sentence=status.engine.sentence,
        hosts=hosts,
        runs_active=status.runs_active,
        runs_queued=status.runs_queued,
        workers=status.workers,
        calls=status.calls,
        state_bytes=status.state_bytes,
        past=(*past[-119:], sample),
    )


def sample_of(time: float, hosts: tuple[HostLoad, ...]) -> Sample:
    """The whole cluster in three figures: processors weighted by their number, memory by its size."""
    cpus = sum(host.cpus for host in hosts) or 1
    total = sum(host.memory_total for host in hosts) or 1
    gpus = [gpu.load_percent for host in hosts for gpu in host.gpus]
    return Sample(
        time=time,
        cpu=sum(host.cpu_percent * host.cpus for host in hosts) / cpus,
        memory=100 * sum(host.memory_used for host in hosts) / total,
        gpu=sum(gpus) / len(gpus) if gpus else None,
    )


def hardware_text(hosts: tuple[HostLoad, ...]) -> str:
    """What the hosts have: "2 CPUs · 8.0 GB · 1 × A100"."""
    cpus, memory = sum(host.cpus for host in hosts), sum(host.memory_total for host in hosts)
    gpus = [gpu.name for host in hosts for gpu in host.gpus]
    parts = [f"{cpus} CPU{'' if cpus == 1 else 's'}", bytes_text(memory)]
    parts += [f"{gpus.count(name)} × {name}" for name in dict.fromkeys(gpus)]
    return " · ".join(parts)
