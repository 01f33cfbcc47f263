"""Which addresses of repositories, submodules and functions are understood, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from rhresources.code.pointer import NOT_HERE, code_of_pointer, pointer_of_text
from rhresources.errors import UsageError
from rhresources.git.address import remote_of, submodule_of
from rhresources.git.pages import FunctionPage, parse_page


@pytest.mark.parametrize(
    ("url", "scheme", "host", "name"),
    [
        ("https://github.com/o/r", "https", "github.com", "r"),
        ("https://gitlab.example.org:8443/g/s/p.git", "https", "gitlab.example.org:8443", "p"),
        ("ssh://git@host:2222/srv/x.git", "ssh", "host:2222", "x"),
        ("git@github.com:o/r.git", "ssh", "github.com", "r"),
        ("file:///srv/git/a%20b.git", "file", "", "a-b"),
        ("/srv/git/lib.git/", "file", "", "lib"),
    ],
)
def test_addresses(url: str, scheme: str, host: str, name: str) -> None:
    remote = remote_of(url)
    assert (remote.scheme, remote.host, remote.name) == (scheme, host, name)


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% /tmp/x",
        "git://host/o/r",
        "-oProxyCommand=x:y",
        "ssh://-oProxyCommand=x/y",
        "https://user:hunter2@host/o/r",
        "https://token@host/o/r",
        "file://elsewhere/srv/x",
        "https://host:port/o/r",
        "../relative",
        "https://host/o/r\nx",
        "fd::7",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        remote_of(url)
    assert "hunter2" not in str(caught.value)


def test_one_repository_has_one_place() -> None:
    assert remote_of("https://github.com/o/r").key == remote_of("https://github.com/o/r.git").key
    assert remote_of("https://github.com/o/r").key != remote_of("https://github.com/p/r").key


def test_tokens_go_nowhere_in_the_clear() -> None:
    assert remote_of("https://host/o/r").takes_token
    assert remote_of("http://127.0.0.1:8000/o/r").takes_token
    assert not remote_of("http://host/o/r").takes_token
    assert not remote_of("git@host:o/r").takes_token


@pytest.mark.parametrize(
    ("parent", "url", "result"),
    [
        ("https://github.com/o/r.git", "../lib.git", "https://github.com/o/lib.git"),
        ("https://github.com/o/r.git", "../../p/lib", "https://github.com/p/lib.git"),
        ("git@host:o/r.git", "../lib.git", "git@host:o/lib.git"),
        ("ssh://git@host:22/o/r", "../lib", "ssh://git@host:22/o/lib"),
        ("/srv/a/r", "../lib", "/srv/a/lib"),
        ("https://a.org/o/r", "https://b.org/x", "https://b.org/x"),
    ],
)
def test_submodules(parent: str, url: str, result: str) -> None:
    assert submodule_of(remote_of(parent), url, "lib").url == result


@pytest.mark.parametrize("url", ["/etc", "file:///etc", "ext::sh", "--upload-pack=touch", "git://host/x", "~/x"])
def test_submodules_that_are_refused(url: str) -> None:
    with pytest.raises(UsageError, match="submodule lib"):
        submodule_of(remote_of("https://github.com/o/r"), url, "lib")


@pytest.mark.parametrize(
    ("text", "page"),
    [
        (
            "https://github.com/owner/repo/blob/main/pkg/train.py:main",
            FunctionPage("https://github.com/owner/repo.git", "main", "pkg/train.py", "main"),
        ),
        (
            "https://github.com/owner/repo/tree/v1.0/train.py:Trainer.fit",
            FunctionPage("https://github.com/owner/repo.git", "v1.0", "train.py", "Trainer.fit"),
        ),
        (
            "https://github.com/o/r/blob/feature%2Fx/a%20b/t.py#L3-L9:main",
            FunctionPage("https://github.com/o/r.git", "feature/x", "a b/t.py", "main"),
        ),
        (
            "https://gitlab.com/group/sub/project/-/blob/main/src/t.py?ref_type=heads:main",
            FunctionPage("https://gitlab.com/group/sub/project.git", "main", "src/t.py", "main"),
        ),
        (
            "https://codeberg.org/o/r/src/branch/main/t.py:main",
            FunctionPage("https://codeberg.org/o/r.git", "main", "t.py", "main"),
        ),
        (
            "https://bitbucket.org/o/r/src/1a2b3c4/t.py:main",
            FunctionPage("https://bitbucket.org/o/r.git", "1a2b3c4", "t.py", "main"),
        ),
        # repositories, owners and groups whose names are words of such addresses
        (
            "https://github.com/o/tree/blob/main/t.py:main",
            FunctionPage("https://github.com/o/tree.git", "main", "t.py", "main"),
        ),
        (
            "https://github.com/blob/raw/tree/main/src/blob/t.py:main",
            FunctionPage("https://github.com/blob/raw.git", "main", "src/blob/t.py", "main"),
        ),
        (
            "https://codeberg.org/o/src/src/branch/main/src/t.py:main",
            FunctionPage("https://codeberg.org/o/src.git", "main", "src/t.py", "main"),
        ),
        (
            "https://codeberg.org/o/r/raw/tag/v1/t.py:main",
            FunctionPage("https://codeberg.org/o/r.git", "v1", "t.py", "main"),
        ),
        (
            "https://gitlab.com/group/sub/tree/-/blob/main/raw/t.py:main",
            FunctionPage("https://gitlab.com/group/sub/tree.git", "main", "raw/t.py", "main"),
        ),
        (
            "https://example.org/git/o/r/blob/main/t.py:main",
            FunctionPage("https://example.org/git/o/r.git", "main", "t.py", "main"),
        ),
        (
            "http://127.0.0.1:8000/project/blob/main/t.py:main",
            FunctionPage("http://127.0.0.1:8000/project.git", "main", "t.py", "main"),
        ),
    ],
)
def test_pages_of_functions(text: str, page: FunctionPage) -> None:
    assert parse_page(text) == page


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/o/r:main",
        "https://github.com/o/r/blob/main/t.py",
        "https://github.com/o/r/blob/main/t.txt:main",
        "https://github.com/o/r/blob/main/../../t.py:main",
        "https://github.com/o/r/blob/main/%2e%2e/t.py:main",
        "https://github.com/o/r/blob/-x/t.py:main",
        "https://github.com/o/r/blob/main/t.py:a b",
    ],
)
def test_pages_that_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_page(text)


def test_a_page_is_a_pointer_and_back() -> None:
    pointer = pointer_of_text("https://github.com/o/r/blob/main/pkg/t.py:main")
    assert pointer.root == NOT_HERE == Path()
    code = code_of_pointer(pointer)
    assert (code.git_url, code.revision, code.file, code.name) == (
        "https://github.com/o/r.git", "main", "pkg/t.py", "main",
    )  # fmt: skip
    assert code.place == "git"
