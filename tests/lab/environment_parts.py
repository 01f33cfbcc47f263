"""Parts of tests about environments: wheels made on the spot, pushed trees, and what the rooms of the server say."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from rhresources.code.manifest import FileEntry, content_hash, root_hash
from rhresources.wire import cluster_pb2 as pb
from rhserver.code import Snapshots
from rhserver.environments import Environments, ReadyEnvironment
from rhserver.environments.browsing import Browsing
from rhserver.environments.checking import Checking
from rhserver.environments.contents import Contents

Spec = pb.PackageSpec


def use_folder(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let uv take everything from a folder of wheels, whatever settings it finds."""
    for name, value in {
        "UV_FIND_LINKS": str(folder),
        "UV_DEFAULT_INDEX": folder.as_uri(),
        "UV_CACHE_DIR": str(cache),
    }.items():
        monkeypatch.setenv(name, value)


def push(
    snapshots: Snapshots, files: Mapping[str, str | bytes], project: str = "proj-1", *, held: bool = False
) -> pb.CodeTree:
    """The tree of `files`, as a client sends it; `held`: it stays until the test ends."""
    contents = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    entries = {path: FileEntry(path, content_hash(data), len(data), False) for path, data in contents.items()}
    request = pb.PlanPushRequest(
        project=project,
        root=root_hash(entries),
        changed=[pb.FileEntry(path=one.path, hash=one.hash, size=one.size) for one in entries.values()],
        parts=[pb.FilePart(hash=content_hash(data), data=data, last=True) for data in contents.values()],
    )
    assert snapshots.plan(request).outcome == pb.PlanPushReply.READY
    if held:
        snapshots.acquire(project, request.root)
    return pb.CodeTree(project=project, root=request.root)


def pip(*targets: str, setup: tuple[str, ...] = ()) -> pb.EnvironmentSpec:
    packages = [Spec(method=Spec.PIP, target=target, spec=target) for target in targets]
    return pb.EnvironmentSpec(packages=packages, setup_commands=setup)


def slow_build(snapshots: Snapshots, mark: Path) -> pb.EnvironmentSpec:
    """A project whose build does not come to an end; `mark` has its process once it has begun."""
    backend = f"""import os, time
def get_requires_for_build_wheel(config_settings=None):
    open({str(mark)!r} + ".part", "w").write(str(os.getpid()))
    os.replace({str(mark)!r} + ".part", {str(mark)!r})
    time.sleep(60)
"""
    project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    tree = push(snapshots, {"slow/pyproject.toml": project, "slow/backend.py": backend})
    return pb.EnvironmentSpec(packages=[Spec(method=Spec.PIP, target="slow", tree=tree, spec="slow")])


def run(ready: ReadyEnvironment, code: str) -> str:
    """What `code` prints there, where local packages can be imported."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment["PYTHONPATH"] = os.pathsep.join(ready.sys_path)
    done = subprocess.run([ready.python, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def alpha(ready: ReadyEnvironment) -> str:
    return run(ready, "import alpha; print(alpha.VERSION)")


def site_of(environments: Environments, hash: str) -> Path:
    return next((environments.prefix(hash) / "lib").glob("python*/site-packages"))


async def check(
    environments: Environments, spec: pb.EnvironmentSpec, compared_with: str = "", lines: list[str] | None = None
) -> pb.EnvironmentPlan:
    lines = [] if lines is None else lines
    request = pb.CheckEnvironmentRequest(environment=spec, compared_with=compared_with)
    return await Checking(environments).check(request, lines.append, lines.append)


async def inspect(environments: Environments, hash: str, newest: bool = False) -> pb.InspectEnvironmentReply:
    contents = Contents(environments, Checking(environments))
    return await contents.inspect(pb.InspectEnvironmentRequest(hash=hash, newest=newest))


async def browse(environments: Environments, hash: str, module: str = "") -> pb.BrowseEnvironmentReply:
    return await Browsing(environments).browse(pb.BrowseEnvironmentRequest(hash=hash, module=module))


def planned(plan: pb.EnvironmentPlan) -> dict[str, tuple[str, str]]:
    return {one.name: (one.before, one.after) for one in plan.packages if one.name != "cloudpickle"}


def packages(reply: pb.InspectEnvironmentReply) -> dict[str, pb.InstalledPackage]:
    return {one.name: one for one in reply.packages}
