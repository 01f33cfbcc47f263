"""Functions and packages in git repositories, and functions of installed packages, on a real server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
from lab.git_host import GitHost, commit, git

import rhdesk as rh
from rhresources.documents import FunctionDocument, dump_document, parse_document
from rhresources.errors import UsageError
from rhresources.packages import parse_package
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient
from rhresources.workspace import Workspace

pytestmark = pytest.mark.ray

JOBS = '''
import helper

def scale(x: float, by: int = 2) -> float:
    """Scale it."""
    return x * by + helper.OFFSET

def count(most: int):
    yield from range(most)
'''


@pytest.fixture
async def workspace(at_server: object) -> AsyncIterator[Workspace]:
    workspace = Workspace()
    yield workspace
    await workspace.close()


@pytest.fixture
def repository(make_repository: Callable[..., Path]) -> Path:
    return make_repository({"src/jobs.py": JOBS, "src/helper.py": "OFFSET = 100\n"}, "project")


async def outcome(client: ClusterClient, run: pb.Run) -> object:
    reply = await client.result(run.id, wait=True)
    assert reply.run.state == pb.SUCCEEDED, f"{reply.run}"
    return json.loads(await client.data(reply.value))


def document(**code: str) -> FunctionDocument:
    found = parse_document({"kind": "function", "code": code})
    assert isinstance(found, FunctionDocument)
    assert parse_document(dump_document(found)) == found
    return found


async def test_a_function_of_a_repository(workspace: Workspace, repository: Path) -> None:
    client = await workspace.connect("^local", up=True)
    saved = document(git_url=str(repository), revision="main", file="src/jobs.py", name="scale")
    workspace.names.save("~/scaled", saved)
    assert await outcome(client, await workspace.submit("~/scaled", [1])) == 102
    first = git(repository, "rev-parse", "HEAD")
    commit(repository, {"src/helper.py": "OFFSET = 200\n"})
    assert await outcome(client, await workspace.submit(document(**_code(saved) | {"revision": ""}), [1])) == 202
    assert await outcome(client, await workspace.submit(document(**_code(saved) | {"revision": first}), [1])) == 102
    (module,) = (await workspace.inspect("~/scaled")).modules
    assert module.functions[0].name == "scale"
    assert "Scale it" in module.functions[0].docstring


def _code(saved: FunctionDocument) -> dict[str, str]:
    return saved.code.model_dump(exclude_defaults=True)


async def test_a_function_that_the_repository_does_not_have(workspace: Workspace, repository: Path) -> None:
    code = {"git_url": str(repository), "file": "src/jobs.py", "name": "nothing"}
    with pytest.raises(UsageError, match="no function 'nothing'"):
        await workspace.locate(document(**code))
    with pytest.raises(UsageError, match="has no file"):
        await workspace.locate(document(**code | {"file": "gone.py"}))


async def test_a_function_by_its_page(
    workspace: Workspace, repository: Path, git_host: GitHost, short_path: Path
) -> None:
    git(short_path / "repositories", "clone", "-q", "--bare", str(repository), "project.git")
    client = await workspace.connect("^local", up=True)
    page = f"{git_host.url('project')}/blob/main/src/jobs.py:scale"
    assert await outcome(client, await workspace.submit(page, [1], {"by": 3})) == 103


async def test_a_function_of_an_installed_package(workspace: Workspace) -> None:
    client = await workspace.connect("^local", up=True)
    found = document(module="json.decoder", name="JSONDecoder")
    assert found.code.place == "module"
    run = await workspace.submit(document(module="textwrap", name="shorten"), ["hello world", 7], {"placeholder": "…"})
    assert await outcome(client, run) == "hello…"
    spec = await workspace.function_spec(found, client)
    assert not spec.environment.packages


async def test_packages_of_a_repository(
    workspace: Workspace,
    make_repository: Callable[..., Path],
    make_project: Callable[[Mapping[str, str]], Path],
    git_host: GitHost,
) -> None:
    make_repository(
        {
            "lib/pyproject.toml": "[project]\nname = 'insidelib'\nversion = '1.2'\n"
            "[tool.setuptools]\npy-modules = ['insidelib']\n",
            "lib/insidelib.py": "VALUE = 'installed'\n",
            "plain/plainlib.py": "VALUE = 'a folder'\n",
            "plain/requirements.txt": "",
        },
        "packages",
    )
    git(git_host.folder, "clone", "-q", "--bare", "packages", "packages.git")
    url = git_host.url("packages.git")
    project = make_project(
        {
            "jobs.py": "def both():\n    import insidelib, plainlib\n    return [insidelib.VALUE, plainlib.VALUE]\n",
        }
    )
    client = await workspace.connect("^local", up=True)
    function = FunctionDocument.model_validate(
        {
            "code": {"root": str(project), "file": "jobs.py", "name": "both"},
            "packages": [f"pip:{url}#subdirectory=lib", f"git:{url}@main#subdirectory=plain"],
        }
    )
    spec = await workspace.function_spec(function, client)
    made = [each for each in spec.environment.packages if each.revision]
    assert [(each.method, each.target) for each in made] == [
        (pb.PackageSpec.PIP, "lib"), (pb.PackageSpec.REQS, "plain"),
    ]  # fmt: skip
    assert all(len(each.revision) == 40 and each.revision[:7] in each.spec for each in made)
    assert await outcome(client, await workspace.submit(function)) == ["installed", "a folder"]
    missing = parse_package(f"git:{url}#subdirectory=nothing")
    with pytest.raises(UsageError, match="has no folder nothing"):
        await workspace.builtin_environment(client, [missing])


def test_the_library(at_server: object, repository: Path, git_host: GitHost, short_path: Path) -> None:
    git(short_path / "repositories", "clone", "-q", "--bare", str(repository), "library.git")
    page = f"{git_host.url('library')}/blob/main/src/jobs.py"
    scaled = rh.function(f"{page}:scale", name="~/from_page")
    assert scaled(2) == 104
    assert list(rh.function(f"{page}:count")(3)) == [0, 1, 2]
    scaled.save()
    again = rh.function(name="~/from_page")
    assert again(by=1, x=1) == 101
    assert again.document().code.git_url == git_host.url("library") + ".git"
