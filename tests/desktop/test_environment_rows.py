"""What is told from environments without a window: drift, what may go, requirements, who uses them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rhdesk.core.entry_row import EntryRow
from rhdesk.core.environment_rows import (
    EnvironmentRow,
    InstalledRow,
    requirements_text,
    version_changes,
)
from rhdesk.core.environment_users import ran_in, users_of
from rhdesk.core.package_lines import same_packages, stands_for
from rhdesk.core.rows import RunRow, State
from rhresources.documents import parse_document
from rhresources.environments import unused
from rhresources.packages import parse_package
from rhresources.wire import cluster_pb2 as pb
from rhresources.workspace import Workspace

DAY = 86400.0
NOW = 1000 * DAY


def environment(
    hash: str, days: float, size: int = 100, *, in_use: bool = False, state: str = "ready"
) -> EnvironmentRow:
    return EnvironmentRow(hash, "3.11.9", (hash,), size, NOW - days * DAY, NOW - days * DAY, in_use, state)


def installed(version: str, recorded: str, newest: str = "", *, wanted: str = "", fits: bool = True) -> InstalledRow:
    return InstalledRow("numpy", "pip", version, recorded, wanted, newest, fits)


def test_a_row_is_what_the_cluster_says() -> None:
    spec = pb.EnvironmentSpec(setup_commands=["true"], renewed=5)
    row = EnvironmentRow.of(
        pb.Environment(hash="ab", python="3.11.9", packages=["numpy"], bytes=7, created=1, state=1, spec=spec)
    )
    assert (row.title, row.bytes, row.state, row.setup_commands, row.renewed) == (
        "numpy",
        7,
        "installing",
        ("true",),
        5,
    )
    assert row.last_use == 1, "one that was never used counts from when it was made"
    assert row.fixed
    assert EnvironmentRow.of(pb.Environment()).title == "No packages"


def test_what_a_saved_package_stood_for_tells_its_environments_apart() -> None:
    specs = [
        pb.PackageSpec(target="numpy==1.26", options=["--no-deps"], spec="rh:~/deps"),
        pb.PackageSpec(target="rich", spec="rich"),
    ]
    spec = pb.EnvironmentSpec(packages=specs)
    row = EnvironmentRow.of(pb.Environment(hash="ab", python="3.11", packages=["rh:~/deps", "rich"], spec=spec))
    assert row.contents == "numpy==1.26 --no-deps"
    assert row.facts == "numpy==1.26 --no-deps · Python 3.11 · ab"


@pytest.mark.parametrize(
    ("row", "drift", "words"),
    [
        (installed("1.0", "1.0"), "", "As installed"),
        (installed("1.0", "1.0", "1.1"), "", "Newer available"),
        (installed("1.1", "1.0", "1.1"), "changed", "Changed by hand"),
        (installed("", "1.0", "1.1"), "missing", "Missing"),
        (installed("1.0", ""), "added", "Added by hand"),
        (installed("1.0", "1.0", wanted="numpy>=2", fits=False), "unfit", "Not what was asked for"),
    ],
)
def test_drift_is_what_differs_from_what_was_installed(row: InstalledRow, drift: str, words: str) -> None:
    assert row.drift == drift
    assert row.words == words


def test_what_goes_by_age_and_by_size_never_has_what_is_in_use() -> None:
    rows = [
        environment("new", 1, 300),
        environment("old", 40, 200),
        environment("held", 90, 500, in_use=True),
        environment("making", 50, 50, state="installing"),
        environment("older", 60, 100),
        environment("broken", 70, 0, state="failed"),
    ]
    told = [
        pb.Environment(
            hash=row.hash, bytes=row.bytes, created=row.created, used=row.used, in_use=row.in_use,
            state=pb.Environment.State.Value(row.state.upper()),
        )
        for row in rows
    ]  # fmt: skip

    def going(seconds: float | None = None, max_bytes: int | None = None) -> list[str]:
        shown = [row.hash for row in unused(rows, NOW, seconds=seconds, max_bytes=max_bytes)]
        assert shown == [row.hash for row in unused(told, NOW, seconds=seconds, max_bytes=max_bytes)]
        return shown

    assert going(30 * DAY) == ["broken", "older", "old"]
    assert going() == []
    # 1150 bytes: the least recently used go until no more than 900 are left, whatever is in use stays
    assert going(max_bytes=900) == ["broken", "older", "old"]
    assert going(30 * DAY, 600) == ["broken", "older", "old", "new"]
    assert going(0, 0) == ["broken", "older", "old", "new"]


def test_requirements_have_the_versions_that_are_there_and_conda_in_comments() -> None:
    packages = [
        InstalledRow("zlib", "conda", "1.3", "1.3", "", "", True),
        InstalledRow("Pandas", "pip", "2.2", "2.2", "", "", True),
        InstalledRow("gone", "pip", "", "1.0", "", "", False),
        InstalledRow("numpy", "pip", "2.0", "1.0", "", "", False),
    ]
    text = requirements_text(environment("ab", 1), packages)
    assert text == "# Python 3.11.9\nnumpy==2.0\nPandas==2.2\n# by conda:\n#   zlib=1.3\n"


def test_changes_between_two_lists_are_told_by_name() -> None:
    before = [InstalledRow(name, "pip", "1", "1", "", "", True) for name in ("a", "b", "c")]
    after = [
        InstalledRow(name, "pip", version, version, "", "", True)
        for name, version in (("a", "1"), ("b", "2"), ("d", "1"))
    ]
    assert version_changes(before, after) == [("b", "1", "2"), ("c", "1", ""), ("d", "", "1")]


COMMIT = "3f2a9c1d00000000000000000000000000000000"


@pytest.mark.parametrize(
    ("line", "package", "stands"),
    [
        ("numpy", "numpy", True),
        ("pip:numpy", "numpy", True),
        ("numpy", "numpy>=2", False),
        ("git:https://host/o/r@main (3f2a9c1)", "git:https://host/o/r@main", True),
        ("git:https://github.com/o/r.git (3f2a9c1)", "https://github.com/o/r", True),
        ("git:https://host/o/r@main (3f2a9c1)", "git:https://host/o/r@dev", False),
        ("git:https://host/o/r@main (3f2a9c1)", "git:https://host/o/r", False),
        ("git:https://host/o/r2 (3f2a9c1)", "git:https://host/o/r", False),
        ("git:https://host/o/r@3f2a9c1", f"git:https://host/o/r@{COMMIT}", True),
        ("git:https://host/o/r@3f2a9c2", f"git:https://host/o/r@{COMMIT}", False),
        ("git:git@host:o/r@main (3f2a9c1) in lib", "git:git@host:o/r@main#subdirectory=lib", True),
        ("git:git@host:o/r@main (3f2a9c1) in lib", "git:git@host:o/r@main", False),
        ("pip:https://host/o/r.git (3f2a9c1)", "pip:https://host/o/r.git", True),
        ("git:https://host/o/r.git (3f2a9c1)", "pip:https://host/o/r.git", False),
    ],
)
def test_a_line_of_an_environment_is_known_for_its_package(line: str, package: str, stands: bool) -> None:
    assert stands_for(line, parse_package(package)) is stands


def test_the_folder_of_a_function_does_not_tell_environments_apart() -> None:
    made = ("numpy", "git:https://x/y@main (3f2a9c1)", "./")
    assert same_packages(made, [parse_package("git:https://x/y@main"), parse_package("numpy")])
    assert not same_packages(made, [parse_package("numpy")])
    assert not same_packages(["./"], [parse_package("./")])


def test_users_are_those_that_ran_in_it_and_those_that_ask_for_the_same(rh_home: Path) -> None:
    def function(name: str, *packages: str, python: str = "") -> EntryRow:
        document = parse_document(
            {
                "kind": "function", "code": {"root": "/srv/x", "file": "a.py", "name": "f"},
                "packages": list(packages), **({"python": python} if python else {}),
            }
        )  # fmt: skip
        return EntryRow(f"~/{name}", "function", name, "~", document=document)

    made = EnvironmentRow("ab12", "3.11.9", ("numpy", "./"), 1, 1, 1, False, "ready")
    runs = [
        RunRow("1", "~/other", "^local", State.SUCCEEDED, created=5, environment="ab12"),
        RunRow("2", "~/other", "^local", State.SUCCEEDED, created=9, environment="ab12"),
        RunRow("3", "work.py:main", "^local", State.SUCCEEDED, created=7, environment="ab12"),
        RunRow("4", "~/train", "~/gpu", State.SUCCEEDED, created=8, environment="ab12"),
    ]
    ran = ran_in("ab12", "^local", runs)
    assert ran == {"~/other": 9, "work.py:main": 7}
    functions = [
        function("train", "numpy"),
        function("other", "pandas"),
        function("newer", "numpy", python="3.12"),
        function("same", "numpy", python="3.11"),
        function("gone", "rh:~/gone"),
        function("nothing"),
    ]

    async def ask() -> list[tuple[str, float, bool, bool]]:
        workspace = Workspace(rh_home)
        try:
            found = await users_of(workspace, made, "^local", functions, ran)
        finally:
            await workspace.close()
        return [(one.address, one.last_run, one.asks, one.is_saved) for one in found]

    assert asyncio.run(ask()) == [
        ("~/other", 9, False, True),
        ("work.py:main", 7, False, False),
        ("~/same", 0, True, True),
        ("~/train", 0, True, True),
    ]
