"""How resource names are written, and what is said about those that are not names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhresources.errors import BadName
from rhresources.names import ADDRESS_LIMIT, PART_LIMIT, Address, from_shell, is_under, parse_folder


@pytest.mark.parametrize(
    ("text", "current", "whole", "place", "folder", "name"),
    [
        ("~/train", "~", "~/train", "local", "~", "train"),
        ("~/team/nlp/train", "~", "~/team/nlp/train", "local", "~/team/nlp", "train"),
        ("^local", "~/team", "^local", "builtin", "^", "local"),
        ("@/train", "~", "@/train", "registry", "@", "train"),
        ("@/team/train", "~", "@/team/train", "registry", "@/team", "train"),
        ("/alice/train", "~", "/alice/train", "registry", "/alice", "train"),
        ("/alice/team/train", "~", "/alice/team/train", "registry", "/alice/team", "train"),
        ("train", "~", "~/train", "local", "~", "train"),
        ("train", "~/team", "~/team/train", "local", "~/team", "train"),
        ("./train", "~/team", "~/team/train", "local", "~/team", "train"),
        ("nlp/train", "~/team", "~/team/nlp/train", "local", "~/team/nlp", "train"),
        ("train", "@", "@/train", "registry", "@", "train"),
        ("train", "/alice", "/alice/train", "registry", "/alice", "train"),
        ("local", "^", "^local", "builtin", "^", "local"),
        ("  ~/train\n", "~", "~/train", "local", "~", "train"),
        ("~/v1.2_b-3", "~", "~/v1.2_b-3", "local", "~", "v1.2_b-3"),
        ("8gpu", "~", "~/8gpu", "local", "~", "8gpu"),
    ],
)
def test_parses(text: str, current: str, whole: str, place: str, folder: str, name: str) -> None:
    address = Address.parse(text, current)
    assert (str(address), address.place, address.folder, address.name) == (whole, place, folder, name)
    assert Address.parse(whole) == address, "the canonical form does not depend on the current folder"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("~", "is a folder"),
        ("~/team/", "is a folder"),
        ("^", "is a folder"),
        ("/", "is a folder"),
        ("/alice", "owner's folder"),
        ("~train", "Did you mean ~/train?"),
        ("@train", "Did you mean @/train?"),
        ("~/a//b", "empty part"),
        ("//a", "empty part"),
        ("~/../x", "'..'"),
        ("a/./b", "'.'"),
        ("../x", "'..'"),
        ("-rf", "begins with '-'"),
        ("~/team/-x", "begins with '-'"),
        (".hidden", "begins with '.'"),
        ("x.", "ends with '.'"),
        ("my train", "' '"),
        ("train:main", "':'"),
        ("a\\b", "'\\\\'"),
        ("tr\0ain", "'\\x00'"),
        ("tr\nain", "'\\n'"),
        ("träin", "'ä'"),
        ("^a/b", "no folders"),
        ("~/x.yaml/y", "may not end with .yaml"),
        ("~/" + "x" * (PART_LIMIT + 1), f"{PART_LIMIT} are allowed"),
        ("~/" + "/".join(["folder"] * 50), f"{ADDRESS_LIMIT} are allowed"),
        ("x" * 100_000, "too long"),
    ],
)
def test_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(BadName) as caught:
        Address.parse(text)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value), "one sentence, control characters made visible"
    assert len(str(caught.value)) < 400
    assert caught.value.exit_code == 2


def test_a_name_that_is_not_text() -> None:
    with pytest.raises(BadName, match="text, not NoneType"):
        Address.parse(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "current", "whole"),
    [
        ("~", "~/a", "~"),
        ("~/", "~/a", "~"),
        ("~/team/", "~", "~/team"),
        ("team", "~", "~/team"),
        ("team", "~/a", "~/a/team"),
        (".", "~/a", "~/a"),
        ("./b", "~/a", "~/a/b"),
        ("^", "~", "^"),
        ("@", "~", "@"),
        ("@/team", "~", "@/team"),
        ("/alice", "~", "/alice"),
        ("/alice/team/", "~", "/alice/team"),
    ],
)
def test_folders(text: str, current: str, whole: str) -> None:
    assert parse_folder(text, current) == whole
    assert parse_folder(whole) == whole


@pytest.mark.parametrize("text", ["", "/", "..", "~/a//b", "^/x", "~x", "a b", "~//", "~/x.yaml", "-x"])
def test_bad_folders(text: str) -> None:
    with pytest.raises(BadName):
        parse_folder(text)


def test_is_under_goes_by_parts() -> None:
    assert is_under("~/team", "~")
    assert is_under("~/team", "~/team")
    assert not is_under("~/teams", "~/team")


def test_shells_expand_the_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    assert Path.home() == Path("/home/alice")
    assert from_shell("/home/alice/train") == "~/train"
    assert from_shell("/home/alice") == "~"
    assert from_shell("/home/alicia/train") == "/home/alicia/train"
    assert from_shell("~/train") == "~/train"


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_bad_name(text: str) -> None:
    try:
        address = Address.parse(text)
    except BadName:
        return
    assert Address.parse(str(address), "~/elsewhere") == address
    assert parse_folder(address.folder) == address.folder
