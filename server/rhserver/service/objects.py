"""Objects by key, and bulk data: uploads and downloads in pieces of 1 MiB, file work in threads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from rhresources.wire import cluster_pb2 as pb

from rhserver.objects import Blobs, Objects

_T = TypeVar("_T")


class ObjectsService:
    """PutObject, GetObject, DeleteObjects, ListObjects, Upload, Download."""

    def __init__(self, objects: Objects, blobs: Blobs) -> None:
        self._objects, self._blobs = objects, blobs
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="objects")

    async def PutObject(self, request: pb.PutObjectRequest, context: Any) -> pb.PutObjectReply:
        info = await self._in_thread(self._objects.put, request.key, request.value, request.type)
        return pb.PutObjectReply(object=info)

    async def GetObject(self, request: pb.GetObjectRequest, context: Any) -> pb.GetObjectReply:
        info, value = await self._in_thread(self._objects.get, request.key)
        return pb.GetObjectReply(object=info, value=value)

    async def DeleteObjects(self, request: pb.DeleteObjectsRequest, context: Any) -> pb.DeleteObjectsReply:
        keys = [info.key for info in self._objects.list()] if request.all else list(request.keys)
        return pb.DeleteObjectsReply(deleted=await self._in_thread(self._objects.delete, keys))

    async def ListObjects(self, request: pb.ListObjectsRequest, context: Any) -> pb.ListObjectsReply:
        return pb.ListObjectsReply(objects=self._objects.list())

    async def Upload(self, requests: AsyncIterator[pb.Chunk], context: Any) -> pb.UploadReply:
        writer = await self._in_thread(self._blobs.writer)
        writing: asyncio.Future[None] | None = None
        try:
            async for chunk in requests:
                if writing is not None:
                    await writing
                writing = self._in_thread(writer.write, chunk.data)  # the next piece arrives meanwhile
            if writing is not None:
                await writing
            return pb.UploadReply(blob=await self._in_thread(writer.finish), size=writer.size)
        finally:
            if writing is not None:
                await asyncio.wait({writing})
                writing.exception()  # seen, if nobody waited for it
            with contextlib.suppress(asyncio.CancelledError):
                await self._in_thread(writer.drop)

    async def Download(self, request: pb.DownloadRequest, context: Any) -> AsyncIterator[pb.Chunk]:
        pieces = self._blobs.reader(request.blob, request.offset)
        reading = self._in_thread(next, pieces, None)
        try:
            while (piece := await reading) is not None:
                reading = self._in_thread(next, pieces, None)  # the next piece is read meanwhile
                yield pb.Chunk(data=piece)
        finally:
            await asyncio.wait({reading})
            reading.exception()  # seen, if nobody waited for it
            pieces.close()

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(cancel_futures=True)

    def _in_thread(self, function: Callable[..., _T], *args: Any) -> asyncio.Future[_T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, lambda: function(*args))
