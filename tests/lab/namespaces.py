"""Processes that hold namespaces, and the system's programs that work on them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.rights import SYSTEM_PATH

SECONDS_TO_END = 10.0

END_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")
"""Words before a command: it is killed when the thread that started it ends, however that ends.

Not `preexec_fn`: gRPC's own handlers of a fork may abort the child of a process that uses it.
"""


def command(*words: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a program of the system; what it printed.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PATH": SYSTEM_PATH} if environment is None else dict(environment),
    )
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(words)[:300]}: exit code {done.returncode}: {(done.stderr or done.stdout).strip()}"
        )
    return done.stdout


def start_holder(
    words: Sequence[str],
    log: Path,
    *,
    ready: str = "ready",
    environment: Mapping[str, str] | None = None,
    parting: str = "KILL",
) -> subprocess.Popen[str]:
    """A process that holds namespaces, once it has said that it does.

    Args:
        parting: the signal that it gets when the thread that started it ends.
    """
    with log.open("ab") as errors:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", parting, "--", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment or {**os.environ, "PATH": SYSTEM_PATH},
            start_new_session=True,
        )
    assert process.stdout is not None
    if process.stdout.readline().strip() != ready:
        end(process)
        raise RuntimeError(f"{' '.join(words)[:120]}: {log.read_text()}")
    return process


def end(process: subprocess.Popen[str], *, parting: signal.Signals = signal.SIGKILL) -> None:
    """End it with this signal, and wait for that."""
    process.send_signal(parting)
    process.wait(SECONDS_TO_END)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
