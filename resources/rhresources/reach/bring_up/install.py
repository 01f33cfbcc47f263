"""rhdesk on the hosts of a cluster: the same wheel, the same versions, the same Python, in a venv of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rhresources.documents import ClusterDocument
from rhresources.errors import RhError
from rhresources.reach.bring_up import problems, tools
from rhresources.reach.bring_up.host import Host
from rhresources.reach.bring_up.state import Install, State, install_of
from rhresources.reach.bring_up.tools import Tools, Version
from rhresources.reach.bring_up.wheel import Wheel, own_wheel, without_hashes
from rhresources.reach.bring_up.wheels import needed_wheels, send_missing

INSTALL_SECONDS = 3600.0
SPACE_NEEDED = 700 * 1024**2
_TRIAL = """
import json, platform, ray, rhserver.app, sys
from importlib import metadata
print(json.dumps({"version": metadata.version("rhdesk"), "python": platform.python_version(),
                  "ray": ray.__version__, "interpreter": sys.base_prefix}))
"""
_NOT_SHOWN = re.compile(r"\s[+~-] \S+==|Using Python|warning: Failed to hardlink|\s+If the cache|\s+If this is")


@dataclass(frozen=True, slots=True)
class Prepared:
    """What came of the hosts: an installation, or why there is none."""

    installs: dict[str, Install]
    failed: dict[str, RhError]


async def prepare(hosts: Mapping[str, Host], states: Mapping[str, State], document: ClusterDocument) -> Prepared:
    """Put the rhdesk of this computer onto every host that lacks it; on all at once.

    Args:
        hosts: by their names in the document, with live connections.
        states: what is on them.
        document: the cluster.

    Raises:
        RhError: the hosts cannot agree on a Python, or rhdesk is not whole here.
    """
    wheel = await asyncio.to_thread(own_wheel)
    done = {name: state.installs[wheel.version] for name, state in states.items() if wheel.version in state.installs}
    todo = [name for name in hosts if name not in done]
    if not todo:
        return Prepared(done, {})
    failed: dict[str, RhError] = {}

    async def look(name: str) -> Tools:
        with hosts[name].step("look", ""):
            return await tools.look(hosts[name], document.python)

    looked = dict(zip(todo, await asyncio.gather(*map(look, todo), return_exceptions=True), strict=True))
    known: dict[str, Tools] = {name: found for name, found in looked.items() if isinstance(found, Tools)}
    _keep_failures(looked, failed)
    for name, found in known.items():
        if found.read_only:
            failed[name] = problems.not_writable(name, f"{found.folder} is not writable")
        elif found.space is not None and found.space < SPACE_NEEDED:
            failed[name] = problems.little_space(name, found.space, found.folder)
    known = {name: found for name, found in known.items() if name not in failed}
    if known:
        pythons = _pythons(known, done, document)

        async def install(names: list[str]) -> dict[str, object]:
            outcomes: dict[str, object] = {}
            for name in names:
                job = _install(hosts[name], known[name], pythons[name], wheel, document)
                (outcomes[name],) = await asyncio.gather(job, return_exceptions=True)
            return outcomes

        groups = await asyncio.gather(*map(install, _with_one_home(hosts, list(known))))
        results = {name: outcome for group in groups for name, outcome in group.items()}
        done.update({name: result for name, result in results.items() if isinstance(result, Install)})
        _keep_failures(results, failed)
    return Prepared(done, failed)


def _with_one_home(hosts: Mapping[str, Host], names: list[str]) -> list[list[str]]:
    """The hosts in groups that may share a home, where two at once would write the same files.

    Those are reached at one address: nodes of a Slurm, behind the host where one logs in.
    """
    groups: dict[tuple[str, str, int], list[str]] = {}
    for name in names:
        target = hosts[name].connection.target
        groups.setdefault((target.user, target.host, target.port), []).append(name)
    return list(groups.values())


def _keep_failures(results: Mapping[str, object], failed: dict[str, RhError]) -> None:
    for name, result in results.items():
        if isinstance(result, RhError):
            failed[name] = result
        elif isinstance(result, BaseException):
            raise result


def _pythons(known: Mapping[str, Tools], done: Mapping[str, Install], document: ClusterDocument) -> dict[str, str]:
    asked = document.python
    if done and not asked:
        # the others follow the hosts that have theirs
        version = next(iter(done.values())).python
        same = all(any(tools.parse_version(version) == one for one, _ in found.pythons) for found in known.values())
        asked = version if same else ".".join(version.split(".")[:2])
    return tools.choose_pythons(known, asked, managed=document.wheels is None)


async def _install(host: Host, found: Tools, python: str, wheel: Wheel, document: ClusterDocument) -> Install:
    folder = Path(document.wheels).expanduser().absolute() if document.wheels else None
    uv = await tools.provide_uv(host, found, folder, wheel.lock, python)
    lock = wheel.lock
    if folder is not None:
        lock = without_hashes(lock)
        wheels = await asyncio.to_thread(needed_wheels, folder, found, _version_of(found, python), lock)
        await send_missing(host, wheels)
    with host.step("wheel", "Sent rhdesk"):
        await host.run("folders", {"folders": "files"})
        files = f"{host.directory}/installs/files"
        await host.put(f"{files}/{wheel.version}.lock", lock.encode())
        await host.put(f"{files}/{wheel.name}", wheel.content)
    shown = ".".join(map(str, _version_of(found, python))) or python

    def on_line(line: str) -> None:
        if line.strip() and not _NOT_SHOWN.match(line):
            host.say(f"  {line.strip()}")

    def on_value(name: str, value: str) -> None:
        if name == "waits":
            host.say("Another client installs there; waiting for it …")

    with host.step(
        "install", f"Installed rhdesk {wheel.version} with Python {shown}",
        f"Installing rhdesk {wheel.version} with Python {shown}",
    ):  # fmt: skip
        answer = await host.run(
            "install",
            {
                "version": wheel.version, "wheel": wheel.name, "uv": uv, "python": python,
                "wheels": "yes" if folder is not None else "", "trial": _TRIAL, "waited": "",
            },
            timeout=INSTALL_SECONDS, on_line=on_line, on_value=on_value,
        )  # fmt: skip
        install = install_of(answer.one("install"))
        if install is None:
            code = answer.problem[0] if answer.problem else "broken"
            where = str(folder) if folder is not None else ""
            raise problems.not_installed(
                host.name, code, answer.output, python=shown, wheels=where, pythons=tools.shown_pythons(found),
                fetched="/" not in python,
            )  # fmt: skip
    return install


def _version_of(found: Tools, python: str) -> Version:
    """Of what uv is told to take: the path of one that was found, or a version."""
    return next((version for version, path in found.pythons if path == python), tools.parse_version(python))
