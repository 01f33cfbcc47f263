"""`rhdesk registry`: the registry's own program behind the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import httpx
import pytest
from lab.commands import PROGRAM, RunCommand


def test_users_tokens_and_groups(rhdesk: RunCommand) -> None:
    rhdesk("registry", "user", "add", "alice")
    token = rhdesk("registry", "user", "token", "alice").out.splitlines()[-1]
    assert len(token) > 40
    assert token not in rhdesk("registry", "token", "list").out
    rhdesk("registry", "user", "add", "bob", "--admin")
    rhdesk("registry", "group", "add", "team")
    rhdesk("registry", "group", "member", "team", "alice")
    rhdesk("registry", "group", "member", "team", "bob", "--manager")
    assert rhdesk("registry", "user", "list").out == (
        "USER   TOKENS  MAY DO\n"
        "alice  1       -\n"
        "bob    0       admin\n"
    )  # fmt: skip
    assert rhdesk("registry", "group", "list").out == "GROUP  MANAGERS  MEMBERS\nteam   bob       alice\n"
    listed = rhdesk("registry", "group", "list", "--json").json()
    assert listed == {"group": "team", "managers": ["bob"], "members": ["alice"]}
    rhdesk("registry", "group", "member", "team", "bob", "--none")
    rhdesk("registry", "user", "remove", "alice")
    assert rhdesk("registry", "user", "list", "--json").json() == {"user": "bob", "tokens": 0, "admin": True}
    assert rhdesk("registry", "group", "list").out.splitlines()[1].split() == ["team", "-", "-"]
    rhdesk("registry", "user", "add", "alice")
    assert "alice  0 " in rhdesk("registry", "user", "list").out, "she comes back without her tokens"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["user", "token", "nobody"], 1, "There is no user 'nobody'."),
        (["user", "add", "a/b"], 2, "'a/b'"),
        (["user", "add", "-x"], 2, ""),
        (["user", "add", "Ada L"], 2, "The name 'Ada L' has the character ' '"),
        (["user", "add", "everyone"], 1, "means all users"),
        (["group", "member", "none", "alice"], 1, "There is no group 'none'."),
        (["serve", "--listen", "nonsense"], 1, "is not an address to listen on"),
        (["serve", "--listen", "0.0.0.0:0"], 1, "does not listen on 0.0.0.0 without TLS"),
        (["user", "list", "--db", "mysql://root:secret@h/d"], 1, "kept in SQLite or PostgreSQL"),
        (["user", "list", "--db", "postgresql://u:secret@127.0.0.1:1/d"], 1, "cannot be used"),
        (["user", "list", "--db", "nonsense"], 1, "not the address of a database"),
        (["user", "list", "--db", "sqlite:////proc/none/x.sqlite"], 1, "/proc/none/x.sqlite cannot be used"),
        (["no-such-thing"], 2, "No such command"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    rhdesk: RunCommand, arguments: list[str], code: int, sentence: str
) -> None:
    answer = rhdesk("registry", *arguments, code=code)
    assert sentence in answer.err
    assert "Traceback" not in answer.err
    assert "secret" not in answer.err


def test_that_a_name_is_taken_in_any_case(rhdesk: RunCommand) -> None:
    rhdesk("registry", "user", "add", "alice")
    for kind, name in (("user", "alice"), ("user", "Alice"), ("group", "ALICE")):
        assert "There is a user 'alice' already." in rhdesk("registry", kind, "add", name, code=1).err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_that_it_serves_until_a_signal_ends_it(rhdesk: RunCommand, number: int) -> None:
    rhdesk("registry", "user", "add", "alice")
    token = rhdesk("registry", "user", "token", "alice").out.splitlines()[-1]
    program = subprocess.Popen(
        [*PROGRAM, "registry", "serve", "--listen", "127.0.0.1:0"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert program.stdout is not None
    url = program.stdout.readline().split()[-1]
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{url}/v1/me", headers=headers, trust_env=False).json()["user"] == "alice"
    if number == signal.SIGINT:
        os.killpg(program.pid, number)  # as a terminal does on Ctrl-C
    else:
        program.send_signal(number)
    out, err = program.communicate(timeout=60)
    assert (program.returncode, err) == (0, "")
    assert token not in out
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/v1/health", trust_env=False)


def test_that_what_is_missing_is_said_with_how_to_install_it() -> None:
    program = (
        "import importlib.util as found, runpy\n"
        "real = found.find_spec\n"
        "found.find_spec = lambda name, *rest: None if name in ('fastapi', 'uvicorn') else real(name, *rest)\n"
        "runpy.run_module('rhserver.registry', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "Error: A registry cannot be run here: fastapi, uvicorn are not installed.\n"
        "       Install them with: pip install 'rhdesk[registry]'\n"
    )
