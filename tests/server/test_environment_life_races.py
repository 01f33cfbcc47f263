"""Environments while several things happen at once: removed and asked for, given up late, left behind, compiled."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import uv
from lab.environment_parts import alpha, check, pip, push, slow_build
from lab.made_packages import make_wheel

from rhresources.errors import InstallError, NotFound, RhError, ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.app import Server
from rhserver.code import Snapshots
from rhserver.engine.worker_spec import WorkerSpec, write_record
from rhserver.environments import Environments, byte_code
from rhserver.environments.listing import installed
from rhserver.limits import Limits
from rhserver.objects.blobs import Blobs
from rhserver.runs import functions
from rhserver.runs.functions import Functions
from rhserver.runs.store import RunStore

Spec = pb.PackageSpec


async def until(ready: Callable[[], object], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not ready():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


# ---------------------------------------------------------------- removed and asked for


async def test_what_is_asked_for_while_it_is_removed_is_made_anew(
    environments: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await environments.ensure(pip("alpha"))
    go_on = asyncio.Event()
    monkeypatch.setattr(environments._compiler, "forget", lambda hash: go_on.wait())
    removing = asyncio.ensure_future(environments.remove(old.hash))
    await asyncio.sleep(0)
    asking = asyncio.ensure_future(environments.ensure(pip("alpha")))
    done, _ = await asyncio.wait({asking}, timeout=0.5)
    assert not done
    with pytest.raises(NotFound):
        await environments.remove(old.hash)
    go_on.set()
    assert await removing > 0
    assert alpha(await asking) == "1.0"


async def test_a_removal_that_is_given_up_leaves_the_environment(
    environments: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await environments.ensure(pip("alpha"))
    with monkeypatch.context() as patch:
        patch.setattr(environments._compiler, "forget", lambda hash: asyncio.Event().wait())
        removing = asyncio.ensure_future(environments.remove(old.hash))
        await asyncio.sleep(0)
        asking = asyncio.ensure_future(environments.ensure(pip("alpha")))
        await asyncio.sleep(0.1)
        removing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await removing
    lines: list[str] = []
    assert await asking == await environments.ensure(pip("alpha"), lines.append) == old
    assert lines == []


# ---------------------------------------------------------------- failed, given up, left behind


async def test_what_a_failed_installation_locked_is_in_nobodys_way(environments: Environments, tmp_path: Path) -> None:
    fail, locked = tmp_path / "fail", tmp_path / "locked"
    fail.touch()
    script = (
        "mkdir -p keep/deep && touch keep/deep/file && pwd > {locked} && "
        "(chattr +i keep/deep/file 2>/dev/null; chmod -R a-w keep; chmod a-w .); if test -e {fail}; then exit 3; fi"
    )
    here = pip("alpha", setup=(script.format(locked=locked, fail=fail),))
    try:
        for _ in range(2):
            with pytest.raises(InstallError, match="exit code 3"):
                await environments.ensure(here)
            assert not Path(locked.read_text().strip()).exists()
        fail.unlink()
        assert alpha(await environments.ensure(here)) == "1.0"
    finally:
        await asyncio.to_thread(
            subprocess.run, ["chattr", "-R", "-i", str(tmp_path / "environments")], capture_output=True, check=False
        )


async def test_giving_up_at_the_last_moment_leaves_nothing_that_counts_as_whole(
    environments: Environments, snapshots: Snapshots, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, go_on = threading.Event(), threading.Event()

    def slow(prefix: Path) -> object:
        here.set()
        go_on.wait(30)
        return installed(prefix)

    monkeypatch.setattr("rhserver.environments.making.installed", slow)
    making = asyncio.ensure_future(environments.ensure(pip("alpha")))
    await asyncio.to_thread(here.wait, 30)
    making.cancel()
    await asyncio.sleep(0.1)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert environments.list() == []
    folder = tmp_path / "environments"
    assert [one.name for one in folder.iterdir() if not one.name.startswith(".")] == []
    again = Environments(folder, snapshots, uv.find_uv_bin())
    assert again.list() == []
    await again.close()


async def test_what_was_on_its_way_out_is_not_taken_for_an_environment(
    environments: Environments, snapshots: Snapshots, tmp_path: Path
) -> None:
    ready = await environments.ensure(pip("alpha"))
    folder = tmp_path / "environments"
    os.rename(folder / ready.hash, folder / ".trash-0123456789ab")  # where a server ends in the middle of a removal
    again = Environments(folder, snapshots, uv.find_uv_bin())
    assert again.list() == []
    await until(lambda: list(folder.iterdir()) == [])
    await again.close()


async def test_the_solver_of_a_killed_server_is_ended_by_the_next(
    environments: Environments, snapshots: Snapshots, tmp_path: Path
) -> None:
    mark = tmp_path / "pid"
    spec = slow_build(snapshots, mark)
    checking = asyncio.ensure_future(check(environments, spec))
    await until(lambda: mark.exists() or checking.done())
    builder = psutil.Process(int(mark.read_text()))
    again = Environments(tmp_path / "environments", snapshots, uv.find_uv_bin())
    with pytest.raises(RhError):
        await checking
    await until(lambda: not builder.is_running() or builder.status() == psutil.STATUS_ZOMBIE)
    await again.close()


# ---------------------------------------------------------------- byte code


async def test_a_compilation_that_is_about_to_start_is_forgotten_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, go_on = threading.Event(), threading.Event()
    compiled: list[str] = []
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "some.py").touch()

    def slow(prefix: Path) -> list[Path]:
        here.set()
        go_on.wait(30)
        return [tmp_path / "site"]

    async def note(hash: str) -> None:
        compiled.append(hash)

    monkeypatch.setattr(byte_code, "_BEGIN_SECONDS", 0.0)
    monkeypatch.setattr(byte_code, "site_packages", slow)
    compiler = byte_code.Compiler(note)
    compiler.add("one", tmp_path)
    await asyncio.to_thread(here.wait, 30)
    compiler.add("one", tmp_path)  # asking twice is asking once
    assert not compiler._waiting
    await compiler.forget("one")
    go_on.set()
    compiler.add("two", tmp_path)
    await until(lambda: "two" in compiled)
    assert compiled == ["two"]
    await compiler.close()


# ---------------------------------------------------------------- after a restart


async def test_environments_of_workers_that_outlived_the_server_are_in_use(tmp_path: Path) -> None:
    made = Server(tmp_path / "home", Limits())
    python = str(made.environments.prefix("0123") / "bin" / "python")
    write_record(tmp_path / "home" / "workers" / "a1b2.json", WorkerSpec(python=python, path=(), folder="/"), "")
    assert not made.environments.in_use(python)
    await made.launcher.hold_survivors()
    assert made.environments.in_use(python)
    assert not made.environments.in_use("/another/python")


async def test_prepared_functions_are_kept_within_bounds(
    environments: Environments, snapshots: Snapshots, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(functions, "_KNOWN", 2)
    monkeypatch.setattr(functions, "_KNOWN_WORKERS", 2)
    store = RunStore(tmp_path / "runs")
    blobs = Blobs(tmp_path / "uploads")
    known = Functions(store, environments, snapshots, blobs)

    def spec(number: int) -> pb.FunctionSpec:
        return pb.FunctionSpec(
            name=f"f{number}", entry=pb.Entry(builtin="python"), variables={"N": str(number)}, environment=pip("alpha")
        )

    prepared = [await known.prepare(spec(number), lambda _: None, lambda _: None) for number in range(3)]
    assert known.ready(prepared[0].key) is None
    assert known.ready(prepared[1].key) is prepared[1]  # which keeps it
    assert (await known.by_key(prepared[0].key)).key == prepared[0].key
    assert known.ready(prepared[2].key) is None
    assert known.ready(prepared[1].key) is not None
    needs = known.needs_of(prepared[0].worker)
    assert needs.function.name == "f0"
    assert needs.versions is not None
    assert needs.versions["alpha"] == ("pip", "1.0")
    with pytest.raises(ServerProblem) as caught:
        known.needs_of(prepared[1].worker)
    assert caught.value.code == "not-prepared"
    monkeypatch.setattr(functions, "_KNOWN_BYTES", 1000)
    for number in range(2):
        pickled = pb.FunctionSpec(name="p", environment=pip("alpha"))
        pickled.entry.pickled.data = bytes(900) + bytes([number])
        last = await known.prepare(pickled, lambda _: None, lambda _: None)
    assert list(known._ready) == [last.key]
    assert not known.needs_of(last.worker).function.entry.HasField("pickled")
    store.close()


async def test_a_large_pickled_function_is_read_beside_the_loop(
    environments: Environments, snapshots: Snapshots, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore(tmp_path / "runs")
    known = Functions(store, environments, snapshots, Blobs(tmp_path / "uploads"))
    threads: list[threading.Thread] = []
    monkeypatch.setattr(known, "_put_pickle_inside", lambda spec: threads.append(threading.current_thread()))
    await known.prepare(pb.FunctionSpec(name="f", entry=pb.Entry(builtin="shell")), lambda _: None, lambda _: None)
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()
    store.close()


# ---------------------------------------------------------------- as on the head


async def test_another_host_gets_the_versions_of_the_head(
    environments: Environments, snapshots: Snapshots, wheels: Path, tmp_path: Path
) -> None:
    head = environments.record((await environments.ensure(pip("beta"))).hash).versions
    make_wheel(wheels, "alpha", "2.0")
    other = Environments(tmp_path / "other", snapshots, uv.find_uv_bin())
    lines: list[str] = []
    made = await other.ensure(pip("beta"), like=head)
    assert alpha(made) == "1.0"
    assert await other.ensure(pip("beta"), lines.append, like=head) == made
    assert lines == []
    await other.remove(made.hash)
    assert alpha(await other.ensure(pip("beta"))) == "2.0"
    other.acquire(made.hash)
    with pytest.raises(ServerProblem) as caught:
        await other.ensure(pip("beta"), like=head)
    assert caught.value.code == "environment-in-use"
    other.release(made.hash)
    assert alpha(await other.ensure(pip("beta"), like=head)) == "1.0"
    again = Environments(tmp_path / "other", snapshots, uv.find_uv_bin())
    assert await again.ensure(pip("beta"), lines.append, like=head) == made
    assert lines == []
    await again.close()
    await other.close()


async def test_a_host_that_can_never_be_like_the_head_is_made_once(
    environments: Environments, snapshots: Snapshots, wheels: Path, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    add = (
        f"echo . >> {count}; info=$(echo $VIRTUAL_ENV/lib/python*/site-packages)/delta-1.dist-info; "
        f"mkdir $info; printf 'Name: delta\\nVersion: %d\\n' $(wc -l < {count}) > $info/METADATA"
    )
    spec = pip("alpha", setup=(add,))
    head = environments.record((await environments.ensure(spec)).hash).versions
    other = Environments(tmp_path / "other", snapshots, uv.find_uv_bin())
    made = await other.ensure(spec, like=head)
    assert other.record(made.hash).versions != head
    assert await other.ensure(spec, like=head) == made
    assert count.read_text() == ".\n.\n"
    await other.close()


async def test_versions_of_the_head_go_with_every_kind_of_package(
    environments: Environments, snapshots: Snapshots, wheels: Path, tmp_path: Path
) -> None:
    hash = await asyncio.to_thread(
        lambda: hashlib.sha256((wheels / "alpha-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    )
    tree = push(
        snapshots,
        {
            "requirements.txt": f"alpha==1.0 --hash=sha256:{hash}\n",
            "mine/pyproject.toml": "[project]\nname = 'mine'\nversion = '0'\ndependencies = ['beta']\n",
            "mine/mine.py": "",
        },
    )
    url = f"alpha @ {(wheels / 'alpha-1.0-py3-none-any.whl').as_uri()}"
    packages = [
        [Spec(method=Spec.REQS, tree=tree, spec="reqs:./")],
        [Spec(method=Spec.REQS, tree=tree, target="mine", spec="reqs:./mine")],
        [Spec(method=Spec.PIP, target=url, spec=url), Spec(method=Spec.PIP, target="beta", options=["--no-deps"])],
    ]
    make_wheel(wheels, "alpha", "1.5")
    other = Environments(tmp_path / "other", snapshots, uv.find_uv_bin())
    for each in packages:
        spec = pb.EnvironmentSpec(packages=each)
        head = environments.record((await environments.ensure(spec)).hash).versions
        make_wheel(wheels, "alpha", "2.0")
        made = await other.ensure(spec, like=head)
        assert other.record(made.hash).versions == head
    await other.close()
    assert json.loads((tmp_path / "other" / made.hash / "ready.json").read_text())["like"]


async def test_a_flood_of_output_is_not_kept_for_those_who_come_late(
    environments: Environments, tmp_path: Path
) -> None:
    flooded, go_on = tmp_path / "flooded", tmp_path / "go-on"
    spec = pip("alpha", setup=(f"yes | head -n 100000; touch {flooded}; while ! test -e {go_on}; do sleep 0.05; done",))
    first: list[str] = []
    making = asyncio.ensure_future(environments.ensure(spec, first.append))
    await until(flooded.exists)
    await until(lambda: first.count("y") == 100000)
    late: list[str] = []
    joining = asyncio.ensure_future(environments.ensure(spec, late.append))
    await until(lambda: late)
    go_on.touch()
    assert await making == await joining
    assert len(late) < 20_000
    assert "left out" in late[0]
