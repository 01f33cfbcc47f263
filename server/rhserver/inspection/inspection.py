"""Looks into modules with the Python of their environment, each in a fresh process that ends afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rhresources.errors import InstallError
from rhresources.wire import cluster_pb2 as pb
from rhserver.code.lending import lent
from rhserver.code.search_path import search_path
from rhserver.code.snapshots import Snapshots
from rhserver.environments import Environments
from rhserver.environments.recipe import trees_of
from rhserver.problems import problem_of

TIMEOUT_SECONDS = 60.0
_PROGRAM = str(Path(__file__).parent.parent / "worker" / "inspect_module.py")
_ERRORS_KEPT = 8000
_NOT_HANDED_ON = ("RAY_", "PYTHON", "VIRTUAL_ENV")
_KINDS = {
    "plain": pb.Signature.PLAIN,
    "coroutine": pb.Signature.COROUTINE,
    "generator": pb.Signature.GENERATOR,
    "async generator": pb.Signature.ASYNC_GENERATOR,
}


class Inspection:
    """Answers what functions modules have. Belongs to the server's loop."""

    def __init__(self, snapshots: Snapshots, environments: Environments, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._snapshots = snapshots
        self._environments = environments
        self._timeout = timeout

    async def inspect(self, request: pb.InspectRequest) -> pb.InspectReply:
        """The public functions of modules. An environment that cannot be made is the `problem` of the reply; a module
        that cannot be imported, ends its process or does not come to an end has an `error`.

        Raises:
            ServerProblem: the code is not here ("unknown-code"), or a folder leads out of it.
        """
        own = (request.code.project, request.code.root)
        async with lent(self._snapshots, [own, *trees_of(request.environment)]) as held:
            try:
                environment = await self._environments.ensure(request.environment, newest=True)
            except InstallError as error:
                return pb.InspectReply(problem=problem_of(error))
            self._environments.acquire(environment.hash)
            try:
                modules = [
                    await self._look(held[own], environment.python, environment.sys_path, module)
                    for module in request.modules
                ]
            finally:
                self._environments.release(environment.hash)
            return pb.InspectReply(modules=modules)

    async def _look(self, tree: Path, python: str, packages: Sequence[str], module: pb.Import) -> pb.Inspected:
        answer, answer_end = os.pipe()  # what the module prints must not mix with the answer
        errors, errors_end = os.pipe()
        question = {
            "path": search_path(tree, module.folder, packages),
            "fallback_path": fallback_path(python),
            "module": module.module,
            "name": module.name,
            "answer": answer_end,
        }
        variables = {key: value for key, value in os.environ.items() if not key.startswith(_NOT_HANDED_ON)}
        variables["PATH"] = f"{Path(python).parent}{os.pathsep}{variables.get('PATH', os.defpath)}"
        reading = asyncio.gather(asyncio.to_thread(_read, answer), asyncio.to_thread(_read, errors))
        process: asyncio.subprocess.Process | None = None
        try:
            try:
                process = await asyncio.create_subprocess_exec(
                    python, _PROGRAM, json.dumps(question), cwd=tree, env=variables, pass_fds=(answer_end,),
                    stdin=asyncio.subprocess.DEVNULL, stdout=errors_end, stderr=errors_end, start_new_session=True,
                )  # fmt: skip
            finally:
                os.close(answer_end)
                os.close(errors_end)
            try:
                code = await asyncio.wait_for(process.wait(), self._timeout)
            except TimeoutError:
                return _failed(
                    module, "TimeoutError", f"The import did not come to an end within {self._timeout:g} seconds."
                )
        finally:
            if process is not None:
                with contextlib.suppress(ProcessLookupError):  # also what the module started, which holds the pipes
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
            data, printed = await reading
        try:
            found = json.loads(data)
        except ValueError:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            return _failed(module, "SystemExit", f"Importing it ended the process with {how}.", printed)
        return _inspected(module, found)


def fallback_path(python: str) -> list[str]:
    """Where a Python of the server's version finds pydantic if its environment has none."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    same = (Path(python).parent.parent / "lib" / version).is_dir()
    return [sysconfig.get_paths()["purelib"]] if same else []


def _read(descriptor: int) -> bytes:
    with open(descriptor, "rb") as file:
        return file.read()


def _failed(module: pb.Import, kind: str, message: str, printed: bytes = b"") -> pb.Inspected:
    text = printed[-_ERRORS_KEPT:].decode(errors="replace")
    return pb.Inspected(module=module, error=pb.RemoteError(type=kind, message=message, traceback=text))


def _inspected(module: pb.Import, found: dict[str, Any]) -> pb.Inspected:
    if "error" in found:
        return pb.Inspected(module=module, error=pb.RemoteError(**found["error"]))
    functions = [pb.Signature(**{**one, "kind": _KINDS[one["kind"]]}) for one in found["functions"]]
    return pb.Inspected(module=module, functions=functions)
