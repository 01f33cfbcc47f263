"""Packages: what functions need, as objects."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, ClassVar

from rhresources.documents import PackageDocument
from rhresources.errors import UsageError
from rhresources.library.resource import Resource, names
from rhresources.packages import PackageSpec, parse_package


class Package(Resource):
    """A package. `str(package)` is the line that stands for it in `reqs`."""

    kind: ClassVar[str] = "package"

    def __init__(
        self,
        name: str | None = None,
        install_method: str = "pip",
        install_target: str = "",
        install_args: str | None = None,
        dryrun: bool = False,
        *,
        git_url: str = "",
        revision: str = "",
    ) -> None:
        super().__init__(name, dryrun)
        import shlex

        self._document = PackageDocument.model_validate(
            {
                "install_method": install_method,
                "target": install_target,
                "options": shlex.split(install_args or ""),
                "git_url": git_url,
                "revision": revision,
            }
        )

    @classmethod
    def from_document(cls, name: str | None, document: PackageDocument, dryrun: bool = False) -> Package:
        """The package that a document describes."""
        self = cls.__new__(cls)
        Resource.__init__(self, name, dryrun)
        self._document = document
        return self

    @classmethod
    def from_string(cls, specifier: str, dryrun: bool = False) -> Package:
        """The package of a line such as `numpy==1.26`, `./`, `conda:pytorch` or `rh:~/deps`.

        Raises:
            UsageError: the line is no package.
        """
        spec = parse_package(specifier)
        if spec.method == "saved":
            return cls.from_document(spec.target, names().package(spec.target), dryrun)
        return cls.from_document(None, PackageDocument.from_spec(spec), dryrun)

    def document(self) -> PackageDocument:
        """What is saved under its name."""
        return self._document

    @property
    def install_method(self) -> str:
        """local, reqs, pip, conda or git."""
        return self._document.install_method

    @property
    def install_target(self) -> str:
        """The requirement, the path, or the repository."""
        return self._document.git_url or self._document.target

    def spec(self) -> PackageSpec:
        """The package taken apart."""
        return self._document.spec()

    def __str__(self) -> str:
        return str(self.spec())


def package(
    name: str | None = None,
    install_method: str | None = None,
    install_str: str | None = None,
    url: str | None = None,
    system: Any = None,
    dryrun: bool = False,
    load: bool = True,
) -> Package:
    """A package, made from its parts or loaded by its name.

    Args:
        name: how it is called.
        install_method: local, reqs, pip or conda; default: what `install_str` says.
        install_str: the target and options of the installer: "numpy==1.26 --no-deps".
        url: a folder on this computer, for local, reqs and pip.
        system: where the folder is; only this computer.
        dryrun: only describe it.
        load: use what is saved under `name` where nothing else is given.

    Raises:
        UsageError: the parts make no package.
        NotFound: only a name is given and nothing is saved under it.
    """
    if system not in (None, "file"):
        raise UsageError("Folders of packages are on this computer.", remedy="Leave system= out.")
    if install_method is None and install_str is None and url is None:
        if not name or not load:
            raise UsageError("Nothing says what to install.", remedy='Give install_str="numpy".')
        return Package.from_document(name, names().package(name), dryrun)
    text = " ".join(part for part in (url, install_str) if part)
    spec = parse_package(f"{install_method}:{text}" if install_method else text)
    return Package.from_document(name, PackageDocument.from_spec(spec), dryrun)


def git_package(
    name: str | None = None,
    git_url: str | None = None,
    revision: str | None = None,
    install_method: str | None = None,
    install_str: str | None = None,
    dryrun: bool = False,
) -> Package:
    """A git repository as a package.

    Raises:
        UsageError: there is no address of a repository.
    """
    if install_method not in (None, "git", "local", "pip", "reqs") or not git_url:
        raise UsageError("A git package needs the address of a repository.", remedy="Give git_url=.")
    return Package(name, "git", "", install_str, dryrun, git_url=git_url, revision=revision or "")


def specs(reqs: Iterable[Any] | str | None) -> list[PackageSpec]:
    """What `reqs=` says, taken apart; saved packages looked up.

    Raises:
        UsageError: something in it is no package.
    """
    if reqs is None:
        return []
    if isinstance(reqs, str | Package | PackageSpec):
        reqs = [reqs]
    found: list[PackageSpec] = []
    for one in reqs:
        if isinstance(one, Package):
            found.append(one.spec())
        elif isinstance(one, PackageSpec):
            found.append(one)
        elif isinstance(one, str | os.PathLike):
            found += names().packages([os.fspath(one)])
        else:
            raise UsageError(
                f"{one!r} in the requirements is no package.", remedy='Write it as text, such as "numpy==1.26".'
            )
    return found
