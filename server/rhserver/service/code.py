"""Pushes of code: the plan, then the files that the server does not have."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from rhresources.errors import ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.code.snapshots import Push, Snapshots

_T = TypeVar("_T")


class CodeService:
    """PlanPush and PushFiles. `before_push(project, root)` hears, on the loop, of every tree that is about to be put
    in place: older trees of the project that nobody uses then can be moved on instead of copied. `worked()` hears of
    all that comes."""

    def __init__(
        self, snapshots: Snapshots, before_push: Callable[[str, str], None], worked: Callable[[], None]
    ) -> None:
        self._snapshots = snapshots
        self._before_push = before_push
        self._worked = worked
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="code")

    async def PlanPush(self, request: pb.PlanPushRequest, context: Any) -> pb.PlanPushReply:
        self._worked()
        self._before_push(request.project, request.root)
        return await self._in_thread(self._snapshots.plan, request)

    async def PushFiles(self, requests: AsyncIterator[pb.FileBatch], context: Any) -> pb.PushReply:
        push: Push | None = None
        try:
            async for batch in requests:
                self._worked()
                if push is None:
                    push = await self._in_thread(self._snapshots.push, batch.project, batch.root)
                await self._in_thread(push.add, list(batch.parts))
            if push is None:
                raise ServerProblem("No files were sent.", code="bad-request")
            return await self._in_thread(push.finish)
        finally:
            if push is not None:
                with contextlib.suppress(asyncio.CancelledError):
                    await self._in_thread(push.close)

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(cancel_futures=True)

    async def _in_thread(self, function: Callable[..., _T], *args: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: function(*args))
