"""Who names a resource, and that a new name of it reaches them, to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from rhresources.errors import NotFound
from rhresources.mentions import give_new_name, naming_text, who_names
from rhresources.resource_names import ResourceNames
from rhresources.workspace import Workspace

TRAIN = """\
# rh:~/deps is mine
kind: function
cluster: "gpu"  # the big one
code: {root: /a, file: gpu.py, name: f}
packages:
- rh:~/deps --no-deps   # ours
- numpy  # not rh:~/deps2
env: {BOX: gpu}
"""
ODD = "{kind: function, cluster: ~/gpu, code: {root: /a, file: a.py, name: f}, packages: ['rh:~/deps2']}\n"
DEPS = "kind: package\ninstall_method: pip\ntarget: six\n"


@pytest.fixture
def names(rh_home: Path) -> ResourceNames:
    found = ResourceNames()
    for name in ("~/deps", "~/deps2", "~/team/deps"):
        found.save_text(name, DEPS)
    found.save_text("~/gpu", "kind: cluster\nips: [gpu1]\n")
    found.save_text("~/train", TRAIN)
    found.save_text("~/team/odd", ODD)
    return found


def names_of(names: ResourceNames, *resources: str) -> list[str]:
    return [entry.name for entry in who_names(names, *resources)]


def test_who_names_what(names: ResourceNames) -> None:
    assert names_of(names, "~/deps") == ["~/train"]
    assert names_of(names, "gpu") == ["~/team/odd", "~/train"]
    assert names_of(names, "~/deps", "~/deps2") == ["~/team/odd", "~/train"]
    assert names_of(names, "~/team/deps", "~/train", "^local") == []
    names.delete("~/deps")
    assert names_of(names, "~/deps") == ["~/train"], "also where there is nothing of that name any more"


def test_a_new_name_is_written_and_nothing_else(names: ResourceNames) -> None:
    for old, new in (("~/deps", "~/libs/base"), ("~/gpu", "~/box")):
        names.rename(old, new)
        done = give_new_name(names, old, new, who_names(names, old))
        assert not done.left
        assert names_of(names, old) == []
    text = names.load("~/train").text
    assert text == TRAIN.replace("rh:~/deps ", "rh:~/libs/base ").replace('"gpu"', '"~/box"'), "comments, too"
    assert names.function("~/team/odd").cluster == "~/box"
    assert names.function("~/team/odd").packages == ["rh:~/deps2"]


def test_what_cannot_be_written_is_told_and_the_rest_is_done(names: ResourceNames) -> None:
    found = who_names(names, "~/gpu")
    names.save_text("~/team/odd", ODD.replace("a.py", "b.py"))
    done = give_new_name(names, "~/gpu", "~/box", found)
    assert [entry.name for entry in done.updated] == ["~/train"]
    ((entry, reason),) = done.left
    assert (entry.name, "changed" in reason) == ("~/team/odd", True)
    assert names.function("~/team/odd").cluster == "~/gpu"


def test_few_of_many_are_listed(names: ResourceNames) -> None:
    assert naming_text([], "~/gpu") == ""
    assert naming_text(who_names(names, "~/deps"), "~/deps") == "~/train names ~/deps."
    for number in range(7):
        names.save_text(f"~/f{number}", ODD)
    said = naming_text(who_names(names, "~/deps2"), "~/deps2")
    assert said == "8 documents name ~/deps2: ~/f0, ~/f1, ~/f2, ~/f3, ~/f4 and 3 more."


def test_what_is_moved_to_another_folder_means_the_same(names: ResourceNames) -> None:
    names.rename("~/train", "~/team/train")
    assert names.function("~/team/train").cluster == "~/gpu"
    assert "# the big one" in names.load("~/team/train").text


def test_the_error_of_a_name_that_is_gone_says_who_names_it(names: ResourceNames) -> None:
    workspace = Workspace()
    names.rename("~/gpu", "~/gpus")
    with pytest.raises(NotFound, match="There is no resource ~/gpu; ~/train names it") as found:
        workspace.cluster_of("train")
    assert found.value.remedy == "Did you mean ~/gpus? If it was renamed: rhdesk mv ~/gpu NEW --update"
    names.delete("~/deps")
    with pytest.raises(NotFound, match="There is no resource ~/deps; ~/train names it"):
        workspace.needs_of(names.function("train"), "~/train")
