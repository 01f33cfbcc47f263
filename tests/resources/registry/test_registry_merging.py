"""Two changes of one document become one, or are for a person to decide."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhresources.documents import parse_document, yaml
from rhresources.registry.merging import merge

BASE = """\
# the box under the desk
kind: cluster
type: ssh
ips: [gpu1]  # by the window
description: old
ssh_creds:
  ssh_user: alice
  ssh_port: 22
max_workers: 4
"""


def changed(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def test_changes_of_different_fields_are_both_there_with_all_comments() -> None:
    mine = changed(BASE, ("description: old", "description: new  # mine"))
    theirs = changed(BASE, ("ips: [gpu1]", "ips: [gpu1, gpu2]"), ("# the box", "# their box"))
    merged = merge(BASE, mine, theirs)
    assert merged == changed(theirs, ("description: old", "description: new  # mine"))


def test_fields_inside_fields_are_told_apart() -> None:
    mine = changed(BASE, ("ssh_user: alice", "ssh_user: bob"))
    theirs = changed(BASE, ("ssh_port: 22", "ssh_port: 2222"), ("max_workers: 4", "max_workers: 8"))
    merged = merge(BASE, mine, theirs)
    assert merged is not None
    cluster = parse_document(merged)
    assert (cluster.ssh_creds.ssh_user, cluster.ssh_creds.ssh_port) == ("bob", 2222)  # type: ignore[union-attr]
    assert cluster.max_workers == 8  # type: ignore[union-attr]
    assert "# by the window" in merged


def test_the_same_change_on_both_sides_is_none() -> None:
    mine = changed(BASE, ("old", "new"))
    assert merge(BASE, mine, mine) == mine
    assert merge(BASE, BASE, mine) == mine
    assert merge(BASE, mine, BASE) == mine


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (("description: old", "description: a"), ("description: old", "description: b")),
        (("ips: [gpu1]", "ips: [gpu2]"), ("ips: [gpu1]", "ips: [gpu3]")),
        (("description: old\n", ""), ("description: old", "description: b")),
        (("type: ssh", "type: ssh\nnonsense: 1"), ("description: old", "description: b")),
    ],
)
def test_what_cannot_be_one_is_left_to_a_person(mine: tuple[str, str], theirs: tuple[str, str]) -> None:
    assert merge(BASE, changed(BASE, mine), changed(BASE, theirs)) is None


def test_where_code_is_is_one_thing() -> None:
    base = "kind: function\ncode: {root: /a, file: a.py, name: f}\n"
    assert merge(base, base.replace("/a,", "/b,"), base.replace("name: f", "name: g")) is None


def test_that_comments_of_neither_side_are_lost() -> None:
    """Both wrote the whole text anew, and put comments in."""
    mine = "kind: cluster\n# mine\ntype: ssh\nips: [gpu1]\ndescription: new\n"
    theirs = "# theirs\nips: [gpu1, gpu2]\ntype: ssh\nkind: cluster\ndescription: old\n"
    base = "kind: cluster\ntype: ssh\nips:\n  - gpu1\ndescription: old\n"
    assert merge(base, mine, theirs) is None
    plain = merge(base, mine.replace("# mine\n", ""), theirs)
    assert plain is not None
    assert "# theirs" in plain
    assert parse_document(plain).description == "new"


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "description": st.sampled_from(["a", "b", "c"]),
        "autostop_mins": st.integers(5, 7),
        "max_workers": st.integers(1, 3),
        "labels": st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(["1", "2"])),
    },
)


def written(fields: dict[str, object]) -> str:
    return yaml.dump({"kind": "cluster", "type": "cloud", "instance_type": "A100:1", **fields})


@settings(deadline=None)
@given(FIELDS, FIELDS, FIELDS)
def test_that_a_merge_has_every_change_of_both_sides(
    base: dict[str, object], mine: dict[str, object], theirs: dict[str, object]
) -> None:
    merged = merge(written(base), written(mine), written(theirs))
    if merged is None:
        both = [key for key in {*mine, *theirs, *base} if mine.get(key) != base.get(key) != theirs.get(key)]
        assert any(mine.get(key) != theirs.get(key) for key in both), "only what both changed is put to a person"
        return
    document, here, there, before = (
        parse_document(text) for text in (merged, written(mine), written(theirs), written(base))
    )
    for key in ("description", "autostop_mins", "max_workers"):
        value = getattr(document, key)
        if getattr(here, key) != getattr(before, key):
            assert value == getattr(here, key)
        else:
            assert value == getattr(there, key)
