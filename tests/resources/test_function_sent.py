"""Functions whose code is in a folder of another computer: called as it was sent to the cluster, or said why not."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from ulid import ULID

from rhresources.documents import FunctionDocument, dump_document, parse_document
from rhresources.errors import DocumentError, RhError, UsageError
from rhresources.registry.caution import caution_of
from rhresources.wire import cluster_pb2 as pb
from rhresources.workspace import Workspace

ELSEWHERE = {"root": "/home/alice/project", "file": "pack/jobs.py", "name": "scale"}
SENT = {"project": "project-1a2b3c4d", "tree": "0" * 40, "folder": "", "module": "pack.jobs"}


def function(code: dict[str, object], **more: object) -> FunctionDocument:
    document = parse_document({"kind": "function", "code": code, **more})
    assert isinstance(document, FunctionDocument)
    return document


def test_that_a_folder_that_is_not_here_is_said_with_the_ways_out() -> None:
    workspace = Workspace()
    with pytest.raises(
        UsageError, match=r"The folder /home/alice/project, with the code of pack/jobs\.py:scale"
    ) as told:
        workspace._resolve(function(ELSEWHERE))
    assert "git_url" in told.value.remedy
    assert "rhdesk send" in told.value.remedy


def test_what_a_document_may_say_of_sent_code() -> None:
    kept = function({**ELSEWHERE, "sent": SENT})
    assert parse_document(dump_document(kept)) == kept
    assert "its code in /home/alice/project" in caution_of(function(ELSEWHERE))
    assert caution_of(kept) == ""
    for bad in ({**SENT, "tree": "../../etc"}, {**SENT, "project": "../x"}, {**SENT, "module": "a-b"}):
        with pytest.raises(DocumentError, match=r"code\.sent\."):
            function({**ELSEWHERE, "sent": bad})
    with pytest.raises(DocumentError, match=r"code\.sent: only code of a root"):
        function({"module": "pack.jobs", "name": "scale", "sent": SENT})


@pytest.fixture
async def workspace(at_server: object) -> AsyncIterator[Workspace]:
    workspace = Workspace(client="command line")
    yield workspace
    await workspace.close()


@pytest.mark.ray
async def test_that_what_is_on_the_cluster_is_called_by_those_who_have_not_the_folder(
    workspace: Workspace, make_project: Callable[..., Path]
) -> None:
    files = {
        "pack/__init__.py": "",
        "pack/jobs.py": "from pack.more import BY\n\ndef scale(x: int) -> int:\n    return x * BY\n",
    }
    project = make_project({**files, "pack/more.py": "BY = 3\n", "requirements.txt": ""}, f"p{str(ULID()).lower()}")
    here = function({"root": str(project), "file": "pack/jobs.py", "name": "scale"}, packages=["./"])
    client = await workspace.connect("^local", up=True)
    await workspace.prepare(here, client)
    code = workspace.sent_code(client, await workspace.locate(here))
    assert (code.sent.module, code.root) == ("pack.jobs", str(project)) if code.sent else False
    (project / "pack" / "more.py").write_text("BY = 100\n")
    shutil.rmtree(project)

    other = Workspace(client="command line")  # which has pushed nothing
    shared = here.model_copy(update={"code": code})
    other.names.save("~/scale", shared)
    run = await other.submit("~/scale", [7])
    there = await other.connect("^local")
    reply = await there.result(run.id, wait=True)
    assert reply.run.state == pb.SUCCEEDED, reply.run
    assert json.loads(await there.data(reply.value)) == 21, "as it was when it was sent"
    (module,) = (await other.inspect("~/scale")).modules
    assert module.functions[0].text == "(x: int) -> int"
    assert (await other.locate("~/scale")).sent is not None
    assert other.sent_code(there, await other.locate("~/scale")) == code, "saved again it says the same"

    unknown = code.model_copy(update={"sent": code.sent.model_copy(update={"tree": "f" * 40})}) if code.sent else code
    with pytest.raises(RhError, match="does not have the code of") as told:
        await other.prepare(shared.model_copy(update={"code": unknown}), there)
    assert told.value.code == "unknown-code"
    await other.close()
