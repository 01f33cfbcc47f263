"""The library without a cluster: importing, making, saving and loading resources."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import rhdesk as rh
from rhresources.errors import AlreadyExists, DocumentError, NotFound, UsageError
from rhresources.library import portal
from rhresources.library.resource import names


@pytest.fixture(autouse=True)
def _portal_ends() -> Iterator[None]:
    yield
    portal.close()


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_loads_next_to_nothing() -> None:
    heavy = python(
        "import rhdesk as rh, sys; first = 'asyncio', 'pydantic', 'grpc', 'yaml', 'click'; "
        "print(*[name for name in first if name in sys.modules]); rh.function; "
        "print(*[name for name in ('ray', 'PySide6', 'sky', 'numpy', 'rhserver', 'paramiko') if name in sys.modules])"
    )
    assert heavy == ""


def test_every_public_name_is_there() -> None:
    for name in rh.__all__:
        assert getattr(rh, name) is not None
    assert rh.send is rh.function
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        rh.nonsense  # noqa: B018


def test_clusters_are_saved_changed_and_loaded() -> None:
    mine = rh.cluster("~/clusters/a100", ips=["10.0.0.5"], ssh_creds={"ssh_user": "alice"}, dryrun=True)
    assert (mine.name, mine.rns_address) == ("a100", "~/clusters/a100")
    mine.save()
    assert rh.exists("~/clusters/a100", "cluster")
    assert not rh.exists("~/clusters/a100", "function")
    again = rh.load("~/clusters/a100", dryrun=True)
    assert isinstance(again, rh.Cluster)
    assert again.config_for_rns["ips"] == ["10.0.0.5"]
    with pytest.raises(AlreadyExists):
        mine.save(overwrite=False)


def test_a_cluster_that_nobody_saved_is_not_this_computer() -> None:
    rh.cluster("~/train-gpu", ips=["10.0.0.5"], dryrun=True).save()
    with pytest.raises(NotFound, match=r"There is no resource ~/trian-gpu.* Did you mean ~/train-gpu\?"):
        rh.cluster("~/trian-gpu")
    assert rh.cluster("~/new", load=False).document().type == "machine"


def test_a_saved_spot_cluster_stays_one() -> None:
    rh.cluster("~/gpu", instance_type="A100:4", use_spot=True, dryrun=True).save()
    assert rh.cluster("~/gpu", dryrun=True).config_for_rns["use_spot"] is True
    assert rh.cluster("~/gpu", use_spot=False, dryrun=True).document().use_spot is False


def test_parameters_that_make_no_cluster_name_the_field() -> None:
    with pytest.raises(DocumentError, match="ssh_port"):
        rh.cluster("~/x", ips=["10.0.0.5"], ssh_creds={"ssh_port": "many"})


def test_functions_are_saved_and_loaded(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = short_path / "proj"
    project.mkdir()
    (project / "train.py").write_text("def main(epochs: int = 3):\n    return epochs\n")
    monkeypatch.chdir(project)
    made = rh.function("train.py:main", name="~/train", system="^local", reqs=["numpy"], setup_cmds=["echo hi"])
    made.save()
    monkeypatch.chdir("/")
    found = rh.load("~/train")
    assert isinstance(found, rh.Function)
    assert (found.reqs, found.setup_cmds, found.pointer.root) == (["numpy"], ["echo hi"], project)
    assert found.system is not None
    assert found.system.rns_address == "^local"
    assert rh.function(name="~/train", reqs=["torch"]).reqs == ["torch"]


def test_a_loaded_function_that_is_saved_keeps_its_description_and_what_was_sent(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (short_path / "train.py").write_text("def main():\n    return 1\n")
    monkeypatch.chdir(short_path)
    sent = {"project": "train-1", "tree": "0" * 40, "module": "train", "gives": "plain"}
    code = {"root": str(short_path), "file": "train.py", "name": "main", "sent": sent}
    written = {"kind": "function", "cluster": "^local", "description": "Fits", "code": code}
    names().save_text("~/train", yaml.safe_dump(written))
    rh.function(name="~/train", setup_cmds=["echo hi"]).save()
    saved = rh.load("~/train").config_for_rns
    assert (saved["description"], saved["setup_commands"]) == ("Fits", ["echo hi"])
    assert saved["code"]["sent"]["project"] == "train-1"


def test_what_lives_in_no_file_cannot_be_saved() -> None:
    with pytest.raises(UsageError, match="cannot be saved"):
        rh.function(lambda: 1, name="~/one").save()
    with pytest.raises(UsageError, match="has no name"):
        rh.package(install_str="numpy").save()


def test_packages() -> None:
    assert str(rh.package(install_str="numpy==1.26 --no-deps")) == "pip:numpy==1.26 --no-deps"
    assert rh.package(install_str="torch").install_target == "torch"  # no space: the old library raised here
    git = rh.git_package(git_url="https://github.com/huggingface/diffusers", revision="v0.11.1", name="~/diffusers")
    assert git.save().install_target.startswith("https://github.com/huggingface/diffusers")
    assert str(rh.package("~/diffusers")) == "git:https://github.com/huggingface/diffusers.git@v0.11.1"
    assert rh.function(len, reqs=[git, "rh:~/diffusers"]).reqs[0].startswith("git:")


def test_folders_and_lists() -> None:
    rh.set_folder("~/team")
    rh.package("deps", install_str="numpy").save()
    assert rh.current_folder() == "~/team"
    assert rh.resources() == ["deps"]
    assert rh.resources(full_paths=True) == ["~/team/deps"]
    rh.unset_folder()
    assert rh.current_folder() == "~"
    with pytest.raises(NotFound):
        rh.load("deps")
    assert rh.load("~/team/deps", instantiate=False)["target"] == "numpy"


def test_names_are_forgotten() -> None:
    package = rh.package("~/gone", install_str="numpy").save()
    package.unname()
    assert package.name is None
    assert not rh.exists("~/gone")


def test_functions_on_github() -> None:
    function = rh.function("https://github.com/owner/repo/blob/main/pkg/train.py:main", dryrun=True)
    assert (function.pointer.git_url, function.pointer.revision) == ("https://github.com/owner/repo.git", "main")
    assert (function.pointer.file, function.pointer.name) == ("pkg/train.py", "main")
    assert function.reqs == []  # the checkout is the root of its code, so its requirements come by themselves
    with pytest.raises(UsageError, match="does not point to a function of a repository"):
        rh.function("https://example.org/train.py")


def test_what_is_only_described_does_not_run() -> None:
    with pytest.raises(UsageError, match="only described"):
        rh.function(len, dryrun=True)([1])


def test_a_forked_child_has_a_portal_of_its_own() -> None:
    # in a process of its own: that of the tests has used gRPC, which may crash a child forked from it
    program = (
        "import os, rhdesk as rh\n"
        "assert rh.resources() == []\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try:\n"
        "        rh.resources()\n"
        "        os._exit(0)\n"
        "    finally:\n"
        "        os._exit(1)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_library_works_inside_a_running_loop() -> None:
    import asyncio

    async def notebook() -> list[str]:
        return rh.resources()

    assert asyncio.run(notebook()) == []


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"env": ["A"]}, "env"),
        ({"resources": {"cpu": 1}}, "did you mean cpus"),
        ({"resources": {"gpus": "many"}}, "resources.gpus"),
        ({"python": "three"}, "python"),
        ({"reqs": [3]}, "3 in the requirements is no package"),
        ({"system": 3}, "3 is no cluster"),
    ],
)
def test_what_a_function_is_given_is_checked_at_once(asked: dict[str, Any], field: str) -> None:
    with pytest.raises((DocumentError, UsageError), match=field):
        rh.function(len, **asked)


def test_numbers_and_single_commands_mean_what_they_say() -> None:
    made = rh.function(python, env={"CUDA_VISIBLE_DEVICES": 0}, python=3.11, setup_cmds="echo ready", dryrun=True)
    document = made.document()
    assert document.env == {"CUDA_VISIBLE_DEVICES": "0"}
    assert document.python == "3.11"
    assert document.setup_commands == ["echo ready"]


def test_who_names_what_is_gone_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    deps = rh.package(name="~/deps", install_str="six").save()
    pointer = "https://github.com/o/r/blob/main/train.py:main"
    rh.function(pointer, name="~/train", system="^local", reqs=["rh:~/deps"], dryrun=True).save()
    capfd.readouterr()
    deps.delete_configs()
    assert "~/train names ~/deps, which is gone." in capfd.readouterr().err
    with pytest.raises(NotFound, match="There is no resource ~/deps; ~/train names it"):
        rh.load("train", dryrun=True)
