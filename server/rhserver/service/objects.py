"""Objects by key, and bulk data: uploads and downloads in pieces of 1 MiB."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from rhresources.wire import cluster_pb2 as pb
from rhserver.objects import Blobs, Objects

_BLINK_SECONDS = 0.01
_PIECES_IN_THREADS = 16

_T = TypeVar("_T")


class ObjectsService:
    """PutObject, GetObject, DeleteObjects, ListObjects; and Upload and Download, which take and give the data of
    chunks without messages around it (see `service.handlers`). `worked()` hears of every piece that is moved."""

    def __init__(self, objects: Objects, blobs: Blobs, worked: Callable[[], None]) -> None:
        self._objects, self._blobs = objects, blobs
        self._worked = worked
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="objects")

    async def PutObject(self, request: pb.PutObjectRequest, context: Any) -> pb.PutObjectReply:
        self._worked()
        info = await self._in_thread(self._objects.put, request.key, request.value, request.type)
        return pb.PutObjectReply(object=info)

    async def GetObject(self, request: pb.GetObjectRequest, context: Any) -> pb.GetObjectReply:
        self._worked()
        info, value = await self._in_thread(self._objects.get, request.key)
        return pb.GetObjectReply(object=info, value=value)

    async def DeleteObjects(self, request: pb.DeleteObjectsRequest, context: Any) -> pb.DeleteObjectsReply:
        keys = [info.key for info in self._objects.list()] if request.all else list(request.keys)
        return pb.DeleteObjectsReply(deleted=await self._in_thread(self._objects.delete, keys))

    async def ListObjects(self, request: pb.ListObjectsRequest, context: Any) -> pb.ListObjectsReply:
        return pb.ListObjectsReply(objects=self._objects.list())

    async def Upload(self, chunks: AsyncIterator[memoryview], context: Any) -> pb.UploadReply:
        writer = self._blobs.writer()
        pace = _Pace(self._in_thread)
        try:
            async for chunk in chunks:
                self._worked()
                await pace.run(writer.write, chunk)
            return pb.UploadReply(blob=writer.finish(), size=writer.size)
        finally:
            if not writer.finished:
                writer.drop()

    async def Download(self, request: pb.DownloadRequest, context: Any) -> AsyncIterator[bytes]:
        pieces = self._blobs.reader(request.blob, request.offset)
        pace = _Pace(self._in_thread)
        try:
            while (piece := await pace.run(next, pieces, None)) is not None:
                self._worked()
                yield piece
        finally:
            pieces.close()

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(cancel_futures=True)

    def _in_thread(self, function: Callable[..., _T], *args: Any) -> asyncio.Future[_T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, lambda: function(*args))


class _Pace:
    """Runs the file work of one stream: at once while each piece goes through the page cache in a blink, which is two
    to three times faster than handing it to a thread; in a thread for some pieces after one that had to wait."""

    def __init__(self, in_thread: Callable[..., asyncio.Future[Any]]) -> None:
        self._in_thread = in_thread
        self._in_threads = 0

    async def run(self, function: Callable[..., _T], *args: Any) -> _T:
        if self._in_threads:
            self._in_threads -= 1
            work = self._in_thread(function, *args)
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                await asyncio.wait({work})  # what it works on is about to be closed
                raise
        began = time.perf_counter()
        result = function(*args)
        if time.perf_counter() - began > _BLINK_SECONDS:
            self._in_threads = _PIECES_IN_THREADS
        return result
