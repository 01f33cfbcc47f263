"""Looks into modules with the Python of their environment, in a fresh process that ends afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

from rhresources.errors import InstallError, ServerProblem
from rhresources.wire import cluster_pb2 as pb

from rhserver.code.snapshots import Snapshots
from rhserver.environments.environments import Environments
from rhserver.problems import problem_of

TIMEOUT = 60
PROGRAM = str(Path(__file__).parent.parent / "worker" / "inspect_module.py")
_KINDS = {
    "plain": pb.Signature.PLAIN,
    "coroutine": pb.Signature.COROUTINE,
    "generator": pb.Signature.GENERATOR,
    "async generator": pb.Signature.ASYNC_GENERATOR,
}


class Inspection:
    """Answers Inspect."""

    def __init__(self, snapshots: Snapshots, environments: Environments) -> None:
        self._snapshots = snapshots
        self._environments = environments

    async def inspect(self, request: pb.InspectRequest) -> pb.InspectReply:
        """The public functions of modules. An environment that cannot be made is `problem`, a module that cannot be
        imported has `error`; neither is an exception.

        Raises:
            ServerProblem: the code is not here, or a module takes longer than `TIMEOUT` seconds.
        """
        try:
            environment = await self._environments.ensure(request.environment)
        except InstallError as error:
            return pb.InspectReply(problem=problem_of(error))
        tree = request.code
        folder = await asyncio.to_thread(self._snapshots.acquire, tree.project, tree.root)
        try:
            modules = [
                await self._inspect(folder, environment.python, environment.sys_path, module)
                for module in request.modules
            ]
        finally:
            self._snapshots.release(tree.project, tree.root)
        return pb.InspectReply(modules=modules)

    async def _inspect(
        self, folder: Path, python: str, packages: tuple[str, ...], module: pb.Import
    ) -> pb.Inspected:
        answer, child_end = os.pipe()  # what the module prints must not mix with the answer
        question = {
            "path": list(dict.fromkeys([str(folder / module.folder), str(folder), str(folder / "src"), *packages])),
            "fallback_path": [sysconfig.get_paths()["purelib"]],
            "version": list(sys.version_info[:2]),
            "module": module.module,
            "name": module.name,
            "answer": child_end,
        }
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "PYTHON"))}
        process = await asyncio.create_subprocess_exec(
            python, PROGRAM, json.dumps(question), cwd=folder, env=environment, pass_fds=(child_end,),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        os.close(child_end)
        try:
            reading = asyncio.to_thread(_read_all, answer)
            data, (_, errors) = await asyncio.wait_for(asyncio.gather(reading, process.communicate()), TIMEOUT)
        except TimeoutError:
            raise ServerProblem(
                f"Importing {module.module} takes longer than {TIMEOUT} s.", code="inspect-timeout",
                remedy="Does the module do its work at import? Move it under `if __name__ == \"__main__\":`.",
            ) from None  # fmt: skip
        finally:
            if process.returncode is None:
                process.kill()
        if not data:
            raise ServerProblem(
                f"Looking into {module.module} failed.", code="inspect-failed", detail=errors.decode(errors="replace")
            )
        return _inspected(module, json.loads(data))


def _read_all(descriptor: int) -> bytes:
    with open(descriptor, "rb") as file:
        return file.read()


def _inspected(module: pb.Import, found: dict[str, Any]) -> pb.Inspected:
    if "error" in found:
        return pb.Inspected(module=module, error=pb.RemoteError(**found["error"]))
    return pb.Inspected(
        module=module,
        functions=[
            pb.Signature(
                name=one["name"], docstring=one["docstring"], schema=json.dumps(one["schema"]),
                returns=one["returns"], kind=_KINDS[one["kind"]], line=one["line"], text=one["text"],
            )  # fmt: skip
            for one in found["functions"]
        ],
    )
