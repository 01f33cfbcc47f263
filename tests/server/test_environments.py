"""Environments made by the real uv from wheels that lie in a folder; no network."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import uv
from lab.environment_parts import push, run, use_folder
from lab.made_packages import make_wheel

from rhresources.errors import InstallError, NotFound, RhError, ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.code import Snapshots
from rhserver.disk import be_private
from rhserver.environments import Environments

Spec = pb.PackageSpec


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "wheels"
    make_wheel(folder, "alpha", "1.0")
    make_wheel(folder, "alpha", "2.0")
    make_wheel(folder, "beta", "1.0", ["alpha<2"])
    use_folder(folder, tmp_path / "cache", monkeypatch)
    return folder


def pip(target: str, *options: str) -> pb.PackageSpec:
    return Spec(method=Spec.PIP, target=target, options=options, spec=target)


def reqs(tree: pb.CodeTree, target: str = "") -> pb.PackageSpec:
    return Spec(method=Spec.REQS, target=target, tree=tree, spec=target or "./")


def spec(*packages: pb.PackageSpec, setup: tuple[str, ...] = ()) -> pb.EnvironmentSpec:
    return pb.EnvironmentSpec(packages=packages, setup_commands=setup)


async def test_an_empty_environment_has_cloudpickle_and_nothing_of_the_server(environments: Environments) -> None:
    ready = await environments.ensure(spec())
    assert run(ready, "import cloudpickle; print(len(cloudpickle.dumps(lambda: 1)) > 10)") == "True"
    assert run(ready, "import importlib.util as u; print(u.find_spec('grpc'))") == "None"


async def test_packages_are_installed_once_with_their_output(environments: Environments) -> None:
    lines: list[str] = []
    phases: list[str] = []
    ready = await environments.ensure(spec(pip("beta")), lines.append, phases.append)
    assert run(ready, "import alpha, beta; print(alpha.VERSION)") == "1.0"
    assert any("beta==1.0" in line for line in lines)
    assert phases[-1] == "Installing beta"
    again: list[str] = []
    assert await environments.ensure(spec(pip("beta")), again.append, again.append) == ready
    assert again == []


async def test_two_environments_keep_their_own_versions(environments: Environments) -> None:
    one, two = await asyncio.gather(
        environments.ensure(spec(pip("alpha==1.0"))), environments.ensure(spec(pip("alpha==2.0")))
    )
    assert one.hash != two.hash
    assert run(one, "import alpha; print(alpha.VERSION)") == "1.0"
    assert run(two, "import alpha; print(alpha.VERSION)") == "2.0"


async def test_many_who_ask_at_once_share_one_installation_and_hear_all_of_it(environments: Environments) -> None:
    heard: list[list[str]] = [[] for _ in range(5)]
    wanted = spec(pip("alpha"), setup=("echo made >> made.txt; sleep 0.3",))
    ready = await asyncio.gather(*(environments.ensure(wanted, lines.append) for lines in heard))
    assert len({one.hash for one in ready}) == 1
    assert all(lines == heard[0] for lines in heard)
    made = Path(ready[0].python).parents[2] / "made.txt"
    assert made.read_text() == "made\n"


async def test_requirement_files_count_by_content(environments: Environments, snapshots: Snapshots) -> None:
    files = {
        "requirements.txt": "# what we need\n-r more/base.txt\n",
        "more/base.txt": "alpha \\\n  == 1.0  # pinned\n-c limits.txt\n",
        "more/limits.txt": "alpha<3\n",
        "code.py": "X = 1\n",
    }
    first = await environments.ensure(spec(reqs(push(snapshots, files, held=True))))
    assert run(first, "import alpha, code; print(alpha.VERSION, code.X)") == "1.0 1"
    edited = await environments.ensure(spec(reqs(push(snapshots, {**files, "code.py": "X = 2\n"}, held=True))))
    assert edited.hash == first.hash, "an edit of the code installs nothing"
    assert run(edited, "import code; print(code.X)") == "2"
    assert run(first, "import code; print(code.X)") == "1"
    changed = await environments.ensure(
        spec(reqs(push(snapshots, {**files, "more/base.txt": "alpha==2.0\n"}, held=True)))
    )
    assert changed.hash != first.hash
    assert run(changed, "import alpha; print(alpha.VERSION)") == "2.0"
    constrained = await environments.ensure(
        spec(reqs(push(snapshots, {**files, "more/limits.txt": "alpha<2\n"}, held=True)))
    )
    assert constrained.hash not in {first.hash, changed.hash}


async def test_a_project_gives_its_dependencies_and_its_source_folder(
    environments: Environments, snapshots: Snapshots
) -> None:
    files = {
        "pyproject.toml": '[project]\nname = "mine"\nversion = "1"\ndependencies = ["beta"]\n',
        "src/mine/__init__.py": "import beta\n",
    }
    ready = await environments.ensure(spec(reqs(push(snapshots, files, held=True))))
    assert run(ready, "import mine; print(mine.beta.VERSION)") == "1.0"
    tools_only = {"pyproject.toml": "[tool.ruff]\nline-length = 100\n", "a.py": ""}
    assert run(await environments.ensure(spec(reqs(push(snapshots, tools_only, "p2", held=True)))), "import a") == ""


async def test_editable_and_local_lines_of_requirements(environments: Environments, snapshots: Snapshots) -> None:
    files = {
        "requirements.txt": "-e .\n-e ./lib\n",
        "pyproject.toml": '[project]\nname = "mine"\nversion = "1"\ndependencies = ["alpha==2.0"]\n',
        "top.py": "",
        "lib/low.py": "",
    }
    ready = await environments.ensure(spec(reqs(push(snapshots, files, held=True))))
    assert run(ready, "import top, low, alpha; print(alpha.VERSION)") == "2.0"


async def test_local_folders_are_only_imported_from(environments: Environments, snapshots: Snapshots) -> None:
    tree = push(snapshots, {"requirements.txt": "no-such-thing\n", "deep/er/mod.py": "Y = 3\n"}, held=True)
    ready = await environments.ensure(spec(Spec(method=Spec.LOCAL, target="deep/er", tree=tree, spec="local:deep/er")))
    assert run(ready, "import mod; print(mod.Y)") == "3"


async def test_a_requirement_that_does_not_exist_is_named(environments: Environments, tmp_path: Path) -> None:
    before = await environments.ensure(spec(pip("alpha")))
    with pytest.raises(InstallError, match="nosuchpackage") as caught:
        await environments.ensure(spec(pip("alpha"), pip("nosuchpackage")))
    assert "\n" not in caught.value.sentence
    assert "nosuchpackage" in caught.value.detail
    assert {path.name for path in (tmp_path / "environments").iterdir()} == {before.hash}
    states = {tuple(one.packages): one.state for one in environments.list()}
    assert states == {("alpha",): pb.Environment.READY, ("alpha", "nosuchpackage"): pb.Environment.FAILED}
    assert run(before, "import alpha; print(1)") == "1"


async def test_conflicts_and_nonsense_have_uvs_reason(environments: Environments) -> None:
    with pytest.raises(InstallError, match=r"alpha") as caught:
        await environments.ensure(spec(pip("beta"), pip("alpha==2.0")))
    assert caught.value.sentence.endswith(
        "all versions of beta depend on alpha<2 and you require beta, so you require alpha<2, "
        "but you require alpha==2.0."
    )
    with pytest.raises(InstallError, match="Failed to parse"):
        await environments.ensure(spec(pip("foo!!bar")))
    with pytest.raises(InstallError, match=r"Python 3\.99"):
        await environments.ensure(pb.EnvironmentSpec(python="3.99"))


@pytest.mark.parametrize(
    ("files", "target", "message"),
    [
        ({"a.py": ""}, "missing.txt", r"missing\.txt is not in the code"),
        ({"requirements.txt": "\n-r ../../etc/passwd\n"}, "", r"requirements\.txt, line 2: \.\./\.\./etc/passwd"),
        ({"requirements.txt": "-e ./gone\n"}, "", r"line 1: \./gone is not in the code"),
        ({"pyproject.toml": "[project\n"}, "", r"pyproject\.toml cannot be read"),
    ],
)
async def test_broken_requirement_files_are_named(
    environments: Environments, snapshots: Snapshots, files: dict[str, str], target: str, message: str
) -> None:
    with pytest.raises(InstallError, match=message):
        await environments.ensure(spec(reqs(push(snapshots, files, held=True), target)))


@pytest.mark.parametrize(
    ("package", "code"),
    [
        (pip("--index-url=http://evil"), "bad-package"),
        (pip(""), "bad-package"),
        (pip("alpha", "--target", "/tmp/x"), "bad-package"),
        (pip("alpha", "--prefix=/tmp/x"), "bad-package"),
        (pip("alpha", "--"), "bad-package"),
        (pip("alpha", "beta"), "bad-package"),
        (pip("alpha", "--find-links=lib"), "bad-package"),
        (pip("alpha", "--constraint=limits.txt"), "bad-package"),
        (pip("alpha\n--index-url=http://evil"), "bad-package"),
        (pip("alpha @ git+ext::sh -c id://x"), "bad-package"),
        (pip("alpha @ ext://x"), "bad-package"),
        (pip("alpha @ git+ssh://-oProxyCommand=id/x"), "bad-package"),
        (Spec(method=Spec.CONDA, target="--prefix=/", spec="conda:--prefix=/"), "bad-package"),
        (Spec(method=Spec.CONDA, target="zlib", options=["--prefix=/"], spec="conda:zlib"), "bad-package"),
        (Spec(method=Spec.CONDA, target="zlib; id", spec="conda:zlib"), "bad-package"),
        (Spec(method=4, target="https://example.org/x.git", spec="git:x"), "unsupported-method"),  # type: ignore[arg-type]
    ],
)
async def test_what_cannot_be_installed_is_refused(
    environments: Environments, package: pb.PackageSpec, code: str
) -> None:
    with pytest.raises(ServerProblem) as caught:
        await environments.ensure(spec(package))
    assert caught.value.code == code


async def test_paths_out_of_the_tree_are_refused(environments: Environments, snapshots: Snapshots) -> None:
    tree = push(snapshots, {"a.py": ""}, held=True)
    for method in (Spec.LOCAL, Spec.REQS, Spec.PIP):
        with pytest.raises(RhError, match="outside"):
            await environments.ensure(spec(Spec(method=method, target="../..", tree=tree, spec="../..")))


async def test_options_apply_to_their_package(environments: Environments) -> None:
    ready = await environments.ensure(spec(pip("beta", "--no-deps")))
    assert run(ready, "import importlib.util as u; print(u.find_spec('alpha'))") == "None"


async def test_set_up_commands_run_inside_and_in_the_tree(environments: Environments, snapshots: Snapshots) -> None:
    tree = push(snapshots, {"data.txt": "hello"}, held=True)
    lines: list[str] = []
    ready = await environments.ensure(
        spec(reqs(tree), setup=("which python; cat data.txt", "printf 'a\\rb\\n'; python -c 'print(6 * 7)'")),
        lines.append,
    )
    assert lines[-5:] == [ready.python, "hello", "a", "b", "42"]


async def test_a_failing_set_up_command_is_named_and_leaves_nothing(environments: Environments, tmp_path: Path) -> None:
    with pytest.raises(InstallError, match=r"`echo oops; exit 3` ended with exit code 3") as caught:
        await environments.ensure(spec(setup=("echo oops; exit 3",)))
    assert caught.value.detail == "oops"
    assert list((tmp_path / "environments").iterdir()) == []


async def test_cancelling_the_last_who_waits_ends_the_work(environments: Environments, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    wanted = spec(setup=(f"sleep 60 & echo $! > {mark}; wait",))
    one = asyncio.ensure_future(environments.ensure(wanted))
    two = asyncio.ensure_future(environments.ensure(wanted))
    while not (mark.exists() and mark.read_text().strip()):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    one.cancel()
    await asyncio.wait({one})
    assert not two.done(), "the other still waits for it"
    two.cancel()
    await asyncio.wait({two})
    assert list((tmp_path / "environments").iterdir()) == []
    sleeper = int(mark.read_text())
    assert not psutil.pid_exists(sleeper) or psutil.Process(sleeper).status() == psutil.STATUS_ZOMBIE


async def test_who_asks_while_others_give_up_gets_the_environment_all_the_same(
    environments: Environments, tmp_path: Path
) -> None:
    mark = tmp_path / "began"
    wanted = spec(setup=(f"test -e {mark} || {{ touch {mark}; sleep 60; }}",))
    first = asyncio.ensure_future(environments.ensure(wanted))
    while not mark.exists():  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    first.cancel()
    await asyncio.sleep(0)  # its work is being stopped now
    ready = await asyncio.wait_for(environments.ensure(wanted), 60)
    assert Path(ready.python).exists()
    assert first.cancelled()


async def test_a_command_may_leave_a_daemon_behind(environments: Environments, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    began = time.perf_counter()
    await environments.ensure(spec(setup=(f"sleep 30 & echo $! > {mark}",)))
    assert time.perf_counter() - began < 15
    psutil.Process(int(mark.read_text())).kill()


async def test_what_an_earlier_server_left_is_kept_if_whole_and_removed_if_not(
    environments: Environments, snapshots: Snapshots, tmp_path: Path
) -> None:
    ready = await environments.ensure(spec(pip("alpha")))
    half = tmp_path / "environments" / "0123456789abcdef0123"
    (half / "venv").mkdir(parents=True)
    left = subprocess.Popen(["sleep", "60"], start_new_session=True)  # noqa: ASYNC220
    (half / "building").write_text(json.dumps([left.pid, psutil.Process(left.pid).create_time()]))
    again = Environments(tmp_path / "environments", snapshots, uv.find_uv_bin())
    assert left.wait(5) == -9
    assert not half.exists()
    assert [(one.hash, one.packages) for one in again.list()] == [(ready.hash, ["alpha"])]
    lines: list[str] = []
    assert await again.ensure(spec(pip("alpha")), lines.append) == ready
    assert lines == []


async def test_removal_is_refused_while_in_use(environments: Environments, tmp_path: Path) -> None:
    ready = await environments.ensure(spec(pip("alpha")))
    with pytest.raises(NotFound):
        await environments.remove("nothing")
    environments.in_use = lambda path: path == ready.python
    with pytest.raises(ServerProblem, match="in use"):
        await environments.remove(ready.hash)
    assert [one.in_use for one in environments.list()] == [True]
    assert await environments.collect(unused_seconds=0, max_bytes=0) == 0
    environments.in_use = lambda path: False
    assert environments.list()[0].bytes > 1000
    assert await environments.remove(ready.hash) > 1000
    assert environments.list() == []
    assert run(await environments.ensure(spec(pip("alpha"))), "import alpha; print(1)") == "1"
    assert await environments.collect(unused_seconds=3600, max_bytes=1 << 40) == 0
    assert await environments.collect(unused_seconds=3600, max_bytes=0) > 1000


async def test_what_installers_keep_has_the_rights_of_the_users_files(
    environments: Environments, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RHDESK_USUAL_UMASK", "")  # put back at the end
    before = os.umask(0o022)
    try:
        be_private()
        made = tmp_path / "made"
        ready = await environments.ensure(spec(pip("alpha"), setup=(f"touch {made}",)))
        cached = [file for file in (tmp_path / "cache").rglob("alpha.py") if file.is_file()]
        assert cached
        assert {stat.S_IMODE(file.stat().st_mode) & 0o077 for file in (*cached, made)} == {0o044}
        assert stat.S_IMODE((environments.directory / ready.hash).stat().st_mode) == 0o700
        (tmp_path / "own").touch()
        assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o600
    finally:
        os.umask(before)
