"""The wheel that hosts get: whole, the same for the same files, another version for other files."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pydantic
import pytest

from rhresources.reach.bring_up import wheel
from rhresources.version import version


def test_the_same_files_make_the_same_wheel() -> None:
    first, second = wheel.own_wheel(), wheel.own_wheel()
    assert first == second
    assert first.version == wheel.own_version()
    release, _, digest = first.version.partition("+")
    assert release == version().partition("+")[0]
    assert len(digest) == 12


def test_it_holds_all_three_packages_with_their_data_and_no_rubbish(tmp_path: Path) -> None:
    made = wheel.own_wheel()
    (tmp_path / made.name).write_bytes(made.content)
    with zipfile.ZipFile(tmp_path / made.name) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == set(wheel.PACKAGES)
    for wanted in (
        "rhresources/wire/cluster.proto",
        "rhresources/reach/bring_up/scripts/install.sh",
        wheel.LOCK,
        "rhserver/worker/__main__.py",
    ):
        assert wanted in names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    assert wheel.locked_version(made.lock, "ray").startswith("2.")


def test_an_installer_takes_it_and_it_makes_itself_again(tmp_path: Path) -> None:
    made = wheel.own_wheel()
    (tmp_path / made.name).write_bytes(made.content)
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert uv is not None
    python = tmp_path / "venv" / "bin" / "python"
    for command in (
        ["venv", "-q", "--no-config", "--python", sys.executable, str(tmp_path / "venv")],
        ["pip", "install", "-q", "--no-config", "--offline", "--no-deps", "--python", str(python), f"./{made.name}"],
    ):  # fmt: skip
        subprocess.run([uv, *command], check=True, cwd=tmp_path)
    # what it needs comes from this Python, but not this Python's rhdesk
    script = (
        "import sys; sys.path.append(sys.argv[2])\n"
        "from rhresources.version import version\n"
        "from rhresources.reach.bring_up import wheel\n"
        "print(version(), wheel.own_version(), wheel.own_wheel().content == open(sys.argv[1], 'rb').read())\n"
    )
    packages = Path(pydantic.__file__).parent.parent
    done = subprocess.run(
        [str(python), "-c", script, str(tmp_path / made.name), str(packages)],
        check=True, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.split() == [made.version, made.version, "True"]


def test_it_needs_what_this_one_needs() -> None:
    made = wheel.own_wheel()
    with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
        said = archive.read(f"rhdesk-{made.version}.dist-info/METADATA").decode()
    for requirement in metadata.requires("rhdesk") or []:
        assert f"Requires-Dist: {requirement}" in said


def test_another_file_is_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = list(wheel._files())
    extra = tmp_path / "extra.py"
    extra.write_text("one = 1\n")
    before = wheel.own_version()
    monkeypatch.setattr(wheel, "_files", lambda: iter([*files, ("rhserver/extra.py", extra)]))
    first = wheel.own_version()
    extra.write_text("two = 22\n")
    assert len({before, first, wheel.own_version()}) == 3


def test_a_lock_without_its_hashes_names_versions_alone() -> None:
    lock = (
        "# made by uv\nray==2.60.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via rhdesk\n"
        "uv==0.13.9 ; python_version > '3' \\\n    --hash=sha256:cc\n"
    )
    assert wheel.without_hashes(lock) == "ray==2.60.0\nuv==0.13.9 ; python_version > '3'\n"
    assert wheel.locked_version(lock, "uv") == "0.13.9"
    assert wheel.locked_version(lock, "u") == ""
