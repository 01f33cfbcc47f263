"""Clusters: brought up and down, commands run on them, objects kept on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, ClassVar, Self

from rhresources.connections import ClusterState, Described
from rhresources.documents import ClusterDocument, Document
from rhresources.errors import ClusterDown, InstallError, NotFound, RunCancelled, RunLost, UsageError
from rhresources.library import calls
from rhresources.library.access import HostAccess
from rhresources.library.environments import PackageAccess, prepare_builtin
from rhresources.library.on_demand import MachinesOnDemand
from rhresources.library.portal import Portal, portal
from rhresources.library.progress import progress
from rhresources.library.resource import names
from rhresources.library.run_record import RunRecord
from rhresources.people import names_of_me
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.channel import error_of_problem
from rhresources.wire.client import ClusterClient
from rhresources.wire.values import pickle_arguments

_MISSING: Any = object()

Outputs = list[tuple[int, str, str]]
"""Exit code, standard output and standard error of each command."""


class Cluster(PackageAccess, HostAccess, MachinesOnDemand):
    """One or more hosts that a cluster server runs on. Make it with `rh.cluster`."""

    kind: ClassVar[str] = "cluster"

    def __init__(self, name: str | None, document: ClusterDocument, dryrun: bool = False) -> None:
        super().__init__(name, dryrun)
        self._document = document

    def document(self) -> ClusterDocument:
        """What is saved under its name."""
        return self._document

    def _take(self, document: Document) -> bool:
        if isinstance(document, ClusterDocument):
            self._document = document
        return isinstance(document, ClusterDocument)

    # ------------------------------------------------------------ up and down

    def up(self) -> Self:
        """Bring it up and wait until it is ready. Of one in a cloud, machines are launched or started first.

        Interrupted, it leaves no more machines running than before.

        Raises:
            RhError: it cannot be brought up; the sentence says at which step.
        """
        there = portal()
        there.run(there.workspace.up, self.target, progress)
        return self

    def up_if_not(self) -> Self:
        """Bring it up unless it is up."""
        return self if self.is_up() else self.up()

    def down(self, stop_runs: bool = False) -> None:
        """Take it down. Of one in a cloud the machines are ended for good, with what is on their disks.

        Raises:
            RhError: runs are active and `stop_runs` is false; nothing was ended.
        """
        there = portal()
        there.run(there.workspace.down, self.target, stop_runs, progress)

    def is_up(self) -> bool:
        """Whether its server answers and is ready for work."""
        there = portal()
        return there.run(there.workspace.cluster_state, self.target, ask=True) == "up"

    @property
    def is_on_demand(self) -> bool:
        """Whether its machines are launched and ended, rather than somebody's own."""
        return self._document.type == "cloud"

    def status(self, refresh: bool = False) -> dict[str, Any]:
        """State, hosts, load and what runs, as plain values; only `state` if it is not up.

        Args:
            refresh: of one in a cloud, ask the cloud itself and give what it says as `cloud`, and as `notice` what
                happened to it meanwhile.
        """
        there = portal()
        more = self._machines(refresh) if refresh and self.is_on_demand else {}
        state: ClusterState = there.run(there.workspace.cluster_state, self.target, ask=True)
        try:
            client = self.client(up=False)
        except ClusterDown:
            return {"state": state, **more}
        from google.protobuf.json_format import MessageToDict

        status = there.run(_first_status, client)
        return {"state": state, **more, **MessageToDict(status, preserving_proto_field_name=True)}

    # ------------------------------------------------------------ commands

    def run(
        self,
        commands: list[str] | str,
        stream_logs: bool = True,
        port_forward: None = None,
        require_outputs: bool = True,
    ) -> Outputs:
        """Run shell commands there, one after another.

        Args:
            commands: for `sh`.
            stream_logs: print their output as it comes.
            port_forward: not supported; for code that names it.
            require_outputs: as it was in the old library; outputs always come.

        Returns:
            (exit code, standard output, standard error) of each.
        """
        _no_forwarding(port_forward)
        return self._builtin("shell", commands, stream_logs)

    def run_python(self, commands: list[str] | str, stream_logs: bool = True, port_forward: None = None) -> Outputs:
        """Run Python statements in one fresh interpreter there, with the installed packages; as `run`, one triple."""
        _no_forwarding(port_forward)
        return self._builtin("python", commands, stream_logs)

    def _builtin(self, which: str, commands: list[str] | str, stream_logs: bool) -> Outputs:
        commands = [commands] if isinstance(commands, str) else list(commands)
        there, client = portal(), self.client()
        key = there.run(prepare_builtin, there, client, which, self.packages)
        arguments = calls.encode(there, client, pickle_arguments((commands,), {}))
        return [tuple(one) for one in calls.call(there, client, key, arguments, stream_logs)]

    # ------------------------------------------------------------ objects

    def put(self, key: str, obj: Any) -> None:
        """Keep an object there under a key."""
        import cloudpickle

        there, client = portal(), self.client()
        data = cloudpickle.dumps(obj, protocol=5)
        there.run(client.put_object, key, data, f"{type(obj).__module__}.{type(obj).__qualname__}")

    def get(self, key: str, default: Any = _MISSING, stream_logs: bool = False) -> Any:
        """The object kept under a key, or the result of the run of that id.

        Args:
            key: of an object, or the id of a run.
            default: what to give where there is neither; without it that is an error.
            stream_logs: print what the run prints.

        Raises:
            NotFound: there is neither, and no default.
            the exception that the run raised.
        """
        there, client = portal(), self.client()
        try:
            return calls.decode(there, client, there.run(client.get_object, key).value)
        except NotFound as error:
            if not _looks_like_run(key):
                if default is not _MISSING:
                    return default
                raise error from None
        try:
            return result_of_run(there, client, key, stream_logs)
        except NotFound:
            if default is not _MISSING:
                return default
            raise

    def keys(self) -> list[str]:
        """The keys of the objects kept there."""
        there, client = portal(), self.client()
        return [info.key for info in there.run(client.list_objects)]

    def delete(self, keys: str | Iterable[str]) -> list[str]:
        """Forget objects; the keys that were there."""
        there, client = portal(), self.client()
        return there.run(client.delete_objects, [keys] if isinstance(keys, str) else list(keys))

    def clear_pins(self, pins: Iterable[str] | None = None) -> list[str]:
        """Forget objects, without `pins` all of them; the keys that were there."""
        if pins is not None:
            return self.delete(pins)
        there, client = portal(), self.client()
        return there.run(client.delete_objects, (), True)

    # ------------------------------------------------------------ runs

    def runs(self, limit: int = 100, mine: bool = False) -> list[RunRecord]:
        """The newest runs, newest first: everybody's, or only `mine`."""
        there, client = portal(), self.client()
        by = tuple(names_of_me(there.workspace.home)) if mine else ()
        found = there.run(partial(client.list_runs, limit, by=by)).runs
        return [RunRecord.of(run) for run in found if not mine or run.by in by]  # an older server gives all

    def cancel(self, key: str | Iterable[str], force: bool = False) -> list[RunRecord]:
        """Cancel runs by their ids; their records after it. `force` kills the workers at once.

        Raises:
            NotFound: one of them does not exist; none is cancelled.
        """
        there, client = portal(), self.client()
        return [RunRecord.of(run) for run in there.run(client.cancel, key, force)]

    def logs(self, run: str, follow: bool = False) -> Iterator[str]:
        """What a run printed, in pieces of whole lines; with `follow` until it ends."""
        there, client = portal(), self.client()
        return there.iterate(_log_pieces(client, run, follow))

    # ------------------------------------------------------------ inside

    @property
    def target(self) -> Any:
        """What the workspace knows it by: its saved name, else its document."""
        address = self._address
        if address is not None and names().exists(address) and names().cluster(address) == self._document:
            return str(address)
        if address is not None and self.is_on_demand:  # its machines are found again by its name
            return Described(str(address), self._document)
        return self._document

    def client(self, up: bool = True) -> ClusterClient:
        """The connection to it; it is brought up if it is not, and `up`.

        Raises:
            ClusterDown: it is not up and is not to be brought up.
        """
        if self.dryrun and up:
            raise UsageError(f"{self!r} is only described (dryrun).", remedy="Make it without dryrun=True.")
        there = portal()
        return there.run(there.workspace.connect, self.target, up=up, progress=progress, ask=True)


def cluster(
    name: str,
    instance_type: str | None = None,
    num_instances: int | None = None,
    provider: str | None = None,
    autostop_mins: int | None = None,
    use_spot: bool | None = None,
    image_id: str | None = None,
    region: str | None = None,
    ips: list[str] | None = None,
    ssh_creds: dict[str, Any] | None = None,
    dryrun: bool = False,
    load: bool = True,
    *,
    log_in: str | None = None,
    python: str | None = None,
    wheels: str | None = None,
    price_per_hour: float | None = None,
    conda: str | None = None,
    autostop_down: bool | None = None,
    disk_size: int | None = None,
    labels: dict[str, str] | None = None,
) -> Cluster:
    """A cluster: a saved one, with what is given here in place of what is saved; or a new one.

    A new one with `ips` is hosts of yours, with an `instance_type` or a `provider` one in a cloud, with neither this
    computer. It is brought up when it is first used.

    Args:
        name: how it is called.
        instance_type, num_instances, provider, autostop_mins, use_spot, image_id, region: of one in a cloud.
        ips: names, addresses or entries of ~/.ssh/config; the first is the head.
        ssh_creds: `ssh_user`, `ssh_private_key`, `ssh_port`, `proxy_jump`, `known_hosts`, `log_in`. A password or
            passphrase is asked for on the terminal, or found in the keyring; it cannot be given here.
        dryrun: only describe it; touch no cluster.
        load: begin with what is saved under `name`; a name alone must be saved then.
        log_in: "key", "agent" or "password", for one of them alone; default: whatever works, in this order.
        python: version or path of the interpreter on the hosts.
        wheels: folder on this computer with all packages, for hosts without internet.
        price_per_hour: in US dollars, for the whole cluster.
        conda: what installs conda packages on the hosts: a program's name or path, or "rattler" for rhdesk's own.
        autostop_down, disk_size, labels: of one in a cloud, see `ondemand_cluster`.

    Raises:
        NotFound: nothing but a name is given, and nothing is saved under it.
        DocumentError: the parameters make no cluster; the sentence names the one that is wrong.
    """
    given = {
        key: value
        for key, value in {
            "instance_type": instance_type, "num_instances": num_instances, "provider": provider,
            "autostop_mins": autostop_mins, "use_spot": use_spot, "image_id": image_id, "region": region,
            "ips": ips, "ssh_creds": ssh_creds, "python": python, "wheels": wheels, "price_per_hour": price_per_hour,
            "conda": conda, "autostop_down": autostop_down, "disk_size": disk_size, "labels": labels,
        }.items()
        if value is not None
    }  # fmt: skip
    from rhresources.documents import parse_document, plain_values

    alone = not given and log_in is None  # as a rule one that is not there was mistyped
    began = names().entry(name, "cluster") if load and (alone or names().exists(name)) else None
    if began is not None:
        document = began.require()
        assert isinstance(document, ClusterDocument)
        if alone:
            return Cluster(name, document, dryrun).began_from(began)
        said: dict[str, Any] = {**plain_values(document), **given}
    else:
        kind = "ssh" if ips else "cloud" if given.keys() - {"price_per_hour", "conda"} else "machine"
        said = {"kind": "cluster", "type": kind, **given}
    if log_in is not None:
        said["ssh_creds"] = {**said.get("ssh_creds", {}), "log_in": log_in}
    made = parse_document(said, source=name)
    assert isinstance(made, ClusterDocument)
    cluster = Cluster(name, made, dryrun)
    return cluster.began_from(began) if began is not None else cluster


def result_of_run(there: Portal, client: ClusterClient, run: str, stream_logs: bool = False) -> Any:
    """The result of a run, waited for; what a generator yielded, as a list.

    Raises:
        NotFound: there is no such run, or it kept no result.
        RunCancelled, RunLost, InstallError: it has none to give.
        the exception that it raised.
    """
    if stream_logs:
        for piece in there.iterate(_log_pieces(client, run, True)):
            calls.print_output(piece.encode())
    # a lost connection to a cluster that restarts is no reason to give up waiting
    record = there.run(_ended, client, run)
    if record.state == pb.FAILED:
        if record.HasField("error"):
            calls.raise_remote(there.run(client.remote_error, record.error))
        if record.HasField("problem"):
            raise error_of_problem(record.problem)
        raise InstallError(record.reason or f"Run {run} failed.")
    if record.state == pb.CANCELLED:
        raise RunCancelled(f"Run {run} was cancelled.")
    if record.state == pb.LOST:
        raise RunLost(record.reason or f"The worker of run {run} died.", remedy="Its log says how far it came.")
    if record.items:
        return [calls.decode(there, client, item.value) for item in there.iterate(client.items(run))]
    return calls.decode(there, client, there.run(client.result, run).value)


async def _ended(client: ClusterClient, run: str) -> pb.Run:
    last: pb.Run | None = None
    async for event in client.watch(run, log=False):
        if event.HasField("run"):
            last = event.run
    assert last is not None
    return last


async def _log_pieces(client: ClusterClient, run: str, follow: bool) -> Any:
    if follow:
        async for event in client.watch(run):
            if event.HasField("log"):
                yield event.log.data.decode("utf-8", "replace")
        return
    offset = 0
    while True:
        reply = await client.read_log(run, offset)
        if not reply.block.data:
            return
        yield reply.block.data.decode("utf-8", "replace")
        offset = reply.block.offset + len(reply.block.data)


async def _first_status(client: ClusterClient) -> pb.Status:
    statuses = client.watch_status(1.0)
    try:
        return await anext(statuses)
    finally:
        await statuses.aclose()  # type: ignore[attr-defined]


def _no_forwarding(port_forward: object) -> None:
    if port_forward is not None:
        raise UsageError("Ports are not forwarded with run.", remedy="Leave port_forward= out.")


def _looks_like_run(key: str) -> bool:
    return len(key) == 26 and key.isalnum() and key.upper() == key
