"""The grammar of packages: what a line means, and which lines are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhresources.documents import PackageDocument, parse_document
from rhresources.errors import RhError, UsageError
from rhresources.packages import Checkout, PackageSpec, checked_checkout, checked_git_url, parse_package


def _git(url: str, revision: str = "", checkout: Checkout = "reqs", folder: str = "") -> PackageSpec:
    return PackageSpec("git", git_url=url, revision=revision, checkout=checkout, subdirectory=folder)


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
        ("numpy --find-links '/a b/c'", PackageSpec("pip", "numpy", ("--find-links=/a b/c",))),
        ("git+https://github.com/o/r@v1", PackageSpec("pip", "git+https://github.com/o/r@v1")),
        ("numpy -i https://a/b --pre", PackageSpec("pip", "numpy", ("--index-url=https://a/b", "--prerelease=allow"))),
        ("pyproject.toml", PackageSpec("reqs", "pyproject.toml")),
        ("environment.yml", PackageSpec("conda", "environment.yml")),
        ("conda:./environment.yml", PackageSpec("conda", "./environment.yml")),
        ("conda:'./my lib/env.yaml'", PackageSpec("conda", "./my lib/env.yaml")),
        ("conda:numpy[version='>=1.2',build=py3*]", PackageSpec("conda", "numpy[version='>=1.2',build=py3*]")),
        ("pip:https://github.com/o/r@v1", _git("https://github.com/o/r.git", "v1", "pip")),
        ("local:https://github.com/o/r", _git("https://github.com/o/r.git", checkout="local")),
        ("reqs:git@host:o/r", _git("git@host:o/r")),
        ("local:git+ssh://git@host/o/r@v1", _git("ssh://git@host/o/r", "v1", "local")),
        ("pip:ssh://host/o/r", _git("ssh://host/o/r", checkout="pip")),
        ("https://host/o/r.git@v1#subdirectory=lib", _git("https://host/o/r.git", "v1", folder="lib")),
        ("git:https://host/o/r#subdirectory=a%20b/c", _git("https://host/o/r", folder="a b/c")),
        ("https://github.com/o/r/tree/v1/lib/core", _git("https://github.com/o/r.git", "v1", folder="lib/core")),
        ("https://gitlab.com/g/s/r/-/tree/v1", _git("https://gitlab.com/g/s/r", "v1")),
        ("git:/srv/r#checkout=pip", _git("/srv/r", checkout="pip")),
        ("git:'/srv/my r@v1'", _git("/srv/my r", "v1")),
        ("git:file:///srv/r#checkout=pip&subdirectory=x", _git("file:///srv/r", checkout="pip", folder="x")),
        ("https://host/o/a-1.0-py3-none-any.whl", PackageSpec("pip", "https://host/o/a-1.0-py3-none-any.whl")),
        ("https://github.com/o/r/archive/v1.zip", PackageSpec("pip", "https://github.com/o/r/archive/v1.zip")),
        ("rh:~/deps -c x", PackageSpec("saved", "~/deps", ("-c", "x"))),
        ("conda:pytorch", PackageSpec("conda", "pytorch")),
        ("conda:pytorch=2.1 -c pytorch", PackageSpec("conda", "pytorch=2.1", ("--channel=pytorch",))),
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
        ("pip:git+ssh://-oProxyCommand=x/r", "the host is wrong"),
        ("pip:git+ext::sh", "not a requirement"),
        ("numpy pandas", "one package"),
        ("reqs:./a ./b", "more than one path"),
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
    check_written(spec)


_PIECES = r"""pip: local: reqs: git: conda: rh: git+ https:// ssh:// file:// git@ github.com h / ./ ../ ~/ // : :: @ #
    subdirectory= checkout= pip local & .git %20 ' " \ - -- -c -i --no-deps --pre = == >=1 , ; [ ] a r 1.0 numpy
    .whl .yml .txt tree archive python_version é ü/ ~"""
PIECES = st.sampled_from(_PIECES.split() + [" "] * 8)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_any_line_of_pieces_is_a_package_or_refused(line: str) -> None:
    try:
        spec = parse_package(line)
    except UsageError:
        return
    check_written(spec)


WORD = st.text("ab1_.+ '%~é", min_size=1, max_size=6)


@given(
    st.sampled_from(
        ["https://host/o/r", "https://github.com/o/r", "git@host:o/r", "/srv/r", "ssh://u@h:22/r", "~/a b", "/a'b"]
    ),
    st.text("ab1_./+-", max_size=8),
    st.sampled_from(["reqs", "local", "pip"]),
    st.lists(WORD, max_size=3).map("/".join),
)
def test_any_document_of_a_repository_is_refused_or_has_a_line(
    url: str, revision: str, checkout: str, folder: str
) -> None:
    try:
        document = parse_document(
            {"kind": "package", "install_method": "git", "git_url": url, "revision": revision, "checkout": checkout}
            | {"subdirectory": folder}
        )
    except RhError:
        return
    assert isinstance(document, PackageDocument)
    spec = document.spec()
    assert (spec.git_url, spec.checkout) == (checked_git_url(url), checked_checkout(checkout))
    check_written(spec)


@given(st.sampled_from(["local", "reqs", "pip"]), st.text("ab .-/~'\"\\@#=é", min_size=1, max_size=12))
def test_any_document_of_a_folder_is_refused_or_has_a_line(method: str, target: str) -> None:
    try:
        document = parse_document({"kind": "package", "install_method": method, "target": target})
    except RhError:
        return
    assert isinstance(document, PackageDocument)
    check_written(document.spec())


def check_written(spec: PackageSpec) -> None:
    assert not spec.target.startswith("-")
    assert not spec.git_url.startswith("-")
    assert parse_package(str(spec)) == spec
    if spec.method != "saved":
        assert PackageDocument.from_spec(spec).spec() == spec


def test_a_saved_package_has_no_second_document() -> None:
    with pytest.raises(UsageError, match="saved package already"):
        PackageDocument.from_spec(parse_package("rh:~/deps"))
