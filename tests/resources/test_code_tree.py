"""What a tree of code holds, how quickly a change is seen, and which trees are refused."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rhresources.code.listing import find_root
from rhresources.code.manifest import content_hash, root_hash
from rhresources.code.tree import CodeTree, project_id
from rhresources.errors import RhError


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always")
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture(autouse=True)
def rhdesk_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RH_HOME", str(tmp_path / "rh"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "a.py").write_text("A = 1\n")
    (root / "train.py").write_text("import pkg.a\n")
    (root / ".gitignore").write_text("*.log\nbuild/\n")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    return root


@pytest.fixture(params=["watched", "unwatched"])
def tree(request: pytest.FixtureRequest, project: Path) -> Iterator[CodeTree]:
    tree = CodeTree(project)
    if request.param == "watched":
        assert tree.watch()
    tree.refresh()
    yield tree
    tree.close()


def agrees(tree: CodeTree) -> bool:
    """Whether a fresh look at every file sees the same."""
    tree.refresh()
    os.environ["RH_HOME"] += "-fresh"  # without the cache
    fresh = CodeTree(tree.root)
    fresh.refresh()
    return fresh.entries == tree.entries and fresh.root_hash == tree.root_hash == root_hash(tree.entries)


def test_tracked_and_untracked_files_but_not_ignored_ones(tree: CodeTree) -> None:
    root = tree.root
    (root / "new.py").write_text("new")
    (root / "debug.log").write_text("x")
    (root / "build").mkdir()
    (root / "build" / "out.py").write_text("x")
    tree.refresh()
    assert set(tree.entries) == {".gitignore", "pkg/a.py", "train.py", "new.py"}
    assert tree.entries["new.py"].hash == content_hash(b"new")
    assert agrees(tree)


def test_every_kind_of_change_is_seen(tree: CodeTree) -> None:
    root = tree.root

    def changes() -> bool:
        return tree.refresh()

    assert not changes()
    (root / "train.py").write_text("import pkg.b\n")
    assert changes()
    assert not changes()
    os.chmod(root / "train.py", 0o755)
    assert changes()
    assert tree.entries["train.py"].executable
    (root / "train.py").rename(root / "fit.py")
    assert changes()
    (root / "deep" / "er").mkdir(parents=True)
    (root / "deep" / "er" / "b.py").write_text("B = 1")
    assert changes()
    (root / "deep" / "er" / "b.py").write_text("B = 2")
    assert changes()
    (root / "deep").rename(root / "shallow")
    assert changes()
    assert "shallow/er/b.py" in tree.entries
    (root / "shallow" / "er" / "b.py").write_text("B = 3")
    assert changes()
    os.symlink("pkg/a.py", root / "link.py")
    assert changes()
    assert tree.entries["link.py"].link_target == "pkg/a.py"
    (root / "pkg" / "a.py").unlink()
    assert changes()
    (root / ".gitignore").write_text("*.log\nfit.py\n")
    assert changes()
    (root / "debug.log").write_text("ignored")
    assert not changes()
    assert agrees(tree)


def test_a_file_in_a_folder_that_was_empty_is_seen(tree: CodeTree) -> None:
    (tree.root / "data").mkdir()
    tree.refresh()
    (tree.root / "data" / "x.py").write_text("")
    assert tree.refresh()
    assert "data/x.py" in tree.entries


def test_same_size_within_the_tick_of_the_clock_is_seen(tree: CodeTree) -> None:
    file = tree.root / "train.py"
    for number in range(20):
        file.write_text(f"{number:08d}")
        tree.refresh()
        assert tree.entries["train.py"].hash == content_hash(b"%08d" % number)


def test_the_next_process_reads_nothing_again(project: Path) -> None:
    time.sleep(0.05)
    first = CodeTree(project)
    first.refresh()
    first.pushed = (first.root_hash, first.entries)
    first.save()
    second = CodeTree(project)
    assert second.pushed == first.pushed
    os.chmod(project / "train.py", 0)  # a look inside would fail, were this not root
    os.chmod(project / "train.py", 0o644)
    second.refresh()
    assert second.root_hash == first.root_hash


def test_a_broken_cache_is_no_harm(project: Path, tmp_path: Path) -> None:
    tree = CodeTree(project)
    tree.refresh()
    tree.save()
    (file,) = (tmp_path / "rh" / "cache" / "trees").iterdir()
    for text in ("", "{", "[]", '{"format": 1}', '{"format": 1, "path": 3, "root": "", "files": {"a": []}}'):
        file.write_text(text)
        again = CodeTree(project)
        again.refresh()
        assert again.root_hash == tree.root_hash


def test_submodules_travel(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "lib.py").write_text("x = 1")
    git(other, "init", "-q")
    git(other, "add", "-A")
    git(other, "commit", "-qm", "lib")
    git(project, "submodule", "add", "-q", str(other), "vendor/lib")
    tree = CodeTree(project)
    tree.refresh()
    assert "vendor/lib/lib.py" in tree.entries


def test_links_that_lead_out_are_left_out_and_named(project: Path) -> None:
    os.symlink("/etc/passwd", project / "absolute")
    os.symlink("../../elsewhere", project / "pkg" / "up")
    tree = CodeTree(project)
    tree.refresh()
    assert sorted(tree.left_out) == ["absolute", "pkg/up"]
    assert "absolute" not in tree.entries


def test_outside_git_the_folder_without_caches(tmp_path: Path) -> None:
    root = tmp_path / "plain"
    for name in ("a.py", "__pycache__/a.pyc", ".venv/x.py", "env/pyvenv.cfg", "env/lib.py", "sub/b.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    tree = CodeTree(root)
    tree.watch()
    tree.refresh()
    assert set(tree.entries) == {"a.py", "sub/b.txt"}
    (root / "sub" / "c.py").write_text("")
    assert tree.refresh()
    assert "sub/c.py" in tree.entries
    tree.close()


def test_home_and_root_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    for root in (tmp_path / "home", tmp_path, Path("/"), Path("/tmp")):
        with pytest.raises(RhError, match="is not a project"):
            CodeTree(root)


def test_too_much_is_refused_with_what_to_do(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhresources.code.tree.MAXIMUM_FILES", 2)
    with pytest.raises(RhError, match=r"holds 3 files") as many:
        CodeTree(project).refresh()
    assert ".gitignore" in many.value.remedy
    monkeypatch.setattr("rhresources.code.tree.MAXIMUM_FILES", 20_000)
    monkeypatch.setattr("rhresources.code.tree.MAXIMUM_BYTES", 10)
    with pytest.raises(RhError, match="GB") as large:
        CodeTree(project).refresh()
    assert "train.py" in large.value.remedy


def test_too_much_is_refused_before_it_is_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (project / "huge.bin").open("wb") as file:
        file.truncate(3 * 1024**3)
    monkeypatch.setattr("rhresources.code.tree._hash_of", lambda *_: pytest.fail("a file was read"))
    with pytest.raises(RhError, match=r"holds 3\.0 GB"):
        CodeTree(project).refresh()


def test_what_a_build_wrote_beside_the_sources_travels_though_ignored(project: Path) -> None:
    (project / ".gitignore").write_text("_version.py\n*_pb2.py\nbuild/\nsecrets.py\n")
    (project / "build" / "lib").mkdir(parents=True)
    for name in ("pkg/_version.py", "pkg/wire_pb2.py", "build/lib/_version.py", "secrets.py"):
        (project / name).write_text("")
    watched, looked = CodeTree(project), CodeTree(project)
    assert watched.watch()
    watched.refresh()
    looked.refresh()
    for tree in (watched, looked):
        assert {"pkg/_version.py", "pkg/wire_pb2.py"} <= set(tree.entries)
        assert not {"build/lib/_version.py", "secrets.py"} & set(tree.entries)
    (project / "_version.py").write_text("made = 'later'")
    assert watched.refresh()
    assert "_version.py" in watched.entries
    watched.close()


def test_a_missing_folder_and_odd_names(tmp_path: Path, project: Path) -> None:
    with pytest.raises(RhError, match="no folder"):
        CodeTree(tmp_path / "nowhere").refresh()
    (project / os.fsdecode(b"bad-\xff.py")).write_text("")
    with pytest.raises(RhError, match="not UTF-8"):
        CodeTree(project).refresh()


def test_roots_and_project_names(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_root(project / "pkg" / "a.py") == project
    plain = tmp_path / "plain" / "inner"
    plain.mkdir(parents=True)
    assert find_root(plain) == plain
    (tmp_path / "plain" / "pyproject.toml").write_text("")
    assert find_root(plain) == tmp_path / "plain"
    assert project_id(project) == project_id(project) != project_id(plain)
    assert project_id(project).startswith("project-")
    here = project_id(project)
    monkeypatch.setattr("socket.gethostname", lambda: "another-container-of-one-image")
    assert project_id(project) != here


def test_knowing_that_nothing_changed_looks_at_no_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = CodeTree(project)
    tree.watch()
    tree.refresh()
    with monkeypatch.context() as patch:
        for name in ("stat", "lstat", "scandir", "listdir", "open"):
            patch.setattr(os, name, lambda *_args, **_kwargs: pytest.fail("a file was looked at"))
        assert tree.is_settled()
    (project / "train.py").write_text("x")
    assert not tree.is_settled()
    tree.close()
