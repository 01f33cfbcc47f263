"""`rhserver --join`: this host's part in a cluster whose head is another host.

It runs a Ray node, from which the head makes an agent here, and says in `node.json` how that goes: {"pid",
"process_started", "state": "starting" | "joined" | "failed", "sentence", "detail", "version", …}. When it is ended, the
node and every worker here end with it. When Ray ends by itself while the head is there (the head took this host for
dead, as after a pulled cable), it joins again.

Killed, it leaves its Ray behind, as the server on the head does; the next one takes that over.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import os
import signal
import time
from pathlib import Path

import psutil

from rhresources import paths
from rhresources.errors import RhError
from rhresources.version import version
from rhserver.engine import ray_tls
from rhserver.engine.ray_processes import RayProcesses, can_reach, why_unreachable
from rhserver.limits import Limits
from rhserver.single_instance import Lock, write_private

HOME_VARIABLE = "RHDESK_HOST_HOME"
"""In the environment of Ray's processes on a host: the state directory there."""

WATCH_SECONDS = 1.0
REACH_SECONDS = 5.0
GONE_SECONDS = 30.0
"""How long the head may be out of reach after Ray gave it up, which Ray does after a minute."""
ATTEMPTS = 3
PAUSE_SECONDS = 3.0

log = logging.getLogger(__name__)


class Node:
    """The program of a host that is not the head.

    Args:
        home: the state directory; the client put the cluster's token there, as `ray-token`.
        head: where the head's Ray is, "host:port".
        address: of this host in the cluster's network.
        given: the host as the cluster's document names it.
        limits: of what is kept here.
    """

    def __init__(self, home: Path, head: str, address: str, given: str, limits: Limits) -> None:
        self._home, self._head, self._address, self._given = home, head, address, given
        self._limits = limits
        self._lock = Lock(home, "A part of a cluster")
        self._record = home / "node.json"
        self._token = home / "ray-token"
        runtime = paths.runtime_directory(home)
        self._ray = RayProcesses(home / "ray-node.json", home / "ray.log", self._token, runtime / "ray", address)
        self._facts = {
            "pid": os.getpid(), "process_started": psutil.Process().create_time(), "version": version(),
            "head": head, "address": address, "given": given, "limits": dataclasses.asdict(limits),
        }  # fmt: skip
        self._stop = asyncio.Event()

    async def serve(self) -> int:
        """Be part of the cluster until told to stop or until the head is gone; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        self._say("starting", f"{self._given} joins the cluster of {self._head}.")
        serving = asyncio.ensure_future(self._be_part())
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopped = stopping.done()
        for task in (serving, stopping):
            task.cancel()
        failure: BaseException | None = None
        try:
            await serving
        except asyncio.CancelledError:
            pass
        except Exception as error:
            failure = error
        await asyncio.to_thread(self._end_everything)
        if stopped:
            self._record.unlink(missing_ok=True)
            return 0
        assert failure is not None
        if not isinstance(failure, RhError):
            log.error("failed", exc_info=failure)
            failure = RhError(f"{self._given} cannot be part of the cluster: {failure}.", detail=repr(failure))
        log.info("%s", failure.sentence)
        self._say("failed", failure.sentence, failure.detail)
        return 1

    # ------------------------------------------------------------ Ray

    async def _be_part(self) -> None:
        """Join, stay, join again; ends by raising.

        Raises:
            RhError: this host cannot join, or the head is gone.
        """
        if not await asyncio.to_thread(self._take_over):
            await asyncio.to_thread(self._end_everything)
            await self._join()
        while True:
            self._say("joined", f"{self._given} is part of the cluster of {self._head}.")
            log.info("joined %s as %s", self._head, self._address)
            await self._end_of_ray()
            words = self._ray.log_tail()
            log.info("Ray ended here: %s", words[-500:])
            self._say("starting", f"Ray ended on {self._given}; it joins again.", words)
            await asyncio.to_thread(self._end_everything)
            await self._wait_for_head(words)
            await self._join()

    async def _join(self) -> None:
        if not self._token.exists():
            raise RhError(f"There is no token of the cluster in {self._token}.", remedy="Repair the host.")
        self._token.chmod(0o600)
        for attempt in range(1, ATTEMPTS + 1):
            await asyncio.to_thread(self._require_head)
            try:
                await asyncio.to_thread(
                    self._ray.start, f"--address={self._head}", address=self._head,
                    **{HOME_VARIABLE: str(self._home)},
                )  # fmt: skip
                return
            except (RhError, OSError) as error:
                words = f"{error}\n{self._ray.log_tail()}"
                log.info("Ray did not start (attempt %d): %s", attempt, error)
                await asyncio.to_thread(self._end_everything)
                if sentence := _understood(words, self._given):
                    raise RhError(sentence, detail=words) from error
                if attempt == ATTEMPTS:
                    raise RhError(f"Ray could not be started on {self._given}.", detail=words) from error
                await asyncio.sleep(PAUSE_SECONDS)

    def _require_head(self) -> None:
        """Raises RhError where Ray would try for a minute and not say why."""
        try:
            same = ray_tls.is_of_cluster(self._head, self._token.read_text(), REACH_SECONDS)
        except (OSError, ValueError) as error:
            raise RhError(
                f"{self._given} cannot reach the head at {self._head}: {why_unreachable(error, REACH_SECONDS)}.",
                remedy="A firewall between the hosts must let all of their ports through to each other.",
            ) from error
        if not same:
            raise RhError(
                f"The token that {self._given} was given is not that of the cluster at {self._head}.",
                remedy="Repair the host, which brings the token of the cluster there.",
            )

    async def _end_of_ray(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if not await asyncio.to_thread(self._ray.is_whole):
                return

    async def _wait_for_head(self, words: str) -> None:
        deadline = time.monotonic() + GONE_SECONDS
        while why := await asyncio.to_thread(can_reach, self._head, REACH_SECONDS):
            if time.monotonic() > deadline:
                raise RhError(f"The head {self._head} is gone: {why}.", detail=words)
            await asyncio.sleep(PAUSE_SECONDS)

    def _take_over(self) -> bool:
        """Whether an earlier program of this host left its Ray of the same cluster in good order."""
        return self._ray.running() == self._head and self._ray.is_whole()

    def _end_everything(self) -> None:
        """Ray here, and the workers: they outlive their supervisors, and nobody hears of what they do any more."""
        self._ray.stop()
        end_workers(self._home)

    # ------------------------------------------------------------ node.json

    def _say(self, state: str, sentence: str, detail: str = "") -> None:
        text = json.dumps({**self._facts, "state": state, "sentence": sentence, "detail": detail})
        try:
            write_private(self._record, text)
        except OSError as error:
            log.info("node.json cannot be written: %s", error)


def end_workers(home: Path) -> None:
    """Kill the workers whose settings lie in `home`, each with the session that it leads."""
    place = f"{home}/workers/"
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            words = process.cmdline()
            if len(words) == 3 and words[2].startswith(place) and words[2].endswith(".settings"):
                if os.getsid(process.pid) == process.pid:
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()


def _understood(words: str, given: str) -> str:
    """What Ray means where trying again is of no use; empty otherwise."""
    if "Version mismatch" in words or "The cluster was started with:" in words:
        return f"{given} has another version of Ray or Python than the head."
    return ""
