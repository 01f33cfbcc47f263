"""The house stands as it was designed: imports run one way, files stay small, what is generated is current."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "rhresources": ROOT / "resources" / "rhresources",
    "rhserver": ROOT / "server" / "rhserver",
    "rhdesk": ROOT / "rhdesk",
}
QT = {"PySide6", "shiboken6", "qasync", "pyqtgraph", "qtpy"}
IN_SKYPILOT = PACKAGES["rhresources"] / "cloud" / "inside"
"""Programs that run in SkyPilot's own Python; nothing of ours imports them."""

REGISTRY = PACKAGES["rhserver"] / "registry"

LINE_LIMIT = 400
LONGER_FILES: dict[str, str] = {}
"""Files above the limit, and why they are."""


def sources(folder: Path) -> list[Path]:
    """Python files that people wrote."""
    return sorted(path for path in folder.rglob("*.py") if "_pb2" not in path.name)


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """(top-level module, line) of every import statement, also of those inside functions."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, node.lineno


def offences(folder: Path, forbidden: set[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in sources(folder)
        for module, line in imported(path)
        if module.partition(".")[0] in forbidden and path.parent != IN_SKYPILOT
    ]


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("rhresources", {"rhserver", "rhdesk", "ray", "sky"} | QT),
        ("rhserver", {"rhdesk", "sky"} | QT),
        ("rhdesk", {"rhserver", "ray", "sky"}),
    ],
)
def test_imports_run_one_way(package: str, forbidden: set[str]) -> None:
    assert offences(PACKAGES[package], forbidden) == []


def test_that_the_registry_stands_apart() -> None:
    """A cluster's server does without what the registry needs, and a registry without Ray."""
    needed = {"alembic", "fastapi", "psycopg", "sqlalchemy", "starlette", "uvicorn"}
    inside, outside = [], []
    for path in sources(PACKAGES["rhserver"]):
        for module, line in imported(path):
            said = f"{path.relative_to(ROOT)}:{line} imports {module}"
            (inside if path.is_relative_to(REGISTRY) else outside).append((module, said))
    others = re.compile(r"ray\b|rhserver\.(?!registry\b)")
    assert [said for module, said in inside if others.match(module)] == []
    needed = re.compile(r"(alembic|fastapi|psycopg|sqlalchemy|starlette|uvicorn|rhserver\.registry)\b")
    assert [said for module, said in outside if needed.match(module)] == []


def test_that_only_the_window_and_the_tour_know_qt() -> None:
    allowed = (PACKAGES["rhdesk"] / "desktop", PACKAGES["rhdesk"] / "tour")
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in sources(PACKAGES["rhdesk"])
        if not any(path.is_relative_to(place) or path == place.with_suffix(".py") for place in allowed)
        for module, line in imported(path)
        if module.partition(".")[0] in QT
    ]
    assert found == []


def test_that_importing_the_library_loads_neither_qt_nor_ray_nor_grpc() -> None:
    program = "import sys, rhdesk; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (
        QT.union({"ray", "grpc", "pydantic", "paramiko", "httpx", "sqlite3"}).intersection(done.stdout.split()) == set()
    )


def test_that_files_stay_small() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for folder in (*PACKAGES.values(), ROOT / "tests")
        for path in sources(folder)
        if (count := len(path.read_text().splitlines())) > LINE_LIMIT
    }
    assert {name: count for name, count in long.items() if name not in LONGER_FILES} == {}
    assert set(LONGER_FILES) - set(long) == set(), "listed as long, and short by now"


def test_that_the_wire_code_is_what_the_proto_says(tmp_path: Path) -> None:
    subprocess.run(["bash", ROOT / "packaging" / "proto.sh", tmp_path], check=True, capture_output=True)
    made = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert made
    stale = [
        path.name for path in made if (ROOT / "resources" / path.relative_to(tmp_path)).read_text() != path.read_text()
    ]
    assert stale == [], "run `make proto`"


LOCKED = re.compile(r"^([a-z0-9-]+)==([^ ;\\]+)", re.MULTILINE)


def test_that_the_lock_file_covers_the_project_and_names_no_place() -> None:
    text = (ROOT / "packaging" / "requirements.lock").read_text()
    locked = LOCKED.findall(text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["desktop"], *extras["server"], *extras["registry"], *extras["dev"]]
    stale = []
    for line in wanted:
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        versions = [version for found, version in locked if found == name]
        applies = requirement.marker is None or requirement.marker.evaluate()
        # of one that differs between versions of Python the lock has several
        if not versions or (applies and not any(requirement.specifier.filter(versions, prereleases=True))):
            stale.append(line)
    assert stale == [], "run `make lock`"
    assert names_a_place(text) == []


def test_that_skypilot_is_locked_apart_from_everything_else() -> None:
    text = (ROOT / "packaging" / "skypilot.lock").read_text()
    (wanted,) = re.findall(r"^skypilot\[.*\]==(.+)$", (ROOT / "packaging" / "skypilot.in").read_text(), re.MULTILINE)
    assert dict(LOCKED.findall(text))["skypilot"] == wanted, "run `make lock`"
    assert "skypilot" not in dict(LOCKED.findall((ROOT / "packaging" / "requirements.lock").read_text()))
    # the tests' clouds have the same one on their nodes
    assert f"skypilot=={wanted}" in (ROOT / "tests" / "lab" / "clouds" / "node.lock").read_text(), "run `make lock`"
    for lock in (ROOT / "packaging" / "skypilot.lock", *(ROOT / "tests" / "lab").glob("*/*.lock")):
        assert names_a_place(lock.read_text()) == []


def names_a_place(lock: str) -> list[str]:
    return re.findall(r"https?:|file:|--index|--find-links|^/", lock, re.MULTILINE)


def test_that_no_file_names_a_place_on_one_machine() -> None:
    places = re.compile(r"(?<![\w.-])/(work|root|opt/wheels|opt/pypi)/")
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = []
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".png", ".otf", ".ttf", ".woff2", ".ico"} or not path.is_file():
            continue
        found += [f"{name}: {line.strip()}" for line in path.read_text().splitlines() if places.search(line)]
    assert found == []


def test_that_signals_do_not_eat_references() -> None:
    """PySide6 6.12 below Python 3.12 loses one reference to True with every signal, until Python aborts."""
    program = (
        "import sys\n"
        "from PySide6.QtCore import QObject, Signal\n"
        "class Sender(QObject):\n"
        "    sent = Signal()\n"
        "sender = Sender()\n"
        "before = sys.getrefcount(True), sys.getrefcount(None)\n"
        "for _ in range(100):\n"
        "    sender.sent.emit()\n"
        "after = sys.getrefcount(True), sys.getrefcount(None)\n"
        "print(min(now - then for now, then in zip(after, before)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) > -20
