"""import: what Runhouse left becomes documents under the names it had."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from lab.old_clients.client import OldTeam
from lab.registry import RegistryServer
from lab.terminal import Terminal

CLUSTER = {
    "name": "~/clusters/gpu",
    "resource_type": "cluster",
    "resource_subtype": "Cluster",
    "ips": ["10.0.0.7"],
    "ssh_creds": {"ssh_user": "alice", "ssh_private_key": "~/.ssh/id_rsa", "password": "hunter2"},
}
PACKAGE = {
    "name": "~/deps",
    "resource_type": "package",
    "resource_subtype": "Package",
    "install_method": "pip",
    "install_target": "numpy==1.26",
    "install_args": None,
}
FUNCTION = {
    "name": "~/train",
    "resource_type": "function",
    "resource_subtype": "Function",
    "system": "~/clusters/gpu",
    "reqs": ["./", "~/deps"],
    "setup_cmds": ["echo ready"],
    "fn_pointers": ["project/src", "train", "main"],
}


def write(project: Path, name: str, config: Any) -> Path:
    file = project / "rh" / name / "config.json"
    file.parent.mkdir(parents=True)
    file.write_text(config if isinstance(config, str) else json.dumps(config, indent=4))
    return file


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in which Runhouse saved a cluster, a package and a function."""
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    (project / "src" / "train.py").write_text("def main(): ...\n")
    for config in (CLUSTER, PACKAGE, FUNCTION):
        write(project, str(config["name"])[2:], config)
    return project


def test_that_a_folder_becomes_documents_that_name_each_other(rhdesk, project: Path) -> None:
    before = {file: file.read_bytes() for file in project.rglob("*") if file.is_file()}
    done = rhdesk("import", "project")
    assert [line for line in done.out.splitlines() if not line.startswith(" ")] == [
        "~/clusters/gpu  cluster, made",
        "~/deps  package, made",
        "~/train  function, made",
    ]
    assert "A password or key in it was not carried over" in done.out
    assert "hunter2" not in done.out + done.err + rhdesk("show", "~/clusters/gpu").out
    function = rhdesk("show", "~/train", "--json").json()["document"]
    assert function["cluster"] == "~/clusters/gpu"
    assert function["packages"] == ["./", "rh:~/deps"]
    assert function["code"] == {"root": str(project), "file": "src/train.py", "name": "main"}
    assert {file: file.read_bytes() for file in project.rglob("*") if file.is_file()} == before
    # again: nothing to do
    assert rhdesk("import", "project/rh").out.count("unchanged") == 3


def test_that_names_go_where_they_are_wanted_and_stay_true_to_each_other(rhdesk, project: Path) -> None:
    rhdesk("import", "project", "--into", "~/old")
    function = rhdesk("show", "~/old/train", "--json").json()["document"]
    assert (function["cluster"], function["packages"][1]) == ("~/old/clusters/gpu", "rh:~/old/deps")


def test_that_broken_files_get_a_sentence_and_stop_nothing(rhdesk, project: Path) -> None:
    write(project, "cut", '{"name":')
    write(project, "list", [1])
    write(project, "deep", "[" * 100_000)
    write(project, "key", {"resource_type": "secret", "name": "~/key"})
    write(project, "my gpu", {"resource_type": "cluster", "ips": ["10.0.0.8"]})
    done = rhdesk("import", "project", "--json", code=1)
    found = {each["file"].split("/rh/")[1].removesuffix("/config.json"): each for each in done.json()["resources"]}
    assert {name: each["outcome"] for name, each in found.items()} == {
        "clusters/gpu": "made",
        "deps": "made",
        "train": "made",
        "my gpu": "made",
        "cut": "failed",
        "list": "failed",
        "deep": "failed",
        "key": "failed",
    }
    assert "line 1: this is not JSON" in found["cut"]["problem"]
    assert "rhdesk credentials" in found["key"]["problem"]
    assert found["my gpu"]["name"] == "~/my-gpu"


def test_that_a_dry_run_writes_nothing(rhdesk, project: Path, rh_home: Path) -> None:
    assert "~/train  function, would be made" in rhdesk("import", "project", "--dry-run").out
    assert not (rh_home / "resources").exists()


def test_that_what_has_a_name_already_stays_unless_told_otherwise(rhdesk, project: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("kind: package\ninstall_method: pip\ntarget: scipy\n")
    rhdesk("save", "mine.yaml", "--as", "deps")
    done = rhdesk("import", "project", code=1)
    assert "There is another ~/deps already; it stays as it is." in done.out
    assert "--overwrite" in done.err
    assert "scipy" in rhdesk("show", "deps").out
    assert "~/deps  package, replaced" in rhdesk("import", "project", "--overwrite").out
    assert "numpy==1.26" in rhdesk("show", "deps").out


def test_that_a_person_is_asked_about_a_name_that_is_taken(rhdesk, project: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("kind: package\ninstall_method: pip\ntarget: scipy\n")
    rhdesk("save", "mine.yaml", "--as", "deps")
    for answer, code, kept in (("n", 1, "scipy"), ("y", 0, "numpy==1.26")):
        with Terminal([sys.executable, "-m", "rhdesk", "import", str(project)]) as terminal:
            terminal.expect("~/deps is there already and says something else. Replace it?")
            terminal.type(f"{answer}\n")
            terminal.ends(code)
        assert kept in rhdesk("show", "deps").out


@pytest.mark.slow
def test_that_a_folder_of_a_registry_takes_it_too(
    rhdesk, project: Path, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RH_REGISTRY_URL", registry.url)
    monkeypatch.setenv("RH_REGISTRY_TOKEN", registry.token("alice"))
    rhdesk("import", "project", "--into", "@/old")
    function = rhdesk("show", "/alice/old/train", "--json").json()["document"]
    assert (function["cluster"], function["packages"][1]) == ("/alice/old/clusters/gpu", "rh:/alice/old/deps")
    assert rhdesk("import", "project", "--into", "@/old").out.count("unchanged") == 3
    refused = rhdesk("import", "project", "--into", "/bob", code=1)
    assert "not imported: /bob/train: You may not save in /bob." in refused.out


OLD_SETTINGS = """\
default_autostop: 45
default_folder: /alice
default_provider: aws
secrets: {aws: ~/.aws/credentials}
token: hunter2
use_spot: maybe
username: alice
"""


def test_that_settings_are_taken_over_where_rhdesk_has_a_file_of_its_own(
    rhdesk, project: Path, rh_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = rh_home / "config.yaml"
    rh_home.mkdir()
    file.write_text(OLD_SETTINGS)
    ours = rh_home.parent / "rhdesk"
    ours.mkdir()
    (ours / "config.yaml").write_text("# mine\ndefault_provider: gcp\n")
    monkeypatch.setenv("RH_HOME", str(ours))
    settings = rhdesk("import", "project", "--json").json()["settings"]
    assert (settings["read_by_both"], settings["set"]) == (False, {"default_autostop": 45})
    said = "\n".join(settings["not_carried_over"])
    for words in ("default_provider was not carried over: it is set here already, to gcp", "use_spot", "default_folder",
                  "token and secrets"):  # fmt: skip
        assert words in said
    assert (ours / "config.yaml").read_text() == "# mine\ndefault_provider: gcp\ndefault_autostop: 45\n"
    assert file.read_text() == OLD_SETTINGS
    assert not [path for path in ours.rglob("*") if path.is_file() and "hunter2" in path.read_text()]


def test_that_one_file_of_settings_for_both_programs_is_left_as_it_is(rhdesk, rh_home: Path) -> None:
    rh_home.mkdir()
    (rh_home / "config.yaml").write_text("default_autostop: 45\ndefault_folder: /alice\ntoken: hunter2\n")
    done = rhdesk("import", str(rh_home))
    assert "rhdesk reads this file too" in done.out
    assert "names without a folder are in a registry" in done.out
    assert "hunter2" not in done.out
    assert (rh_home / "config.yaml").read_text() == "default_autostop: 45\ndefault_folder: /alice\ntoken: hunter2\n"


def test_that_a_folder_without_anything_of_runhouse_is_said_to_be_one(rhdesk, tmp_path: Path) -> None:
    model = tmp_path / "somewhere" / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text('{"architectures": ["Bert"]}')
    assert "Runhouse left nothing in" in rhdesk("import", "somewhere", code=2).err
    assert "is not a folder" in rhdesk("import", "nowhere", code=2).err


@pytest.mark.slow
def test_that_what_the_real_runhouse_saved_is_taken_over(rhdesk, old_team: OldTeam) -> None:
    client = old_team.client()
    hosts = "ips" if old_team.version == "0.0.5" else "host"
    log_in = CLUSTER["ssh_creds"]
    client(f"c = rh.cluster(name='~/lab/gpu', {hosts}=['10.0.0.7'], ssh_creds={log_in}, dryrun=True); c.save()")
    client("rh.Package(name='~/deps', install_method='pip', install_target='numpy==1.26').save()")
    made = "reqs=['./', '~/deps'], " if old_team.version == "0.0.5" else ""
    client("import sys; sys.path.insert(0, '.'); import train")
    client(f"f = rh.function(train.main, name='~/train', {made}dryrun=True); f.system = c; f.save()")
    done = rhdesk("import", str(client.project), "--json").json()
    assert {each["name"]: each["outcome"] for each in done["resources"]} == dict.fromkeys(
        ("~/lab/gpu", "~/deps", "~/train"), "made"
    )
    assert rhdesk("show", "~/lab/gpu", "--json").json()["document"]["ips"] == ["10.0.0.7"]
    function = rhdesk("show", "~/train", "--json").json()["document"]
    assert function["cluster"] == "~/lab/gpu"
    assert function["code"] == {"root": str(client.project), "file": "train.py", "name": "main"}
    assert function.get("packages", []) == (["./", "rh:~/deps"] if made else [])
    assert "hunter2" not in json.dumps(done)
