"""The grammar of packages: what a line means, and which lines are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhresources.documents import PackageDocument
from rhresources.errors import UsageError
from rhresources.packages import PackageSpec, parse_package


@pytest.mark.parametrize(
    ("line", "spec"),
    [
        ("./", PackageSpec("reqs", "./")),
        ("reqs:./", PackageSpec("reqs", "./")),
        ("requirements.txt", PackageSpec("reqs", "requirements.txt")),
        ("reqs:dev/requirements.txt", PackageSpec("reqs", "dev/requirements.txt")),
        ("../lib", PackageSpec("reqs", "../lib")),
        ("~/lib", PackageSpec("reqs", "~/lib")),
        ("lib/", PackageSpec("reqs", "lib/")),
        ("'./my lib'", PackageSpec("reqs", "./my lib")),
        ("local:../lib", PackageSpec("local", "../lib")),
        ("local:src", PackageSpec("local", "src")),
        ("numpy", PackageSpec("pip", "numpy")),
        ("pip:numpy==1.26 --no-deps", PackageSpec("pip", "numpy==1.26", ("--no-deps",))),
        ("numpy==1.26 --no-deps", PackageSpec("pip", "numpy==1.26", ("--no-deps",))),
        ("numpy >= 1.26, <2", PackageSpec("pip", "numpy >= 1.26, <2")),
        ("uvicorn[standard]>=0.3", PackageSpec("pip", "uvicorn[standard]>=0.3")),
        ('torch; python_version < "3.12"', PackageSpec("pip", 'torch; python_version < "3.12"')),
        ("pkg @ https://host/pkg-1.0.whl", PackageSpec("pip", "pkg @ https://host/pkg-1.0.whl")),
        ("dist/pkg-1.0-py3-none-any.whl", PackageSpec("pip", "dist/pkg-1.0-py3-none-any.whl")),
        ("pip:./", PackageSpec("pip", "./")),
        ("pip:./[dev]", PackageSpec("pip", "./[dev]")),
        ("numpy --find-links '/a b/c'", PackageSpec("pip", "numpy", ("--find-links", "/a b/c"))),
        ("git+https://github.com/o/r@v1", PackageSpec("pip", "git+https://github.com/o/r@v1")),
        ("pip:https://github.com/o/r@v1", PackageSpec("pip", "git+https://github.com/o/r.git@v1")),
        ("conda:pytorch", PackageSpec("conda", "pytorch")),
        ("conda:pytorch=2.1 -c pytorch", PackageSpec("conda", "pytorch=2.1", ("-c", "pytorch"))),
        ("conda:conda-forge::numpy>=1.26,<2", PackageSpec("conda", "conda-forge::numpy>=1.26,<2")),
        ("https://github.com/o/r", PackageSpec("git", git_url="https://github.com/o/r.git")),
        ("git:https://github.com/o/r@v1", PackageSpec("git", git_url="https://github.com/o/r.git", revision="v1")),
        ("git:git@host.org:o/r.git@main", PackageSpec("git", git_url="git@host.org:o/r.git", revision="main")),
        ("git:ssh://git@host:22/o/r@a/b", PackageSpec("git", git_url="ssh://git@host:22/o/r", revision="a/b")),
        ("git:file:///srv/r@v1", PackageSpec("git", git_url="file:///srv/r", revision="v1")),
        ("git:/srv/r", PackageSpec("git", git_url="/srv/r")),
        ("rh:~/deps", PackageSpec("saved", "~/deps")),
        ("PIP:numpy", PackageSpec("pip", "numpy")),
    ],
)
def test_means(line: str, spec: PackageSpec) -> None:
    found = parse_package(line)
    assert found == spec
    assert found.text == line
    assert parse_package(str(found)) == spec, "the canonical line means the same"


def test_what_lies_around_does_not_change_the_meaning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "numpy").mkdir()
    monkeypatch.chdir(tmp_path)
    assert os.path.isdir("numpy")
    assert parse_package("numpy").method == "pip"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "empty"),
        ("pip:", "nothing follows"),
        ("-r requirements.txt", "'-r' is an option where a package belongs"),
        ("pip:--index-url http://evil", "is an option where a package belongs"),
        ("conda:-c pytorch", "is an option where a package belongs"),
        ("reqs:'-x'", "begins with '-'"),
        ("git:--upload-pack=x", "is an option where a package belongs"),
        ("git:https://host/r@--upload-pack", "not a branch, tag or commit"),
        ("git:https://host/r@a..b", "not a branch, tag or commit"),
        ("git:ssh://-oProxyCommand=x/r", "the host is wrong"),
        ("git:ssh://-x@host/r", "the host is wrong"),
        ("git:ext::sh -c x", "not the address of a git repository"),
        ("git:ext::sh", "not the address of a git repository"),
        ("pip:git+ssh://-oProxyCommand=x/r", "host begins with '-'"),
        ("pip:git+ext::sh", "not a requirement"),
        ("numpy pandas", "one package"),
        ("reqs:./a ./b", "more than one path"),
        ("reqs:https://github.com/o/r", "git:https://github.com/o/r"),
        ("numpy --find-links 'a", "its options cannot be read"),
        ("'numpy", "is not closed"),
        ("npm:left-pad", "'npm' is not a way to install"),
        ("a\nb", "one package a line"),
        ("numpy; rm -rf /\0", "character"),
        ("rh:../x", "saved package"),
        ("x" * 5000, "too long"),
    ],
)
def test_refuses(line: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_package(line)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_line_is_a_package_or_refused(line: str) -> None:
    try:
        spec = parse_package(line)
    except UsageError:
        return
    assert not spec.target.startswith("-")
    assert not spec.git_url.startswith("-")
    assert parse_package(str(spec)) == spec
    if spec.method != "saved":
        assert PackageDocument.from_spec(spec).spec() == spec


def test_a_saved_package_has_no_second_document() -> None:
    with pytest.raises(UsageError, match="saved package already"):
        PackageDocument.from_spec(parse_package("rh:~/deps"))
