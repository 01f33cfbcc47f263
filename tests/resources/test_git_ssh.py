"""Repositories behind SSH servers: whose ssh, with which key, and hosts that are unknown or have changed."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.git_host import git
from lab.ssh_fixtures import Person, SshHome, SshKeys
from lab.sshd import ME, Sshd

from rhresources.errors import RhError
from rhresources.git import repository
from rhresources.git.address import remote_of
from rhresources.git.problems import GitProblem, problem_of
from rhresources.git.program import Done
from rhresources.reach.questions import HostKeyQuestion
from rhresources.workspace import Workspace


@pytest.fixture
def ssh_url(
    make_sshd: Callable[..., Sshd], ssh_home: SshHome, make_repository: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Path], str]:  # fmt: skip
    """Makes the address of a repository behind an SSH server that lets one key in."""
    server = make_sshd()
    repo = make_repository({"a.py": "by ssh"}, "ssh")

    def make(key: Path, known: bool = True) -> str:
        if known:
            ssh_home.knows(server)
        # ssh finds its files by the password database, where tests have no say
        options = f"-F /dev/null -i {key} -oIdentitiesOnly=yes -oUserKnownHostsFile={ssh_home.known_hosts}"
        monkeypatch.setenv("GIT_SSH_COMMAND", f"ssh {options}")
        return f"ssh://{ME}@{server.address}:{server.port}{repo}"

    return make


async def test_private_by_key(ssh_url: Callable[..., str], ssh_keys: SshKeys, workspace: Workspace) -> None:
    found = await workspace.checkouts.get(ssh_url(ssh_keys.plain), "main")
    assert (found.folder / "a.py").read_text() == "by ssh"


async def test_a_key_that_is_not_welcome(ssh_url: Callable[..., str], ssh_keys: SshKeys, workspace: Workspace) -> None:
    with pytest.raises(GitProblem, match="no key of yours") as caught:
        await workspace.checkouts.get(ssh_url(ssh_keys.stranger))
    assert "ssh -T -p " in caught.value.remedy


async def test_a_key_with_a_passphrase_asks_nothing(
    ssh_url: Callable[..., str], ssh_keys: SshKeys, workspace: Workspace
) -> None:
    with pytest.raises(GitProblem, match="no key of yours"):
        await workspace.checkouts.get(ssh_url(ssh_keys.encrypted))


async def test_a_host_that_is_not_known(ssh_url: Callable[..., str], ssh_keys: SshKeys, workspace: Workspace) -> None:
    with pytest.raises(RhError, match=r"The host key of \S+ is not known here") as caught:
        await workspace.checkouts.get(ssh_url(ssh_keys.plain, known=False))
    assert caught.value.code == "host-key-unknown"


async def test_a_host_whose_key_changed(
    ssh_url: Callable[..., str], ssh_keys: SshKeys, workspace: Workspace, ssh_home: SshHome,
    make_sshd: Callable[..., Sshd],
) -> None:  # fmt: skip
    url = ssh_url(ssh_keys.plain, known=False)
    other = make_sshd()
    place = url.split("@")[1].split("/")[0]
    host, port = place.split(":")
    lines = other.known_hosts_lines().replace(f"[{other.address}]:{other.port}", f"[{host}]:{port}")
    ssh_home.known_hosts.write_text(lines)
    with pytest.raises(GitProblem, match="not the one that is remembered") as caught:
        await workspace.checkouts.get(url)
    assert caught.value.code == "host-key-changed"


# ---------------------------------------------------------------- a host that is new


async def test_the_person_is_asked_about_a_new_host(
    ssh_url: Callable[..., str], ssh_keys: SshKeys, workspace: Workspace, ssh_home: SshHome
) -> None:
    url = ssh_url(ssh_keys.plain, known=False)
    workspace.asker = person = Person()
    found = await asyncio.gather(workspace.checkouts.get(url), workspace.checkouts.get(url + "/."))
    assert [(one.folder / "a.py").read_text() for one in found] == ["by ssh", "by ssh"]
    (question,) = person.asked
    assert isinstance(question, HostKeyQuestion)
    assert f"{question.host}:{question.port}" == remote_of(url).host
    assert question.fingerprint.startswith("SHA256:")
    assert ssh_home.known_hosts.read_text().count("\n") == 1
    await workspace.checkouts.get(url, "main", anew=True)
    assert len(person.asked) == 1


async def test_a_new_host_that_the_person_does_not_trust(
    ssh_url: Callable[..., str], ssh_keys: SshKeys, workspace: Workspace, ssh_home: SshHome
) -> None:
    workspace.asker = person = Person(trusts=False)
    with pytest.raises(GitProblem, match=r"The host key of \S+ is not known here"):
        await workspace.checkouts.get(ssh_url(ssh_keys.plain, known=False))
    assert len(person.asked) == 1
    assert not ssh_home.known_hosts.exists()


# ---------------------------------------------------------------- whose ssh


@pytest.mark.parametrize("how", ["configuration", "file of the environment", "environment"])
async def test_the_ssh_that_the_person_set(
    ssh_url: Callable[..., str], ssh_keys: SshKeys, workspace: Workspace, monkeypatch: pytest.MonkeyPatch,
    short_path: Path, how: str,
) -> None:  # fmt: skip
    url = ssh_url(ssh_keys.plain)
    own = os.environ["GIT_SSH_COMMAND"]
    file = Path(os.environ["HOME"], ".gitconfig")
    if how != "environment":
        monkeypatch.delenv("GIT_SSH_COMMAND")
    if how == "file of the environment":
        file = short_path / "own.gitconfig"
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(file))
    if how != "environment":
        git(short_path, "config", "-f", str(file), "core.sshCommand", own)
    assert (await workspace.checkouts.get(url)).folder.is_dir()


@pytest.mark.parametrize(
    "switch", ["-oStrictHostKeyChecking=no", "-o StrictHostKeyChecking='no'", '-o "stricthostkeychecking accept-new"']
)
async def test_a_host_is_verified_whatever_is_set(
    ssh_url: Callable[..., str], ssh_keys: SshKeys, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    url = ssh_url(ssh_keys.plain, known=False)
    monkeypatch.setenv("GIT_SSH_COMMAND", f"{os.environ['GIT_SSH_COMMAND']} {switch}")
    with pytest.raises(GitProblem, match="is not known here"):
        await workspace.checkouts.get(url)


async def test_no_ssh_of_a_repository(
    make_repository: Callable[..., Path], workspace: Workspace, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a folder in whose configuration git would look says is not the person's."""
    mark = short_path / "ran"
    repo = make_repository({"a.py": "a"})
    git(repo, "config", "core.sshCommand", f"touch {shlex.quote(str(mark))}")
    monkeypatch.chdir(repo)
    monkeypatch.setenv("GIT_DIR", str(repo / ".git"))
    with pytest.raises(GitProblem, match="cannot be reached"):
        await workspace.checkouts.get("ssh://git@127.0.0.1:1/o/r")
    assert not mark.exists()


@pytest.mark.parametrize(("variable", "value"), [("GIT_SSH_COMMAND", "/no/ssh -x"), ("GIT_SSH", "/no/ssh")])
async def test_an_ssh_that_is_not_there(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(GitProblem, match="cannot start the ssh program") as caught:
        await workspace.checkouts.get("ssh://git@127.0.0.1:1/o/r")
    assert caught.value.code == "no-ssh"


@pytest.mark.parametrize(
    ("url", "messages", "code"),
    [
        ("https://h/o/r", "error: cannot open '/c/x.git/FETCH_HEAD': Permission denied", "no-rights"),
        ("https://h/o/r", "fatal: cannot mkdir objects/pack: Permission denied\nfatal: index-pack failed", "no-rights"),
        ("/srv/r", "error: unable to open object pack directory: /srv/r: Permission denied", "no-rights"),
        ("/srv/r", "fatal: '/srv/r' does not appear to be a git repository", "no-repository"),
        ("git@h:o/r", "git@h: Permission denied (publickey,password).", "refused"),
        ("git@h:o/r", "error: cannot run ssh: No such file or directory\nfatal: unable to fork", "no-ssh"),
        ("git@h:o/r", "sh: 1: ssh: not found\nfatal: Could not read from remote repository.", "no-ssh"),
        ("git@h:o/r", "bash: line 1: git-upload-pack: command not found", "no-git-there"),
        ("https://h/o/r", "remote: Permission to o/r.git denied to me.", "refused"),
    ],
)
def test_what_may_not_be_read(url: str, messages: str, code: str) -> None:
    problem = problem_of(remote_of(url), Done(128, b"", messages))
    assert problem.code == code
    assert ("token" in problem.remedy) == (code == "refused" and url.startswith("https"))


# ---------------------------------------------------------------- a server without an end


async def test_a_server_that_sends_without_end(
    make_repository: Callable[..., Path], workspace: Workspace, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is not filled: the server is left when it has sent too much, not when it is done."""
    repo = make_repository({"data.bin": os.urandom(3_000_000)})
    wanted = git(repo, "rev-parse", "HEAD")
    most = short_path / "most.py"
    most.write_text(
        "import os, time\nleft = 1_500_000\nwhile left:\n left -= os.write(1, os.read(0, min(left, 9000)))\n"
    )
    most.write_text(most.read_text() + "time.sleep(600)\n")
    ssh = short_path / "ssh"
    ssh.write_text(
        '#!/bin/sh\ncase " $* " in *" -G "*) exit 1;; esac\n'
        f"git upload-pack {repo} | exec {shlex.quote(sys.executable)} {most}\n"
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    monkeypatch.setattr(repository, "LARGEST", 1_000_000)
    with pytest.raises(GitProblem, match="more than rhdesk takes") as caught:
        await workspace.checkouts.get("ssh://host/x", wanted)
    assert caught.value.code == "too-large"
    assert not list(workspace.checkouts.folder.glob("*/repository.git"))
