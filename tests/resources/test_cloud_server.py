"""Our own SkyPilot server: one for all processes of a rhdesk directory, ended with the last of them, closed to others.

Here a stand-in runs where SkyPilot's server would; the keeper is the real one. The real server has tests of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest
from lab import skypilot_http

from rhresources.cloud import server as server_module
from rhresources.cloud.client import ApiSkyPilot
from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.server import INSIDE, OwnServer, RunningServer

USER = """
import asyncio, sys
from pathlib import Path
from rhresources.cloud.server import OwnServer, RunningServer

async def main():
    running = await OwnServer(Path(sys.argv[1])).have()
    print(running.pid, running.socket, flush=True)
    await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


@pytest.fixture
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    environment = tmp_path / "environment"
    (environment / "bin").mkdir(parents=True)
    python = environment / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-I", skypilot_http.__file__])} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("RH_SKYPILOT_ENVIRONMENT", str(environment))
    monkeypatch.setattr(server_module, "LINGER", 0)
    home = tmp_path / "home"
    yield home
    for keeper in keepers(home):
        with contextlib.suppress(psutil.NoSuchProcess):
            keeper.terminate()
        await ended(keeper.pid)


def keepers(home: Path) -> list[psutil.Process]:
    plan = str(home / "skypilot" / "keeper.json")
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if plan in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


async def seen(home: Path) -> RunningServer | None:
    """The server as one more process of ours would find it; it is not held."""
    own = OwnServer(home)
    running = await own.find()
    own._forget()
    await asyncio.sleep(0)
    return running


async def ended(pid: int) -> None:
    """Until a process is gone. It is not waited for as a parent would: that is asyncio's to do."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for _ in range(600):
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"process {pid} goes on")


async def answer(socket: str, token: str = "") -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=socket)) as client:
        for _ in range(600):
            try:
                return (await client.get("http://localhost/api/health", headers=headers)).status_code
            except httpx.TransportError:
                await asyncio.sleep(0.1)
    raise AssertionError("it never answered")


async def test_that_two_users_share_a_server_and_the_last_ends_it(home: Path) -> None:
    one, other = OwnServer(home), OwnServer(home)
    assert await one.find() is None, "looking starts nothing"
    first, second = await asyncio.gather(one.have(), other.have())
    assert first == second
    for surplus in keepers(home)[1:]:
        await ended(surplus.pid)  # of two that are started at the same moment one sees the other, and ends
    assert len(keepers(home)) == 1
    await one.leave()
    assert await answer(first.socket, first.token) == 200
    assert (await other.find()) == first
    await other.leave()
    await ended(first.pid)
    assert await one.find() is None


async def test_that_another_process_finds_it_and_a_killed_one_does_not_keep_it(home: Path) -> None:
    command = [sys.executable, "-c", USER, str(home)]
    user = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ}
    )
    assert user.stdout is not None
    pid, socket = (await asyncio.wait_for(user.stdout.readline(), 60)).decode().split()
    # the plan was the other process's, with its patience; it is the keeper that is looked at here
    mine = await seen(home)
    assert mine is not None
    assert (str(mine.pid), mine.socket) == (pid, socket)
    user.send_signal(signal.SIGKILL)
    await user.wait()
    assert await answer(mine.socket, mine.token) == 200


async def test_that_a_user_who_vanishes_does_not_keep_it(home: Path) -> None:
    own = OwnServer(home)
    running = await own.have()
    own._forget()  # as a killed process does: the connection ends, and no word is said
    await ended(running.pid)
    assert await seen(home) is None


async def test_that_others_on_this_computer_get_nothing(home: Path) -> None:
    own = OwnServer(home)
    running = await own.have()
    assert await answer(running.socket) == 401
    assert await answer(running.socket, "sky_guess") == 401
    assert await answer(running.socket, running.token) == 200
    folder = home / "skypilot"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600
    (keeper,) = keepers(home)
    for process in (keeper, psutil.Process(running.pid)):
        assert running.token not in " ".join(process.cmdline())
    assert running.token not in (folder / "keeper.json").read_text()
    await own.leave()
    await ended(keeper.pid)  # the last of both, which tidies up after the server
    assert not (folder / "token").exists()


async def test_that_a_server_that_died_is_started_anew(home: Path) -> None:
    skypilot = ApiSkyPilot(home)
    assert [cluster.name for cluster in await skypilot.clusters()] == ["gpu-1a2b3c"]
    running = await seen(home)
    assert running is not None
    psutil.Process(running.pid).kill()
    assert [cluster.name for cluster in await skypilot.clusters()] == ["gpu-1a2b3c"]
    again = await seen(home)
    assert again is not None
    assert again.pid != running.pid
    await skypilot.close()


async def test_that_a_server_that_does_not_start_says_why(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_FAILS", "1")
    skypilot = ApiSkyPilot(home)
    with pytest.raises(CloudProblem) as caught:
        await skypilot.clusters()
    assert caught.value.code == "server-dead"
    assert "the state is broken" in caught.value.detail
    assert "server.log" in caught.value.remedy
    await skypilot.close()


async def test_that_a_server_that_cannot_be_run_is_said_with_the_reason(home: Path, tmp_path: Path) -> None:
    (tmp_path / "environment" / "bin" / "python").chmod(0o644)
    own = OwnServer(home)
    with pytest.raises(CloudProblem) as caught:
        await own.have()
    assert (caught.value.code, caught.value.sentence) == ("server-dead", "SkyPilot's server could not be started.")
    assert "Permission denied" in caught.value.detail
    assert "keeper.log" in caught.value.remedy
    assert keepers(home) == []
    assert not (home / "skypilot" / "token").exists()


async def test_that_a_keeper_that_finds_another_leaves_its_log(home: Path) -> None:
    one = OwnServer(home)
    await one.have()
    log = home / "skypilot" / "keeper.log"
    log.write_text("why\n")
    again = await asyncio.create_subprocess_exec(
        sys.executable, "-I", INSIDE / "rhdesk_keeper.py", home / "skypilot" / "keeper.json", stderr=log.open("a")
    )
    assert await again.wait() == 0
    assert log.read_text() == "why\n"
    await one.leave()


async def test_that_nobody_else_can_be_where_it_listens(home: Path) -> None:
    own = OwnServer(home)
    running = await own.have()
    await answer(running.socket)
    folder = Path(running.socket).parent
    assert (stat.S_IMODE(folder.stat().st_mode), folder.stat().st_uid) == (0o700, os.getuid())
    server = psutil.Process(running.pid)
    assert [each for each in server.net_connections() if each.status == psutil.CONN_LISTEN] == [], "no port to take"
    (keeper,) = keepers(home)
    await own.leave()
    await ended(keeper.pid)
    assert not Path(running.socket).exists()


async def test_that_nothing_is_started_where_it_is_not_wanted(home: Path) -> None:
    skypilot = ApiSkyPilot(home)
    info = await skypilot.info()
    assert (info.state, info.owned) == ("off", True)
    with pytest.raises(CloudProblem) as caught:
        await skypilot.clusters(start=False)
    assert caught.value.code == "server-dead"
    assert keepers(home) == []
    await skypilot.close()


async def test_what_the_server_is_told(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    of_user = tmp_path / "plugins.yaml"
    of_user.write_text("plugins:\n- class: theirs.Plugin\n")
    monkeypatch.setenv("SKYPILOT_SERVER_PLUGINS_CONFIG", str(of_user))
    monkeypatch.setenv("SKYPILOT_API_SERVER_ENDPOINT", "http://elsewhere")
    own = OwnServer(home)
    running = await own.have()
    await answer(running.socket)
    environment = psutil.Process(running.pid).environ()
    assert environment["SKY_RUNTIME_DIR"] == str(home / "skypilot" / "state")
    assert environment["SKYPILOT_DISABLE_USAGE_COLLECTION"] == "1"
    assert environment["HOME"] == os.environ["HOME"]
    assert "SKYPILOT_API_SERVER_ENDPOINT" not in environment
    plugins = json.loads((home / "skypilot" / "plugins.yaml").read_text())["plugins"]
    assert [plugin["class"] for plugin in plugins] == ["theirs.Plugin", "rhdesk_plugin.RhdeskPlugin"]
    await own.leave()
    await ended(running.pid)


async def test_that_an_environment_that_is_not_there_is_named(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RH_SKYPILOT_ENVIRONMENT", str(tmp_path / "nothing"))
    skypilot = ApiSkyPilot(home)
    assert (await skypilot.info()).state == "not-installed"
    with pytest.raises(CloudProblem) as caught:
        await skypilot.clusters()
    assert caught.value.code == "not-installed"
    assert "RH_SKYPILOT_ENVIRONMENT" in str(caught.value)


async def test_that_a_launch_under_way_is_not_torn(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launch = tmp_path / "launch"
    launch.touch()
    monkeypatch.setenv("STAND_IN_LAUNCH", str(launch))
    own = OwnServer(home)
    running = await own.have()
    assert await answer(running.socket) == 401
    await own.leave()
    for _ in range(600):
        if launch.with_name("launch.asked").exists():
            break
        await asyncio.sleep(0.1)
    assert await answer(running.socket, running.token) == 200, "nobody uses it, and it is not ended"
    launch.unlink()
    await ended(running.pid)


async def test_that_a_command_leaves_it_to_the_next(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "LINGER", 600)
    command = ApiSkyPilot(home, lingers=True)
    await command.clusters()
    first = await seen(home)
    await command.close()
    following = ApiSkyPilot(home)
    assert (await following.info()).state == "ready"
    second = await seen(home)
    assert first == second
    await following.close()
