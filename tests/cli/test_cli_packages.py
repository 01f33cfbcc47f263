"""packages, environments and install of several clusters, against a real cluster server and made-up packages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.made_packages import make_wheel
from lab.package_host import PackageHost, file


class Desk:
    """The command line in the home of the shared server, with a folder of wheels in place of an index."""

    def __init__(self, rhdesk: Any, env: dict[str, str], wheels: Path) -> None:
        self._rhdesk, self._env, self.wheels = rhdesk, env, wheels

    def __call__(self, *arguments: str, code: int = 0) -> Any:
        return self._rhdesk(*arguments, env=self._env, code=code)

    def package(self, line: str) -> str:
        """The line of a package that is found among the wheels."""
        return f"{line} --no-index --find-links={self.wheels}"


@pytest.fixture
def desk(rhdesk: Any, server: Any, tmp_path: Path) -> Desk:
    wheels = tmp_path / "wheels"
    for version in ("1.0", "1.5"):
        make_wheel(wheels, "rh-leaf", version)
    make_wheel(wheels, "rh-trunk", "3.1", requires=["rh-leaf>=1"])
    return Desk(rhdesk, server.environment, wheels)


@pytest.mark.ray
def test_the_life_of_an_environment(desk: Desk) -> None:
    trunk, leaf = desk.package("rh-trunk"), desk.package("rh-leaf==1.0")
    plan = desk("packages", "check", "^local", trunk, leaf, "--json").json()
    assert (plan["ready"], plan["compared_with"]) == (False, None)
    assert _changes(plan) == {"rh-trunk": (None, "3.1", "added"), "rh-leaf": (None, "1.0", "added")}

    made = desk("install", "^local", trunk, leaf, "--json").json()
    assert (made["cluster"], made["packages"], made["environment"]) == ("^local", [trunk, leaf], plan["environment"])
    beginning = made["environment"][:10]
    again = desk("packages", "check", "^local", trunk, leaf)
    assert {"  rh-leaf 1.0", "  rh-trunk 3.1"} <= set(again.out.splitlines())
    assert "installed already" in again.err
    other = desk("packages", "check", "^local", trunk, "--against", beginning)
    assert "~ rh-leaf 1.0 -> 1.5" in other.out
    assert "1 changed" in other.err

    listed = {each["environment"]: each for each in desk("environments", "list", "^local", "--json").json()}
    mine = listed[made["environment"]]
    assert (mine["state"], mine["packages"], mine["in_use"]) == ("ready", [trunk, leaf], False)
    assert mine["bytes"] > 1000
    assert made["environment"][:12] in desk("environments", "list", "^local").out

    shown = desk("environments", "show", "^local", beginning, "--json").json()
    versions = {each["name"]: (each["version"], each["wanted"], each["fits"]) for each in shown["installed"]}
    assert versions["rh-trunk"] == ("3.1", "rh-trunk", True)
    assert versions["rh-leaf"] == ("1.0", "rh-leaf==1.0", True)
    assert "rh-leaf==1.0" in desk("environments", "show", "^local", beginning, "--requirements").out.splitlines()
    assert "rh-trunk" in desk("environments", "show", "^local", beginning).out

    assert "rh_leaf" in desk("environments", "modules", "^local", beginning).out
    assert "VERSION = '1.0'" in desk("environments", "modules", "^local", beginning, "rh_leaf", "--source").out

    newer = desk("environments", "update", "^local", beginning, "--json").json()
    (updated,) = [line for line in desk("environments", "list", "^local").out.splitlines() if "updated" in line]
    assert updated.startswith(newer["environment"][:12])
    assert newer["old"] == made["environment"] != newer["environment"]
    removed = desk("environments", "remove", "^local", beginning, newer["environment"], "--json").json()
    assert [each["environment"] for each in removed] == [made["environment"], newer["environment"]]
    assert all(each["bytes"] > 1000 for each in removed)
    assert "There is no environment" in desk("environments", "show", "^local", beginning, code=1).err


@pytest.mark.ray
def test_that_what_is_wrong_is_one_sentence(desk: Desk) -> None:
    against = desk.package("rh-leaf<1.2"), desk.package("rh-leaf>1.2")
    assert "rh-leaf" in desk("packages", "check", "^local", *against, code=1).err
    assert "There is no environment" in desk("environments", "update", "^local", "0000", code=1).err
    assert "--source needs" in desk("environments", "modules", "^local", "0000", "--source", code=2).err
    assert "goes with neither" in desk("environments", "show", "^local", "0", "--requirements", "--json", code=2).err
    assert "Error:" in desk("packages", "check", "^local", "--", "--index-url", code=2).err


@pytest.mark.ray
def test_that_pruning_says_what_goes_and_asks(desk: Desk) -> None:
    made = desk("install", "^local", desk.package("rh-leaf==1.5"), "--setup", "true", "--json").json()["environment"]
    (line,) = [line for line in desk("environments", "list", "^local").out.splitlines() if line.startswith(made[:12])]
    assert line.endswith("(1 set-up command)")
    assert "  $ true" in desk("environments", "show", "^local", made).err.splitlines()
    assert "Nothing says" in desk("environments", "prune", "^local", code=2).err
    assert "--keep" in desk("environments", "prune", "^local", "--keep", "a lot", code=2).err
    assert desk("environments", "prune", "^local", "--days", "100", "--json").json() == []
    going = desk("environments", "prune", "^local", "--keep", "0", "--dry-run")
    assert made in going.out.splitlines()
    assert "would be removed" in going.err
    assert "Add --yes" in desk("environments", "prune", "^local", "--keep", "0", code=2).err
    listed = desk("environments", "list", "^local", "--json").json()
    assert made in [each["environment"] for each in listed]
    kept = sum(each["bytes"] for each in listed) - 1
    unused = sorted((each for each in listed if not each["in_use"]), key=lambda each: each["used"])
    gone = desk("environments", "prune", "^local", "--keep", str(kept), "--yes", "--json").json()
    assert gone  # more than one where another got its byte code meanwhile, which counts
    assert {each["environment"] for each in gone} == {each["environment"] for each in unused[: len(gone)]}


@pytest.mark.ray
def test_that_several_clusters_are_installed_on_at_once(desk: Desk, server: Any) -> None:
    line = desk.package("rh-leaf==1.0")
    second = server.home / "resources" / "second.yaml"
    desk("save", str(_document(desk.wheels / "second.yaml", "kind: cluster\ntype: machine\n")))
    desk(
        "save", str(_document(desk.wheels / "far.yaml", "kind: cluster\nips: [127.0.0.1]\nssh_creds: {ssh_port: 1}\n"))
    )
    try:
        both = desk("install", "^local", line, "--also", "second", "--json").json()
        assert [each["cluster"] for each in both] == ["^local", "~/second"]
        assert both[0]["environment"] == both[1]["environment"]
        half = desk("install", "^local", line, "--also", "far", code=1)
        assert "Installed" in half.err
        assert "Error: ~/far:" in half.err
    finally:
        desk("rm", "second", "far")
        desk("environments", "remove", "^local", both[0]["environment"])
    assert not second.exists()


def _document(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _changes(plan: Any) -> dict[str, tuple[Any, Any, str]]:
    own = [each for each in plan["packages"] if each["name"].startswith("rh-")]
    return {each["name"]: (each["before"], each["after"], each["change"]) for each in own}


# ---------------------------------------------------------------- the index


@pytest.fixture
def index() -> Iterator[PackageHost]:
    with PackageHost(
        {"trees": [file(f"trees-1.{number}.tar.gz", size=1000) for number in range(20)]}, html=False
    ) as host:
        yield host


@pytest.fixture
def ask(rhdesk: Any, index: PackageHost) -> Callable[..., Any]:
    return lambda *arguments, code=0: rhdesk(
        "packages", "show", *arguments, env={"UV_DEFAULT_INDEX": index.url}, code=code
    )


def test_that_the_index_is_shown(ask: Callable[..., Any], index: PackageHost) -> None:
    said = ask("Trees>=1")
    assert said.out.splitlines()[-10].split()[:1] == ["1.19"]
    assert "10 more with --all" in said.err
    assert len(ask("trees", "--all", "--json").json()["versions"]) == 20
    assert not any(path == "GET /simple/ 200" for path in index.asked)
    assert "has no no-such" in ask("no-such", code=1).err
    assert "nothing that a package index has" in ask("./trees", code=2).err


def test_that_the_index_is_searched(rhdesk: Any, index: PackageHost) -> None:
    def search(*arguments: str, code: int = 0) -> Any:
        return rhdesk("packages", "search", *arguments, env={"UV_DEFAULT_INDEX": index.url}, code=code)

    assert search("Tre", "--json").json() == [{"name": "trees", "version": "1.19", "summary": None}]
    assert search("tr").out.splitlines()[-1].split()[:2] == ["trees", "1.19"]
    assert "nothing that begins with 'shrubs'" in search("shrubs", code=1).err


def test_that_an_index_that_is_gone_is_told(rhdesk: Any) -> None:
    with PackageHost() as host:
        gone = host.url
    for asked in ("show", "search"):
        said = rhdesk("packages", asked, "trees", env={"UV_DEFAULT_INDEX": gone}, code=1).err
        assert "cannot be reached" in said
        assert "Traceback" not in said


def test_the_field_conda_of_a_cluster(rhdesk: Any, tmp_path: Path) -> None:
    for good in ("micromamba", "rattler", "/opt/conda/bin/conda", "~/mamba"):
        document = _document(tmp_path / "gpu.yaml", f"kind: cluster\nips: [host]\nconda: {json.dumps(good)}\n")
        rhdesk("save", str(document))
        assert rhdesk("show", "gpu", "--json").json()["document"]["conda"] == good
    for bad in ("-x", "a b", "../conda", "a;b", ""):
        document = _document(tmp_path / "gpu.yaml", f"kind: cluster\nips: [host]\nconda: {json.dumps(bad)}\n")
        assert "conda" in rhdesk("save", str(document), code=1).err
