"""Files in Git LFS: their contents where git-lfs is installed, and what a hostile repository or server cannot do."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from lab.git_host import GitHost, commit, git, large_file

from rhresources.errors import RhError
from rhresources.git import contents, repository, writing
from rhresources.git.checkouts import Checkout
from rhresources.git.problems import GitProblem
from rhresources.workspace import Workspace

pytestmark = pytest.mark.skipif(not shutil.which("git-lfs"), reason="needs git-lfs")

TOKEN = "ghp_Large7Secret01"
MODEL = bytes(range(256)) * 4000

MakeRepository = Callable[..., Path]


def objects_of(workspace: Workspace) -> list[Path]:
    return [file for file in workspace.checkouts.folder.glob("*/repository.git/lfs/objects/**/*") if file.is_file()]


async def test_the_contents_are_fetched(
    git_host: GitHost, make_repository: MakeRepository, workspace: Workspace
) -> None:
    repo = make_repository({"a.py": "a", "model.pt": git_host.keep(MODEL), "sub/run.sh": git_host.keep(b"#!/bin/sh\n")})
    (repo / "sub/run.sh").chmod(0o755)
    commit(repo)
    said: list[str] = []
    found = await workspace.checkouts.get(git_host.url("repo/.git"), progress=said.append)
    assert found.pointers == ()
    assert (found.folder / "model.pt").read_bytes() == MODEL
    assert (found.folder / "sub/run.sh").read_bytes() == b"#!/bin/sh\n"
    assert os.access(found.folder / "sub/run.sh", os.X_OK)
    assert (found.folder / "model.pt").stat().st_mode & 0o777 == 0o444
    assert any("out of Git LFS" in line for line in said)
    assert not any("pointers only" in line for line in said)
    assert found.size > len(MODEL)
    # the next commit fetches only what it has more
    commit(repo, {"other.pt": git_host.keep(b"other")})
    git_host.seen.clear()
    again = await workspace.checkouts.get(git_host.url("repo/.git"), anew=True)
    assert (again.folder / "model.pt").read_bytes() == MODEL
    assert (again.folder / "other.pt").read_bytes() == b"other"
    assert sum(path.startswith("/large/") for path, _ in git_host.seen) == 1


async def test_a_folder_of_this_computer(
    git_host: GitHost, make_repository: MakeRepository, workspace: Workspace
) -> None:
    repo = make_repository({"model.pt": git_host.keep(MODEL)})
    oid = next(iter(git_host.large))
    kept = repo / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    kept.parent.mkdir(parents=True)
    kept.write_bytes(MODEL)
    mode = kept.stat().st_mode
    found = await workspace.checkouts.get(str(repo))
    assert (found.folder / "model.pt").read_bytes() == MODEL
    assert kept.stat().st_mode == mode  # which may be linked, and belongs to the person


async def test_over_ssh(
    git_host: GitHost, make_repository: MakeRepository, workspace: Workspace, short_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Where the server has the files it says when it is asked over SSH."""
    repo = make_repository({"model.pt": git_host.keep(MODEL)})
    ssh = short_path / "ssh"
    answer = json.dumps({"href": f"{git_host.url('repo/.git')}/info/lfs", "header": {}})
    ssh.write_text(
        f"""#!/bin/sh
case " $* " in
*git-lfs-authenticate*) echo '{answer}' ;;
*git-upload-pack*) exec git upload-pack {repo} ;;
*) exit 1 ;;
esac
"""
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    found = await workspace.checkouts.get("ssh://git@host/o/r")
    assert (found.folder / "model.pt").read_bytes() == MODEL


async def test_in_a_submodule(git_host: GitHost, make_repository: MakeRepository, workspace: Workspace) -> None:
    inner = make_repository({"model.pt": git_host.keep(MODEL)}, "inner")
    outer = make_repository({"a.py": "a"}, "outer")
    git(outer, "submodule", "add", "-q", str(inner), "lib")
    git(outer, "config", "-f", ".gitmodules", "submodule.lib.url", "../../inner/.git")
    commit(outer)
    found = await workspace.checkouts.get(git_host.url("outer/.git"))
    assert (found.folder / "lib/model.pt").read_bytes() == MODEL


async def test_a_private_repository(
    git_host: GitHost, make_repository: MakeRepository, workspace: Workspace, short_path: Path, rh_home: Path
) -> None:
    """The token goes to the repository's host, and not to where that says that its large files are."""
    make_repository({"model.pt": git_host.keep(MODEL)}, "private")
    git_host.token = TOKEN
    store = GitHost(short_path, large=git_host.large).start()
    try:
        git_host.large_at = f"http://{store.host}"
        await workspace.credentials.put("token", git_host.host, TOKEN, session_only=True)
        found = await workspace.checkouts.get(git_host.url("private/.git"))
        assert (found.folder / "model.pt").read_bytes() == MODEL
        assert store.seen
        assert not any(header for _, header in store.seen)
        for file in rh_home.parent.rglob("*"):
            assert not file.is_file() or TOKEN.encode() not in file.read_bytes()
    finally:
        store.stop()


@pytest.mark.parametrize("status", [500, 501, 307])
async def test_a_store_that_behaves_badly_learns_no_token(
    git_host: GitHost,
    make_repository: MakeRepository,
    workspace: Workspace,
    short_path: Path,
    rh_home: Path,
    status: int,
) -> None:
    """Nor does the disk: git-lfs writes its environment into a log when it meets what it did not expect."""
    make_repository({"model.pt": git_host.keep(MODEL)}, "private")
    git_host.token = TOKEN
    other = GitHost(short_path, large=git_host.large).start()
    try:
        where = {"Location": f"http://{other.host}/x/info/lfs/objects/batch"} if status == 307 else {}
        git_host.says["/private/.git/info/lfs"] = (status, where, b"")
        await workspace.credentials.put("token", git_host.host, TOKEN, session_only=True)
        with suppress(GitProblem):
            await workspace.checkouts.get(git_host.url("private/.git"))
        assert any(path.endswith("/batch") for path, _ in git_host.seen)
        assert not any(header for _, header in other.seen)
        encoded = base64.b64encode(f"x-access-token:{TOKEN}".encode())
        for file in rh_home.parent.rglob("*"):
            if file.is_file():
                data = file.read_bytes()
                assert TOKEN.encode() not in data, file
                assert encoded not in data, file
    finally:
        other.stop()


async def test_a_private_store_of_a_public_repository(
    git_host: GitHost, make_repository: MakeRepository, workspace: Workspace
) -> None:
    make_repository({"model.pt": git_host.keep(MODEL)})
    git_host.says["/repo/.git/info/lfs"] = (401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
    with pytest.raises(GitProblem, match=r"in Git LFS cannot be had: .*wants a log-in") as caught:
        await workspace.checkouts.get(git_host.url("repo/.git"))
    assert caught.value.code == "refused"
    assert not list(workspace.checkouts.folder.glob("*/trees/*"))


@pytest.mark.parametrize("is_fallback", [False, True])
async def test_a_repository_cannot_name_another_store(
    git_host: GitHost, make_repository: MakeRepository, workspace: Workspace, short_path: Path, is_fallback: bool
) -> None:
    other = GitHost(short_path, large=git_host.large).start()
    try:
        repo = make_repository(
            {
                "model.pt": git_host.keep(MODEL),
                ".lfsconfig": f'[lfs]\n url = http://{other.host}/x\n[remote "origin"]\n lfsurl = http://{other.host}/y\n',
            }
        )
        wanted = git(repo, "rev-parse", "HEAD")
        git(repo, "branch", "master")
        if is_fallback:  # a server that gives out only what has a name: all of that is fetched
            commit(repo, {"b": ""})
            git(repo, "branch", "-f", "master")
            git(repo, "config", "uploadpack.allowAnySHA1InWant", "false")
            (Path(os.environ["HOME"]) / ".gitconfig").write_text("[protocol]\n version = 0\n")
        found = await workspace.checkouts.get(git_host.url("repo/.git"), wanted)
        assert (found.folder / "model.pt").read_bytes() == MODEL
        assert not other.seen
    finally:
        other.stop()


async def test_the_person_may_name_another_store(
    git_host: GitHost, make_repository: MakeRepository, workspace: Workspace, short_path: Path
) -> None:
    other = GitHost(short_path, large={}).start()
    try:
        pointer = other.keep(MODEL)
        make_repository({"model.pt": pointer})
        (Path(os.environ["HOME"]) / ".gitconfig").write_text(f"[lfs]\n url = http://{other.host}/mirror/info/lfs\n")
        found = await workspace.checkouts.get(git_host.url("repo/.git"))
        assert (found.folder / "model.pt").read_bytes() == MODEL
    finally:
        other.stop()


async def test_what_the_server_does_not_have(
    git_host: GitHost, make_repository: MakeRepository, workspace: Workspace
) -> None:
    make_repository({"here.pt": git_host.keep(b"here"), "gone.pt": large_file(b"gone")})
    said: list[str] = []
    url = git_host.url("repo/.git")
    found = await workspace.checkouts.get(url, progress=said.append)
    assert found.pointers == ("gone.pt",)
    assert (found.folder / "here.pt").read_bytes() == b"here"
    assert any("pointers only: gone.pt" in line for line in said)
    # it is not asked for again and again, but by the next process
    said.clear()
    assert (await workspace.checkouts.get(url, progress=said.append)).pointers == ("gone.pt",)
    assert not said
    git_host.keep(b"gone")
    other = Workspace(workspace.home)
    try:
        assert (await other.checkouts.get(url)).pointers == ()
    finally:
        await other.close()


async def test_installed_later(
    git_host: GitHost, make_repository: MakeRepository, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_repository({"model.pt": git_host.keep(MODEL)})
    said: list[str] = []
    monkeypatch.setenv("GIT_LFS_SKIP_SMUDGE", "1")
    found = await workspace.checkouts.get(git_host.url("repo/.git"), progress=said.append)
    assert found.pointers == ("model.pt",)
    assert any("pointers only" in line for line in said)
    monkeypatch.delenv("GIT_LFS_SKIP_SMUDGE")
    found = await workspace.checkouts.get(git_host.url("repo/.git"))
    assert (found.folder / "model.pt").read_bytes() == MODEL


async def test_too_much(
    git_host: GitHost, make_repository: MakeRepository, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what the pointers say, before anything is fetched; and a server that sends more than they say."""
    monkeypatch.setattr(writing, "MAXIMUM_BYTES", len(MODEL) - 1)
    repo = make_repository({"model.pt": git_host.keep(MODEL)})
    with pytest.raises(RhError, match="with its files in Git LFS holds"):
        await workspace.checkouts.get(git_host.url("repo/.git"))
    assert not any(path.startswith("/large/") for path, _ in git_host.seen)
    git_host.large = dict.fromkeys(git_host.large, MODEL[:9]) | {"more": b""}
    commit(repo, {"model.pt": git_host.keep(b"x" * 9)})
    git_host.large = dict.fromkeys(git_host.large, b"y" * 9)
    monkeypatch.setattr(repository, "LARGEST", len(MODEL))
    found = await workspace.checkouts.get(git_host.url("repo/.git"), anew=True)
    assert found.pointers == ("model.pt",)  # a content that is another one is not taken
    assert not objects_of(workspace)


def test_pointers() -> None:
    whole = large_file(b"x")
    found = contents.pointer_of("m", whole)
    assert found is not None
    assert found.size == 1
    assert contents.pointer_of("m", b"version https://git-lfs.github.com/spec/v1\noid sha256:../../x\nsize 1\n") == (
        contents.Pointer("m")
    )
    assert contents.pointer_of("m", b"x = 1") is None
    assert Checkout("u", "", "c", Path()).pointers == ()
