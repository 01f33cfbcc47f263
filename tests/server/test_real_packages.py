"""Projects of the package index that are awkward to install; the index is reached as uv reaches it here."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest
import uv
from lab.made_packages import make_wheel

from rhresources.wire import cluster_pb2 as pb
from rhserver.code import BlobStore, Snapshots
from rhserver.environments import Environments
from rhserver.environments.listing import installed
from rhserver.environments.recipe import resolve
from rhserver.environments.solving import solve

pytestmark = pytest.mark.slow


@pytest.fixture
async def environments(tmp_path: Path):
    snapshots = Snapshots(tmp_path / "code", BlobStore(tmp_path / "blobs"))
    made = Environments(tmp_path / "environments", snapshots, uv.find_uv_bin())
    yield made
    await made.close()
    snapshots.close()


_CASES = {
    "source only, setup.py of 2014": (["docopt==0.6.2"], "import docopt; print(docopt.__version__)", "0.6.2"),
    "source only, distutils": (["termcolor==1.1.0"], "import termcolor; print(termcolor.VERSION)", "(1, 1, 0)"),
    "src layout and a version of git's, from source": (
        ["iniconfig==2.0.0 --no-binary=iniconfig"],
        "import importlib.metadata as m; import iniconfig; print(m.version('iniconfig'))",
        "2.0.0",
    ),
    "poetry, from source": (
        ["crashtest==0.4.1 --no-binary=crashtest"],
        "import crashtest.frame; print('ok')",
        "ok",
    ),
    "namespace package": (
        ["jaraco.functools==4.1.0"],
        "import jaraco.functools as f, jaraco; print(hasattr(jaraco, '__file__') and bool(jaraco.__file__), f.once)",
        "False <function once",
    ),
    "extras": (["requests[socks]==2.32.3"], "import requests, socks; print(socks.__version__)", "1."),
    "data files": (["certifi"], "import certifi, os; print(os.path.getsize(certifi.where()) > 99999)", "True"),
    "entry points": (
        ["tabulate==0.9.0"],
        "import subprocess, sys, os; print(subprocess.run([os.path.dirname(sys.executable) + '/tabulate'],"
        " input=b'1 2\\n', stdout=subprocess.PIPE).stdout.decode().split()[2])",
        "1",
    ),
    "local version": (["loc==1.0+cpu"], "import loc; print(loc.VERSION)", "1.0+cpu"),
}


@pytest.mark.parametrize("case", _CASES)
async def test_awkward_packages_are_installed_as_planned(
    environments: Environments, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case == "local version":
        make_wheel(tmp_path / "wheels", "loc", "1.0+cpu")
        monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))
    lines, code, answer = _CASES[case]
    packages = []
    for line in lines:
        target, *options = line.split()
        packages.append(pb.PackageSpec(method=pb.PackageSpec.PIP, target=target, options=options, spec=line))
    spec = pb.EnvironmentSpec(packages=packages)
    (tmp_path / "plan").mkdir()
    plan = await solve(resolve(spec, {}), tmp_path / "plan", uv.find_uv_bin(), print, print)
    ready = await environments.ensure(spec, print, print)
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = await asyncio.to_thread(
        subprocess.run, [ready.python, "-c", code], capture_output=True, text=True, env=variables, check=False
    )
    assert done.stdout.strip().startswith(answer), done.stderr
    assert installed(Path(ready.python).parents[1]) == plan
