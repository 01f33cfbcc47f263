"""Trees of code as a client plans to push them, and what became of them on the server."""

from __future__ import annotations

from pathlib import Path

from rhresources.code.manifest import FileEntry, content_hash, root_hash
from rhresources.wire import cluster_pb2 as pb
from rhserver.code import Snapshots

Files = dict[str, bytes]
READY, NEED_FILES = pb.PlanPushReply.READY, pb.PlanPushReply.NEED_FILES

FIRST: Files = {"train.py": b"x = 1\n", "lib/a.py": b"a\n", "lib/deep/b.py": b"", "data.bin": bytes(range(256)) * 5000}


def entry(path: str, data: bytes | str, executable: bool = False) -> FileEntry:
    if isinstance(data, str):
        return FileEntry(path, f"link:{data}", 0, False)
    return FileEntry(path, content_hash(data), len(data), executable)


def manifest(files: dict[str, bytes | str] | Files) -> dict[str, FileEntry]:
    return {path: entry(path, data) for path, data in files.items()}


def plan_of(
    new: dict[str, FileEntry],
    old: dict[str, FileEntry] | None = None,
    project: str = "proj-1",
    send: Files | None = None,
) -> pb.PlanPushRequest:
    before = old or {}
    changed = [one for path, one in new.items() if before.get(path) != one]
    return pb.PlanPushRequest(
        project=project,
        root=root_hash(new),
        base=root_hash(old) if old is not None else "",
        changed=[
            pb.FileEntry(path=one.path, hash=one.hash, size=one.size, executable=one.executable) for one in changed
        ],
        removed=[path for path in before if path not in new],
        parts=[pb.FilePart(hash=content_hash(data), data=data, last=True) for data in (send or {}).values()],
    )


def contents(folder: Path) -> Files:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def pushed(snapshots: Snapshots, files: Files, old: Files | None = None) -> str:
    request = plan_of(manifest(files), manifest(old) if old is not None else None, send=files)
    assert snapshots.plan(request).outcome == READY
    return str(request.root)
