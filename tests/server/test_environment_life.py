"""Environments over their life: checked, looked into, updated, browsed, kept and removed; real uv, no network."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import uv
from lab.environment_parts import (
    alpha,
    browse,
    check,
    inspect,
    packages,
    pip,
    planned,
    push,
    site_of,
    slow_build,
)  # fmt: skip
from lab.made_packages import make_wheel

from rhresources.errors import InstallError, NotFound, ServerProblem, UsageError
from rhresources.wire import cluster_pb2 as pb
from rhserver.code import Snapshots
from rhserver.environments import Environments, byte_code
from rhserver.environments.browsing import SOURCE_LIMIT

Spec = pb.PackageSpec


# ---------------------------------------------------------------- check


async def test_a_check_says_what_would_be_installed_and_installs_nothing(
    environments: Environments, tmp_path: Path
) -> None:
    said: list[str] = []
    plan = await check(environments, pip("beta"), lines=said)
    assert planned(plan) == {"alpha": ("", "1.0"), "beta": ("", "1.0")}
    assert not plan.ready
    assert not plan.compared_with
    assert said
    assert environments.list() == []
    assert list((tmp_path / "environments").iterdir()) == []
    ready = await environments.ensure(pip("beta"))
    assert ready.hash == plan.hash


async def test_a_check_compares_with_another_environment(environments: Environments, wheels: Path) -> None:
    old = await environments.ensure(pip("beta"))
    make_wheel(wheels, "alpha", "2.0")
    plan = await check(environments, pip("alpha==2.0"), old.hash)
    assert planned(plan) == {"alpha": ("1.0", "2.0"), "beta": ("1.0", "")}
    assert {one.name: one.before for one in plan.packages}["cloudpickle"]  # never taken for one that would go
    assert all(one.after for one in plan.packages if one.name == "cloudpickle")
    with pytest.raises(NotFound):
        await check(environments, pip("alpha"), "no-such-hash")


async def test_what_is_there_would_not_change(environments: Environments, wheels: Path) -> None:
    ready = await environments.ensure(pip("alpha"))
    make_wheel(wheels, "alpha", "2.0")
    said: list[str] = []
    plan = await check(environments, pip("alpha"), lines=said)
    assert plan.ready
    assert plan.hash == plan.compared_with == ready.hash
    assert said == []
    assert planned(plan) == {"alpha": ("1.0", "1.0")}


async def test_a_check_of_what_does_not_go_together_has_the_reason(environments: Environments, tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="alpha"):
        await check(environments, pip("beta", "alpha>=3"))
    with pytest.raises(InstallError, match="gamma"):
        await check(environments, pip("gamma"))
    assert list((tmp_path / "environments").iterdir()) == []


async def test_giving_up_a_check_ends_the_solver(
    environments: Environments, tmp_path: Path, snapshots: Snapshots
) -> None:
    mark = tmp_path / "pid"
    spec = slow_build(snapshots, mark)
    checking = asyncio.ensure_future(check(environments, spec))
    async with asyncio.timeout(60):
        while not mark.exists():
            assert not checking.done()
            await asyncio.sleep(0.02)
    builder = psutil.Process(int(mark.read_text()))
    checking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await checking
    assert not builder.is_running() or builder.status() == psutil.STATUS_ZOMBIE
    assert list((tmp_path / "environments").iterdir()) == []


# ---------------------------------------------------------------- what it holds


async def test_drift_is_told(environments: Environments, wheels: Path) -> None:
    ready = await environments.ensure(pip("beta", "alpha>=1"))
    before = await inspect(environments, ready.hash)
    assert all(one.fits for one in before.packages)
    make_wheel(wheels, "alpha", "2.0")
    make_wheel(wheels, "delta", "1.0")
    done = await asyncio.to_thread(
        subprocess.run,
        [uv.find_uv_bin(), "pip", "install", "-q", "--python", ready.python, "alpha==2.0", "delta"],
        check=False,
    )
    assert done.returncode == 0
    done = await asyncio.to_thread(
        subprocess.run, [uv.find_uv_bin(), "pip", "uninstall", "-q", "--python", ready.python, "beta"], check=False
    )
    assert done.returncode == 0
    reply = await inspect(environments, ready.hash)
    found = packages(reply)
    shown = {
        name: (one.version, one.recorded, one.wanted, one.fits) for name, one in found.items() if name != "cloudpickle"
    }
    assert shown == {
        "alpha": ("2.0", "1.0", "alpha>=1", False),
        "beta": ("", "1.0", "beta", False),
        "delta": ("1.0", "", "", False),
    }
    assert reply.environment.hash == ready.hash
    assert [one.target for one in reply.environment.spec.packages] == [
        "beta",
        "alpha>=1",
    ]


async def test_the_newest_is_asked_for(environments: Environments, wheels: Path) -> None:
    ready = await environments.ensure(pip("beta"))
    make_wheel(wheels, "alpha", "2.0")
    reply = await inspect(environments, ready.hash, newest=True)
    assert (packages(reply)["alpha"].version, packages(reply)["alpha"].newest, reply.unknown) == ("1.0", "2.0", "")
    for file in wheels.glob("beta-*"):
        file.unlink()
    reply = await inspect(environments, ready.hash, newest=True)
    assert "beta" in reply.unknown
    assert packages(reply)["alpha"].newest == ""
    with pytest.raises(NotFound):
        await inspect(environments, "nothing")


async def test_environments_of_an_earlier_version_stay_usable(
    environments: Environments, snapshots: Snapshots, tmp_path: Path
) -> None:
    ready = await environments.ensure(pip("alpha"))
    file = tmp_path / "environments" / ready.hash / "ready.json"
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({name: kept[name] for name in ("python", "packages", "bytes", "created")}))
    again = Environments(tmp_path / "environments", snapshots, uv.find_uv_bin())
    assert (await again.ensure(pip("alpha"), newest=True)).hash == ready.hash
    reply = await inspect(again, ready.hash, newest=True)
    assert packages(reply)["alpha"].version == "1.0"
    assert packages(reply)["alpha"].recorded == ""
    assert packages(reply)["alpha"].fits
    assert "earlier version" in reply.unknown
    with pytest.raises(ServerProblem, match="earlier version"):
        await again.update(ready.hash)
    await again.close()


# ---------------------------------------------------------------- update


async def test_an_update_is_another_environment_that_later_functions_get(
    environments: Environments, snapshots: Snapshots, wheels: Path, tmp_path: Path
) -> None:
    spec = pip("beta")
    old = await environments.ensure(spec, newest=True)
    make_wheel(wheels, "alpha", "2.0")
    new = await environments.update(old.hash)
    assert new.hash != old.hash
    assert new.renewed > 0
    assert (alpha(old), alpha(new)) == ("1.0", "2.0")
    assert (await environments.ensure(spec, newest=True)) == new
    assert (await environments.ensure(spec)) == old  # another host that is told exactly
    again = Environments(tmp_path / "environments", snapshots, uv.find_uv_bin())
    assert (await again.ensure(spec, newest=True)) == new
    make_wheel(wheels, "alpha", "2.5")
    newer = await again.update(new.hash)
    assert newer.renewed > new.renewed
    assert alpha(newer) == "2.5"
    exact = pb.EnvironmentSpec()
    exact.CopyFrom(spec)
    exact.renewed = new.renewed
    assert (await again.ensure(exact)).hash == new.hash
    assert (await again.ensure(exact, newest=True)).hash == newer.hash  # a client does not choose
    await again.remove(newer.hash)
    assert (await again.ensure(spec, newest=True)).hash == new.hash
    await again.close()


async def test_many_updates_at_once_are_one(environments: Environments, wheels: Path) -> None:
    old = await environments.ensure(pip("beta"))
    make_wheel(wheels, "alpha", "2.0")
    made = await asyncio.gather(*(environments.update(old.hash) for _ in range(5)))
    assert len({one.hash for one in made}) == 1
    assert len(environments.list()) == 2


async def test_a_failed_or_cancelled_update_leaves_the_old_one(environments: Environments, tmp_path: Path) -> None:
    fail, mark = tmp_path / "fail", tmp_path / "began"
    spec = pip("alpha", setup=(f"touch {mark}; if test -e {fail}; then sleep 60; exit 3; fi",))
    old = await environments.ensure(spec, newest=True)
    mark.unlink()
    fail.touch()
    updating = asyncio.ensure_future(environments.update(old.hash))
    while not mark.exists():  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    assert (await environments.ensure(spec, newest=True)) == old  # meanwhile too
    updating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await updating
    for file in (tmp_path / "wheels").glob("alpha-*"):
        file.unlink()
    with pytest.raises(InstallError):
        await environments.update(old.hash)
    failed = next(one for one in environments.list() if one.state == pb.Environment.FAILED)
    with pytest.raises(InstallError, match=rf"{failed.hash[:8]} is not there\. .*alpha.* does not exist"):
        await inspect(environments, failed.hash)
    assert (await environments.ensure(spec, newest=True)) == old
    assert alpha(old) == "1.0"
    states = [one.state for one in environments.list()]
    assert sorted(states) == [pb.Environment.READY, pb.Environment.FAILED]
    with pytest.raises(NotFound):
        await environments.update("nothing")


# ---------------------------------------------------------------- modules


FILES = {
    "many/__init__.py": "def hello(name: str) -> str:\n    return name\n",
    "many/inner/__init__.py": "",
    "many/inner/deep.py": "DEEP = 1\n",
    "many/fast.cpython-311-x86_64-linux-gnu.so": "no",
    "many/data/table.csv": "1,2",
    "space/part/tool.py": "TOOL = 1\n",
    "latin.py": "# -*- coding: latin-1 -*-\nNAME = 'x'\n",
    "huge.py": "#" * (SOURCE_LIMIT + 1),
}


async def test_modules_of_an_environment_with_their_source(environments: Environments, wheels: Path) -> None:
    make_wheel(wheels, "many", "1.0", files=FILES)
    make_wheel(wheels, "other", "2.0", files={"space/other.py": "OTHER = 1\n"})
    ready = await environments.ensure(pip("many", "other"))
    top = {one.name: (one.is_package, one.distribution) for one in (await browse(environments, ready.hash)).modules}
    assert top["many"] == (True, "many 1.0")
    assert top["latin"] == (False, "many 1.0")
    assert top["space"] == (True, "")  # both have a part
    reply = await browse(environments, ready.hash, "many")
    assert reply.source == FILES["many/__init__.py"]
    assert [(one.name, one.is_package, one.distribution) for one in reply.modules] == [
        ("many.fast", False, "many 1.0"),
        ("many.inner", True, "many 1.0"),
    ]
    inner = await browse(environments, ready.hash, "many.inner")
    assert [one.name for one in inner.modules] == ["many.inner.deep"]
    space = await browse(environments, ready.hash, "space")
    assert [(one.name, one.distribution) for one in space.modules] == [
        ("space.other", "other 2.0"),
        ("space.part", "many 1.0"),
    ]
    assert (await browse(environments, ready.hash, "space.part.tool")).source == "TOOL = 1\n"
    assert (await browse(environments, ready.hash, "latin")).source.startswith("# -*-")
    for name in ("huge", "many.fast"):
        assert (await browse(environments, ready.hash, name)).source == ""


async def test_nothing_outside_of_an_environment_is_read(environments: Environments, tmp_path: Path) -> None:
    ready = await environments.ensure(pip("alpha"))
    site = site_of(environments, ready.hash)
    (tmp_path / "secret.py").write_text("SECRET = 1\n")
    (site / "linked.py").symlink_to(tmp_path / "secret.py")
    (site / "folder").symlink_to(tmp_path)
    names = [one.name for one in (await browse(environments, ready.hash)).modules]
    assert "alpha" in names
    assert "linked" not in names
    assert "folder" not in names
    for name in ("linked", "folder.secret", "absent", "alpha.absent"):
        with pytest.raises(NotFound, match=name):
            await browse(environments, ready.hash, name)
    for name in ("..", "a/b", "../secret", "a..b", "/etc/passwd", "a\0b", ".".join("a" * 40), "alpha."):
        with pytest.raises(UsageError):
            await browse(environments, ready.hash, name)
    with pytest.raises(NotFound):
        await browse(environments, "../../x", "alpha")


# ---------------------------------------------------------------- keeping


async def test_the_longest_unused_go_first_and_those_in_use_stay(environments: Environments, wheels: Path) -> None:
    make_wheel(wheels, "alpha", "2.0")
    oldest, used, new = [await environments.ensure(pip(f"alpha{of}")) for of in ("==1.0", "==2.0", ">=1.0")]
    for ready, days in ((oldest, 40), (used, 50), (new, 1)):
        environments.record(ready.hash).environment.used = time.time() - days * 86400
    environments.in_use = lambda python: python == used.python
    assert await environments.collect(unused_seconds=30 * 86400, max_bytes=1 << 40) > 1000
    assert {one.hash for one in environments.list()} == {used.hash, new.hash}
    assert time.time() - environments.record(used.hash).environment.used < 60  # what is in use is used now
    environments.in_use = lambda python: False
    each = environments.record(new.hash).environment.bytes
    await environments.collect(unused_seconds=30 * 86400, max_bytes=int(each * 1.5), spared_seconds=60)
    assert [one.hash for one in environments.list()] == [used.hash]
    assert await environments.collect(unused_seconds=0, max_bytes=0, spared_seconds=60) == 0
    environments.acquire(used.hash)
    assert await environments.collect(unused_seconds=0, max_bytes=0) == 0
    environments.release(used.hash)
    assert await environments.collect(unused_seconds=0, max_bytes=0) > 1000
    assert environments.list() == []


async def test_byte_code_follows_after_an_environment_is_ready(
    environments: Environments, snapshots: Snapshots, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(byte_code, "_BEGIN_SECONDS", 0.0)
    ready = await environments.ensure(pip("alpha"))
    first = environments.record(ready.hash).environment.bytes
    assert not list(site_of(environments, ready.hash).glob("__pycache__/alpha.*"))
    async with asyncio.timeout(60):
        while not environments.record(ready.hash).compiled:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert list(site_of(environments, ready.hash).glob("__pycache__/alpha.*.pyc"))
    assert environments.record(ready.hash).environment.bytes > first
    again = Environments(tmp_path / "environments", snapshots, uv.find_uv_bin())
    assert again.record(ready.hash) == environments.record(ready.hash)
    other = await environments.ensure(pip("beta"))
    assert await environments.remove(other.hash) > 0  # while its byte code is made
    await asyncio.sleep(0.3)
    assert not (tmp_path / "environments" / other.hash).exists()


async def test_a_known_specification_reads_no_file(
    environments: Environments, snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = push(snapshots, {"requirements.txt": "alpha\n"})
    spec = pb.EnvironmentSpec(packages=[Spec(method=Spec.REQS, tree=tree, spec="./")])
    ready = await environments.ensure(spec, newest=True)
    monkeypatch.setattr(os, "open", None)
    monkeypatch.setattr(Snapshots, "acquire", None)
    assert (await environments.ensure(spec, newest=True)) == ready
