"""Packages of the library: made in every way that Runhouse's programs make them, saved, and loaded again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import rhdesk as rh
from rhresources.errors import DocumentError, UsageError
from rhresources.library import portal


@pytest.fixture(autouse=True)
def _portal_ends() -> Iterator[None]:
    yield
    portal.close()


@pytest.mark.parametrize(
    ("package", "line"),
    [
        (lambda: rh.package(install_method="pip", install_str="numpy==1.26 --no-deps"), "pip:numpy==1.26 --no-deps"),
        (lambda: rh.package(install_method="reqs", url="./"), "reqs:./"),
        (lambda: rh.package(install_method="local", url="../my lib"), "local:'../my lib'"),
        (lambda: rh.package(install_method="conda", install_str="torch -c pytorch"), "conda:torch --channel=pytorch"),
        (
            lambda: rh.package(url="https://github.com/o/r@v1", install_method="pip"),
            "pip:https://github.com/o/r.git@v1",
        ),
        (lambda: rh.Package("x", "pip", "numpy", "--pre"), "pip:numpy --prerelease=allow"),
        (lambda: rh.Package("x", "reqs", "./"), "reqs:./"),
        (lambda: rh.Package("x", "pip", "./diffusers", git_url="https://h/o/r.git"), "pip:https://h/o/r.git"),
        (lambda: rh.Package.from_string("numpy>=1"), "pip:numpy>=1"),
        (lambda: rh.git_package(git_url="https://github.com/o/r"), "git:https://github.com/o/r.git"),
        (lambda: rh.git_package(None, "git@h:o/r", "v1", "local"), "local:git@h:o/r@v1"),
        (lambda: rh.GitPackage(git_url="https://h/o/r", install_method="pip"), "git:https://h/o/r#checkout=pip"),
        (
            lambda: rh.GitPackage("x", "https://h/o/r.git", "pip", "--no-deps", "v1"),
            "pip:https://h/o/r.git@v1 --no-deps",
        ),
        (lambda: rh.GitPackage(git_url="https://h/o/r@v1#subdirectory=a"), "git:https://h/o/r@v1#subdirectory=a"),
        (lambda: rh.GitPackage(git_url="/srv/my r", subdirectory="a"), "git:'/srv/my r#subdirectory=a'"),
    ],
)
def test_making(package: object, line: str) -> None:
    assert callable(package)
    made = package()
    assert str(made) == line
    again = rh.Package.from_string(line)
    assert str(again) == line
    assert isinstance(again, rh.GitPackage) == (again.spec().method == "git")


def test_a_repository_is_saved_and_loaded() -> None:
    made = rh.git_package("~/lib", "https://github.com/o/r", "v1", "pip", "--no-deps", subdirectory="lib").save()
    found = rh.load("~/lib")
    assert isinstance(found, rh.GitPackage)
    assert (found.git_url, found.revision, found.subdirectory) == ("https://github.com/o/r.git", "v1", "lib")
    assert (found.install_method, found.install_args) == ("pip", "--no-deps")
    assert str(found) == str(made) == str(rh.Package.from_string("rh:~/lib"))
    function = rh.function(len, reqs=["rh:~/lib --pre"])
    assert function.reqs == ["rh:~/lib --pre"]


def test_options_are_checked_when_the_saved_package_is_known() -> None:
    rh.package("~/local", "local", "./").save()
    rh.package("~/torch", "conda", "torch").save()
    with pytest.raises(UsageError, match="has no options"):
        rh.function(len, reqs=["rh:~/local --pre"])
    rh.function(len, reqs=["rh:~/torch -c pytorch"])
    with pytest.raises(UsageError, match="not allowed for a conda package"):
        rh.function(len, reqs=["rh:~/torch --no-deps"])


def test_refuses() -> None:
    with pytest.raises(UsageError, match="needs the address of a repository"):
        rh.GitPackage("~/x")
    with pytest.raises(UsageError, match="install_str="):
        rh.package("numpy==1")
    with pytest.raises(UsageError, match="not a way to use a checkout"):
        rh.git_package(git_url="https://h/o/r", install_method="conda")
    with pytest.raises(UsageError, match="cannot be read"):
        rh.Package("x", "pip", "numpy", "'")
    with pytest.raises(DocumentError, match="install somewhere else"):
        rh.Package("x", "pip", "numpy", "--target=/")
    with pytest.raises(UsageError, match="has a secret in it") as caught:
        rh.GitPackage(git_url="https://me:hunter2@h/o/r")
    assert "hunter2" not in str(caught.value)
