"""YAML from anyone: odd, huge and hostile texts end in one sentence with the line."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhresources.documents import yaml
from rhresources.errors import DocumentError


def bomb(levels: int) -> str:
    """Ten aliases of ten aliases of …"""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "says", "line"),
    [
        ("kind: a\nkind: b\n", "the key 'kind' stands twice (first in line 1)", 2),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "the key 'c' stands twice (first in line 3)", 4),
        ("a: 1\nb: x: y\n", "':' stands where none is expected", 2),
        ("a: 1\n\tb: 2\n", "tab", 2),
        ("a: 1\nbroken\n", "this line has no ':'", 2),
        ("a: 1\n---\nb: 2\n", "a second document begins here", 2),
        ("a: 1\nb: 'x\nc: 2\n", "a quote that begins here is not closed", 2),
        ("a: !!python/object/apply:os.system [echo]\n", "the tag", 1),
        ("a: !!python/name:os.system\n", "the tag", 1),
        ("a: !mine x\n", "the tag '!mine' is not allowed", 1),
        ("? [a, b]\n: c\n", "plain text", 1),
        ("a: &a\n  - *a\n", "leads back", 1),
        ("a: *nothing\n", "undefined alias", 1),
        ("a: 1\nb: 2024-13-45\n", "month", 2),
        (f"a: 1\nb: {'9' * 5000}\n", "a number is too long", 2),
        ("a: \x07\n", "may not stand in YAML", None),
        ("[" * 100_000, "50 levels deep", 1),
        ("- " * 100_000, "50 levels deep", 1),
        (bomb(9), "aliases unfold", 6),
        (f"a: {'x' * yaml.SIZE_LIMIT}\n", "1,048,576 are allowed", None),
    ],
)
def test_refuses_at_the_line(text: str, says: str, line: int | None) -> None:
    started = time.perf_counter()
    with pytest.raises(DocumentError) as caught:
        yaml.load(text, source="box.yaml")
    assert time.perf_counter() - started < 5
    assert says in str(caught.value)
    assert str(caught.value).startswith("box.yaml")
    if line is not None:
        assert caught.value.problems[0][2] == line
        assert f"line {line}" in caught.value.sentence


def test_a_short_chain_of_aliases_is_fine() -> None:
    loaded = yaml.load("base: &b {x: 1}\none: *b\ntwo:\n  <<: *b\n  y: 2\n")
    assert loaded.value == {"base": {"x": 1}, "one": {"x": 1}, "two": {"x": 1, "y": 2}}


def test_a_deep_chain_of_aliases_is_refused() -> None:
    text = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 600))
    with pytest.raises(DocumentError, match="aliases unfold"):
        yaml.load(text)


def test_keys_are_text() -> None:
    assert yaml.load("1: a\nyes: b\n").value == {"1": "a", "yes": "b"}


def test_lines_of_what_is_missing_are_those_around_it() -> None:
    loaded = yaml.load("a: 1\nb:\n  - c: 2\n")
    assert loaded.line(("b", 0, "c")) == 3
    assert loaded.line(("b", 0, "missing")) == 3
    assert loaded.line(("b", 7)) == 2
    assert loaded.line(("missing",)) == 1


def test_edits_keep_what_is_not_edited() -> None:
    text = "# top\nname: 'quoted'  # why\n\nlong: " + "word " * 60 + "\nlist: [1, 2]\nlast: 1\n# end\n"
    edited = yaml.edit(text, {"last": 2, "new": {"x": [1]}}, frozenset({"list"}))
    assert edited.startswith("# top\nname: 'quoted'  # why\n\nlong: word word")
    assert yaml.load(edited).value["new"] == {"x": [1]}
    assert "list" not in edited
    assert "# end" in edited


def test_an_edit_of_nothing_but_comments() -> None:
    assert yaml.edit("# mine", {"a": 1}) == "# mine\na: 1\n"
    assert yaml.edit("", {"a": False}) == "a: false\n"


@given(st.text(alphabet=st.sampled_from(list("ab:-[]{}&*!|>'\"#%@`,? \n\t0")), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        loaded = yaml.load(text)
    except DocumentError:
        return
    assert loaded.line(()) is not None
