"""Check, look inside, update, browse and remove through a real cluster server."""

from __future__ import annotations

import asyncio
import zipfile
from pathlib import Path
from typing import Any

import pytest

from rhresources.errors import InstallError, NotFound
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient


def _wheel(folder: Path, version: str) -> None:
    with zipfile.ZipFile(folder / f"rhtestalpha-{version}-py3-none-any.whl", "w") as archive:
        info = f"rhtestalpha-{version}.dist-info"
        archive.writestr("rhtestalpha.py", f"def version() -> str:\n    return {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: rhtestalpha\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


async def test_the_life_of_an_environment_over_the_wire(server: Any, tmp_path: Path) -> None:
    _wheel(tmp_path, "1.0")
    options = ["--no-index", f"--find-links={tmp_path}"]

    def spec(target: str) -> pb.EnvironmentSpec:
        return pb.EnvironmentSpec(packages=[pb.PackageSpec(target=target, spec=target, options=options)])

    function = pb.FunctionSpec(name="f", environment=spec("rhtestalpha"))
    function.entry.imported.module, function.entry.imported.name = "rhtestalpha", "version"
    client = await ClusterClient.connect(server.address)
    try:
        said: list[str] = []
        plan = await client.check_environment(
            function.environment, on_event=lambda event: said.append(event.phase or event.output)
        )
        assert [(one.name, one.after) for one in plan.packages if one.name != "cloudpickle"] == [("rhtestalpha", "1.0")]
        assert said
        assert not plan.ready
        with pytest.raises(InstallError, match="rhtestgamma"):
            await client.check_environment(spec("rhtestgamma"))
        first = await client.prepare(function)
        assert first.environment == plan.hash
        _wheel(tmp_path, "2.0")
        reply = await client.inspect_environment(first.environment, newest=True)
        row = next(one for one in reply.packages if one.name == "rhtestalpha")
        assert (row.version, row.recorded, row.wanted, row.newest, row.fits) == (
            "1.0", "1.0", "rhtestalpha", "2.0", True,
        )  # fmt: skip
        renewed, again = await asyncio.gather(*(client.update_environment(first.environment) for _ in range(2)))
        assert renewed == again != first.environment
        browsed = await client.browse_environment(renewed, "rhtestalpha")
        assert "'2.0'" in browsed.source
        assert (await client.prepare(function)).environment == renewed
        for hash in (renewed, first.environment):
            assert await client.remove_environment(hash) > 0
        with pytest.raises(NotFound):
            await client.update_environment(renewed)
        with pytest.raises(NotFound):
            await client.inspect_environment(renewed)
    finally:
        await client.close()
