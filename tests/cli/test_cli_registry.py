"""The commands of a team, against a real registry: logged in by the environment as on a CI, and by a real keyring."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from lab.commands import PROGRAM, RunCommand
from lab.registry import RegistryServer
from lab.secret_service import SecretService
from lab.terminal import Terminal

BOX = "kind: cluster\ntype: ssh\nips: [gpu1]\n"


class User:
    """Runs commands as one user of the registry, on a computer of their own."""

    def __init__(self, rhdesk: RunCommand, registry: RegistryServer, name: str, folder: Path) -> None:
        self._rhdesk = rhdesk
        self.env = {
            "RH_HOME": str(folder / name),
            "RH_REGISTRY_URL": registry.url,
            "RH_REGISTRY_TOKEN": registry.token(name),
        }

    def __call__(self, *arguments: str, given: str = "", code: int = 0) -> tuple[str, str]:
        done = self._rhdesk(*arguments, given=given, env=self.env, code=code)
        assert self.env["RH_REGISTRY_TOKEN"] not in done.out + done.err
        return done.out, done.err


@pytest.fixture
def user(rhdesk: RunCommand, registry: RegistryServer, short_path: Path) -> Callable[[str], User]:
    """Commands of a user of that name."""
    return lambda name: User(rhdesk, registry, name, short_path)


@pytest.mark.slow
def test_a_name_goes_round_a_team(user: Callable[[str], User]) -> None:
    alice, bob = user("alice"), user("bob")
    alice("save", "-", "--as", "~/box", given=f"# mine\n{BOX}")
    _, said = alice("cp", "~/box", "@/team/box")
    assert "~/box is saved as /alice/team/box, too." in said
    listed = json.loads(alice("ls", "@", "--json")[0])
    assert [(entry["name"], entry["version"], entry["access"]) for entry in listed] == [("@/team/box", 1, "owner")]
    assert "There is no resource /alice/team/box" in bob("show", "/alice/team/box", code=1)[1]

    out, _ = alice("share", "@/team", "bob", "--access", "write")
    assert "bob" in out
    assert bob("show", "/alice/team/box")[0] == f"# mine\n{BOX}"
    assert "/alice/team is a folder" in bob("history", "/alice/team", code=1)[1]
    places = {each["folder"]: (each["names"], each["what"]) for each in json.loads(bob("ls", "/", "--json")[0])}
    assert [*places] == ["~", "/bob", "/alice", "^"]
    assert places["/alice"] == (1, "shared with you")
    assert "Nothing is saved in ~/alice yet. Did you mean /alice?" in bob("ls", "alice")[1]
    bob("save", "-", "--as", "/alice/team/box", given=f"# mine\n{BOX}description: of bob\n")
    history = json.loads(alice("history", "@/team/box", "--json")[0])
    assert [(version["version"], version["by"]) for version in history] == [(2, "bob"), (1, "alice")]
    diff, _ = alice("history", "@/team/box", "--diff", "2")
    assert "+description: of bob" in diff
    assert alice("history", "@/team/box", "--diff", "1")[0].startswith("--- nothing\n+++ version 1\n")
    assert "nothing at @/tem yet: it is shared as a folder" in alice("share", "@/tem", "bob")[1]
    assert "by bob" in alice("history", "@/team/box", "--diff", "2")[1]
    alice("restore", "@/team/box", "1")
    assert "of bob" not in bob("show", "/alice/team/box")[0]

    alice("mv", "@/team/box", "@/box")
    assert "Did you mean ~/box?" in alice("restore", "@/team/box", "1", code=1)[1], "as for `show`"
    assert "saved in /alice, as far as you may see" in bob("ls", "/alice")[1]
    _, said = alice("save", "-", "--as", "@/f", given="kind: function\ncode: {root: /a, file: a.py, name: f}\n")
    assert "Others cannot reach its code in /a" in said
    on_box = "kind: function\ncluster: /alice/box\ncode: {module: m, name: %s}\n"
    alice("save", "-", "--as", "@/g", given=on_box % "f")
    _, said = alice("share", "@/g", "bob")
    assert "/alice/g names /alice/box, which bob may not read. To share it, too: rhdesk share /alice/box bob" in said
    assert "which bob may not read." in alice("save", "-", "--as", "@/g", given=on_box % "g")[1]
    assert "which bob" not in alice("show", "@/g")[1]
    alice("rm", "@/g")
    alice("rm", "@/f", "@/box")
    assert json.loads(alice("ls", "@", "--json")[0]) == []
    assert "`rhdesk ls /alice --deleted` what was deleted" in alice("show", "@/f", code=1)[1]
    out, said = alice("ls", "@", "--deleted")
    assert "/alice/box" in out
    assert "rhdesk restore /alice/box" in said
    last = {each["name"]: each["version"] for each in json.loads(alice("ls", "--deleted", "--json")[0])}
    assert "`rhdesk history @/box` lists them" in alice("restore", "@/box", code=2)[1]
    assert "See: rhdesk history /alice/box" in alice("restore", "@/box", "99", code=1)[1]
    alice("restore", "@/box", str(last["/alice/box"]))
    assert "/alice/box" not in alice("ls", "--deleted")[0]
    assert json.loads(alice("whoami", "--json")[0])["user"] == "alice"
    assert "alice at http://" in alice("whoami")[0]


@pytest.mark.slow
def test_offline_names_are_there_and_changes_wait(user: Callable[[str], User], registry: RegistryServer) -> None:
    alice, bob = user("alice"), user("bob")
    alice("save", "-", "--as", "@/box", given=BOX)
    alice("share", "@/box", "bob", "--access", "write")
    bob("ls", "/alice")
    registry.kill()
    out, said = bob("show", "/alice/box")
    assert out == BOX
    assert "cannot be reached: connection refused" in said
    assert "What is known of it is from" in said
    _, said = bob("save", "-", "--as", "/alice/box", given=f"{BOX}description: bob's\n")
    assert "1 change waits until the registry answers" in said
    assert json.loads(bob("show", "/alice/box", "--json")[0])["waiting"]
    assert "cannot be reached" in bob("history", "/alice/box", code=1)[1]
    registry.start()
    alice("save", "-", "--as", "@/box", given=f"{BOX}description: of alice\n")
    state = json.loads(bob("whoami", "--json")[0])
    assert (state["online"], state["waiting"], state["conflicts"]) == (True, 0, ["/alice/box"])
    conflict = json.loads(bob("settle", "/alice/box", "--json")[0])
    assert (conflict["by"], conflict["base"]) == ("alice", BOX)
    assert "+description: bob's" in bob("settle", "/alice/box")[0]
    bob("settle", "/alice/box", "--mine")
    assert "bob's" in alice("show", "@/box")[0]
    assert json.loads(bob("whoami", "--json")[0])["conflicts"] == []


def test_a_move_that_waited_and_is_refused_can_be_tried_again(
    user: Callable[[str], User], registry: RegistryServer
) -> None:
    alice, bob = user("alice"), user("bob")
    alice("save", "-", "--as", "@/box", given=BOX)
    alice("ls", "@")
    registry.stop()
    alice("mv", "@/box", "/bob/box")
    assert "/alice/box  rename as /bob/box  waits, made" in alice("settle")[0]
    registry.start()
    (undecided,) = json.loads(alice("settle", "--json")[0])["conflicts"]
    assert (undecided["name"], undecided["target"]) == ("/alice/box", "/bob/box")
    out, said = alice("settle")
    assert "/alice/box  rename as /bob/box  to be decided: " in out
    assert "rhdesk settle /alice/box" in said
    _, said = alice("settle", "@/box")
    assert "/alice/box was not renamed to /bob/box." in said
    assert "rhdesk settle /alice/box --mine" in said
    assert "/bob" in alice("settle", "@/box", "--mine", code=1)[1], "the reason is still there"
    bob("share", "/bob", "alice", "--access", "write")
    assert "/alice/box is called /bob/box now." in alice("settle", "@/box", "--mine")[1]
    assert bob("show", "@/box")[0] == BOX
    assert "Nothing waits" in alice("settle")[1]


def put_back(registry: RegistryServer, backup: Path) -> None:
    """What its administrator does after a disk was lost."""
    registry.stop()
    registry.command("restore", str(backup), "--replace")
    registry.start()


@pytest.mark.slow
def test_commands_go_on_after_a_backup_was_put_back(
    user: Callable[[str], User], registry: RegistryServer, tmp_path: Path
) -> None:
    alice, backup = user("alice"), tmp_path / "backup"
    alice("save", "-", "--as", "@/box", given=BOX)
    registry.command("backup", str(backup))
    alice("save", "-", "--as", "@/box", given=f"{BOX}description: lost\n")
    alice("ls", "@")
    put_back(registry, backup)
    assert [alice("show", "@/box")[0] for _ in range(2)] == [BOX, BOX]
    put_back(registry, backup)
    assert "Repeat this" in alice("mv", "@/box", "@/other", code=1)[1], "nothing is changed there unasked"
    alice("mv", "@/box", "@/other")
    assert alice("show", "@/other")[0] == BOX


@pytest.mark.slow
def test_what_waits_is_put_to_its_user_after_a_backup_was_put_back(
    user: Callable[[str], User], registry: RegistryServer, tmp_path: Path
) -> None:
    alice, backup = user("alice"), tmp_path / "backup"
    alice("save", "-", "--as", "@/box", given=BOX)
    alice("ls", "@")
    registry.command("backup", str(backup))
    registry.stop()
    mine = f"{BOX}description: waits\n"
    alice("save", "-", "--as", "@/box", given=mine)
    put_back(registry, backup)
    assert "changes that wait are put to you" in alice("show", "@/box", code=1)[1]
    assert alice("show", "@/box")[0] == BOX, "it was not delivered to what may be another registry"
    assert json.loads(alice("settle", "@/box", "--json")[0])["mine"] == mine
    alice("settle", "@/box", "--mine")
    assert alice("show", "@/box")[0] == mine


@pytest.mark.slow
def test_the_token_is_in_the_keyring_and_nowhere_else(
    rhdesk: RunCommand, registry: RegistryServer, secret_service: SecretService, rh_home: Path
) -> None:
    token = registry.token("alice")
    said = rhdesk("login", registry.url, "--token-stdin", given=f"{token}\n")
    assert f"You are alice at {registry.url}" in said.err
    rhdesk("save", "-", "--as", "@/box", given=BOX)
    assert "alice" in rhdesk("whoami").out
    listed = rhdesk("credentials", "list")
    assert f"alice@{registry.url}" in listed.out
    assert token not in listed.out + said.out + said.err
    for file in rh_home.rglob("*"):
        if file.is_file():
            assert token.encode() not in file.read_bytes(), file
            assert not file.stat().st_mode & 0o077 or "resources" in file.parts or file.name == ".lock", file
    replicas = list(rh_home.glob("registry/*/alice.db"))
    assert len(replicas) == 1
    said = rhdesk("logout")
    assert "alice is logged out" in said.err
    assert not replicas[0].exists()
    assert f"alice@{registry.url}" not in rhdesk("credentials", "list").out
    assert "none is logged in to" in rhdesk("ls", "@", code=1).err
    assert "Nobody is logged in" in rhdesk("whoami", code=1).err


@contextmanager
def other_server() -> Iterator[int]:
    """The port of a web server that is no registry."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.slow
def test_what_is_wrong_is_one_sentence(rhdesk: RunCommand, registry: RegistryServer, tmp_path: Path) -> None:
    good = registry.token("alice")
    wrong = {"RH_REGISTRY_URL": registry.url, "RH_REGISTRY_TOKEN": "wrong"}
    assert "does not take this token: it is wrong or has been revoked" in rhdesk("ls", "@", env=wrong, code=1).err
    said = rhdesk("login", "http://registry.example.org", "--token-stdin", given=good, code=2).err
    assert "over an open network" in said
    assert "--insecure" in said
    assert good not in said
    assert "is not the address of a registry" in rhdesk("login", "ftp://x", "--token-stdin", given=good, code=2).err
    assert "cannot be reached" in rhdesk("login", "http://127.0.0.1:9", "--token-stdin", given=good, code=1).err
    with other_server() as port:
        plain, closed = f"http://127.0.0.1:{port}", f"https://127.0.0.1:{port}"
        assert "is not a registry of rhdesk" in rhdesk("login", plain, "--token-stdin", given=good, code=1).err
        assert "does not speak TLS" in rhdesk("login", closed, "--token-stdin", given=good, code=1).err
    assert "No keyring" in rhdesk("login", registry.url, "--token-stdin", given=good, code=1).err
    assert "Nobody is at a terminal" in rhdesk("login", registry.url, code=2).err
    half = {"RH_REGISTRY_URL": registry.url}
    assert "RH_REGISTRY_TOKEN is not" in rhdesk("ls", "@", env=half, code=2).err
    assert not (tmp_path / "registry").exists()


@pytest.mark.slow
def test_names_are_completed_without_asking_anybody(user: Callable[[str], User], registry: RegistryServer) -> None:
    alice = user("alice")
    alice("save", "-", "--as", "@/training", given=BOX)
    registry.stop()

    def complete(words: str) -> list[str]:
        done = alice._rhdesk(
            env={**alice.env, "_RHDESK_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "2"}
        )
        return [line.partition(",")[2] for line in done.out.splitlines()]

    assert complete("rhdesk show @/t") == ["@/training"]
    assert complete("rhdesk show /al") == ["/alice/training"]


def test_commands_on_names_of_this_computer_know_nothing_of_a_registry(rh_home: Path) -> None:
    program = (
        "import sys; from rhdesk.cli.main import run; code = run(['ls', '~']); "
        "print(*({'sqlite3', 'httpx', 'keyring', 'rhresources.registry.client'} & sys.modules.keys())); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
    assert not rh_home.exists()


@pytest.mark.slow
def test_a_token_that_is_typed_is_seen_nowhere(
    registry: RegistryServer, secret_service: SecretService, rh_home: Path
) -> None:
    token = registry.token("alice")
    with Terminal([*PROGRAM, "--verbose", "login", registry.url], {"RH_DEBUG": "1"}) as terminal:
        terminal.expect(f"Your token for {registry.url}: ")
        assert not terminal.echoes
        terminal.type(token[:20])
        program = psutil.Process(terminal.process.pid)
        assert token[:20] not in terminal.shown
        listed = set()

        def look() -> None:
            with suppress(psutil.Error):
                for process in (program, *program.children(recursive=True)):
                    listed.update(process.cmdline(), process.environ().values())

        look()
        terminal.type(f"{token[20:]}\n")
        while terminal.process.poll() is None and "You are alice" not in terminal.shown:
            look()
            with suppress(AssertionError):
                terminal.expect("You are alice", seconds=0.05)
        terminal.ends()
        assert f"You are alice at {registry.url}" in terminal.shown
        assert token not in terminal.shown
        assert registry.url in listed, "it was looked at"
        assert not [words for words in listed if token[:20] in words]
    for file in (*rh_home.rglob("*"), *registry.folder.rglob("*")):
        if file.is_file():
            assert token.encode() not in file.read_bytes(), file
