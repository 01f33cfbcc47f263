"""What is asked of conda, and the environment.yml that asks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rhresources.documents import yaml
from rhresources.errors import DocumentError, InstallError, ServerProblem, UsageError
from rhresources.package_options import checked_channel

DEFAULT_CHANNEL = "conda-forge"
ENVIRONMENT_FILES = ("environment.yml", "environment.yaml")

_SPEC = re.compile(
    r"(?:[A-Za-z0-9_/~.][A-Za-z0-9_.:/~-]*::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)"
    r"(?:\s*\[[^\]\n]*\]|\s*[=<>!~ ][A-Za-z0-9.*+!_=<>~,|\s-]*)?"
)
_PYTHON = re.compile(r"\d+(?:\.\d+){0,2}")
_SPEC_OF_PYTHON = re.compile(r"(?:\S+::)?python\s*[=<>!~\[ ].*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KNOWN_KEYS = {"name", "prefix", "channels", "dependencies", "variables", "platforms"}


@dataclass
class CondaNeeds:
    """What conda installs, all of it in one solve.

    Attributes:
        specs: "numpy=1.26", "pytorch::pytorch", in the order of asking.
        channels: in the order of their priority; empty: conda-forge.
        with_default: conda-forge comes after `channels`.
        priority: of channels: "strict" or "flexible".
        python: the spec for Python, unless one of `specs` is; part of every environment.
        program: the name or path of the program to use; empty: what the host has, else our own.
        variables: of the process environment, as environment files set them.
    """

    specs: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    with_default: bool = False
    priority: str = "strict"
    python: str = ""
    program: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    def content(self) -> list[object]:
        """What decides what is installed; the program does not."""
        content: list[object] = [self.all_specs, self.all_channels, self.priority]
        return [*content, self.variables] if self.variables else content

    @property
    def all_specs(self) -> list[str]:
        """With Python."""
        return list(dict.fromkeys([*([self.python] if self.python else []), *self.specs]))

    @property
    def all_channels(self) -> list[str]:
        """In the order of their priority."""
        added = [DEFAULT_CHANNEL] if self.with_default or not self.channels else []
        return list(dict.fromkeys([*self.channels, *added]))

    @property
    def python_shown(self) -> str:
        """The version of Python that is asked for, for people."""
        spec = self.python or next(spec for spec in self.specs if spec_name(spec) == "python")
        return spec.rpartition("::")[2].removeprefix("python").strip(" =").removesuffix(".*") or "of conda"

    @property
    def names_python(self) -> bool:
        """Whether a spec says which Python."""
        return any(_SPEC_OF_PYTHON.fullmatch(spec) for spec in self.specs)

    def ask_python(self, asked: str, own: str) -> None:
        """Have a Python among the packages: the one `asked` for, else what a spec says, else one like `own`.

        Raises:
            InstallError: `asked` is not a plain version.
        """
        if asked and not _PYTHON.fullmatch(asked):
            raise InstallError(f"{asked!r} is not a version of Python for conda.", remedy='Write "3.12", for example.')
        if asked:
            self.python = f"python={asked}"
        elif not self.names_python:
            self.python = f"python={own.rpartition('.')[0]}"

    def add_spec(self, spec: str) -> None:
        """Ask for one package.

        Raises:
            ServerProblem: it is not a conda package.
        """
        self.specs.append(checked_spec(spec))

    def add_options(self, options: Iterable[str], channels: Iterable[str] = ()) -> None:
        """Follow the options of one package, as `checked_options` gave them; `channels`: of its environment file."""
        options = tuple(options)
        named = [*(option.partition("=")[2] for option in options if option.startswith("--channel=")), *channels]
        self.channels += named
        if not tuple(channels) and "--override-channels" not in options:
            self.with_default = True
        if "--no-channel-priority" in options:
            self.priority = "flexible"


def spec_name(spec: str) -> str:
    """The package that a spec is about."""
    found = _SPEC.fullmatch(spec)
    return found["name"].lower() if found else ""


def checked_spec(spec: str) -> str:
    """`spec`, if it is one of conda's.

    Raises:
        ServerProblem: it is not, or reads like an option.
    """
    spec = spec.strip()
    if not _SPEC.fullmatch(spec):
        raise ServerProblem(
            f"{spec!r} is not a conda package.", code="bad-package", remedy='Write "pytorch" or "pytorch=2.1".'
        )
    return spec


@dataclass
class EnvironmentFile:
    """An environment.yml.

    Attributes:
        conda: specs in its order.
        channels: as it lists them.
        pip: lines of its pip section, each one of a requirements file.
        variables: of the process environment.
    """

    conda: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    pip: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)


def read_environment_file(file: Path, shown: str) -> EnvironmentFile:
    """Read and check one.

    Args:
        file: it.
        shown: what messages call it.

    Raises:
        InstallError: it is not an environment file; the sentence names the file and the line.
    """
    try:
        if file.stat().st_size > yaml.SIZE_LIMIT:
            raise InstallError(f"{shown} is too large for an environment file.")
        loaded = yaml.load(
            file.read_text("utf-8-sig"), source=shown, text_paths=frozenset({"channels[]", "variables.*"})
        )
    except DocumentError as error:
        raise InstallError(error.sentence, remedy=error.remedy) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InstallError(f"{shown} cannot be read: {error}.") from error
    if not isinstance(loaded.value, dict) or not isinstance(loaded.value.get("dependencies", []), list):
        raise InstallError(f"{shown} is not an environment file of conda.", remedy="It lists `dependencies:`.")
    found = EnvironmentFile()
    variables = loaded.value.get("variables") or {}
    if not isinstance(variables, dict):
        raise InstallError(f"{shown}: `variables` names variables with their values.")
    for name, value in variables.items():
        if not _VARIABLE.fullmatch(str(name)) or not isinstance(value, str) or "\0" in value:
            where = loaded.line(("variables", str(name)))
            raise InstallError(f"{shown}, line {where}: {str(name)[:60]!r} is not a variable with a text as value.")
        found.variables[str(name)] = value
    channels = loaded.value.get("channels") or []
    for number, channel in enumerate(channels if isinstance(channels, list) else [channels]):
        if channel != "nodefaults":
            found.channels.append(_checked(checked_channel, channel, shown, loaded.line(("channels", number))))
    for number, dependency in enumerate(loaded.value.get("dependencies") or []):
        line = loaded.line(("dependencies", number))
        if isinstance(dependency, dict) and list(dependency) == ["pip"] and isinstance(dependency["pip"], list):
            found.pip += [str(requirement) for requirement in dependency["pip"]]
        else:
            found.conda.append(_checked(checked_spec, dependency, shown, line))
    if unknown := set(loaded.value) - _KNOWN_KEYS:
        name = sorted(map(str, unknown))[0]
        raise InstallError(f"{shown}: {name!r} is not a part of an environment file.", remedy="Remove it.")
    return found


def _checked(check: Callable[[str], str], value: object, shown: str, line: int | None) -> str:
    where = f"{shown}, line {line}" if line else shown
    if not isinstance(value, str):
        raise InstallError(f"{where}: text belongs here, and under `dependencies:` a list called `pip`.")
    try:
        return check(value)
    except (ServerProblem, UsageError) as error:
        raise InstallError(f"{where}: {error.sentence}", remedy=error.remedy) from None
