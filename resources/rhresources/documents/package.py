"""What a saved package says about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from rhresources.documents.base import BaseDocument, field_problem
from rhresources.errors import UsageError
from rhresources.package_options import BadOption, checked_channel, checked_options
from rhresources.packages import (
    Checkout,
    PackageSpec,
    checked_git_url,
    checked_revision,
    checked_subdirectory,
    checked_target,
)

_OF_GIT = ("git_url", "revision", "subdirectory")


class PackageDocument(BaseDocument):
    """A package: what a function needs, under a name."""

    renamed: ClassVar[Mapping[str, str]] = {
        "install_target": "target",
        "install_args": "options",
        "install_str": "target",
        "url": "git_url",
        "method": "install_method",
        "branch": "revision",
        "tag": "revision",
        "commit": "revision",
        "channel": "channels",
        "folder": "subdirectory",
        "resource_type": "kind",
    }

    kind: Literal["package"] = "package"
    install_method: Literal["local", "reqs", "pip", "conda", "git"] = Field(
        title="Method", description="local, reqs, pip, conda or git."
    )
    target: str = Field(
        default="",
        title="Target",
        description="A requirement (numpy==1.26), a path (./) or a conda environment file; empty for git.",
        max_length=2000,
    )
    options: list[str] = Field(default_factory=list, title="Options", description="Of the installer: --no-deps.")
    channels: list[str] = Field(
        default_factory=list, title="Channels", description="Of conda, the first one first: conda-forge."
    )
    git_url: str = Field(default="", title="Repository", description="Address of the git repository.", max_length=2000)
    revision: str = Field(
        default="", title="Revision", description="Branch, tag or commit; empty: the default branch.", max_length=400
    )
    checkout: Checkout = Field(
        default="reqs",
        title="Use of the repository",
        description="reqs: its requirements are installed and it can be imported; local: it can be imported; "
        "pip: it is installed.",
    )
    subdirectory: str = Field(
        default="",
        title="Subdirectory",
        description="The folder of the repository that is meant; empty: all of it.",
        max_length=1000,
    )

    @model_validator(mode="after")
    def _fits_method(self) -> PackageDocument:
        if self.install_method == "git":
            if not self.git_url:
                raise field_problem(("git_url",), "a package of method git needs one")
            if self.target:
                raise field_problem(("target",), "a package of method git has none; say git_url and revision")
            _check("git_url", lambda: checked_git_url(self.git_url))
            _check("revision", lambda: checked_revision(self.revision))
            _check("subdirectory", lambda: checked_subdirectory(self.subdirectory))
        else:
            if not self.target:
                raise field_problem(("target",), f"a package of method {self.install_method} needs one")
            for name in _OF_GIT:
                if getattr(self, name):
                    meant = "" if self.install_method == "conda" else f"; say git, and checkout: {self.install_method}"
                    only = f"only a package of method git has one, not {self.install_method}"
                    raise field_problem((name,), only + (meant if self.git_url else ""))
            if self.checkout != "reqs":
                raise field_problem(("checkout",), "only a package of method git is checked out")
            _check("target", lambda: checked_target(self.install_method, self.target))
        for index, channel in enumerate(self.channels):
            if self.install_method != "conda":
                raise field_problem(
                    ("channels",), f"only a package of method conda has some, not {self.install_method}"
                )
            _check(("channels", index), partial(checked_channel, channel))
        try:
            checked_options(self._installed_by, self.options)
        except BadOption as error:
            raise field_problem(("options", error.index), str(error).rstrip(".")) from None
        return self

    @property
    def _installed_by(self) -> str:
        return self.checkout if self.install_method == "git" else self.install_method

    def spec(self) -> PackageSpec:
        """The package as the grammar of `rhresources.packages` has it."""
        git = self.install_method == "git"
        spec = PackageSpec(
            self.install_method,
            "" if git else checked_target(self.install_method, self.target),
            checked_options(self._installed_by, [*(f"--channel={name}" for name in self.channels), *self.options]),
            checked_git_url(self.git_url) if git else "",
            self.revision,
            checkout=self.checkout,
            subdirectory=checked_subdirectory(self.subdirectory),
        )
        return replace(spec, text=str(spec))

    @classmethod
    def from_spec(cls, spec: PackageSpec, description: str = "") -> PackageDocument:
        """The document of a parsed package line.

        Raises:
            UsageError: the line names a saved package; it has a document already.
        """
        if spec.method == "saved":
            raise UsageError(
                f"{spec.target} is a saved package already.", remedy="Save the package that it stands for instead."
            )
        channels = [option for option in spec.options if spec.method == "conda" and option.startswith("--channel=")]
        return cls(
            install_method=spec.method,
            target=spec.target,
            options=[option for option in spec.options if option not in channels],
            channels=[channel.partition("=")[2] for channel in channels],
            git_url=spec.git_url,
            revision=spec.revision,
            checkout=spec.checkout,
            subdirectory=spec.subdirectory,
            description=description,
        )


def _check(field: str | tuple[str | int, ...], check: Callable[[], object]) -> None:
    try:
        check()
    except UsageError as error:
        path = (field,) if isinstance(field, str) else field
        raise field_problem(path, str(error).rstrip(".")) from None
