"""A server that is silent in the middle of something that goes well: told, and waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from rhresources.cloud.answers import LaunchEvent, OnLaunch
from rhresources.cloud.problems import CloudProblem

_SILENT = {"server-dead", "server-unreachable"}
_WORTH_TELLING = 5.0
_PATIENCE = 300.0
_PAUSE = 2.0

T = TypeVar("T")


class Silence:
    """Hands on what a request says, and tells in between when the server does not answer.

    Args:
        on_event: hears all of it.
    """

    def __init__(self, on_event: OnLaunch) -> None:
        self._on_event = on_event
        self._last: LaunchEvent | None = None
        self._told = False

    def tell(self, event: LaunchEvent) -> None:
        """Something that the request said."""
        self._last, self._told = event, False
        self._on_event(event)

    def __call__(self, seconds: float) -> None:
        """The server has not answered for so long; 0: it does again."""
        if seconds >= _WORTH_TELLING:
            self._told = True
            sentence = f"SkyPilot's server has not answered for {seconds:.0f} s; waiting for it"
            self._on_event(LaunchEvent("waiting", sentence, at=time.time()))
        elif not seconds and self._told:
            self._told = False
            again = LaunchEvent("waiting", "SkyPilot's server answers again")
            self._on_event(replace(self._last or again, at=time.time()))


async def patiently(ask: Callable[[], Awaitable[T]], on_event: OnLaunch) -> T:
    """What `ask` answers, asked again while the server does not answer: what was launched is there all the same.

    Raises:
        CloudProblem: any other problem, or the server has been silent for too long.
    """
    silence = Silence(on_event)
    since = time.monotonic()
    while True:
        try:
            answer = await ask()
        except CloudProblem as problem:
            silent = time.monotonic() - since
            if problem.code not in _SILENT or silent > _PATIENCE:
                raise
            silence(silent)
            await asyncio.sleep(_PAUSE)
        else:
            silence(0.0)
            return answer
