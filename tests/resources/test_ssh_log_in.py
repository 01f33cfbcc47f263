"""Logging in to real SSH servers: every kind of key, the agent, passwords, prompts, and what is said when it fails."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import paramiko
import pytest
from lab.rights import root_only
from lab.ssh_fixtures import PASSPHRASE, PASSWORD, USER, Opener, Person, SshHome, SshKeys, document_of, ssh_keygen
from lab.sshd import ME, SshAgent, Sshd, make_key

from rhresources.credentials import Credentials
from rhresources.reach.questions import NeedsAnswer
from rhresources.reach.ssh.problems import SshProblem
from rhresources.reach.ssh.target import SshTarget, target_of


@pytest.mark.parametrize("kind", ["plain", "rsa", "ecdsa"])
async def test_by_key(kind: str, sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener) -> None:
    ssh_home.knows(sshd)
    connection = await open_ssh(document_of(sshd, getattr(ssh_keys, kind)))
    assert (await connection.run("echo in")).text == "in"


@pytest.mark.parametrize("how", ["pkcs8", "pkcs8-encrypted", "pem", "pem-encrypted"])
async def test_by_a_key_in_another_format(
    how: str, sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener, tmp_path: Path
) -> None:
    ssh_home.knows(sshd)
    key = tmp_path / "key"
    passphrase = PASSPHRASE if "encrypted" in how else ""
    key.write_bytes(ssh_keys.rsa.read_bytes())
    key.chmod(0o600)
    form = "PKCS8" if "pkcs8" in how else "PEM"
    ssh_keygen("-q", "-p", "-m", form, "-P", "", "-N", passphrase, "-f", key)
    person = Person(passphrase=PASSPHRASE)
    connection = await open_ssh(document_of(sshd, key), person)
    assert (await connection.run("echo in")).text == "in"
    assert len(person.asked) == bool(passphrase)


async def test_passphrase_is_asked_until_it_is_right_and_kept_for_reconnects(
    sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener, session_credentials: Credentials
) -> None:
    ssh_home.knows(sshd)
    document = document_of(sshd, ssh_keys.encrypted)
    with pytest.raises(NeedsAnswer):
        await open_ssh(document)
    person = Person(passphrase=["wrong", PASSPHRASE])
    await open_ssh(document, person)
    assert [question.again for question in person.secrets_asked] == [False, True]
    assert person.secrets_asked[0].prompt.startswith("Passphrase of ")
    await open_ssh(document)
    assert await session_credentials.get("passphrase", str(ssh_keys.encrypted)) == PASSPHRASE


async def test_wrong_passphrase_in_the_store_is_asked_again(
    sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener, session_credentials: Credentials
) -> None:
    ssh_home.knows(sshd)
    await session_credentials.put("passphrase", str(ssh_keys.encrypted), "old", session_only=True)
    person = Person(passphrase=PASSPHRASE)
    await open_ssh(document_of(sshd, ssh_keys.encrypted), person)
    assert [question.again for question in person.secrets_asked] == [True]


@pytest.mark.parametrize(("answers", "code"), [([None], "passphrase-missing"), (["a", "b", "c"], "passphrase-wrong")])
async def test_without_the_passphrase(
    answers: list[str | None], code: str, sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener
) -> None:
    ssh_home.knows(sshd)
    with pytest.raises(SshProblem) as caught:
        await open_ssh(document_of(sshd, ssh_keys.encrypted), Person(passphrase=answers))
    assert caught.value.code == code
    assert caught.value.step == "log in"


async def test_no_passphrase_is_asked_for_a_key_that_the_host_does_not_want(
    make_sshd: Callable[..., Sshd], ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener
) -> None:
    server = make_sshd(authorized=[ssh_keys.plain])
    ssh_home.knows(server)
    person = Person(passphrase=PASSPHRASE)
    with pytest.raises(SshProblem) as caught:
        await open_ssh(document_of(server, ssh_keys.encrypted), person)
    assert caught.value.code == "log-in-refused"
    assert person.asked == []


async def test_wrong_key_and_wrong_user(sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener) -> None:
    ssh_home.knows(sshd)
    for document in (
        document_of(sshd, ssh_keys.stranger, log_in="key"),
        document_of(sshd, ssh_keys.plain, user="nobody-here", log_in="key"),
    ):
        with pytest.raises(SshProblem) as caught:
            await open_ssh(document, Person())
        assert caught.value.code == "log-in-refused"
        assert f"does not let {document.ssh_creds.ssh_user} in" in caught.value.sentence
        assert "authorized_keys" in caught.value.remedy


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (None, "key-missing", "There is no key file"),
        ("junk\n", "key-not-readable", "not a private key"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", "key-not-readable", "puttygen"),
        ("ssh-ed25519 AAAA x\n", "key-not-readable", "public key"),
    ],
)
async def test_unusable_key_file(
    content: str | None, code: str, says: str, sshd: Sshd, ssh_home: SshHome, open_ssh: Opener, tmp_path: Path
) -> None:
    ssh_home.knows(sshd)
    key = tmp_path / "key"
    if content is not None:
        key.write_text(content)
    with pytest.raises(SshProblem) as caught:
        await open_ssh(document_of(sshd, key))
    assert caught.value.code == code
    assert says in caught.value.sentence


async def test_by_agent(
    sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, ssh_agent: SshAgent, open_ssh: Opener
) -> None:
    ssh_home.knows(sshd)
    document = document_of(sshd, log_in="agent")
    with pytest.raises(SshProblem) as caught:
        await open_ssh(document)
    assert caught.value.code == "agent-empty"
    ssh_agent.add(ssh_keys.stranger, ssh_keys.rsa)
    connection = await open_ssh(document)
    assert (await connection.run("echo in")).text == "in"
    ssh_agent.stop()
    with pytest.raises(SshProblem) as caught:
        await open_ssh(document)
    assert caught.value.code == "agent-missing"
    assert str(ssh_agent.socket) in caught.value.sentence


async def test_without_an_agent(sshd: Sshd, ssh_home: SshHome, open_ssh: Opener) -> None:
    ssh_home.knows(sshd)
    with pytest.raises(SshProblem) as caught:
        await open_ssh(document_of(sshd, log_in="agent"))
    assert caught.value.code == "agent-missing"
    assert "SSH_AUTH_SOCK is not set" in caught.value.sentence


async def test_agent_saves_the_passphrase_of_a_named_key_and_only_that_key_is_used(
    sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, ssh_agent: SshAgent, open_ssh: Opener, tmp_path: Path
) -> None:
    ssh_home.knows(sshd)
    ssh_agent.add(*[make_key(tmp_path / f"other{number}") for number in range(8)], ssh_keys.plain)
    # the file is encrypted and the agent holds its key: nothing is asked; eight strangers would exhaust MaxAuthTries
    locked = tmp_path / "locked"
    locked.write_bytes(ssh_keys.plain.read_bytes())
    locked.chmod(0o600)
    ssh_keygen("-q", "-p", "-P", "", "-N", PASSPHRASE, "-f", locked)
    steps: list[str] = []
    await open_ssh(document_of(sshd, locked), on_step=lambda step: steps.append(step.sentence))
    assert "of the agent" in steps[-1]


async def test_too_many_keys(
    sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, ssh_agent: SshAgent, open_ssh: Opener, tmp_path: Path
) -> None:
    ssh_home.knows(sshd)
    ssh_agent.add(*[make_key(tmp_path / f"other{number}") for number in range(8)])
    with pytest.raises(SshProblem) as caught:
        await open_ssh(document_of(sshd))
    assert caught.value.code == "log-in-refused"
    assert "name the key to use" in caught.value.sentence


async def test_by_certificate(
    make_sshd: Callable[..., Sshd], ssh_home: SshHome, open_ssh: Opener, tmp_path: Path
) -> None:
    authority, key = make_key(tmp_path / "authority"), make_key(tmp_path / "key")
    ssh_keygen("-q", "-s", authority, "-I", "me", "-n", ME, f"{key}.pub")
    server = make_sshd(authorized=[], extra=f"TrustedUserCAKeys {authority}.pub")
    ssh_home.knows(server)
    await open_ssh(document_of(server, key))
    # elsewhere, named by the configuration
    certificate = Path(f"{key}-cert.pub").rename(tmp_path / "elsewhere.pub")
    ssh_home.config(f"Host {server.address}\n  IdentityFile {key}\n  CertificateFile {certificate}\n")
    await open_ssh(document_of(server))


# ---------------------------------------------------------------- passwords


@root_only
async def test_by_password(sshd: Sshd, ssh_home: SshHome, open_ssh: Opener, session_credentials: Credentials) -> None:
    ssh_home.knows(sshd)
    document = document_of(sshd, user=USER)
    with pytest.raises(NeedsAnswer):
        await open_ssh(document)
    person = Person(password=["wrong", PASSWORD])
    connection = await open_ssh(document, person)
    assert (await connection.run("id -un")).text == USER
    assert [question.again for question in person.secrets_asked] == [False, True]
    assert person.secrets_asked[0].keeping == "until rhdesk is closed"
    await open_ssh(document)
    account = (await target_of(document)).account
    assert await session_credentials.get("password", account) == PASSWORD


@root_only
async def test_refused_password_is_not_kept(
    sshd: Sshd, ssh_home: SshHome, open_ssh: Opener, session_credentials: Credentials
) -> None:
    ssh_home.knows(sshd)
    document = document_of(sshd, user=USER, log_in="password")
    for answers in ([None], ["a", "b", "c"]):
        with pytest.raises(SshProblem) as caught:
            await open_ssh(document, Person(password=answers))
        assert caught.value.code == "log-in-refused"
        assert USER in caught.value.sentence
    assert await session_credentials.list() == []


@root_only
async def test_key_and_then_password(
    make_sshd: Callable[..., Sshd], ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener
) -> None:
    server = make_sshd(users={USER: PASSWORD}, extra="AuthenticationMethods publickey,password")
    ssh_home.knows(server)
    person = Person(password=PASSWORD)
    connection = await open_ssh(document_of(server, ssh_keys.plain, user=USER, log_in="key"), person)
    assert (await connection.run("id -un")).text == USER
    assert len(person.asked) == 1


PAM = "auth required pam_unix.so\naccount required pam_permit.so\nsession required pam_permit.so\n"


@root_only
async def test_prompt_of_pam(make_sshd: Callable[..., Sshd], ssh_home: SshHome, open_ssh: Opener) -> None:
    server = make_sshd(
        users={USER: PASSWORD}, pam=PAM, extra="PasswordAuthentication no\nKbdInteractiveAuthentication yes\n"
    )
    ssh_home.knows(server)
    document = document_of(server, user=USER)
    person = Person(password=["wrong", PASSWORD])
    connection = await open_ssh(document, person)
    assert (await connection.run("id -un")).text == USER
    assert [question.again for question in person.secrets_asked] == [False, True]
    await open_ssh(document)


class _AsksTwice(paramiko.ServerInterface):  # type: ignore[misc]
    """Asks for a password and a code at once, and then for one more. No module of PAM in the lab asks such things."""

    def __init__(self) -> None:
        self.rounds: list[list[str]] = []

    def get_allowed_auths(self, username: str) -> str:
        return "keyboard-interactive"

    def check_auth_interactive(self, username: str, submethods: str) -> paramiko.InteractiveQuery:
        self.rounds.clear()
        return paramiko.InteractiveQuery(
            "Laboratory", "Two things, please.", ("Password: ", False), ("Code (e-mail): ", True)
        )

    def check_auth_interactive_response(self, responses: list[str]) -> int | paramiko.InteractiveQuery:
        self.rounds.append(responses)
        if len(self.rounds) == 1:
            return paramiko.InteractiveQuery("", "", ("Last digits", False))
        right = self.rounds == [["secret", "123456"], ["42"]]
        return int(paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED)


async def test_several_prompts(
    ssh_home: SshHome, open_ssh: Opener, session_credentials: Credentials, ssh_keys: SshKeys
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        transports: list[paramiko.Transport] = []

        def serve() -> None:
            connection, _ = listener.accept()
            transport = paramiko.Transport(connection)
            transport.add_server_key(paramiko.Ed25519Key.from_private_key_file(str(ssh_keys.plain)))
            transports.append(transport)
            transport.start_server(threading.Event(), _AsksTwice())

        threading.Thread(target=serve, daemon=True).start()
        target = SshTarget("lab", "127.0.0.1", port, "me", known_hosts=(str(ssh_home.known_hosts),))
        prompts = {"Code (e-mail)": ["000000", "123456"], "Last digits": ["42", "42"]}
        person = Person(password=["secret", "secret"], **prompts)
        await open_ssh(target, person)
    questions = person.secrets_asked
    assert [question.prompt for question in questions[:3]] == [
        f"Password of {target.account}",
        "Code (e-mail)",
        "Last digits",
    ]
    assert [question.echo for question in questions[:3]] == [False, True, False]
    assert questions[0].instruction == "Laboratory Two things, please."
    assert len(questions) == 6
    assert [entry.kind for entry in await session_credentials.list()] == ["password"]
    for transport in transports:
        transport.close()
