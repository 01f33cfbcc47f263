"""How the hosts of a cluster are reached by SSH, out of what SkyPilot's server says of it."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rhresources import paths
from rhresources.cloud.answers import CloudHosts
from rhresources.cloud.environment import own_python, plain_python
from rhresources.cloud.kept import private_key_file
from rhresources.cloud.limits import title
from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.server import INSIDE
from rhresources.stores.files import disk_error, write_text

_PROXIES = {"kubernetes": "kubernetes-pod-ssh-proxy", "ssh": "kubernetes-pod-ssh-proxy", "slurm": "slurm-job-ssh-proxy"}
"""Clouds whose hosts only SkyPilot's server reaches, and its endpoint for that."""


def refuse_unreachable(cloud: str, team: str) -> None:
    """Refuse a cloud whose hosts only a team's server reaches: the way through it takes SkyPilot's own programs, and a
    log-in that they have no way to ask us for.

    Args:
        cloud: SkyPilot's name of it.
        team: the address of that server.

    Raises:
        CloudProblem: it is one of those.
    """
    if cloud in _PROXIES:
        raise CloudProblem(
            f"Hosts in {title(cloud)} are reached only from inside SkyPilot's server, and rhdesk does not go through a "
            f"team's ({team}).",
            code="not-supported",
            field="provider",
            remedy="Choose a cloud whose machines have addresses, or leave skypilot_server empty and set up your own "
            f"access to {title(cloud)}.",
        )


async def hosts_of(row: Mapping[str, Any], home: Path | None, *, team: str) -> CloudHosts:
    """The hosts of a row of `/status` that was asked for with handle and credentials.

    Args:
        row: what SkyPilot said of the cluster.
        home: the rhdesk directory, which keeps the private key.
        team: the address of the server that said it; empty: it is ours.

    Raises:
        CloudProblem: the cluster has no hosts that can be reached.
    """
    if team:
        refuse_unreachable(str(row.get("cloud") or "").lower(), team)
    name = str(row.get("name", ""))
    credentials = row.get("credentials")
    handle = row.get("handle")
    if not isinstance(credentials, Mapping) or not isinstance(handle, str):
        raise _not_said(name)
    said = await _taken_apart(handle, await plain_python(home), name)
    pairs = [(str(inner), str(outer)) for inner, outer in said["pairs"]]
    user = str(credentials.get("ssh_user") or said["user"] or "")
    if said["docker_user"]:
        raise CloudProblem(
            "The hosts of this cluster are in containers of SkyPilot's, which rhdesk does not enter.",
            code="not-supported",
            remedy="Bring it up from an image of a machine, without docker:.",
            field="image_id",
        )
    if not pairs or not user:
        raise _not_said(name)
    key = str(credentials.get("ssh_private_key_content") or "")
    path = await asyncio.to_thread(_keep_key, name, key, home) if key else str(credentials.get("ssh_private_key") or "")
    ports = said["ports"] or [22] * len(pairs)
    return CloudHosts(
        addresses=tuple(outer for _, outer in pairs),
        ports=tuple(ports),
        user=user,
        private_key=path,
        proxy_commands=await asyncio.to_thread(_proxies, row, credentials, pairs, home),
        inner=tuple(inner for inner, _ in pairs),
        environment=_environment(row, str(said["name"])),
    )


def _environment(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """By this an account of Slurm, as SkyPilot sets it up, gives each cluster a home of its own: all jobs share one."""
    return (f"SKY_CLUSTER_NAME={name}",) if str(row.get("cloud") or "").lower() == "slurm" and name else ()


def _proxies(
    row: Mapping[str, Any],
    credentials: Mapping[str, Any],
    pairs: list[tuple[str, str]],
    home: Path | None,
) -> tuple[str, ...]:
    """The ProxyCommand to each host; empty: there is none."""
    endpoint = _PROXIES.get(str(row.get("cloud") or "").lower())
    if endpoint is None:
        given = str(credentials.get("ssh_proxy_command") or "")
        return (given,) * len(pairs) if given else ()
    python = own_python(home)
    keeper = paths.runtime_directory(home if home is not None else paths.home()) / "skypilot.sock"
    words = (str(python), "-I", str(INSIDE / "rhdesk_proxy.py"), str(keeper), str(row.get("name", "")), endpoint)
    return tuple(shlex.join((*words, str(index))).replace("%", "%%") for index in range(len(pairs)))


async def _taken_apart(handle: str, python: Path, name: str) -> dict[str, Any]:
    """What a handle says, by a process of its own: no pickle reaches ours."""
    process = await asyncio.create_subprocess_exec(
        python, "-I", INSIDE / "rhdesk_handles.py", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        output, errors = await asyncio.wait_for(process.communicate(handle.encode()), 60)
        said = json.loads(output)
    except (ValueError, TimeoutError):
        raise CloudProblem(
            f"What SkyPilot's server says of the hosts of {name} is not understood.",
            code="server-version",
            remedy="It may be another version than rhdesk talks to.",
            detail=errors.decode(errors="replace")[-2000:] if process.returncode is not None else "",
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert isinstance(said, dict)
    return said


def _keep_key(name: str, key: str, home: Path | None) -> str:
    path = private_key_file(home, name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists() or path.read_text() != key:
            write_text(path, key, private=True)
    except OSError as error:
        raise disk_error(f"The key of {name} was not kept", error) from None
    return str(path)


def _not_said(name: str) -> CloudProblem:
    return CloudProblem(
        f"SkyPilot does not say how the hosts of {name} are reached.",
        code="not-up",
        remedy="Refresh its state; bring it up if it is not.",
    )
