"""Where a document and ~/.ssh/config lead to."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from lab.ssh_fixtures import SshHome

from rhresources.documents import ClusterDocument, SshCredentials
from rhresources.reach.ssh.config import host_config, hosts_of_config
from rhresources.reach.ssh.problems import SshProblem
from rhresources.reach.ssh.target import target_of

CONFIG = """\
Include more/*.conf
Host gpu gpu-*
  HostName 192.0.2.7
  User alice
  Port 2222
  IdentityFile ~/.ssh/id_gpu
  IdentitiesOnly yes
  ProxyJump bob@outer:2200
Host outer
  HostName 192.0.2.1
  ProxyJump door
Host door
  HostName 192.0.2.254
Host through
  ProxyCommand nc -x "proxy:1080" %h %p %r %n %%
Match originalhost "tagged"
  Port 99
"""


def ssh_cluster(*ips: str, **log_in: object) -> ClusterDocument:
    return ClusterDocument(type="ssh", ips=list(ips), ssh_creds=SshCredentials(**log_in))  # type: ignore[arg-type]


@pytest.fixture
def configured(ssh_home: SshHome) -> SshHome:
    ssh_home.config(CONFIG)
    (ssh_home.folder / "more").mkdir()
    (ssh_home.folder / "more" / "a.conf").write_text("Host=included *.wild !not\n  HostName=198.51.100.9\n")
    return ssh_home


async def test_entry_of_the_configuration(configured: SshHome) -> None:
    target = await target_of(ssh_cluster("gpu"))
    assert (target.name, target.host, target.port, target.user) == ("gpu", "192.0.2.7", 2222, "alice")
    assert target.key_files == (str(configured.folder / "id_gpu"),)
    assert target.identities_only
    assert target.known_hosts[0] == str(configured.known_hosts)
    assert target.account == "alice@192.0.2.7:2222"
    assert target.place == "gpu (192.0.2.7, port 2222)"
    assert [jump.account.partition("@")[2] for jump in target.jumps] == ["192.0.2.254:22", "192.0.2.1:2200"]
    assert [len(jump.jumps) for jump in target.jumps] == [0, 1]
    assert target.jumps[1].user == "bob"


async def test_the_document_goes_before_the_configuration(configured: SshHome, tmp_path: Path) -> None:
    target = await target_of(
        ssh_cluster(
            "gpu",
            ssh_user="eve",
            ssh_port=23,
            ssh_private_key="~/mine",
            proxy_jump="a@[2001:db8::1]:2200,outer",
            known_hosts=str(tmp_path / "known"),
        )
    )
    assert (target.host, target.port, target.user) == ("192.0.2.7", 23, "eve")
    assert target.key_files == (str(Path.home() / "mine"),)
    assert target.key_required
    assert target.identities_only
    assert target.known_hosts[0] == str(tmp_path / "known")
    assert next((jump.user, jump.host, jump.port) for jump in target.jumps) == ("a", "2001:db8::1", 2200)
    # with a chain that says it all, the configured way to one of its hosts is not used
    assert [jump.host for jump in target.jumps] == ["2001:db8::1", "192.0.2.1"]
    assert target.jumps[0].account == "a@[2001:db8::1]:2200"
    assert (await target_of(ssh_cluster("gpu", proxy_jump="none"))).jumps == ()


async def test_another_host_of_the_cluster(configured: SshHome) -> None:
    target = await target_of(ssh_cluster("gpu", "included"), "included")
    assert (target.host, target.port) == ("198.51.100.9", 22)


async def test_proxy_command(configured: SshHome) -> None:
    target = await target_of(ssh_cluster("through", ssh_user="eve", ssh_port=23))
    assert target.proxy_command == 'nc -x "proxy:1080" through 23 eve through %'
    assert (await target_of(ssh_cluster("through", proxy_jump="none"))).proxy_command == ""


async def test_what_may_be_tried(ssh_home: SshHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    monkeypatch.setenv("OTHER_AGENT", "/other")
    assert (await target_of(ssh_cluster("a"))).agent_socket == "/agent"
    assert (await target_of(ssh_cluster("a"))).use_agent
    assert not (await target_of(ssh_cluster("a", log_in="password"))).use_agent
    assert not (await target_of(ssh_cluster("a", log_in="agent", ssh_private_key="/k"))).identities_only
    ssh_home.config("IdentityAgent $OTHER_AGENT\n")
    assert (await target_of(ssh_cluster("a"))).agent_socket == "/other"
    ssh_home.config("IdentityAgent none\n")
    assert not (await target_of(ssh_cluster("a"))).use_agent


def test_nothing_remembered_in_dev_null(ssh_home: SshHome) -> None:
    ssh_home.config(f"UserKnownHostsFile {os.devnull}\n")
    assert host_config("a").user_known_hosts == (str(ssh_home.known_hosts),)


async def test_broken_configuration_names_the_line(ssh_home: SshHome) -> None:
    ssh_home.config("Host a\n  Portt 22\n")
    with pytest.raises(SshProblem) as caught:
        await target_of(ssh_cluster("a"))
    assert caught.value.code == "bad-config"
    assert "line 2" in caught.value.sentence
    assert "portt" in caught.value.sentence.lower()


async def test_jump_hosts_in_a_circle(ssh_home: SshHome) -> None:
    ssh_home.config("Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n")
    with pytest.raises(SshProblem, match="circle"):
        await target_of(ssh_cluster("a"))


def test_hosts_for_the_dialog(configured: SshHome) -> None:
    assert hosts_of_config() == ["included", "gpu", "outer", "door", "through"]


class TestWithoutAnSshClient:
    @pytest.fixture(autouse=True)
    def _no_client(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "which", lambda *_, **__: None)

    def test_plain_files_are_read(self, ssh_home: SshHome) -> None:
        ssh_home.config(CONFIG.partition("\n")[2])
        found = host_config("gpu")
        assert (found.host, found.port, found.user) == ("192.0.2.7", 2222, "alice")
        assert found.proxy_jump == "bob@outer:2200"
        assert found.identity_files == (str(ssh_home.folder / "id_gpu"),)
        assert host_config("elsewhere").host == "elsewhere"

    @pytest.mark.parametrize("line", ["Include other", "Match tagged x", "Match localnetwork 10.0.0.0/8"])
    def test_what_would_be_misread_is_refused(self, line: str, ssh_home: SshHome) -> None:
        ssh_home.config(f"Host a\n{line}\n")
        with pytest.raises(SshProblem) as caught:
            host_config("a")
        assert "line 2" in caught.value.sentence
        assert "Install OpenSSH" in caught.value.remedy
