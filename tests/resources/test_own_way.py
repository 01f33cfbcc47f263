"""Clusters whose documents were written elsewhere: one's own key and account, for this computer alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.ssh_cluster import document_at
from lab.ssh_fixtures import SshHome, SshKeys
from lab.sshd import Sshd

from rhresources.documents import ClusterDocument, dump_document, parse_document
from rhresources.errors import DocumentError, RhError
from rhresources.reach.own_way import OwnWays, missing_key
from rhresources.reach.questions import HostKeyQuestion, NeedsAnswer, SecretAnswer, SecretQuestion
from rhresources.registry import login
from rhresources.registry.caution import caution_of
from rhresources.workspace import Workspace


class Person:
    """Gives these answers, one after the other."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.asked: list[SecretQuestion] = []

    async def confirm_host_key(self, question: HostKeyQuestion) -> bool:
        raise AssertionError(question)

    async def ask_secret(self, question: SecretQuestion) -> SecretAnswer | None:
        self.asked.append(question)
        answer = self.answers.pop(0)
        return None if answer is None else SecretAnswer(answer)


def cluster(**creds: object) -> ClusterDocument:
    document = parse_document({"kind": "cluster", "type": "ssh", "ips": ["gpu1"], "ssh_creds": creds})
    assert isinstance(document, ClusterDocument)
    return document


def test_that_only_what_is_said_here_differs_from_the_document(rh_home: Path) -> None:
    theirs = cluster(ssh_user="ml", ssh_private_key="/home/alice/.ssh/id", ssh_port=2222)
    ways = OwnWays(rh_home)
    assert ways.applied("~/gpu", theirs) == theirs
    ways.change("~/gpu", {"ssh_private_key": "~/.ssh/mine"})
    ways.change("~/gpu", {"log_in": "key"})
    mine = OwnWays(rh_home).applied("~/gpu", theirs)
    assert mine == cluster(ssh_user="ml", ssh_private_key="~/.ssh/mine", ssh_port=2222, log_in="key")
    assert ways.applied("~/other", theirs) == theirs
    assert oct(ways.path.stat().st_mode & 0o777) == "0o600"
    assert ways.forget("~/gpu")
    assert not ways.forget("~/gpu")
    assert ways.applied("~/gpu", theirs) == theirs


def test_that_no_key_at_all_is_a_way_too(rh_home: Path) -> None:
    ways = OwnWays(rh_home)
    ways.change("~/gpu", {"ssh_private_key": None})
    assert ways.applied("~/gpu", cluster(ssh_private_key="/k")) == cluster()


def test_that_a_name_of_mine_in_the_registry_is_one_cluster(rh_home: Path) -> None:
    login.keep(rh_home, login.Login("https://rh.example.org", "alice", "r1"))
    ways = OwnWays(rh_home)
    ways.change("@/team/gpu", {"ssh_user": "al"})
    assert ways.applied("/alice/team/gpu", cluster()) == cluster(ssh_user="al")


def test_that_bad_values_and_a_broken_file_change_nothing(rh_home: Path) -> None:
    ways = OwnWays(rh_home)
    ways.change("~/gpu", {"ssh_user": "al"})
    before = ways.path.read_text()
    for bad in ({"ssh_user": "-oProxyCommand=x"}, {"ssh_port": 99_999}, {"ssh_password": "x"}):
        with pytest.raises(DocumentError):
            ways.change("~/gpu", bad)
    assert ways.path.read_text() == before
    ways.path.write_text("clusters:\n  ~/gpu:\n    ssh_prot: 22\n")
    with pytest.raises(DocumentError, match=r"line 3.*ssh_prot.*ssh_port"):
        ways.of("~/gpu")
    with pytest.raises(RhError, match="Nothing was changed"):
        ways.change("~/gpu", {"ssh_user": "al"})


def test_which_keys_are_missing(rh_home: Path) -> None:
    assert missing_key(cluster(ssh_private_key="/home/alice/.ssh/id")) == "/home/alice/.ssh/id"
    assert missing_key(cluster(ssh_private_key="/home/alice/.ssh/id", log_in="agent")) == ""
    assert missing_key(cluster()) == ""
    mine = Path("~/.ssh/id").expanduser()
    mine.parent.mkdir()
    mine.touch()
    assert missing_key(cluster(ssh_private_key="~/.ssh/id")) == ""


# ---------------------------------------------------------------- on the way to a host


@pytest.fixture
def theirs(sshd: Sshd, ssh_home: SshHome, rh_home: Path) -> Workspace:
    """~/gpu is a host whose document names a key of somebody else."""
    ssh_home.knows(sshd)
    workspace = Workspace(rh_home)
    workspace.names.save("~/gpu", document_at(sshd, Path("/home/alice/.ssh/id_ed25519")))
    return workspace


async def test_that_ones_own_key_is_asked_for_and_remembered(theirs: Workspace, ssh_keys: SshKeys) -> None:
    text = dump_document(theirs.names.cluster("~/gpu"))
    person = theirs.asker = Person("/nowhere/key", str(ssh_keys.plain))
    assert await theirs.cluster_state("~/gpu", ask=True) == "down"
    assert [(each.kind, each.again) for each in person.asked] == [("key", False), ("key", True)]
    assert "/home/alice/.ssh/id_ed25519" in person.asked[0].instruction
    await theirs.close()
    again = Workspace(theirs.home)
    assert await again.cluster_state("~/gpu") == "down", "nobody is asked a second time"
    assert dump_document(again.names.cluster("~/gpu")) == text, "what others use stays as it is"
    await again.close()


async def test_that_nothing_stands_for_the_keys_of_the_agent_and_the_configuration(
    theirs: Workspace, ssh_home: SshHome, ssh_keys: SshKeys, sshd: Sshd
) -> None:
    ssh_home.config(f"Host {sshd.address}\n  IdentityFile {ssh_keys.plain}\n")
    theirs.asker = Person("")
    assert await theirs.cluster_state("~/gpu", ask=True) == "down"
    await theirs.close()


async def test_that_the_background_asks_nothing_and_says_what_to_do(theirs: Workspace) -> None:
    theirs.asker = Person()
    with pytest.raises(RhError, match=r"names the key /home/alice/.*, which is not") as told:
        await theirs.cluster_state("~/gpu")
    assert told.value.code == "key-missing"
    assert "rhdesk reach '~/gpu' --key" in told.value.remedy
    await theirs.close()


async def test_that_who_would_rather_not_say_is_not_asked_for_ever(theirs: Workspace) -> None:
    theirs.asker = Person(None)
    with pytest.raises(NeedsAnswer, match="was not said"):
        await theirs.cluster_state("~/gpu", ask=True)
    theirs.asker = Person("/nowhere", "/nowhere", "/nowhere")
    with pytest.raises(NeedsAnswer):
        await theirs.cluster_state("~/gpu", ask=True)
    await theirs.close()


def test_that_a_cluster_without_an_account_is_another_server_for_everybody() -> None:
    assert "cluster server of their own" in caution_of(cluster(ssh_private_key="~/.ssh/id"))
    assert caution_of(cluster(ssh_user="ml", ssh_private_key="~/.ssh/id")) == ""
    assert "its key file /home/alice/.ssh/id" in caution_of(cluster(ssh_private_key="/home/alice/.ssh/id"))
