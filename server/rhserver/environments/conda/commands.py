"""conda packages are solved and installed: by the host's own program, else by ours, in a process that can be ended."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rhresources.errors import InstallError
from rhserver.environments.conda.needs import CondaNeeds
from rhserver.environments.conda.programs import Program, find_program
from rhserver.environments.conda.reasons import telling_reason
from rhserver.environments.failures import failure
from rhserver.environments.installer import Installer
from rhserver.environments.listing import CONDA, Versions, normalised

OnText = Callable[[str], None]


async def solve(
    needs: CondaNeeds, folder: Path, installer: Installer, on_phase: OnText, *, newest: bool = False
) -> Versions:
    """What conda would install, Python among it.

    Raises:
        InstallError: the packages do not go together, or cannot be found.
        ServerProblem: the program that is asked for is not there.
    """
    on_phase("Working out what conda installs")
    answer = folder / "conda-plan.json"
    program = await asyncio.to_thread(find_program, needs.program)
    if program is None:
        request = await asyncio.to_thread(_write_request, needs, folder, None, newest)
        code = await installer.run(*_own("solve", request), folder=folder, output=answer)
    else:
        command = [*_create(program, needs, folder / "plan", newest), "--dry-run", "--json"]
        code = await installer.run(*command, folder=folder, output=answer)
    content = await asyncio.to_thread(_read_answer, answer)
    if code:
        raise _failure(installer, content)
    found = {
        normalised(str(row["name"])): (CONDA, str(row["version"]))
        for row in content.get("actions", {}).get("LINK", [])
        if isinstance(row, dict) and "name" in row and "version" in row
    }
    if "python" not in found:
        raise InstallError("conda's answer could not be understood.", detail=await asyncio.to_thread(_head, answer))
    return found


async def create(needs: CondaNeeds, prefix: Path, folder: Path, installer: Installer, on_phase: OnText,
                 *, newest: bool = False) -> None:  # fmt: skip
    """Install into the new `prefix`.

    Raises:
        InstallError: the packages do not go together, or cannot be found.
        ServerProblem: the program that is asked for is not there.
    """
    program = await asyncio.to_thread(find_program, needs.program)
    count = len(needs.specs)
    named = needs.specs[0] if count == 1 else f"{count} packages"
    on_phase(f"Installing {named} with {program.kind if program else 'py-rattler'}")
    if program is None:
        request = await asyncio.to_thread(_write_request, needs, folder, prefix, newest)
        code = await installer.run(*_own("install", request), folder=folder)
    else:
        code = await installer.run(*_create(program, needs, prefix, newest), folder=folder)
    if code:
        raise _failure(installer, {})
    if not await asyncio.to_thread((prefix / "bin" / "python").exists):
        raise InstallError(
            "The conda environment has no Python.", remedy="Ask for python among its packages.",
            detail="\n".join(installer.output),
        )  # fmt: skip


def _own(what: str, request: Path) -> list[str]:
    # -P: nothing in the folder where it runs is imported
    return [sys.executable, "-P", "-m", "rhserver.environments.conda", what, str(request)]


def _create(program: Program, needs: CondaNeeds, prefix: Path, newest: bool) -> list[str]:
    variables = ["CONDA_QUIET=1", "MAMBA_NO_PROGRESS_BARS=1"]  # bars would fill the log
    if newest:
        variables += ["CONDA_LOCAL_REPODATA_TTL=0", "MAMBA_LOCAL_REPODATA_TTL=0"]
    command = ["env", *variables, program.path, "create", "--yes", "--prefix", str(prefix), "--override-channels"]
    for channel in needs.all_channels:
        command += ["--channel", channel]
    if needs.priority == "strict":
        command.append("--strict-channel-priority")
    elif program.kind != "micromamba":
        command.append("--no-channel-priority")
    else:
        command += ["--channel-priority", "flexible"]
    return [*command, *needs.all_specs]


def _write_request(needs: CondaNeeds, folder: Path, prefix: Path | None, newest: bool) -> Path:
    file = folder / "conda-request.json"
    content = {
        "specs": needs.all_specs,
        "channels": needs.all_channels,
        "priority": needs.priority,
        "prefix": None if prefix is None else str(prefix),
        "newest": newest,
    }
    file.write_text(json.dumps(content))
    return file


def _read_answer(file: Path) -> dict[str, Any]:
    """The JSON that a program printed; micromamba and conda may print lines around it."""
    try:
        text = file.read_text("utf-8", "replace")
        content = json.loads(text[text.index("{") : text.rindex("}") + 1])
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _head(file: Path) -> str:
    with file.open(errors="replace") as opened:
        return opened.read(20_000)


def _failure(installer: Installer, answer: dict[str, Any]) -> InstallError:
    """conda says what is wrong on standard error, or in its JSON."""
    told = str(answer.get("message") or "\n".join(answer.get("solver_problems") or ()))
    lines = [*installer.output, *told.splitlines()]
    reason = telling_reason(lines)
    if not reason:
        return failure(lines, "The conda packages could not be installed")
    return InstallError(
        f"The conda packages could not be installed: {reason}.",
        remedy="Correct the packages or channels and run again.",
        detail="\n".join(lines),
    )
