"""Files and folders over a real SSH connection, in one stream each."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from lab.rights import root_only
from lab.ssh_fixtures import USER, Opener, SshHome, SshKeys, document_of, until
from lab.sshd import Sshd

from rhresources.errors import NotFound, RhError
from rhresources.reach.ssh.connection import SshConnection
from rhresources.reach.ssh.problems import SshProblem


@pytest.fixture
async def connection(sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener) -> SshConnection:
    ssh_home.knows(sshd)
    return await open_ssh(document_of(sshd, ssh_keys.plain))


def tree(root: Path) -> dict[str, bytes | str]:
    return {
        str(path.relative_to(root)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "a folder"
    for name, data in {"x": b"1", "sub/ünï 'quoted' $HOME": b"2", "sub/large": os.urandom(5 << 20), "-n": b""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "x").chmod(0o755)
    (root / "link").symlink_to("x")
    return root


async def test_a_file(connection: SshConnection, tmp_path: Path) -> None:
    source, there, back = tmp_path / "it's a file", tmp_path / "there" / "deep" / "-copy", tmp_path / "back"
    data = os.urandom(3 << 20)
    source.write_bytes(data)
    source.chmod(0o740)
    told: list[int] = []
    await connection.send(source, str(there), told.append)
    assert there.read_bytes() == data
    assert there.stat().st_mode & 0o777 == 0o740
    await connection.send(source, f"{tmp_path}/into/")
    await connection.send(source, f"{tmp_path}/into")
    assert (tmp_path / "into" / source.name).read_bytes() == data
    await connection.fetch(str(there), back, told.append)
    back_into = tmp_path / "back into"
    back_into.mkdir()
    await connection.fetch(str(there), back_into)
    assert back.read_bytes() == (back_into / "-copy").read_bytes() == data
    await asyncio.sleep(0)
    assert told[-1] == len(data) or told[-1] == len(data) + 1
    assert len(data) in told
    assert not list(tmp_path.rglob("*.part-*"))


async def test_a_folder(connection: SshConnection, folder: Path, tmp_path: Path) -> None:
    there, back = tmp_path / "the re", tmp_path / "back"
    there.mkdir()
    (there / "other").write_bytes(b"stays")
    await connection.send(folder, str(there))
    assert tree(there) == {**tree(folder), "other": b"stays"}
    await connection.fetch(str(there), back)
    assert tree(back) == tree(there)
    assert (back / "x").stat().st_mode & 0o100


@root_only
async def test_paths_of_the_home(
    sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener, tmp_path: Path
) -> None:
    ssh_home.knows(sshd)
    connection = await open_ssh(document_of(sshd, ssh_keys.plain, user=USER))
    source = tmp_path / "x"
    source.write_bytes(b"x")
    await connection.send(source, "~/a file")
    assert (sshd.home_of(USER) / "a file").read_bytes() == b"x"
    assert await connection.read_file("~/a file") == await connection.read_file("a file") == b"x"
    await connection.fetch("a file", tmp_path / "y")
    assert (tmp_path / "y").read_bytes() == b"x"


async def test_what_is_not_there(connection: SshConnection, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file or folder"):
        await connection.send(tmp_path / "missing", "/tmp/x")
    with pytest.raises(NotFound, match=r"no file or folder .*missing on 127"):
        await connection.fetch(str(tmp_path / "missing"), tmp_path / "x")
    assert not (tmp_path / "x").exists()


async def test_where_nothing_can_be_written(connection: SshConnection, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SshProblem) as caught:
        await connection.send(folder, str(tmp_path / "file" / "x"))
    assert "Not a directory" in caught.value.sentence
    with pytest.raises(SshProblem):
        await connection.send(folder / "x", str(tmp_path / "file" / "x"))
    for name in ("x", "sub"):
        with pytest.raises(RhError) as refused:
            await connection.fetch(str(folder / name), tmp_path / "file" / "x")
        assert "cannot be written: " in refused.value.sentence
    assert connection.alive


async def test_a_hostile_archive_stays_in_its_folder(connection: SshConnection, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "out").symlink_to("/etc/passwd")
    with pytest.raises(RhError) as caught:
        await connection.fetch(str(source), tmp_path / "back")
    assert "out" in caught.value.sentence


async def test_cancelling_leaves_nothing_half_done(connection: SshConnection, tmp_path: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    os.mkfifo(tmp_path / "endless")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await connection.fetch("/dev/zero", back)
    (tmp_path / "large").write_bytes(bytes(1 << 20))
    task = asyncio.ensure_future(connection.send(tmp_path / "large", str(there)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not back.exists()
    assert (await connection.run("echo alive")).text == "alive"
    await until(lambda: not list(tmp_path.glob("*.part-*")))
