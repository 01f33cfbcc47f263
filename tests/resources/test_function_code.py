"""What a document may say about where a function's code is: a folder, a repository, a module, and never two of them."""

from __future__ import annotations

import pytest

from rhresources.code.pointer import NOT_HERE, code_of_pointer, pointer_of_code
from rhresources.documents import FunctionDocument, dump_document, parse_document, update_text
from rhresources.documents.function import FunctionCode
from rhresources.errors import DocumentError, RhError

GIT = {"git_url": "https://host/o/r.git", "revision": "main", "file": "pkg/t.py", "name": "main"}
MODULE = {"module": "package.module", "name": "Trainer.fit"}
FOLDER = {"root": "/srv/project", "file": "t.py", "name": "main"}


@pytest.mark.parametrize(
    ("code", "place", "pointer", "source"),
    [
        (FOLDER, "folder", "t.py:main", "/srv/project"),
        (GIT, "git", "pkg/t.py:main", "https://host/o/r.git@main"),
        (MODULE, "module", "package.module:Trainer.fit", "an installed package"),
    ],
)
def test_three_places(code: dict[str, str], place: str, pointer: str, source: str) -> None:
    document = parse_document({"kind": "function", "code": code})
    assert isinstance(document, FunctionDocument)
    assert (document.code.place, document.code.pointer, document.code.source) == (place, pointer, source)
    text = dump_document(document)
    assert parse_document(text) == document
    assert all(f"{field}:" in text for field in code)
    assert not any(f"{field}:" in text for field in {"root", "git_url", "module"} - code.keys())
    other = document.model_copy(update={"code": FunctionCode(**(MODULE if place != "module" else GIT))})
    assert parse_document(update_text("# mine\n" + text, other)) == other


@pytest.mark.parametrize(
    ("code", "field", "words"),
    [
        ({"name": "main"}, "code.root", "say root, git_url or module"),
        ({"file": "t.py", "name": "main"}, "code.root", "missing"),
        (FOLDER | {"git_url": "https://host/o/r"}, "code.git_url", "not both"),
        (FOLDER | {"module": "m"}, "code.module", "not both"),
        (MODULE | {"file": "t.py"}, "code.file", "has none"),
        (MODULE | {"revision": "main"}, "code.revision", "only code of a git_url"),
        (FOLDER | {"revision": "main"}, "code.revision", "only code of a git_url"),
        ({"git_url": "https://host/o/r", "name": "main"}, "code.file", "missing"),
        (GIT | {"file": "../t.py"}, "code.file", "inside"),
        (GIT | {"revision": "--x"}, "code.revision", "--x"),
        (GIT | {"git_url": "ext::sh"}, "code.git_url", "ext::sh"),
        (GIT | {"git_url": "https://me:hunter2@host/o/r"}, "code.git_url", "secret"),
        (MODULE | {"module": "a-b"}, "code.module", "not the name of a module"),
        (MODULE | {"module": "os; x"}, "code.module", "not the name of a module"),
        (MODULE | {"repository": "x"}, "code.repository", "did you mean git_url"),
    ],
)
def test_what_is_wrong_is_said_at_the_field(code: dict[str, str], field: str, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_document({"kind": "function", "code": code})
    path, message, _ = caught.value.problems[0]
    assert path == field
    assert words in message
    assert "hunter2" not in str(caught.value)


def test_pointers_and_back() -> None:
    for code in (FunctionCode(**GIT), FunctionCode(**MODULE)):
        assert code_of_pointer(pointer_of_code(code)) == code
    assert pointer_of_code(FunctionCode(**GIT)).root == NOT_HERE
    assert pointer_of_code(FunctionCode(**MODULE)).only == ()  # no code travels
    with pytest.raises(RhError, match=r"The folder /nowhere, .* is not on this computer"):
        code_of_pointer(pointer_of_code(FunctionCode(root="/nowhere", file="t.py", name="main")))
