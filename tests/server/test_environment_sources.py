"""What requirement files, projects and archives may say, and what is worked out of them; wheels lie in a folder."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import uv
from lab.environment_parts import push, run, use_folder
from lab.made_packages import make_wheel

from rhresources.errors import InstallError, RhError, ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.code import Snapshots
from rhserver.environments import Environments, ReadyEnvironment
from rhserver.environments.archives import check_archive
from rhserver.environments.conda.needs import checked_spec
from rhserver.environments.listing import installed, normalised
from rhserver.environments.recipe import resolve
from rhserver.environments.solving import UNKNOWN, solve

Spec = pb.PackageSpec
Push = Callable[..., pb.PackageSpec]


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "wheels"
    make_wheel(folder, "alpha", "1.0")
    make_wheel(folder, "alpha", "2.0")
    make_wheel(folder, "alpha", "3.0rc1")
    make_wheel(folder, "beta", "1.0", ["alpha<2"])
    use_folder(folder, tmp_path / "c", monkeypatch)
    return folder


@pytest.fixture
def sent(snapshots: Snapshots) -> Push:
    """Sends files; a package of them."""

    def send(
        files: dict[str, str | bytes], target: str = "", method: Spec.Method.ValueType = Spec.REQS, *options: str
    ) -> pb.PackageSpec:
        tree = push(snapshots, files, held=True)
        return Spec(method=method, target=target, tree=tree, spec=target or "./", options=options)

    return send


def pip(target: str, *options: str) -> pb.PackageSpec:
    return Spec(method=Spec.PIP, target=target, options=options, spec=target)


def spec(*packages: pb.PackageSpec) -> pb.EnvironmentSpec:
    return pb.EnvironmentSpec(packages=packages)


def versions(ready: ReadyEnvironment) -> dict[str, str]:
    found = installed(Path(ready.python).parents[1])
    return {name: version for name, (_, version) in found.items() if name != "cloudpickle"}


async def planned(snapshots: Snapshots, wanted: pb.EnvironmentSpec, folder: Path) -> dict[str, str]:
    trees = {
        (one.tree.project, one.tree.root): snapshots.acquire(one.tree.project, one.tree.root)
        for one in wanted.packages
        if one.tree.root
    }
    folder.mkdir(exist_ok=True)
    found = await solve(resolve(wanted, trees), folder, uv.find_uv_bin(), lambda line: None, lambda phase: None)
    return {name: version for name, (_, version) in found.items() if name != "cloudpickle"}


# ---------------------------------------------------------------- solved as it is installed


@pytest.mark.parametrize(
    "packages",
    [
        [pip("beta")],
        [pip("alpha"), pip("beta", "--no-deps")],
        [pip("alpha==1.0"), pip("alpha>=1", "--no-deps")],  # the second is satisfied by what the first installed
        [pip("alpha==1.0"), pip("alpha>=1", "--upgrade")],
        [pip("alpha", "--pre")],
        [pip("alpha", "--reinstall")],
    ],
)
async def test_the_plan_is_what_gets_installed(
    environments: Environments, snapshots: Snapshots, tmp_path: Path, packages: list[pb.PackageSpec]
) -> None:
    plan = await planned(snapshots, spec(*packages), tmp_path / "plan")
    assert versions(await environments.ensure(spec(*packages))) == plan


async def test_a_plan_says_why_there_is_none(snapshots: Snapshots, wheels: Path, tmp_path: Path) -> None:
    with pytest.raises(InstallError, match=r"These packages cannot be installed: .*alpha==2\.0\."):
        await planned(snapshots, spec(pip("beta"), pip("alpha==2.0")), tmp_path / "plan")
    with pytest.raises(InstallError, match="nosuchpackage"):
        await planned(snapshots, spec(pip("nosuchpackage")), tmp_path / "plan")
    with pytest.raises(InstallError, match=r"no Python 3\.99"):
        await planned(snapshots, pb.EnvironmentSpec(python="3.99"), tmp_path / "plan")


async def test_local_projects_and_archives_have_their_versions_in_a_plan(
    snapshots: Snapshots, wheels: Path, tmp_path: Path, sent: Push
) -> None:
    project = '[project]\nname = "mine"\nversion = "1.5"\ndependencies = ["beta"]\n'
    files = {
        "pyproject.toml": project,
        "odd name/pyproject.toml": project.replace("mine", "odd").replace('version = "1.5"', 'dynamic = ["version"]'),
        "alpha-1.0-py3-none-any.whl": (wheels / "alpha-1.0-py3-none-any.whl").read_bytes(),
    }
    wanted = spec(sent(files, "", Spec.PIP), sent(files, "alpha-1.0-py3-none-any.whl", Spec.PIP))
    assert await planned(snapshots, wanted, tmp_path / "plan") == {"mine": "1.5", "alpha": "1.0", "beta": "1.0"}
    assert UNKNOWN == "?"


# ---------------------------------------------------------------- files of projects


async def test_a_lock_decides_to_the_letter(
    environments: Environments, snapshots: Snapshots, wheels: Path, tmp_path: Path, sent: Push
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    text = '[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["alpha"]\n'
    (project / "pyproject.toml").write_text(text)
    locking = [uv.find_uv_bin(), "lock", "-q", "--upgrade-package", "alpha==1.0"]
    subprocess.run(locking, cwd=project, check=True)  # noqa: ASYNC221
    lock = (project / "uv.lock").read_text()
    assert 'version = "1.0"' in lock
    files = {"pyproject.toml": text, "uv.lock": lock, "src/mine/__init__.py": "import alpha\n"}
    plan = await planned(snapshots, spec(sent(files)), tmp_path / "plan")
    ready = await environments.ensure(spec(sent(files)))
    assert versions(ready) == plan == {"alpha": "1.0"}
    assert run(ready, "import mine; print(mine.alpha.VERSION)") == "1.0"
    unlocked = await environments.ensure(spec(sent({"pyproject.toml": text})))
    assert versions(unlocked) == {"alpha": "2.0"}
    with pytest.raises(InstallError, match=r"uv\.lock cannot be read"):
        await environments.ensure(spec(sent({**files, "uv.lock": "nonsense ["})))


async def test_setup_cfg_alone_says_what_is_required(environments: Environments, sent: Push) -> None:
    text = "[options]\npython_requires = >=3.9\ninstall_requires =\n    beta\n    alpha ; python_version > '3'\n"
    ready = await environments.ensure(spec(sent({"setup.cfg": text})))
    assert versions(ready) == {"alpha": "1.0", "beta": "1.0"}
    files = {"setup.cfg": "[options]\ninstall_requires = file: needs.txt\n", "needs.txt": "alpha<2\n"}
    files["pyproject.toml"] = "[tool.ruff]\nline-length = 100\n"
    assert versions(await environments.ensure(spec(sent(files)))) == {"alpha": "1.0"}


@pytest.mark.parametrize(
    ("files", "asked", "message"),
    [
        ({"pyproject.toml": '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.40"\n'}, "", r">=3\.40, and"),
        ({"pyproject.toml": '[project]\nname = "x"\nversion = "1"\nrequires-python = "<3.12"\n'}, "3.12", "have 3.12"),
        ({"setup.cfg": "[options]\npython_requires = <3\n"}, "", r"setup\.cfg requires Python <3"),
        ({"setup.cfg": "nonsense\n"}, "", r"setup\.cfg cannot be read"),
        ({"requirements.txt": "--target=/tmp\n"}, "", r"requirements\.txt, line 1: .*--target"),
        ({"requirements.txt": "alpha\n--find-link x\n"}, "", "line 2"),
        ({"requirements.txt": "--index-url=https://u:secret@host/simple\n"}, "", "line 1"),
        ({"requirements.txt": "alpha @ ext::sh://x\n"}, "", "line 1: nothing can be installed"),
        ({"requirements.txt": "-e git+ssh://-oProxyCommand=x/y\n"}, "", "line 1: nothing can be installed"),
        ({"requirements.txt": "-r https://example.org/r.txt\n"}, "", "cannot be included from the network"),
        ({"requirements.txt": "-c ../c.txt\n"}, "", r"\.\./c\.txt is not in the code"),
        ({"requirements.txt": "./x.zip\n", "x.zip": "no zip"}, "", r"line 1: \./x\.zip is not a whole archive"),
    ],
)
async def test_what_cannot_be_followed_is_named_with_its_place(
    environments: Environments, sent: Push, files: dict[str, str], asked: str, message: str
) -> None:
    with pytest.raises(RhError, match=message) as caught:
        await environments.ensure(pb.EnvironmentSpec(packages=[sent(files)], python=asked))
    assert "\n" not in caught.value.sentence
    assert "secret@" not in str(caught.value)


async def test_option_lines_and_option_files_are_followed(
    environments: Environments, sent: Push, tmp_path: Path
) -> None:
    files: dict[str, str | bytes] = {
        "requirements.txt": "--find-links more\n--pre\n--prefer-binary\nalpha\ngamma\n",
        "limits.txt": "alpha<3\n",
        "more/gamma-1.0-py3-none-any.whl": make_wheel(tmp_path / "made", "gamma", "1.0").read_bytes(),
    }
    assert versions(await environments.ensure(spec(sent(files)))) == {"alpha": "3.0rc1", "gamma": "1.0"}
    limited = await environments.ensure(spec(sent(files, "", Spec.REQS, "--constraint=limits.txt")))
    assert versions(limited) == {"alpha": "2.0", "gamma": "1.0"}
    tighter = {**files, "limits.txt": "alpha<2\n", "code.py": "X = 1\n"}
    again = await environments.ensure(spec(sent(tighter, "", Spec.REQS, "--constraint=limits.txt")))
    assert versions(again) == {"alpha": "1.0", "gamma": "1.0"}
    edited = {**tighter, "code.py": "X = 2\n"}
    same = await environments.ensure(spec(sent(edited, "", Spec.REQS, "--constraint=limits.txt")))
    assert same.hash == again.hash
    for outside in ("../limits.txt", "/etc/passwd"):
        with pytest.raises(ServerProblem):
            await environments.ensure(spec(sent(files, "", Spec.REQS, f"--constraint={outside}")))


async def test_hashes_of_requirements_are_held_against_the_files(
    environments: Environments, sent: Push, wheels: Path
) -> None:
    right = hashlib.sha256((wheels / "alpha-2.0-py3-none-any.whl").read_bytes()).hexdigest()
    text = f"--require-hashes\nalpha==2.0 \\\n    --hash=sha256:{right}\n"
    assert versions(await environments.ensure(spec(sent({"requirements.txt": text})))) == {"alpha": "2.0"}
    with pytest.raises(InstallError, match="Hash mismatch"):
        await environments.ensure(spec(sent({"requirements.txt": text.replace(right, "0" * 64)})))
    with pytest.raises(InstallError, match="hash"):
        await environments.ensure(spec(sent({"requirements.txt": text + "beta==1.0\n"})))


async def test_three_hundred_lines_from_a_folder_of_wheels(
    environments: Environments, snapshots: Snapshots, sent: Push, tmp_path: Path
) -> None:
    made = tmp_path / "many"
    names = [f"many-{number:03}" for number in range(300)]
    for name in names:
        make_wheel(made, name, "1.0")
        make_wheel(made, name, "1.1")
    lines = [f"--find-links={made}", *(f"{name}==1.0  # of many" for name in names)]
    wanted = spec(sent({"requirements.txt": "\n".join(lines) + "\n"}))
    plan = await planned(snapshots, wanted, tmp_path / "plan")
    ready = await environments.ensure(wanted)
    assert versions(ready) == plan == dict.fromkeys(names, "1.0")
    lines[-1] = f"{names[-1]}==1.1"
    changed = await environments.ensure(spec(sent({"requirements.txt": "\n".join(lines) + "\n"})))
    assert changed.hash != ready.hash
    assert versions(changed) == {**dict.fromkeys(names, "1.0"), names[-1]: "1.1"}
    assert run(changed, "import many_000, many_299; print(many_000.VERSION, many_299.VERSION)") == "1.0 1.1"


# ---------------------------------------------------------------- hostile archives


def _tar(*members: tuple[str, str]) -> bytes:
    """A source archive; (name, target of a link or nothing) each."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, link in members:
            info = tarfile.TarInfo(name)
            if link:
                info.type, info.linkname = tarfile.SYMTYPE, link
            archive.addfile(info, None if link else io.BytesIO(b""))
    return file.getvalue()


def _zip(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "print('run')\n")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "passes"),
    [
        ("x-1.tar.gz", _tar(("x-1/setup.py", ""), ("x-1/data", "setup.py"), ("x-1/a/b", "../setup.py")), True),
        ("x-1-py3-none-any.whl", _zip("x/__init__.py", "x-1.dist-info/METADATA"), True),
        ("x-1.tar.gz", _tar(("x-1/../../x", "")), False),
        ("x-1.tar.gz", _tar(("/etc/x", "")), False),
        ("x-1.tar.gz", _tar(("x-1/data", "/etc/passwd")), False),
        ("x-1.tar.gz", _tar(("x-1/data", "../../x")), False),
        ("x-1-py3-none-any.whl", _zip("../../x.py"), False),
        ("x-1-py3-none-any.whl", _zip("/tmp/x.py"), False),
        ("x-1-py3-none-any.whl", _zip("..\\x.py"), False),
        ("x-1.zip", _zip("C:\\x.py"), False),
        ("x-1.zip", b"PK\x03\x04 cut off", False),
        ("x-1.tar.gz", _tar(("x-1/setup.py", ""))[:30], False),
    ],
)
async def test_archives_that_would_write_elsewhere_are_refused_unopened(
    environments: Environments, sent: Push, tmp_path: Path, name: str, content: bytes, passes: bool
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    if passes:
        check_archive(file, name)
        return
    lines: list[str] = []
    for package in (sent({name: content}, name, Spec.PIP), sent({"requirements.txt": f"./{name}\n", name: content})):
        with pytest.raises(InstallError, match=r"is not installed|is not a whole archive") as caught:
            await environments.ensure(spec(package), lines.append)
        assert "\n" not in caught.value.sentence
    assert lines == []
    assert list((tmp_path / "environments").iterdir()) == []


# ---------------------------------------------------------------- what is there


def test_what_is_installed_is_read_from_files(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "python3.12" / "site-packages"
    headers = {
        "Foo_Bar-1.0.dist-info/METADATA": "Name: Foo.Bar\nVersion: 1.0+local.1\n\nName: other\n",
        "bare-2.0.dist-info/RECORD": "",
        "old-3.0.egg-info/PKG-INFO": "Name: old\nVersion: 3.0\n",
        "plain/METADATA": "Name: no\nVersion: 1\n",
    }
    for path, text in headers.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    assert installed(tmp_path) == {"bare": ("pip", "2.0"), "foo-bar": ("pip", "1.0+local.1"), "old": ("pip", "3.0")}
    assert installed(tmp_path / "nothing") == {}
    assert normalised("A__b.-C") == "a-b-c"


@pytest.mark.parametrize("text", ["-p/tmp/elsewhere::x", "--prefix=/tmp::x", "-c::x"])
def test_a_conda_channel_that_reads_like_an_option(text: str) -> None:
    with pytest.raises(RhError):
        checked_spec(text)
