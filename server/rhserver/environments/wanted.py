"""What a recipe asks of single packages: {normalised name: "numpy>=1.26,<3"}. Dependencies are not among them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion

from rhserver.environments.conda.needs import spec_name
from rhserver.environments.listing import CONDA, normalised, python_of
from rhserver.environments.recipe import Recipe
from rhserver.environments.steps import Project


def wanted_of(recipe: Recipe, prefix: Path) -> dict[str, str]:
    """What `recipe` asks for by name, in its environment at `prefix`; reads the pyproject.toml files it names. What a
    build alone can tell, and a local folder without a name, is not there."""
    there = _markers(prefix)
    found: dict[str, str] = {}
    for spec in recipe.conda.specs if recipe.conda is not None else ():
        found[normalised(spec_name(spec))] = spec
    for step in recipe.steps:
        for text in (*step.targets, *step.lines, *_of_projects(step.projects)):
            requirement = _requirement(text)
            if requirement is not None and (requirement.marker is None or requirement.marker.evaluate(there)):
                found[normalised(requirement.name)] = str(requirement).partition(";")[0].strip()
    return found


def fits(wanted: str, kind: str, version: str) -> bool:
    """Whether `version` is one that `wanted` allows; what is not known to be wrong fits."""
    if not version:
        return False
    requirement = _requirement(wanted) if wanted and kind != CONDA else None
    try:
        return requirement is None or requirement.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return True


def _requirement(text: str) -> Requirement | None:
    if text.startswith(("-", "/", ".")):
        return None
    try:
        return Requirement(text.partition(" --")[0].strip())  # without hashes
    except InvalidRequirement:
        return None


def _markers(prefix: Path) -> dict[str, str]:
    """What markers ask of a Python, where the environment's may be another than the server's own."""
    implementation, version = python_of(prefix)
    found = {}
    if version:
        found = {"python_full_version": version, "python_version": ".".join(version.split(".")[:2])}
        found["implementation_version"] = version
    if implementation:
        found |= {"platform_python_implementation": implementation, "implementation_name": implementation.lower()}
    return found


def _of_projects(projects: list[Project]) -> Iterator[str]:
    for asked in projects:
        try:
            project: Any = tomllib.loads(asked.path.read_text("utf-8")).get("project", {})
        except (OSError, ValueError):
            continue  # a setup.py
        if isinstance(project, Mapping):
            optional = project.get("optional-dependencies", {})
            for group in (project.get("dependencies"), *(optional.get(extra) for extra in asked.extras)):
                yield from (text for text in group or () if isinstance(text, str))
