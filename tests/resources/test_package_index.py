"""The package index: names, versions and summaries for whoever types a package."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from lab.package_host import PackageHost, file

from rhresources.package_index import PackageIndex
from rhresources.package_index.name_list import find_names, names_in, write_names
from rhresources.package_index.sources import PYPI, IndexSource, configured_sources
from rhresources.package_index.versions import is_prerelease, version_key, version_of_file
from rhresources.package_words import normal_name

METADATA = """\
Metadata-Version: 2.3
Name: Trees.Of
Version: 1.10.0
Summary: Counts trees
License: MIT
 and more
Project-URL: Documentation, https://docs.trees.example
Project-URL: Homepage, https://trees.example
Requires-Python: >=3.9
Provides-Extra: plots
Requires-Dist: numpy>=1.26
Requires-Dist: matplotlib; extra == 'plots'

A long description.
"""


@pytest.fixture
def host() -> Iterator[PackageHost]:
    wheel = "trees_of-1.10.0-py3-none-any.whl"
    projects = {
        "trees-of": [
            file("Trees.Of-1.2.0.tar.gz", size=10, requires_python=">=3.7"),
            file("trees_of-1.9.0-py3-none-any.whl", yanked="broken", size=20),
            file(wheel, size=30, requires_python=">=3.9", core_metadata={"sha256": "0"}, upload_time="2026-01-01"),
            file("trees_of-1.10.0.tar.gz", size=300),
            file("trees_of-2.0.0rc1-py3-none-any.whl", size=40),
            file("trees_of-notes.txt"),
        ]
    }
    with PackageHost(projects, ["trees", "tree-sitter", "Treelib", "numpy"], {wheel: METADATA}) as host:
        yield host


def index_of(host: PackageHost, home: Path) -> PackageIndex:
    return PackageIndex(home, [IndexSource(host.url)])


# ---------------------------------------------------------------- names


async def test_that_names_come_at_once_and_all_of_them_later(host: PackageHost, tmp_path: Path) -> None:
    index = index_of(host, tmp_path)
    states: list[str] = []
    index.on_change(lambda: states.append(index.state))
    assert await index.names("nump") == ["numpy", "numpyro"]  # known without any list
    assert await index.names("treel") == []
    await index.refresh()
    assert (states, index.state, index.problem) == (["loading", "ready"], "ready", "")
    assert await index.names("tree") == ["trees", "treelib", "trees-of", "tree-sitter"]
    assert await index.names("Tree_S") == ["tree-sitter"]
    assert await index.names("treelib", 1) == ["treelib"]
    assert (await index.names("", 2)) == ["numpy", "pandas"]
    for nothing in ("../x", "*", "é", "\x00", "x" * 300, "[", "-"):
        assert await index.names(nothing) == []
    await index.close()
    assert host.asked == ["GET /simple/ 200"]


async def test_that_the_list_is_asked_for_again_after_a_day_by_its_etag(host: PackageHost, tmp_path: Path) -> None:
    first = index_of(host, tmp_path)
    await first.refresh()
    again = index_of(host, tmp_path)
    await again.refresh()
    assert len(host.asked) == 1
    (record,) = tmp_path.rglob("names.json")
    record.write_text(record.read_text().replace('"time":1', '"time":-1'))
    await index_of(host, tmp_path).refresh()
    assert host.asked[1:] == ["GET /simple/ 304"]
    assert await again.names("treel") == ["treelib"]


async def test_that_an_unreachable_index_is_no_error(tmp_path: Path) -> None:
    with PackageHost({"trees": [file("trees-1.0.tar.gz")]}, ["treelib"]) as host:
        index = index_of(host, tmp_path)
        await index.refresh()
        assert [each.version for each in await index.versions("trees")] == ["1.0"]
    gone = index_of(host, tmp_path / "other")
    await gone.refresh()
    assert gone.state == "unreachable"
    assert "127.0.0.1 cannot be reached" in gone.problem
    assert await gone.names("num") == ["numpy", "numba", "numpyro"]
    assert (await gone.versions("trees"), await gone.summary("trees")) == ([], None)
    kept = index_of(host, tmp_path)
    for record in tmp_path.rglob("*.json"):  # long ago
        record.write_text(record.read_text().replace('"time":1', '"time":-1'))
    assert [each.version for each in await kept.versions("trees")] == ["1.0"]
    assert await kept.names("treel") == ["treelib"]


async def test_that_nobody_waits_for_a_slow_index(host: PackageHost, tmp_path: Path) -> None:
    go_on = threading.Event()
    host.before_answer = lambda: go_on.wait(30)
    index = index_of(host, tmp_path)
    try:
        assert (await index.names("numpy"))[0] == "numpy"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(index.versions("trees-of"), 0.05)
        await asyncio.wait_for(index.close(), 5)
    finally:
        go_on.set()


def test_that_a_long_list_is_written_sorted_and_found_in(tmp_path: Path) -> None:
    names = sorted({f"{prefix}{number}" for prefix in ("a", "Tree_", "zz.") for number in range(3000)})
    text = ",".join(f'{{"name": "{name}"}}' for name in reversed(names)).encode()
    pieces = [text[at : at + 1000] for at in range(0, len(text), 1000)]
    target = tmp_path / "names.txt"
    assert write_names(target, names_in(pieces, html=False)) == len(names)
    assert all(one < other for one, other in pairwise(target.read_text().splitlines()))
    assert sorted(normal_name(name) for name in names) == target.read_text().splitlines()
    assert find_names(target, "tree-29", 3) == ["tree-29", "tree-290", "tree-291"]
    assert find_names(target, "zzz", 3) == find_names(tmp_path / "none", "a", 3) == []
    (tmp_path / "empty").touch()
    assert find_names(tmp_path / "empty", "a", 3) == []


# ---------------------------------------------------------------- versions


@pytest.mark.parametrize("html", [False, True])
async def test_that_versions_come_newest_first(host: PackageHost, tmp_path: Path, html: bool) -> None:
    host.html = html
    index = index_of(host, tmp_path)
    versions = await index.versions("Trees.Of")
    assert [each.version for each in versions] == ["2.0.0rc1", "1.10.0", "1.9.0", "1.2.0"]
    assert [each.prerelease for each in versions] == [True, False, False, False]
    assert [each.yanked for each in versions] == [False, False, True, False]
    assert [each.requires_python for each in versions] == ["", ">=3.9", "", ">=3.7"]
    if not html:
        assert [each.size for each in versions] == [40, 30, 20, 10]
        assert versions[1].uploaded == "2026-01-01"
    assert await index.versions("trees_of") == versions
    assert len(host.asked) == 1  # the second answer is the kept one
    assert await index.versions("nothing-here") == []


async def test_that_a_summary_is_read_from_the_metadata(host: PackageHost, tmp_path: Path) -> None:
    index = index_of(host, tmp_path)
    summary = await index.summary("trees-of")
    assert summary is not None
    assert (summary.name, summary.version, summary.summary) == ("Trees.Of", "1.10.0", "Counts trees")
    assert (summary.home_page, summary.license) == ("https://trees.example", "MIT")
    assert (summary.extras, len(summary.requires)) == (("plots",), 2)
    assert await index_of(host, tmp_path).summary("trees-of") == summary
    assert len(host.asked) == 2
    assert await index.summary("nothing-here") is None


async def test_that_odd_answers_are_nothing(host: PackageHost, tmp_path: Path) -> None:
    index = index_of(host, tmp_path)
    host.body = lambda path: (b"{", "application/json")  # type: ignore[method-assign]
    assert await index.versions("trees-of") == []
    host.status = 500
    assert await index.versions("trees-of") == []
    assert "500" in index.problem
    host.status, host.redirect = 0, "file:///etc/passwd"
    assert await index.versions("trees-of") == []
    host.redirect = host.url  # leads to itself
    assert await index.versions("trees-of") == []
    asked = len(host.asked)
    for bad in ("../etc", "a/b", "", "x" * 300, "a\x00b", "a?b=c", "@"):
        assert await index.versions(bad) == []
    assert len(host.asked) == asked


async def test_that_the_log_in_goes_to_the_index_alone(host: PackageHost, tmp_path: Path) -> None:
    header = "Basic " + base64.b64encode(b"anna:geheim").decode()
    host.log_in = header
    with PackageHost() as elsewhere:
        (source,) = configured_sources({"UV_DEFAULT_INDEX": host.url.replace("//", "//anna:geheim@"), "HOME": "/none"})
        assert source.url == host.url
        assert "geheim" not in repr(source)
        index = PackageIndex(tmp_path, [source])
        assert len(await index.versions("trees-of")) == 4
        assert not any("geheim" in path.read_text() or header in path.read_text() for path in tmp_path.rglob("*.*"))
        host.redirect = f"{elsewhere.url}/numpy/"
        await index.versions("numpy")
        assert elsewhere.asked
        assert not any("Authorization" in headers for headers in elsewhere.seen)
    refused = PackageIndex(tmp_path / "other", [IndexSource(host.url)])
    host.redirect = ""
    assert await refused.versions("trees-of") == []
    assert "refuses the log-in" in refused.problem


async def test_that_a_folder_of_pages_is_an_index_too(tmp_path: Path) -> None:
    page = tmp_path / "simple" / "trees" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text('<a href="../../trees-1.0-py3-none-any.whl">trees-1.0-py3-none-any.whl</a>')
    (tmp_path / "simple" / "index.html").write_text('<a href="trees/">trees</a>')
    index = PackageIndex(tmp_path / "home", [IndexSource((tmp_path / "simple").as_uri())])
    await index.refresh()
    assert await index.names("tre") == ["trees"]
    assert [each.version for each in await index.versions("trees")] == ["1.0"]
    assert await index.versions("none") == []


# ---------------------------------------------------------------- what they are made of


def test_which_indexes_are_configured(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "etc")}

    def urls(**variables: str) -> list[str]:
        return [source.url for source in configured_sources({**home, **variables})]

    pip = tmp_path / ".config" / "pip" / "pip.conf"
    pip.parent.mkdir(parents=True)
    pip.write_text("[global]\nindex-url = https://pip.example/simple/\n")
    assert urls() == ["https://pip.example/simple"]
    assert urls(PIP_INDEX_URL="https://other.example/x") == ["https://other.example/x"]
    assert urls(PIP_INDEX_URL="https://other.example/x", UV_INDEX_URL="https://uv.example") == ["https://uv.example"]
    uv = tmp_path / ".config" / "uv" / "uv.toml"
    uv.parent.mkdir(parents=True)
    uv.write_text(
        '[[index]]\nname = "team"\nurl = "https://team.example/simple"\n'
        '[[index]]\nurl = "https://only.example"\nexplicit = true\n'
        '[[index]]\nurl = "https://main.example:8443/simple/"\ndefault = true\n'
    )
    assert urls() == ["https://team.example/simple", "https://main.example:8443/simple"]
    assert urls(UV_NO_CONFIG="1") == ["https://pip.example/simple"]
    assert urls(UV_INDEX="x=https://a.example b=ftp://b.example", UV_NO_CONFIG="1")[0] == "https://a.example"
    named = configured_sources({**home, "UV_INDEX_TEAM_USERNAME": "anna", "UV_INDEX_TEAM_PASSWORD": "p"})
    assert [bool(source.authorization) for source in named] == [True, False]
    (tmp_path / ".netrc").write_text("machine main.example login bo password q\n")
    assert [bool(source.authorization) for source in configured_sources(home)] == [False, True]
    uv.write_text("[[index]\nthis is no TOML")
    pip.write_text("neither\n\x00is this")
    assert urls(PIP_CONFIG_FILE="/dev/null") == [PYPI]


def test_how_versions_sort() -> None:
    in_order = ["weird", "0.9", "1.0.dev1", "1.0a1.dev2", "1.0a1", "1.0b2", "1.0rc1", "1.0", "1.0+cpu", "1.0.post1",
                "1.0.1", "1.9", "1.10", "2024.1", "1!0.1"]  # fmt: skip
    assert sorted(reversed(in_order), key=version_key) == in_order
    assert version_key("1.0") == version_key("v1.0.0")
    assert [is_prerelease(each) for each in ("1.0", "1.0rc1", "1.dev0", "1.0.post1", "x")] == [
        False, True, True, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("filename", "project", "version"),
    [
        ("ruamel.yaml-0.18.tar.gz", "ruamel-yaml", "0.18"),
        ("ruamel_yaml-0.18-py3-none-any.whl", "ruamel-yaml", "0.18"),
        ("a-b-1.0-beta.zip", "a-b", "1.0-beta"),
        ("other-1.0.tar.gz", "a", ""),
        ("a-1.0.exe", "a", ""),
        ("a.whl", "a", ""),
    ],
)
def test_versions_in_file_names(filename: str, project: str, version: str) -> None:
    assert version_of_file(filename, project) == version
