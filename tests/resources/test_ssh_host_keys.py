"""Host keys: how files of known hosts are read, and what real servers with known, new, changed and revoked keys get."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.ssh_fixtures import Opener, Person, SshHome, SshKeys, document_of
from lab.sshd import Sshd, public_half

from rhresources.reach.questions import HostKeyQuestion, NeedsAnswer
from rhresources.reach.ssh import known_hosts
from rhresources.reach.ssh.problems import SshProblem
from rhresources.reach.steps import Step


@pytest.mark.parametrize(
    ("patterns", "name", "fits"),
    [
        ("gpu1", "gpu1", True),
        ("GPU1", "gpu1", True),
        ("gpu1", "gpu10", False),
        ("a,gpu1,b", "gpu1", True),
        ("*.lab", "gpu1.lab", True),
        ("*.lab,!gpu1.lab", "gpu1.lab", False),
        ("!gpu1.lab,*.lab", "gpu1.lab", False),
        ("gpu?", "gpu1", True),
        ("[gpu1]:2222", "[gpu1]:2222", True),
        ("[*.lab]:2222", "[gpu1.lab]:2222", True),
        ("[gpu1]:2222", "g", False),
        ("10.0.*", "10.0.3.4", True),
        ("|1|bad|", "gpu1", False),
        ("|1|%%%|###", "gpu1", False),
    ],
)
def test_patterns(patterns: str, name: str, fits: bool) -> None:
    assert known_hosts.matches(patterns, name) is fits


def test_junk_spoils_nothing(tmp_path: Path, ssh_keys: SshKeys) -> None:
    file = tmp_path / "known_hosts"
    key = public_half(ssh_keys.plain)
    file.write_bytes(
        b"# a comment\n\njunk\n\xff\xfe\x00\nhost 1024 35 1234567890\n@revoked\nhost ssh-ed25519 not-base64!\n"
        + f"@cert-authority host {key}\n@strange host {key}\n  host {key} comment\n".encode()
    )
    found = known_hosts.lookup((str(tmp_path / "missing"), str(tmp_path), str(file)), "host")
    assert [key.line for key in found.keys] == [10]
    assert [line for _, line in found.authorities] == [8]


@pytest.mark.parametrize("hashed", [False, True])
def test_what_is_remembered_is_read_by_openssh(hashed: bool, tmp_path: Path, ssh_keys: SshKeys) -> None:
    file = tmp_path / "ssh" / "known_hosts"
    blob = known_hosts.lookup((), "x") and _blob(ssh_keys.plain)
    known_hosts.remember(str(file), "gpu1", 2222, blob, hashed)
    file.write_text(file.read_text().rstrip("\n"))  # a last line without an end
    known_hosts.remember(str(file), "gpu2", 22, _blob(ssh_keys.rsa), hashed)
    assert file.stat().st_mode & 0o777 == 0o600
    for name, kind in (("[gpu1]:2222", "ssh-ed25519"), ("gpu2", "ssh-rsa")):
        done = subprocess.run(["ssh-keygen", "-F", name, "-f", file], capture_output=True, text=True, check=True)
        assert kind in done.stdout
    assert ("gpu" in file.read_text()) is not hashed
    assert known_hosts.lookup((str(file),), "gpu1", 2222).verdict(blob) == ("known", (str(file), 1))
    assert known_hosts.lookup((str(file),), "gpu2").key_types == ["ssh-rsa", "rsa-sha2-512", "rsa-sha2-256"]
    assert known_hosts.lookup((str(file),), "gpu3").verdict(blob) == ("unknown", None)


def test_a_key_under_the_bare_name_does_for_a_port_and_forbids_nothing(tmp_path: Path, ssh_keys: SshKeys) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"gpu1 {public_half(ssh_keys.plain)}\n")
    found = known_hosts.lookup((str(file),), "gpu1", 2222)
    assert found.verdict(_blob(ssh_keys.plain))[0] == "known"
    assert found.verdict(_blob(ssh_keys.rsa))[0] == "unknown"


def test_fingerprint_is_that_of_ssh_keygen(ssh_keys: SshKeys) -> None:
    done = subprocess.run(["ssh-keygen", "-l", "-f", ssh_keys.plain], capture_output=True, text=True, check=True)
    assert known_hosts.fingerprint(_blob(ssh_keys.plain)) == done.stdout.split()[1]


def _in_shell(command: str) -> None:
    subprocess.run(command, shell=True, check=True, capture_output=True)


def _blob(key: Path) -> bytes:
    from rhresources.reach.ssh.keys import blob_of_line

    blob = blob_of_line(f"{key}.pub")
    assert blob is not None
    return blob


# ---------------------------------------------------------------- real servers


async def test_unknown_key_is_asked_about_once(
    sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener
) -> None:
    document = document_of(sshd, ssh_keys.plain)
    with pytest.raises(NeedsAnswer) as refused:
        await open_ssh(document)
    person, steps = Person(), list[Step]()
    await open_ssh(document, person, on_step=steps.append)
    fingerprint = known_hosts.fingerprint(_blob(sshd.host_keys[0]))
    assert person.asked == [HostKeyQuestion("127.0.0.1", sshd.port, "ssh-ed25519", fingerprint, "~/.ssh/known_hosts")]
    assert fingerprint in refused.value.sentence
    told = next(step for step in steps if step.name == "host key" and step.state != "running")
    assert told.state == "note"
    assert "remembered in ~/.ssh/known_hosts" in told.sentence
    await open_ssh(document)
    assert ssh_home.known_hosts.read_text().count("\n") == 1


async def test_refused_key_is_not_remembered(
    sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener
) -> None:
    with pytest.raises(SshProblem) as caught:
        await open_ssh(document_of(sshd, ssh_keys.plain), Person(trusts=False))
    assert (caught.value.code, caught.value.step) == ("host-key-unknown", "host key")
    assert not ssh_home.known_hosts.exists()
    assert "Accepted" not in sshd.log


async def test_changed_key_is_refused_with_the_way_to_mend_it(
    sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener
) -> None:
    name = f"[127.0.0.1]:{sshd.port}"
    ssh_home.known_hosts.write_text(f"# first line\n{name} {public_half(ssh_keys.plain)}\n")
    person = Person()
    with pytest.raises(SshProblem) as caught:
        await open_ssh(document_of(sshd, ssh_keys.plain), person)
    assert caught.value.code == "host-key-changed"
    assert "~/.ssh/known_hosts, line 2" in caught.value.sentence
    assert f"(ssh-keygen -f ~/.ssh/known_hosts -R '{name}')" in caught.value.remedy
    command = caught.value.remedy.split("(")[1].split(")")[0]
    _in_shell(command)
    await open_ssh(document_of(sshd, ssh_keys.plain), person)
    assert len(person.asked) == 1


async def test_another_type_of_key_counts_as_changed(
    make_sshd: Callable[..., Sshd], ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener
) -> None:
    server = make_sshd(host_key_types=("ed25519", "rsa", "ecdsa"))
    name = f"[127.0.0.1]:{server.port}"
    # the server has the known type beside others: it is asked for that one
    ssh_home.known_hosts.write_text(f"{name} {public_half(server.host_keys[1])}\n")
    await open_ssh(document_of(server, ssh_keys.plain))
    only_one = make_sshd(host_key_types=("ed25519",))
    ssh_home.known_hosts.write_text(f"[127.0.0.1]:{only_one.port} {public_half(server.host_keys[1])}\n")
    with pytest.raises(SshProblem) as caught:
        await open_ssh(document_of(only_one, ssh_keys.plain), Person())
    assert caught.value.code == "host-key-changed"


async def test_revoked_key(sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener) -> None:
    ssh_home.knows(sshd)
    with ssh_home.known_hosts.open("a") as file:
        file.write(f"@revoked * {public_half(sshd.host_keys[0])}\n")
    with pytest.raises(SshProblem) as caught:
        await open_ssh(document_of(sshd, ssh_keys.plain), Person())
    assert caught.value.code == "host-key-revoked"


async def test_configuration_decides_how_keys_are_remembered(
    sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener
) -> None:
    document = document_of(sshd, ssh_keys.plain)
    ssh_home.config("StrictHostKeyChecking yes\n")
    with pytest.raises(SshProblem) as caught:
        await open_ssh(document, Person())
    assert caught.value.code == "host-key-unknown"
    ssh_home.config("StrictHostKeyChecking accept-new\nHashKnownHosts yes\n")
    await open_ssh(document)
    assert ssh_home.known_hosts.read_text().startswith("|1|")
    ssh_home.config("HashKnownHosts no\nUserKnownHostsFile ~/.ssh/other\nHostKeyAlias the-box\n")
    await open_ssh(document, Person())
    assert (ssh_home.folder / "other").read_text().startswith("the-box ssh-ed25519 ")


async def test_an_authority_cannot_be_checked_and_is_mentioned(
    sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener
) -> None:
    ssh_home.known_hosts.write_text(f"@cert-authority * {public_half(ssh_keys.plain)}\n")
    steps: list[Step] = []
    await open_ssh(document_of(sshd, ssh_keys.plain), Person(), on_step=steps.append)
    assert any("line 1 trusts an authority" in step.sentence for step in steps)
