"""Projects that take their version from git are built from a checkout, which has no history."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.git_host import commit, git
from uv import find_uv_bin

from rhresources.git.checkouts import Checkouts
from rhresources.git.versions import write_version

SCM = """
[build-system]
requires = ["setuptools>=64", "setuptools-scm>=8"]
build-backend = "setuptools.build_meta"
[project]
name = "scm-project"
dynamic = ["version"]
[tool.setuptools]
py-modules = ["scm_module"]
[tool.setuptools_scm]
"""
HATCH = """
[build-system]
requires = ["hatchling", "hatch-vcs"]
build-backend = "hatchling.build"
[project]
name = "hatch-project"
dynamic = ["version"]
[tool.hatch.version]
source = "vcs"
[tool.hatch.build.targets.wheel]
only-include = ["hatch_module.py"]
"""


def test_what_is_written(tmp_path: Path) -> None:
    def written(text: str, described: str) -> dict[str, str]:
        folder = tmp_path / described.replace("/", "_")
        folder.mkdir(exist_ok=True)
        (folder / "pyproject.toml").write_text(text)
        names = write_version(folder, "a" * 40, described)
        return {name: (folder / name).read_text() for name in names}

    assert written("[project]\nversion = '1'\n", "v1.0") == {}
    assert "ref-names: HEAD, tag: v1.0\n" in written(SCM, "v1.0")[".git_archival.txt"]
    assert "describe-name: v1.0-3-gabc\n" in written(SCM, "v1.0-3-gabc")[".git_archival.txt"]
    assert "describe-name" not in written(SCM, "")[".git_archival.txt"]
    dynamic = 'requires = ["poetry-core", "poetry-dynamic-versioning"]\n'
    assert json.loads(written(dynamic, "v2.0-1-gabc")[".git_archival.json"])["describe"] == "v2.0-1-gabc"
    pbr = "name = old\nrequires = ['pbr']\n"
    assert "Version: 3.1.post2\n" in written(pbr, "3.1-2-gabc")["PKG-INFO"]
    assert "Name: old\nVersion: 3.1\n" in written(pbr, "v3.1")["PKG-INFO"]


async def test_a_project_in_a_subdirectory(make_repository: Callable[..., Path], rh_home: Path) -> None:
    repo = make_repository({"python/core/pyproject.toml": SCM, "README": ""})
    git(repo, "tag", "v4.0")
    found = await Checkouts().get(str(repo))
    assert "v4.0" in (found.folder / "python/core/.git_archival.txt").read_text()
    assert not (found.folder / ".git_archival.txt").exists()


async def test_a_link_in_the_place_of_the_file(
    make_repository: Callable[..., Path], rh_home: Path, short_path: Path
) -> None:
    repo = make_repository({"pyproject.toml": SCM, "victim": "mine"})
    (repo / ".git_archival.txt").symlink_to("victim")
    commit(repo)
    found = await Checkouts().get(str(repo))
    assert (found.folder / "victim").read_text() == "mine"
    assert not (found.folder / ".git_archival.txt").is_symlink()


@pytest.mark.slow
@pytest.mark.parametrize(("text", "module"), [(SCM, "scm_module"), (HATCH, "hatch_module")])
def test_builds(text: str, module: str, make_repository: Callable[..., Path], rh_home: Path, tmp_path: Path) -> None:
    repo = make_repository({"pyproject.toml": text, f"{module}.py": "x = 1\n"})
    git(repo, "tag", "v1.4")
    exact = git(repo, "rev-parse", "HEAD")
    later = commit(repo, {f"{module}.py": "x = 2\n"})
    for revision, version in [(exact, "1.4-"), (later, "1.5.dev1+g")]:
        found = asyncio.run(Checkouts().get(str(repo), revision))
        out = tmp_path / revision
        build = [find_uv_bin(), "build", "--wheel", "--quiet", "--python", sys.executable]
        subprocess.run([*build, "-o", str(out), str(found.folder)], check=True, stdin=subprocess.DEVNULL)
        assert version in next(out.glob("*.whl")).name
