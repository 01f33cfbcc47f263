"""Hosts that are set up wrong, as the command line tells of them: one sentence, a remedy, and nothing half-done."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lab.poor_hosts import EMPTY_PROGRAM_FOLDERS, NO_PYTHON_ELSEWHERE, in_own_mounts, without_good_python
from lab.rights import has_many_users
from lab.ssh_cluster import document_at
from lab.ssh_fixtures import SshHome, SshKeys
from lab.sshd import Sshd
from lab.terminal import Terminal

from rhresources.resource_names import ResourceNames

PROGRAM = (sys.executable, "-m", "rhdesk")

MakeSshd = Callable[..., Sshd]


@dataclass
class Setup:
    """How a host and the way there are set up."""

    sshd: dict[str, Any] = field(default_factory=dict)
    log_in: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    known: bool = True
    after: Callable[[Sshd, SshHome], None] = lambda _sshd, _home: None


@dataclass(frozen=True)
class Case:
    """A wrong set-up.

    Attributes:
        sentence, remedy: what they match.
        typed: what the person at the terminal answers to (part of a question, answer).
        check: the step that fails; empty: `check` has nothing against it.
    """

    sentence: str
    remedy: str
    make: Callable[[SshKeys, Path], Setup]
    check: str
    typed: tuple[str, str] | None = None
    root: bool = False


def _another_key(sshd: Sshd, home: SshHome) -> None:
    where, kind, _ = sshd.known_hosts_lines().splitlines()[0].split()
    other = (sshd.folder / "authorized_keys").read_text().split()[1]
    home.known_hosts.write_text(f"{where} {kind} {other}\n")


CASES = {
    "wrong user": Case(
        r"127\.0\.0\.1 \(port \d+\) does not let nobody-here in", "Check the user name",
        lambda keys, _: Setup(log_in={"ssh_user": "nobody-here"}), "log in",
    ),
    "wrong key": Case(
        r"127\.0\.0\.1 \(port \d+\) does not let \w+ in\. It refused key .*stranger", "authorized_keys",
        lambda keys, _: Setup(log_in={"ssh_private_key": str(keys.stranger)}), "log in",
    ),
    "passphrase missing": Case(
        r"passphrase", r"passphrase",
        lambda keys, _: Setup(log_in={"ssh_private_key": str(keys.encrypted)}), "log in", typed=("assphrase", "\n"),
    ),
    "agent dead": Case(
        r"agent", r"agent",
        lambda keys, _: Setup(log_in={"ssh_private_key": None, "log_in": "agent"}), "log in",
    ),
    "port closed": Case(
        r"127\.0\.0\.1 is on, but no SSH server listens on its port \d+", "Check the port",
        lambda keys, _: Setup(after=lambda sshd, _home: sshd.stop()), "reach",
    ),
    "host without an address": Case(
        r"There is no host named nobody\.invalid", "Check the name",
        lambda keys, _: Setup(document={"ips": ["nobody.invalid"]}), "resolve",
    ),
    "host key unknown": Case(
        r"The host key of \S+( \(port \d+\))? is not known here", r"ssh-ed25519 SHA256:|~/\.ssh/known_hosts",
        lambda keys, _: Setup(known=False), "host key", typed=("(yes/no", "no\n"),
    ),
    "host key changed": Case(
        r"The host key of 127\.0\.0\.1 \(port \d+\) is not the one in .*known_hosts, line 1", r"ssh-keygen .*-R",
        lambda keys, _: Setup(after=_another_key), "host key",
    ),
    "disk full": Case(
        r"The disk of 127\.0\.0\.1 is full", "Free about 1 GB",
        lambda keys, folder: Setup(
            sshd={"prefix": in_own_mounts(f"mount -t tmpfs -o size=60m none {folder}")}
        ), "disk", root=True,
    ),
    "python too old": Case(
        r"127\.0\.0\.1 has only Python 3\.9\.2; 3\.11 or newer is needed", "`python:` field",
        lambda keys, folder: Setup(
            sshd={
                "prefix": in_own_mounts(EMPTY_PROGRAM_FOLDERS),
                "set_env": {**NO_PYTHON_ELSEWHERE, "PATH": str(without_good_python(folder / "bin"))},
            }
        ), "", root=True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_set_up_is_one_sentence_and_what_to_do(
    name: str,
    rhdesk: Any,
    make_sshd: MakeSshd,
    ssh_home: SshHome,
    ssh_keys: SshKeys,
    rh_home: Path,
    short_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = CASES[name]
    if case.root and not has_many_users():
        pytest.skip("needs root: the host has mounts of its own")
    place = short_path / "there"
    place.mkdir()
    setup = case.make(ssh_keys, place)
    variables = {"RH_HOME": str(place / ".rh"), **setup.sshd.pop("set_env", {})}
    sshd = make_sshd(set_env=variables, **setup.sshd)
    if setup.known:
        ssh_home.knows(sshd)
    log_in = {"ssh_port": sshd.port, "ssh_private_key": str(ssh_keys.plain), "log_in": "key", **setup.log_in}
    ResourceNames(rh_home).save("~/bad", document_at(sshd, ssh_keys.plain, ssh_creds=log_in, **setup.document))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(short_path / "no-agent"))
    setup.after(sshd, ssh_home)

    check = rhdesk("check", "bad", code=1 if case.check else 0)
    if case.check:
        *_, line, remedy = check.out.splitlines()
        assert line.startswith("✗")
        assert case.check in line
        assert re.search(case.sentence, line)
        assert re.search(case.remedy, remedy)
    up = rhdesk("up", "bad", code=1)
    assert up.out == ""
    _is_one_sentence(up.err, case)
    for command in ("check", "up"):
        with Terminal([*PROGRAM, command, "bad"]) as terminal:
            if case.typed is not None:
                terminal.expect(case.typed[0])
                terminal.type(case.typed[1])
            said = terminal.ends(1 if case.check or command == "up" else 0)
        assert "Traceback" not in said
        if command == "up":
            _is_one_sentence(said, case)
        elif case.check:
            assert re.search(rf"✗ .*{case.sentence}", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said))
    there = place / ".rh"
    assert not [*there.glob("installs/*/complete"), *there.glob("server/server.json")]


def _is_one_sentence(said: str, case: Case) -> None:
    """An error at the end, with its remedy; nothing that a program would say to another."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said)
    assert plain.count("Error: ") == 1
    assert "Traceback" not in plain
    sentence, _, remedy = plain.partition("Error: ")[2].partition("\n")
    assert re.search(case.sentence, sentence), plain
    assert re.search(case.remedy, remedy), plain


@pytest.mark.ray
@pytest.mark.parametrize("forbids", ["DisableForwarding yes", "AllowStreamLocalForwarding no"])
def test_where_forwarding_is_forbidden_it_works_and_says_so(
    forbids: str, rhdesk: Any, server: Any, make_sshd: MakeSshd, ssh_home: SshHome, ssh_keys: SshKeys, rh_home: Path
) -> None:
    sshd = make_sshd(set_env={"RH_HOME": str(server.home)}, extra=forbids)
    ssh_home.knows(sshd)
    ResourceNames(rh_home).save("~/strict", document_at(sshd, ssh_keys.plain))
    said = rhdesk("check", "strict").out
    note = next(line for line in said.splitlines() if "forwarding" in line)
    assert note.startswith("!")
    assert "a program on the host carries the connections instead" in note
    assert "AllowStreamLocalForwarding yes" in said
    assert "was up already" in rhdesk("up", "strict").err
    assert rhdesk("status", "strict", "--json").json()["state"] == "up"
