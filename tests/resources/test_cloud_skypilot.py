"""The real SkyPilot behind our client, without any cloud: its server is ours, closed to others, leaves the user's files
alone; it says which clouds are missing; what a cloud cannot do is as SkyPilot says.

It runs in a network with no way out, as in the labs with clouds.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import pickle
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from lab.clouds.downloads import skypilot_environment
from lab.clouds.skypilot_server import python_at
from lab.rights import why_no_hosts
from lab.switch import Switch

from rhresources.cloud.answers import CloudRequest, LaunchEvent
from rhresources.cloud.client import ApiSkyPilot
from rhresources.cloud.limits import TITLES, Act, why_not
from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.server import INSIDE, OwnServer
from rhresources.paths import runtime_directory

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

ON_BOOT = "skypilot-server-on-boot-check"

LIMITS = """
import json
from sky import clouds, resources
from sky.utils import registry
found = {}
for name, cloud in registry.CLOUD_REGISTRY.items():
    for spot in (False, True):
        wish = resources.Resources(cloud=cloud if isinstance(cloud, clouds.Cloud) else cloud(), use_spot=False)
        wish._use_spot = spot
        try:
            lacking = cloud._unsupported_features_for_resources(wish)
        except Exception:
            lacking = getattr(cloud, "_CLOUD_UNSUPPORTED_FEATURES", {}) or {}
        found[f"{name} {spot}"] = sorted(feature.value for feature in lacking)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of somebody who uses `sky` already, has no cloud, and is cut off from the world."""
    if reason := why_no_hosts():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("user")
    (folder / ".sky").mkdir()
    (folder / ".sky" / "user_hash").write_text("abcd1234")
    (folder / ".sky" / "config.yaml").write_text("# mine\n")
    (folder / "sky_logs" / "api_server" / "requests").mkdir(parents=True)
    (folder / "sky_logs" / "api_server" / "requests" / "1.log").write_text("of an older sky")
    with Switch("10.79.0.1") as switch, pytest.MonkeyPatch.context() as patch:
        switch.at_switch("ip", "link", "set", "lo", "up")
        python_at(switch, folder / "environment" / "bin")
        patch.setenv("RH_SKYPILOT_ENVIRONMENT", str(folder / "environment"))
        patch.setenv("HOME", str(folder))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield folder


@pytest.fixture
async def skypilot(user: Path) -> AsyncIterator[ApiSkyPilot]:
    """Tests that run one after the other share the server: it waits a while for the next."""
    made = ApiSkyPilot(user / ".rh")
    yield made
    if made._service.own.running:
        made._service.own._forget()


@pytest.fixture(scope="module", autouse=True)
def _ended(user: Path) -> Iterator[None]:
    yield
    asyncio.run(_end(user / ".rh"))


async def _end(home: Path) -> None:
    own = OwnServer(home)
    if running := await own.find():
        await own.leave()
        await gone(running.pid)


async def gone(pid: int) -> None:
    for _ in range(600):
        if not psutil.pid_exists(pid):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"process {pid} goes on")


async def test_that_it_is_started_and_answers_to_us_alone(skypilot: ApiSkyPilot, user: Path) -> None:
    told: list[LaunchEvent] = []
    info = await skypilot.ensure(told.append)
    assert (info.state, info.owned, info.version) == ("ready", True, "0.14.1")
    assert {event.phase for event in told} <= {"server"}
    running = await skypilot._service.own.have()
    ports = Path("/proc", str(running.pid), "net", "tcp").read_text()  # of all of its network, where nothing else runs
    assert " 0A " not in ports, "who listens at one is spoken to by others, or others take it and are spoken to"
    way = httpx.AsyncHTTPTransport(uds=info.url)
    async with httpx.AsyncClient(transport=way, base_url="http://localhost") as stranger:
        for path in ("/api/health", "/dashboard/", "/", "/token", "/api/v1/auth/token?code_challenge=x"):
            assert (await stranger.get(path)).status_code == 401, path
        launch = await stranger.post("/launch", json={"task": "run: id", "cluster_name": "theirs"})
        assert launch.status_code == 401
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": base64.b64encode(b"0" * 16).decode()}  # fmt: skip
        proxy = await stranger.get("/slurm-job-ssh-proxy?cluster_name=x", headers=upgrade)
        assert proxy.status_code == 403


async def test_that_it_leaves_the_files_of_the_user_alone(skypilot: ApiSkyPilot, user: Path) -> None:
    await skypilot.clusters(refresh=True)
    with pytest.raises(CloudProblem):
        await skypilot.launch("gpu-1", "resources:\n  cpus: 2+\n", lambda _event: None)
    files = {str(path.relative_to(user)) for part in (".sky", "sky_logs", ".ssh") for path in (user / part).rglob("*")
             if path.is_file()}  # fmt: skip
    assert files == {".sky/user_hash", ".sky/config.yaml", "sky_logs/api_server/requests/1.log"}
    assert (user / ".sky" / "user_hash").read_text() == "abcd1234"
    assert (user / ".rh" / "skypilot" / "state" / ".sky" / "state.db").exists()


APART = """
import os, pathlib, sys
import sky, sky.server.server
from rhdesk_apart import keep_apart
keep_apart(sys.argv[1])
from sky import skypilot_config, sky_logging
from sky.backends import wheel_utils
from sky.server import server
from sky.skylet import constants
from sky.utils import common_utils
print(wheel_utils.WHEEL_DIR, os.path.expanduser(constants.SKY_LOGS_DIRECTORY), common_utils.USER_HASH_FILE,
      sky_logging.generate_tmp_logging_file_path("x"), pathlib.Path("~/.sky/tmp/x").expanduser(),
      os.path.expanduser("~/.sky/config.yaml"), os.path.expanduser("~/.aws/config"), sep="\\n")
"""


def test_which_files_are_the_users_and_which_are_ours(tmp_path: Path) -> None:
    home, ours = tmp_path / "home", tmp_path / "ours"
    environment = {**os.environ, "HOME": str(home), "SKY_RUNTIME_DIR": str(ours / "state"), "PYTHONPATH": str(INSIDE)}
    python = skypilot_environment() / "bin" / "python"
    done = subprocess.run([python, "-c", APART, ours], capture_output=True, text=True, env=environment)
    wheels, logs, user_hash, log, other, config, aws = done.stdout.splitlines()
    assert wheels == str(ours / "state" / ".sky" / "wheels"), "it removes those of other versions"
    assert logs == str(ours / "state" / "sky_logs"), "it removes those that are a month old"
    assert user_hash == str(ours / "user_hash")
    assert log.startswith(f"{logs}/sky-")
    assert other == str(ours / "state" / ".sky" / "tmp" / "x")
    assert (config, aws) == (str(home / ".sky" / "config.yaml"), str(home / ".aws" / "config"))


async def test_that_what_came_with_a_request_is_not_readable_on_the_disk(
    skypilot: ApiSkyPilot, user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrEXAMPLE")
    assert await skypilot.clusters() == []
    server = user / ".rh" / "skypilot" / "state" / ".sky" / "api_server"
    with contextlib.closing(sqlite3.connect(server / "requests.db")) as connection:
        rows = connection.execute(
            "SELECT request_body, return_value FROM requests WHERE name = 'sky.status'"
        ).fetchall()
    assert rows
    assert all(each.startswith("sealed:") for row in rows for each in row if each is not None)
    for path in (user / ".rh" / "skypilot" / "state").rglob("*"):
        assert not path.stat().st_mode & 0o077, f"others can read {path}"
        assert not path.is_file() or b"wJalrEXAMPLE" not in path.read_bytes()


async def test_that_without_a_cloud_everything_is_answered_plainly(skypilot: ApiSkyPilot) -> None:
    assert await skypilot.clusters() == []
    assert await skypilot.clusters(refresh=True) == []
    assert await skypilot.usage() == []
    assert await skypilot.events("gpu-1") == []
    with pytest.raises(CloudProblem) as caught:
        await skypilot.launch("gpu-1", "resources:\n  cpus: 2+\n", lambda _event: None)
    assert (caught.value.code, caught.value.sentence) == ("no-cloud", "No cloud is set up.")
    with pytest.raises(CloudProblem) as caught:
        await skypilot.launch("gpu-1", "resources:\n  infra: nocloud\n", lambda _event: None)
    assert caught.value.code == "no-cloud"
    for act in (skypilot.down, skypilot.stop, skypilot.start):
        with pytest.raises(CloudProblem) as caught:
            await act("gpu-1", lambda _event: None)
        assert caught.value.code == "not-there"
    with pytest.raises(CloudProblem) as caught:
        await skypilot.hosts("gpu-1")
    assert caught.value.code == "not-there"


async def test_that_a_check_names_what_is_missing(skypilot: ApiSkyPilot) -> None:
    checks = {check.cloud: check for check in await skypilot.checks(refresh=True)}
    assert len(checks) > 15
    assert not any(check.enabled for check in checks.values())
    assert all(check.reason for check in checks.values())
    assert "aws configure" in checks["aws"].remedy
    assert not any("Traceback" in check.reason for check in checks.values())
    assert {check.cloud: check for check in await skypilot.checks()} == checks


@pytest.fixture
def slow_cloud(user: Path) -> Iterator[None]:
    """A cloud whose own program, which a check of that cloud runs, takes its time."""
    program = user / "environment" / "bin" / "aws"
    usual = program.readlink()
    program.unlink()
    program.write_text("#!/bin/sh\nexec sleep 300\n")
    program.chmod(0o755)
    yield
    program.unlink()
    program.symlink_to(usual)


async def test_that_what_it_is_at_work_on_is_seen_and_can_be_ended(skypilot: ApiSkyPilot, slow_cloud: None) -> None:
    await skypilot.clusters()
    assert "status" in [request.name for request in await skypilot.requests(ended=True)]
    assert not any(request.id.endswith("-daemon") for request in await skypilot.requests()), "it asks that of itself"
    check = asyncio.create_task(skypilot.checks(refresh=True))
    found: list[CloudRequest] = []
    while not found:
        assert not check.done()
        found = [each for each in await skypilot.requests() if each.name == "check" and each.id != ON_BOOT]
    (request,) = found
    assert (await skypilot.cancel(request.id[:12])).state == "cancelled"
    with pytest.raises(CloudProblem) as ended:
        await check
    assert ended.value.code == "cancelled"
    assert (await skypilot.cancel(request.id)).state == "cancelled"


async def test_that_ssh_gets_through_the_server_with_our_token(skypilot: ApiSkyPilot, user: Path) -> None:
    running = await skypilot._service.own.have()
    await skypilot.clusters()
    python = user / "environment" / "bin" / "python"
    keeper = runtime_directory(user / ".rh") / "skypilot.sock"
    proxy = await asyncio.create_subprocess_exec(
        python, "-I", INSIDE / "rhdesk_proxy.py", keeper, "nobody", "slurm-job-ssh-proxy", "0",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await proxy.communicate()
    said = skypilot._service.own.log.read_text(errors="replace")
    assert "WebSocket connection accepted for cluster: nobody" in said, errors.decode()
    assert running.token not in said


async def test_that_a_killed_keeper_takes_the_server_with_it(skypilot: ApiSkyPilot, user: Path) -> None:
    running = await skypilot._service.own.have()
    server = psutil.Process(running.pid)
    await skypilot.clusters()
    group = [server, *server.children(recursive=True)]
    plan = str(user / ".rh" / "skypilot" / "keeper.json")
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if plan in process.cmdline():
                process.kill()
    for process in group:
        await gone(process.pid)
    assert not (user / ".rh" / "skypilot" / "token").exists(), "nor is there what its requests can be read with"
    assert await skypilot.clusters() == [], "and the next one starts another"


def test_that_the_limits_are_those_of_skypilot() -> None:
    python = skypilot_environment() / "bin" / "python"
    done = subprocess.run([python, "-c", LIMITS], capture_output=True, text=True, check=True)
    features: dict[Act, str] = {
        "stop": "stop", "spot": "spot_instance", "several_hosts": "multi-node", "image": "image_id",
        "autostop_down": "autodown",
    }  # fmt: skip
    wrong = []
    for key, lacking in json.loads(done.stdout.splitlines()[-1]).items():
        name, spot = key.split(" ")
        assert name in TITLES, f"SkyPilot has a new cloud, {name}"
        for act, feature in features.items():
            if act == "spot" and spot == "True":
                continue
            if bool(why_not(name, act, spot=spot == "True")) != (feature in lacking):
                wrong.append((key, act, lacking))
    assert wrong == []


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch pwned",)


def test_that_a_hostile_handle_runs_nothing(tmp_path: Path) -> None:
    python = skypilot_environment() / "bin" / "python"
    command = [python, "-I", INSIDE / "rhdesk_handles.py"]
    handle = base64.b64encode(pickle.dumps(Hostile())).decode()
    done = subprocess.run(command, input=handle, capture_output=True, text=True, cwd=tmp_path)
    assert not (tmp_path / "pwned").exists()
    assert json.loads(done.stdout)["pairs"] == []
