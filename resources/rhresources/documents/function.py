"""What a function says about itself: where its code is, where it runs and what it needs."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from rhresources.documents.base import BaseDocument, Bytes, Part, checked
from rhresources.documents.package import PackageDocument
from rhresources.names import Address
from rhresources.packages import PackageSpec, parse_package

_PYTHON = re.compile(r"3\.(\d{1,2})(\.\d{1,2})?")


def _root(value: str) -> str:
    if not value.startswith(("/", "~")) and not re.match(r"[A-Za-z]:[\\/]", value):
        raise ValueError(f"{value!r} is not a whole path; begin with / or ~")
    if "\0" in value:
        raise ValueError("it has a control character")
    return value


def _file(value: str) -> str:
    path = PurePosixPath(value.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{value!r} does not lie inside the root; write it relative to the root")
    if path.suffix != ".py":
        raise ValueError(f"{value!r} is not a Python file (.py)")
    return str(path)


def _qualified_name(value: str) -> str:
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in value.split(".")):
        raise ValueError(f"{value!r} is not the name of a function; write main or Trainer.fit")
    return value


def _python(value: str) -> str:
    found = _PYTHON.fullmatch(value)
    if not found:
        raise ValueError(f'{value!r} is not a version of Python; write "3.11" or "3.11.7"')
    if int(found[1]) < 8:
        quoted = f"; if you mean 3.{found[1]}0, write it in quotes" if found[1] in {"1", "2"} else ""
        raise ValueError(f"Python {value} is too old; 3.8 is the oldest that is supported{quoted}")
    return value


def _variables(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(f"{name!r} is not the name of an environment variable")
        if "\0" in text:
            raise ValueError(f"the value of {name} has a null character")
    return value


def _variable_text(value: Any) -> Any:
    """YAML's true and numbers as a shell would have them; given by a program, not by a document."""
    if isinstance(value, Mapping):
        return {key: str(text).lower() if isinstance(text, bool) else text for key, text in value.items()}
    return value


def _package_line(value: Any) -> Any:
    """A package that is written out as a mapping becomes its one line."""
    if isinstance(value, Mapping):
        return str(PackageDocument.model_validate(value).spec())
    if isinstance(value, PackageDocument):
        return str(value.spec())
    return str(value) if isinstance(value, PackageSpec) else value


PackageLine = Annotated[str, AfterValidator(checked(parse_package)), BeforeValidator(_package_line)]


class FunctionCode(Part):
    """Which code: a folder (a git tree), a file in it, and a function in that file."""

    root: Annotated[str, AfterValidator(_root)] = Field(
        title="Folder", description="Whole path of the git tree or folder that travels."
    )
    file: Annotated[str, AfterValidator(_file)] = Field(title="File", description="Relative to the folder.")
    name: Annotated[str, AfterValidator(_qualified_name)] = Field(
        title="Function", description="main, or Trainer.fit for a static method."
    )


class FunctionResources(Part):
    """What one run takes of a host; 0 shares the host with others."""

    renamed: ClassVar[Mapping[str, str]] = {"num_cpus": "cpus", "num_gpus": "gpus", "cpu": "cpus", "gpu": "gpus"}

    cpus: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)] = Field(default=0, title="Processors")
    gpus: Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)] = Field(default=0, title="GPUs")
    memory: Bytes = Field(default=0, title="Memory", description='Bytes, or "16 GiB".')


class FunctionDocument(BaseDocument):
    """A function: a named entry point in code that lives here and runs there."""

    renamed: ClassVar[Mapping[str, str]] = {
        "system": "cluster",
        "reqs": "packages",
        "requirements": "packages",
        "setup_cmds": "setup_commands",
        "fn_pointers": "code",
        "env_vars": "env",
        "variables": "env",
        "python_version": "python",
        "resource_type": "kind",
    }

    inline: ClassVar[Mapping[str, type[BaseModel]]] = {"packages": PackageDocument}

    kind: Literal["function"] = "function"
    cluster: Annotated[str, AfterValidator(checked(Address.parse))] | None = Field(
        default=None, title="Cluster", description="Name of the cluster it runs on; empty: this computer."
    )
    code: FunctionCode = Field(title="Code", description="Folder, file and name of the function.")
    packages: list[PackageLine] = Field(
        default_factory=list, title="Packages", description="What it needs: numpy==1.26, ./, conda:pytorch."
    )
    setup_commands: list[Annotated[str, Field(min_length=1, max_length=100_000)]] = Field(
        default_factory=list, title="Set-up commands", description="Shell commands after the packages are installed."
    )
    python: Annotated[str, AfterValidator(_python)] | None = Field(
        default=None, title="Python", description='"3.11"; empty: the one of the cluster.'
    )
    resources: FunctionResources = Field(default_factory=FunctionResources, title="Resources")
    env: Annotated[dict[str, str], BeforeValidator(_variable_text), AfterValidator(_variables)] = Field(
        default_factory=dict, title="Environment variables", description="Seen by the function."
    )

    def in_folder(self, folder: str) -> Self:
        """The same with whole names of its cluster and its saved packages; bare ones are meant inside `folder`."""
        cluster = str(Address.parse(self.cluster, folder)) if self.cluster else None
        packages = [_in_folder(line, folder) for line in self.packages]
        if cluster == self.cluster and packages == self.packages:
            return self
        return self.model_copy(update={"cluster": cluster, "packages": packages})


def _in_folder(line: str, folder: str) -> str:
    spec = parse_package(line)
    if spec.method != "saved" or (whole := str(Address.parse(spec.target, folder))) == spec.target:
        return line
    return str(PackageSpec("saved", whole, spec.options))
