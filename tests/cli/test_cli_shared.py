"""Two people, each with a rhdesk directory, keys and code of their own, on one account of one host."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.commands import PROGRAM, Answer, RunCommand
from lab.ssh_cluster import SshCluster
from lab.ssh_fixtures import SshKeys
from lab.terminal import Terminal

from rhresources.documents import dump_document

pytestmark = pytest.mark.ray

CODE = """\
import time

def tick(seconds: float = 60) -> str:
    print("of {name}", flush=True)
    time.sleep(seconds)
    return "of {name}"
"""


@dataclass(frozen=True)
class Person:
    """Somebody at a computer of their own."""

    name: str
    home: Path
    project: Path
    command: RunCommand

    @property
    def by(self) -> str:
        """What runs of theirs are known by."""
        return f"{self.name}@{socket.gethostname().partition('.')[0]}"

    @property
    def environment(self) -> Mapping[str, str]:
        return {"RH_HOME": str(self.home), "LOGNAME": self.name}

    def __call__(self, *arguments: str, code: int = 0) -> Answer:
        return self.command(*arguments, cwd=self.project, env=self.environment, code=code)

    def start(self, *arguments: str) -> str:
        """A run of theirs that has begun to print."""
        run = self("run", "work.py:tick", *arguments, "--on", "lab", "--detach").out.strip()
        deadline = time.monotonic() + 60
        while not self("logs", run, "--on", "lab").out and time.monotonic() < deadline:
            time.sleep(0.2)
        return run


@pytest.fixture
def people(
    rhdesk: RunCommand,
    ssh_cluster: SshCluster,
    ssh_keys: SshKeys,
    rh_home: Path,
    short_path: Path,
) -> Iterator[tuple[Person, Person]]:
    """Alice wrote the document of the cluster, with the path of her key; bob has the document, and a key of his."""
    found = []
    for name, home in (("alice", rh_home), ("bob", short_path / "bob")):
        home.mkdir(parents=True, exist_ok=True)
        project = short_path / f"code-of-{name}"
        project.mkdir()
        (project / "work.py").write_text(CODE.replace("{name}", name))
        (project / "requirements.txt").touch()
        found.append(Person(name, home, project, rhdesk))
    alice, bob = found
    creds = ssh_cluster.document.ssh_creds.model_copy(update={"ssh_private_key": "/home/alice/.ssh/id_ed25519"})
    (bob.home / "resources").mkdir(exist_ok=True)
    theirs = dump_document(ssh_cluster.document.model_copy(update={"ssh_creds": creds}))
    (bob.home / "resources" / "lab.yaml").write_text(theirs)
    bob("reach", "lab", "--key", str(ssh_keys.rsa))
    yield alice, bob
    for run in alice("runs", "--on", "lab", "--json").json():
        if run["state"] in ("running", "preparing", "queued"):
            alice("cancel", run["id"], "--on", "lab", "--force")


def test_that_a_document_of_somebody_else_asks_for_a_key_of_ones_own(
    people: tuple[Person, Person], ssh_keys: SshKeys
) -> None:
    _, bob = people
    bob("reach", "lab", "--forget")
    refused = bob("runs", "--on", "lab", code=1).err
    assert "/home/alice/.ssh/id_ed25519, which is not on this computer" in refused
    assert "rhdesk reach '~/lab' --key" in refused
    way = bob("reach", "lab", "--key", str(ssh_keys.ecdsa), "--json").json()
    assert (way["keys"], way["own"]) == ([str(ssh_keys.ecdsa)], ["ssh_private_key"])
    assert bob("status", "lab", "--json").json()["state"] == "up"


def test_that_a_person_at_a_terminal_is_asked_and_it_goes_on(people: tuple[Person, Person], ssh_keys: SshKeys) -> None:
    _, bob = people
    bob("reach", "lab", "--forget")
    with Terminal([*PROGRAM, "runs", "--on", "lab"], bob.environment) as terminal:
        terminal.expect("Your private key for ~/lab: ")
        terminal.type(f"{ssh_keys.plain}\n")
        terminal.ends()
    bob("runs", "--on", "lab")


def test_that_each_sees_all_runs_and_who_started_them(people: tuple[Person, Person]) -> None:
    alice, bob = people
    of_alice, of_bob = alice.start(), bob.start()
    for each in people:
        by = {run["id"]: run["by"] for run in each("runs", "--on", "lab", "--json").json()}
        assert (by[of_alice], by[of_bob]) == (alice.by, bob.by)
    mine = [run["id"] for run in bob("runs", "--on", "lab", "--mine", "--json").json()]
    assert of_bob in mine
    assert of_alice not in mine
    alice.start()
    assert bob("logs", "last", "--on", "lab").out == "of bob\n", "the newest of his own"
    table = bob("runs", "--on", "lab").out
    assert "BY" in table.splitlines()[0]
    assert bob("logs", of_alice, "--on", "lab").out == "of alice\n"


def test_that_taking_it_down_names_those_whose_runs_would_end(people: tuple[Person, Person]) -> None:
    alice, bob = people
    run = alice.start()
    refused = bob("down", "lab", code=2).err
    assert f"1 run of {alice.by} is active on ~/lab" in refused
    assert f"{run}  running" in refused
    assert f", by {alice.by}, created" in refused
    refused = alice("down", "lab", code=2).err
    assert "1 run is active on ~/lab" in refused, "of one's own no name is needed"
    upgrade = bob("upgrade", "lab", code=2).err
    assert f"1 run of {alice.by} is active on ~/lab" in upgrade
    assert "gets none" in upgrade
    assert bob("status", "lab", "--json").json()["state"] == "up"


def test_that_who_cancelled_is_told_to_whose_run_it_was(people: tuple[Person, Person]) -> None:
    alice, bob = people
    run = alice.start()
    bob("cancel", run, "--on", "lab")
    record = next(each for each in alice("runs", "--on", "lab", "--json").json() if each["id"] == run)
    said = (record["by"], record["cancelled_by"], record["reason"])
    assert said == (alice.by, bob.by, f"Cancelled by {bob.by}.")
    assert f"was cancelled by {bob.by}." in alice("result", run, "--on", "lab", code=1).err


def test_that_code_of_one_is_not_touched_by_pushes_of_the_other(people: tuple[Person, Person]) -> None:
    alice, bob = people
    run = alice.start("15")
    for number in range(2):
        (bob.project / "more.py").write_text(f"{number}\n")
        assert bob("run", "work.py:tick", "0", "--on", "lab").out == "of bob\n"
    assert alice("run", "work.py:tick", "0", "--on", "lab").out == "of alice\n"
    assert alice("result", run, "--on", "lab", "--wait").out == "of alice\n"
