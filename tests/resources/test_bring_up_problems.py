"""Hosts on which no cluster can be brought up: one clear sentence and a remedy each. Test connection says the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lab.bare_host import BareHost
from lab.poor_hosts import EMPTY_PROGRAM_FOLDERS, NO_PYTHON_ELSEWHERE, in_own_mounts, without_good_python
from lab.rights import root_only

from rhresources.credentials import Credentials
from rhresources.documents import ClusterDocument
from rhresources.errors import RhError
from rhresources.reach.bring_up import install
from rhresources.reach.checking import check_hosts
from rhresources.reach.server_calls import answers
from rhresources.reach.steps import Step

MakeBareHost = Callable[..., BareHost]


async def check(home: Path, document: ClusterDocument) -> list[Step]:
    """The steps as they ended; each was told as running first."""
    told: list[Step] = []
    ended = await check_hosts(document, Credentials(home), None, told.append)
    assert [step for step in told if step.state != "running"] == ended
    for step in ended:
        assert any(one.state == "running" and (one.name, one.host) == (step.name, step.host) for one in told)
    return ended


async def test_a_good_host_passes_every_step(bare_host: BareHost, rh_home: Path) -> None:
    steps = await check(rh_home, bare_host.document())
    assert [step.name for step in steps] == [
        "resolve", "reach", "host key", "log in", "forwarding", "python", "disk", "gpu", "server",
    ]  # fmt: skip
    assert {step.state for step in steps} <= {"done", "note"}
    said = {step.name: step.sentence for step in steps}
    assert said["python"].startswith("3.")
    assert "GiB free at" in said["disk"]
    assert not bare_host.rh.exists()  # nothing was changed there


async def test_one_host_that_cannot_be_reached_does_not_keep_the_others_from_being_tested(
    bare_host: BareHost, rh_home: Path
) -> None:
    document = bare_host.document().model_copy(update={"ips": ["127.0.0.1", "nobody.invalid"]})
    steps = await check(rh_home, document)
    assert [step.state for step in steps if step.host == "nobody.invalid"] == ["failed"]
    assert [step.name for step in steps if step.host == "127.0.0.1"][-1] == "server"


@root_only
async def test_python_too_old(make_bare_host: MakeBareHost, tmp_path: Path, rh_home: Path) -> None:
    path = without_good_python(tmp_path / "bin")
    host = make_bare_host(
        environment={**NO_PYTHON_ELSEWHERE, "PATH": str(path)}, prefix=in_own_mounts(EMPTY_PROGRAM_FOLDERS)
    )
    with pytest.raises(RhError) as old:
        await host.route().up(host.say)
    assert old.value.sentence.startswith("127.0.0.1 has only Python 3.9.2; 3.11 or newer is needed")
    assert "`python:` field" in old.value.remedy
    assert old.value.code == "python-too-old"
    python = {step.name: step for step in await check(rh_home, host.document())}["python"]
    assert python.state == "note"
    assert "only Python 3.9.2; uv will fetch" in python.sentence
    with pytest.raises(RhError, match=r"has only Python 3\.9\.2; 3\.11 or newer is needed\. Install"):
        await host.route(wheels=str(tmp_path)).up(host.say)
    for python_field, why in ((str(path / "python3"), r"it is Python 3\.9\.2"), ("/nowhere/python3", "no such file")):
        with pytest.raises(RhError, match=why):
            await host.route(python=python_field).up(host.say)
        step = {step.name: step for step in await check(rh_home, host.document(python=python_field))}["python"]
        assert step.state == "failed"
        assert step.remedy


@root_only
async def test_a_full_disk(
    make_bare_host: MakeBareHost, short_path: Path, rh_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = short_path / "disk"
    place.mkdir()
    host = make_bare_host(rh=place / ".rh", prefix=in_own_mounts(f"mount -t tmpfs -o size=60m none {place}"))
    with pytest.raises(RhError, match=r"The disk of 127\.0\.0\.1 is full: \d+ MiB are free at") as full:
        await host.route().up(host.say)
    assert "Free about 1 GB" in full.value.remedy
    disk = (await check(rh_home, host.document()))[-1]
    assert (disk.name, disk.state) == ("disk", "failed")
    assert "is full" in disk.sentence
    # it fills up in the middle
    monkeypatch.setattr(install, "SPACE_NEEDED", 0)
    with pytest.raises(RhError, match=r"The disk of 127\.0\.0\.1 is full\.") as full:
        await host.route().up(host.say)
    assert "No space left" in full.value.detail or "os error 28" in full.value.detail


@root_only
async def test_a_home_that_cannot_be_written(make_bare_host: MakeBareHost, short_path: Path, rh_home: Path) -> None:
    place = short_path / "disk"
    place.mkdir()
    host = make_bare_host(rh=place / ".rh", prefix=in_own_mounts(f"mount -t tmpfs -o ro none {place}"))
    with pytest.raises(RhError, match=r"127\.0\.0\.1 (cannot be written to|does not let you write)") as refused:
        await host.route().up(host.say)
    assert "RH_HOME" in refused.value.remedy
    assert (await check(rh_home, host.document()))[-1].name == "disk"


@pytest.mark.slow
async def test_a_host_that_forbids_forwarding_is_noted_and_works(
    make_bare_host: MakeBareHost, rh_home: Path, shared_installs: Path
) -> None:
    host = make_bare_host(extra="DisableForwarding yes")
    host.rh.mkdir(mode=0o700)
    (host.rh / "installs").symlink_to(shared_installs)
    step = {step.name: step for step in await check(rh_home, host.document())}["forwarding"]
    assert step.state == "note"
    assert step.sentence.startswith("forbidden; a program on the host carries")
    assert "AllowStreamLocalForwarding yes" in step.remedy
    route = host.route()
    assert await answers(await route.up(host.say))


async def test_an_account_that_runs_no_commands(make_bare_host: MakeBareHost) -> None:
    host = make_bare_host(extra="ForceCommand echo This account is for files only.")
    with pytest.raises(RhError, match="does not run commands") as refused:
        await host.route().up(host.say)
    assert "This account is for files only." in refused.value.detail
    assert refused.value.remedy
    host.sshd.stop()  # there is nothing to take down
