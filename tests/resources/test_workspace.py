"""The workspace on a real server: runs of files and saved functions, packages in folders, inspection, pushes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from rhresources.code.tree import CodeTree
from rhresources.documents import FunctionDocument, parse_document
from rhresources.errors import NotFound, UsageError
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient
from rhresources.workspace import Workspace

pytestmark = pytest.mark.ray

SOURCE = '''
def scale(x: float, by: int = 2, name: str | None = None) -> float:
    """Scale it.

    Args:
        x: what to scale.
    """
    return x * by

def uses_library():
    import sidelib
    return sidelib.VALUE
'''


@pytest.fixture
async def workspace(at_server: object) -> AsyncIterator[Workspace]:
    workspace = Workspace(client="command line")
    yield workspace
    await workspace.close()


@pytest.fixture
def project(make_project: Callable[[Mapping[str, str]], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    root = make_project({"jobs.py": SOURCE, "side/sidelib.py": "VALUE = 42\n"})
    monkeypatch.chdir(root)
    return root


async def outcome(client: ClusterClient, run: pb.Run) -> object:
    reply = await client.result(run.id, wait=True)
    assert reply.run.state == pb.SUCCEEDED, f"{reply.run}"
    return json.loads(await client.data(reply.value))


async def test_runs_of_files_with_json_arguments(workspace: Workspace, project: Path) -> None:
    client = await workspace.connect("^local", up=True)
    assert await outcome(client, await workspace.submit("jobs.py:scale", [2e-5], {"by": 3})) == 2e-5 * 3
    again = "01ARZ3NDEKTSV4RRFFQ69G5FAA"
    first = await workspace.submit("jobs.py:scale", [1], run=again)
    second = await workspace.submit("jobs.py:scale", [1], run=again)
    assert first.id == second.id == again
    assert first.created == second.created
    assert first.client == "command line"
    with pytest.raises(UsageError, match="cannot be written as JSON"):
        await workspace.submit("jobs.py:scale", [object()])


async def test_saved_functions_with_a_folder_among_their_packages(workspace: Workspace, project: Path) -> None:
    document = parse_document(
        {
            "kind": "function", "cluster": "^local", "packages": ["local:side"],
            "code": {"root": str(project), "file": "jobs.py", "name": "uses_library"},
        }
    )  # fmt: skip
    assert isinstance(document, FunctionDocument)
    workspace.names.save("~/uses", document)
    client = await workspace.connect("^local", up=True)
    run = await workspace.submit("~/uses")
    assert run.name == "~/uses"
    assert await outcome(client, run) == 42
    missing = document.model_copy(update={"packages": ["local:nowhere"]})
    with pytest.raises(UsageError, match="which does not exist"):
        await workspace.submit(missing)
    with pytest.raises(NotFound):
        await workspace.submit("~/nothing")


async def test_inspection_of_a_file_and_of_one_function(workspace: Workspace, project: Path) -> None:
    reply = await workspace.inspect(Path("jobs.py"))
    (module,) = reply.modules
    assert [function.name for function in module.functions] == ["scale", "uses_library"]
    (module,) = (await workspace.inspect("jobs.py:scale")).modules
    (scale,) = module.functions
    assert set(json.loads(scale.schema)["properties"]) == {"x", "by", "name"}
    assert scale.docstring.startswith("Scale it.")


async def test_only_what_changed_is_pushed(workspace: Workspace, project: Path) -> None:
    client = await workspace.connect("^local", up=True)
    requests: list[pb.PlanPushRequest] = []
    plan_push = client.plan_push

    async def noted(request: pb.PlanPushRequest) -> pb.PlanPushReply:
        requests.append(request)
        return await plan_push(request)

    client.plan_push = noted  # type: ignore[method-assign]
    tree = CodeTree(project)
    first = await client.push(tree)
    assert (await client.push(tree)).root == first.root
    assert len(requests) == 1
    (project / "jobs.py").write_text(SOURCE + "# changed\n")
    (project / "side" / "sidelib.py").unlink()
    second = await client.push(tree)
    assert second.root != first.root
    assert [entry.path for entry in requests[-1].changed] == ["jobs.py"]
    assert list(requests[-1].removed) == ["side/sidelib.py"]
    assert requests[-1].base == first.root
    # another process knows from the cache what was pushed
    await asyncio.sleep(0.2)
    other = CodeTree(project)
    client.pushed.clear()
    assert (await client.push(other)).root == second.root
    assert len(requests[-1].changed) == 0


async def test_large_files_and_many_files_arrive_whole(workspace: Workspace, project: Path) -> None:
    (project / "big.bin").write_bytes(bytes(range(256)) * 12_000)
    (project / "noise.bin").write_bytes(__import__("os").urandom(2_500_000))
    for number in range(300):
        (project / f"m{number}.py").write_text(f"N = {number}\n")
    (project / "check.py").write_text(
        "import hashlib, pathlib\n"
        "def digest():\n"
        "    here = pathlib.Path(__file__).parent\n"
        "    names = sorted(path.name for path in here.iterdir() if path.is_file())\n"
        "    digests = [hashlib.sha256((here / n).read_bytes()).hexdigest() for n in ('big.bin', 'noise.bin')]\n"
        "    return [len(names), *digests]\n"
    )
    import hashlib

    expected = [hashlib.sha256((project / name).read_bytes()).hexdigest() for name in ("big.bin", "noise.bin")]
    client = await workspace.connect("^local", up=True)
    said: list[str] = []
    run = await workspace.submit("check.py:digest", progress=said.append)
    assert await outcome(client, run) == [304, *expected]
    assert any(line.startswith("Sending") for line in said)


async def test_pickled_arguments_and_results(workspace: Workspace, project: Path) -> None:
    import pickle

    client = await workspace.connect("^local", up=True)
    run = await workspace.submit("jobs.py:scale", [(1, 2)], {"by": 2}, pickled=True)
    reply = await client.result(run.id, wait=True)
    assert pickle.loads(await client.data(reply.value)) == (1, 2, 1, 2)
