"""Packages: what functions need, as objects."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from rhresources.documents import Document, PackageDocument, parse_document
from rhresources.errors import BadName, UsageError
from rhresources.library.resource import Resource, names
from rhresources.packages import PackageSpec, checked_checkout, parse_package

if TYPE_CHECKING:
    from rhresources.library.environments import Plan


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
        subdirectory: str = "",
    ) -> None:
        super().__init__(name, dryrun)
        values: dict[str, Any] = {"kind": "package", "install_method": install_method, "target": install_target}
        values["options"] = _words(install_args)
        if git_url:
            # the way to install is what happens with the checkout; Runhouse named the folder of it as the target
            checkout = "reqs" if install_method == "git" else install_method
            values |= {"install_method": "git", "target": "", "git_url": git_url, "checkout": checkout}
            values |= {"revision": revision, "subdirectory": subdirectory}
        document = parse_document(values)
        assert isinstance(document, PackageDocument)
        self._document = document

    @classmethod
    def from_document(cls, name: str | None, document: PackageDocument, dryrun: bool = False) -> Package:
        """The package that a document describes; of a repository, a `GitPackage`."""
        self = cls.__new__(GitPackage if document.install_method == "git" else Package)
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

    def _take(self, document: Document) -> bool:
        if isinstance(document, PackageDocument):
            self._document = document
        return isinstance(document, PackageDocument)

    @property
    def install_method(self) -> str:
        """local, reqs, pip or conda; of a repository, what happens with its checkout: local, reqs or pip."""
        document = self._document
        return document.checkout if document.install_method == "git" else document.install_method

    @property
    def install_target(self) -> str:
        """The requirement, the path, or the repository."""
        return self._document.git_url or self._document.target

    @property
    def install_args(self) -> str:
        """Options of the installer, as a shell would be given them."""
        return shlex.join(self.spec().options)

    def spec(self) -> PackageSpec:
        """The package taken apart."""
        return self._document.spec()

    def check(self, cluster: Any = None, python: str = "") -> Plan:
        """What installing it would bring, resolved on a cluster without installing anything.

        Args:
            cluster: a Cluster or its name; default: this computer.
            python: "3.12"; default: the cluster's own.

        Raises:
            InstallError: it cannot be found, or its requirements do not go together.
        """
        from rhresources.library.cluster import Cluster

        if isinstance(cluster, Cluster):
            return cluster.check_packages([self], python)
        name = str(cluster or "^local")
        return Cluster(name, names().cluster(name)).check_packages([self], python)

    def __str__(self) -> str:
        return str(self.spec())


class GitPackage(Package):
    """A git repository as a package.

    Args:
        name: how it is called.
        git_url: address of the repository.
        install_method: "reqs" (its requirements are installed and it can be imported), "local" (it can be imported)
            or "pip" (it is installed); default "reqs".
        install_args: options of the installer.
        revision: branch, tag or commit; default: the default branch.
        dryrun: only describe it.
        subdirectory: the folder of the repository that is meant.

    Raises:
        UsageError: these make no package.
    """

    def __init__(
        self,
        name: str | None = None,
        git_url: str | None = None,
        install_method: str | None = None,
        install_args: str | None = None,
        revision: str | None = None,
        dryrun: bool = False,
        *,
        subdirectory: str = "",
    ) -> None:
        if not git_url:
            raise UsageError("A git package needs the address of a repository.", remedy="Give git_url=.")
        checkout = checked_checkout("reqs" if install_method in (None, "git") else install_method)
        # one address may be written as a package line is: with its revision and folder
        given = parse_package(f"git:{shlex.quote(git_url)}")
        super().__init__(
            name,
            checkout,
            "",
            install_args,
            dryrun,
            git_url=given.git_url,
            revision=revision or given.revision,
            subdirectory=subdirectory or given.subdirectory,
        )

    @property
    def git_url(self) -> str:
        """Address of the repository."""
        return self._document.git_url

    @property
    def revision(self) -> str:
        """Branch, tag or commit; empty: the default branch."""
        return self._document.revision

    @property
    def subdirectory(self) -> str:
        """The folder of the repository that is meant; empty: all of it."""
        return self._document.subdirectory


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
        url: a folder on this computer or a git repository, for local, reqs and pip.
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
        try:
            entry = names().entry(name, "package")
        except BadName as error:
            raise UsageError(error.sentence, remedy=f"If that is what to install: install_str={name!r}.") from None
        saved = entry.require()
        assert isinstance(saved, PackageDocument)
        return Package.from_document(name, saved, dryrun).began_from(entry)
    where = shlex.quote(url) if url and " " in url else url
    text = " ".join(part for part in (where, install_str) if part)
    spec = parse_package(f"{install_method}:{text}" if install_method else text)
    return Package.from_document(name, PackageDocument.from_spec(spec), dryrun)


def git_package(
    name: str | None = None,
    git_url: str | None = None,
    revision: str | None = None,
    install_method: str | None = None,
    install_str: str | None = None,
    dryrun: bool = False,
    *,
    subdirectory: str = "",
) -> GitPackage:
    """A git repository as a package.

    Args:
        name: how it is called.
        git_url: address of the repository.
        revision: branch, tag or commit; default: the default branch.
        install_method: "reqs", "local" or "pip", as of `GitPackage`; default "reqs".
        install_str: options of the installer.
        dryrun: only describe it.
        subdirectory: the folder of the repository that is meant.

    Raises:
        UsageError: these make no package.
    """
    return GitPackage(name, git_url, install_method, install_str, revision, dryrun, subdirectory=subdirectory)


def _words(options: str | None) -> list[str]:
    try:
        return shlex.split(options or "")
    except ValueError as error:
        raise UsageError(f"The options {options!r} cannot be read: {str(error).lower()}.") from None


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
