"""Repositories of this computer checked out: revisions, files as they are, what is refused, and cancelling."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.git_host import commit, git

from rhresources.errors import RhError, UsageError
from rhresources.git import kept as kept_module
from rhresources.git.checkouts import Checkouts, kept_checkout
from rhresources.git.problems import GitProblem

MakeRepository = Callable[..., Path]


@pytest.fixture
def checkouts(rh_home: Path) -> Checkouts:
    return Checkouts()


def committed(repo: Path, name: str) -> bytes:
    """A file as the last commit has it."""
    return subprocess.run(["git", "show", f"HEAD:{name}"], cwd=repo, capture_output=True, check=True).stdout


def raw_tree(repo: Path, entries: list[tuple[str, str, bytes]]) -> str:
    """A commit that git itself would not make: (mode, name, content); its id."""
    listing = b""
    for mode, name, content in entries:
        done = subprocess.run(
            ["git", "hash-object", "-w", "--stdin"], cwd=repo, input=content, capture_output=True, check=True
        )
        listing += f"{mode} {name}\0".encode() + bytes.fromhex(done.stdout.decode().strip())
    tree = subprocess.run(
        ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"],
        cwd=repo, input=listing, capture_output=True, check=True,
    )  # fmt: skip
    made = git(repo, "commit-tree", "-m", "raw", tree.stdout.decode().strip())
    git(repo, "update-ref", "refs/heads/raw", made)
    return made


async def test_branches_tags_and_commits(checkouts: Checkouts, make_repository: MakeRepository) -> None:
    repo = make_repository({"a.py": "one"})
    first = git(repo, "rev-parse", "HEAD")
    git(repo, "tag", "-a", "-m", "release", "v1.0")
    second = commit(repo, {"a.py": "two"})
    git(repo, "branch", "feature/x")
    url = str(repo)
    for revision, wanted in [("", second), ("main", second), ("feature/x", second), ("v1.0", first), (first, first)]:
        found = await checkouts.get(url, revision)
        assert found.commit == wanted
        assert (found.folder / "a.py").read_text() == ("one" if wanted == first else "two")
    short = await checkouts.get(f"file://{url}", first[:9])
    assert short.commit == first
    assert first[:7] in short.title
    assert not list(found.folder.rglob(".git"))


async def test_a_branch_that_moves(checkouts: Checkouts, make_repository: MakeRepository) -> None:
    repo = make_repository({"a.py": "one"})
    before = await checkouts.get(str(repo), "main")
    after = commit(repo, {"a.py": "two"})
    assert (await checkouts.get(str(repo), "main", anew=True)).commit == after
    assert (before.folder / "a.py").read_text() == "one"


async def test_without_a_network(
    checkouts: Checkouts, make_repository: MakeRepository, short_path: Path, rh_home: Path
) -> None:
    repo = make_repository({"a.py": "one"})
    found = await checkouts.get(str(repo), "main")
    repo.rename(short_path / "gone")
    again = await Checkouts().get(str(repo), found.commit)
    assert (again.folder / "a.py").read_text() == "one"
    kept = kept_checkout(str(repo), "main")
    assert kept is not None
    assert kept.commit == found.commit
    assert kept_checkout(str(repo), "other") is None
    with pytest.raises(GitProblem, match="no git repository"):
        await Checkouts().get(str(repo), "main")


@pytest.mark.parametrize("revision", ["--upload-pack=x", "a..b", "-x", "a b", "x\ny"])
async def test_revisions_that_are_none(checkouts: Checkouts, make_repository: MakeRepository, revision: str) -> None:
    with pytest.raises(UsageError):
        await checkouts.get(str(make_repository({"a": ""})), revision)


async def test_revisions_that_are_not_there(checkouts: Checkouts, make_repository: MakeRepository) -> None:
    repo = make_repository({"a": ""})
    for revision in ("nothing", "abcdef12", "0" * 40):
        with pytest.raises(GitProblem, match=r"no (such )?revision") as caught:
            await checkouts.get(str(repo), revision)
        assert caught.value.code == "no-revision"


async def test_an_empty_repository(checkouts: Checkouts, short_path: Path) -> None:
    folder = short_path / "empty"
    folder.mkdir()
    git(folder, "init", "-q")
    with pytest.raises(GitProblem, match="no commit yet"):
        await checkouts.get(str(folder))


async def test_files_as_they_are(checkouts: Checkouts, make_repository: MakeRepository) -> None:
    repo = make_repository(
        {
            "run.sh": "#!/bin/sh\n",
            "data.bin": os.urandom(3_000_000),
            "crlf.txt": b"a\r\nb\n",
            "naïve/名.py": "x = 1\n",
            "empty": "",
            ".gitattributes": "*.txt text eol=crlf\n*.py filter=evil\nempty export-ignore\n",
            "model.pt": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
        }
    )
    (repo / "run.sh").chmod(0o755)
    (repo / "link.py").symlink_to("naïve/名.py")
    git(repo, "config", "filter.evil.smudge", "touch evil")
    commit(repo)
    said: list[str] = []
    found = await checkouts.get(str(repo), progress=said.append)
    for name in ("data.bin", "crlf.txt", "naïve/名.py", "empty"):
        assert (found.folder / name).read_bytes() == committed(repo, name)
    assert os.readlink(found.folder / "link.py") == "naïve/名.py"
    assert os.access(found.folder / "run.sh", os.X_OK)
    assert not os.access(found.folder / "empty", os.X_OK)
    assert found.pointers == ("model.pt",)
    assert any("Git LFS" in line and "model.pt" in line for line in said)
    assert (await Checkouts().get(str(repo))).pointers == ("model.pt",)


async def test_nothing_of_a_repository_is_run(
    checkouts: Checkouts, make_repository: MakeRepository, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hooks and filters of the repository, and templates and hooks of the user's own git, which are for other work."""
    mark = short_path / "ran"
    script = short_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    script.chmod(0o755)
    repo = make_repository({"a.py": "one", ".gitattributes": "* filter=evil\n", ".lfsconfig": "[lfs]\nurl=x\n"})
    for hook in ("post-checkout", "post-merge", "reference-transaction", "pre-auto-gc", "post-update"):
        (repo / ".git" / "hooks" / hook).write_text(script.read_text())
        (repo / ".git" / "hooks" / hook).chmod(0o755)
    home = Path(os.environ["HOME"])
    hooks = home / "hooks"
    hooks.mkdir()
    for hook in ("post-checkout", "reference-transaction", "pre-auto-gc"):
        (hooks / hook).write_text(script.read_text())
        (hooks / hook).chmod(0o755)
    (home / ".gitconfig").write_text(
        f"[core]\n hooksPath = {hooks}\n fsmonitor = {script}\n[filter \"evil\"]\n smudge = {script}\n"
        f"[init]\n templateDir = {repo}/.git\n[protocol \"ext\"]\n allow = always\n"
    )  # fmt: skip
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(script))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    found = await checkouts.get(str(repo))
    assert (found.folder / "a.py").read_text() == "one"
    assert not mark.exists()


async def test_submodules(checkouts: Checkouts, make_repository: MakeRepository) -> None:
    inner = make_repository({"deep.py": "deep"}, "inner")
    middle = make_repository({"lib.py": "lib"}, "middle")
    git(middle, "submodule", "add", "-q", "../inner", "inner")
    commit(middle)
    outer = make_repository({"a.py": "a"}, "outer")
    git(outer, "submodule", "add", "-q", str(middle), "vendor/middle")
    git(outer, "submodule", "update", "--init", "--recursive", "-q")
    commit(outer)
    commit(inner, {"deep.py": "newer"})  # the commit that is named counts
    found = await checkouts.get(str(outer))
    assert (found.folder / "vendor/middle/lib.py").read_text() == "lib"
    assert (found.folder / "vendor/middle/inner/deep.py").read_text() == "deep"


async def test_submodules_that_cannot_be_had(checkouts: Checkouts, make_repository: MakeRepository) -> None:
    inner = make_repository({"x": ""}, "inner")
    outer = make_repository({"a.py": "a"}, "outer")
    git(outer, "submodule", "add", "-q", str(inner), "lib")
    for url, why in [
        ("ext::touch x", "submodule lib"),
        ("-x", "submodule lib"),
        ("/nowhere", "no git repository"),
        (str(outer), "leads back to itself"),
    ]:
        git(outer, "config", "-f", ".gitmodules", "submodule.lib.url", url)
        commit(outer)
        with pytest.raises(RhError, match=why):
            await checkouts.get(str(outer), anew=True)
    git(outer, "rm", "-q", "--cached", ".gitmodules")
    (outer / ".gitmodules").unlink()
    commit(outer)
    assert (await checkouts.get(str(outer), anew=True)).folder.is_dir()  # nobody says where it is: an empty folder


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "a/../../x", "a/../x", "..", "\\..\\..\\x"])
async def test_links_that_lead_out(checkouts: Checkouts, make_repository: MakeRepository, target: str) -> None:
    repo = make_repository({"a.py": "a"})
    (repo / "link").symlink_to(target)
    commit(repo)
    if target.startswith("\\"):  # a name here, a path on Windows
        target = "refused all the same"
    with pytest.raises(RhError, match="symbolic link 'link', which leads out"):
        await checkouts.get(str(repo))
    assert not list(checkouts.folder.glob("*/trees/*"))


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("100644", ".."),
        ("100644", ".git"),
        ("100644", ".GIT"),
        ("100644", "."),
        ("100644", "git~1"),
        ("100644", "a/../b"),
    ],
)
async def test_paths_that_lead_out(checkouts: Checkouts, make_repository: MakeRepository, mode: str, name: str) -> None:
    repo = make_repository({"a": ""})
    made = raw_tree(repo, [(mode, name, b"evil")])
    with pytest.raises(RhError):
        await checkouts.get(str(repo), made)
    assert not list(checkouts.folder.glob("*/trees/*"))
    assert not (checkouts.folder / "evil").exists()


@pytest.mark.parametrize("mode", ["120000", "160000", "100644"])
async def test_a_name_that_is_a_folder_and_something_else(
    checkouts: Checkouts, make_repository: MakeRepository, mode: str
) -> None:
    repo = make_repository({"x/y": "inside"})
    inside = git(repo, "rev-parse", "HEAD:x").strip()
    object = git(repo, "rev-parse", "HEAD" if mode == "160000" else "HEAD:x/y").strip()
    raw = b"".join(
        f"{each} x".encode() + b"\0" + bytes.fromhex(name) for each, name in ((mode, object), ("40000", inside))
    )
    (repo / "tree").write_bytes(raw)
    tree = git(repo, "hash-object", "-t", "tree", "-w", "--literally", "tree").strip()
    made = git(repo, "commit-tree", "-m", "twice", tree).strip()
    git(repo, "update-ref", "refs/heads/twice", made)
    with pytest.raises(RhError):
        await checkouts.get(str(repo), "twice")
    assert not list(checkouts.folder.glob("*/trees/*"))


async def test_many_at_once_make_one(checkouts: Checkouts, make_repository: MakeRepository) -> None:
    repo = make_repository({f"f{number}": "x" * 2000 for number in range(200)})
    said: list[str] = []
    found = await asyncio.gather(*(checkouts.get(str(repo), progress=said.append) for _ in range(8)))
    others = await asyncio.gather(*(Checkouts().get(str(repo), progress=said.append) for _ in range(3)))
    assert len({one.folder for one in (*found, *others)}) == 1
    assert sum(line.startswith("Fetching") for line in said) == 1


async def test_cancelling_leaves_nothing(
    checkouts: Checkouts, make_repository: MakeRepository, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server never answers; the git that waits for it goes with the task, and the next one starts anew."""
    repo = make_repository({"a.py": "one"})
    pids = short_path / "pids"
    ssh = short_path / "ssh"
    ssh.write_text(f"#!/bin/sh\necho $$ $PPID >> {pids}\nexec sleep 600\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    waiting = asyncio.create_task(checkouts.get(f"ssh://host{repo}"))
    while not pids.exists() or not pids.read_text().endswith("\n"):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    for pid in pids.read_text().split():
        for _ in range(200):
            if not Path(f"/proc/{pid}").exists():
                break
            await asyncio.sleep(0.02)
        assert not Path(f"/proc/{pid}").exists()
    assert (await checkouts.get(str(repo))).folder.is_dir()


async def test_a_server_that_falls_silent(
    checkouts: Checkouts, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = short_path / "ssh"
    ssh.write_text("#!/bin/sh\nexec sleep 600\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    monkeypatch.setattr("rhresources.git.program.IDLE_SECONDS", 0.3)
    with pytest.raises(GitProblem, match="said nothing") as caught:
        await checkouts.get("ssh://host/x")
    assert caught.value.code == "unreachable"


async def test_a_fetch_that_was_killed_is_done_again(checkouts: Checkouts, make_repository: MakeRepository) -> None:
    repo = make_repository({"a.py": "one"})
    before = await checkouts.get(str(repo))
    home = next(checkouts.folder.glob("repo-*"))
    (home / "repository.git" / "objects" / "pack" / "tmp_pack_x").write_text("half")
    after = commit(repo, {"a.py": "two"})
    for lock in ("shallow", f"refs/fetched/commits/{after}"):
        (home / "repository.git" / f"{lock}.lock").write_text("")
    (home / "trees" / f"{before.commit}.json").unlink()  # the note is the last that is written
    found = await Checkouts().get(str(repo), before.commit)
    assert (found.folder / "a.py").read_text() == "one"
    assert (await Checkouts().get(str(repo), "main")).commit == after
    assert not list(home.glob("repository.git/**/tmp_pack*"))


async def test_old_checkouts_are_removed(checkouts: Checkouts, make_repository: MakeRepository) -> None:
    repo = make_repository({"a.py": "one"})
    first = await checkouts.get(str(repo))
    note = next(checkouts.folder.glob("*/trees/*.json"))
    long_ago = time.time() - (kept_module.KEPT_DAYS + 1) * 86_400
    os.utime(note, (long_ago, long_ago))
    commit(repo, {"a.py": "two"})
    second = await checkouts.get(str(repo), anew=True)
    assert not first.folder.exists()
    assert second.folder.exists()
    # who still knows of it makes it again
    assert (await checkouts.get(str(repo), first.commit)).folder.is_dir()


async def test_no_git(checkouts: Checkouts, make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = make_repository({"a": ""})
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RhError, match="no git program"):
        await checkouts.get(str(repo))


async def test_a_folder_that_cannot_be_written(make_repository: MakeRepository, short_path: Path) -> None:
    repo = make_repository({"a": ""})
    (short_path / "file").write_text("")
    with pytest.raises(RhError, match="cannot be written"):
        await Checkouts(short_path / "file" / "git").get(str(repo))


async def test_sha256(checkouts: Checkouts, make_repository: MakeRepository) -> None:
    repo = make_repository({"a.py": "one"}, **{"object-format": "sha256"})
    found = await checkouts.get(str(repo), "main")
    assert len(found.commit) == 64
    assert (found.folder / "a.py").read_text() == "one"
