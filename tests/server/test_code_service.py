"""A push of code through the service: what is told of it, and what a broken one leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.code_trees import FIRST, NEED_FILES, READY, Files, manifest, plan_of

from rhresources.code.manifest import content_hash
from rhresources.errors import ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.code import BlobStore, Snapshots
from rhserver.service.code import CodeService


async def test_a_push_through_the_service(tmp_path: Path) -> None:
    heard: list[tuple[str, str]] = []
    worked: list[None] = []
    snapshots = Snapshots(tmp_path / "code", BlobStore(tmp_path / "blobs"))
    service = CodeService(
        snapshots, before_push=lambda project, root: heard.append((project, root)), worked=lambda: worked.append(None)
    )
    request = plan_of(manifest(FIRST))

    async def batches(files: Files):
        yield pb.FileBatch(project=request.project, root=request.root)
        for data in files.values():
            yield pb.FileBatch(parts=[pb.FilePart(hash=content_hash(data), data=data, last=True)])

    async def broken():
        yield pb.FileBatch(project=request.project, root=request.root)
        yield pb.FileBatch(parts=[pb.FilePart(hash=content_hash(FIRST["data.bin"]), data=b"half")])
        raise ConnectionError

    async def nothing():
        for batch in ():
            yield batch

    assert (await service.PlanPush(request, None)).outcome == NEED_FILES
    assert len(worked) == 1
    with pytest.raises(ConnectionError):
        await service.PushFiles(broken(), None)
    assert list((tmp_path / "blobs/incoming").iterdir()) == []
    assert len(worked) == 3
    with pytest.raises(ServerProblem, match="No files"):
        await service.PushFiles(nothing(), None)
    assert (await service.PushFiles(batches(FIRST), None)).files == len(FIRST)
    assert (await service.PlanPush(request, None)).outcome == READY
    assert heard == [(request.project, request.root)] * 2
    service.close()
    snapshots.close()
