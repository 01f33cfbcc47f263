"""Parts of tests about environments: wheels made on the spot, pushed trees, and what the rooms of the server say."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

from rhresources.code.manifest import FileEntry, content_hash, root_hash
from rhresources.wire import cluster_pb2 as pb
from rhserver.code import Snapshots
from rhserver.environments import Environments, ReadyEnvironment
from rhserver.environments.browsing import Browsing
from rhserver.environments.checking import Checking
from rhserver.environments.contents import Contents

Spec = pb.PackageSpec


def wheel(folder: Path, name: str, version: str, requires: str = "", files: dict[str, str] | None = None) -> None:
    files = files or {f"{name}.py": f"VERSION = {version!r}\n"}
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        info = f"{name}-{version}.dist-info"
        for path, text in files.items():
            archive.writestr(path, text)
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


def push(snapshots: Snapshots, files: dict[str, str]) -> pb.CodeTree:
    entries = {path: FileEntry(path, content_hash(text.encode()), len(text), False) for path, text in files.items()}
    request = pb.PlanPushRequest(
        project="proj-1",
        root=root_hash(entries),
        changed=[pb.FileEntry(path=one.path, hash=one.hash, size=one.size) for one in entries.values()],
        parts=[pb.FilePart(hash=content_hash(text.encode()), data=text.encode(), last=True) for text in files.values()],
    )
    assert snapshots.plan(request).outcome == pb.PlanPushReply.READY
    return pb.CodeTree(project="proj-1", root=request.root)


def pip(*targets: str, setup: tuple[str, ...] = ()) -> pb.EnvironmentSpec:
    packages = [Spec(method=Spec.PIP, target=target, spec=target) for target in targets]
    return pb.EnvironmentSpec(packages=packages, setup_commands=setup)


def run(ready: ReadyEnvironment, code: str) -> str:
    done = subprocess.run([ready.python, "-c", code], capture_output=True, text=True, check=False)
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
