"""conda packages and environment files, from a real channel in a folder, by py-rattler and by a stand-in program."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import uv
from lab.conda_channel import CondaChannel, stand_in
from lab.environment_parts import push, run, use_folder
from lab.made_packages import make_wheel

from rhresources.errors import InstallError, RhError, ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.code import Snapshots
from rhserver.environments import Environments, ReadyEnvironment
from rhserver.environments.conda.needs import read_environment_file
from rhserver.environments.conda.programs import find_program
from rhserver.environments.conda.reasons import telling_reason
from rhserver.environments.listing import installed
from rhserver.environments.recipe import resolve
from rhserver.environments.solving import solve

Spec = pb.PackageSpec


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CondaChannel]:
    made = CondaChannel(tmp_path_factory.mktemp("channel"))
    made.add_python()
    made.add_module("cmod", "1.0")
    made.add_module("cmod", "2.0")
    made.add_module("cdep", "1.0", ["cmod <2", "jpeg", "_mutex"])
    made.add("jpeg", "9e")  # not a version that pip would understand
    made.add("_mutex", "0.1")
    asyncio.run(made.index())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RATTLER_CACHE_DIR", str(tmp_path_factory.mktemp("rattler")))
        yield made


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "wheels"
    make_wheel(folder, "alpha", "1.0")
    make_wheel(folder, "cmod", "3.0")
    use_folder(folder, tmp_path / "cache", monkeypatch)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for name in ("CONDA_EXE", "MAMBA_EXE"):
        monkeypatch.delenv(name, raising=False)
    return folder


def conda(channel: CondaChannel, target: str) -> pb.PackageSpec:
    return Spec(
        method=Spec.CONDA, target=target, options=["--channel", channel.url, "--override-channels"], spec=target
    )


def pip(target: str) -> pb.PackageSpec:
    return Spec(method=Spec.PIP, target=target, spec=target)


def prefix(ready: ReadyEnvironment) -> Path:
    return Path(ready.python).parents[1]


async def planned(spec: pb.EnvironmentSpec, folder: Path) -> dict[str, tuple[str, str]]:
    folder.mkdir()
    return await solve(resolve(spec, {}), folder, uv.find_uv_bin(), lambda line: None, lambda phase: None)


async def test_conda_and_pip_packages_share_an_environment(
    environments: Environments, channel: CondaChannel, tmp_path: Path
) -> None:
    spec = pb.EnvironmentSpec(
        packages=[conda(channel, "cdep"), pip("alpha")], setup_commands=["echo $CONDA_PREFIX; which python"]
    )
    lines: list[str] = []
    phases: list[str] = []
    plan = await planned(spec, tmp_path / "plan")
    ready = await environments.ensure(spec, lines.append, phases.append)
    assert phases[:2] == ["Installing cdep with py-rattler", "Installing alpha"]
    assert {" + cmod=1.0", str(prefix(ready)), ready.python} <= {
        line if "+" in line else line.strip() for line in lines
    }
    assert run(ready, "import ssl, sqlite3, alpha, cdep, cmod; print(cmod.VERSION, cmod.PREFIX)") == (
        f"1.0 {prefix(ready)}"
    )
    found = installed(prefix(ready))
    assert found == plan
    assert found["cmod"] == ("conda", "1.0")
    assert found["alpha"] == ("pip", "1.0")
    assert found["python"][0] == "conda"
    assert (found["jpeg"], found["_mutex"]) == (("conda", "9e"), ("conda", "0.1"))
    again: list[str] = []
    assert await environments.ensure(spec, again.append) == ready
    assert again == []


async def test_pip_takes_the_place_of_a_package_of_condas(
    environments: Environments, channel: CondaChannel, tmp_path: Path
) -> None:
    spec = pb.EnvironmentSpec(packages=[conda(channel, "cmod=1.0"), pip("cmod>=3")])
    plan = await planned(spec, tmp_path / "plan")
    ready = await environments.ensure(spec)
    assert run(ready, "import cmod; print(cmod.VERSION)") == "3.0"
    assert installed(prefix(ready))["cmod"] == plan["cmod"] == ("pip", "3.0")


async def test_an_environment_file_counts_by_content(
    environments: Environments, channel: CondaChannel, snapshots: Snapshots
) -> None:
    text = f"name: x\nchannels: ['{channel.url}', nodefaults]\ndependencies:\n  - cmod=1\n  - pip:\n    - -r more.txt\n"
    text += "variables: {ANSWER: 042}\n"
    files = {"environment.yml": text, "more.txt": "alpha  # one\n", "code.py": "X = 1\n"}

    def spec(files: dict[str, str], method: Spec.Method.ValueType, target: str) -> pb.EnvironmentSpec:
        tree = push(snapshots, files, held=True)
        return pb.EnvironmentSpec(packages=[Spec(method=method, target=target, tree=tree, spec=target)])

    ready = await environments.ensure(spec(files, Spec.CONDA, "environment.yml"))
    assert run(ready, "import cmod, alpha; print(cmod.VERSION, alpha.VERSION)") == "1.0 1.0"
    assert json.loads((prefix(ready) / "conda-meta" / "state").read_text())["env_vars"] == {"ANSWER": "042"}
    edited = {**files, "code.py": "X = 2\n"}
    assert (await environments.ensure(spec(edited, Spec.CONDA, "environment.yml"))).hash == ready.hash
    folder = await environments.ensure(spec(edited, Spec.REQS, ""))
    assert folder.hash == ready.hash
    assert run(folder, "import code; print(code.X)") == "2"
    changed = await environments.ensure(spec({**files, "environment.yml": text.replace("=1", "=2")}, Spec.REQS, ""))
    assert run(changed, "import cmod; print(cmod.VERSION)") == "2.0"


@pytest.mark.parametrize(
    ("packages", "message"),
    [
        (("nosuch",), "No candidates were found for nosuch"),
        (("cdep", "cmod=2"), "cdep"),
        (("python=2.7",), "No candidates were found for python 2.7"),
    ],
)
async def test_what_conda_cannot_find_leaves_nothing(
    environments: Environments, channel: CondaChannel, tmp_path: Path, packages: tuple[str, ...], message: str
) -> None:
    spec = pb.EnvironmentSpec(packages=[conda(channel, package) for package in packages])
    with pytest.raises(InstallError, match=message) as caught:
        await environments.ensure(spec)
    assert "\n" not in caught.value.sentence
    with pytest.raises(InstallError, match=message):
        await planned(spec, tmp_path / "plan")
    assert list((tmp_path / "environments").iterdir()) == []


async def test_a_channel_that_is_not_there_is_named(environments: Environments, tmp_path: Path) -> None:
    spec = Spec(method=Spec.CONDA, target="zlib", options=["-c", "http://127.0.0.1:9/x", "--override-channels"])
    with pytest.raises(InstallError, match=r"127\.0\.0\.1:9 cannot be reached"):
        await environments.ensure(pb.EnvironmentSpec(packages=[spec]))


async def test_the_hosts_own_program_is_used(
    environments: Environments, channel: CondaChannel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "calls"
    stand_in(tmp_path / "bin" / "micromamba", log)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    spec = pb.EnvironmentSpec(packages=[conda(channel, "cdep")])
    plan = await planned(spec, tmp_path / "plan")
    phases: list[str] = []
    lines: list[str] = []
    ready = await environments.ensure(spec, lines.append, phases.append)
    assert phases[0] == "Installing cdep with micromamba"
    assert "Transaction finished" in lines
    assert installed(prefix(ready)) == plan
    calls = log.read_text().splitlines()
    assert [("--dry-run" in call) for call in calls] == [True, False]
    assert f"--channel {channel.url}" in calls[1]
    with pytest.raises(InstallError, match="No candidates were found for nosuch"):
        await environments.ensure(pb.EnvironmentSpec(packages=[conda(channel, "nosuch")]))


async def test_cancelling_ends_condas_program(
    environments: Environments, channel: CondaChannel, tmp_path: Path
) -> None:
    program = tmp_path / "conda"
    program.write_text(f"#!/bin/sh\nsleep 60 & echo $! > {tmp_path}/pid\nwait\n")
    program.chmod(0o755)
    wanted = pb.EnvironmentSpec(packages=[conda(channel, "cmod")], conda=str(program))
    task = asyncio.ensure_future(environments.ensure(wanted))
    mark = tmp_path / "pid"
    while not (mark.exists() and mark.read_text().strip()):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.wait({task})
    state = Path(f"/proc/{mark.read_text().strip()}/stat")
    while state.exists() and ") Z " not in state.read_text():  # noqa: ASYNC110  # the kill is on its way
        await asyncio.sleep(0.02)
    assert list((tmp_path / "environments").iterdir()) == []


def test_programs_are_found_by_name_path_and_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for name in ("CONDA_EXE", "MAMBA_EXE"):
        monkeypatch.delenv(name, raising=False)
    assert find_program("rattler") is None
    home = Path.home()
    stand_in(home / "miniforge3" / "bin" / "conda", tmp_path / "calls")
    found = find_program()
    assert found is not None
    assert (found.path, found.kind) == (str(home / "miniforge3" / "bin" / "conda"), "conda")
    assert find_program("~/miniforge3/bin/conda") == find_program("conda") == found
    for asked in ("mamba", "/nowhere/conda", "../conda", "-x"):
        with pytest.raises(ServerProblem, match="has no program") as caught:
            find_program(asked)
        assert caught.value.code == "no-conda"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "not an environment file"),
        ("dependencies: nope\n", "not an environment file"),
        ("dependencies:\n  - a\n  - --prefix=/\n", "line 3: '--prefix=/' is not a conda package"),
        ("dependencies:\n  - 'a; id'\n", "line 2"),
        ("dependencies:\n  - {pip: nope}\n", "line 2"),
        ("dependencies: []\nchannels: [-x]\n", "line 2"),
        ("dependencies: []\nchannels: ['https://u:secret@h/c']\n", "secret in it|not a conda channel"),
        ("dependencies: []\nchannels: ['../c']\n", "line 2"),
        ("dependencies: []\nvariables: [x]\n", "`variables` names variables"),
        ("dependencies: []\nvariables:\n  A-B: x\n", "line 3: 'A-B' is not a variable"),
        ("dependencies: []\nrun: x\n", "'run' is not a part"),
        ("a: &a [x]\nb: [*a\n", "environment.yml"),
    ],
)
def test_broken_environment_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "environment.yml"
    file.write_text(text)
    with pytest.raises(InstallError, match=message) as caught:
        read_environment_file(file, "environment.yml")
    assert "secret@" not in str(caught.value)
    assert "\n" not in caught.value.sentence


def test_programs_differ_in_how_they_say_no() -> None:
    said = {
        "nosuch does not exist (perhaps a typo or a missing channel)": """
error    libmamba Could not solve for environment specs
    The following package could not be installed
    └─ nosuch does not exist (perhaps a typo or a missing channel).
critical libmamba Could not solve for environment specs""",
        "the channels do not have nosuch, other": """
PackagesNotFoundError: The following packages are not available from current channels:

  - nosuch
  - other

Current channels:

  - https://conda.anaconda.org/conda-forge""",
        "nothing provides requested nosuch 1.0": """
LibMambaUnsatisfiableError: Encountered problems while solving:
  - nothing provides requested nosuch 1.0

Could not solve for environment specs""",
        "HTTP 404 NOT FOUND for channel nope <https://conda.anaconda.org/nope>": """
UnavailableInvalidChannel: HTTP 404 NOT FOUND for channel nope <https://conda.anaconda.org/nope>
""",
        "the disk of the cluster is full": "OSError: [Errno 28] No space left on device",
        "": "Solving environment: done",
    }
    for reason, text in said.items():
        assert telling_reason(text.splitlines()) == reason


async def test_what_cannot_be_a_conda_package_is_refused(environments: Environments, channel: CondaChannel) -> None:
    for target in ("--json", "a b; id", "x\n--prefix=/", "", "$(id)"):
        with pytest.raises(RhError) as caught:
            await environments.ensure(pb.EnvironmentSpec(packages=[conda(channel, target)]))
        assert getattr(caught.value, "code", "") == "bad-package"
