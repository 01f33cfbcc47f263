"""The real clients of Runhouse 0.0.5 and 0.0.42 on a registry: what they saved they load, and rhdesk's users see it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import pytest
from lab.old_clients.client import KEY, VERSIONS, OldClient, OldClientError, OldTeam
from lab.registry import RegistryServer

pytestmark = pytest.mark.slow

LOG_IN = {"ssh_user": "alice", "ssh_private_key": "~/.ssh/id_rsa"}

# what the two versions call the same
HOSTS = {"0.0.5": "ips", "0.0.42": "host"}
CONFIG = {"0.0.5": "config_for_rns", "0.0.42": "config()"}
ON_DEMAND = {
    "0.0.5": "rh.cluster(name='a100', instance_type='A100:4', provider='aws', autostop_mins=30, num_instances=2, "
    "region='us-east-1', dryrun=True)",
    "0.0.42": "rh.ondemand_cluster(name='a100', gpus='A100:4', provider='aws', autostop_mins=30, num_nodes=2, "
    "region='us-east-1', dryrun=True)",
}


def byo(team: OldTeam, name: str, log_in: dict[str, str] = LOG_IN) -> str:
    hosts = f"{HOSTS[team.version]}=['10.0.0.7', '10.0.0.8']"
    return f"rh.cluster(name={name!r}, {hosts}, ssh_creds={log_in}, dryrun=True)"


def package(name: str) -> str:
    return f"rh.Package(name={name!r}, install_method='pip', install_target='numpy==1.26', install_args='--no-deps')"


def config(client: OldClient, expression: str) -> dict[str, Any]:
    """What a resource of the client says of itself."""
    return client(f"out = ({expression}).{CONFIG[client.version]}")  # type: ignore[no-any-return]


def loaded(client: OldClient, name: str, kind: str = "Cluster") -> dict[str, Any]:
    return config(client, f"rh.{kind}.from_name({name!r}, dryrun=True)")


def text_of(team: OldTeam, path: str) -> str:
    with team.registry.client("alice") as alice:
        answer = alice.get(f"/v1/resources/{path}")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["text"])


def put(team: OldTeam, path: str, text: str) -> None:
    with team.registry.client("alice") as alice:
        answer = alice.put(f"/v1/resources/{path}", json={"text": text, "base": 0})
    assert answer.status_code == 200, answer.text


# ---------------------------------------------------------------- saved and loaded by the same client


def test_a_cluster_of_one_s_own(old_team: OldTeam) -> None:
    client = old_team.client()
    saved = config(client, f"{byo(old_team, 'my-byo')}.save()")
    for name in ("my-byo", "@/my-byo", "/alice/my-byo"):
        assert loaded(client, name) | {"name": ""} == saved | {"name": ""}
        assert client(f"out = rh.exists({name!r}), rh.load({name!r}, dryrun=True).name") == [True, "my-byo"]
    assert client("out = rh.exists('other'), rh.exists('my-byo', resource_type='package')") == [False, False]
    assert text_of(old_team, "alice/my-byo") == (
        "# Saved by a client of Runhouse.\nkind: cluster\ntype: ssh\nips:\n  - 10.0.0.7\n  - 10.0.0.8\nssh_creds:\n"
        "  ssh_user: alice\n  ssh_private_key: ~/.ssh/id_rsa\n"
        + ("  ssh_port: 22\n" if old_team.version == "0.0.42" else "")
    )


def test_an_on_demand_cluster(old_team: OldTeam) -> None:
    client = old_team.client()
    saved = config(client, f"{ON_DEMAND[old_team.version]}.save()")
    assert loaded(client, "@/a100") | {"name": ""} == saved | {"name": ""}
    text = text_of(old_team, "alice/a100")
    for line in ("type: cloud", "instance_type: A100:4", "num_instances: 2", "provider: aws", "autostop_mins: 30",
                 "autostop_down: true", "region: us-east-1"):  # fmt: skip
        assert f"{line}\n" in text
    if old_team.version == "0.0.5":  # it tells nobody how clusters are
        return
    with old_team.registry.client("alice") as alice:

        def state() -> str:
            return str(alice.get("/v1/resources/alice/a100:status").json()["status"]["state"])

        runs = b'{"daemon_status": "running", "resource_info": {"runhouse_version": "0.0.42"}}'
        alice.post("/resource/alice:a100/cluster/status", content=runs)  # its server would, which needs a Ray
        assert state() == "up"
        client("""
            from runhouse.resources.hardware.launcher_utils import LocalLauncher
            LocalLauncher.teardown = classmethod(lambda *_, **__: None)  # there is no SkyPilot
            rh.OnDemandCluster.from_name("@/a100", dryrun=True).teardown()
        """)
        assert state() == "down"


def test_packages(old_team: OldTeam) -> None:
    client = old_team.client()
    saved = config(client, f"{package('deps')}.save('/alice/libs/deps')")
    assert loaded(client, "/alice/libs/deps", "Package") | {"name": ""} == saved | {"name": ""}
    text = text_of(old_team, "alice/libs/deps")
    assert "install_method: pip\ntarget: numpy==1.26\noptions:\n  - --no-deps\n" in text
    if old_team.version == "0.0.5":  # the other has none of git
        url = "https://github.com/huggingface/diffusers.git"
        client(f"rh.GitPackage(name='diffusers', git_url={url!r}, install_method='pip', revision='v0.11.1').save()")
        assert loaded(client, "diffusers", "GitPackage")["revision"] == "v0.11.1"
        assert f"git_url: {url}\nrevision: v0.11.1\ncheckout: pip\n" in text_of(old_team, "alice/diffusers")


def test_a_function(old_team: OldTeam) -> None:
    client = old_team.client()
    options = "reqs=['./', 'numpy'], " if old_team.version == "0.0.5" else ""
    saved = client(
        dedent(
            f"""
            import sys; sys.path.insert(0, '.')
            import train
            c = {byo(old_team, "its-own")}; c.save()
            f = rh.function(train.main, name='/alice/train', {options}dryrun=True)
            f.system = rh.Cluster.from_name('its-own', dryrun=True)
            f.save()
            out = f.{CONFIG[old_team.version]}
            """
        )
    )
    found = loaded(client, "/alice/train", "Function")
    for name in {"fn_pointers", "reqs", "setup_cmds", "resource_type"} & set(saved):
        assert found[name] == saved[name], name
    text = text_of(old_team, "alice/train")
    assert "kind: function\ncluster: /alice/its-own\ncode:\n" in text
    assert "file: train.py\n  name: main\n" in text
    assert ("packages:\n  - ./\n  - numpy\n" in text) == (old_team.version == "0.0.5")


def test_history_deletion_and_lists(old_team: OldTeam) -> None:
    client = old_team.client()
    client(f"c = {byo(old_team, 'listed')}; c.save(); c.save()")  # the second save changes nothing
    client(f"p = {package('changed')}; p.save('/alice/changed'); p.install_target = 'scipy'; p.save()")
    history = {"0.0.5": "rh.Package.history('changed')", "0.0.42": "p.history()"}[old_team.version]
    assert [
        (each["version"], each["updated_by"], each["data"]["install_target"]) for each in client(f"out = {history}")
    ] == [(2, "alice", "scipy"), (1, "alice", "numpy==1.26")]
    if old_team.version == "0.0.42":
        assert client("out = [each['version'] for each in p.history(limit=1)]") == [2]
        listed = client("out = [each['Name'] for each in rh.Cluster.list(show_all=True)['den_clusters']]")
        assert "/alice/listed" in listed
        assert client("out = rh.Cluster.list()") == {}  # those that run: what runs nobody told the registry
        with old_team.registry.client("alice") as alice:
            told = alice.put("/v1/resources/alice/listed:status", json={"state": "up", "autostop_mins": 30})
            assert told.status_code == 200
        listed = "[(each['Name'], each['Status']) for each in rh.Cluster.list({})['den_clusters']]"
        assert client(f"out = {listed.format('')}") == [["/alice/listed", "running"]]
    client("c.delete_configs(); p.delete_configs()")
    assert client("out = rh.exists('listed'), rh.exists('changed')") == [False, False]
    with old_team.registry.client("alice") as alice:
        assert alice.get("/v1/resources/alice/changed").status_code == 404
        versions = alice.get("/v1/resources/alice/listed:history").json()["versions"]
    assert [(each["version"], each["action"]) for each in versions] == [(2, "deleted"), (1, "saved")]


# ---------------------------------------------------------------- secrets


def test_that_no_secret_is_kept(old_team: OldTeam) -> None:
    client = old_team.client()
    client(f"{byo(old_team, 'open')}.save()")
    client(f"{byo(old_team, 'locked', LOG_IN | {'password': 'HUNTER2'})}.save()")
    assert loaded(client, "/alice/locked")["ips"] == ["10.0.0.7", "10.0.0.8"]
    with old_team.registry.client("alice") as alice:
        kept = [alice.get(f"/resource/alice:{name}").text for name in ("open", "locked", "ssh-id_rsa")]
    assert "~/.ssh/id_rsa" in kept[0]
    assert "HUNTER2" in KEY
    assert "HUNTER2" not in "".join(kept) + old_team.registry.said()
    for file in old_team.registry.folder.rglob("*"):
        assert not file.is_file() or b"HUNTER2" not in file.read_bytes(), file


def test_that_a_secret_which_no_cluster_needs_is_refused(old_team: OldTeam) -> None:
    save = {
        "0.0.5": "rh.Secrets.put(provider='mine', secret={'key': 'x'})",
        "0.0.42": "rh.provider_secret(provider='aws', values={'access_key': 'x', 'secret_key': 'y'}).save()",
    }
    with pytest.raises(OldClientError, match=r"in Vault|This registry keeps no secrets"):
        old_team.client()(save[old_team.version])


# ---------------------------------------------------------------- several users


def test_sharing_and_taking_it_back(old_team: OldTeam) -> None:
    alice, bob = old_team.client(), old_team.client("bob")
    alice(f"p = {package('shared')}; p.save('/alice/shared')")
    assert bob("out = rh.exists('/alice/shared')") is False
    given = alice("out = p.share(['bob', 'stranger@example.org'], 'write', notify_users=False)")
    assert given == ([{"bob": "write"}, {}] if old_team.version == "0.0.5" else [{"bob": "write"}, {}, ["bob"]])
    assert loaded(bob, "/alice/shared", "Package")["install_target"] == "numpy==1.26"
    bob("p = rh.Package.from_name('/alice/shared', dryrun=True); p.install_target = 'scipy'; p.save()")
    assert loaded(alice, "shared", "Package")["install_target"] == "scipy"
    with old_team.registry.client("alice") as client:
        assert client.get("/v1/resources/alice/shared").json()["modified_by"] == "bob"
        access = client.get("/v1/resources/alice/shared:access").json()["grants"]
    assert access == [{"who": "bob", "access": "write", "inherited_from": None}]
    if old_team.version == "0.0.42":
        alice("p.revoke('bob')")
        assert bob("out = rh.exists('/alice/shared')") is False
        with pytest.raises(OldClientError):
            bob("p.save()")
        alice("p.share(visibility='public')")
        assert bob("out = rh.exists('/alice/shared')") is True
        alice("p.share(visibility='private')")
        assert bob("out = rh.exists('/alice/shared')") is False


def test_that_a_shared_cluster_is_used_with_one_s_own_key(old_team: OldTeam) -> None:
    alice, bob = old_team.client(), old_team.client("bob")
    alice(f"c = {byo(old_team, 'ours')}; c.save(); c.share(['bob'], 'read', notify_users=False)")
    assert loaded(bob, "/alice/ours")["ips"] == ["10.0.0.7", "10.0.0.8"]
    hosts = "ips" if old_team.version == "0.0.5" else "_ips"
    with pytest.raises(OldClientError, match="Failed to save"):
        bob(f"c = rh.Cluster.from_name('/alice/ours', dryrun=True); c.{hosts} = ['10.0.0.9']; c.save()")


def test_that_nobody_else_writes_it(old_team: OldTeam) -> None:
    bob = old_team.client("bob")
    old_team.client()(f"{byo(old_team, 'mine')}.save()")
    assert bob("out = rh.exists('/alice/mine')") is False
    with pytest.raises(OldClientError, match="Failed to create new resource"):
        bob(f"{package('his')}.save('/alice/mine')")
    assert "type: ssh" in text_of(old_team, "alice/mine")


# ---------------------------------------------------------------- beside clients of today

TODAYS = """\
# under the desk
kind: cluster
description: Ours
type: ssh
ips: [10.0.0.1]  # by cable
ssh_creds:
  ssh_user: ray
  ssh_private_key: ~/.ssh/id_rsa
  proxy_jump: hop
price_per_hour: 1.5
"""


def test_documents_of_today(old_team: OldTeam) -> None:
    put(old_team, "alice/today/desk", TODAYS)
    put(old_team, "alice/today/cloud", "kind: cluster\ntype: cloud\ninstance_type: L4:1\nprovider: gcp\n")
    put(old_team, "alice/today/libs", "kind: package\ninstall_method: pip\ntarget: numpy\noptions: [--no-deps]\n")
    code = "code: {root: ~/proj, file: a/b.py, name: main}"
    put(old_team, "alice/today/f", f"kind: function\ncluster: /alice/today/desk\n{code}\npackages: [scipy]\n")
    client = old_team.client()
    desk = loaded(client, "/alice/today/desk")
    assert (desk["resource_subtype"], desk["ips"]) == ("Cluster", ["10.0.0.1"])
    log_in = desk["ssh_creds" if old_team.version == "0.0.5" else "ssh_properties"]
    assert log_in == LOG_IN | {"ssh_user": "ray"}
    assert loaded(client, "@/today/cloud")["instance_type"] == "L4:1"
    libs = loaded(client, "/alice/today/libs", "Package")
    assert (libs["install_target"], libs["install_args"]) == ("numpy", "--no-deps")
    function = loaded(client, "/alice/today/f", "Function")
    assert function["fn_pointers"] == ["proj/a", "b", "main"]
    assert function["system"] == "/alice/today/desk"
    if old_team.version == "0.0.5":
        assert function["reqs"] == ["scipy", "./"]


def test_that_saving_over_a_document_of_today_keeps_what_old_clients_cannot_say(old_team: OldTeam) -> None:
    put(old_team, "alice/desk", TODAYS)
    client = old_team.client()
    hosts = "ips" if old_team.version == "0.0.5" else "_ips"
    client(f"c = rh.Cluster.from_name('/alice/desk', dryrun=True); c.{hosts} = ['10.0.0.1', '10.0.0.2']; c.save()")
    assert loaded(client, "/alice/desk")["ips"] == ["10.0.0.1", "10.0.0.2"]
    text = text_of(old_team, "alice/desk")
    for kept in ("# under the desk\n", "description: Ours\n", "proxy_jump: hop\n", "price_per_hour: 1.5\n"):
        assert kept in text
    assert "10.0.0.2" in text
    # and what is changed here is what the old client loads from then on
    with old_team.registry.client("alice") as alice:
        answer = alice.put("/v1/resources/alice/desk", json={"text": text.replace("10.0.0.2", "10.0.0.3")})
    assert answer.status_code == 200
    assert loaded(client, "/alice/desk")["ips"] == ["10.0.0.1", "10.0.0.3"]


# ---------------------------------------------------------------- who one is


def test_logging_in(old_team: OldTeam) -> None:
    client = old_team.client("carol")
    token = old_team.registry.token("carol")
    options = {
        "0.0.5": "upload_config=True, download_config=False, download_secrets=False, upload_secrets=False",
        "0.0.42": "download_secrets=False, upload_secrets=False, interactive=False",
    }[old_team.version]
    client("rh.configs.set('default_autostop', 17)")
    if old_team.version == "0.0.42":
        client("rh.configs.upload_defaults()")
    assert client(f"out = rh.login(token={token!r}, ret_token=True, {options})") == token
    download = {"0.0.5": "download_defaults", "0.0.42": "load_defaults_from_den"}[old_team.version]
    known = client(f"out = rh.configs.{download}()")
    assert (known["username"], known["default_folder"], known["default_autostop"]) == ("carol", "/carol", 17)
    wrong = f"out = rh.login(token='wrong', ret_token=True, {options.replace('upload_config=True, ', '')})"
    if old_team.version == "0.0.5":
        assert client(wrong.replace("download_config=False, ", "")) is None
    else:
        with pytest.raises(OldClientError, match="Invalid token"):
            client(wrong)


def test_that_strangers_get_nowhere(old_team: OldTeam) -> None:
    with httpx.Client(base_url=old_team.registry.url, trust_env=False) as stranger:
        for method, path in (
            ("GET", "/user/"), ("PUT", "/user//config"), ("GET", "/resource/alice:my-byo"), ("POST", "/resource"),
            ("PUT", "/resource/alice:my-byo"), ("DELETE", "/resource/alice:my-byo"), ("GET", "/user/secret/alice:x"),
            ("PUT", "/user/secret/alice:ssh-id_rsa"), ("GET", "/resource?resource_type=cluster&owned=True"),
            ("PUT", "/resource/alice:my-byo/users/access"), ("GET", "/resource/history/alice:my-byo"),
            ("POST", "/admin/logs"),
        ):  # fmt: skip
            answer = stranger.request(method, path, content=b"{}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "bad-token"), path


def test_that_each_version_loads_what_the_other_saved(registry: RegistryServer, short_path: Path) -> None:
    clients = {version: OldClient(version, registry, "alice", short_path / version) for version in VERSIONS}
    seed, last = clients["0.0.5"], clients["0.0.42"]
    hosts = "['10.0.0.7']"
    seed(f"rh.cluster(name='first', ips={hosts}, ssh_creds={LOG_IN}, dryrun=True).save()")
    last(f"rh.cluster(name='second', host={hosts}, ssh_creds={LOG_IN}, dryrun=True).save()")
    seed("import sys; sys.path.insert(0, '.'); import train; c = rh.Cluster.from_name('first', dryrun=True)")
    seed("f = rh.function(train.main, name='job', system=c, reqs=['./'], dryrun=True); f.save()")
    last("import sys; sys.path.insert(0, '.'); import train; rh.function(train.main, name='/alice/work').save()")
    assert loaded(last, "first")["ssh_properties"] == LOG_IN
    assert loaded(seed, "second")["ssh_creds"] == LOG_IN
    function = "f = rh.Function.from_name({!r}, dryrun=True); out = list(f.fn_pointers), f.system and f.system.name"
    assert last(function.format("job")) == [["project", "train", "main"], "first"]
    assert seed(function.format("work"))[0][1:] == ["train", "main"]
    # and saved again by the other one they are what they were
    last("c = rh.Cluster.from_name('first', dryrun=True); c.save()")
    assert loaded(seed, "first")["ssh_creds"] == LOG_IN
    for client in clients.values():
        client.close()
