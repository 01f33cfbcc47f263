"""What a function says about itself: where its code is, where it runs and what it needs."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from rhresources.documents.base import BaseDocument, Bytes, Part, checked, field_problem
from rhresources.documents.cluster import Labels
from rhresources.documents.package import PackageDocument
from rhresources.errors import RhError
from rhresources.names import Address
from rhresources.packages import PackageSpec, checked_git_url, checked_revision, parse_package

_PYTHON = re.compile(r"3\.(\d{1,2})(\.\d{1,2})?")


def _root(value: str) -> str:
    if not value:
        return value
    if not value.startswith(("/", "~")) and not re.match(r"[A-Za-z]:[\\/]", value):
        raise ValueError(f"{value!r} is not a whole path; begin with / or ~")
    if "\0" in value:
        raise ValueError("it has a control character")
    return value


def _file(value: str) -> str:
    if not value:
        return value
    path = PurePosixPath(value.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{value!r} does not lie inside the root; write it relative to the root")
    if path.suffix != ".py":
        raise ValueError(f"{value!r} is not a Python file (.py)")
    return str(path)


def _git_url(value: str) -> str:
    if not value:
        return value
    try:
        return checked_git_url(value)
    except RhError as error:
        raise ValueError(str(error).rstrip(".")) from None


def _module(value: str) -> str:
    if value and not all(part.isidentifier() and not keyword.iskeyword(part) for part in value.split(".")):
        raise ValueError(f"{value!r} is not the name of a module; write package.module")
    return value


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


def _hash(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{40}", value):
        raise ValueError(f"{value!r} is not the hash of a tree")
    return value


def _project(value: str) -> str:
    if not re.fullmatch(r"[\w][\w.+-]{0,199}", value):
        raise ValueError(f"{value!r} is not the name of a tree")
    return value


class SentCode(Part):
    """The code of a folder as it was sent to a cluster, for those who have the name of a function and not the folder.

    It is written by rhdesk. A cluster knows what was sent to it by its content, and keeps it for as long as it is used.
    """

    project: Annotated[str, AfterValidator(_project)] = Field(title="Tree", description="What clusters call it.")
    tree: Annotated[str, AfterValidator(_hash)] = Field(title="Content", description="The hash of all its files.")
    folder: str = Field(default="", title="Import folder", description="Inside the tree.", max_length=4000)
    module: Annotated[str, AfterValidator(_module)] = Field(title="Module", description="Dotted name of the file.")
    gives: Literal["plain", "coroutine", "generator", "async generator"] = Field(
        default="plain", title="Gives", description="What a call gives."
    )


class FunctionCode(Part):
    """Which code: a file of a folder, a file of a git repository, or a module of an installed package.

    `name` is a function of it. Exactly one of `root`, `git_url` and `module` is set; `file` goes with the first two,
    `revision` with `git_url`.
    """

    renamed: ClassVar[Mapping[str, str]] = {
        "folder": "root",
        "path": "file",
        "function": "name",
        "repository": "git_url",
        "url": "git_url",
        "branch": "revision",
        "tag": "revision",
        "commit": "revision",
        "package": "module",
    }

    root: Annotated[str, AfterValidator(_root)] = Field(
        default="", title="Folder", description="Whole path of the git tree or folder that travels."
    )
    git_url: Annotated[str, AfterValidator(_git_url)] = Field(
        default="",
        title="Repository",
        description="Address of a git repository, in place of a folder.",
        max_length=2000,
    )
    revision: Annotated[str, AfterValidator(checked(checked_revision))] = Field(
        default="",
        title="Revision",
        description="Branch, tag or commit of the repository; empty: the default branch.",
        max_length=400,
    )
    file: Annotated[str, AfterValidator(_file)] = Field(
        default="", title="File", description="Relative to the folder or the repository."
    )
    module: Annotated[str, AfterValidator(_module)] = Field(
        default="",
        title="Module",
        description="Dotted name of a module that one of the packages installs; no code is sent then.",
        max_length=400,
    )
    name: Annotated[str, AfterValidator(_qualified_name)] = Field(
        title="Function", description="main, or Trainer.fit for a static method."
    )
    sent: SentCode | None = Field(
        default=None,
        title="Sent",
        description="The code of the folder as it was last sent to the cluster, for those who have not the folder.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> FunctionCode:
        given = [name for name in ("root", "git_url", "module") if getattr(self, name)]
        if len(given) > 1:
            raise field_problem((given[1],), f"the code is in one place: say {given[0]} or {given[1]}, not both")
        if not given:
            raise field_problem(("root",), "this field is missing; say root, git_url or module")
        if self.module and self.file:
            raise field_problem(("file",), "a function of a module has none")
        if not self.module and not self.file:
            raise field_problem(("file",), f"this field is missing (relative to the {given[0]})")
        if self.sent is not None and not self.root:
            raise field_problem(("sent",), "only code of a root has one")
        if self.revision and not self.git_url:
            raise field_problem(("revision",), "only code of a git_url has one")
        return self

    @property
    def place(self) -> Literal["folder", "git", "module"]:
        """Where the code is: here in a folder, in a git repository, or in an installed package."""
        return "module" if self.module else "git" if self.git_url else "folder"

    @property
    def pointer(self) -> str:
        """What to call it in a list: `train.py:main`, or `package.module:main`."""
        return f"{self.module or self.file}:{self.name}"

    @property
    def source(self) -> str:
        """Where it comes from, for people: `/srv/project`, `https://host/o/r.git@main`, or "an installed package"."""
        if self.git_url:
            return f"{self.git_url}@{self.revision}" if self.revision else self.git_url
        return self.root or "an installed package"


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
    code: FunctionCode = Field(
        title="Code",
        description="Where the function is: a file of a folder or of a git repository, or a module of a package.",
    )
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
    labels: Labels = Field(
        default_factory=dict, title="Labels", description="Of what its runs cost, beside those of the cluster."
    )

    def with_names(self, change: Callable[[str], str]) -> Self:
        """The same with the names of its cluster and of its saved packages changed."""
        cluster = change(self.cluster) if self.cluster else None
        packages = [_with_name(line, change) for line in self.packages]
        if cluster == self.cluster and packages == self.packages:
            return self
        return self.model_copy(update={"cluster": cluster, "packages": packages})


def _with_name(line: str, change: Callable[[str], str]) -> str:
    spec = parse_package(line)
    if spec.method != "saved" or (changed := change(spec.target)) == spec.target:
        return line
    return str(PackageSpec("saved", changed, spec.options))
