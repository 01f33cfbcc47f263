"""A function that one puts into the registry, in whatever way, is called by name by another who has not its folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.commands import Answer, RunCommand
from lab.registry import RegistryServer
from lab.ssh_cluster import SshCluster
from lab.ssh_fixtures import SshKeys

from rhresources.documents import dump_document

pytestmark = pytest.mark.ray

CODE = "def double(x: int) -> int:\n    return {factor} * x\n"


@dataclass(frozen=True)
class Member:
    """Somebody of a team, at a computer of their own."""

    env: dict[str, str]
    project: Path
    command: RunCommand

    def __call__(self, *arguments: str, given: str = "", code: int = 0) -> Answer:
        return self.command(*arguments, cwd=self.project, given=given, env=self.env, code=code)

    def document(self, name: str = "double") -> str:
        """Of a function of the folder, which no cluster was sent yet."""
        code = {"root": str(self.project), "file": "work.py", "name": name}
        return json.dumps({"kind": "function", "cluster": "/alice/lab", "code": code, "packages": ["./"]})


@pytest.fixture
def team(
    rhdesk: RunCommand,
    registry: RegistryServer,
    ssh_cluster: SshCluster,
    ssh_keys: SshKeys,
    rh_home: Path,
    short_path: Path,
) -> tuple[Member, Member]:
    """Alice and bob, and a cluster that both reach as the account that is shared, each with a key of their own."""
    found = []
    for name, home in (("alice", rh_home), ("bob", short_path / "bob")):
        home.mkdir(parents=True, exist_ok=True)
        project = short_path / f"code-of-{name}"
        project.mkdir()
        env = {"RH_HOME": str(home), "RH_REGISTRY_URL": registry.url, "RH_REGISTRY_TOKEN": registry.token(name)}
        found.append(Member(env, project, rhdesk))
    alice, bob = found
    (alice.project / "work.py").write_text(CODE.format(factor=2))
    (alice.project / "requirements.txt").touch()
    creds = ssh_cluster.document.ssh_creds.model_copy(update={"ssh_private_key": None})
    shared = ssh_cluster.document.model_copy(update={"ssh_creds": creds})
    alice("save", "-", "--as", "@/lab", given=dump_document(shared))
    alice("share", "@/lab", "bob")
    alice("reach", "@/lab", "--key", str(ssh_keys.plain))
    bob("reach", "/alice/lab", "--key", str(ssh_keys.plain))
    alice("up", "@/lab")
    return alice, bob


def copied(alice: Member) -> None:
    alice("save", "-", "--as", "~/f", given=alice.document())
    said = alice("cp", "~/f", "@/f").err
    assert "cannot reach" not in said, said


def moved(alice: Member) -> None:
    alice("save", "-", "--as", "~/f", given=alice.document())
    alice("mv", "~/f", "@/f")


def saved(alice: Member) -> None:
    alice("save", "-", "--as", "@/f", given=alice.document())


def sent(alice: Member) -> None:
    alice("send", "work.py:double", "--to", "@/lab", "--name", "@/f")


def saved_by_a_program(alice: Member) -> None:
    alice("save", "-", "--as", "~/f", given=alice.document())
    program = 'import rhdesk as rh; rh.load("~/f", dryrun=True).save("@/f")'
    subprocess.run([sys.executable, "-c", program], cwd=alice.project, env={**os.environ, **alice.env}, check=True)


@pytest.mark.parametrize("put", [copied, moved, saved, sent, saved_by_a_program])
def test_a_function_is_called_by_whoever_may_read_it(
    team: tuple[Member, Member], put: Callable[[Member], None]
) -> None:
    alice, bob = team
    put(alice)
    alice("share", "@/f", "bob")
    (alice.project / "work.py").write_text(CODE.format(factor=100))
    shutil.move(alice.project, alice.project.with_name("moved"))
    assert bob("run", "/alice/f", "21").out == "42\n", "as it was when it was put there"


def test_that_a_cluster_that_is_down_delays_it_until_the_next_run(
    team: tuple[Member, Member], ssh_cluster: SshCluster
) -> None:
    alice, bob = team
    alice("save", "-", "--as", "~/f", given=alice.document())
    ssh_cluster.sshd.stop()
    said = alice("cp", "~/f", "@/f").err
    assert "~/f is saved as /alice/f, too." in said
    assert f"Others cannot reach its code in {alice.project}: that is on one computer." in said
    assert "Run it once from there while /alice/lab is up" in said
    said = alice("share", "@/f", "bob").err
    assert "Run it once from there" in said
    ssh_cluster.sshd.start()
    moved = alice.project.with_name("moved")
    shutil.move(alice.project, moved)
    refused = bob("run", "/alice/f", "1", code=2).err
    assert f"The folder {alice.project}, with the code of work.py:double, is not on this computer." in refused
    assert "let whoever has the folder run it once" in refused
    shutil.move(moved, alice.project)
    assert alice("run", "@/f", "4").out == "8\n"
    shutil.move(alice.project, moved)
    assert bob("run", "/alice/f", "21").out == "42\n"
