"""Test connection: every step to every host of a cluster, with its time, and the remedy where one fails."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Literal

from rhresources.credentials import Credentials
from rhresources.documents import ClusterDocument
from rhresources.errors import RhError
from rhresources.reach.asking import AskedOnce
from rhresources.reach.bring_up import problems
from rhresources.reach.bring_up.host import Host
from rhresources.reach.bring_up.install import SPACE_NEEDED
from rhresources.reach.bring_up.state import SHARING, read_state, servers_of_others
from rhresources.reach.bring_up.tools import Tools, choose_pythons, look, shown_pythons
from rhresources.reach.questions import Asker
from rhresources.reach.ssh.connection import SshConnection
from rhresources.reach.ssh.problems import SshProblem, forwarding_forbidden
from rhresources.reach.ssh.target import FindTarget, target_of
from rhresources.reach.steps import OnStep, Step, StepName

_GIBIBYTE = 1024**3
_CARRIED = "forbidden; a program on the host carries the connections instead, a little slower"


async def check_hosts(
    document: ClusterDocument,
    credentials: Credentials,
    asker: Asker | None,
    on_step: OnStep,
    *,
    find: FindTarget = target_of,
) -> list[Step]:
    """Go all steps to all hosts of a cluster, at the same time; nothing is changed there.

    A host's steps end at the first that fails; the other hosts go on.

    Args:
        document: the cluster; its `ips` are the hosts.
        credentials: where passphrases and passwords are kept.
        asker: asks the person; None: nobody is asked, and a step that would need it fails.
        on_step: hears of each step as it begins and as it ends.
        find: where each host is.

    Returns:
        The steps as they ended.
    """
    ended: list[Step] = []

    def tell(step: Step) -> None:
        if step.state != "running":
            ended.append(step)
        on_step(step)

    shared = AskedOnce(asker) if asker is not None else None
    await asyncio.gather(*(_check_host(document, host, credentials, shared, tell, find) for host in document.ips))
    return ended


async def _check_host(
    document: ClusterDocument,
    host: str,
    credentials: Credentials,
    asker: Asker | None,
    tell: OnStep,
    find: FindTarget,
) -> None:
    failed_already = False

    def told(step: Step) -> None:
        nonlocal failed_already
        failed_already = failed_already or step.state == "failed"
        tell(step)

    try:
        target = await find(document, host)
        connection = await SshConnection.open(target, credentials=credentials, asker=asker, on_step=told)
    except RhError as error:
        if not failed_already:
            step: StepName = error.step if isinstance(error, SshProblem) else "log in"
            tell(_failed(step, host, 0.0, error))
        return
    try:
        await _check_inside(document, Host(host, connection, lambda _: None), tell)
    finally:
        await connection.close()


async def _check_inside(document: ClusterDocument, host: Host, tell: OnStep) -> None:
    began = _begin("forwarding", host.name, tell)
    try:
        said = await _try_forwarding(host)
    except RhError as error:
        tell(_failed("forwarding", host.name, time.monotonic() - began, error))
        return
    state: Literal["done", "note"] = "done" if said == "allowed" else "note"
    remedy = forwarding_forbidden(host.connection.target, "").remedy if said == _CARRIED else ""
    tell(Step("forwarding", host.name, state, time.monotonic() - began, said, remedy))
    began = _begin("python", host.name, tell)
    try:
        tools = await look(host, document.python, gpus=True)
        step = _python(document, host.name, tools, time.monotonic() - began)
    except RhError as error:
        tell(_failed("python", host.name, time.monotonic() - began, error))
        return
    tell(step)
    began = _begin("disk", host.name, tell)
    step = _disk(host.name, tools, time.monotonic() - began)
    tell(step)
    if step.state == "failed":
        return
    began = _begin("gpu", host.name, tell)
    tell(Step("gpu", host.name, "done", time.monotonic() - began, _gpus(tools)))
    if host.name == document.ips[0]:
        await _check_server(document, host, tell)


async def _check_server(document: ClusterDocument, host: Host, tell: OnStep) -> None:
    """Whether a server runs on the head already, and whether others have one there that is not the same."""
    began = _begin("server", host.name, tell)
    try:
        state, others = await read_state(host), await servers_of_others(host)
    except RhError as error:
        tell(_failed("server", host.name, time.monotonic() - began, error))
        return
    account = host.connection.target.user
    said = f"rhdesk {state.server_version} runs, as {account}" if state.server_lives else f"none runs yet as {account}"
    if others:
        said = f"{said}; {others}"
    remedy = SHARING if others and not document.ssh_creds.ssh_user else ""
    tell(Step("server", host.name, "note" if remedy else "done", time.monotonic() - began, said, remedy))


async def _try_forwarding(host: Host) -> str:
    """Open a channel to a socket that is made for it on the host; what came of it.

    A socket that is not there would not do: OpenSSH answers the same where it forbids forwarding.

    Raises:
        SshProblem: the host forbids it.
    """
    loop = asyncio.get_running_loop()
    path: asyncio.Future[str] = loop.create_future()

    def on_value(name: str, value: str) -> None:
        if name == "socket" and not path.done():
            path.set_result(value)

    listening = asyncio.ensure_future(host.run("listen", on_value=on_value, timeout=30))
    try:
        either: set[asyncio.Future[Any]] = {listening, path}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not path.done():
            await listening
            return "not tried: the host has no Python"
        try:
            forward = await host.connection.forward(path.result(), ("127.0.0.1", 0), probe=True)
        except SshProblem as error:
            if error.code == "nothing-listens":
                raise forwarding_forbidden(host.connection.target, error.detail) from None
            raise
        forward.close()
        return _CARRIED if forward.carried else "allowed"
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def _python(document: ClusterDocument, host: str, tools: Tools, seconds: float) -> Step:
    fitting = [path for version, path in tools.pythons if version >= problems.OLDEST_PYTHON]
    chosen = choose_pythons({host: tools}, document.python, managed=document.wheels is None)[host]
    for version, path in tools.pythons:
        if path == chosen:
            return Step("python", host, "done", seconds, f"{'.'.join(map(str, version))}, {path}")
    has = f"only Python {shown_pythons(tools)[0]}" if tools.pythons and not fitting else f"no Python {chosen}"
    return Step(
        "python", host, "note", seconds, f"{has}; uv will fetch Python {chosen}",
        "The host needs internet access for that; else install Python 3.11 or newer there.",
    )  # fmt: skip


def _disk(host: str, tools: Tools, seconds: float) -> Step:
    if tools.read_only:
        return _failed("disk", host, seconds, problems.not_writable(host, f"{tools.folder} is not writable"))
    if tools.space is None:
        return Step("disk", host, "note", seconds, "it is not known how much is free")
    if tools.space < SPACE_NEEDED:
        return _failed("disk", host, seconds, problems.little_space(host, tools.space, tools.folder))
    return Step("disk", host, "done", seconds, f"{tools.space / _GIBIBYTE:.1f} GiB free at {tools.folder}")


def _gpus(tools: Tools) -> str:
    if not tools.gpus:
        return "none"
    kinds: dict[tuple[str, int], int] = {}
    for gpu in tools.gpus:
        kinds[gpu] = kinds.get(gpu, 0) + 1
    return ", ".join(
        (f"{count} × " if count > 1 else "") + name + (f" ({size / _GIBIBYTE:.0f} GiB)" if size else "")
        for (name, size), count in kinds.items()
    )


def _begin(name: StepName, host: str, tell: OnStep) -> float:
    tell(Step(name, host, "running"))
    return time.monotonic()


def _failed(name: StepName, host: str, seconds: float, error: RhError) -> Step:
    return Step(name, host, "failed", seconds, error.sentence, error.remedy, error.detail)
