"""Objects and bulk data over a real gRPC connection."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhresources.errors import NotFound, ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire import cluster_pb2_grpc
from rhserver.objects import Blobs, Objects
from rhserver.service.handlers import add_services
from rhserver.service.objects import ObjectsService

MIB = 1024 * 1024


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


@pytest.fixture
def objects(tmp_path: Path, blobs: Blobs) -> Objects:
    return Objects(tmp_path / "objects", blobs)


@pytest.fixture
def moved() -> list[None]:
    """One for every piece of data that keeps a cluster in a cloud from stopping."""
    return []


@pytest.fixture
async def stub(
    tmp_path: Path, objects: Objects, blobs: Blobs, moved: list[None]
) -> AsyncIterator[cluster_pb2_grpc.ClusterStub]:
    service = ObjectsService(objects, blobs, worked=lambda: moved.append(None))
    server = grpc.aio.server()
    add_services(server, [service])
    server.add_insecure_port(f"unix:{tmp_path}/s")
    await server.start()
    async with grpc.aio.insecure_channel(f"unix:{tmp_path}/s") as channel:
        yield cluster_pb2_grpc.ClusterStub(channel)
    await server.stop(None)
    service.close()


def value(data: bytes) -> pb.Value:
    return pb.Value(format=pb.Value.CLOUDPICKLE, data=data, size=len(data))


async def chunks(data: bytes) -> AsyncIterator[pb.Chunk]:
    for start in range(0, len(data), MIB):
        yield pb.Chunk(data=data[start : start + MIB])


async def download(stub: cluster_pb2_grpc.ClusterStub, blob: str, offset: int = 0) -> bytes:
    return b"".join([chunk.data async for chunk in stub.Download(pb.DownloadRequest(blob=blob, offset=offset))])


async def test_small_and_large_values_come_back(stub: cluster_pb2_grpc.ClusterStub) -> None:
    await stub.PutObject(pb.PutObjectRequest(key="small", value=value(b"\x80x"), type="int"))
    got = await stub.GetObject(pb.GetObjectRequest(key="small"))
    assert (got.value.data, got.object.type, got.object.size) == (b"\x80x", "int", 2)
    data = os.urandom(3 * MIB + 17)
    sent = await stub.Upload(chunks(data))
    assert sent.size == len(data)
    await stub.PutObject(pb.PutObjectRequest(key="large", value=pb.Value(blob=sent.blob, size=len(data))))
    got = await stub.GetObject(pb.GetObjectRequest(key="large"))
    assert got.value.size == len(data)
    assert await download(stub, got.value.blob) == data
    assert await download(stub, got.value.blob, 2 * MIB + 5) == data[2 * MIB + 5 :]
    assert await download(stub, got.value.blob, len(data)) == b""


async def test_that_data_counts_as_work_while_it_moves(stub: cluster_pb2_grpc.ClusterStub, moved: list[None]) -> None:
    sent = await stub.Upload(chunks(os.urandom(3 * MIB)))
    assert len(moved) == 3
    reading = stub.Download(pb.DownloadRequest(blob=sent.blob))
    await reading.read()
    assert len(moved) > 3
    await download(stub, sent.blob)
    put = len(moved)
    await stub.PutObject(pb.PutObjectRequest(key="k", value=value(b"\x80x")))
    await stub.GetObject(pb.GetObjectRequest(key="k"))
    assert len(moved) == put + 2
    await stub.ListObjects(pb.ListObjectsRequest())  # which a window that is only open does
    assert len(moved) == put + 2
    reading.cancel()


async def test_that_a_transfer_that_stands_still_is_no_work(
    stub: cluster_pb2_grpc.ClusterStub, moved: list[None]
) -> None:
    come, gone_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[pb.Chunk]:
        yield pb.Chunk(data=b"x" * MIB)
        come.set()
        await gone_on.wait()

    sending = asyncio.ensure_future(stub.Upload(slow()))
    await come.wait()
    async with asyncio.timeout(30):
        while not moved:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await stub.ListObjects(pb.ListObjectsRequest())
    assert len(moved) == 1
    gone_on.set()
    await sending


async def test_falsy_and_empty_values_are_values(stub: cluster_pb2_grpc.ClusterStub) -> None:
    for key, data in {"empty": b"", "none": b"null", "zero": b"0"}.items():
        await stub.PutObject(pb.PutObjectRequest(key=key, value=pb.Value(format=pb.Value.JSON, data=data)))
        assert (await stub.GetObject(pb.GetObjectRequest(key=key))).value.data == data
    listed = await stub.ListObjects(pb.ListObjectsRequest())
    assert [info.key for info in listed.objects] == ["empty", "none", "zero"]


async def test_a_missing_key_and_a_missing_blob_say_so(stub: cluster_pb2_grpc.ClusterStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetObject(pb.GetObjectRequest(key="nothing/here"))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert "'nothing/here'" in (caught.value.details() or "")
    for blob in ("u-" + "0" * 32, "../objects", "", "x" * 500):
        with pytest.raises(grpc.aio.AioRpcError, match="not on the cluster any more"):
            await download(stub, blob)


async def test_deleting(stub: cluster_pb2_grpc.ClusterStub, tmp_path: Path) -> None:
    for key in "abc":
        await stub.PutObject(pb.PutObjectRequest(key=key, value=value(b"1")))
    assert list((await stub.DeleteObjects(pb.DeleteObjectsRequest(keys=["a", "nothing", "a"]))).deleted) == ["a"]
    assert sorted((await stub.DeleteObjects(pb.DeleteObjectsRequest(all=True))).deleted) == ["b", "c"]
    assert list((tmp_path / "objects").iterdir()) == []


@settings(max_examples=60, deadline=None)
@given(keys=st.lists(st.text(min_size=1, max_size=20), unique=True, max_size=5))
def test_any_text_is_a_key_and_survives_a_restart(tmp_path_factory: pytest.TempPathFactory, keys: list[str]) -> None:
    keys = [*keys, "../../etc/passwd", "a/b", "\0", "x" * 512, "ключ 🔑", "con"]
    folder = tmp_path_factory.mktemp("keys")
    kept = Objects(folder / "objects", Blobs(folder / "blobs"))
    for number, key in enumerate(keys):
        kept.put(key, value(str(number).encode()), "str")
    again = Objects(folder / "objects", Blobs(folder / "blobs"))
    assert {key: again.get(key)[1].data for key in keys} == {key: str(n).encode() for n, key in enumerate(keys)}
    assert all(path.parent == folder / "objects" for path in folder.rglob("*.json"))


def test_keys_have_a_limit(objects: Objects) -> None:
    for key in ("", "x" * 513):
        with pytest.raises(ServerProblem) as caught:
            objects.put(key, value(b""), "")
        assert caught.value.code == "bad-key"


def test_putting_again_replaces_and_leaves_no_file(objects: Objects, tmp_path: Path) -> None:
    for number in range(5):
        objects.put("k", value(b"%d" % number), "int")
    assert objects.get("k")[1].data == b"4"
    assert len(list((tmp_path / "objects").iterdir())) == 2
    (tmp_path / "objects" / "leftover.0").write_bytes(b"of a killed server")
    again = Objects(tmp_path / "objects", Blobs(tmp_path / "blobs"))
    assert again.get("k")[1].data == b"4"
    assert len(list((tmp_path / "objects").iterdir())) == 2


def test_a_full_disk_keeps_the_old_object(objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects.put("k", value(b"old"), "")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("rhserver.objects.objects._write", full)
        with pytest.raises(ServerProblem, match="disk of the cluster is full"):
            objects.put("k", value(b"new"), "")
    assert objects.get("k")[1].data == b"old"
    assert len(list((tmp_path / "objects").iterdir())) == 2


def test_a_broken_upload_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    writer = blobs.writer()
    writer.write(b"half")
    assert blobs.collect(0) == 0, "what is being written is not collected"
    writer.drop()
    assert list(blobs.directory.iterdir()) == []


def test_an_upload_that_cannot_begin_is_none(blobs: Blobs) -> None:
    blobs.directory.rename(blobs.directory.with_name("away"))
    with pytest.raises(ServerProblem):
        blobs.writer()


def test_unused_blobs_expire_and_shared_files_stay(blobs: Blobs, tmp_path: Path) -> None:
    writer = blobs.writer()
    writer.write(b"uploaded")
    name = writer.finish()
    result = tmp_path / "result"
    result.write_bytes(b"x" * 1000)
    shared = blobs.share(result)
    assert blobs.share(result) == shared
    spilled = blobs.directory / "01ARZ-result"
    spilled.write_bytes(b"spilled by a worker")
    assert blobs.path(name).read_bytes() == b"uploaded"
    assert blobs.collect(3600) == 0
    time.sleep(0.02)
    assert blobs.collect(0.01) == len(b"uploaded") + len(b"spilled by a worker")
    assert list(blobs.directory.iterdir()) == []
    assert result.stat().st_size == 1000
    with pytest.raises(ServerProblem, match="not on the cluster"):
        blobs.path(name)


def test_a_spilled_result_becomes_a_blob(blobs: Blobs) -> None:
    spilled = blobs.directory / "01ARZ-result"
    spilled.write_bytes(b"large")
    name = blobs.adopt(spilled)
    assert not spilled.exists()
    assert b"".join(blobs.reader(name)) == b"large"


def test_a_blob_that_was_used_up_can_be_discarded(blobs: Blobs, tmp_path: Path) -> None:
    result = tmp_path / "result"
    result.write_bytes(b"one")
    for _ in range(2):
        blobs.discard(blobs.share(result))
    blobs.discard("../result")
    assert result.read_bytes() == b"one"
    assert list(blobs.directory.iterdir()) == []


def test_a_replaced_file_is_shared_anew(blobs: Blobs, tmp_path: Path) -> None:
    result = tmp_path / "result"
    result.write_bytes(b"one")
    name = blobs.share(result)
    result.unlink()
    result.write_bytes(b"two")
    assert blobs.share(result) == name
    assert blobs.path(name).read_bytes() == b"two"


def test_an_object_deleted_by_hand_is_missing(objects: Objects, tmp_path: Path) -> None:
    objects.put("k", value(b"1"), "")
    for path in (tmp_path / "objects").iterdir():
        path.unlink()
    with pytest.raises(NotFound):
        objects.get("k")


async def test_a_hundred_megabytes_arrive_whole_both_ways(stub: cluster_pb2_grpc.ClusterStub) -> None:
    data = os.urandom(100 * MIB)
    sent = await stub.Upload(chunks(data))
    assert await download(stub, sent.blob) == data
