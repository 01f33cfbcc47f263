"""Options of packages: which pass, in which form, and which are refused with which sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhresources.documents import PackageDocument, parse_document
from rhresources.errors import DocumentError, UsageError
from rhresources.package_options import (
    COMMAND_OPTIONS,
    BadOption,
    checked_file_option,
    checked_options,
    option_names,
)


@pytest.mark.parametrize(
    ("method", "given", "tidy"),
    [
        ("pip", "-i https://a/simple", "--index-url=https://a/simple"),
        ("pip", "-ihttps://a/simple", "--index-url=https://a/simple"),
        ("pip", "--index-url=https://a/simple", "--index-url=https://a/simple"),
        ("pip", "--default-index https://a/simple", "--index-url=https://a/simple"),
        ("pip", "--index name=https://a", "--extra-index-url=https://a"),
        ("pip", "--extra-index-url https://a --extra-index-url https://b", "--extra-index-url=https://a|https://b"),
        ("pip", "--pre --pre", "--prerelease=allow"),
        ("pip", "-U -P numpy,pandas", "--upgrade|--upgrade-package=numpy|pandas"),
        ("pip", "--no-binary :all: --only-binary a", "--no-binary=:all:|--only-binary=a"),
        ("pip", "-f /wheels --no-index", "--find-links=/wheels|--no-index"),
        ("pip", "-C editable_mode=strict", "--config-setting=editable_mode=strict"),
        ("pip", "--exclude-newer 2024-05-01", "--exclude-newer=2024-05-01"),
        ("pip", "--torch-backend=cu126", "--torch-backend=cu126"),
        ("pip", "--trusted-host host:8080", "--allow-insecure-host=host:8080"),
        ("pip", "--index-url https://user@a/simple", "--index-url=https://user@a/simple"),
        ("reqs", "-c ./limits.txt", "--constraint=limits.txt"),
        ("git", "-c limits.txt --no-deps", "--constraint=limits.txt|--no-deps"),
        (
            "conda",
            "--override-channels -c pytorch -cnvidia/label/x",
            "--channel=pytorch|nvidia/label/x|--override-channels",
        ),
        ("conda", "--channel file:///srv/channel", "--channel=file:///srv/channel"),
        ("local", "", ""),
    ],
)
def test_tidy(method: str, given: str, tidy: str) -> None:
    found = checked_options(method, given.split())
    expected: list[str] = []
    for part in filter(None, tidy.split("|")):  # "|b" after "--name=a" stands for "--name=b"
        expected.append(part if part.startswith("--") else f"{expected[-1].partition('=')[0]}={part}")
    assert found == tuple(expected)
    assert checked_options(method, found) == found


@pytest.mark.parametrize(
    ("method", "given", "says"),
    [
        ("pip", ["--target", "/"], "install somewhere else"),
        ("pip", ["-t/"], "not allowed"),
        ("pip", ["--prefix=/usr"], "install somewhere else"),
        ("pip", ["--system"], "install somewhere else"),
        ("pip", ["-r", "x.txt"], '"reqs:./dev.txt"'),
        ("pip", ["-e", "."], '"pip:./"'),
        ("pip", ["--config-file=/tmp/x"], "for the cluster to decide"),
        ("pip", ["--no-cache-dir"], "leave it out"),
        ("pip", ["--index-ur", "https://a"], "Did you mean --index-url?"),
        ("pip", ["--"], "not allowed"),
        ("pip", ["numpy"], "does not begin with '-'"),
        ("pip", ["--no-deps", "numpy"], "does not begin with '-'"),
        ("pip", ["-i"], "--index-url lacks its value"),
        ("pip", ["-i", "--no-deps"], "--index-url lacks its value"),
        ("pip", ["--index-url="], "--index-url lacks its value"),
        ("pip", ["--no-deps=1"], "takes no value"),
        ("pip", ["-C--a=b"], "lacks its value"),
        ("pip", ["-C", "a=" + "b" * 5000], "too long"),
        ("pip", ["-i", "https://a", "--index-url=https://b"], "stands twice"),
        ("pip", ["-i", "https://-a/"], "the host is wrong"),
        ("pip", ["-i", "https://a b/"], "not an address"),
        ("pip", ["-i", "ftp://a/"], "https:// or http:// or file://"),
        ("pip", ["-i", "https://раypal.com/"], "the host is wrong"),
        ("pip", ["-i", "https://user:secret@a/"], "has a secret in it"),
        ("pip", ["-i", "https://ghp_0123456789abcdef@a/"], "has a secret in it"),
        ("pip", ["-f", "./wheels"], "absolute path on the cluster"),
        ("pip", ["-c", "limits.txt"], "not allowed"),
        ("reqs", ["-c", "../limits.txt"], "inside of the package's folder"),
        ("reqs", ["-c", "/etc/passwd"], "inside of the package's folder"),
        ("reqs", ["--override=https://a/x"], "inside of the package's folder"),
        ("pip", ["--no-binary", "a b"], "not the name of a package"),
        ("pip", ["--resolution=lowst"], "Did you mean 'lowest'?"),
        ("pip", ["--exclude-newer=yesterday"], "a date such as"),
        ("pip", ["--config-setting", "x"], "NAME=VALUE"),
        ("pip", ["--find-links=/a\nb"], "which may not stand"),
        ("pip", ["--no-deps"] * 500, "too many"),
        ("conda", ["-c", "../x"], "not a conda channel"),
        ("conda", ["-c", "https://conda.host/t/ab-0123/main"], "has a token in it"),
        ("conda", ["--no-deps"], "not allowed for a conda package"),
        ("conda", ["-p", "/usr"], "install somewhere else"),
        ("conda", ["--file", "x"], "not allowed"),
        ("local", ["--no-deps"], "has no options"),
    ],
)
def test_refuses(method: str, given: list[str], says: str) -> None:
    with pytest.raises(BadOption) as caught:
        checked_options(method, given)
    assert says in str(caught.value)
    assert "secret@" not in str(caught.value)
    assert "ghp_0123456789abcdef" not in str(caught.value)
    assert str(caught.value).isprintable()


@given(st.sampled_from(["pip", "reqs", "conda"]), st.lists(st.text("-ciUpreno=:/. abx,", max_size=12), max_size=5))
def test_what_passed_passes_again(method: str, words: list[str]) -> None:
    try:
        found = checked_options(method, words)
    except UsageError:
        return
    assert all(word.startswith("--") for word in found)
    assert checked_options(method, found) == found


@pytest.mark.parametrize(
    ("line", "tidy"),
    [
        ("-i https://a/simple", "--index-url=https://a/simple"),
        (
            "--extra-index-url  https://${USER}:${TOKEN}@a/simple",
            "'--extra-index-url=https://${USER}:${TOKEN}@a/simple'",
        ),
        ("-f ./wheels", "--find-links=wheels"),
        ("--find-links=https://a/wheels", "--find-links=https://a/wheels"),
        ("--no-binary a,b", "--no-binary=a --no-binary=b"),
        ("--pre", "--prerelease=allow"),
        ("--require-hashes", "--require-hashes"),
        ("--prefer-binary", ""),
    ],
)
def test_lines_of_files(line: str, tidy: str) -> None:
    assert checked_file_option(line) == tidy


def test_what_files_cannot_say_is_for_the_command() -> None:
    assert checked_file_option("--pre").partition("=")[0] in COMMAND_OPTIONS
    assert not COMMAND_OPTIONS.issuperset({"--index-url", "--no-binary"})


@pytest.mark.parametrize(
    "line",
    ["--target=/x", "--config-settings x=y", "-f ../../wheels", "--global-option=x", "-i 'x", "--install-option=x y",
     "-i https://user:secret@a/", "x" * 5000, "--no-index numpy"],
)  # fmt: skip
def test_refuses_lines_of_files(line: str) -> None:
    with pytest.raises(BadOption) as caught:
        checked_file_option(line)
    assert len(str(caught.value)) < 400
    assert ":secret@" not in str(caught.value)


def test_names_for_completion() -> None:
    assert "--channel" in option_names("conda")
    assert "--index-url" in option_names("pip")
    assert option_names("local") == ()


def test_a_document_says_which_option() -> None:
    text = "kind: package\ninstall_method: pip\ntarget: numpy\noptions:\n  - --no-deps\n  - --targt=/x\n"
    with pytest.raises(DocumentError) as caught:
        parse_document(text)
    assert caught.value.problems[0][0] == "options[1]"
    assert caught.value.problems[0][2] == 6


def test_channels_are_a_field_of_their_own() -> None:
    document = parse_document(
        {"kind": "package", "install_method": "conda", "target": "numpy", "channels": ["a"], "options": ["-c", "b"]}
    )
    assert isinstance(document, PackageDocument)
    assert document.spec().options == ("--channel=a", "--channel=b")
    assert PackageDocument.from_spec(document.spec()).channels == ["a", "b"]
    for method, channels, where in [("pip", ["a"], "channels"), ("conda", ["a", "../b"], "channels[1]")]:
        with pytest.raises(DocumentError) as caught:
            parse_document({"kind": "package", "install_method": method, "target": "numpy", "channels": channels})
        assert caught.value.problems[0][0] == where
