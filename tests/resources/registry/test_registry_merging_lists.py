"""Two changes of one list: both are in what comes of it, or a person decides; nothing is lost without a word."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rhresources.documents import FunctionDocument, parse_document
from rhresources.registry.merging import merge
from rhresources.registry.merging_lists import merge_list

BASE = """\
kind: function
code: {root: /srv/project, file: train.py, name: main}
packages:
  - ./  # the project
  - numpy==1.26
  - pandas
"""


def test_two_who_each_add_a_package_do_not_meet() -> None:
    merged = merge(BASE, f"{BASE}  - torch  # for alice\n", f"{BASE}  - scipy\ndescription: of bob\n")
    assert merged is not None
    document = parse_document(merged)
    assert isinstance(document, FunctionDocument)
    assert document.packages == ["./", "numpy==1.26", "pandas", "scipy", "torch"]
    assert document.description == "of bob"
    assert "# the project" in merged
    one_line = "kind: cluster\ntype: ssh\nips: [gpu1, gpu2]  # by the window\n"
    merged = merge(one_line, one_line.replace("gpu2]", "gpu2, gpu3]"), one_line.replace("gpu2]", "gpu2, gpu4]"))
    assert merged is not None
    assert "ips: [gpu1, gpu2, gpu4, gpu3]" in merged
    assert "# by the window" in merged


PACKAGES = ["./", "numpy==1.26", "pandas"]


@pytest.mark.parametrize(
    ("mine", "theirs", "merged"),
    [
        (["./", "numpy==1.26"], ["./", "numpy==2", "pandas"], ["./", "numpy==2"]),
        (["./", "numpy==2", "pandas"], [*PACKAGES, "torch"], ["./", "numpy==2", "pandas", "torch"]),
        (["numpy==1.26", "./", "pandas"], [*PACKAGES, "torch"], ["numpy==1.26", "./", "pandas", "torch"]),
        ([*PACKAGES, "torch"], [*PACKAGES, "torch"], [*PACKAGES, "torch"]),
        ([*PACKAGES, "torch", "scipy"], [*PACKAGES, "torch", "jax"], [*PACKAGES, "torch", "jax", "scipy"]),
        ([], ["./", "numpy==1.26", "pandas", "torch"], ["torch"]),
        (["./"], ["numpy==1.26", "pandas"], []),
    ],
)
def test_what_each_did_is_done(mine: list[str], theirs: list[str], merged: list[str]) -> None:
    assert merge_list("packages", PACKAGES, mine, theirs) == merged


@pytest.mark.parametrize(
    ("field", "base", "mine", "theirs"),
    [
        # the same item, each in their own way
        ("packages", PACKAGES, ["./", "numpy==2", "pandas"], ["./", "numpy==3", "pandas"]),
        ("packages", PACKAGES, ["./", "pandas"], ["./", "numpy==3", "pandas"]),
        ("packages", PACKAGES, ["pandas", "./", "numpy==1.26"], ["./", "numpy==1.26"]),
        # the same package in two versions, which both brought
        ("packages", PACKAGES, [*PACKAGES, "Torch_Vision==1"], [*PACKAGES, "torch-vision>=2"]),
        ("packages", [], ["git:https://host/o/r.git@main"], ["git:https://host/o/r.git@dev"]),
        # twice the same: nobody knows which
        ("options", ["-c", "a", "-c", "b"], ["-c", "a"], ["-c", "a", "-c", "b", "-c", "d"]),
        # it matters which comes first
        ("setup_commands", ["a"], ["a", "b"], ["a", "c"]),
        ("channels", [], ["conda-forge"], ["nvidia"]),
        ("ips", [], ["gpu1"], ["gpu2"]),
        ("ips", ["gpu1"], ["gpu2", "gpu1"], ["gpu3", "gpu1"]),
    ],
)
def test_what_is_not_clear_is_left_to_a_person(field: str, base: list[str], mine: list[str], theirs: list[str]) -> None:
    assert merge_list(field, base, mine, theirs) is None
    assert merge_list(field, base, theirs, mine) is None


def test_commands_in_different_places_are_both_there() -> None:
    assert merge_list("setup_commands", ["a", "b"], ["x", "a", "b"], ["a", "b", "y"]) == ["x", "a", "b", "y"]


ITEMS = st.lists(st.sampled_from("abcdefgh"), max_size=6)
FIELDS = st.sampled_from(["packages", "ips", "setup_commands"])


def order(items: list[str], one: str, other: str) -> bool:
    return items.index(one) < items.index(other)


@settings(max_examples=400, deadline=None)
@given(FIELDS, ITEMS, ITEMS, ITEMS)
@example("packages", list("abc"), list("cab"), list("abcx"))
@example("packages", [], list("ba"), list("a"))
@example("packages", list("cb"), list("ab"), list("bc"))
@example("packages", [], list("bac"), list("dae"))
@example("packages", list("abcd"), list("ad"), list("abxcd"))
@example("packages", list("abcde"), list("e"), list("bd"))
def test_that_no_edit_of_either_side_is_lost(field: str, base: list[str], mine: list[str], theirs: list[str]) -> None:
    merged = merge_list(field, base, mine, theirs)
    other = merge_list(field, base, theirs, mine)
    assert (None if merged is None else sorted(merged)) == (None if other is None else sorted(other)), "symmetric"
    if merged is None:
        return
    assert len(merged) == len(set(merged))
    for side in (mine, theirs):
        assert set(side) - set(base) <= set(merged), "what was added"
        assert not (set(base) - set(side)) & set(merged), "what was taken away"
    assert set(base) & set(mine) & set(theirs) <= set(merged), "what nobody touched"
    assert set(merged) <= {*mine, *theirs}
    for one, two in combinations(merged, 2):
        ways = {order(side, one, two) for side in (mine, theirs) if one in side and two in side}
        if len(ways) == 1:
            assert order(merged, one, two) in ways, "both have it so, or the only one who has both"
        elif one in base and two in base and ways:
            assert order(merged, one, two) != order(base, one, two), "who moved it"


@settings(max_examples=200, deadline=None)
@given(FIELDS, st.lists(st.sampled_from("abcdefgh"), max_size=6, unique=True), ITEMS)
def test_that_the_change_of_one_alone_is_taken(field: str, base: list[str], mine: list[str]) -> None:
    if len(mine) == len(set(mine)):
        assert merge_list(field, base, mine, base) == mine == merge_list(field, base, base, mine)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from("abcdefgh"), max_size=6, unique=True), st.integers(0, 6), st.integers(0, 6))
def test_that_two_additions_always_fit(base: list[str], here: int, there: int) -> None:
    mine, theirs = list(base), list(base)
    mine.insert(here, "mine")
    theirs.insert(there, "theirs")
    merged = merge_list("packages", base, mine, theirs)
    assert merged is not None
    assert sorted(merged) == sorted([*base, "mine", "theirs"])
    assert [item for item in merged if item in base] == base
