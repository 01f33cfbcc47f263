"""ls, show, save, rm: names and documents from the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CLUSTER = """\
# the machine under the desk
kind: cluster
type: machine
description: Mine  # really
"""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    file = tmp_path / "desk.yaml"
    file.write_text(CLUSTER)
    return file


def test_that_a_document_is_saved_listed_shown_and_removed(rhdesk, document: Path, rh_home: Path) -> None:
    assert "~/desk" in rhdesk("save", "desk.yaml").err
    assert rhdesk("show", "desk").out == CLUSTER
    (entry,) = rhdesk("ls", "--json").json()
    assert (entry["name"], entry["kind"], entry["document"]["description"]) == ("~/desk", "cluster", "Mine")
    table = rhdesk("ls").out.splitlines()
    assert table[0].split() == ["NAME", "KIND", "CHANGED", "DESCRIPTION"]
    assert table[1].startswith("~/desk  cluster")
    rhdesk("rm", "~/desk")
    assert rhdesk("ls", "--json").json() == []


def test_that_folders_and_other_names_are_honoured(rhdesk, document: Path) -> None:
    rhdesk("save", "desk.yaml", "--as", "~/team/one")
    rhdesk("save", "-", "--as", "two", given=CLUSTER)
    assert [each["name"] for each in rhdesk("ls", "~/team", "--json").json()] == ["~/team/one"]
    assert {each["name"] for each in rhdesk("ls", "--json").json()} == {"~/team/one", "~/two"}
    assert rhdesk("ls", "--kind", "function", "--json").json() == []
    assert "~/team/two now" in rhdesk("mv", "two", "~/team").err
    assert "~/other/two, too" in rhdesk("cp", "~/team/two", "~/other/").err
    assert {each["folder"]: each["names"] for each in rhdesk("ls", "/", "--json").json()}["~"] == 3


def test_that_what_tells_a_package_from_others_is_listed(rhdesk) -> None:
    given = "kind: package\ninstall_method: pip\ntarget: torch>=2\noptions: [--no-deps]\ndescription: Ours\n"
    rhdesk("save", "-", "--as", "~/team/torch", given=given)
    assert "pip:torch>=2 --no-deps · Ours" in rhdesk("ls").out
    assert "Nothing is saved in ~/taem yet. Did you mean ~/team?" in rhdesk("ls", "taem").err
    assert "No cluster is saved in ~/team yet. `rhdesk ls /`" in rhdesk("ls", "team", "--kind", "cluster").err


def test_that_a_tilde_which_the_shell_replaced_is_understood(rhdesk, document: Path) -> None:
    rhdesk("save", "desk.yaml", "--as", f"{os.environ['HOME']}/desk")
    assert rhdesk("show", "~/desk").out == CLUSTER


def test_that_built_in_clusters_are_listed_and_cannot_be_changed(rhdesk, document: Path) -> None:
    names = [each["name"] for each in rhdesk("ls", "^", "--json").json()]
    assert {"^local", "^rh-cpu", "^rh-8-v100"} <= set(names)
    assert "built in" in rhdesk("save", "desk.yaml", "--as", "^local", code=2).err
    assert "built in" in rhdesk("rm", "^local", code=2).err


def test_that_an_error_in_a_document_names_field_and_line_and_saves_nothing(rhdesk, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("kind: cluster\ntype: ssh\nips: [10.0.0.1]\nssh_creds:\n  ssh_port: high\n")
    said = rhdesk("save", "bad.yaml", code=1).err
    assert "ssh_creds.ssh_port" in said
    assert "line 5" in said
    assert "bad.yaml" in rhdesk("save", "bad.yaml", "--as", "~/team/x", code=1).err, "that is where it is to be mended"
    assert rhdesk("ls", "--json").json() == []


def test_that_a_file_in_place_of_a_name_is_told(rhdesk, document: Path) -> None:
    for command in ("show", "inspect"):
        said = rhdesk(command, "desk.yaml", code=2).err
        assert "desk.yaml is a file, not a name." in said
        assert "rhdesk save desk.yaml --as NAME" in said
    assert f"rhdesk save {document} --as NAME" in rhdesk("show", str(document), code=2).err
    assert "There is no resource ~/other.yaml" in rhdesk("show", "other.yaml", code=1).err
    assert "~nobody/x" in rhdesk("show", "~nobody/x", code=2).err, "nor is it a file of somebody unknown here"


def test_that_a_broken_file_is_shown_as_broken_and_never_overwritten(rhdesk, document: Path) -> None:
    rhdesk("save", "desk.yaml")
    path = Path(rhdesk("show", "desk", "--json").json()["path"])
    path.write_text("kind: cluster\n  type: [")
    assert "(broken)" in rhdesk("ls").out
    assert rhdesk("ls", "--json").json()[0]["problem"]
    shown = rhdesk("show", "desk", code=1)
    assert "type: [" in shown.out
    assert "Error:" in shown.err
    assert "not overwritten" in rhdesk("save", "desk.yaml", code=1).err
    assert path.read_text() == "kind: cluster\n  type: ["


def test_that_a_missing_name_is_one_sentence_with_the_nearest_name(rhdesk, document: Path) -> None:
    rhdesk("save", "desk.yaml")
    said = rhdesk("show", "dask", code=1).err.splitlines()
    assert said[0] == "Error: There is no resource ~/dask."
    assert "~/desk" in said[1]


def test_that_names_which_are_not_names_are_bad_usage(rhdesk) -> None:
    for name in ("a b", "x/../y", "-x/y", ""):
        assert "Error:" in rhdesk("show", "--", name, code=2).err


def test_that_registry_names_say_that_nobody_is_logged_in(rhdesk, document: Path) -> None:
    for name in ("@/x", "/ann/x"):
        assert "registry" in rhdesk("show", name, code=1).err
        assert "registry" in rhdesk("save", "desk.yaml", "--as", name, code=1).err


def test_that_removing_several_names_is_all_or_nothing(rhdesk, document: Path) -> None:
    rhdesk("save", "desk.yaml")
    rhdesk("rm", "desk", "nothing", code=1)
    assert [each["name"] for each in rhdesk("ls", "--json").json()] == ["~/desk"]


def test_that_the_shell_completes_names(rhdesk, document: Path) -> None:
    rhdesk("save", "desk.yaml")
    env = {"_RHDESK_COMPLETE": "bash_complete", "COMP_WORDS": "rhdesk show de", "COMP_CWORD": "2"}
    assert rhdesk(env=env).out.split() == ["plain,desk"]


def test_that_listing_loads_nothing_that_it_does_not_need(rhdesk) -> None:
    """Each of these would take longer than all the rest."""
    rhdesk("ls")
    listed = rhdesk("ls", env={"PYTHONPROFILEIMPORTTIME": "1"}).err
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in listed.splitlines()}
    assert "click" in loaded
    assert not loaded & {"grpc", "ray", "sky", "paramiko", "keyring", "PySide6", "qasync", "httpx"}
