"""One environment that is being made, and those who wait for it."""

from __future__ import annotations

import asyncio
import time
from typing import Literal

from rhresources.errors import InstallError
from rhresources.wire import cluster_pb2 as pb
from rhserver.environments.progress import OnText, ProgressLog
from rhserver.environments.recipe import Recipe

__all__ = ["Build", "OnText", "in_state"]


class Build:
    """Set `task` to the work at once; it says what it does with `line` and `phase`.

    Attributes:
        recipe: what is made.
        described: the same for people.
        stopping: the last who waited gave up, and it is being tidied up.
    """

    task: asyncio.Task[None]

    def __init__(self, recipe: Recipe, spec: pb.EnvironmentSpec) -> None:
        self.recipe = recipe
        now = time.time()
        self.described = pb.Environment(
            hash=recipe.hash, python=recipe.python_shown, packages=recipe.packages, created=now, used=now, spec=spec
        )
        self.described.spec.renewed = recipe.renewed
        self._said = ProgressLog()
        self._followers: dict[object, tuple[OnText, OnText]] = {}
        self.stopping = False

    def line(self, text: str) -> None:
        """A line of output for all who follow."""
        self._say("output", text)

    def phase(self, text: str) -> None:
        """What is done now, for all who follow."""
        self._say("phase", text)

    async def follow(self, on_output: OnText, on_phase: OnText) -> None:
        """Hear everything from the beginning and wait for the end; raises what the work raised."""
        for kind, text in self._said:
            (on_phase if kind == "phase" else on_output)(text)
        follower = object()
        self._followers[follower] = (on_output, on_phase)
        try:
            await asyncio.shield(self.task)
        except asyncio.CancelledError:
            if self.task.cancelled():
                raise InstallError("The installation was stopped.") from None
            if len(self._followers) == 1:
                self.stopping = True
                self.task.cancel()
                await asyncio.wait({self.task})
            raise
        finally:
            del self._followers[follower]

    def _say(self, kind: Literal["output", "phase"], text: str) -> None:
        self._said.add((kind, text))
        for on_output, on_phase in list(self._followers.values()):
            (on_phase if kind == "phase" else on_output)(text)


def in_state(environment: pb.Environment, state: pb.Environment.State) -> pb.Environment:
    """A copy in another state."""
    copied = pb.Environment()
    copied.CopyFrom(environment)
    copied.state = state
    return copied
