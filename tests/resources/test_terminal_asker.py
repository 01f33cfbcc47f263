"""Questions at a real terminal: what is shown, what is typed, what stays hidden, and who is asked first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from lab.terminal import Terminal

from rhresources.credentials.terminal import TerminalAsker, in_notebook, refusal
from rhresources.reach.questions import HostKeyQuestion, NeedsAnswer, SecretQuestion

HOST_KEY = HostKeyQuestion("192.0.2.7", 2222, "ssh-ed25519", "SHA256:abc", "/home/alice/.ssh/known_hosts")

PROGRAM = """
import asyncio
from rhresources.credentials.terminal import TerminalAsker
from rhresources.reach.questions import HostKeyQuestion, SecretQuestion

HOST_KEY = HostKeyQuestion("192.0.2.7", 2222, "ssh-ed25519", "SHA256:abc", "/home/alice/.ssh/known_hosts")

def secret(name="id", **more):
    return SecretQuestion("passphrase", f"/k/{name}", f"Passphrase of /k/{name}", **more)

async def main():
    asker = TerminalAsker()
    answer = await asyncio.gather(*(ASK))
    print("got", *answer, *(each.text for each in answer if hasattr(each, "text")), flush=True)

try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def asking(*questions: str) -> Terminal:
    """A program at a terminal that asks these questions at once."""
    return Terminal([sys.executable, "-c", PROGRAM.replace("ASK", f"[{', '.join(questions)}]")])


CONFIRM = "asker.confirm_host_key(HOST_KEY)"


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("yes", True),
        ("YES ", True),
        ("SHA256:abc", True),
        ("", False),
        ("y", False),
        ("no", False),
        ("SHA256:x", False),
    ],
)
def test_how_a_host_key_is_asked_about(typed: str, answer: bool) -> None:
    with asking(CONFIRM) as terminal:
        shown = terminal.expect("(yes/no/[fingerprint])? ")
        assert shown == (
            "The authenticity of host '[192.0.2.7]:2222' can't be established.\n"
            "ED25519 key fingerprint is SHA256:abc.\n"
            "Are you sure you want to continue connecting (yes/no/[fingerprint])? "
        )
        terminal.type(f"{typed}\n")
        assert f"got {answer}" in terminal.ends()


def test_that_a_secret_is_hidden_and_not_kept_unasked() -> None:
    with asking("asker.ask_secret(secret())") as terminal:
        terminal.expect("Passphrase of /k/id: ")
        assert not terminal.echoes
        terminal.type("hörse\n")
        rest = terminal.ends()
        assert "got SecretAnswer(keep=False) hörse" in rest
        assert rest.count("hörse") == 1, "only what the program itself printed"
        assert terminal.echoes


@pytest.mark.parametrize(("typed", "keep"), [("", True), ("Y", True), ("yes", True), ("n", False), ("\x04", False)])
def test_that_keeping_is_asked_about(typed: str, keep: bool) -> None:
    with asking(
        "asker.ask_secret(secret(keeping='in GNOME Keyring', again=True, instruction='Mind\\x1b[31m the gap'))"
    ) as terminal:
        assert terminal.expect(": ") == "That was wrong, please try again.\nMind [31m the gap\nPassphrase of /k/id: "
        terminal.type("x\n")
        terminal.expect("Keep it in GNOME Keyring? [Y/n] ")
        terminal.type(typed if typed == "\x04" else f"{typed}\n")
        assert f"got SecretAnswer(keep={keep}) x" in terminal.ends()


def test_that_the_memory_of_this_program_needs_no_question() -> None:
    with asking("asker.ask_secret(secret(keeping='until rhdesk is closed'))") as terminal:
        terminal.expect("Passphrase of /k/id: ")
        terminal.type("x\n")
        assert "got SecretAnswer(keep=True) x" in terminal.ends()


def test_that_nothing_typed_is_no_answer() -> None:
    for typed in ("\n", "\x04"):
        with asking("asker.ask_secret(secret())") as terminal:
            terminal.expect("Passphrase of /k/id: ")
            terminal.type(typed)
            assert "got None" in terminal.ends()


def test_that_a_code_of_the_server_may_be_shown() -> None:
    question = "SecretQuestion('answer', 'alice@gpu1:22', 'Verification code: ', echo=True)"
    with asking(f"asker.ask_secret({question})") as terminal:
        terminal.expect("Verification code: ")
        assert terminal.echoes
        terminal.type("123456\n")
        assert "123456\ngot" in terminal.ends()


def test_that_several_questions_come_one_after_the_other() -> None:
    with asking("asker.ask_secret(secret('one'))", CONFIRM, "asker.ask_secret(secret('two'))") as terminal:
        terminal.expect("Passphrase of /k/one: ")
        assert "authenticity" not in terminal.shown
        terminal.type("1\n")
        terminal.expect("(yes/no/[fingerprint])? ")
        assert "two" not in terminal.shown
        terminal.type("yes\n")
        terminal.expect("Passphrase of /k/two: ")
        terminal.type("2\n")
        assert terminal.ends().strip() == "got SecretAnswer(keep=False) True SecretAnswer(keep=False) 1 2"


def test_that_ctrl_c_ends_the_question_and_the_terminal_is_as_before() -> None:
    with asking("asker.ask_secret(secret('one'))", "asker.ask_secret(secret('two'))") as terminal:
        terminal.expect("Passphrase of /k/one: ")
        assert not terminal.echoes
        terminal.type("half\x03")
        assert "interrupted" in terminal.ends()
        assert terminal.echoes
        assert "half" not in terminal.shown
        assert "two" not in terminal.shown


# ---------------------------------------------------------------- nobody there


def test_what_is_said_where_nobody_can_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    error = refusal(SecretQuestion("passphrase", "/home/alice/.ssh/id_ed25519", "Passphrase of ~/.ssh/id_ed25519"))
    assert error.sentence == "The passphrase of ~/.ssh/id_ed25519 is needed, and nobody is at a terminal to type it."
    assert error.remedy == (
        "Run this once in a terminal, or keep it with `rhdesk credentials set passphrase ~/.ssh/id_ed25519`."
    )
    assert "set password alice@gpu1`" in refusal(SecretQuestion("password", "alice@gpu1:22", "Password")).remedy
    assert "is wrong" in refusal(SecretQuestion("password", "alice@gpu1:2222", "Password", again=True)).sentence
    assert "Code" in refusal(SecretQuestion("answer", "alice@gpu1:22", "Code: ")).sentence
    unknown = refusal(HOST_KEY)
    assert unknown.sentence.startswith("The host key of [192.0.2.7]:2222 is not known here")
    assert "~/.ssh/known_hosts" in unknown.remedy
    assert unknown.detail == "ssh-ed25519 SHA256:abc"


def test_that_nobody_is_asked_without_a_terminal() -> None:
    program = PROGRAM.replace("ASK", f"[{CONFIRM}]")
    done = subprocess.run(
        [sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "NeedsAnswer: The host key of [192.0.2.7]:2222 is not known here" in done.stderr


# ---------------------------------------------------------------- notebooks


class Shell:
    """What IPython gives: in a notebook it has a kernel, in a terminal it has none."""

    def __init__(self, kernel: object) -> None:
        self.kernel = kernel


@pytest.fixture
def ipython(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[Shell]:
    """A module IPython whose shell the test chooses. The real kernel replaces `input` and `getpass` just so."""
    module = type(sys)("IPython")
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setattr(module, "get_ipython", lambda: Shell(object()), raising=False)
    return Shell


async def test_that_a_notebook_is_asked_under_its_cell(ipython: type[Shell], monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_notebook()
    asked: list[str] = []

    def answer(text: str) -> object:
        return lambda prompt: asked.append(prompt) or text

    monkeypatch.setattr("getpass.getpass", answer("hidden"))
    monkeypatch.setattr("builtins.input", answer("yes"))
    asker = TerminalAsker()
    assert await asker.confirm_host_key(HOST_KEY)
    given = await asker.ask_secret(SecretQuestion("password", "a@b:22", "Password of a@b", keeping="in GNOME Keyring"))
    assert given is not None
    assert (given.text, given.keep) == ("hidden", True)
    assert asked[1:] == ["Password of a@b: ", "Keep it in GNOME Keyring? [Y/n] "]


async def test_that_ipython_at_a_terminal_is_no_notebook(ipython: type[Shell], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: ipython(None))
    assert not in_notebook()
    monkeypatch.setattr("rhresources.credentials.tty.is_there", lambda: False)
    with pytest.raises(NeedsAnswer):
        await TerminalAsker().confirm_host_key(HOST_KEY)
