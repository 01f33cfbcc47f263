"""Projects whose own settings, limits and Python decide what is installed, and never where, nor what is run."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import uv
from lab.environment_parts import push, use_folder
from lab.made_packages import make_wheel
from packaging.requirements import Requirement

from rhresources.errors import InstallError, RhError
from rhresources.wire import cluster_pb2 as pb
from rhserver.code import Snapshots
from rhserver.environments import Environments, ReadyEnvironment
from rhserver.environments.conda.activation import note_variables
from rhserver.environments.conda.needs import CondaNeeds
from rhserver.environments.installer import Installer
from rhserver.environments.listing import installed
from rhserver.environments.locked import export_locks
from rhserver.environments.recipe import Recipe, resolve
from rhserver.environments.steps import Project, Step, lock_file
from rhserver.environments.wanted import wanted_of

Spec = pb.PackageSpec
Sent = Callable[..., pb.PackageSpec]
MINE = '[project]\nname = "mine"\nversion = "1"\ndependencies = ["alpha"]\n'


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "wheels"
    for version in ("1.0", "2.0", "3.0rc1"):
        make_wheel(folder, "alpha", version)
    make_wheel(folder, "beta", "1.0")
    use_folder(folder, tmp_path / "c", monkeypatch)
    return folder


@pytest.fixture
def sent(snapshots: Snapshots) -> Sent:
    def send(files: dict[str, str], target: str = "", method: Spec.Method.ValueType = Spec.REQS, *options: str):
        return Spec(method=method, target=target, tree=push(snapshots, files), spec=target or "./", options=options)

    return send


def spec(*packages: pb.PackageSpec, python: str = "") -> pb.EnvironmentSpec:
    return pb.EnvironmentSpec(packages=packages, python=python)


def tree_of(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def read(folder: Path, *targets: str, method: Spec.Method.ValueType = Spec.REQS, python: str = "") -> Recipe:
    """The recipe of packages in a folder."""
    tree = pb.CodeTree(project="p", root="r")
    packages = [Spec(method=method, target=target, tree=tree) for target in targets or ("",)]
    return resolve(spec(*packages, python=python), {("p", "r"): folder})


def versions(ready: ReadyEnvironment) -> dict[str, str]:
    found = installed(Path(ready.python).parents[1])
    return {name: version for name, (_, version) in found.items() if name != "cloudpickle"}


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("name", "text", "setting"),
    [
        ("pyproject.toml", '[tool.uv.pip]\ntarget = "{out}"\n', r"tool\.uv\.pip\.target of pyproject\.toml"),
        ("pyproject.toml", '[tool.uv.pip]\nprefix = "{out}"\n', r"tool\.uv\.pip\.prefix"),
        ("pyproject.toml", '[tool.uv]\ncache-dir = "{out}"\n', r"tool\.uv\.cache-dir"),
        ("uv.toml", 'pip = {{ python = "/usr/bin/python3" }}\n', r"pip\.python of uv\.toml"),
        ("uv.toml", 'keyring-provider = "subprocess"\n', r"keyring-provider of uv\.toml"),
        ("uv.toml", 'something-new = "x"\n', r"something-new of uv\.toml"),
        ("uv.toml", 'index-url = "https://u:secret@host/simple"\n', "index-url of uv.toml cannot be used"),
        ("uv.toml", 'find-links = ["../outside"]\n', "is not in the code that was sent"),
        ("uv.toml", 'override-dependencies = ["alpha @ ext::sh://x"]\n', "nothing can be installed"),
        ("pyproject.toml", '[tool.uv.sources]\nalpha = {{ path = "../../x" }}\n', "is not in the code that was sent"),
        ("pyproject.toml", '[tool.uv.sources]\nalpha = {{ git = "ext://sh" }}\n', "nothing can be installed"),
        ("uv.toml", "no toml\n", r"uv\.toml cannot be read"),
    ],
)
async def test_settings_that_choose_nothing_are_refused(
    environments: Environments, sent: Sent, tmp_path: Path, name: str, text: str, setting: str
) -> None:
    files = {"pyproject.toml": MINE}
    files[name] = files.get(name, "") + text.format(out=tmp_path / "out")
    with pytest.raises(RhError, match=setting) as caught:
        await environments.ensure(spec(sent(files)))
    assert "secret@" not in str(caught.value)
    assert not (tmp_path / "out").exists()


async def test_settings_that_choose_packages_are_followed_and_count(environments: Environments, sent: Sent) -> None:
    plain = await environments.ensure(spec(sent({"pyproject.toml": MINE})))
    assert versions(plain) == {"alpha": "2.0"}
    own_work = '[tool.uv]\ndev-dependencies = ["x"]\npackage = false\nlink-mode = "copy"\n'
    assert (await environments.ensure(spec(sent({"pyproject.toml": MINE + own_work})))).hash == plain.hash
    table = '[tool.uv]\nprerelease = "allow"\nconstraint-dependencies = ["alpha<{}"]\n[tool.uv.pip]\nno-deps = false\n'
    newest = await environments.ensure(spec(sent({"pyproject.toml": MINE + table.format(4)})))
    assert versions(newest) == {"alpha": "3.0rc1"}
    older = await environments.ensure(spec(sent({"pyproject.toml": MINE + table.format(2)})))
    assert versions(older) == {"alpha": "1.0"}
    in_a_file = {"pyproject.toml": MINE, "uv.toml": 'constraint-dependencies = ["alpha<2"]\n'}
    assert versions(await environments.ensure(spec(sent(in_a_file)))) == {"alpha": "1.0"}


async def test_settings_around_an_environment_are_none_of_its_business(
    environments: Environments, tmp_path: Path
) -> None:
    environments.directory.mkdir(parents=True, exist_ok=True)
    (environments.directory / "uv.toml").write_text(f'[pip]\ntarget = "{tmp_path / "out"}"\n')
    assert versions(await environments.ensure(spec(Spec(method=Spec.PIP, target="alpha")))) == {"alpha": "2.0"}


@pytest.mark.parametrize(("method", "files"), [(Spec.REQS, {"requirements.txt": "alpha\n"}), (Spec.PIP, {})])
def test_settings_beside_requirements_and_installed_projects_count(
    tmp_path: Path, method: Spec.Method.ValueType, files: dict[str, str]
) -> None:
    settings = {"uv.toml": 'index-url = "https://mirror.example/simple"\n[pip]\nextra = ["more"]\nno-deps = true\n'}
    plain = read(tree_of(tmp_path / "a", {"pyproject.toml": MINE, **files}), method=method)
    told = read(tree_of(tmp_path / "b", {"pyproject.toml": MINE, **files, **settings}), method=method)
    (step,) = told.steps
    assert tomllib.loads(step.settings) == {"index-url": "https://mirror.example/simple", "pip": {"no-deps": True}}
    assert told.hash != plain.hash
    assert plain.steps[0].settings == ""
    with pytest.raises(InstallError, match="cache-dir"):
        read(tree_of(tmp_path / "c", {"uv.toml": 'cache-dir = "x"\n', "pyproject.toml": MINE, **files}), method=method)


@pytest.mark.parametrize("line", ["foo bar", "alpha ===> 1", "alpha=1", "alpha; python_versio < '3'", "root:x:0:0"])
def test_a_line_that_is_no_requirement_is_named(tmp_path: Path, line: str) -> None:
    folder = tree_of(tmp_path, {"requirements.txt": f"beta\n\n{line}\n"})
    with pytest.raises(InstallError, match=r"requirements\.txt, line 3: .* is not a requirement: "):
        read(folder)


async def test_a_project_that_cannot_be_built_is_called_as_the_user_wrote_it(
    environments: Environments, sent: Sent
) -> None:
    broken = sent({"lib/notes.txt": "no project"}, "lib", Spec.PIP)
    with pytest.raises(InstallError) as failed:
        await environments.ensure(spec(broken))
    assert "lib" in failed.value.sentence
    assert str(environments.directory.parent) not in failed.value.sentence


def test_settings_of_a_workspace_hold_for_its_members(tmp_path: Path) -> None:
    root = '[tool.uv]\nprerelease = "allow"\n[tool.uv.workspace]\nmembers = ["parts/*"]\n'
    member = MINE + '[tool.uv.sources]\nother = { workspace = true }\n[tool.uv]\nresolution = "lowest"\n'
    files = {"pyproject.toml": root, "parts/mine/pyproject.toml": member, "parts/other/o.py": "X = 1\n"}
    files["parts/other/pyproject.toml"] = MINE.replace("mine", "other")
    folder = tree_of(tmp_path / "t", dict(files))
    before = read(folder, "parts/mine")
    assert before.steps[0].settings == 'prerelease = "allow"\n'
    (folder / "parts/other/o.py").write_text("X = 2\n")
    assert read(folder, "parts/mine").hash != before.hash


@pytest.mark.parametrize("method", [Spec.PIP, Spec.REQS])
def test_what_a_project_takes_from_a_folder_counts(tmp_path: Path, method: Spec.Method.ValueType) -> None:
    text = MINE + '[tool.uv.sources]\nalpha = { path = "../alpha" }\n'
    files = {"app/pyproject.toml": text, "alpha/pyproject.toml": MINE, "alpha/a.py": "X = 1\n"}
    folder = tree_of(tmp_path / "t", dict(files))
    before = read(folder, "app", method=method)
    (folder / "alpha/a.py").write_text("X = 2\n")
    assert read(folder, "app", method=method).hash != before.hash
    (folder / "app/pyproject.toml").write_text(text.replace("../alpha", "../../alpha"))
    with pytest.raises(RhError, match="is not in the code that was sent"):
        read(folder, "app", method=method)


def test_edits_in_a_locked_workspace_make_no_new_environment(tmp_path: Path) -> None:
    lock = 'version = 1\n[manifest]\nmembers = ["mine", "other"]\n'
    lock += '[[package]]\nname = "other"\nsource = { editable = "parts/other" }\n'
    text = MINE + '[tool.uv.sources]\nother = { workspace = true }\n[tool.uv.workspace]\nmembers = ["parts/*"]\n'
    files = {"pyproject.toml": text, "uv.lock": lock, "parts/other/pyproject.toml": MINE.replace("mine", "other")}
    folder = tree_of(tmp_path / "t", dict(files))
    before = read(folder).hash
    (folder / "parts/other/other.py").write_text("X = 2\n")
    assert read(folder).hash == before


async def test_each_project_has_its_own_settings_and_extras(environments: Environments, sent: Sent) -> None:
    extra = '[project.optional-dependencies]\nmore = ["beta"]\n'
    files = {
        "requirements.txt": "-e ./one[more]\n-e ./two\n",
        "one/pyproject.toml": MINE.replace("mine", "one") + extra,
        "two/pyproject.toml": MINE.replace("mine", "two").replace("alpha", "beta") + extra.replace("beta", "missing"),
    }
    files["two/pyproject.toml"] += '[tool.uv]\nconstraint-dependencies = ["alpha<2"]\n'
    assert versions(await environments.ensure(spec(sent(files)))) == {"alpha": "2.0", "beta": "1.0"}


def test_constraints_and_option_lines_hold_for_every_project_of_a_file(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "--pre\n--no-binary alpha\n-c limits.txt\nbeta\n-e ./one[more]\n-e ./two\n",
        "limits.txt": "alpha<3\n",
        "one/pyproject.toml": MINE + '[project.optional-dependencies]\nmore = ["beta"]\n',
        "two/pyproject.toml": MINE,
    }
    steps = read(tree_of(tmp_path / "t", dict(files))).steps
    assert [[project.extras for project in step.projects] for step in steps] == [[("more",)], [()]]
    assert [step.constraints for step in steps] == [["alpha<3"]] * 2
    assert [step.lines for step in steps] == [["--no-binary alpha", "beta"], ["--no-binary alpha"]]


# ---------------------------------------------------------------- files that limit, folders of archives, locks


@pytest.mark.parametrize("option", ["--constraint", "--override", "--build-constraint"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-r /etc/hostname\n", "is not in the code"),
        ("--find-links ../x\n", "line 1"),
        ("--target=/tmp/x\n", "--target"),
        ("-e ./more\n", "neither a requirement nor an index"),
        ("alpha @ ext::sh://x\n", "nothing can be installed"),
    ],
)
def test_files_of_options_are_read_like_requirements(tmp_path: Path, option: str, text: str, message: str) -> None:
    folder = tree_of(tmp_path / "t", {"requirements.txt": "alpha\n", "limits.txt": text, "more/x.py": ""})
    package = Spec(method=Spec.REQS, tree=pb.CodeTree(project="p", root="r"), options=[f"{option}=limits.txt"])
    with pytest.raises(RhError, match=message):
        resolve(spec(package), {("p", "r"): folder})


async def test_files_of_options_may_include_others_of_the_tree(environments: Environments, sent: Sent) -> None:
    files = {"requirements.txt": "alpha\n", "limits.txt": "-r deeper/more.txt\n", "deeper/more.txt": "alpha==1.0\n"}
    for option in ("--constraint", "--override"):
        made = await environments.ensure(spec(sent(files, "", Spec.REQS, f"{option}=limits.txt")))
        assert versions(made) == {"alpha": "1.0"}
    newer = {**files, "deeper/more.txt": "alpha==2.0\n"}
    made = await environments.ensure(spec(sent(newer, "", Spec.REQS, "--override=limits.txt")))
    assert versions(made) == {"alpha": "2.0"}


@pytest.mark.parametrize("where", ["requirements.txt", "uv.toml"])
def test_a_folder_of_archives_counts_by_its_content(tmp_path: Path, where: str) -> None:
    line = "--find-links ./wheels\ngamma\n" if where == "requirements.txt" else 'find-links = ["./wheels"]\n'
    project = {} if where == "requirements.txt" else {"pyproject.toml": MINE}
    folder = tree_of(tmp_path / "t", {where: line, "wheels/readme": "", **project})
    made = make_wheel(folder / "wheels", "gamma", "1.0")
    first = read(folder)
    assert read(folder).hash == first.hash
    make_wheel(folder / "wheels", "gamma", "1.0", files={"gamma.py": "VERSION = 'other'\n"})
    assert read(folder).hash != first.hash
    bad = io.BytesIO()
    with tarfile.open(fileobj=bad, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../../outside.py"))
    (folder / "wheels" / "gamma-2.0.tar.gz").write_bytes(bad.getvalue())
    with pytest.raises(RhError, match=r"gamma-2\.0\.tar\.gz is not installed: its member"):
        read(folder)
    assert made.exists()


async def test_a_lock_may_name_what_lies_beside_its_project(tmp_path: Path, wheels: Path) -> None:
    text = MINE.replace("[project]", '[project]\nrequires-python = ">=3.11"').replace('"alpha"', '"alpha", "near"')
    text += '[tool.uv.sources]\nnear = { path = "../near" }\n[tool.uv]\nconstraint-dependencies = ["alpha<2"]\n'
    near = MINE.replace("mine", "near").replace('["alpha"]', "[]")
    tree = tree_of(tmp_path / "t", {"app/pyproject.toml": text, "near/pyproject.toml": near, "near/near.py": ""})
    installer = Installer(tmp_path / "none", lambda line: None, lambda process_id: None)
    assert not await installer.run(uv.find_uv_bin(), "lock", "-q", folder=tree / "app"), list(installer.output)
    step = Step(locks=[Project(tree / "app")])
    await export_locks(step, tmp_path, 0, uv.find_uv_bin(), installer)
    lines = lock_file(tmp_path, 0, 0).read_text().splitlines()
    assert (tree / "near").as_uri() in lines
    assert any(line.startswith("alpha==1.0") for line in lines)
    # a project may not say where uv keeps its own files
    with (tree / "app" / "pyproject.toml").open("a") as file:
        file.write(f'cache-dir = "{tmp_path / "out"}"\n')
    await export_locks(step, tmp_path, 0, uv.find_uv_bin(), installer)
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------- Pythons


def test_the_python_of_conda_is_named_by_its_version() -> None:
    for written in ("python=3.12", "conda-forge::python=3.12", "python 3.12.*", "https://host/c::python==3.12"):
        needs = CondaNeeds(specs=[written])
        needs.ask_python("", "3.11.2")
        assert needs.python_shown == "3.12", written


@pytest.mark.parametrize(
    ("files", "asked", "shown"),
    [
        ({"pyproject.toml": MINE + 'requires-python = ">=3.9"\n'}, "", "own"),
        ({"pyproject.toml": MINE + 'requires-python = "<3.9"\n'}, "", "3.8"),
        ({"pyproject.toml": MINE + 'requires-python = ">=3.14"\n'}, "", "3.14"),
        ({"pyproject.toml": MINE, ".python-version": "# ours\n3.14\n"}, "", "3.14"),
        ({"requirements.txt": "alpha\n", ".python-version": "cpython-3.9.18\n"}, "", "3.9.18"),
        ({"pyproject.toml": MINE, ".python-version": "3.14\n"}, "3.9", "3.9"),
        ({"pyproject.toml": MINE, ".python-version": "somebodys-own\n"}, "", "own"),
        ({"environment.yml": "dependencies: [numpy]\n", ".python-version": "3.9\n"}, "", "3.9"),
        ({"environment.yml": "dependencies: [python=3.10]\n", ".python-version": "3.9\n"}, "", "3.10"),
    ],
)
def test_a_project_says_which_python(tmp_path: Path, files: dict[str, str], asked: str, shown: str) -> None:
    own = ".".join(map(str, sys.version_info[:3]))
    assert read(tree_of(tmp_path / "t", dict(files)), python=asked).python_shown == (own if shown == "own" else shown)


def test_pythons_that_do_not_go_together_are_named(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "a/pyproject.toml": MINE,
        "a/.python-version": "3.9\n",
        "b/requirements.txt": "beta\n",
        "b/.python-version": "3.10\n",
        "c/pyproject.toml": MINE + 'requires-python = "<3.9"\n',
    }
    folder = tree_of(tmp_path / "t", files)
    with pytest.raises(RhError, match=r"a/\.python-version asks for Python 3\.9, and b/\.python-version for 3\.10\."):
        read(folder, "a", "b")
    with pytest.raises(RhError, match=r"c/pyproject\.toml requires Python <3\.9, and the environment would have 3\.9"):
        read(folder, "a", "c")
    assert read(folder, "c", method=Spec.PIP).python_shown == "3.8"
    with pytest.raises(RhError, match=r"would have 3\.12"):
        read(folder, "c", method=Spec.PIP, python="3.12")


def test_markers_are_asked_of_the_environments_python(tmp_path: Path) -> None:
    prefix = tree_of(tmp_path / "venv", {"pyvenv.cfg": "home = /x\nimplementation = CPython\nversion_info = 3.8.18\n"})
    lines = ['alpha==1.0; python_version < "3.9"', 'beta>1; python_version >= "3.9"']
    files: dict[str, str | bytes] = {"requirements.txt": "\n".join(lines) + "\n"}
    recipe = read(tree_of(tmp_path / "t", files), python="3.8")
    assert wanted_of(recipe, prefix) == {"alpha": "alpha==1.0"}
    conda = tree_of(tmp_path / "conda", {"conda-meta/python-3.12.4-h1_0.json": "{}"})
    assert wanted_of(recipe, conda) == {"beta": str(Requirement("beta>1"))}


# ---------------------------------------------------------------- variables of conda's environments


async def test_variables_of_the_host_are_in_no_file_while_scripts_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST_TOKEN", "very-secret")
    # a script looks at every file there is at this time
    script = f'export FOUND="$(grep -rl "$HOST_TOKEN" "{tmp_path}" | head -1)"\nexport GIVEN="a\nb"\n'
    prefix = tree_of(tmp_path / "venv", {"etc/conda/activate.d/a.sh": script, "conda-meta/history": ""})
    said: list[str] = []
    await note_variables(prefix, {"ASKED": "1"}, tmp_path, Installer(prefix, said.append, lambda process_id: None))
    state = (prefix / "conda-meta" / "state").read_text()
    assert json.loads(state)["env_vars"] == {"FOUND": "", "GIVEN": "a\nb", "ASKED": "1"}
    assert "very-secret" not in state + "".join(said)
    assert os.environ["HOST_TOKEN"] == "very-secret"
