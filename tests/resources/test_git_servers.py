"""Repositories of servers: public ones, private ones by token and by key, and servers that behave badly."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.git_host import GitHost, commit, git

from rhresources.git.problems import GitProblem
from rhresources.git.program import Login
from rhresources.reach.questions import HostKeyQuestion, SecretAnswer, SecretQuestion
from rhresources.workspace import Workspace

TOKEN = "ghp_Zx81Kq04Secret"


class Person:
    """Gives these answers, one after another, and remembers the questions."""

    def __init__(self, *answers: SecretAnswer | None) -> None:
        self.answers = list(answers)
        self.asked: list[SecretQuestion] = []

    async def confirm_host_key(self, question: HostKeyQuestion) -> bool:
        raise AssertionError(question)

    async def ask_secret(self, question: SecretQuestion) -> SecretAnswer | None:
        self.asked.append(question)
        return self.answers.pop(0)


@pytest.fixture
def private(git_host: GitHost, make_repository: Callable[..., Path]) -> str:
    """A repository that wants `TOKEN`."""
    make_repository({"a.py": "private"}, "private")
    git_host.token = TOKEN
    return git_host.url("private/.git")


def assert_kept_nowhere(home: Path) -> None:
    """The token stands in no file, as it is or as git sends it."""
    encoded = base64.b64encode(f"x-access-token:{TOKEN}".encode())
    for file in home.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert TOKEN.encode() not in data
            assert encoded not in data


async def test_public(git_host: GitHost, make_repository: Callable[..., Path], workspace: Workspace) -> None:
    repo = make_repository({"a.py": "one"}, "public")
    for number in range(5):
        commit(repo, {"a.py": str(number)})
    said: list[str] = []
    found = await workspace.checkouts.get(git_host.url("public/.git"), "main", said.append)
    assert (found.folder / "a.py").read_text() == "4"
    # without the history, and without asking for a log-in
    kept = next(workspace.checkouts.folder.glob("*/repository.git"))
    assert git(kept, "rev-list", "--count", found.commit) == "1"
    assert not any(header for _, header in git_host.seen)


async def test_a_commit_that_has_no_name_there(
    git_host: GitHost, make_repository: Callable[..., Path], workspace: Workspace
) -> None:
    repo = make_repository({"a.py": "one"}, "public")
    first = git(repo, "rev-parse", "HEAD")
    commit(repo, {"a.py": "two"})
    git(repo, "config", "uploadpack.allowAnySHA1InWant", "false")
    found = await workspace.checkouts.get(git_host.url("public/.git"), first)
    assert (found.folder / "a.py").read_text() == "one"


async def test_a_token_that_is_kept(private: str, workspace: Workspace, git_host: GitHost, rh_home: Path) -> None:
    await workspace.credentials.put("token", git_host.host, TOKEN, session_only=True)
    found = await workspace.checkouts.get(private)
    assert (found.folder / "a.py").read_text() == "private"
    assert_kept_nowhere(rh_home.parent)
    assert TOKEN not in repr(Login("https://host", TOKEN))


async def test_a_token_that_is_asked_for(
    private: str, workspace: Workspace, git_host: GitHost, make_repository: Callable[..., Path], rh_home: Path
) -> None:
    make_repository({"a.py": "other"}, "other")
    person = Person(SecretAnswer("wrong"), SecretAnswer(TOKEN, keep=True))
    workspace.asker = person
    found = await asyncio.gather(workspace.checkouts.get(private), workspace.checkouts.get(git_host.url("other/.git")))
    assert [(one.folder / "a.py").read_text() for one in found] == ["private", "other"]
    assert [(question.kind, question.subject, question.again) for question in person.asked] == [
        ("token", git_host.host, False),
        ("token", git_host.host, True),
    ]
    assert await workspace.credentials.get("token", git_host.host) == TOKEN
    assert_kept_nowhere(rh_home.parent)


async def test_no_token(private: str, workspace: Workspace, git_host: GitHost) -> None:
    with pytest.raises(GitProblem, match="wants a log-in") as caught:
        await workspace.checkouts.get(private)
    assert caught.value.code == "refused"
    assert f"credentials set token {git_host.host}" in caught.value.remedy
    await workspace.credentials.put("token", git_host.host, "wrong-token", session_only=True)
    with pytest.raises(GitProblem, match="refuses the token") as caught:
        await workspace.checkouts.get(private)
    assert "wrong-token" not in f"{caught.value} {caught.value.detail}"
    workspace.asker = Person(None)
    with pytest.raises(GitProblem, match="refuses the token"):
        await workspace.checkouts.get(private)


async def test_a_helper_of_the_user_keeps_no_token_of_ours(
    private: str, workspace: Workspace, git_host: GitHost, rh_home: Path
) -> None:
    home = Path(os.environ["HOME"])
    (home / ".gitconfig").write_text("[credential]\n helper = store\n")
    await workspace.credentials.put("token", git_host.host, TOKEN, session_only=True)
    await workspace.checkouts.get(private)
    assert not (home / ".git-credentials").exists()


async def test_a_helper_of_the_user_is_asked(private: str, workspace: Workspace, git_host: GitHost) -> None:
    home = Path(os.environ["HOME"])
    (home / ".gitconfig").write_text("[credential]\n helper = store\n")
    (home / ".git-credentials").write_text(f"http://me:{TOKEN}@{git_host.host.replace(':', '%3a')}\n")
    assert (await workspace.checkouts.get(private)).folder.is_dir()


async def test_a_token_is_not_sent_on(private: str, workspace: Workspace, git_host: GitHost, short_path: Path) -> None:
    """A server that sends git to another address learns nothing, and that one neither."""
    other = GitHost(short_path, token="x").start()
    try:
        git_host.says["/moved"] = (
            302,
            {"Location": f"http://{other.host}/x.git/info/refs?service=git-upload-pack"},
            b"",
        )
        await workspace.credentials.put("token", git_host.host, TOKEN, session_only=True)
        with pytest.raises(GitProblem):
            await workspace.checkouts.get(git_host.url("moved/x.git"))
        assert other.seen
        assert not any(header for _, header in other.seen)
    finally:
        other.stop()


async def test_no_token_for_a_submodule_elsewhere(
    private: str, workspace: Workspace, git_host: GitHost, short_path: Path
) -> None:
    repo = short_path / "repositories" / "private"
    other = GitHost(short_path / "repositories").start()
    try:
        git(repo, "submodule", "add", "-q", str(repo), "lib")
        git(repo, "config", "-f", ".gitmodules", "submodule.lib.url", other.url("private/.git"))
        commit(repo)
        await workspace.credentials.put("token", git_host.host, TOKEN, session_only=True)
        found = await workspace.checkouts.get(private)
        assert (found.folder / "lib" / "a.py").read_text() == "private"
        assert other.seen
        assert not any(header for _, header in other.seen)
    finally:
        other.stop()


@pytest.mark.parametrize(
    ("path", "answer", "code", "sentence"),
    [
        ("nothing/.git", None, "no-repository", "no git repository"),
        ("loop", (302, {"Location": "/loop/info/refs?service=git-upload-pack"}, b""), "redirected", "another address"),
        ("page", (200, {"Content-Type": "text/html"}, b"<html>hello</html>"), "no-revision", "not a git repository"),
        (
            "lies",
            (200, {"Content-Type": "application/x-git-upload-pack-advertisement"}, b"zzzz"),
            "no-git-server",
            "git",
        ),
        ("broken", (500, {}, b""), "git-failed", "500"),
        ("forbidden", (403, {}, b""), "refused", "log-in"),
        ("file", (302, {"Location": "file:///etc/passwd"}, b""), "protocol", "protocol file"),
    ],
)
async def test_servers_that_behave_badly(
    git_host: GitHost, workspace: Workspace, path: str, answer: tuple[int, dict[str, str], bytes] | None, code: str,
    sentence: str,
) -> None:  # fmt: skip
    if answer is not None:
        git_host.says[f"/{path}"] = answer
    with pytest.raises(GitProblem, match=sentence) as caught:
        await workspace.checkouts.get(git_host.url(path))
    assert not code or caught.value.code == code, caught.value.detail
    assert caught.value.sentence.endswith(".")
    assert "\n" not in caught.value.sentence


async def test_nobody_answers(workspace: Workspace) -> None:
    for url in ("http://127.0.0.1:1/o/r", "ssh://git@127.0.0.1:1/o/r"):
        with pytest.raises(GitProblem, match="cannot be reached") as caught:
            await workspace.checkouts.get(url)
        assert caught.value.code == "unreachable"
