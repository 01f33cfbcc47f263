"""Clusters on hosts over SSH, from nothing to a call and back: real sshd, real uv, real Ray."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import pytest
from lab.bare_host import BareHost
from lab.own_wheels import make_wheels
from lab.rights import root_only

from rhresources.code.pointer import pointer_of_text
from rhresources.code.specs import Needs, Trees, make_spec
from rhresources.errors import RhError
from rhresources.reach.bring_up import wheel
from rhresources.reach.server_calls import answers
from rhresources.wire import PROTOCOL
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient
from rhresources.wire.values import json_arguments

MakeProject = Callable[[Mapping[str, str]], Path]


def server_record(host: BareHost) -> dict[str, object]:
    record: dict[str, object] = json.loads((host.server_home / "server.json").read_text())
    return record


async def submit(client: ClusterClient, project: Path, function: str, **arguments: object) -> pb.Run:
    """Start a run of a function of `app.py`."""
    trees = Trees(False)
    spec = await make_spec(client, trees, pointer_of_text(f"{project / 'app.py'}:{function}"), Needs(), None)
    trees.close()
    return await client.submit(spec, json_arguments([], arguments))


async def result_of(client: ClusterClient, run: str) -> object:
    """What it returned, once it has."""
    async with asyncio.timeout(120):
        reply = await client.result(run, wait=True)
    assert reply.run.state == pb.SUCCEEDED, reply.run
    return json.loads(reply.value.data)


async def state_of(client: ClusterClient, run: str) -> int:
    return (await client.result(run)).run.state


async def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.mark.ray
@pytest.mark.slow
async def test_from_a_bare_host_to_a_result_and_down_again(bare_host: BareHost, make_project: MakeProject) -> None:
    project = make_project({"app.py": "import os\ndef where():\n    return os.environ['HOME']\n"})
    route = bare_host.route()
    assert await route.address() is None
    address = await route.up(bare_host.say)
    assert {"look", "uv", "wheel", "install", "start", "engine"} <= {one.step for one in route.timings}
    assert any(line.startswith("Installed rhdesk") for line in bare_host.said)
    client = await ClusterClient.connect(address, resolve=route.address)
    hello = await client.say_hello()
    assert hello.version == wheel.own_version()
    assert str(bare_host.server_home) == hello.home
    run = await submit(client, project, "where")
    assert await result_of(client, run.id) == str(Path(f"~{bare_host.user}").expanduser())
    # the sockets are private, and none lies where systemd would remove it
    assert "/run/user" not in str(server_record(bare_host)["socket"])

    # a second client finds what runs, and starts nothing
    other = bare_host.route()
    before = server_record(bare_host)
    assert await answers(await other.up(bare_host.say))
    assert server_record(bare_host) == before
    assert {one.step for one in other.timings} <= {"connect", "state", "engine"}

    await client.close()
    await route.down(stop_runs=False)
    assert await other.address() is None
    assert not _lives(int(str(before["pid"])))
    assert not (bare_host.server_home / "ray.json").exists()
    await route.down(stop_runs=False)  # nothing to do


@pytest.mark.slow
async def test_a_host_without_internet_gets_everything_from_a_folder_of_wheels(
    make_bare_host: Callable[..., BareHost], tmp_path: Path
) -> None:
    wheels = tmp_path / "wheels with a space"
    made = make_wheels(wheels)
    (wheels / "unrelated-1.0-py3-none-any.whl").write_bytes(b"nobody needs it")
    host = make_bare_host(environment={"UV_CACHE_DIR": str(tmp_path / "cache"), "UV_DEFAULT_INDEX": "http://[::1]:9/"})
    route = host.route(wheels=str(wheels))
    address = await route.up(host.say, wait_ready=False)
    assert await answers(address)
    there = {file.name for file in (host.rh / "installs" / "wheels").iterdir()}
    assert there == {file.name for file in made}
    await route.down(stop_runs=True)

    # only what is missing is sent again
    (host.rh / "installs" / "wheels" / made[0].name).unlink()
    for complete in (host.rh / "installs").glob("*/complete"):
        complete.unlink()
    host.said.clear()
    await route.up(host.say, wait_ready=False)
    assert any(line.startswith("Sent 1 wheel ") for line in host.said)
    await route.down(stop_runs=True)


@pytest.mark.slow
async def test_a_wheel_that_is_not_in_the_folder_is_named(
    make_bare_host: Callable[..., BareHost], tmp_path: Path
) -> None:
    make_wheels(tmp_path / "wheels", without=("psutil",))
    host = make_bare_host(environment={"UV_CACHE_DIR": str(tmp_path / "cache")})
    with pytest.raises(RhError, match="folder of wheels has no psutil") as failed:
        await host.route(wheels=str(tmp_path / "wheels")).up(host.say)
    assert str(tmp_path / "wheels") in failed.value.remedy
    with pytest.raises(RhError, match="There is no folder of wheels"):
        await host.route(wheels=str(tmp_path / "nothing")).up(host.say)


@pytest.mark.slow
async def test_two_clients_at_once_get_the_same_server(installed_host: BareHost) -> None:
    first, second = installed_host.route(), installed_host.route()
    addresses = await asyncio.gather(
        first.up(installed_host.say, wait_ready=False), second.up(installed_host.say, wait_ready=False)
    )
    assert addresses[0].token == addresses[1].token
    assert addresses[0].target != addresses[1].target
    assert await answers(addresses[0])
    assert await answers(addresses[1])


@pytest.mark.slow
async def test_a_broken_bring_up_goes_on_where_it_broke(
    make_bare_host: Callable[..., BareHost], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make_bare_host()
    for line in ("Sending uv", "Installing rhdesk", "Resolved", "Installed 5"):
        broken = asyncio.Event()

        def say(said: str, line: str = line, broken: asyncio.Event = broken) -> None:
            if said.strip().startswith(line):
                broken.set()

        route = host.route()
        going = asyncio.ensure_future(route.up(say, wait_ready=False))
        waiting = asyncio.ensure_future(broken.wait())
        await asyncio.wait({going, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if going.done():
            break  # a fast machine: uv said nothing of it
        host.sshd.drop()
        with pytest.raises(RhError) as failed:
            await going
        assert failed.value.code == "connection-lost"
        waiting.cancel()
    host.said.clear()
    await host.route().up(host.say, wait_ready=False)
    assert not any(line.startswith("Sending uv") for line in host.said)
    assert not list((host.rh / "installs" / "files").glob("*.whl"))


@pytest.mark.slow
async def test_cancelling_a_bring_up_ends_what_it_started_there(bare_host: BareHost) -> None:
    route = bare_host.route()
    began = asyncio.Event()
    going = asyncio.ensure_future(
        route.up(lambda line: began.set() if line.startswith("Installing") else None, wait_ready=False)
    )
    await began.wait()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    place = str(bare_host.rh)
    await until(lambda: not any(place in " ".join(words) for words in _command_lines()), 20)
    await route.up(bare_host.say, wait_ready=False)


@pytest.mark.ray
@pytest.mark.slow
async def test_an_upgrade_takes_running_work_along(
    make_bare_host: Callable[..., BareHost], make_project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make_bare_host()
    project = make_project(
        {"app.py": "import time\ndef wait(file: str):\n    while True:\n        time.sleep(0.05)\n"
         "        if __import__('os').path.exists(file):\n            return 'done'\n"}
    )  # fmt: skip
    route = host.route()
    client = await ClusterClient.connect(await route.up(host.say), resolve=route.address)
    run = await submit(client, project, "wait", file=str(tmp_path / "go"))
    await _until_running(client, run.id)
    old = server_record(host)

    _another_build(monkeypatch, tmp_path)
    assert wheel.own_version() != old["version"]
    await route.upgrade(host.say)
    new = server_record(host)
    assert new["version"] == wheel.own_version()
    assert new["pid"] != old["pid"]
    # Ray goes on from the old installation, so that one stays
    installs = host.rh / "installs"
    assert {str(old["version"]), str(new["version"])} <= {place.name for place in installs.iterdir()}
    (tmp_path / "go").touch()
    assert await result_of(client, run.id) == "done"
    await client.close()

    # nothing runs from the old one after that
    await route.down(stop_runs=False)
    await route.up(host.say)
    os.utime(installs / str(old["version"]) / "complete", (1e9, 1e9))
    await route.upgrade(host.say)
    assert not (installs / str(old["version"])).exists()
    assert f"Removed rhdesk {old['version']}" in host.said


@pytest.mark.ray
@pytest.mark.slow
async def test_an_upgrade_that_would_end_runs_is_refused_and_one_that_does_not_start_is_taken_back(
    installed_host: BareHost, make_project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = installed_host
    project = make_project({"app.py": "import time\ndef sleep():\n    time.sleep(600)\n"})
    route = host.route()
    client = await ClusterClient.connect(await route.up(host.say), resolve=route.address)
    run = await submit(client, project, "sleep")
    await _until_running(client, run.id)
    old = server_record(host)
    complete = host.rh / "installs" / str(old["version"]) / "complete"
    record = json.loads(complete.read_text())
    _another_build(monkeypatch, tmp_path)

    complete.write_text(json.dumps({**record, "ray": "2.0.0"}))
    with pytest.raises(RhError, match="1 run is active") as refused:
        await route.upgrade(host.say)
    assert "needs Ray" in refused.value.remedy
    assert server_record(host) == old
    complete.write_text(json.dumps(record))

    new = host.rh / "installs" / wheel.own_version()
    program = next(new.glob("lib/python*/site-packages/rhserver/__main__.py"))
    program.unlink()
    program.write_text("raise SystemExit('rhserver: it is broken')\n")
    with pytest.raises(RhError, match=r"could not start on .*: it is broken"):
        await route.upgrade(host.say)
    assert server_record(host)["version"] == old["version"]
    await route.up(host.say)
    assert await state_of(client, run.id) == pb.RUNNING
    with pytest.raises(RhError, match="1 run is active"):
        await route.down(stop_runs=False)
    await client.close()


@pytest.mark.slow
async def test_a_killed_server_is_seen_and_started_again(installed_host: BareHost) -> None:
    route = installed_host.route()
    first = await route.up(installed_host.say, wait_ready=False)
    os.kill(int(str(server_record(installed_host)["pid"])), signal.SIGKILL)
    assert await route.address() is None
    second = await route.up(installed_host.say, wait_ready=False)
    assert second.token != first.token
    assert await answers(second)


@pytest.mark.slow
async def test_a_server_of_another_protocol_is_named(installed_host: BareHost) -> None:
    route = installed_host.route()
    await route.up(installed_host.say, wait_ready=False)
    record = installed_host.server_home / "server.json"
    facts = json.loads(record.read_text())
    os.kill(facts["pid"], signal.SIGSTOP)  # else it would put its record right
    try:
        record.write_text(json.dumps({**facts, "protocol": PROTOCOL + 1, "version": "9.9"}))
        with pytest.raises(RhError, match=r"runs rhdesk 9\.9, which is newer") as newer:
            await route.up(installed_host.say)
        assert "Update rhdesk on this computer" in newer.value.remedy
        record.write_text(json.dumps({**facts, "protocol": PROTOCOL - 1, "version": "0.0.1"}))
        with pytest.raises(RhError, match=r"runs rhdesk 0\.0\.1, which is too old") as older:
            await route.up(installed_host.say)
        assert "rhdesk upgrade" in older.value.remedy
    finally:
        record.write_text(json.dumps(facts))
        os.kill(facts["pid"], signal.SIGCONT)


@pytest.mark.slow
async def test_a_lost_connection_is_told_and_made_again(installed_host: BareHost) -> None:
    route = installed_host.route()
    told: list[tuple[bool, str]] = []
    route.on_connection = lambda connected, sentence: told.append((connected, sentence))
    first = await route.up(installed_host.say, wait_ready=False)
    assert (await route.address()) == first
    installed_host.sshd.drop()
    await until(lambda: told)
    assert not told[0][0]
    second = await route.address()
    assert second is not None
    assert second.token == first.token  # the server never noticed
    assert await answers(second)
    assert [connected for connected, _ in told] == [False, True]


@pytest.mark.slow
@root_only
async def test_a_path_with_spaces_a_talkative_shell_and_no_programs_in_tmp(
    make_bare_host: Callable[..., BareHost], short_path: Path
) -> None:
    rh = Path(f"/var/tmp/{short_path.name}/my home's é/.rh")
    try:
        noise = short_path / "bash_env"
        noise.write_text("echo Welcome to gpu1\necho 'quota: 3 files' >&2\n")
        noexec = 'mount --bind /tmp /tmp; mount -o remount,bind,noexec /tmp; exec "$@"'
        prefix = ["unshare", "--mount", "sh", "-c", noexec, "sh"]
        host = make_bare_host(rh=rh, environment={"BASH_ENV": str(noise)}, prefix=prefix)
        route = host.route()
        address = await route.up(host.say)
        assert await answers(address)
        await route.down(stop_runs=True)
    finally:
        shutil.rmtree(rh.parent.parent, ignore_errors=True)


def _command_lines() -> list[list[str]]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.cmdline())
        except psutil.Error:
            pass
    return found


def _lives(process: int) -> bool:
    """Not a zombie either: in a container nobody may collect those."""
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def _until_running(client: ClusterClient, run: str) -> None:
    async with asyncio.timeout(120):
        while await state_of(client, run) != pb.RUNNING:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def _another_build(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """As if somebody had edited rhdesk here."""
    extra = folder / "extra.py"
    extra.write_text(f"name = {folder.name!r}\n")
    files = list(wheel._files())
    monkeypatch.setattr(wheel, "_files", lambda: iter([*files, ("rhserver/extra.py", extra)]))
