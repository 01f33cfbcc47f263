"""What documents say, and that every error names the field and the line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhresources.documents import (
    ClusterDocument,
    Document,
    FunctionDocument,
    PackageDocument,
    SshCredentials,
    dump_document,
    parse_document,
    update_text,
)
from rhresources.errors import DocumentError

FUNCTION = """\
kind: function
cluster: ^local
code: {root: /src/proj, file: train.py, name: main}
"""


def problems(text: str | dict[str, Any]) -> dict[str, tuple[str, int | None]]:
    """Field: (message, line) of everything that is wrong."""
    with pytest.raises(DocumentError) as caught:
        parse_document(text, source="~/x")
    assert caught.value.sentence.startswith("~/x")
    assert "\n" not in str(caught.value)
    return {field: (message, line) for field, message, line in caught.value.problems}


@pytest.mark.parametrize(
    "text",
    [
        "kind: cluster\ntype: machine\n",
        "kind: cluster\ntype: ssh\ndescription: Our two boxes\nips:\n  - gpu1.lab\n  - 10.0.0.2\nssh_creds:\n"
        "  ssh_user: alice\n  ssh_private_key: ~/.ssh/id_ed25519\n  ssh_port: 2222\n  log_in: agent\n"
        "  proxy_jump: bob@jump:22,[fe80::1]:2200,inner\npython: '3.12'\nwheels: ~/wheels\n",
        "kind: cluster\ntype: cloud\ninstance_type: A100:8\nnum_instances: 2\nprovider: aws\nautostop_mins: 30\n"
        "use_spot: true\nregion: us-east-1\nprice_per_hour: 32.77\nruns_kept: 0\n",
        "kind: function\ncluster: ^local\ncode:\n  root: /src/proj\n  file: train.py\n  name: Trainer.fit\npackages:\n"
        "  - numpy==1.26 --no-deps\n  - ./\nsetup_commands:\n  - apt-get install -y git\npython: '3.10'\nresources:\n"
        "  gpus: 0.5\nenv:\n  DEBUG: 'yes'\n",
        "kind: package\ninstall_method: git\ngit_url: https://github.com/o/r\nrevision: v1\n",
    ],
)
def test_tidy_text_stays_as_it_is(text: str) -> None:
    document = parse_document(text)
    assert dump_document(document) == text
    assert parse_document(document.model_dump()) == document


def test_numbers_mean_text_where_text_is_wanted() -> None:
    document = parse_document(
        FUNCTION + "python: 3.10\nenv: {DEBUG: yes, OCTAL: 0123, WHEN: 2024-01-01, EMPTY: ''}\ndescription: 1e3\n"
    )
    assert isinstance(document, FunctionDocument)
    assert document.python == "3.10"
    assert document.env == {"DEBUG": "yes", "OCTAL": "0123", "WHEN": "2024-01-01", "EMPTY": ""}
    assert document.description == "1e3"
    package = parse_document("kind: package\ninstall_method: git\ngit_url: https://h/r\nrevision: 0123456\n")
    assert isinstance(package, PackageDocument)
    assert package.revision == "0123456"


def test_a_program_may_give_numbers_and_booleans_for_variables() -> None:
    document = parse_document(
        {"kind": "function", "code": {"root": "/a", "file": "a.py", "name": "f"}, "env": {"N": 3, "DEBUG": True}}
    )
    assert isinstance(document, FunctionDocument)
    assert document.env == {"N": "3", "DEBUG": "true"}


def test_sizes_in_words() -> None:
    document = parse_document("kind: cluster\ntype: machine\nrun_storage_limit: 1.5 GiB\n")
    assert isinstance(document, ClusterDocument)
    assert document.run_storage_limit == 3 * 512 * 1024**2
    assert problems("kind: cluster\ntype: machine\nrun_storage_limit: much\n")["run_storage_limit"][1] == 3


def test_a_written_out_package_becomes_its_line() -> None:
    document = parse_document(
        FUNCTION + "packages:\n  - install_method: git\n    git_url: https://github.com/o/r\n    revision: v1\n"
    )
    assert isinstance(document, FunctionDocument)
    assert document.packages == ["git:https://github.com/o/r.git@v1"]


def test_errors_name_field_and_line() -> None:
    text = FUNCTION + (
        "packages:\n- numpy\n- ./\n- install_method: git\n  git_url: https://github.com/o/r\n  revision: --x\n- -r x\n"
        "pythn: '3.11'\nsystem: x\nresources: {gpus: -1, num_cpus: 2}\nenv:\n  A-B: x\n"
    )
    found = problems(text)
    assert found["packages[2].revision"] == ("'--x' is not a branch, tag or commit", 9)
    assert found["packages[3]"][1] == 10
    assert "option where a package belongs" in found["packages[3]"][0]
    assert found["pythn"] == ("there is no such field; did you mean python?", 11)
    assert found["system"] == ("there is no such field; did you mean cluster?", 12)
    assert found["resources.gpus"] == ("it must be at least 0, but is -1", 13)
    assert found["resources.num_cpus"] == ("there is no such field; did you mean cpus?", 13)
    assert found["env"] == ("'A-B' is not the name of an environment variable", 14)


def test_the_sentence_tells_the_first_problem_and_the_detail_all() -> None:
    with pytest.raises(DocumentError) as caught:
        parse_document("kind: cluster\nruns_kept: many\ntype: machin\n", source="~/x")
    assert caught.value.sentence == (
        "~/x, line 2: runs_kept: it must be a whole number, but is the text 'many'. (1 more problem.)"
    )
    assert caught.value.detail.splitlines()[1] == (
        "line 3: type: it is 'machin'; allowed are machine, ssh, cloud (did you mean machine?)"
    )


@pytest.mark.parametrize(
    ("text", "field", "says"),
    [
        ("kind: cluster\n", "type", "missing"),
        ("kind: cluster\ntype: ssh\n", "ips", "at least one host"),
        ("kind: cluster\ntype: cloud\n", "instance_type", "needs one"),
        ("kind: cluster\ntype: machine\nips: [a]\n", "ips", "type machine has none"),
        ("kind: cluster\nips: [a, a]\n", "ips[1]", "stands twice"),
        ("kind: cluster\nips: [bob@a]\n", "ips[0]", "ssh_user: bob"),
        ("kind: cluster\nips: ['-oProxyCommand=x']\n", "ips[0]", "not the name or address of a host"),
        ("kind: cluster\nips: [a]\nssh_creds: {password: secret}\n", "ssh_creds.password", "keyring"),
        ("kind: cluster\nips: [a]\nssh_creds: {ssh_port: 70000}\n", "ssh_creds.ssh_port", "at most 65,535"),
        ("kind: cluster\nips: [a]\nssh_creds: {ssh_private_key: -x}\n", "ssh_creds.ssh_private_key", "'-'"),
        ("kind: cluster\nips: [a]\nssh_creds: {proxy_jump: '-J x'}\n", "ssh_creds.proxy_jump", "host"),
        ("kind: cluster\nips: [a]\nssh_creds: {proxy_jump: 'b,c:99999'}\n", "ssh_creds.proxy_jump", "'c:99999' has no"),
        ("kind: cluster\nips: [a]\nssh_creds: {proxy_jump: 'b,-x@c'}\n", "ssh_creds.proxy_jump", "'-x@c' is not"),
        ("kind: cluster\nips: [a]\nssh_creds: {log_in: magic}\n", "ssh_creds.log_in", "auto, key, agent, password"),
        ("kind: cluster\nips: [a]\npython: 3.1\n", "python", "needs Python 3.11 or newer"),
        ("kind: cluster\nips: [a]\npython: two\n", "python", "neither a version"),
        ("kind: cluster\ntype: machine\nwheels: /w\n", "wheels", "type machine has none"),
        ("kind: cluster\nips: a\n", "ips", "must be a list, but is the text 'a'"),
        ("kind: cluster\ntype: machine\nuse_spot: maybe\n", "use_spot", "true or false"),
        ("kind: cluster\nips: [a]\nnum_instances: yes\n", "num_instances", "a whole number, but is true"),
        ("kind: cluster\ntype: machine\nprice_per_hour: .inf\n", "price_per_hour", "finite"),
        ("kind: cluster\ninstance_type: '-x'\n", "instance_type", "not an instance"),
        ("kind: function\n", "code", "missing"),
        ("kind: function\ncode: {root: src, file: a.py, name: f}\n", "code.root", "whole path"),
        ("kind: function\ncode: {root: /a, file: ../a.py, name: f}\n", "code.file", "inside the root"),
        ("kind: function\ncode: {root: /a, file: a.sh, name: f}\n", "code.file", "not a Python file"),
        ("kind: function\ncode: {root: /a, file: a.py, name: 'f()'}\n", "code.name", "not the name of a function"),
        (FUNCTION.replace("^local", "'my box'"), "cluster", "' '"),
        (FUNCTION + "python: 3.1\n", "python", "if you mean 3.10, write it in quotes"),
        (FUNCTION + "python: two\n", "python", "not a version of Python"),
        (FUNCTION + "env: {E: }\n", "env.E", "must be text, but is empty"),
        ("kind: package\ninstall_method: pip\n", "target", "needs one"),
        ("kind: package\ninstall_method: pip\ntarget: -r x\n", "target", "begins with '-'"),
        ("kind: package\ninstall_method: pip\ntarget: x\nrevision: v1\n", "revision", "only a package of method git"),
        ("kind: package\ninstall_method: git\n", "git_url", "needs one"),
        ("kind: package\ninstall_method: git\ngit_url: 'ext::sh -c x'\n", "git_url", "not the address"),
        ("kind: package\ninstall_method: pip\ntarget: x\noptions: [y]\n", "options[0]", "does not begin with '-'"),
        ("kind: package\ninstall_target: x\n", "install_target", "did you mean target?"),
        ("kind: functon\n", "kind", "did you mean function?"),
        ("kind: [a]\n", "kind", "allowed are"),
        ("type: machine\n", "kind", "missing"),
        ("", "", "empty"),
        ("- a\n", "", "a list, not a mapping"),
        ("just text\n", "", "not a mapping"),
    ],
)
def test_refuses(text: str, field: str, says: str) -> None:
    found = problems(text)
    assert field in found
    assert says in found[field][0]


def test_values_of_a_program_have_no_lines() -> None:
    assert problems({"kind": "package"}) == {
        "install_method": ("this field is missing (local, reqs, pip, conda or git)", None)
    }
    assert problems({"kind": "cluster", "type": "machine", 3: 4})  # type: ignore[dict-item]


def test_the_type_of_a_cluster_follows_from_what_it_has() -> None:
    for text, kind in (("ips: [a]", "ssh"), ("instance_type: A100:1", "cloud")):
        document = parse_document(f"kind: cluster\n{text}\n")
        assert isinstance(document, ClusterDocument)
        assert document.type == kind


def test_bare_names_become_whole() -> None:
    document = parse_document(FUNCTION.replace("^local", "box") + "packages: ['rh:deps', numpy]\n")
    assert isinstance(document, FunctionDocument)
    whole = document.in_folder("~/team")
    assert whole.cluster == "~/team/box"
    assert whole.packages == ["rh:~/team/deps", "numpy"]
    assert whole.in_folder("~") == whole


EDITED = """\
# Our boxes; ask Eve before you take one down
kind: cluster   # not a function
type: ssh
ips:
    - gpu1   # the head
    - gpu2   # slow

# how to log in
ssh_creds:
    ssh_user: "bob"  # the shared account
use_spot: no
"""


def test_changing_fields_keeps_comments() -> None:
    old = parse_document(EDITED)
    assert isinstance(old, ClusterDocument)
    new = old.model_copy(
        update={"ips": ["gpu1", "gpu3"], "ssh_creds": SshCredentials(ssh_user="eve", ssh_port=23), "description": "Two"}
    )
    text = update_text(EDITED, new)
    assert parse_document(text) == new
    for kept in (
        "# Our boxes; ask Eve before you take one down\n",
        "kind: cluster   # not a function\n",
        "    - gpu1   # the head\n    - gpu3\n\n# how to log in\n",
        "# the shared account",
        "use_spot: no\n",
    ):
        assert kept in text
    assert "gpu2" not in text


def test_changing_nothing_changes_no_letter() -> None:
    assert update_text(EDITED, parse_document(EDITED)) == EDITED


def test_changing_the_kind_writes_it_anew() -> None:
    package = PackageDocument(install_method="pip", target="numpy")
    assert parse_document(update_text(EDITED, package)) == package


_words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=30).map(str.strip)
_clusters = st.builds(
    ClusterDocument,
    type=st.just("ssh"),
    description=_words,
    ips=st.lists(st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True), min_size=1, max_size=4, unique=True),
    autostop_mins=st.none() | st.integers(-1, 1000),
    use_spot=st.none() | st.booleans(),
    price_per_hour=st.none() | st.floats(0, 1000),
    runs_kept=st.none() | st.integers(0, 10**6),
)
_functions = st.builds(
    lambda **values: FunctionDocument(code={"root": "/a", "file": "a.py", "name": "f"}, **values),  # type: ignore[arg-type]
    description=_words,
    packages=st.lists(st.sampled_from(["numpy", "./", "conda:pytorch", "pip:a==1 --find-links='/b c'"]), max_size=4),
    setup_commands=st.lists(_words.filter(bool), max_size=3),
    python=st.none() | st.sampled_from(["3.10", "3.11.7"]),
    env=st.dictionaries(st.from_regex(r"[A-Z_]{1,6}", fullmatch=True), _words, max_size=3),
)
_documents = _clusters | _functions


@given(_documents)
def test_what_is_dumped_reads_back(document: Document) -> None:
    assert parse_document(dump_document(document)) == document


@given(_documents, _documents)
def test_what_is_edited_reads_back(old: Document, new: Document) -> None:
    assert parse_document(update_text(dump_document(old), new)) == new
