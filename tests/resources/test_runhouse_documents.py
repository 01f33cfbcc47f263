"""What Runhouse wrote becomes today's documents, and today's become what its clients load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from rhresources.documents import (
    ClusterDocument,
    Document,
    FunctionDocument,
    PackageDocument,
    SshCredentials,
    dump_document,
    parse_document,
)
from rhresources.errors import DocumentError
from rhresources.runhouse import Surroundings, from_document, to_document
from rhresources.runhouse.secrets import without_secrets

# ---------------------------------------------------------------- what its two versions wrote

BYO_5 = {
    "name": "~/clusters/local-a100",
    "resource_type": "cluster",
    "resource_subtype": "Cluster",
    "ips": ["127.0.0.1"],
    "ssh_creds": {"ssh_user": "alice", "ssh_private_key": "~/.ssh/id_rsa"},
}
BYO_42 = {
    "name": "/alice/my-byo",
    "resource_type": "cluster",
    "visibility": "private",
    "data": {
        "resource_subtype": "Cluster",
        "ips": ["10.0.0.7", "10.0.0.8"],
        "server_port": 32300,
        "server_connection_type": "ssh",
        "den_auth": False,
        "ssh_port": 22,
        "ssh_properties": {"ssh_user": "alice", "ssh_private_key": "~/.ssh/id_rsa"},
        "creds": "/alice/ssh-id_rsa",
    },
}
ON_DEMAND_5 = {
    "name": "/alice/rh-a10x",
    "resource_type": "cluster",
    "resource_subtype": "OnDemandCluster",
    "instance_type": "A100:4",
    "num_instances": 2,
    "provider": "cheapest",
    "autostop_mins": 30,
    "use_spot": True,
    "image_id": None,
    "region": "us-east-1",
    "sky_state": None,
}


def test_that_hosts_of_one_s_own_keep_how_they_are_reached() -> None:
    document, left = to_document(BYO_5)
    log_in = SshCredentials(ssh_user="alice", ssh_private_key="~/.ssh/id_rsa")
    assert document == ClusterDocument(type="ssh", ips=["127.0.0.1"], ssh_creds=log_in)
    assert left == []


def test_that_a_cluster_of_0_0_42_is_read_as_its_server_answers() -> None:
    document, left = to_document(BYO_42)
    assert isinstance(document, ClusterDocument)
    assert (document.ips, document.ssh_creds.ssh_private_key, document.ssh_creds.ssh_port) == (
        ["10.0.0.7", "10.0.0.8"],
        "~/.ssh/id_rsa",
        22,
    )
    assert left == []


def test_that_an_idle_cluster_of_a_cloud_goes_away_as_it_did() -> None:
    document, left = to_document(ON_DEMAND_5)
    assert document == ClusterDocument(
        type="cloud",
        instance_type="A100:4",
        num_instances=2,
        provider="cheapest",
        autostop_mins=30,
        autostop_down=True,
        use_spot=True,
        region="us-east-1",
    )
    assert left == []


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ({"gpus": "L4"}, "L4:1"),
        ({"gpus": "A10G:4", "instance_type": None}, "A10G:4"),
        ({"num_cpus": 8}, "CPU:8"),
        ({"num_cpus": "4+"}, "CPU:4+"),
        ({"instance_type": "m5.xlarge"}, "m5.xlarge"),
        ({}, "CPU:8+"),
    ],
)
def test_what_hardware_is_asked_for(said: dict[str, Any], asked: str) -> None:
    document, _ = to_document({"resource_type": "cluster", "resource_subtype": "OnDemandCluster"} | said)
    assert isinstance(document, ClusterDocument)
    assert document.instance_type == asked


def test_that_what_is_left_behind_is_said() -> None:
    config = ON_DEMAND_5 | {
        "memory": 64,
        "open_ports": [8080],
        "image": {"python_version": "3.9", "setup_steps": [{"step_type": "pip_install", "kwargs": {}}]},
        "sky_state": {"handle": {"head_ip": "1.2.3.4"}},
        "region": "us\neast",
    }
    document, left = to_document(config)
    assert isinstance(document, ClusterDocument)
    assert document.region is None
    for word in ("memory", "open_ports", "python", "image.setup_steps (pip_install)", "rhdesk adopt", "region"):
        assert any(word in sentence for sentence in left), (word, left)


@pytest.mark.parametrize("where", ["ssh_creds", "ssh_properties", "creds"])
def test_that_a_password_is_told_of_and_not_taken(where: str) -> None:
    config = {
        "resource_type": "cluster",
        "resource_subtype": "Cluster",
        "ips": ["h"],
        where: {"ssh_user": "a", "password": "hunter2"},
    }
    document, left = to_document(config)
    assert "hunter2" not in dump_document(document) + " ".join(left)
    assert any("rhdesk credentials" in sentence for sentence in left)


def test_a_function_of_a_page() -> None:
    repository = {
        "resource_type": "package",
        "resource_subtype": "GitPackage",
        "install_method": "local",
        "install_target": "./repo",
        "git_url": "https://github.com/u/repo.git",
        "revision": "main",
    }
    document, left = to_document(
        {
            "resource_type": "function",
            "system": "/alice/my-byo",
            "reqs": [repository, "numpy==1.26 --no-deps"],
            "setup_cmds": ["echo hello"],
            "fn_pointers": ["repo/path/to", "file", "main"],
        }
    )
    assert isinstance(document, FunctionDocument)
    assert document.code.source == "https://github.com/u/repo.git@main"
    assert document.code.pointer == "path/to/file.py:main"
    assert document.packages == ["local:./", "numpy==1.26 --no-deps"]
    assert (document.cluster, document.setup_commands, left) == ("/alice/my-byo", ["echo hello"], [])


def test_a_function_of_a_project_that_is_here(tmp_path: Path) -> None:
    project = tmp_path / "proj"
    (project / "src").mkdir(parents=True)
    (project / "src" / "train.py").write_text("def main(): ...\n")
    config = {
        "resource_type": "function",
        "system": "^rh-cpu",
        "reqs": ["./", "src", "~/deps", "/alice/gp", "/srv/lib"],
        "fn_pointers": ["proj/src", "train", "main"],
    }
    document, left = to_document(config, Surroundings(project, {"~/deps": "~/old/deps"}))
    assert isinstance(document, FunctionDocument)
    assert (document.code.root, document.code.pointer) == (str(project), "src/train.py:main")
    assert document.packages == ["./", "./src", "rh:~/old/deps", "rh:/alice/gp", "/srv/lib"]
    assert (document.cluster, left) == ("^rh-cpu", [])


def test_that_the_folder_of_code_is_guessed_where_it_is_not_known() -> None:
    document, left = to_document(
        {"resource_type": "function", "system": None, "reqs": ["./"], "fn_pointers": ["proj", "pkg.train", "main"]}
    )
    assert isinstance(document, FunctionDocument)
    assert (document.code.root, document.code.file) == ("~/proj", "pkg/train.py")
    assert ["code.root is a guess" in sentence for sentence in left] == [True]


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"install_method": "pip", "install_target": "numpy", "install_args": "--no-deps"}, "pip:numpy --no-deps"),
        ({"install_method": "uv", "install_target": "ray==2.9.0", "install_extras": "tune"}, "pip:ray[tune]==2.9.0"),
        ({"install_method": "pip", "install_target": "torch -i https://x.y/s", "install_args": "-i https://x.y/s"},
         "pip:torch --index-url=https://x.y/s"),
        ({"install_method": "reqs", "install_target": {"path": "/srv/p", "system": "file"}}, "reqs:/srv/p"),
        ({"install_method": "reqs", "install_target": {"path": ".", "system": "file"}}, "reqs:./"),
        ({"install_method": "local", "install_target": ["~/lib", None]}, "local:~/lib"),
        ({"install_method": "conda", "install_target": "pytorch", "install_args": "-c pytorch"},
         "conda:pytorch --channel=pytorch"),
        ({"install_method": "pip", "git_url": "https://github.com/a/b.git", "revision": "v1"},
         "pip:https://github.com/a/b.git@v1"),
    ],
)  # fmt: skip
def test_packages(config: dict[str, Any], line: str) -> None:
    document, left = to_document({"resource_type": "package"} | config)
    assert isinstance(document, PackageDocument)
    assert (str(document.spec()), left) == (line, [])


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"resource_type": "secret", "name": "/alice/ssh-id_rsa"},
        {"resource_type": "cluster", "resource_subtype": "Cluster"},
        {"resource_type": "cluster", "resource_subtype": "DockerCluster", "ips": ["box"]},
        {"resource_type": "cluster", "ips": ["not a host"]},
        {"resource_type": "function", "reqs": []},
        {"resource_type": "function", "fn_pointers": ["p", "notebook", "f"]},
        {"resource_type": "function", "fn_pointers": ["p", "m", "<lambda>"]},
        {"resource_type": "package", "install_method": "pip"},
        {"resource_type": "package", "install_method": "local", "install_target": {"path": "/b", "system": "s3"}},
    ],
)
def test_that_what_cannot_be_is_refused_with_a_sentence(config: dict[str, Any]) -> None:
    with pytest.raises(DocumentError) as refused:
        to_document(config)
    assert refused.value.sentence.endswith(".")


# ---------------------------------------------------------------- whatever is in it

anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=12),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
FIELDS: dict[str, tuple[str, ...]] = {
    "cluster": (
        "ips", "ssh_creds", "ssh_properties", "creds", "ssh_port", "instance_type", "num_instances", "num_nodes",
        "provider", "autostop_mins", "use_spot", "image_id", "region", "disk_size", "gpus", "num_cpus", "image",
        "sky_state", "open_ports", "domain",
    ),
    "function": ("system", "reqs", "setup_cmds", "fn_pointers", "env"),
    "package": (
        "install_method", "install_target", "install_args", "install_extras", "git_url", "revision", "preferred_version"
    ),
}  # fmt: skip
LIKELY: dict[str, some.SearchStrategy[Any]] = {
    "ips": some.lists(some.sampled_from(["10.0.0.1", "gpu", "gpu", "fe80::1%eth0", "a b", ""]), max_size=3),
    "ssh_creds": some.fixed_dictionaries({"ssh_user": some.sampled_from(["alice", "-x"]), "ssh_private_key": anything}),
    "instance_type": some.sampled_from(["A100:4", "m5.xlarge", "--gpus A100:4", "CPU:8+", None]),
    "fn_pointers": some.tuples(
        some.sampled_from(["proj/src", "/srv/p", "~/p", None, "..", "repo/x"]),
        some.sampled_from(["train", "a.b", "notebook", "x y"]),
        some.sampled_from(["main", "Trainer.fit", "<lambda>"]),
    ),
    "reqs": some.lists(
        some.sampled_from(["./", "numpy", "pip:", "~/deps", "/alice/x", "rh:~/deps", "local:src", "https://github.com/a/b",
                           {"install_method": "local", "git_url": "https://github.com/u/repo.git"}]),
        max_size=4,
    ),
    "install_method": some.sampled_from(["pip", "local", "reqs", "conda", "uv", None]),
    "install_target": some.sampled_from(["numpy", "./", "src", ["~/x", None], {"path": "/x", "system": "file"}]),
    "git_url": some.sampled_from(["https://github.com/a/b.git", "", "ext::sh"]),
}  # fmt: skip


@some.composite
def configs(draw: Callable[[Any], Any]) -> dict[str, Any]:
    kind = draw(some.sampled_from(sorted(FIELDS)))
    subtype = draw(some.sampled_from(["Cluster", "OnDemandCluster", "Function", "Package", "GitPackage", None]))
    config = {"resource_type": kind, "resource_subtype": subtype}
    for name in draw(some.lists(some.sampled_from(FIELDS[kind]), unique=True)):
        config[name] = draw(LIKELY.get(name, anything) | anything)
    return config


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(configs())
def test_that_what_is_made_always_validates_and_the_rest_is_said_in_sentences(config: dict[str, Any]) -> None:
    try:
        document, left = to_document(config)
    except DocumentError:
        return
    assert parse_document(dump_document(document)) == document
    assert all(sentence.endswith(".") for sentence in left)
    # and Runhouse's clients get something that means the same to us
    again, _ = to_document(from_document("/alice/x", document))
    assert again.kind == document.kind


# ---------------------------------------------------------------- there and back

hosts = some.lists(some.sampled_from(["10.0.0.1", "gpu.example.org", "box"]), min_size=1, max_size=3, unique=True)
log_ins = some.fixed_dictionaries(
    {},
    optional={
        "ssh_user": some.sampled_from(["alice", "root"]),
        "ssh_private_key": some.sampled_from(["~/.ssh/id_rsa", "/keys/k 1"]),
        "ssh_port": some.integers(1, 65535),
    },
)
own = some.builds(ClusterDocument, type=some.just("ssh"), ips=hosts, ssh_creds=log_ins)
minutes = some.none() | some.just(-1)
on_demand = some.builds(
    ClusterDocument,
    type=some.just("cloud"),
    instance_type=some.sampled_from(["CPU:8+", "A100:4", "m5.xlarge"]),
    num_instances=some.none() | some.integers(1, 9),
    provider=some.none() | some.sampled_from(["aws", "cheapest"]),
    autostop_mins=minutes,
    use_spot=some.none() | some.booleans(),
    image_id=some.none() | some.just("ami-1"),
    region=some.none() | some.just("us-east-1"),
    disk_size=some.none() | some.integers(1, 500),
) | some.builds(
    ClusterDocument,
    type=some.just("cloud"),
    instance_type=some.just("CPU:2+"),
    autostop_mins=some.integers(0, 600),
    autostop_down=some.just(True),
)
lines = some.sampled_from(
    ["numpy==1.26", "torch --index-url=https://x.y/s", "conda:pytorch --channel=pytorch", "rh:/alice/deps", "./lib",
     "local:../lib", "pip:./lib", "reqs:./dev.txt", "git:https://github.com/a/b.git@v1", "pip:git+https://h.org/c.git"]
)  # fmt: skip
codes = some.sampled_from(
    [
        {"root": "~/proj", "file": "train.py", "name": "main"},
        {"root": "~/proj", "file": "src/train.py", "name": "Trainer.fit"},
        {"git_url": "https://github.com/u/repo.git", "revision": "main", "file": "a/b.py", "name": "f"},
        {"git_url": "https://github.com/u/repo.git", "file": "b.py", "name": "f"},
        {"module": "pkg.train", "name": "main"},
    ]
)
functions = some.builds(
    FunctionDocument,
    cluster=some.none() | some.sampled_from(["/alice/gpu", "~/gpu", "^rh-cpu"]),
    code=codes,
    packages=some.lists(lines, max_size=3, unique=True),
    setup_commands=some.lists(some.sampled_from(["echo a", "b\nc"]), max_size=2),
)
packages = some.builds(
    PackageDocument.from_spec, lines.filter(lambda line: line[:3] != "rh:").map(lambda line: spec(line))
)


def spec(line: str) -> Any:
    from rhresources.packages import parse_package

    return parse_package(line)


def meaning(document: Document) -> Any:
    """A document without what goes without saying: that a function needs the requirements of its own code."""
    if not isinstance(document, FunctionDocument):
        return document
    said = [str(spec(line)) for line in document.packages]
    return document.model_copy(update={"packages": [line for line in said if line != "reqs:./"]})


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(own | on_demand | functions | packages)
def test_that_there_and_back_keeps_what_both_can_say(document: Document) -> None:
    config = from_document("/alice/x", document)
    assert (config["name"], config["resource_type"]) == ("/alice/x", document.kind)
    again, left = to_document(config)
    assert meaning(again) == meaning(document)
    assert [sentence for sentence in left if "is a guess" not in sentence] == []


def test_that_secrets_are_taken_out_wherever_they_stand() -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n"
    config = {
        "ips": ["h"],
        "ssh_creds": {"ssh_user": "a", "ssh_private_key": "~/.ssh/id_rsa", "password": "hunter2"},
        "creds": {"resource_type": "secret", "name": "/a/s", "values": {"x": "hunter2"}, "path": "~/.ssh/k"},
        "image": {"setup_steps": [{"kwargs": {"env_vars": {"HF_TOKEN": "hunter2", "A": "1"}}}, key]},
        "sky_kwargs": {"deep": [{"note": key}]},
    }
    clean, found = without_secrets(config)
    assert "hunter2" not in repr(clean) + repr(found)
    assert clean["ssh_creds"] == {"ssh_user": "a", "ssh_private_key": "~/.ssh/id_rsa"}
    assert clean["creds"] == {"resource_type": "secret", "name": "/a/s", "path": "~/.ssh/k"}
    assert clean["image"] == {"setup_steps": [{"kwargs": {"env_vars": {"A": "1"}}}]}
    assert found[:2] == ["ssh_creds.password", "creds.values"]
    assert without_secrets(clean) == (clean, [])
